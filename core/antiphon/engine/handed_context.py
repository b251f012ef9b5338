"""What an agent is shown when the conversation is passed to it, or comes back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..chat import AgentHandoff, ChatItem, ChatMessage, FunctionCall
from ..handoffs import select_context

if TYPE_CHECKING:
    from ..agent import Agent
    from .frame import Frame
    from .switch import Switch


def complete_context(switch: Switch, old: Agent, new: Agent) -> None:
    """Completes the new agent's context at the switch: as the hand-off chose, or, if it holds a
    call
    of the step that handed off, with everything recorded since that call."""
    context = new._chat_ctx
    if switch.choice is not None:
        chosen = select_context(switch.choice, old._chat_ctx)
        context.items = list(chosen.items)
        new._place_instructions()
        return
    step = switch.step
    if step is None or new is old:
        return
    ids = {call.item.id for call in step.calls}
    if not any(isinstance(item, FunctionCall) and item.id in ids for item in context):
        return
    early = step.segment.early
    if early is not None and early not in old._chat_ctx and early in context:
        context.remove(early.id)
    later: list[ChatItem] = []
    begun = False
    for item in old._chat_ctx:
        if begun and item not in context:
            later.append(item)
        if isinstance(item, FunctionCall) and item.id in ids:
            begun = True
    for item in later:
        if not (isinstance(item, ChatMessage) and item.role == "system"):
            context.append(item)


def merge_back(frame: Frame) -> None:
    """Puts what was said in a task into the context of the agent that awaited it, by time."""
    task = frame.task
    frame.parent._chat_ctx.merge(
        [item for item in task._chat_ctx if not isinstance(item, AgentHandoff)],
        exclude_function_call=not task.preserve_function_call_history,
        exclude_instructions=True,
    )
