"""One reply on its way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..chat import ChatContext, ChatMessage
from ..llm import ToolChoice
from ..scopes import Scope
from ..speech import SpeechHandle
from .segment import Segment
from .steps import Step

if TYPE_CHECKING:
    from ..timeline import Timeline
    from .speculating import Speculation


@dataclass(eq=False, slots=True, kw_only=True)
class Reply:
    """One reply on its way."""

    handle: SpeechHandle
    agent: Agent | None
    """None while it waits for the agent that a hand-off makes active."""
    message: ChatMessage | None = None
    """The user turn that it answers, for the hook."""
    instructions: str | None = None
    tool_choice: ToolChoice = "auto"
    tools: list[Any] | None = None
    """None: those of the agent and the session."""
    overrides: dict[str, Any] = field(default_factory=dict)
    timeline: Timeline | None = None
    hook_scope: Scope | None = None
    """Of the user's hook, while that runs."""
    turn_ctx: ChatContext | None = None
    """The context as the user's hook has edited it."""
    task: asyncio.Task[None] | None = None
    step: Step | None = None
    segment: Segment | None = None
    """The first one, until the LLM is asked."""
    unless_asked_since: int | None = None
    """For a late result: drop the reply when the LLM has been asked since."""
    gives_way: bool = False
    """Its agent is about to be left: it ends with the outputs of its tools."""
    entering: bool = False
    """It was asked for in `on_enter`."""
    speculation: Speculation | None = None
    """A run of the LLM that was begun before the turn had ended, until the LLM is asked."""
