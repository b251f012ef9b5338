"""What an LLM is shown: the agent's context, completed for one request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..chat import ChatContext, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from .steps import Call, Step
from .tool_calls import STILL_RUNNING

if TYPE_CHECKING:
    from ..agent import Agent
    from ..tools import Tool
    from .conversation import Conversation
    from .reply import Reply


def shown_context(conversation: Conversation, reply: Reply, step: Step) -> ChatContext:
    """The context for a step of a reply: with the hook's edits, an output for every call, and the
    reply's own instructions. Not to be changed: it may be the agent's."""
    context = step.agent._chat_ctx
    own = False
    if reply.turn_ctx is not None and reply.message is not None:
        since = context.index_by_id(reply.message.id)
        later: Iterable[ChatItem] = () if since is None else context.items[since + 1 :]
        context, own = reply.turn_ctx.copy(), True
        for item in later:
            if item not in context:
                context.append(item)
    pending = conversation.tool_calls.running
    if pending:
        if not own:
            context, own = context.copy(), True
        _show_pending(context, pending)
    if reply.instructions is not None:
        if not own:
            context, own = context.copy(), True
        context.append(
            ChatMessage(id=f"{step.id}_instructions", role="system", content=reply.instructions)
        )
    return context


def _show_pending(context: ChatContext, pending: dict[str, Call]) -> None:
    """Gives calls without a recorded output one for this request: what is known of it, if it is."""
    items = context.items
    for index in range(len(items) - 1, -1, -1):
        item = items[index]
        call = pending.get(item.id)
        if call is None or not isinstance(item, FunctionCall):
            continue
        outcome = call.outcome
        items.insert(
            index + 1,
            FunctionCallOutput(
                id=f"{item.id}_pending",
                call_id=item.call_id,
                name=item.name,
                output=STILL_RUNNING if outcome is None else outcome.output,
                is_error=outcome is not None and outcome.is_error,
            ),
        )


def all_tools(agent: Agent, shared: dict[str, Tool]) -> dict[str, Tool]:
    """The agent's tools, then the session's that it does not have itself."""
    if not shared:
        return agent._tools
    return {**shared, **agent._tools} if agent._tools else shared
