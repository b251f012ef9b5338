"""The caller of the demo, typing: where there is nothing that could recognise what it says."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from dataclasses import replace
from os import PathLike
from typing import Any

from antiphon.audio import AudioFrame
from antiphon.events import AgentState, AgentStateChanged
from antiphon.transport import Played, Sink, Transport
from antiphon.transports import WavTransport

from .caller import Line

_PATIENCE = 30.0
"""Seconds without anything happening after which the caller hangs up."""


class TypedCaller(Transport):
    """Types lines at the moments that they wait for, while the agent speaks into a WAV file.

    As with `WavTransport`, a line that waits for silence is typed when the agent has spoken since
    the line before it.
    """

    def __init__(
        self, lines: Iterable[Line], output: str | PathLike[str] | None, *, sample_rate: int
    ) -> None:
        # It has no input that could end: this class says when the caller hangs up.
        self._wav = WavTransport(
            output=output, sample_rate=sample_rate, tail=math.inf, max_tail=math.inf
        )
        self.capabilities = replace(self._wav.capabilities, audio_in=False)
        self._lines = list(lines)
        self._sink: Sink | None = None
        self._agent: AgentState = "initializing"
        self._has_spoken = False
        self._typing: asyncio.TimerHandle | None = None
        self._giving_up: asyncio.TimerHandle | None = None

    async def start(self, sink: Sink) -> None:
        self._sink = sink
        self._wav.on_played = self.on_played
        await self._wav.start(_Deaf(sink))
        self._look()

    async def aclose(self) -> None:
        self._sink = None
        self._stop_waiting()
        await self._wav.aclose()

    def push(self, frame: AudioFrame, segment: str) -> None:
        self._wav.push(frame, segment)

    def buffered(self) -> float:
        return self._wav.buffered()

    def pause(self) -> None:
        self._wav.pause()

    def resume(self) -> None:
        self._wav.resume()

    def clear(self) -> Played | None:
        return self._wav.clear()

    def played(self) -> Played | None:
        return self._wav.played()

    def notify(self, event: Any) -> None:
        if isinstance(event, AgentStateChanged):
            self._agent = event.new_state
            self._has_spoken = self._has_spoken or event.new_state == "speaking"
            self._look()

    def _look(self) -> None:
        """Waits for the moment of the next line, or for the end, from now on."""
        self._stop_waiting()
        if self._sink is None:
            return
        loop = asyncio.get_running_loop()
        self._giving_up = loop.call_later(_PATIENCE, self._hang_up_now)
        if not self._lines:
            return
        line = self._lines[0]
        speaking = self._agent == "speaking"
        silent = self._agent == "listening" and self._has_spoken
        if line.after == "start" or (speaking if line.after == "agent_speaking" else silent):
            self._typing = loop.call_later(line.delay, self._type)

    def _type(self) -> None:
        line = self._lines.pop(0)
        self._has_spoken = False
        if self._sink is not None:
            self._sink.text(line.text)
        self._look()

    def _hang_up_now(self) -> None:
        if self._sink is not None:
            self._sink.closed("gave_up" if self._lines else "input_ended")

    def _stop_waiting(self) -> None:
        for timer in (self._typing, self._giving_up):
            if timer is not None:
                timer.cancel()
        self._typing = self._giving_up = None


class _Deaf:
    """A sink without ears: the silence that a WAV call brings is not for the session."""

    def __init__(self, sink: Sink) -> None:
        self.text = sink.text
        self.dtmf = sink.dtmf
        self.closed = sink.closed

    def audio(self, frame: AudioFrame) -> None:
        pass
