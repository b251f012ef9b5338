"""What an LLM is shown: the agent's context, completed for one request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..agent import INSTRUCTIONS_ID
from ..chat import ChatContext, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from ..instructions import Instructions
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
        _complete_calls(context, step.agent._chat_ctx)
    pending = conversation.tool_calls.running
    if pending:
        if not own:
            context, own = context.copy(), True
        _show_pending(context, pending)
    standing = step.agent._instructions
    if isinstance(standing, Instructions) and _is_written(conversation, reply):
        if not own:
            context, own = context.copy(), True
        if INSTRUCTIONS_ID in context:
            message = ChatMessage(id=INSTRUCTIONS_ID, role="system", content=standing.for_text())
            context.replace(INSTRUCTIONS_ID, message)
    told = reply.instructions
    if told is not None:
        if not own:
            context, own = context.copy(), True
        if isinstance(told, Instructions) and _is_written(conversation, reply):
            told = told.for_text()
        context.append(ChatMessage(id=f"{step.id}_instructions", role="system", content=told))
    return context


def _complete_calls(context: ChatContext, source: ChatContext) -> None:
    """Gives calls the outputs that have come since the hook was shown the context."""
    given = {item.call_id for item in context if isinstance(item, FunctionCallOutput)}
    items = context.items
    for index in range(len(items) - 1, -1, -1):
        call = items[index]
        if not isinstance(call, FunctionCall) or call.call_id in given:
            continue
        for item in source:
            if isinstance(item, FunctionCallOutput) and item.call_id == call.call_id:
                items.insert(index + 1, item)


def _is_written(conversation: Conversation, reply: Reply) -> bool:
    """Whether the reply is to a typed turn; one to nobody is, where the agent has no voice."""
    timeline = reply.timeline
    if timeline is not None:
        return timeline.last_voiced is None
    return conversation.slots.get(reply.agent or conversation.agent, "tts") is None


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
