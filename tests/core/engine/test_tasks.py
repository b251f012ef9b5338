"""Tasks: agents that a tool or a hook awaits, and that give a result."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import Agent, AgentTask, ConfigurationError, RunContext, ToolError, function_tool
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedTTS

from .following import instant, lines, now, talk, turns

pytestmark = pytest.mark.virtual_time


class Name(AgentTask[str]):
    """Asks for a name."""

    async def on_enter(self) -> None:
        self.session.say("What is your name?")

    @function_tool
    async def record(self, name: str) -> None:
        """Records the name."""
        self.complete(name)


class Desk(Agent):
    """Runs what it is given in its one tool."""

    def __init__(self, work: Any, **options: Any) -> None:
        super().__init__(id="desk", **options)
        self.work = work
        self.hooks: list[str] = []

    async def on_enter(self) -> None:
        self.hooks.append("enter")

    async def on_exit(self) -> None:
        self.hooks.append("exit")

    @function_tool
    async def ask(self) -> Any:
        return await self.work(self)


async def ask_name(desk: Agent) -> str:
    return f"the name is {await Name()}"


REPLIES = {
    "hello": Call("ask"),
    "I am Ada": Call("record", name="Ada"),
    "the name is Ada": "Welcome, Ada.",
    "gave way": "It gave way.",
    "": "I see.",
}


# The order


async def test_a_task_in_a_tool_takes_over_and_gives_back_its_result() -> None:
    desk = Desk(ask_name)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        assert t.session.current_agent.id == "name"
        await t.hear("I am Ada")
        assert t.session.current_agent is desk
        assert t.history == [
            "None -> desk",
            "user: hello",
            "call ask{}",
            "desk -> name",
            "name: What is your name?",
            "user: I am Ada",
            'call record{"name": "Ada"}',
            "output record: ",
            "name -> desk",
            "output ask: the name is Ada",
            "desk: Welcome, Ada.",
        ]
        assert desk.hooks == ["enter"]  # neither left nor entered again


async def test_the_context_is_merged_back_by_time_without_instructions_and_calls() -> None:
    desk = Desk(ask_name, instructions="You are the desk.")
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "I am Ada")
        assert lines(desk.chat_ctx) == [
            "system: You are the desk.",
            "None -> desk",
            "user: hello",
            "call ask{}",
            "name: What is your name?",
            "user: I am Ada",
            "name -> desk",
            "output ask: the name is Ada",
            "desk: Welcome, Ada.",
        ]


async def test_tool_calls_of_the_task_are_merged_if_asked() -> None:
    class Noting(Name):
        def __init__(self) -> None:
            super().__init__(instructions="Ask.", preserve_function_call_history=True)

    async def work(desk: Agent) -> str:
        return f"the name is {await Noting()}"

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "I am Ada")
        assert 'call record{"name": "Ada"}' in lines(desk.chat_ctx)
        assert "system: Ask." not in lines(desk.chat_ctx)


async def test_the_task_begins_with_a_context_of_its_own() -> None:
    async with talk(Desk(ask_name), REPLIES) as t:
        await t.hear("hello")
        assert lines(t.session.chat_ctx) == ["desk -> name", "name: What is your name?"]


@pytest.mark.parametrize("result", [0, "", False, [], None])
async def test_falsy_results_count(result: Any) -> None:
    class Falsy(AgentTask[Any]):
        async def on_enter(self) -> None:
            self.complete(result)

    got: list[Any] = []

    async def work(desk: Agent) -> str:
        got.append(await Falsy())
        return "done"

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        assert got == [result]
        assert t.outputs == ["output ask: done"]


async def test_a_task_completed_with_an_exception_raises_it() -> None:
    class Failing(AgentTask[str]):
        async def on_enter(self) -> None:
            self.complete(ToolError("the caller refuses"))

    async def work(desk: Agent) -> str:
        return str(await Failing())

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        assert t.outputs == ["error ask: the caller refuses"]
        assert t.log.errors == []


async def test_a_task_completed_before_it_is_awaited_never_takes_over() -> None:
    async def work(desk: Agent) -> str:
        task = Name()
        task.complete("Ada")
        return f"the name is {await task}"

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        assert t.history[1:] == [
            "user: hello",
            "call ask{}",
            "output ask: the name is Ada",
            "desk: Welcome, Ada.",
        ]


async def test_what_was_said_before_the_call_is_played_before_the_task_begins() -> None:
    replies = {"hello": ["Let me note that.", Call("ask")], "": "I see."}
    tts = ScriptedTTS(first_byte=0.0)
    caller = Caller()
    llm = ScriptedLLM(replies, first_token=0, total=0)
    async with talk(Desk(ask_name), llm, caller=caller, tts=tts) as t:
        caller.type("hello")
        await t.session.wait_for_idle()
        first, second = [entry for entry in caller.timeline if entry.who == "agent"]
        assert (first.text, second.text) == ("Let me note that.", "What is your name?")
        (begun,) = [
            event.at
            for event in t.log.of("conversation_item_added")
            if lines([event.item]) == ["desk -> name"]
        ]
        assert begun == pytest.approx(first.end, abs=0.03)
        assert second.start >= first.end


async def test_what_the_task_is_saying_is_played_before_it_ends() -> None:
    class Polite(Name):
        @function_tool
        async def record(self, name: str) -> str:
            """Records the name."""
            self.complete(name)
            return "thank the caller"

        async def on_exit(self) -> None:
            self.session.say("Goodbye from the task.")

    async def work(desk: Agent) -> str:
        return f"the name is {await Polite()}"

    replies = {"thank the caller": "Thank you.", **REPLIES}
    async with talk(Desk(work), replies) as t:
        await t.hear("hello", "I am Ada")
        assert t.history[-6:] == [
            "output record: thank the caller",
            "polite: Thank you.",
            "polite: Goodbye from the task.",
            "polite -> desk",
            "output ask: the name is Ada",
            "desk: Welcome, Ada.",
        ]


# Where it may be awaited


async def test_a_task_in_on_enter() -> None:
    class Greeter(Agent):
        async def on_enter(self) -> None:
            name = await Name()
            self.session.say(f"Hello {name}.")

    async with talk(Greeter(), REPLIES) as t:
        await turns()
        await t.session.wait_for_idle()
        await t.hear("I am Ada")
        assert t.history[-2:] == ["name -> greeter", "greeter: Hello Ada."]


async def test_a_task_in_on_exit_has_its_own_turns_and_the_switch_waits_for_it() -> None:
    class Survey(Agent):
        async def on_exit(self) -> None:
            name = await Name()
            self.session.say(f"Bye {name}.")

    async with talk(Survey(), REPLIES) as t:
        t.session.update_agent(Agent(id="next"))
        await turns()
        assert t.session.current_agent.id == "name"
        await t.hear("I am Ada")
        assert t.history == [
            "None -> survey",
            "survey -> name",
            "name: What is your name?",
            "user: I am Ada",
            'call record{"name": "Ada"}',
            "output record: ",
            "name -> survey",
            "survey: Bye Ada.",
            "survey -> next",
        ]


async def test_a_task_can_be_awaited_once() -> None:
    async def work(desk: Agent) -> str:
        task = Name()
        task.complete("Ada")
        await task
        with pytest.raises(RuntimeError) as caught:
            await task
        return str(caught.value)

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        assert t.outputs == [
            "output ask: the task 'name' has been awaited already; make a new one: Name(…)"
        ]


async def test_a_task_awaited_outside_of_a_tool_or_hook_raises() -> None:
    with pytest.raises(RuntimeError) as caught:
        await Name()
    assert str(caught.value) == (
        "the task 'name' was awaited outside of any tool or hook; await it in a tool, "
        "`on_enter` or `on_exit`"
    )


async def test_a_task_awaited_in_the_hook_of_a_turn_raises() -> None:
    class Hooked(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            await Name()

    async with talk(Hooked(), REPLIES) as t:
        await t.hear("what else")
        assert t.log.errors == [
            "hook, recoverable: RuntimeError: the task 'name' was awaited in "
            "on_user_turn_completed of agent 'hooked'; await it in a tool, `on_enter` or `on_exit`"
        ]
        assert t.history[-1] == "hooked: I see."


async def test_completing_twice_raises_and_cancel_does_not() -> None:
    task = Name()
    assert not task.done()
    with pytest.raises(RuntimeError) as caught:
        task.result()
    assert str(caught.value) == "the task 'name' is not complete yet"
    task.complete("Ada")
    assert task.done() and task.result() == "Ada"
    assert task.cancel() is False
    with pytest.raises(RuntimeError) as caught:
        task.complete("Bob")
    assert str(caught.value) == "the task 'name' is complete already"
    other = Name()
    assert other.cancel() is True
    with pytest.raises(ToolError) as refused:
        other.result()
    assert str(refused.value) == "the task 'name' was cancelled"


async def test_a_task_cannot_be_handed_over_to() -> None:
    async def work(desk: Agent) -> Any:
        return Name()

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        assert t.outputs == [
            "error ask: the hand-off to 'name' is not possible: agent 'name' is a task; `await` it "
            "in a tool, and return what follows from its result"
        ]
        with pytest.raises(ConfigurationError):
            t.session.update_agent(Name())


async def test_a_session_that_starts_with_a_task_closes_when_it_is_complete() -> None:
    async with talk(Name(), REPLIES) as t:
        await t.hear("I am Ada")
        await t.session.wait_closed()
        assert t.log.told[-1] == "close: task_completed"


# Nested and parallel


async def test_tasks_nest() -> None:
    class Outer(AgentTask[str]):
        async def on_enter(self) -> None:
            self.complete(f"outer of {await Name()}")

    async def work(desk: Agent) -> str:
        return await Outer()

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello", "I am Ada")
        assert t.outputs[-1] == "output ask: outer of Ada"
        assert [text for text in t.history if "->" in text] == [
            "None -> desk",
            "desk -> outer",
            "outer -> name",
            "name -> outer",
            "outer -> desk",
        ]


async def test_parallel_tasks_run_one_after_another() -> None:
    class Both(Agent):
        @function_tool
        async def first(self) -> str:
            return "A is " + await Name(id="one")

        @function_tool
        async def second(self) -> str:
            return "B is " + await Name(id="two")

    replies = {
        "hello": [Call("first"), Call("second")],
        "is": "Both are noted.",
        "Ada": Call("record", name="Ada"),
        "Bob": Call("record", name="Bob"),
        "": "I see.",
    }
    async with talk(Both(id="both"), instant(replies)) as t:
        await t.hear("hello")
        assert t.session.current_agent.id == "one"
        await t.hear("Ada")
        assert t.session.current_agent.id == "two"
        await t.hear("Bob")
        assert [text for text in t.history if "->" in text] == [
            "None -> both",
            "both -> one",
            "one -> both",
            "both -> two",
            "two -> both",
        ]
        assert t.outputs[-2:] == ["output first: A is Ada", "output second: B is Bob"]
        assert t.session.current_agent.id == "both"


async def test_tasks_gathered_in_one_tool_run_one_after_another() -> None:
    async def work(desk: Agent) -> str:
        names = await asyncio.gather(Name(id="one"), Name(id="two"))
        return " and ".join(names)

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello", "I am Ada", "I am Ada")
        assert t.outputs[-1] == "output ask: Ada and Ada"


# What the caller says meanwhile


async def test_what_is_said_while_the_task_is_about_to_begin_goes_to_the_task() -> None:
    class Silent(AgentTask[str]):
        @function_tool
        async def record(self, name: str) -> None:
            """Records the name."""
            self.complete(name)

    async def work(desk: Agent) -> str:
        return f"the name is {await Silent()}"

    replies = {"hello": ["Let me take that down for you now.", Call("ask")], **REPLIES}
    replies["hello"] = ["Let me take that down for you now.", Call("ask")]
    caller = Caller()
    async with talk(Desk(work), replies, caller=caller, tts=ScriptedTTS()) as t:
        caller.type("hello")
        await caller.wait_until(now() + 1.0)
        assert t.session.next_agent is not None and t.session.next_agent.id == "silent"
        caller.type("I am Ada")
        await t.session.wait_for_idle()
        await turns()
        await t.session.wait_for_idle()
        assert [text for text in t.history if "->" in text] == [
            "None -> desk",
            "desk -> silent",
            "silent -> desk",
        ]
        assert t.history[-1] == "desk: Welcome, Ada."


async def test_a_barge_in_during_the_task_leaves_the_paused_reply_alone() -> None:
    caller = Caller()
    async with talk(Desk(ask_name), REPLIES, caller=caller, tts=ScriptedTTS()) as t:
        caller.type("hello")
        await caller.wait_until(now() + 0.6)
        assert t.session.agent_state == "speaking"
        caller.type("I am Ada")  # over the question
        await t.session.wait_for_idle()
        assert t.history[-1] == "desk: Welcome, Ada."
        asked = [text for text in t.history if text.startswith("name: ")]
        assert asked and asked[0].endswith("—")


async def test_what_is_said_at_the_end_of_a_task_is_answered_by_the_reply_that_goes_on() -> None:
    class Polite(Name):
        async def on_exit(self) -> None:
            self.session.say("Thank you very much, that is all I need.", allow_interruptions=False)

    async def work(desk: Agent) -> str:
        return f"the name is {await Polite()}"

    caller = Caller()
    async with talk(Desk(work), REPLIES, caller=caller, tts=ScriptedTTS()) as t:
        caller.type("hello")
        await t.session.wait_for_idle()
        caller.type("I am Ada")
        await caller.wait_until(now() + 0.8)
        caller.type("one more thing")
        await t.session.wait_for_idle()
        assert t.history[-5:] == [
            "polite: Thank you very much, that is all I need.",
            "user: one more thing",
            "polite -> desk",
            "output ask: the name is Ada",
            "desk: Welcome, Ada.",
        ]
        assert "user: one more thing" in lines(t.session.current_agent.chat_ctx)
        assert t.log.skipped == []
        assert all(turn.done is not None for turn in t.session.turns)


async def test_speech_of_a_paused_agent_waits_until_the_task_has_ended() -> None:
    class Busy(Agent):
        @function_tool
        async def ask(self) -> str:
            return f"the name is {await Name()}"

        @function_tool
        async def look(self, ctx: RunContext) -> None:
            await asyncio.sleep(5)
            ctx.update("Still looking.")

    replies = {**REPLIES, "hello": [Call("ask"), Call("look")]}
    async with talk(Busy(id="busy"), replies) as t:
        await t.hear("hello")
        await asyncio.sleep(10)
        assert "busy: Still looking." not in t.history
        await t.hear("I am Ada")
        assert t.history.index("name -> busy") < t.history.index("busy: Still looking.")


async def test_an_interrupted_reply_gets_the_result_of_its_task_late() -> None:
    replies = {**REPLIES, "hello": ["Let me take that down for you now.", Call("ask")]}
    caller = Caller()
    async with talk(Desk(ask_name), replies, caller=caller, tts=ScriptedTTS()) as t:
        caller.type("hello")
        await caller.wait_until(now() + 1.0)
        t.session.interrupt()
        await t.session.wait_for_idle()
        await turns()
        assert t.session.current_agent.id == "name"
        await t.session.wait_for_idle()
        caller.type("I am Ada")
        await t.session.wait_for_idle()
        await turns()
        await t.session.wait_for_idle()
        assert t.outputs[-1] == "output ask: the name is Ada"
        assert t.history[-1] == "desk: Welcome, Ada."


async def test_user_away_is_told_while_a_task_waits_for_the_user() -> None:
    async with talk(Desk(ask_name), REPLIES, user_away_timeout=3.0) as t:
        await t.hear("hello")
        await asyncio.sleep(4)
        assert t.session.user_state == "away"


# Slots


async def test_a_task_inherits_the_slots_of_the_agent_that_awaits_it() -> None:
    asked = instant({"I am Ada": Call("record", name="Ada"), "": "Own llm."})

    class Own(Desk):
        pass

    desk = Own(ask_name, llm=instant({"hello": Call("ask"), "": "Own llm."}))
    async with talk(desk, {"": "The session's llm."}) as t:
        await t.hear("hello")
        await t.hear("who is this")
        assert t.history[-1] == "name: Own llm."
        assert asked.requests == []


# Giving way


async def test_a_hand_off_in_a_task_unwinds_to_the_new_agent() -> None:
    class Escaping(Name):
        @function_tool
        async def operator(self) -> Agent:
            """Hands over."""
            return Agent(id="operator")

        async def on_exit(self) -> None:
            self.session.say("Leaving the task.")

    async def work(desk: Agent) -> str:
        return await Escaping()

    desk = Desk(work)
    replies = {"operator please": Call("operator"), **REPLIES}
    async with talk(desk, replies) as t:
        await t.hear("hello", "operator please")
        assert t.session.current_agent.id == "operator"
        assert t.history[-6:] == [
            "call operator{}",
            "output operator: ",
            "escaping: Leaving the task.",
            "escaping -> desk",
            "error ask: the task 'escaping' gave way to agent 'operator'",
            "desk -> operator",
        ]
        assert desk.hooks == ["enter", "exit"]


async def test_update_agent_unwinds_nested_tasks_innermost_first() -> None:
    order: list[str] = []

    class Outer(AgentTask[str]):
        async def on_enter(self) -> None:
            try:
                await Name()
            except ToolError as error:
                order.append(str(error))
                raise

        async def on_exit(self) -> None:
            order.append("exit outer")

    class Inner(Name):
        pass

    async def work(desk: Agent) -> str:
        try:
            return await Outer()
        except ToolError as error:
            order.append(str(error))
            raise

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        assert t.session.current_agent.id == "name"
        await t.session.update_agent(Agent(id="next"))
        assert t.session.current_agent.id == "next"
        assert order == [
            "the task 'name' gave way to agent 'next'",
            "exit outer",
            "the task 'outer' gave way to agent 'next'",
        ]
        assert t.outputs == ["error ask: the task 'outer' gave way to agent 'next'"]
        assert desk.hooks == ["enter", "exit"]
        assert t.log.errors == []
        assert [text for text in t.history if "->" in text] == [
            "None -> desk",
            "desk -> outer",
            "outer -> name",
            "name -> outer",
            "outer -> desk",
            "desk -> next",
        ]


async def test_a_task_awaited_after_the_decision_to_hand_over_gives_way_at_once() -> None:
    async def work(desk: Agent) -> str:
        desk.session.update_agent(Agent(id="next"))
        return await Name()

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        assert t.outputs == ["error ask: the task 'name' gave way to agent 'next'"]
        assert t.session.current_agent.id == "next"


async def test_a_tool_that_goes_on_after_its_task_gave_way_does_not_hold_the_switch_for_long() -> (
    None
):
    async def work(desk: Agent) -> str:
        try:
            return await Name()
        except ToolError:
            await asyncio.sleep(60)
            return "at last"

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        began = now()
        await t.session.update_agent(Agent(id="next"))
        assert now() - began == pytest.approx(5.0)
        await asyncio.sleep(60)
        assert t.outputs == ["output ask: at last"]
        assert t.history[-1] == "output ask: at last"


async def test_cancelling_the_await_ends_the_task_and_resumes_the_agent() -> None:
    async def work(desk: Agent) -> str:
        task = Name()
        try:
            async with asyncio.timeout(5):
                return await task
        except TimeoutError:
            assert task.done()
            return "no name was given"

    async with talk(Desk(work), {"no name": "Never mind.", **REPLIES}) as t:
        await t.hear("hello")
        await asyncio.sleep(5)
        await turns()
        await t.session.wait_for_idle()
        assert t.history[-3:] == [
            "name -> desk",
            "output ask: no name was given",
            "desk: Never mind.",
        ]


async def test_the_end_of_an_outer_task_takes_the_inner_one_with_it() -> None:
    outer: list[Any] = []

    class Outer(AgentTask[str]):
        async def on_enter(self) -> None:
            outer.append(self)
            await Name()

    async def work(desk: Agent) -> str:
        return await Outer()

    async with talk(Desk(work), REPLIES) as t:
        await t.hear("hello")
        assert t.session.current_agent.id == "name"
        outer[0].complete("enough")
        await t.session.wait_for_idle()
        await turns()
        await t.session.wait_for_idle()
        assert t.session.current_agent.id == "desk"
        assert t.outputs == ["output ask: enough"]


# Closing


async def test_a_close_completes_tasks_with_a_tool_error_and_leaves_each_agent() -> None:
    order: list[str] = []

    class Leaving(Name):
        async def on_exit(self) -> None:
            order.append("exit name")

    async def work(desk: Agent) -> str:
        try:
            return await Leaving()
        except ToolError as error:
            order.append(str(error))
            with pytest.raises(ToolError) as caught:
                await Name(id="another")
            order.append(str(caught.value))
            raise

    desk = Desk(work)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.session.shutdown()
        await t.session.wait_closed()
        assert order == [
            "the session is closing; the task 'leaving' was not completed",
            "the session is closing; the task 'another' cannot begin",
            "exit name",
        ]
        assert desk.hooks == ["enter", "exit"]
        assert t.history[-2:] == [
            "error ask: the session is closing; the task 'leaving' was not completed",
            "leaving -> desk",
        ]


async def test_awaiting_in_a_task_what_waits_for_it_raises() -> None:
    handles: list[Any] = []

    class Waiting(AgentTask[str]):
        async def on_enter(self) -> None:
            try:
                await handles[0]
            except RuntimeError as error:
                self.complete(str(error))

    class Holder(Agent):
        @function_tool
        async def ask(self, ctx: RunContext) -> str:
            handles.append(ctx.speech_handle)
            return await Waiting()

    async with talk(Holder(id="holder"), REPLIES) as t:
        await t.hear("hello")
        assert t.outputs == [
            "output ask: the on_enter of agent 'waiting' awaits a speech of agent 'holder', who is "
            "paused until the task 'waiting' ends; leave out the `await`"
        ]
