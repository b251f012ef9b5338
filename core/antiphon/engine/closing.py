"""Closing: one path to the end, whatever brought it about."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING

from ..agent import Agent
from ..events import CloseEvent
from ..scopes import Scope

if TYPE_CHECKING:
    from .conversation import Conversation

DRAIN = 30.0
ON_EXIT = 5.0
TRAILING = 2.0
STREAMS = 1.0
"""Bounds of the stages, in seconds; each overrun is named in the log."""


class Stage(Enum):
    """How far a session has come."""

    OPEN = auto()
    DRAINING = auto()
    """What is queued is played, `on_exit` runs."""
    CLOSING = auto()
    CLOSED = auto()


class Closing:
    """Moves a session from open to closed."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.stage = Stage.OPEN
        self.reason = ""
        self.error: BaseException | None = None
        self.drain = True
        self.closed: asyncio.Future[None] = conversation.loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self.exit_scope: Scope | None = None

    @property
    def begun(self) -> bool:
        """Whether the end has been decided."""
        return self.stage is not Stage.OPEN

    def begin(
        self, reason: str, *, error: BaseException | None = None, drain: bool = False
    ) -> None:
        """Decides the end; a second call changes nothing, but may stop the draining."""
        if self.begun:
            if not drain and self.drain:
                self.drain = False
                self.advance()
            return
        self.stage = Stage.DRAINING
        self.reason = reason
        self.error = error
        self.drain = drain
        self._task = self._c.loop.create_task(self._run(), name="close")

    def advance(self) -> None:
        """Wakes the drain when nothing is left to be played."""
        if self._idle is None or self._idle.done():
            return
        if not self.drain or (self._c.speaking.idle and self._c.replying.idle):
            self._idle.set_result(None)

    async def _run(self) -> None:
        c = self._c
        try:
            await self._drain()
        except Exception as error:
            c.log.error("draining failed", exc_info=error)
        self.stage = Stage.CLOSING
        c.post(self._cut)
        stragglers = await c.tasks.aclose(STREAMS)
        for name in stragglers:
            c.log.warning("%s did not stop within %g s", name, STREAMS)
        if c.transport is not None:
            try:
                async with asyncio.timeout(STREAMS * 5):
                    await c.transport.aclose()
            except Exception as error:
                c.log.error("the transport failed to close", exc_info=error)
        self.stage = Stage.CLOSED
        c.agent._runtime = None
        c.notify(CloseEvent(reason=self.reason, error=self.error, at=c.now()))
        c.stop_clocks()
        if not self.closed.done():
            self.closed.set_result(None)

    async def _drain(self) -> None:
        c = self._c
        if self.drain:
            await self._until_idle(DRAIN, "what was queued to be said")
        else:
            c.post(c.interrupting.everything)
        agent = c.agent
        if type(agent).on_exit is not Agent.on_exit or "on_exit" in vars(agent):
            self.exit_scope = scope = Scope("on_exit", agent)
            hook = c.tasks.start(c.run_hook(agent.on_exit, scope), f"on_exit of {agent.id}")
            done, _ = await asyncio.wait({hook}, timeout=ON_EXIT)
            if not done:
                c.log.warning("on_exit of %r took more than %g s", agent.id, ON_EXIT)
                hook.cancel()
            scope.is_open = False
            self.drain = self.drain or self.reason != "error"
            await self._until_idle(DRAIN, "what on_exit says")
        c.post(self._trailing)

    async def _until_idle(self, bound: float, what: str) -> None:
        self._idle = self._c.loop.create_future()
        self._c.post(self.advance)
        try:
            async with asyncio.timeout(bound):
                await self._idle
        except TimeoutError:
            self._c.log.warning("%s was not played within %g s", what, bound)
        finally:
            self._idle = None

    def _trailing(self) -> None:
        text = self._c.turns.take_trailing()
        if text:
            self._c.recorder.user_message(text, self._c.agent._chat_ctx)

    def _cut(self) -> None:
        c = self._c
        c.interrupting.everything()
        c.switching.abandon()
        c.tool_calls.abandon("the session closed before the tool ended")
        c.hearing.close()
        c.turns.close()
