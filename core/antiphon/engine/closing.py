"""Closing: one path to the end, whatever brought it about."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..events import CloseEvent
from ..scopes import Scope

if TYPE_CHECKING:
    from .conversation import Conversation

DRAIN = 30.0
TOOLS = 5.0
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
        self.caller_gone = False
        """Nobody is there to hear anything more."""
        self.closed: asyncio.Future[None] = conversation.loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._heard: asyncio.Future[None] | None = None
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
        self.exit_scope = self._c.switching.level.exit_scope
        self._c.task_frames.close()
        self._task = self._c.loop.create_task(self._run(), name="close")

    def caller_left(self, reason: str) -> None:
        """The caller has gone: what is asked for from now on would be heard by nobody."""
        self.caller_gone = True
        self.begin(reason)
        self._c.interrupting.everything()

    def advance(self) -> None:
        """Wakes the drain when nothing is left to be played, or to be heard."""
        if self._heard is not None and not self._heard.done() and not self._c.turns.in_progress:
            self._heard.set_result(None)
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
        await c.speaking.settled()
        tools = c.tool_calls.abandon("the session closed before the tool ended")
        running: set[asyncio.Task[Any]] = set()
        if tools:
            _, running = await asyncio.wait(tools, timeout=TOOLS)
        for tool in tools:
            if tool in running:
                c.log.warning("%s did not stop within %g s", tool.get_name(), TOOLS)
        for name in await c.tasks.aclose(STREAMS, leave=running):
            c.log.warning("%s did not stop within %g s", name, STREAMS)
        await c.tool_sets.aclose()
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
        if not self.drain:
            c.post(c.interrupting.everything)
        await self._hear_out()
        await self._leave(c.agent)
        while c.task_frames.pop_at_close():
            await self._leave(c.agent)
        c.post(self._trailing)

    async def _leave(self, agent: Agent) -> None:
        """Lets an agent say goodbye: `on_exit` runs, and what it says is played."""
        c = self._c
        hook = self._exit(agent)
        if hook is None:
            return
        done, _ = await asyncio.wait({hook}, timeout=ON_EXIT)
        if not done:
            c.log.warning("on_exit of %r took more than %g s", agent.id, ON_EXIT)
            hook.cancel()
        if self.exit_scope is not None:
            self.exit_scope.is_open = False
        self.drain = True
        await self._until_idle(DRAIN, "what on_exit says")
        await self._hear_out()

    def _exit(self, agent: Agent) -> asyncio.Task[None] | None:
        """Runs `on_exit`, unless a switch that was under way has begun to."""
        level = self._c.switching.level
        if level.exit_task is not None or level.exited:
            self.exit_scope = level.exit_scope
            return level.exit_task
        if type(agent).on_exit is Agent.on_exit and "on_exit" not in vars(agent):
            return None
        self.exit_scope = scope = Scope("on_exit", agent)
        return self._c.tasks.start(self._c.run_hook(agent.on_exit, scope), f"on_exit of {agent.id}")

    async def _hear_out(self) -> None:
        """Has the STT finalise what the user has said: it becomes a turn, recorded and no more."""
        c = self._c
        said = c.turns.in_progress or c.turns.unheard
        if not said and (c.hearing.has_vad or not c.hearing.has_stt):
            return
        self._heard = c.loop.create_future()
        c.post(c.turns.commit_now)
        try:
            async with asyncio.timeout(TRAILING):
                await self._heard
        except TimeoutError:
            c.log.warning("the last words of the user were not recognised within %g s", TRAILING)
        finally:
            self._heard = None

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
        c.hearing.close()
        c.turns.close()
