"""Outcomes: what a tool's return value means for the conversation."""

from __future__ import annotations

from typing import Any

from ..agent import Agent, check_agent
from ..chat import ChatMessage, ImageContent
from ..handoffs import Handoff
from ..tools.output import output_text
from .steps import Call, Outcome


def read_outcome(value: Any, name: str) -> Outcome:
    """What the value that the tool `name` returned means: see the table in docs/tools.md."""
    if value is None:
        return Outcome("", wants_reply=False)
    if isinstance(value, type) and issubclass(value, Agent):
        check_agent(value, f"the tool {name!r}")
    if isinstance(value, Agent):
        return Outcome("", wants_reply=False, handoff=Handoff(value))
    if isinstance(value, Handoff):
        return _handing_off(value)
    if isinstance(value, tuple | list):
        agents = [part for part in value if isinstance(part, Agent | Handoff)]
        if len(agents) > 1:
            named = " and ".join(
                repr((part.agent if isinstance(part, Handoff) else part).id) for part in agents
            )
            return Outcome(
                f"the tool returned two agents, {named}; it can hand over to one only",
                is_error=True,
            )
        if agents:
            rest = [part for part in value if part is not agents[0]]
            returns = rest[0] if len(rest) == 1 else rest or None
            first = agents[0]
            if isinstance(first, Handoff):
                return _handing_off(first)
            return _handing_off(Handoff(first, returns))
    return _with_images(value) or Outcome(output_text(value))


def _with_images(value: Any) -> Outcome | None:
    """For a picture, or a list that holds some: its texts, and the pictures apart from them."""
    parts = value if isinstance(value, list | tuple) else [value]
    images = tuple(part for part in parts if isinstance(part, ImageContent))
    if not images:
        return None
    texts = [output_text(part) for part in parts if not isinstance(part, ImageContent)]
    return Outcome("\n".join(texts), images=images)


def describe_images(outcome: Outcome, seen: bool) -> None:
    """Says in words what an output cannot hold; a model that sees no pictures gets none."""
    count = "a picture" if len(outcome.images) == 1 else f"{len(outcome.images)} pictures"
    note = f"[{count}: see the next message]" if seen else f"[{count}, which you cannot be shown]"
    outcome.output = f"{outcome.output}\n{note}" if outcome.output else note
    if not seen:
        outcome.images = ()


def picture_message(call: Call, images: tuple[ImageContent, ...], id: str) -> ChatMessage:
    """The message in which the model sees what a tool has shown."""
    name = call.item.name
    return ChatMessage(
        id=id,
        role="user",
        content=[f"[what the tool {name!r} shows]", *images],
        extra={"tool": name, "call_id": call.item.call_id},
    )


def _handing_off(handoff: Handoff) -> Outcome:
    if handoff.returns is None:
        return Outcome("", wants_reply=False, handoff=handoff)
    return Outcome(output_text(handoff.returns), handoff=handoff)
