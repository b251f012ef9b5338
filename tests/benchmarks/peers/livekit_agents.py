"""The side of livekit-agents: the same fakes, behind its own interfaces. Needs its environment.

    PEER/bin/python -m tests.benchmarks.peers.livekit_agents ROW [--rounds 500]

No room, no job, no recording; VAD and turn detection only where a row is about them.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import statistics
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, function_tool, llm, stt, tts, vad
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice import io

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
HANDLING: Any = {
    "turn_detection": "stt",
    "endpointing": {"min_delay": 0.0, "max_delay": 0.0},
    "interruption": {"mode": "vad", "min_duration": 0.0, "resume_false_interruption": False},
    "preemptive_generation": {"enabled": False},
}


class InstantLLM(llm.LLM):
    """Answers one sentence; calls `transfer` when the last words ask for it."""

    def chat(self, *, chat_ctx: Any, tools: Any = None, **options: Any) -> Any:
        return _Answer(
            self, chat_ctx=chat_ctx, tools=tools or [], conn_options=DEFAULT_API_CONNECT_OPTIONS
        )


class _Answer(llm.LLMStream):
    async def _run(self) -> None:
        last = self._chat_ctx.items[-1]
        if self._tools and getattr(last, "text_content", None) == "transfer":
            call = llm.FunctionToolCall(name="transfer", arguments="{}", call_id="call")
            delta = llm.ChoiceDelta(role="assistant", tool_calls=[call])
        else:
            delta = llm.ChoiceDelta(role="assistant", content="Of course, here it is.")
        self._event_ch.send_nowait(llm.ChatChunk(id="x", delta=delta))


class InstantTTS(tts.TTS):
    """20 ms of audio for each piece of text, or so many frames."""

    def __init__(self, frames: int = 1, *, endless: bool = False) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True), sample_rate=16000, num_channels=1
        )
        self.audio = FRAME * frames
        self.endless = endless

    def synthesize(self, text: str, **options: Any) -> Any:
        return self._synthesize_with_stream(text)

    def stream(self, **options: Any) -> Any:
        return _Voice(tts=self, conn_options=DEFAULT_API_CONNECT_OPTIONS)


class _Voice(tts.SynthesizeStream):
    async def _run(self, output_emitter: Any) -> None:
        output_emitter.initialize(
            request_id="x",
            sample_rate=16000,
            num_channels=1,
            mime_type="audio/pcm",
            frame_size_ms=20,
            stream=True,
        )
        output_emitter.start_segment(segment_id="s")
        async for piece in self._input_ch:
            if isinstance(piece, str) and piece.strip():
                self._mark_started()
                output_emitter.push(self._tts.audio)
        output_emitter.end_segment()
        while self._tts.endless:
            await asyncio.sleep(10)


class InstantSTT(stt.STT):
    """Ends the turn with every so many frames; 0: never."""

    def __init__(self, every: int = 1) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False
            )
        )
        self.every = every

    async def _recognize_impl(self, *arguments: Any, **options: Any) -> Any:
        raise NotImplementedError

    def stream(self, **options: Any) -> Any:
        return _Ear(stt=self, conn_options=DEFAULT_API_CONNECT_OPTIONS)


class _Ear(stt.RecognizeStream):
    async def _run(self) -> None:
        count = 0
        async for frame in self._input_ch:
            if not isinstance(frame, rtc.AudioFrame):
                continue
            count += 1
            if count == self._stt.every:
                count = 0
                said = [stt.SpeechData(language="en", text="hello", confidence=1.0)]
                for kind in ("START_OF_SPEECH", "FINAL_TRANSCRIPT", "END_OF_SPEECH"):
                    self._event_ch.send_nowait(
                        stt.SpeechEvent(type=stt.SpeechEventType[kind], alternatives=said)
                    )


class CommandedVAD(vad.VAD):
    """Says what it is told to."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.032))
        self.streams: list[Any] = []

    def stream(self) -> Any:
        self.streams.append(_Told(self))
        return self.streams[-1]

    def tell(self, kind: str, speaking: bool) -> None:
        """Sends an event to the newest stream."""
        event = vad.VADEvent(
            type=vad.VADEventType[kind],
            samples_index=0,
            timestamp=time.time(),
            speech_duration=1.0 if speaking else 0.0,
            silence_duration=0.0 if speaking else 1.0,
            speaking=speaking,
            raw_accumulated_speech=1.0 if speaking else 0.0,
            raw_accumulated_silence=0.0 if speaking else 1.0,
        )
        self.streams[-1]._event_ch.send_nowait(event)


class _Told(vad.VADStream):
    async def _main_task(self) -> None:
        async for _ in self._input_ch:
            pass


class Microphone(io.AudioInput):
    """What the test gives."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self.frames: asyncio.Queue[Any] = asyncio.Queue()

    async def __anext__(self) -> Any:
        return await self.frames.get()


class Speaker(io.AudioOutput):
    """Plays at once, or 20 ms with each tick; notes when the first frame and a clear came."""

    def __init__(self, *, paced: bool = False) -> None:
        super().__init__(
            label="speaker", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=16000
        )
        self.first: float | None = None
        self.cleared: float | None = None
        self.paced = paced
        self.hold = False
        """Claims that what it got is still being played."""
        self.queue: deque[Any] = deque()
        self.ended = False
        self.seconds = 0.0
        self.played = 0

    async def capture_frame(self, frame: Any) -> None:
        await super().capture_frame(frame)
        if self.first is None:
            self.first = time.perf_counter()
        self.seconds += frame.duration
        if self.paced:
            self.queue.append(frame)

    def flush(self) -> None:
        super().flush()
        if self.seconds and not self.paced and not self.hold:
            self._finish(False)
        self.ended = True

    def clear_buffer(self) -> None:
        if self.cleared is None:
            self.cleared = time.perf_counter()
        self.queue.clear()
        if self.seconds:
            self._finish(True)

    def _finish(self, interrupted: bool) -> None:
        seconds, self.seconds, self.ended = self.seconds, 0.0, False
        self.on_playback_finished(playback_position=seconds, interrupted=interrupted)

    def tick(self) -> None:
        """20 ms have passed."""
        if self.queue:
            self.queue.popleft()
            self.played += 1
        elif self.ended and self.seconds:
            self._finish(False)


class Call:
    """A session with its fakes."""

    def __init__(self, agent: Any = None, *, paced: bool = False, **slots: Any) -> None:
        slots = {"llm": InstantLLM(), "tts": InstantTTS(), "vad": None, **slots}
        self.session: Any = AgentSession(turn_handling=HANDLING, **slots)
        self.speaker = Speaker(paced=paced)
        self.microphone = Microphone()
        self.session.output.audio = self.speaker
        self.agent = agent or Agent(instructions="x")
        if "stt" in slots:
            self.session.input.audio = self.microphone

    async def start(self) -> None:
        """Starts the session."""
        await self.session.start(self.agent, record=False)

    def frame(self) -> None:
        """The caller's next 20 ms."""
        self.microphone.frames.put_nowait(rtc.AudioFrame(FRAME, 16000, 1, 320))

    def tick(self, now: float) -> None:
        """20 ms have passed."""
        self.speaker.tick()
        self.frame()


async def _text_turns(turns: int) -> tuple[list[float], list[float]]:
    call, latencies, stamps = Call(), [], []
    await call.start()
    steady()
    stamps.append(time.thread_time())
    for _ in range(turns):
        call.speaker.first = None
        began = time.perf_counter()
        await call.session.generate_reply(user_input="hello")
        latencies.append(call.speaker.first - began)
        stamps.append(time.thread_time())
    await call.session.aclose()
    return latencies, [after - before for before, after in itertools.pairwise(stamps)]


async def text_to_audio(rounds: int) -> float:
    """`generate_reply(user_input=…)` → first audio."""
    return statistics.median((await _text_turns(rounds))[0]) * 1000


async def turn_rate(rounds: int) -> float:
    """Text → audio turns per second of CPU of the loop's thread."""
    steps = (await _text_turns(max(rounds, 100)))[1]
    return len(steps) / sum(steps)


async def turn_growth(rounds: int) -> float:
    """Turns from the 1000th on against turns from the 10th on."""
    old, new = Call(), Call()
    for call in (old, new):
        await call.start()

    async def turn(call: Call) -> None:
        await call.session.generate_reply(user_input="hello")

    found = await growth(lambda: turn(old), lambda: turn(new))
    await asyncio.gather(old.session.aclose(), new.session.aclose())
    return found


async def speech_to_audio(rounds: int) -> float:
    """The frame with which the STT ends the turn → first audio."""
    call, times = Call(stt=InstantSTT()), []
    await call.start()
    await asyncio.sleep(0.1)
    steady()
    for _ in range(max(10, rounds // 5)):
        call.speaker.first = None
        began = time.perf_counter()
        call.frame()
        while call.speaker.first is None:
            await asyncio.sleep(0)
        times.append(call.speaker.first - began)
        while call.session.agent_state != "listening" or call.session.current_speech is not None:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.005)
    await call.session.aclose()
    return statistics.median(times) * 1000


async def barge_in(rounds: int) -> float:
    """VAD start of speech → buffer cleared."""
    detector, times = CommandedVAD(), []
    call = Call(vad=detector, stt=InstantSTT(0), tts=InstantTTS(500))
    await call.start()
    await asyncio.sleep(0.1)
    for _ in range(max(10, rounds // 10)):
        call.speaker.first, call.speaker.cleared, call.speaker.hold = None, None, True
        handle = call.session.say("a long sentence")
        while call.speaker.first is None:
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        began = time.perf_counter()
        detector.tell("START_OF_SPEECH", True)
        detector.tell("INFERENCE_DONE", True)
        while call.speaker.cleared is None:
            await asyncio.sleep(0)
        times.append(call.speaker.cleared - began)
        detector.tell("END_OF_SPEECH", False)
        await handle
        call.session.clear_user_turn()
        await asyncio.sleep(0.01)
    await call.session.aclose()
    return statistics.median(times) * 1000


class Next(Agent):  # type: ignore[misc]
    """Who takes over."""

    entered: float | None = None

    async def on_enter(self) -> None:
        Next.entered = time.perf_counter()
        self.session.say("Here I am.")


class First(Agent):  # type: ignore[misc]
    """Hands over when asked."""

    returned = 0.0

    @function_tool  # type: ignore[untyped-decorator]
    async def transfer(self) -> Agent:
        """Hands over."""
        agent = Next(instructions="You are next.")
        First.returned = time.perf_counter()
        return agent


async def _handoff(rounds: int) -> tuple[float, float]:
    entered, heard = [], []
    for _ in range(max(10, rounds // 20)):
        call, Next.entered = Call(First(instructions="x")), None
        await call.start()
        call.session.generate_reply(user_input="transfer")
        while Next.entered is None or call.speaker.first is None:
            await asyncio.sleep(0)
        entered.append(Next.entered - First.returned)
        heard.append(call.speaker.first - First.returned)
        await call.session.aclose()
    return statistics.median(entered) * 1000, statistics.median(heard) * 1000


async def tool_to_on_enter(rounds: int) -> float:
    """A tool returns an agent → its `on_enter` runs."""
    return (await _handoff(rounds))[0]


async def tool_to_audio(rounds: int) -> float:
    """A tool returns an agent → the first audio of what its `on_enter` says."""
    return (await _handoff(rounds))[1]


async def _open_calls(phases: Iterable[float]) -> float:
    # 30 s of audio at once: it has no back-pressure but that of the output.
    calls = [
        Call(paced=True, stt=InstantSTT(0), tts=InstantTTS(1500, endless=True))
        for _ in range(CALLS)
    ]
    for call in calls:
        await call.start()
        call.session.say("a story without an end")
    await asyncio.sleep(3.0)
    spent = await cpu_per_call_second([call.tick for call in calls], phases)
    assert all(call.speaker.played > 40 * Watch.seconds for call in calls), [
        c.speaker.played for c in calls
    ]
    for call in calls:
        call.session.interrupt(force=True)
    await asyncio.gather(*(call.session.aclose() for call in calls))
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
    calls = [Call(paced=True, stt=InstantSTT(50)) for _ in range(CALLS)]
    for call in calls:
        await call.start()
    ticks = [call.tick for call in calls]
    await ticking(ticks, (), Watch.seconds / 2)
    with watched_loop() as pauses:
        await ticking(ticks, (), Watch.seconds * 2.5)
    assert all(call.speaker.played >= 2 * Watch.seconds for call in calls), [
        c.speaker.played for c in calls
    ]
    await asyncio.gather(*(call.session.aclose() for call in calls))
    return pauses.worst


async def idle_memory(rounds: int) -> float:
    """Resident memory of a started session in which nothing happens."""

    async def more(count: int) -> list[Call]:
        calls = [Call(stt=InstantSTT(0)) for _ in range(count)]
        for call in calls:
            await call.start()
        await asyncio.sleep(0.5)
        return calls

    first = await more(20)
    steady()
    before = resident_mb()
    calls = first + await more(200)
    grown = (resident_mb() - before) / 200
    await asyncio.gather(*(call.session.aclose() for call in calls))
    return grown


_IMPORT = "from livekit.agents import Agent, AgentSession, RunContext, function_tool"


def import_time(rounds: int) -> float:
    """Seconds of CPU to import what a minimal agent script needs."""
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
        tool_to_on_enter,
        tool_to_audio,
        turn_rate,
        calls_lockstep,
        calls_phased,
        turn_growth,
        idle_memory,
        worst_pause,
    )
}

if __name__ == "__main__":
    logging.disable(logging.ERROR)
    main(MEASURES, __doc__)
