"""A run: one user turn that a test gives, and all that follows from it."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from ..scopes import open_scope

if TYPE_CHECKING:
    from ..agent import Agent
    from ..chat import ChatItem
    from ..events import CloseEvent, ErrorEvent
    from ..task import AgentTask
    from .conversation import Conversation

TURNS_TO_SETTLE = 3
"""Loop turns, without any time passing, in which user code that waited for the end of a speech may
ask for another."""


class Stage(Enum):
    """How far a run has come."""

    WAITING = auto()
    """What was going on before, a greeting say, has not ended."""
    RUNNING = auto()
    ENDED = auto()


class RunWatch:
    """Gives the turn once nothing else is going on, and watches until the session waits for the
    user again, or has closed."""

    def __init__(self, conversation: Conversation, user_input: str) -> None:
        """Raises `ValueError` for a turn without words, `RuntimeError` where a run is in progress,
        or where it would wait for itself."""
        self._c = conversation
        self.user_input = user_input
        self.stage = Stage.WAITING
        self.errors: list[ErrorEvent] = []
        """What failed since the run was asked for."""
        self.tasks: list[AgentTask[Any]] = []
        """Tasks that were completed meanwhile."""
        self.closed: CloseEvent | None = None
        """The end of the session, where that ended the run."""
        self.cut = False
        """The session closed before everything had been said."""
        self.ended: asyncio.Future[None] = conversation.loop.create_future()
        self._before: frozenset[str] = frozenset()
        self._agents: dict[str, tuple[Agent | None, Agent]] = {}
        self._items: list[ChatItem] | None = None
        self._looking = False
        self._drained = False
        self._check()
        conversation.run = self
        conversation.tool_calls.stand_ins.look()
        conversation.listeners.add("error", self._failed)
        conversation.listeners.add("close", self._session_closed)
        if conversation.settled:
            conversation.post(self._begin)

    def _check(self) -> None:
        if not self.user_input.strip():
            raise ValueError(f"session.run({self.user_input!r}) gives the user no words; give some")
        other = self._c.run
        if other is not None:
            raise RuntimeError(
                f"a run is in progress: {other.user_input!r}; await it before the next: "
                "`await session.run(…)`"
            )
        scope = open_scope(self._c.runtime)
        if scope is not None and not scope.returned:
            raise RuntimeError(
                f"the {scope} asks for a run, which waits for it; call `session.run` outside of "
                "tools and hooks"
            )

    # What there is to see

    @property
    def items(self) -> list[ChatItem]:
        """What came into the history after the user's words, in its order."""
        if self._items is not None:
            return self._items
        if self.stage is Stage.WAITING:
            return []
        return [item for item in self._c.recorder.history if item.id not in self._before]

    def agents_of(self, item: ChatItem) -> tuple[Agent | None, Agent]:
        """The old and the new agent of a hand-off."""
        return self._agents[item.id]

    # What the engine tells

    def look(self) -> None:
        """Something has happened: perhaps it was the last."""
        if self._c.closing_begun:
            if not self._c.closing.drain:
                self.cut = True
            elif self._c.settled and self.stage is Stage.RUNNING and not self.cut:
                self._drained = True
        elif not self._looking and self._c.settled:
            self._looking = True
            self._c.loop.call_soon(self._look_again, TURNS_TO_SETTLE)

    def _look_again(self, turns: int) -> None:
        if self.stage is Stage.ENDED:
            return
        if self._c.closing_begun or not self._c.settled:
            self._looking = False
        elif turns:
            self._c.loop.call_soon(self._look_again, turns - 1)
        else:
            self._looking = False
            if self.stage is Stage.WAITING:
                self._c.post(self._begin)
            else:
                self._end()

    def _begin(self) -> None:
        if self._c.closing_begun:
            return
        self.stage = Stage.RUNNING
        self._c.recorder.on_handoff = self._handed_over
        self._c.user_turns.text(self.user_input)
        history = self._c.recorder.history
        # The turn is recorded at once: nothing that follows from it can have come before it.
        self._before = frozenset(item.id for item in history)

    def _handed_over(self, item: ChatItem, old: Agent | None, new: Agent) -> None:
        self._agents[item.id] = (old, new)

    def task_completed(self, task: AgentTask[Any]) -> None:
        """A task of the session has its result."""
        self.tasks.append(task)

    def _failed(self, event: ErrorEvent) -> None:
        self.errors.append(event)

    def _session_closed(self, event: CloseEvent) -> None:
        self.closed = event
        self.cut = not self._drained
        self._end()

    def _end(self) -> None:
        self._items = self.items
        self.stage = Stage.ENDED
        self._c.run = None
        self._c.recorder.on_handoff = None
        self._c.listeners.remove("error", self._failed)
        self._c.listeners.remove("close", self._session_closed)
        if not self.ended.done():
            self.ended.set_result(None)
