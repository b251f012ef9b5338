"""What a hand-off waits for, and what it costs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import Agent, function_tool
from antiphon.testing import Call, Caller, ScriptedTTS

from ..engine.following import instant, now, talk, turns

pytestmark = pytest.mark.virtual_time


async def test_speech_that_the_old_agent_has_queued_is_played_before_the_switch() -> None:
    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    async with talk(Agent(id="old"), caller=caller, tts=tts) as t:
        t.session.say("one two")
        t.session.say("three four")
        await t.session.update_agent(Agent(id="new"))
        assert now() == 2.0
        assert t.history[1:] == ["old: one two", "old: three four", "old -> new"]
        assert caller.heard_text() == "one two three four"


async def test_on_enter_begins_after_the_last_sample_of_the_old_agent() -> None:
    entered: list[float] = []

    class New(Agent):
        async def on_enter(self) -> None:
            entered.append(now())

    class Old(Agent):
        @function_tool
        async def transfer(self) -> Any:
            return New(), "moving"

        async def on_exit(self) -> None:
            self.session.say("five six")

    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    llm = instant([Call("transfer"), "one two three four"])
    async with talk(Old(), llm, caller=caller, tts=tts) as t:
        await t.hear("please")
        assert entered == [3.0]
        assert [round(entry.end, 6) for entry in caller.timeline if entry.who == "agent"][-1:] == [
            3.0
        ]


async def test_an_on_exit_that_is_not_overridden_costs_no_task() -> None:
    loop = asyncio.get_running_loop()
    made: list[str] = []

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)

    class Leaving(Agent):
        async def on_exit(self) -> None:
            pass

    async with talk(Agent(id="one")) as t:
        await turns()
        loop.set_task_factory(factory)
        try:
            t.session.update_agent(Agent(id="two"))
            assert t.session.current_agent.id == "two"  # in the very call
            assert made == []
            t.session.update_agent(Leaving())
            await turns()
            assert made == []
            t.session.update_agent(Agent(id="three"))
            await turns()
            assert len(made) == 1
        finally:
            loop.set_task_factory(None)
        assert t.history[-1] == "leaving -> three"
