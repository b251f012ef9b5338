"""Levels: what belongs to the agent that is active, and to each one that a task has paused."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..chat import ChatMessage
from ..scopes import Scope

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from ..timeline import Timeline
    from .frame import Frame
    from .switch import Switch


class Phase(Enum):
    """Where the present switch stands."""

    IDLE = auto()
    WAITING = auto()
    """The old agent's reply is still on its way."""
    EXITING = auto()
    """`on_exit` runs, and what the new agent needs is loaded."""
    DRAINING = auto()
    """What the old agent has queued is being played."""


class Level:
    """One place in the stack of agents. The lowest is the session's own; each task that is awaited
    adds one. Only the agent of the highest is active, those below are paused."""

    __slots__ = (
        "agent",
        "enter_scope",
        "enter_task",
        "entering",
        "exit_done",
        "exit_scope",
        "exit_task",
        "frame",
        "grace",
        "held",
        "held_turns",
        "phase",
        "pushes",
        "queue",
        "resumed",
    )

    def __init__(self, agent: Agent, frame: Frame | None = None) -> None:
        self.agent = agent
        self.frame = frame
        """The task that this level is for, or None."""
        self.phase = Phase.IDLE
        self.queue: deque[Switch] = deque()
        self.pushes: deque[Frame] = deque()
        """Tasks that this level's agent awaits, and that have not begun."""
        self.enter_scope: Scope | None = None
        self.enter_task: asyncio.Task[None] | None = None
        self.entering = False
        """`on_enter` has not come to its first wait yet: what it says up to there is not known."""
        self.exit_scope: Scope | None = None
        self.exit_task: asyncio.Task[None] | None = None
        """Runs `on_exit` of the active agent, for a switch."""
        self.exit_done = False
        self.held: list[tuple[SpeechHandle, Callable[[Agent], None]]] = []
        """Speech asked for from outside: it belongs to the agent that will be active."""
        self.held_turns: list[tuple[ChatMessage, Timeline]] = []
        """User turns of the window, recorded and not yet answered."""
        self.grace: asyncio.TimerHandle | None = None
        self.resumed: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        """What waits until the agent of this level is active again."""

    @property
    def window_open(self) -> bool:
        """Whether somebody else is about to become active."""
        return bool(self.queue) or bool(self.pushes)

    @property
    def exited(self) -> bool:
        """`on_exit` of the agent has run already for a switch, or there is none."""
        return self.phase is Phase.DRAINING or (self.phase is Phase.EXITING and self.exit_done)

    def leave_scopes(self) -> None:
        """The agent is left: what its hooks still say is not voiced."""
        for scope in (self.exit_scope, self.enter_scope):
            if scope is not None:
                scope.is_open = False
                scope.left = True
        if self.enter_task is not None and not self.enter_task.done():
            self.enter_task.cancel()
        self.exit_scope = self.enter_scope = self.enter_task = None

    def cancel_grace(self) -> None:
        """Stops the timer for turns that wait for an answer."""
        if self.grace is not None:
            self.grace.cancel()
            self.grace = None
