"""What a turn of antiphon costs: latencies, turns per second, growth."""

from __future__ import annotations

import asyncio
import statistics
import time
from contextlib import AsyncExitStack

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
from .measuring import growth, steady


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


async def turn_rate(rounds: int) -> float:
    """Text → audio turns per second of CPU, one after another in one session."""
    speaker, turns = Speaker(), max(rounds * 4, 200)
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        steady()
        began = time.thread_time()
        for _ in range(turns):
            speaker.sink.text("hello")
            await session.wait_for_idle()
        return turns / (time.thread_time() - began)


async def turn_growth(rounds: int) -> float:
    """Turns from the 1000th on against turns from the 10th on."""
    turns = []
    async with AsyncExitStack() as stack:
        for _ in range(2):
            speaker = Speaker()
            session: AgentSession[None] = AgentSession(llm=InstantLLM(), tts=InstantTTS())
            await stack.enter_async_context(session)
            await session.start(agent=Agent(instructions="x"), transport=speaker)

            async def turn(
                speaker: Speaker = speaker, session: AgentSession[None] = session
            ) -> None:
                speaker.sink.text("hello")
                await session.wait_for_idle()

            turns.append(turn)
        return await growth(*turns)
