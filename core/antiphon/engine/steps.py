"""Steps: one LLM call of a reply, its words and its tool calls."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..chat import FunctionCall, ImageContent
from ..handoffs import Handoff
from ..scopes import Scope
from ..tools import FunctionTool, Tool

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from ..timeline import ModelCall, Timeline
    from .segment import Segment


@dataclass(slots=True)
class Outcome:
    """What one call gave."""

    output: str
    is_error: bool = False
    wants_reply: bool = True
    handoff: Handoff | None = None
    images: tuple[ImageContent, ...] = ()
    """Pictures that it returned: an output holds text only, so they follow as a message."""


class Call:
    """One call of a step."""

    __slots__ = (
        "cancel_on_interruption",
        "item",
        "outcome",
        "scope",
        "shown_to",
        "step",
        "task",
        "tool",
    )

    def __init__(self, step: Step, item: FunctionCall) -> None:
        self.step = step
        self.item = item
        self.outcome: Outcome | None = None
        self.scope: Scope | None = None
        self.task: asyncio.Task[Any] | None = None
        self.tool: FunctionTool[Any, Any] | None = None
        """What it runs, once that has begun."""
        self.cancel_on_interruption = False
        self.shown_to: list[Agent] = []
        """Agents that were handed a context with this call in it while it ran."""


class Step:
    """One LLM call of a reply: its segment of words and its tool calls."""

    __slots__ = (
        "agent",
        "calls",
        "concluded",
        "detached",
        "handle",
        "id",
        "llm_done",
        "model_call",
        "segment",
        "timeline",
        "tools",
        "tools_off",
        "waiter",
    )

    def __init__(
        self,
        id: str,
        *,
        handle: SpeechHandle,
        agent: Agent,
        segment: Segment,
        tools: dict[str, Tool],
        tools_off: bool,
        timeline: Timeline | None,
    ) -> None:
        self.id = id
        self.handle = handle
        self.agent = agent
        self.segment = segment
        self.tools = tools
        self.tools_off = tools_off
        self.timeline = timeline
        self.calls: list[Call] = []
        self.llm_done = False
        self.model_call: ModelCall | None = None
        """The record of it, once the LLM is asked."""
        self.detached = False
        """An interruption has let the reply go on without it."""
        self.concluded = False
        self.waiter: asyncio.Future[None] | None = None

    @property
    def complete(self) -> bool:
        """Every call that will come has its outcome."""
        return self.llm_done and all(call.outcome is not None for call in self.calls)


@dataclass(slots=True)
class Verdict:
    """What follows from a step's results."""

    wants_reply: bool
    handoff: Handoff | None
    silence: str = ""
    """Why nothing is said, where neither a reply nor a hand-off follows."""
