"""What a turn costs, for pytest-benchmark: figures, and no judgement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from antiphon import Agent, AgentSession, AudioFrame

from .instant import FRAME, InstantLLM, InstantSTT, InstantTTS, Speaker
from .turns import First, Next

Turn = Callable[[], Awaitable[None]]


@asynccontextmanager
async def typed() -> AsyncIterator[Turn]:
    """A typed line, and its answer."""
    speaker = Speaker()
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)

        async def turn() -> None:
            speaker.first = None
            speaker.sink.text("hello")
            await session.wait_for_idle()
            assert speaker.first is not None

        yield turn


@asynccontextmanager
async def spoken() -> AsyncIterator[Turn]:
    """A frame with which the STT ends the turn, and the answer."""
    speaker = Speaker()
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS(), stt=InstantSTT()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        loop = asyncio.get_running_loop()

        async def turn() -> None:
            speaker.first = None
            speaker.sink.audio(AudioFrame(FRAME, 16000, 1, loop.time()))
            while speaker.first is None:
                await asyncio.sleep(0)
            await session.wait_for_idle()

        yield turn


@asynccontextmanager
async def handed_over() -> AsyncIterator[Turn]:
    """A typed line, a tool that hands over, and the new agent's greeting; then back by hand."""
    speaker = Speaker()
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
        await session.start(agent=First(instructions="x"), transport=speaker)

        async def turn() -> None:
            Next.entered = None
            speaker.sink.text("transfer")
            while Next.entered is None:
                await asyncio.sleep(0)
            await session.wait_for_idle()
            await session.update_agent(First(instructions="x"))

        yield turn


@pytest.mark.benchmark_suite
@pytest.mark.parametrize("session", [typed, spoken, handed_over], ids=lambda s: s.__name__)
def test_what_a_turn_costs(benchmark: Any, session: Any) -> None:
    with asyncio.Runner() as runner:
        opened = session()
        turn = runner.run(opened.__aenter__())
        loop = runner.get_loop()
        benchmark.pedantic(
            lambda: loop.run_until_complete(turn()), rounds=100, warmup_rounds=5, iterations=1
        )
        runner.run(opened.__aexit__(None, None, None))
