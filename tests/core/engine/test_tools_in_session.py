"""Tools in a running session: what they return, how they run, what becomes of their results."""

from __future__ import annotations

import asyncio
import math
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import Agent, RunContext, StopResponse, ToolError, function_tool, handoff
from antiphon.testing import Call, Pause, ScriptedLLM

from .following import Talk, instant, lines, now, talk, turns

pytestmark = pytest.mark.virtual_time


@dataclass
class Invoice:
    number: int
    paid: bool


def tool_that(gives: Any, name: str = "look") -> Any:
    """A tool that returns, or raises, what it is given."""

    async def run() -> Any:
        if isinstance(gives, BaseException):
            raise gives
        return gives

    return function_tool(run, name=name)


def agent_with(*tools: Any, **more: Any) -> Agent:
    return Agent(id="desk", tools=list(tools), **more)


# The table of results


@pytest.mark.parametrize(
    ("value", "output"),
    [
        ("plain", "plain"),
        ("", ""),
        (0, "0"),
        (False, "False"),
        (3.5, "3.5"),
        ([], "[]"),
        ({}, "{}"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ((1, "x"), '[1, "x"]'),
        (Invoice(3, False), '{"number": 3, "paid": false}'),
    ],
)
async def test_any_value_is_the_output_and_is_answered(value: Any, output: str) -> None:
    async with talk(agent_with(tool_that(value)), [Call("look"), "There."]) as t:
        await t.hear("look")
        assert t.history == [
            "None -> desk",
            "user: look",
            "call look{}",
            f"output look: {output}",
            "desk: There.",
        ]
        assert t.log.skipped == []


async def test_none_is_an_empty_output_and_a_declared_silence() -> None:
    async with talk(agent_with(tool_that(None)), [Call("look")]) as t:
        await t.hear("look")
        assert t.outputs == ["output look: "]
        assert t.llm.calls == 1
        assert t.log.skipped == ["the tools gave nothing to say"]


async def test_an_agent_is_an_empty_output_and_a_hand_off_without_a_reply() -> None:
    billing = Agent(id="billing")
    async with talk(agent_with(tool_that(billing)), [Call("look")]) as t:
        await t.hear("look")
        assert t.history[-2:] == ["output look: ", "desk -> billing"]
        assert t.llm.calls == 1
        assert t.log.skipped == []


@pytest.mark.parametrize("shape", ["tuple", "reversed tuple", "list", "handoff"])
async def test_an_agent_with_a_value_is_answered_with_tools_off_before_the_switch(
    shape: str,
) -> None:
    billing = Agent(id="billing")
    value: Any = {
        "tuple": (billing, "moving"),
        "reversed tuple": ("moving", billing),
        "list": [billing, "moving"],
        "handoff": handoff(billing, returns="moving"),
    }[shape]
    async with talk(agent_with(tool_that(value)), [Call("look"), "Just a moment."]) as t:
        await t.hear("look")
        assert t.history[-3:] == ["output look: moving", "desk: Just a moment.", "desk -> billing"]
        assert t.llm.requests[1].tool_names == ()
        assert t.llm.requests[1].tool_choice == "none"


@pytest.mark.parametrize("value", [0, "", False])
async def test_a_falsy_value_beside_an_agent_is_answered_all_the_same(value: Any) -> None:
    billing = Agent(id="billing")
    async with talk(agent_with(tool_that((billing, value))), [Call("look"), "Well."]) as t:
        await t.hear("look")
        assert t.history[-3:] == [f"output look: {value}", "desk: Well.", "desk -> billing"]


async def test_two_agents_in_one_return_are_an_error_that_names_both() -> None:
    value = (Agent(id="billing"), Agent(id="sales"))
    async with talk(agent_with(tool_that(value)), [Call("look"), "Which one?"]) as t:
        await t.hear("look")
        assert t.outputs == [
            "error look: the tool returned two agents, 'billing' and 'sales'; "
            "it can hand over to one only"
        ]
        assert t.history[-1] == "desk: Which one?"
        assert t.session.current_agent.id == "desk"


async def test_a_tool_error_is_shown_to_the_model_and_answered() -> None:
    async with talk(
        agent_with(tool_that(ToolError("no such invoice"))), [Call("look"), "No."]
    ) as t:
        await t.hear("look")
        assert t.history[-2:] == ["error look: no such invoice", "desk: No."]
        assert t.log.errors == []


async def test_stop_response_is_an_empty_output_and_a_declared_silence() -> None:
    async with talk(agent_with(tool_that(StopResponse())), [Call("look")]) as t:
        await t.hear("look")
        assert t.outputs == ["output look: "]
        assert t.log.skipped == ["the tools gave nothing to say"]


async def test_an_unexpected_exception_is_hidden_from_the_model_and_told_to_listeners() -> None:
    async with talk(agent_with(tool_that(KeyError("secret"))), [Call("look"), "Sorry."]) as t:
        await t.hear("look")
        assert t.history[-2:] == ["error look: an internal error occurred", "desk: Sorry."]
        assert t.log.errors == ["tool, recoverable: KeyError: 'secret'"]


async def test_a_tool_that_raises_cancelled_error_by_itself_is_answered() -> None:
    async with talk(agent_with(tool_that(asyncio.CancelledError())), [Call("look"), "Sorry."]) as t:
        await t.hear("look")
        assert t.history[-2:] == ["error look: an internal error occurred", "desk: Sorry."]


async def test_an_unknown_tool_is_an_error_that_names_the_tools_there_are() -> None:
    agent = agent_with(tool_that(1, "look_up"), tool_that(2, "pay"))
    async with talk(agent, [Call("lookup", number=3), "Hm."]) as t:
        await t.hear("look")
        assert t.history[-3:] == [
            'call lookup{"number": 3}',
            "error lookup: there is no tool 'lookup' (available: look_up, pay); "
            "did you mean 'look_up'?",
            "desk: Hm.",
        ]


async def test_arguments_that_are_no_json_are_an_error_and_are_answered() -> None:
    @function_tool
    async def pay(amount: int) -> str:
        return "paid"

    async with talk(agent_with(pay), [Call.raw("pay", '{"amount": 12'), "Again?"]) as t:
        await t.hear("pay")
        assert t.outputs == [
            "error pay: the arguments of 'pay' are not a JSON object: '{\"amount\": 12'; "
            "call it again with one whole JSON object"
        ]
        assert t.history[-1] == "desk: Again?"


async def test_arguments_that_are_slightly_broken_are_stored_repaired() -> None:
    @function_tool
    async def pay(amount: int, to: str) -> str:
        return f"{amount} to {to}"

    async with talk(agent_with(pay), [Call.raw("pay", "{'amount': 12, 'to': 'Ann',}"), "Ok."]) as t:
        await t.hear("pay")
        assert t.history[2:4] == [
            'call pay{"amount": 12, "to": "Ann"}',
            "output pay: 12 to Ann",
        ]


async def test_arguments_that_fail_validation_name_the_field() -> None:
    @function_tool
    async def pay(amount: int) -> str:
        return "paid"

    async with talk(agent_with(pay), [Call("pay", amount="much"), "Again?"]) as t:
        await t.hear("pay")
        (output,) = t.outputs
        assert output.startswith("error pay: ") and "'amount'" in output
        assert t.history[-1] == "desk: Again?"


async def test_a_tool_that_does_not_answer_in_its_time_is_an_error() -> None:
    @function_tool(timeout=3)
    async def slow() -> str:
        await asyncio.sleep(60)
        return "late"

    async with talk(agent_with(slow), [Call("slow"), "It takes too long."]) as t:
        await t.hear("go")
        assert now() == 3
        assert t.outputs == ["error slow: the tool gave no result within 3 s"]


async def test_the_run_context_is_given_wherever_it_stands_in_the_list() -> None:
    seen: list[Any] = []

    @function_tool
    async def pay(amount: int, context: RunContext[str], to: str) -> str:
        seen.append((amount, to, context.userdata, context.function_call.name))
        return "paid"

    async with talk(
        agent_with(pay), [Call("pay", amount=1, to="Ann"), "Ok."], userdata="data"
    ) as t:
        await t.hear("pay")
        assert seen == [(1, "Ann", "data", "pay")]


# Several calls


async def test_tools_of_one_step_run_in_parallel_and_are_answered_once() -> None:
    @function_tool
    async def wait(seconds: int) -> str:
        await asyncio.sleep(seconds)
        return f"waited {seconds}"

    calls = [Call("wait", seconds=3), Call("wait", seconds=1), Call("wait", seconds=2)]
    async with talk(agent_with(wait), [calls, "All done."]) as t:
        await t.hear("go")
        assert now() == 3
        assert t.outputs == [
            "output wait: waited 3",
            "output wait: waited 1",
            "output wait: waited 2",
        ]
        assert t.history[-1] == "desk: All done."
        assert t.llm.calls == 2


async def test_a_tool_starts_as_soon_as_its_call_is_complete() -> None:
    started: list[float] = []

    @function_tool
    async def look() -> str:
        started.append(now())
        return "seen"

    llm = ScriptedLLM(
        [["Let me see.", Call("look"), Pause(2)], "Seen."], first_token=0.1, total=0.1
    )
    async with talk(agent_with(look), llm) as t:
        await t.hear("look")
        assert started == [0.1]


async def test_a_value_and_a_none_in_one_step_are_answered() -> None:
    agent = agent_with(tool_that(None, "note"), tool_that("seen", "look"))
    async with talk(agent, [[Call("note"), Call("look")], "Seen."]) as t:
        await t.hear("go")
        assert t.outputs == ["output note: ", "output look: seen"]
        assert t.history[-1] == "desk: Seen."


async def test_max_tool_steps_are_the_rounds_of_tools_and_one_call_without_follows() -> None:
    def answer(context: Any, tools: Any) -> Any:
        return Call("look") if tools else "That is all I found."

    async with talk(agent_with(tool_that("more")), answer, max_tool_steps=2) as t:
        await t.hear("look")
        assert [request.tool_names for request in t.llm.requests] == [("look",), ("look",), ()]
        assert t.outputs == ["output look: more"] * 2
        assert t.history[-1] == "desk: That is all I found."


async def test_max_tool_steps_0_offers_no_tools() -> None:
    async with talk(agent_with(tool_that("more")), ["Hello."], max_tool_steps=0) as t:
        await t.hear("look")
        assert t.llm.requests[0].tool_names == ()
        assert t.history[-1] == "desk: Hello."


async def test_a_model_that_calls_tools_for_ever_comes_to_a_declared_silence() -> None:
    async with talk(agent_with(tool_that("more")), {"": Call("look")}, max_tool_steps=2) as t:
        await t.hear("look")
        assert t.llm.calls == 3
        assert t.outputs == [
            "output look: more",
            "output look: more",
            "error look: tools are off for this reply; answer in words",
        ]
        assert t.log.skipped == ["the model calls tools that are off"]


async def test_a_model_that_says_nothing_is_a_declared_silence() -> None:
    async with talk(Agent(id="desk"), [""]) as t:
        await t.hear("hello")
        assert t.log.skipped == ["the model said nothing"]


# What the context shows


async def test_a_tool_sees_the_step_in_progress_in_its_agents_context() -> None:
    seen: list[str] = []

    class Desk(Agent):
        @function_tool
        async def look(self, context: RunContext[None]) -> str:
            seen.extend(lines(self.chat_ctx))
            assert lines(context.chat_ctx) == lines(self.chat_ctx)
            return "found"

    llm = ScriptedLLM([["Let me see.", Call("look")], "Found."])
    async with talk(Desk(instructions="Help."), llm) as t:
        await t.hear("look")
        assert seen == [
            "system: Help.",
            "None -> desk",
            "user: look",
            "desk: Let me see.",
            "call look{}",
        ]


async def test_generate_reply_in_a_tool_has_tools_off_and_sees_a_placeholder() -> None:
    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await self.session.generate_reply(instructions="Say that you are looking.")
            return "found"

    async with talk(Desk(), [Call("look"), "Looking.", "Found it."]) as t:
        await t.hear("look")
        inner = t.llm.requests[1]
        assert inner.tool_names == ()
        assert lines(inner.chat_ctx) == [
            "None -> desk",
            "user: look",
            "call look{}",
            "output look: still running",
            "system: Say that you are looking.",
        ]
        assert t.history == [
            "None -> desk",
            "user: look",
            "call look{}",
            "desk: Looking.",
            "output look: found",
            "desk: Found it.",
        ]


async def test_generate_reply_in_a_tool_takes_tools_where_it_is_asked_to() -> None:
    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await self.session.generate_reply(tool_choice="auto")
            return "found"

    async with talk(Desk(), [Call("look"), "Looking.", "Found it."]) as t:
        await t.hear("look")
        assert t.llm.requests[1].tool_names == ("look",)


async def test_a_placeholder_is_never_stored() -> None:
    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await self.session.generate_reply()
            return "found"

    desk = Desk()
    async with talk(desk, [Call("look"), "Looking.", "Found it."]) as t:
        await t.hear("look")
        assert "still running" not in " ".join(lines(desk.chat_ctx) + t.history)
        assert lines(t.llm.requests[2].chat_ctx) == [
            "None -> desk",
            "user: look",
            "call look{}",
            "output look: found",
            "desk: Looking.",
        ]


async def test_call_ids_that_repeat_from_turn_to_turn_get_their_own_outputs() -> None:
    from antiphon.llm import ToolCall

    count = iter(range(1, 9))

    @function_tool
    async def number() -> int:
        return next(count)

    step = ToolCall("call_0", "number", "{}")
    async with talk(agent_with(number), [[step], "One.", [step], "Two."]) as t:
        await t.hear("first", "second")
        assert t.history[1:] == [
            "user: first",
            "call number{}",
            "output number: 1",
            "desk: One.",
            "user: second",
            "call number{}",
            "output number: 2",
            "desk: Two.",
        ]
        assert lines(t.session.chat_ctx) == t.history


# Sync tools


async def test_a_sync_tool_runs_in_a_thread_and_may_say_something_from_there() -> None:
    threads: list[bool] = []

    class Desk(Agent):
        @function_tool
        def look(self) -> str:
            threads.append(threading.current_thread() is threading.main_thread())
            handle = self.session.say("Looking.")
            assert handle.agent is self
            return "found"

    async with talk(Desk(), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert threads == [False]
        assert t.history[2:] == [
            "call look{}",
            "desk: Looking.",
            "output look: found",
            "desk: Found it.",
        ]


async def test_a_sync_tool_may_tell_progress_and_update_the_agent() -> None:
    billing = Agent(id="billing")

    class Desk(Agent):
        @function_tool
        def look(self, context: RunContext[None]) -> None:
            context.update("One moment.")
            self.session.update_agent(billing)
            self.session.generate_reply(instructions="Say goodbye.")

    async with talk(Desk(), [Call("look"), "Goodbye."]) as t:
        await t.hear("look")
        assert sorted(t.history[-3:-1]) == ["desk: Goodbye.", "output look: "]
        assert t.history[-1] == "desk -> billing"


@pytest.mark.parametrize("call", ["commit_user_turn", "clear_user_turn", "update_tools"])
async def test_what_may_not_be_called_from_a_tools_thread_raises(call: str) -> None:
    raised: list[str] = []

    class Desk(Agent):
        @function_tool
        def look(self) -> str:
            try:
                getattr(self.session, call)(*([[]] if call == "update_tools" else []))
            except RuntimeError as error:
                raised.append(str(error))
            return "found"

    async with talk(Desk(), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert raised == [
            f"`session.{call}()` was called from another thread than the session's; from a tool's "
            "thread only say, generate_reply, interrupt, update_agent and shutdown may be called"
        ]


async def test_a_sync_tool_may_interrupt_what_is_being_said() -> None:
    class Desk(Agent):
        @function_tool
        def look(self) -> str:
            self.session.interrupt()
            return "found"

    async with talk(Desk(), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        await asyncio.sleep(1)  # no time passes while the thread is at work
        assert t.history[-2:] == ["output look: found", "desk: Found it."]


# Progress, playout, interruptions


async def test_update_speaks_while_the_tool_runs() -> None:
    @function_tool
    async def look(context: RunContext[None]) -> str:
        await context.update("Still looking.")
        await asyncio.sleep(1)
        return "found"

    async with talk(agent_with(look), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert t.history[-4:] == [
            "call look{}",
            "desk: Still looking.",
            "output look: found",
            "desk: Found it.",
        ]


async def hang(t: Talk, text: str) -> None:
    """The caller types, and the tool it leads to is left running."""
    t.caller.type(text)
    await turns(10)


async def test_an_interruption_detaches_a_tool_and_the_next_turn_sees_a_placeholder() -> None:
    @function_tool
    async def look() -> str:
        await asyncio.sleep(10)
        return "found"

    async with talk(agent_with(look), [Call("look"), "I am still looking.", "Found it."]) as t:
        await hang(t, "look")
        await t.hear("and?")
        assert lines(t.llm.requests[1].chat_ctx)[-3:] == [
            "call look{}",
            "output look: still running",
            "user: and?",
        ]
        assert t.history[-1] == "desk: I am still looking."
        await asyncio.sleep(11)
        assert t.history[-2:] == ["output look: found", "desk: Found it."]
        assert lines(t.llm.requests[2].chat_ctx) == [
            "None -> desk",
            "user: look",
            "call look{}",
            "output look: found",
            "user: and?",
            "desk: I am still looking.",
        ]


async def test_a_late_result_that_a_request_has_seen_is_not_answered_again() -> None:
    @function_tool
    async def look() -> str:
        await asyncio.sleep(1)
        return "found"

    llm = ScriptedLLM([Call("look"), "A long story.", "Found it, and yes."], first_token=0, total=0)
    async with talk(agent_with(look), llm) as t:
        await hang(t, "look")
        t.caller.type("tell me a story")
        await turns(10)
        holder = t.session.say(_slowly("Once upon a time.", 5))
        await asyncio.sleep(2)
        assert t.outputs == ["output look: found"]
        t.caller.type("so?")
        await t.session.wait_for_idle()
        await asyncio.sleep(10)
        assert holder.interrupted
        assert t.llm.calls == 3
        assert t.history[-1] == "desk: Found it, and yes."


async def _slowly(text: str, seconds: float) -> Any:
    for word in text.split():
        yield word + " "
        await asyncio.sleep(seconds / 4)


async def test_a_late_result_waits_for_the_floor() -> None:
    @function_tool
    async def look() -> str:
        await asyncio.sleep(1)
        return "found"

    async with talk(agent_with(look), [Call("look"), "Wait.", "Found it."]) as t:
        await hang(t, "look")
        await t.hear("and?")
        t.session.say(_slowly("One two three four", 4))
        await asyncio.sleep(2)
        assert t.llm.calls == 2
        await t.session.wait_for_idle()
        assert t.history[-3:] == [
            "desk: One two three four",
            "output look: found",
            "desk: Found it.",
        ]


async def test_a_late_none_is_recorded_and_not_answered() -> None:
    @function_tool
    async def note() -> None:
        await asyncio.sleep(1)

    async with talk(agent_with(note), [Call("note"), "Yes."]) as t:
        await hang(t, "note it")
        await t.hear("done?")
        await asyncio.sleep(2)
        assert t.outputs == ["output note: "]
        assert t.llm.calls == 2


async def test_a_late_hand_off_still_happens_after_what_is_being_said() -> None:
    billing = Agent(id="billing")
    order: list[str] = []

    class Desk(Agent):
        @function_tool
        async def transfer(self) -> Agent:
            await asyncio.sleep(1)
            return billing

        async def on_exit(self) -> None:
            order.append(f"on_exit at {now()}")

    llm = ScriptedLLM([Call("transfer"), ["Well,", Pause(3), " wait."]], first_token=0, total=0)
    async with talk(Desk(id="desk"), llm) as t:
        await hang(t, "transfer me")
        t.caller.type("hello?")
        await t.session.wait_for_idle()
        await asyncio.sleep(5)
        assert order == ["on_exit at 3.0"]
        assert t.history[-3:] == ["desk: Well, wait.", "output transfer: ", "desk -> billing"]


async def test_a_late_hand_off_with_a_value_is_answered_before_the_switch() -> None:
    billing = Agent(id="billing")

    @function_tool
    async def transfer() -> Any:
        await asyncio.sleep(1)
        return billing, "transferring"

    async with talk(agent_with(transfer), [Call("transfer"), "Wait.", "You go to billing."]) as t:
        await hang(t, "transfer me")
        await t.hear("hello?")
        await asyncio.sleep(2)
        await t.session.wait_for_idle()
        assert t.history[-3:] == [
            "output transfer: transferring",
            "desk: You go to billing.",
            "desk -> billing",
        ]


async def test_cancel_on_interruption_cancels_the_tool_and_gives_it_an_output() -> None:
    ended: list[str] = []

    @function_tool(cancel_on_interruption=True)
    async def look() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.append(f"cancelled at {now()}")
            raise
        return "found"

    async with talk(agent_with(look), [Call("look"), "Stopped."]) as t:
        await hang(t, "look")
        await asyncio.sleep(1)
        await t.hear("stop")
        await asyncio.sleep(20)
        assert ended == ["cancelled at 1.0"]
        assert t.outputs == ["error look: the tool was cancelled before it ended"]
        assert t.llm.calls == 2


async def test_a_finished_tool_beside_a_running_one_is_shown_with_its_result() -> None:
    @function_tool
    async def wait(seconds: int) -> str:
        await asyncio.sleep(seconds)
        return f"waited {seconds}"

    calls = [Call("wait", seconds=1), Call("wait", seconds=9)]
    async with talk(agent_with(wait), [calls, "One is done.", "Both are."]) as t:
        await hang(t, "go")
        await asyncio.sleep(2)
        await t.hear("and?")
        assert lines(t.llm.requests[1].chat_ctx)[-5:] == [
            'call wait{"seconds": 1}',
            "output wait: waited 1",
            'call wait{"seconds": 9}',
            "output wait: still running",
            "user: and?",
        ]
        await asyncio.sleep(20)
        assert t.outputs == ["output wait: waited 1", "output wait: waited 9"]


async def test_disallow_interruptions_keeps_the_reply_and_the_turn() -> None:
    @function_tool
    async def pay(context: RunContext[None]) -> str:
        context.disallow_interruptions()
        await asyncio.sleep(5)
        return "paid"

    async with talk(agent_with(pay), [Call("pay"), "It takes a moment.", "Paid."]) as t:
        await hang(t, "pay")
        await t.hear("hurry")
        assert t.history[1:] == [
            "user: pay",
            "call pay{}",
            "user: hurry",
            "desk: It takes a moment.",
            "output pay: paid",
            "desk: Paid.",
        ]


async def test_wait_for_playout_waits_for_what_was_said_before_the_call() -> None:
    from antiphon.testing import Caller, ScriptedTTS

    times: list[float] = []

    @function_tool
    async def look(context: RunContext[None]) -> str:
        times.append(now())
        await context.wait_for_playout()
        times.append(now())
        return "found"

    caller = Caller(continuous=False)
    llm = instant([["Let me see now please.", Call("look")], "Found."])
    tts = ScriptedTTS(first_byte=0, words_per_second=2.5)
    async with talk(agent_with(look), llm, caller=caller, tts=tts) as t:
        await t.hear("look")
        assert times == [0.0, 2.0]


# The listener of the decision


async def test_listeners_are_told_of_the_tools_before_anything_follows() -> None:
    order: list[str] = []

    async with talk(agent_with(tool_that("seen")), [Call("look"), "Seen."]) as t:

        def decide(event: Any) -> None:
            order.append(
                f"{[call.name for call in event.function_calls]} "
                f"{[output.output for output in event.function_call_outputs]} "
                f"{event.has_tool_reply} {event.has_agent_handoff} {t.llm.calls}"
            )

        t.session.on("function_tools_executed", decide)
        await t.hear("look")
        assert order == ["['look'] ['seen'] True False 1"]


async def test_a_listener_may_cancel_the_reply_which_is_a_declared_silence() -> None:
    async with talk(agent_with(tool_that("seen")), [Call("look")]) as t:
        t.session.on("function_tools_executed", lambda event: event.cancel_tool_reply())
        await t.hear("look")
        assert t.llm.calls == 1
        assert t.outputs == ["output look: seen"]
        assert t.log.skipped == ["a listener cancelled the reply"]


async def test_a_listener_that_cancels_a_hand_off_makes_an_error_and_a_reply_of_it() -> None:
    billing = Agent(id="billing")
    async with talk(agent_with(tool_that(billing)), [Call("look"), "You stay here."]) as t:
        t.session.on("function_tools_executed", lambda event: event.cancel_agent_handoff())
        await t.hear("look")
        assert t.history[-2:] == ["error look: the hand-off was cancelled", "desk: You stay here."]
        assert t.session.current_agent.id == "desk"


async def test_a_listener_that_raises_is_reported_and_the_reply_goes_on() -> None:
    def bad(event: Any) -> None:
        raise ValueError("bad listener")

    async with talk(agent_with(tool_that("seen")), [Call("look"), "Seen."]) as t:
        t.session.on("function_tools_executed", bad)
        await t.hear("look")
        assert t.history[-1] == "desk: Seen."
        assert t.log.errors == ["listener, recoverable: ValueError: bad listener"]


# Every call has exactly one output


async def test_the_end_of_the_session_gives_a_running_tool_its_output() -> None:
    @function_tool
    async def look() -> str:
        await asyncio.sleep(math.inf)
        return "found"

    async with talk(agent_with(look), [Call("look")]) as t:
        await hang(t, "look")
    assert t.outputs == ["error look: the session closed before the tool ended"]


async def test_a_step_whose_stream_breaks_gives_its_calls_their_outputs() -> None:
    from antiphon.testing import CUT

    @function_tool
    async def look() -> str:
        await asyncio.sleep(1)
        return "found"

    async with talk(agent_with(look), [[Call("look"), CUT], "Found it."]) as t:
        await t.hear("look")
        await asyncio.sleep(2)
        await t.session.wait_for_idle()
        assert t.outputs == ["output look: found"]
        assert t.history[-1] == "desk: Found it."
        assert t.log.errors == [
            "llm: TruncatedStream: ScriptedLLM ended its answer without an end marker"
        ]


async def test_new_tools_that_cannot_be_offered_raise_where_they_are_given() -> None:
    from antiphon.errors import ToolDefinitionError

    class Opaque:
        pass

    @function_tool
    async def bad(what: Opaque) -> str:
        return "never"

    agent = agent_with(tool_that("seen"))
    async with talk(agent, [Call("look"), "Seen."]) as t:
        with pytest.raises(ToolDefinitionError):
            await agent.update_tools([bad])
        await t.hear("look")
        assert t.history[-1] == "desk: Seen."
        assert [tool.name for tool in agent.tools] == ["look"]


async def test_tools_of_the_session_and_of_the_agent_are_offered_together() -> None:
    agent = agent_with(tool_that("mine", "look"))
    shared = [tool_that("theirs", "look"), tool_that("ours", "help")]
    async with talk(agent, [[Call("look"), Call("help")], "Ok."], tools=shared) as t:
        await t.hear("go")
        assert t.outputs == ["output look: mine", "output help: ours"]


async def test_tools_of_one_reply_take_the_place_of_the_agents() -> None:
    only = tool_that("this", "only")
    async with talk(agent_with(tool_that("mine")), [Call("only"), "Ok."]) as t:
        await t.session.generate_reply(tools=[only])
        assert t.llm.requests[0].tool_names == ("only",)
        assert t.outputs == ["output only: this"]
