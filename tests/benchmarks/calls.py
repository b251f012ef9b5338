"""What open calls of antiphon cost: CPU per second, memory, pauses of the loop."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import Any

from antiphon import Agent, AgentSession, AudioFrame, Flush
from antiphon.streams import Stream
from antiphon.stt import STT, EndOfTurn, Final, STTCapabilities, STTEvent
from antiphon.transport import Played, Sink, Transport, TransportCapabilities
from antiphon.tts import TTS, Audio, TTSCapabilities, TTSEvent
from antiphon.vad import VAD

from .instant import FRAME, InstantLLM, InstantTTS, SilentSTT
from .measuring import CALLS, Watch, cpu_per_call_second, steady, ticking
from .process import resident_mb, watched_loop

IDLE_SESSIONS = 200
"""Sessions whose memory is weighed."""
SECOND = FRAME * 50


class EndlessTTS(TTS):
    """Speaks for ever, a second at a time."""

    capabilities = TTSCapabilities(sample_rates=(16000,))

    async def synthesize(
        self, text: AsyncIterable[str | Flush], settings: Mapping[str, Any] | None = None
    ) -> Stream[TTSEvent]:
        while True:
            yield Audio(SECOND, 16000)


class TurnEachSecond(STT):
    """Ends a turn with every fiftieth frame."""

    capabilities = STTCapabilities(end_of_turn=True)

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[STTEvent]:
        count = 0
        async for frame in audio:
            count += isinstance(frame, AudioFrame)
            if count == 50:
                count = 0
                yield Final("and then, what happened after that?")
                yield EndOfTurn()


class Line(Transport):
    """A caller's line: a frame in and a frame out with every tick."""

    capabilities = TransportCapabilities(sample_rate=16000, position="exact", pause="native")

    def __init__(self) -> None:
        self.sink: Sink
        self.queue: deque[AudioFrame] = deque()
        self.played = 0
        self._segment = ""
        self._pushed = 0

    async def start(self, sink: Sink) -> None:
        self.sink = sink

    async def aclose(self) -> None:
        return

    def push(self, frame: AudioFrame, segment: str) -> None:
        if segment != self._segment:
            self._segment, self._pushed = segment, 0
        self._pushed += 1
        self.queue.append(frame)

    def buffered(self) -> float:
        return len(self.queue) * 0.02

    def clear(self) -> Played | None:
        played = max(self._pushed - len(self.queue), 0)
        self.queue.clear()
        return Played(self._segment, played * 320, True)

    def tick(self, now: float) -> None:
        """20 ms have passed."""
        if self.queue:
            self.queue.popleft()
            self.played += 1
        self.sink.audio(AudioFrame(FRAME, 16000, 1, now))


async def _open(count: int, **slots: Any) -> tuple[list[AgentSession[None]], list[Line]]:
    sessions: list[AgentSession[None]] = []
    lines = []
    for _ in range(count):
        sessions.append(AgentSession(**slots))
        lines.append(Line())
        await sessions[-1].start(agent=Agent(instructions="x"), transport=lines[-1])
    return sessions, lines


async def _close(sessions: list[AgentSession[None]]) -> None:
    # Together: a silent STT makes each of them wait for last words.
    await asyncio.gather(*(session.aclose() for session in sessions))


async def _open_calls(phases: Iterable[float], vad: VAD | None = None) -> float:
    sessions, lines = await _open(CALLS, tts=EndlessTTS(), stt=SilentSTT(), vad=vad)
    for session in sessions:
        session.say("a story without an end")
    spent = await cpu_per_call_second([line.tick for line in lines], phases)
    assert all(line.played > 40 * Watch.seconds for line in lines), [line.played for line in lines]
    for session in sessions:
        session.interrupt(force=True)
    await _close(sessions)
    return spent


async def calls_lockstep(rounds: int) -> float:
    """20 calls, fed and played all at once."""
    return await _open_calls(())


async def calls_phased(rounds: int) -> float:
    """20 calls, each fed and played by a timer of its own."""
    chance = random.Random(1)
    return await _open_calls([chance.random() * 0.02 for _ in range(CALLS)])


async def calls_silero(rounds: int) -> float:
    """20 calls in lockstep that share one Silero, which is imported and loaded before."""
    from antiphon.registry import Registry

    vad = Registry().build("silero", "vad")
    vad.load()
    return await _open_calls((), vad)


async def worst_pause(rounds: int) -> float:
    """The longest callback of the loop, in CPU time, collections included: 20 calls that talk, a
    turn each second, after two seconds of warming up."""
    sessions, lines = await _open(CALLS, tts=InstantTTS(), stt=TurnEachSecond(), llm=InstantLLM())
    ticks = [line.tick for line in lines]
    await ticking(ticks, (), Watch.seconds / 2)
    with watched_loop() as pauses:
        await ticking(ticks, (), Watch.seconds * 2.5)
    assert all(line.played >= 2 * Watch.seconds for line in lines), [line.played for line in lines]
    await _close(sessions)
    return pauses.worst


async def idle_memory(rounds: int) -> float:
    """Resident memory of a started session in which nothing happens."""
    slots = {"tts": InstantTTS(), "stt": SilentSTT(), "llm": InstantLLM()}
    first, _ = await _open(20, **slots)
    await asyncio.sleep(0.05)
    steady()
    before = resident_mb()
    more, lines = await _open(IDLE_SESSIONS, **slots)
    await asyncio.sleep(0.05)
    grown = (resident_mb() - before) / IDLE_SESSIONS
    assert len(lines) == IDLE_SESSIONS
    await _close(first + more)
    return grown
