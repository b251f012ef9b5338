"""Outcomes: what a tool's return value means for the conversation."""

from __future__ import annotations

from typing import Any

from ..agent import Agent, check_agent
from ..handoffs import Handoff
from ..tools.output import output_text
from .steps import Outcome


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
    return Outcome(output_text(value))


def _handing_off(handoff: Handoff) -> Outcome:
    if handoff.returns is None:
        return Outcome("", wants_reply=False, handoff=handoff)
    return Outcome(output_text(handoff.returns), handoff=handoff)
