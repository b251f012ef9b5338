"""The events of a run, and how they are shown in the message of a failed expectation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from ..agent import Agent
from ..chat import AgentHandoff, ChatMessage, FunctionCall, FunctionCallOutput

if TYPE_CHECKING:
    from ..events import ErrorEvent

LONGEST = 300
"""Letters of one event that a message shows."""

RunEventType: TypeAlias = Literal[
    "message", "function_call", "function_call_output", "agent_handoff"
]


@dataclass(frozen=True, slots=True)
class ChatMessageEvent:
    """Somebody has spoken; what the agent said is given as it was heard."""

    type: ClassVar[Literal["message"]] = "message"

    item: ChatMessage


@dataclass(frozen=True, slots=True)
class FunctionCallEvent:
    """The model has called a tool."""

    type: ClassVar[Literal["function_call"]] = "function_call"

    item: FunctionCall


@dataclass(frozen=True, slots=True)
class FunctionCallOutputEvent:
    """A call has given its output."""

    type: ClassVar[Literal["function_call_output"]] = "function_call_output"

    item: FunctionCallOutput


@dataclass(frozen=True, slots=True)
class AgentHandoffEvent:
    """Another agent has become active."""

    type: ClassVar[Literal["agent_handoff"]] = "agent_handoff"

    item: AgentHandoff
    old_agent: Agent | None
    new_agent: Agent


RunEvent: TypeAlias = (
    ChatMessageEvent | FunctionCallEvent | FunctionCallOutputEvent | AgentHandoffEvent
)


def show_event(event: RunEvent) -> str:
    """The event in one line, its type left out."""
    return _shortened(_show(event))


def _show(event: RunEvent) -> str:
    if isinstance(event, ChatMessageEvent):
        message = event.item
        who = message.role if message.agent_id is None else f"{message.role} ({message.agent_id})"
        return f"{who}: {message.text_content}" + (" (interrupted)" * message.interrupted)
    if isinstance(event, FunctionCallEvent):
        return f"{event.item.name}({show_arguments(event.item.arguments)})"
    if isinstance(event, FunctionCallOutputEvent):
        error = "error " if event.item.is_error else ""
        return f"{event.item.name} -> {error}{event.item.output!r}"
    return f"{event.item.old_agent_id} -> {event.item.new_agent_id}"


def show_arguments(arguments: str) -> str:
    """`a=1, b="x"`; what is no JSON object as it was written."""
    values = read_arguments(arguments)
    if values is None:
        return arguments
    return ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items()
    )


def read_arguments(arguments: str) -> dict[str, object] | None:
    """The arguments of a call, or None where they are no JSON object."""
    try:
        values = json.loads(arguments or "{}")
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def show_events(
    user_input: str,
    events: Sequence[RunEvent],
    errors: Sequence[ErrorEvent] = (),
    *,
    marked: Mapping[int, str] | Sequence[int] = (),
) -> str:
    """The whole run, a line for each event; `>>` stands before the marked ones.

    With a mapping each marked event is followed by a line that says why. The number of events marks
    the end.
    """
    notes = marked if isinstance(marked, Mapping) else dict.fromkeys(marked, "")
    lines = [f"        user: {_shortened(user_input)}"]
    width = max((len(event.type) for event in events), default=0)
    for index, event in enumerate(events):
        marker = ">>" if index in notes else "  "
        lines.append(f"{marker} {index:>3}  {event.type:<{width}}  {show_event(event)}")
        if note := notes.get(index):
            lines.append(f"        {'':<{width}}  ^ {note}")
    if len(events) in notes:
        lines.append(">>      (no more events)")
    elif not events:
        lines.append("        (no events)")
    for error in errors:
        lines.append(f"        {show_error(error)}")
    return "\n".join(lines)


def show_error(event: ErrorEvent) -> str:
    """`error of the tool 'book': KeyError: 'room'`."""
    what = f"{event.source} {event.detail!r}" if event.detail else event.source
    error = event.error
    return _shortened(f"error of {what}: {type(error).__name__}: {error}")


def _shortened(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
