"""What a turn of antiphon costs: latencies, turns per second, growth."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time

from antiphon import Agent, AgentSession, AudioFrame, TurnHandling, function_tool
from antiphon.vad import VADEvent

from .instant import (
    FRAME,
    CommandedVAD,
    InstantLLM,
    InstantSTT,
    InstantTTS,
    LongTTS,
    SilentSTT,
    Speaker,
)
from .measuring import steady


class Next(Agent):
    """Who takes over."""

    entered: float | None = None

    async def on_enter(self) -> None:
        Next.entered = time.perf_counter()
        self.session.say("Here I am.")


class First(Agent):
    """Hands over when asked."""

    returned: float = 0.0

    @function_tool()
    async def transfer(self) -> Agent:
        """Hands over."""
        agent = Next(instructions="You are next.")
        First.returned = time.perf_counter()
        return agent


async def text_to_audio(rounds: int) -> float:
    """Text in → first audio at the sink."""
    speaker, times = Speaker(), []
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        steady()
        for _ in range(rounds):
            speaker.first = None
            began = time.perf_counter()
            speaker.sink.text("hello")
            await session.wait_for_idle()
            assert speaker.first is not None
            times.append(speaker.first - began)
    return statistics.median(times) * 1000


async def speech_to_audio(rounds: int) -> float:
    """The frame that ends the turn (final and end of turn) → first audio at the sink."""
    speaker, times = Speaker(), []
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS(), stt=InstantSTT()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        loop = asyncio.get_running_loop()
        steady()
        for _ in range(rounds):
            speaker.first = None
            began = time.perf_counter()
            speaker.sink.audio(AudioFrame(FRAME, 16000, 1, loop.time()))
            while speaker.first is None:
                await asyncio.sleep(0)
            times.append(speaker.first - began)
            await session.wait_for_idle()
    return statistics.median(times) * 1000


async def barge_in(rounds: int) -> float:
    """VAD start of speech → sink flushed."""
    speaker, vad, times = Speaker(), CommandedVAD(), []
    handling = TurnHandling(interruption={"min_duration": 0.0, "resume_false_interruption": False})
    async with AgentSession(
        llm=InstantLLM(), tts=LongTTS(), stt=SilentSTT(), vad=vad, turn_handling=handling
    ) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        loop = asyncio.get_running_loop()
        for _ in range(rounds):
            speaker.first, speaker.cleared, speaker.holds = None, None, 0.0
            session.say("a long sentence")
            while speaker.first is None:
                await asyncio.sleep(0)
            speaker.holds = 1.0
            assert vad.tell is not None
            began = time.perf_counter()
            vad.tell(VADEvent(type="speech_started", at=loop.time()))
            assert speaker.cleared is not None
            times.append(speaker.cleared - began)
            vad.tell(VADEvent(type="speech_ended", at=loop.time()))
            session.clear_user_turn()
            session.interrupt(force=True)
            await session.wait_for_idle()
    return statistics.median(times) * 1000


async def _handoff(rounds: int) -> tuple[float, float]:
    entered, heard = [], []
    for _ in range(max(10, rounds // 5)):
        speaker = Speaker()
        async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
            await session.start(agent=First(instructions="x"), transport=speaker)
            Next.entered = None
            speaker.sink.text("transfer")
            while Next.entered is None or speaker.first is None:
                await asyncio.sleep(0)
            entered.append(Next.entered - First.returned)
            heard.append(speaker.first - First.returned)
    return statistics.median(entered) * 1000, statistics.median(heard) * 1000


async def tool_to_on_enter(rounds: int) -> float:
    """A tool returns an agent → its `on_enter` runs."""
    return (await _handoff(rounds))[0]


async def tool_to_audio(rounds: int) -> float:
    """A tool returns an agent → the first audio of what its `on_enter` says."""
    return (await _handoff(rounds))[1]


async def _many_turns(turns: int) -> list[float]:
    speaker, stamps = Speaker(), []
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        steady()
        stamps.append(time.thread_time())
        for _ in range(turns):
            speaker.sink.text("hello")
            await session.wait_for_idle()
            stamps.append(time.thread_time())
    return [after - before for before, after in itertools.pairwise(stamps)]


async def turn_rate(rounds: int) -> float:
    """Text → audio turns per second of CPU, one after another in one session."""
    turns = max(rounds * 4, 200)
    return turns / sum(await _many_turns(turns))


async def turn_growth(rounds: int) -> float:
    """Turns around the 1000th against turns around the 10th, by their CPU time."""
    steps = await _many_turns(1100)
    # The lower quartile: what the collector and other processes add is not what is asked for.
    early = statistics.quantiles(steps[5:205], n=4)[0]
    late = statistics.quantiles(steps[-200:], n=4)[0]
    return late / early
