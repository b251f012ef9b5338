"""The side of pipecat-ai: the same fakes, behind its own interfaces. Needs its environment.

    PEER/bin/python -m tests.benchmarks.peers.pipecat ROW [--rounds 500]

One pipeline per call: input, STT, user context, LLM, TTS, output, assistant context; with metrics,
RTVI, turn tracking and tracing off. It has no agents that hand over, so those rows stay empty.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMMessagesAppendFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.services.llm_service import LLMService
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_turn_strategies import ExternalUserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from ..measuring import (
    CALLS,
    Measures,
    Watch,
    cpu_per_call_second,
    growth,
    import_figures,
    main,
    steady,
    ticking,
)
from ..process import resident_mb, watched_loop

FRAME = b"\x01\x00" * 320


class InstantLLM(LLMService):  # type: ignore[misc]
    """Answers one sentence."""

    async def process_frame(self, frame: Frame, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        await self.push_frame(LLMTextFrame("Of course, here it is."))
        await self.push_frame(LLMFullResponseEndFrame())


class InstantTTS(TTSService):  # type: ignore[misc]
    """So many frames of audio for each piece of text."""

    def __init__(self, frames: int = 1) -> None:
        super().__init__(sample_rate=16000, push_start_frame=True, push_stop_frames=True)
        self._audio = FRAME * frames

    async def run_tts(self, text: str, context_id: str) -> AsyncIterator[Frame]:
        yield TTSAudioRawFrame(self._audio, 16000, 1, context_id=context_id)


class InstantSTT(STTService):  # type: ignore[misc]
    """Ends the turn with every so many frames; 0: never."""

    def __init__(self, every: int = 0) -> None:
        super().__init__(sample_rate=16000, ttfs_p99_latency=0.0)
        self._every = every
        self._count = 0

    async def run_stt(self, audio: bytes) -> AsyncIterator[Frame | None]:
        self._count += 1
        if self._count == self._every:
            self._count = 0
            await self.broadcast_frame(ProposedUserStartedSpeakingFrame)
            await self.push_frame(TranscriptionFrame("hello", "caller", "", finalized=True))
            await self.broadcast_frame(ProposedUserStoppedSpeakingFrame)
        yield None


class Microphone(BaseInputTransport):  # type: ignore[misc]
    """What the test gives."""

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    def give(self) -> None:
        """The caller's next 20 ms, as a transport's own callback gives them."""
        self._audio_in_queue.put_nowait(InputAudioRawFrame(FRAME, 16000, 1))


class Speaker(BaseOutputTransport):  # type: ignore[misc]
    """Plays at once, or 20 ms with each tick; notes when the first frame and a clear came."""

    def __init__(self, params: TransportParams, *, paced: bool) -> None:
        super().__init__(params)
        self.first: float | None = None
        self.cleared: float | None = None
        self.played = 0
        self._room = asyncio.Semaphore(10) if paced else None

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        if self.first is None:
            self.first = time.perf_counter()
        self.played += 1
        if self._room is not None:
            await self._room.acquire()
        return True

    async def process_frame(self, frame: Frame, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InterruptionFrame) and self.cleared is None:
            self.cleared = time.perf_counter()

    def tick(self) -> None:
        """20 ms have passed."""
        if self._room is not None and self._room._value < 10:
            self._room.release()


class Call:
    """A pipeline with its fakes."""

    def __init__(self, *, paced: bool = False, every: int = 0, frames: int = 1) -> None:
        params = TransportParams(
            audio_in_enabled=True,
            audio_in_sample_rate=16000,
            audio_out_enabled=True,
            audio_out_sample_rate=16000,
            audio_out_10ms_chunks=2,
            audio_out_end_silence_secs=0,
            audio_out_auto_silence=False,
        )
        self.microphone = Microphone(params)
        self.speaker = Speaker(params, paced=paced)
        self.context = LLMContext([{"role": "system", "content": "x"}])
        pair = LLMContextAggregatorPair(
            self.context,
            user_params=LLMUserAggregatorParams(user_turn_strategies=ExternalUserTurnStrategies()),
        )
        self.stt = InstantSTT(every)
        steps = [
            self.microphone,
            self.stt,
            pair.user(),
            InstantLLM(),
            InstantTTS(frames),
            self.speaker,
            pair.assistant(),
        ]
        self.worker = PipelineWorker(
            Pipeline(steps),
            params=PipelineParams(
                audio_in_sample_rate=16000, audio_out_sample_rate=16000, enable_metrics=False
            ),
            enable_rtvi=False,
            enable_turn_tracking=False,
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
        )
        self._started = asyncio.Event()
        self.worker.add_event_handler("on_pipeline_started", self._on_started)

    async def _on_started(self, worker: Any, frame: Frame) -> None:
        self._started.set()

    async def start(self) -> None:
        """Runs the pipeline, and waits until it does."""
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self.worker)
        self._run = asyncio.create_task(runner.run())
        await self._started.wait()

    async def aclose(self) -> None:
        """Ends it."""
        await self.worker.cancel()
        await asyncio.wait({self._run}, timeout=5)

    async def say(self) -> None:
        """A user's typed words."""
        message = {"role": "user", "content": "hello"}
        await self.worker.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))

    def tick(self, now: float) -> None:
        """20 ms have passed."""
        self.speaker.tick()
        self.microphone.give()

    async def settled(self, items: int) -> None:
        """Waits until the context has so many messages."""
        while len(self.context.get_messages()) < items:
            await asyncio.sleep(0)


async def _text_turns(turns: int) -> tuple[list[float], list[float]]:
    call, latencies, stamps = Call(), [], []
    await call.start()
    steady()
    stamps.append(time.thread_time())
    for number in range(turns):
        call.speaker.first = None
        began = time.perf_counter()
        await call.say()
        while call.speaker.first is None:
            await asyncio.sleep(0)
        latencies.append(call.speaker.first - began)
        if not number:
            await asyncio.sleep(0.1)
        stamps.append(time.thread_time())
    await call.aclose()
    return latencies, [after - before for before, after in itertools.pairwise(stamps)]


async def text_to_audio(rounds: int) -> float:
    """A message is appended, to be answered → first audio is written."""
    return statistics.median((await _text_turns(max(10, rounds // 2)))[0]) * 1000


async def turn_rate(rounds: int) -> float:
    """Text → audio turns per second of CPU of the loop's thread, up to the first audio of each."""
    steps = (await _text_turns(max(rounds, 100)))[1][1:]
    return len(steps) / sum(steps)


async def turn_growth(rounds: int) -> float:
    """Turns from the 1000th on against turns from the 10th on."""
    old, new = calls = await _open(2)

    async def turn(call: Call) -> None:
        call.speaker.first = None
        await call.say()
        while call.speaker.first is None:
            await asyncio.sleep(0)

    found = await growth(lambda: turn(old), lambda: turn(new))
    await _close(calls)
    return found


async def speech_to_audio(rounds: int) -> float:
    """The frame with which the STT ends the turn → first audio is written."""
    call, times = Call(every=1), []
    await call.start()
    for _ in range(max(10, rounds // 10)):
        call.speaker.first = None
        began = time.perf_counter()
        call.microphone.give()
        while call.speaker.first is None:
            await asyncio.sleep(0)
        times.append(call.speaker.first - began)
        await asyncio.sleep(0.02)
    await call.aclose()
    return statistics.median(times) * 1000


async def barge_in(rounds: int) -> float:
    """A proposed start of the user's speech → the output has taken the interruption."""
    call, times = Call(paced=True, frames=500), []
    await call.start()
    for _ in range(max(10, rounds // 20)):
        call.speaker.first, call.speaker.cleared = None, None
        await call.worker.queue_frame(TTSSpeakFrame("a long sentence"))
        while call.speaker.first is None:
            await asyncio.sleep(0)
            call.speaker.tick()
        await asyncio.sleep(0.02)
        call.speaker.cleared = None
        began = time.perf_counter()
        await call.stt.broadcast_frame(ProposedUserStartedSpeakingFrame)
        while call.speaker.cleared is None:
            await asyncio.sleep(0)
        times.append(call.speaker.cleared - began)
        await call.stt.push_frame(TranscriptionFrame("stop", "caller", "", finalized=True))
        await call.stt.broadcast_frame(ProposedUserStoppedSpeakingFrame)
        for _ in range(20):
            await asyncio.sleep(0.002)
            call.speaker.tick()
    await call.aclose()
    return statistics.median(times) * 1000


async def _open(count: int, **options: Any) -> list[Call]:
    calls = [Call(**options) for _ in range(count)]
    for call in calls:
        await call.start()
    return calls


async def _close(calls: list[Call]) -> None:
    await asyncio.gather(*(call.aclose() for call in calls))


async def _open_calls(phases: Iterable[float]) -> float:
    calls = await _open(CALLS, paced=True, frames=1500)
    for call in calls:
        await call.worker.queue_frame(TTSSpeakFrame("a story without an end"))
    await asyncio.sleep(1.0)
    spent = await cpu_per_call_second([call.tick for call in calls], phases)
    assert all(call.speaker.played > 40 * Watch.seconds for call in calls), [
        c.speaker.played for c in calls
    ]
    await _close(calls)
    return spent


async def calls_lockstep(rounds: int) -> float:
    """20 calls, fed and played all at once."""
    return await _open_calls(())


async def calls_phased(rounds: int) -> float:
    """20 calls, each fed and played by a timer of its own."""
    chance = random.Random(1)
    return await _open_calls([chance.random() * 0.02 for _ in range(CALLS)])


async def worst_pause(rounds: int) -> float:
    """The longest callback of the loop: 20 calls that talk, a turn each second."""
    calls = await _open(CALLS, paced=True, every=50)
    ticks = [call.tick for call in calls]
    await ticking(ticks, (), Watch.seconds / 2)
    with watched_loop() as pauses:
        await ticking(ticks, (), Watch.seconds * 2.5)
    assert all(call.speaker.played >= 2 * Watch.seconds for call in calls), [
        c.speaker.played for c in calls
    ]
    await _close(calls)
    return pauses.worst


async def idle_memory(rounds: int) -> float:
    """Resident memory of a running pipeline in which nothing happens."""
    first = await _open(20)
    await asyncio.sleep(0.5)
    steady()
    before = resident_mb()
    calls = await _open(100)
    await asyncio.sleep(0.5)
    grown = (resident_mb() - before) / 100
    await _close(first + calls)
    return grown


_IMPORT = """
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
"""


def import_time(rounds: int) -> float:
    """Seconds of CPU to import what a minimal pipeline needs, services and transport left out."""
    return import_figures(_IMPORT, 3)[0]


def import_memory(rounds: int) -> float:
    """Resident MB of a process that has imported it."""
    return import_figures(_IMPORT, 1)[1]


MEASURES: Measures = {
    each.__name__: each
    for each in (
        import_time,
        import_memory,
        text_to_audio,
        speech_to_audio,
        barge_in,
        turn_rate,
        calls_lockstep,
        calls_phased,
        turn_growth,
        idle_memory,
        worst_pause,
    )
}

if __name__ == "__main__":
    logger.remove()
    if os.environ.get("BENCHMARK_LOG"):
        logger.add(sys.stderr, level=os.environ["BENCHMARK_LOG"])
    main(MEASURES, __doc__)
