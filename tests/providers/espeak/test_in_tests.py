"""A voice with a worker process, in the tests of an agent."""

from __future__ import annotations

import asyncio

import pytest

from antiphon import Agent, AgentSession
from antiphon.testing import Caller, ScriptedLLM, ScriptedSTT, ScriptedVAD, run
from antiphon.testing.running import _Leftovers


class Speaker(Agent):
    def __init__(self):
        super().__init__(tts="espeak/en-gb:f3")

    async def on_enter(self):
        self.session.say("Good morning.")


async def spoken() -> None:
    caller = Caller()
    session = AgentSession(llm=ScriptedLLM([]), stt=ScriptedSTT(), vad=ScriptedVAD())
    async with session:
        await session.start(agent=Speaker(), transport=caller)
        with pytest.warns(UserWarning, match="understood no word of it: only what a ScriptedTTS"):
            assert await caller.listen_until(silence=0.5) == ""
        assert session.history.messages()[0].text_content == "Good morning."


@pytest.mark.virtual_time
async def test_it_may_speak_in_virtual_time():
    await spoken()


@pytest.mark.real_time
async def test_it_may_speak_in_real_time():
    await spoken()


@pytest.mark.parametrize("runs", [run, asyncio.run])
def test_its_worker_ends_with_the_loop(runs):
    with _Leftovers("test") as leftovers:
        runs(spoken())
    assert len(leftovers._processes) == 1
    assert leftovers.problems() == []


async def failing() -> None:
    async with AgentSession(llm=ScriptedLLM([]), stt=ScriptedSTT(), vad=ScriptedVAD()) as session:
        await session.start(agent=Speaker(), transport=Caller())
        await asyncio.sleep(1)
        raise ValueError("in the middle of the call")


@pytest.mark.parametrize("runs", [run, asyncio.run])
def test_its_worker_ends_with_a_loop_that_fails(runs):
    with _Leftovers("test") as leftovers, pytest.raises(ValueError, match="in the middle"):
        runs(failing())
    assert len(leftovers._processes) == 1
    assert leftovers.problems() == []
