"""Typed lines: from a terminal, or from a pipe, where each waits until the agent has answered the
one before."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, cast

from ..errors import SessionClosed
from ..transport import Sink
from ..transports.console import ConsoleTransport

if TYPE_CHECKING:
    from ..session import AgentSession
    from .transcript import Transcript

LEAVE = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
"""The keys that end what is typed."""
_FAREWELLS = ("exit", "quit", "bye")
"""What people type to leave. It is for the agent all the same: it may have a tool for that."""
_SETTLED = 0.05
"""Seconds of rest after which an agent is taken to have nothing more to say for now: what
`on_enter` says is asked for a moment after the agent has become active."""


class TerminalTransport(ConsoleTransport):
    """A console at which a person types.

    `echoed`: what is typed stands on the terminal that shows the transcript too, so the transcript
    need not repeat it.
    """

    def __init__(self, transcript: Transcript, *, echoed: bool, fd: int | None = None) -> None:
        super().__init__(fd=fd)
        self._transcript = transcript
        self._echoed = echoed

    def _took(self, lines: list[str], ended: str | None) -> None:
        for line in filter(None, map(str.strip, lines)):
            if self._echoed:
                self._transcript.has_shown(line)
            if line.lower().rstrip(".!") in _FAREWELLS:
                self._transcript.note(f"({LEAVE} ends the call)")
        super()._took(lines, ended)


class PipedTransport(ConsoleTransport):
    """A console whose lines are held back while the agent is busy, and its end too.

    A person who types while the agent speaks interrupts it; a file or a pipe, which gives all its
    lines at once, must not. Needs the session: set it before it is started.
    """

    session: AgentSession[Any] | None = None

    def __init__(self, *, fd: int | None = None) -> None:
        super().__init__(fd=fd)
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._giver: asyncio.Task[None] | None = None

    async def start(self, sink: Sink) -> None:
        self._giver = asyncio.create_task(self._give(sink), name="typed lines")
        await super().start(cast(Sink, _Held(self._waiting)))

    async def aclose(self) -> None:
        giver, self._giver = self._giver, None
        await super().aclose()
        if giver is not None and giver is not asyncio.current_task():
            giver.cancel()
            await asyncio.wait({giver})

    async def _give(self, sink: Sink) -> None:
        while True:
            kind, text = await self._waiting.get()
            await self._agent_rests()
            if kind == "closed":
                sink.closed(text)
                return
            sink.text(text)

    async def _agent_rests(self) -> None:
        session = self.session
        if session is None:
            return
        began = None
        while began is None or session.history.version != began:
            try:
                await session.wait_for_idle()
            except SessionClosed:
                return
            began = session.history.version
            await asyncio.sleep(_SETTLED)
            await session.wait_for_idle()


class _Held:
    """A sink that keeps what comes."""

    def __init__(self, waiting: asyncio.Queue[tuple[str, str]]) -> None:
        self._waiting = waiting

    def text(self, text: str) -> None:
        self._waiting.put_nowait(("text", text))

    def closed(self, reason: str) -> None:
        self._waiting.put_nowait(("closed", reason))
