"""Tasks that end as soon as they begin."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import Agent, AgentTask, function_tool
from antiphon.testing import Call

from ..engine.following import talk

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("seconds", [None, 0, 2])
async def test_a_task_that_is_complete_in_its_on_enter_goes_both_ways(
    seconds: float | None,
) -> None:
    class Quick(AgentTask[str]):
        async def on_enter(self) -> None:
            if seconds is not None:
                await asyncio.sleep(seconds)
            self.complete("Ada")

    class Desk(Agent):
        @function_tool
        async def ask(self) -> str:
            return f"the name is {await Quick()}"

    async with talk(Desk(), [Call("ask"), "Welcome, Ada."]) as t:
        await t.hear("hello")
        await t.session.wait_for_idle()
        await asyncio.sleep(3)
        assert t.history == [
            "None -> desk",
            "user: hello",
            "call ask{}",
            "desk -> quick",
            "quick -> desk",
            "output ask: the name is Ada",
            "desk: Welcome, Ada.",
        ]
        assert t.log.errors == []


async def test_a_task_in_on_enter_that_is_complete_at_once_lets_on_enter_go_on() -> None:
    class Quick(AgentTask[str]):
        async def on_enter(self) -> None:
            self.complete("Ada")

    class Desk(Agent):
        async def on_enter(self) -> None:
            self.session.say(f"Hello {await Quick()}.")

    async with talk(Desk()) as t:
        await asyncio.sleep(1)
        assert t.history == [
            "None -> desk",
            "desk -> quick",
            "quick -> desk",
            "desk: Hello Ada.",
        ]


async def test_a_task_in_a_late_tool_gives_its_result_all_the_same() -> None:
    class Slow(AgentTask[Any]):
        async def on_enter(self) -> None:
            await self.session.say("One moment.")
            self.complete(3)

    class Desk(Agent):
        @function_tool
        async def ask(self) -> Any:
            await asyncio.sleep(5)
            return await Slow()

    async with talk(Desk(), [Call("ask"), "I am looking.", "Three."]) as t:
        t.caller.type("how many")
        await asyncio.sleep(1)
        await t.hear("hurry")
        await asyncio.sleep(10)
        assert t.history[-4:] == [
            "slow: One moment.",
            "slow -> desk",
            "output ask: 3",
            "desk: Three.",
        ]
