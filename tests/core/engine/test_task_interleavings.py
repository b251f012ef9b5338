"""Tasks that begin, end or give way while something else happens to the same agent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import Agent, AgentTask, RunContext, function_tool
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedTTS

from .following import talk

pytestmark = pytest.mark.virtual_time

LONG = "We are open from nine to five, on every day of the week but Sunday."


class Name(AgentTask[str]):
    """Asks for a name."""

    async def on_enter(self) -> None:
        self.session.say("What is your name?")

    @function_tool
    async def record(self, name: str) -> str:
        """Records the name."""
        self.complete(name)
        return "thank the caller"


class Desk(Agent):
    """Runs what it is given in its tool."""

    def __init__(self, work: Any) -> None:
        super().__init__(id="desk")
        self.work = work

    @function_tool
    async def ask(self, ctx: RunContext[Any]) -> Any:
        return await self.work(self)

    @function_tool
    async def ask_again(self, ctx: RunContext[Any]) -> Any:
        return await self.work(self)


async def ask_name(desk: Agent) -> str:
    return f"the name is {await Name()}"


async def test_update_agent_ends_the_tasks_that_wait_for_their_turn_too() -> None:
    other = Agent(id="other")
    async with talk(Desk(ask_name), {"hello": [Call("ask"), Call("ask_again")]}) as t:
        await t.hear("hello")
        t.session.update_agent(other)
        await t.session.wait_for_idle()
        assert t.session.current_agent is other
        assert t.history[4:] == [
            "desk -> name",
            "name: What is your name?",
            "name -> desk",
            "error ask: the task 'name' gave way to agent 'other'",
            "error ask_again: the task 'name' gave way to agent 'other'",
            "desk -> other",
        ]


async def given_up_before_it_begins(desk: Agent) -> None:
    desk.session.say(LONG, allow_interruptions=False)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(Name(), 0.5)
    await asyncio.sleep(60)


async def test_what_was_kept_for_a_task_that_is_given_up_is_said_by_the_agent() -> None:
    caller = Caller()
    tts = ScriptedTTS(first_byte=0)
    desk = Desk(given_up_before_it_begins)
    async with talk(desk, {"hello": Call("ask")}, caller=caller, tts=tts) as t:
        caller.type("hello")
        await asyncio.sleep(0.2)
        await t.session.say("One moment.")
        assert t.history[3:] == [f"desk: {LONG}", "desk: One moment."]


async def test_a_turn_kept_for_a_task_that_is_given_up_is_answered_by_the_agent() -> None:
    caller = Caller()
    tts = ScriptedTTS(first_byte=0)
    replies = {"hello": Call("ask"), "are you there": "I am."}
    async with talk(Desk(given_up_before_it_begins), replies, caller=caller, tts=tts) as t:
        caller.type("hello")
        await asyncio.sleep(0.2)
        caller.type("are you there")
        await asyncio.sleep(20)
        assert t.history[3:] == [f"desk: {LONG}", "user: are you there", "desk: I am."]


async def test_a_task_begins_when_words_without_a_voice_have_been_shown() -> None:
    async def work(desk: Agent) -> str:
        desk.session.say("One question.")
        return await Name()

    # The tool runs before its step has come to an end: its words wait for that.
    llm = ScriptedLLM({"hello": Call("ask")}, first_token=0, total=0.1)
    async with talk(Desk(work), llm) as t:
        await t.hear("hello")
        assert t.history[3:] == ["desk: One question.", "desk -> name", "name: What is your name?"]


async def test_a_tool_may_await_its_speech_while_the_task_of_another_ends() -> None:
    class TwoTools(Desk):
        @function_tool
        async def note(self) -> str:
            """Says something when the task has been completed and still speaks."""
            await completed.wait()
            await asyncio.sleep(0.5)
            assert self.session.current_agent is not self
            await self.session.say("It is noted.")
            return "noted"

    completed = asyncio.Event()

    class Telling(Name):
        @function_tool
        async def record(self, name: str) -> str:
            """Records the name."""
            self.complete(name)
            completed.set()
            return "thank the caller"

    async def work(desk: Agent) -> str:
        return await Telling()

    caller = Caller()
    replies = {
        "hello": [Call("ask"), Call("note")],
        "I am Ada": Call("record", name="Ada"),
        "thank the caller": "Thank you very much indeed, dear Ada.",
        "noted": "Welcome.",
    }
    desk = TwoTools(work)
    async with talk(desk, replies, caller=caller, tts=ScriptedTTS(first_byte=0)) as t:
        caller.type("hello")
        await asyncio.sleep(5)
        caller.type("I am Ada")
        await t.session.wait_for_idle()
        assert t.history[-6:] == [
            "telling: Thank you very much indeed, dear Ada.",
            "telling -> desk",
            "desk: It is noted.",
            "output ask: Ada",
            "output note: noted",
            "desk: Welcome.",
        ]


async def test_speech_of_a_paused_agent_is_said_before_a_switch_that_ends_its_task() -> None:
    class TwoTools(Desk):
        @function_tool
        async def note(self) -> str:
            """Says something while the task of the other tool has the floor."""
            await asyncio.sleep(1)
            await self.session.say("It is noted.")
            return "noted"

    other = Agent(id="other")
    async with talk(TwoTools(ask_name), {"hello": [Call("ask"), Call("note")]}) as t:
        t.caller.type("hello")
        await asyncio.sleep(2)
        t.session.update_agent(other)
        await t.session.wait_for_idle()
        assert t.history[-4:] == [
            "desk: It is noted.",
            "error ask: the task 'name' gave way to agent 'other'",
            "output note: noted",
            "desk -> other",
        ]


async def test_a_late_tool_of_a_paused_agent_hands_over_when_the_task_has_ended() -> None:
    other = Agent(id="other")

    class TwoTools(Desk):
        @function_tool
        async def move(self) -> Agent:
            """Ends while the task of another reply has the floor."""
            await asyncio.sleep(3)
            return other

    replies = {
        "hello": Call("move"),
        "and now": Call("ask"),
        "I am Ada": Call("record", name="Ada"),
    }
    async with talk(TwoTools(ask_name), replies) as t:
        t.caller.type("hello")
        await asyncio.sleep(1)
        t.caller.type("and now")
        await asyncio.sleep(5)
        assert t.session.current_agent.id == "name"
        await t.hear("I am Ada")
        assert t.session.current_agent is other
        assert "output move: " in t.history


async def test_a_task_that_on_exit_does_not_wait_for_gives_way_to_the_next_agent() -> None:
    ended: list[BaseException | None] = []

    class Leaving(Agent):
        async def on_exit(self) -> None:
            self.session.say("Goodbye.")
            waiting = asyncio.ensure_future(self.ask())
            waiting.add_done_callback(lambda task: ended.append(task.exception()))
            await asyncio.sleep(0.1)

        async def ask(self) -> str:
            return await Name()

    other = Agent(id="other")
    tts = ScriptedTTS(first_byte=0)
    async with talk(Leaving(id="desk"), caller=Caller(), tts=tts) as t:
        t.session.update_agent(other)
        await t.session.wait_for_idle()
        assert t.history == ["None -> desk", "desk: Goodbye.", "desk -> other"]
        assert list(map(str, ended)) == ["the task 'name' gave way to agent 'other'"]


async def test_a_task_that_is_active_cannot_be_awaited() -> None:
    class Own(AgentTask[str]):
        async def on_enter(self) -> None:
            await self

    async with talk(Own(id="own")) as t:
        await t.session.wait_for_idle()
        assert t.log.errors == [
            "hook, recoverable: RuntimeError: the task 'own' is active already, and cannot be "
            "awaited in the on_enter of agent 'own'; make a new one: Own(…)"
        ]


@pytest.mark.parametrize("hook", ["on_enter", "on_exit"])
async def test_a_hook_that_fails_a_test_does_not_stop_the_switch(hook: str) -> None:
    async def fail() -> None:
        pytest.fail("it is wrong")

    first, second = Agent(id="first"), Agent(id="second")
    setattr(first, hook, fail)
    async with talk(first) as t:
        await t.session.wait_for_idle()
        t.session.update_agent(second)
        await t.session.wait_for_idle()
        assert t.session.current_agent is second
        assert t.log.errors == ["hook, recoverable: Failed: it is wrong"]


async def test_steps_without_words_let_the_words_of_a_later_tool_through() -> None:
    class Chain(Agent):
        @function_tool
        async def go_on(self, step: int) -> str:
            """Goes on."""
            if step == 3:
                await self.session.say("One moment.")
            return f"step {step} done"

    replies = {
        "hello": ["Let me see about that.", Call("go_on", step=1)],
        "step 1 done": Call("go_on", step=2),
        "step 2 done": Call("go_on", step=3),
        "step 3 done": "There it is.",
    }
    caller = Caller()
    chain = Chain(id="chain", max_tool_steps=5)
    async with talk(chain, replies, caller=caller, tts=ScriptedTTS(first_byte=0)) as t:
        caller.type("hello")
        await t.session.wait_for_idle()
        assert [line for line in t.history if line.startswith("chain: ")] == [
            "chain: Let me see about that.",
            "chain: One moment.",
            "chain: There it is.",
        ]
