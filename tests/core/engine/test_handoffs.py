"""Hand-offs: their order, what the new agent is shown, and what happens on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentSession,
    ChatContext,
    ConfigurationError,
    function_tool,
    handoff,
)
from antiphon.testing import Call, Caller, Pause, ScriptedLLM, ScriptedTTS

from .following import instant, lines, now, talk, turns

pytestmark = pytest.mark.virtual_time


class Billing(Agent):
    """Greets when it enters."""

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Greet.")


class Quiet(Agent):
    """Says nothing when it enters."""


class Transferring(Agent):
    """Hands over to what it is given, from its one tool."""

    def __init__(self, to: Any, **options: Any) -> None:
        super().__init__(id="desk", **options)
        self.to = to

    @function_tool
    async def transfer(self) -> Any:
        return self.to(self) if callable(self.to) else self.to


# The order


async def test_a_hand_off_happens_in_the_promised_order() -> None:
    order: list[str] = []

    class Old(Agent):
        @function_tool
        async def transfer(self) -> Any:
            order.append("tool")
            self.session.say("Queued by the tool.")
            return New(), "transferring"

        async def on_exit(self) -> None:
            order.append(f"on_exit, active: {self.session.current_agent.id}")
            self.session.say("Goodbye from on_exit.")

    class New(Agent):
        async def on_enter(self) -> None:
            order.append(f"on_enter, active: {self.session.current_agent.id}")

    async with talk(Old(), [Call("transfer"), "I transfer you."]) as t:
        t.session.on("function_tools_executed", lambda _: order.append("executed"))
        t.session.on("conversation_item_added", lambda event: order.append(lines([event.item])[0]))
        await t.hear("transfer me")
        assert order == [
            "user: transfer me",
            "call transfer{}",
            "tool",
            "old: Queued by the tool.",
            "executed",
            "output transfer: transferring",
            "old: I transfer you.",
            "on_exit, active: old",
            "old: Goodbye from on_exit.",
            "old -> new",
            "on_enter, active: new",
        ]


async def test_the_first_start_records_a_hand_off_from_nobody() -> None:
    async with talk(Quiet()) as t:
        assert t.history == ["None -> quiet"]
        assert lines(t.session.chat_ctx) == ["None -> quiet"]


async def test_current_agent_changes_when_the_switch_is_done_and_next_agent_shows_it_before() -> (
    None
):
    seen: list[tuple[str, str | None]] = []

    def look(session: AgentSession[Any]) -> None:
        pending = session.next_agent
        seen.append((session.current_agent.id, None if pending is None else pending.id))

    class Old(Agent):
        async def on_exit(self) -> None:
            look(self.session)
            await asyncio.sleep(1)
            look(self.session)

    async with talk(Old()) as t:
        look(t.session)
        t.session.update_agent(Quiet())
        await turns()
        look(t.session)
        await t.session.wait_for_idle()
        look(t.session)
        assert seen == [
            ("old", None),
            ("old", "quiet"),
            ("old", "quiet"),
            ("old", "quiet"),
            ("quiet", None),
        ]


async def test_on_enter_is_not_awaited() -> None:
    class Slow(Agent):
        async def on_enter(self) -> None:
            await asyncio.sleep(100)

    async with talk(Quiet(), ["Hello."]) as t:
        await t.session.update_agent(Slow())
        assert now() == 0
        t.caller.type("hi")
        await turns(10)
        assert t.history[-1] == "slow: Hello."


async def test_handing_over_to_oneself_exits_and_enters() -> None:
    hooks: list[str] = []

    class Again(Agent):
        async def on_enter(self) -> None:
            hooks.append("enter")

        async def on_exit(self) -> None:
            hooks.append("exit")

        @function_tool
        async def restart(self) -> Agent:
            return self

    async with talk(Again(), [Call("restart"), "Hello."]) as t:
        await t.hear("restart", "hi")
        assert hooks == ["enter", "exit", "enter"]
        assert t.history[-3:] == ["again -> again", "user: hi", "again: Hello."]


async def test_an_agent_handed_back_to_keeps_its_context_and_enters_again() -> None:
    entered: list[str] = []

    class Desk(Agent):
        async def on_enter(self) -> None:
            entered.append("desk")

        @function_tool
        async def to_billing(self) -> Agent:
            return billing

    class Back(Agent):
        @function_tool
        async def back(self) -> Agent:
            return desk

    desk, billing = Desk(instructions="Desk."), Back(id="billing")
    replies = ["Hi Ann.", Call("to_billing"), Call("back"), "Welcome back."]
    async with talk(desk, replies) as t:
        await t.hear("I am Ann", "billing", "back", "still there?")
        assert entered == ["desk", "desk"]
        assert lines(desk.chat_ctx) == [
            "system: Desk.",
            "None -> desk",
            "user: I am Ann",
            "desk: Hi Ann.",
            "user: billing",
            "call to_billing{}",
            "output to_billing: ",
            "billing -> desk",
            "user: still there?",
            "desk: Welcome back.",
        ]


# The context of the new agent


async def test_a_context_with_the_call_is_completed_with_what_came_after_it() -> None:
    new = {}

    def make(old: Transferring) -> Any:
        new["agent"] = Billing(instructions="Bill.", chat_ctx=old.chat_ctx)
        return new["agent"], "moving"

    agent = Transferring(make, instructions="Desk.")
    async with talk(
        agent, [["One moment.", Call("transfer")], "I move you.", "Billing here."]
    ) as t:
        await t.hear("billing")
        assert lines(new["agent"].chat_ctx) == [
            "system: Bill.",
            "None -> desk",
            "user: billing",
            "desk: One moment.",
            "call transfer{}",
            "output transfer: moving",
            "desk: I move you.",
            "desk -> billing",
            "billing: Billing here.",
        ]


async def test_a_context_without_the_call_gets_the_hand_off_only() -> None:
    billing = Quiet(instructions="Bill.")
    async with talk(Transferring((billing, "moving")), [Call("transfer"), "I move you."]) as t:
        await t.hear("billing")
        assert lines(billing.chat_ctx) == ["system: Bill.", "desk -> quiet"]


async def test_a_context_made_before_the_call_is_not_completed() -> None:
    billing = None

    class Desk(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            nonlocal billing
            billing = billing or Quiet(chat_ctx=self.chat_ctx)

        @function_tool
        async def transfer(self) -> Any:
            assert billing is not None
            return billing

    async with talk(Desk(), [Call("transfer")]) as t:
        await t.hear("billing")
        assert billing is not None
        assert lines(billing.chat_ctx) == ["None -> desk", "user: billing", "desk -> quiet"]


async def test_a_context_with_the_call_holds_the_old_agents_words_as_they_were_heard() -> None:
    new: list[Agent] = []

    def make(old: Transferring) -> Any:
        new.append(Quiet(chat_ctx=old.chat_ctx))
        return new[0], "moving"

    caller = Caller(continuous=False)
    llm = instant([Call("transfer"), "one two three four five six seven eight", "Yes?"])
    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    async with talk(Transferring(make), llm, caller=caller, tts=tts) as t:
        t.caller.type("billing")
        await asyncio.sleep(2.1)
        t.caller.type("stop")
        await t.session.wait_for_idle()
        assert lines(new[0].chat_ctx) == [
            "None -> desk",
            "user: billing",
            "call transfer{}",
            "output transfer: moving",
            "desk: one two three four —",
            "user: stop",
            "desk -> quiet",
            "quiet: Yes?",
        ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("fresh", []),
        (
            "full",
            [
                "None -> desk",
                "user: hello",
                "desk: Hi.",
                "user: billing",
                "call transfer{}",
                "output transfer: moving",
                "desk: I move you.",
            ],
        ),
        ("last:3", ["call transfer{}", "output transfer: moving", "desk: I move you."]),
        ("last:2", ["desk: I move you."]),
        ("heard", ["user: hello", "desk: Hi.", "user: billing", "desk: I move you."]),
        (
            lambda old: ChatContext(old.messages()[-2:]),
            ["user: billing", "desk: I move you."],
        ),
    ],
)
async def test_the_context_of_a_handoff_is_evaluated_at_the_switch(
    choice: Any, expected: list[str]
) -> None:
    billing = Quiet(instructions="Bill.")
    desk = Transferring(handoff(billing, returns="moving", context=choice), instructions="Desk.")
    async with talk(desk, ["Hi.", Call("transfer"), "I move you."]) as t:
        await t.hear("hello", "billing")
        assert lines(billing.chat_ctx) == ["system: Bill.", *expected, "desk -> quiet"]


async def test_a_context_function_cannot_change_the_old_agents_context() -> None:
    def choose(old: ChatContext) -> ChatContext:
        old.items.clear()
        return old

    desk = Transferring(handoff(Quiet(), context=choose))
    async with talk(desk, [Call("transfer")]) as t:
        await t.hear("billing")
        assert lines(desk.chat_ctx)[:2] == ["None -> desk", "user: billing"]
        assert t.session.current_agent.id == "quiet"


async def test_a_context_function_that_raises_is_reported_and_the_switch_goes_on() -> None:
    def choose(old: ChatContext) -> ChatContext:
        raise ValueError("no idea")

    billing = Quiet(instructions="Bill.")
    async with talk(Transferring(handoff(billing, context=choose)), [Call("transfer"), "Hi."]) as t:
        await t.hear("billing", "hello")
        assert t.log.errors == ["handoff, recoverable: ValueError: no idea"]
        assert t.history[-3:] == ["desk -> quiet", "user: hello", "quiet: Hi."]


async def test_a_context_function_that_gives_no_context_is_reported_and_the_switch_goes_on() -> (
    None
):
    desk = Transferring(handoff(Quiet(), context=lambda old: None))  # type: ignore[arg-type]
    async with talk(desk, [Call("transfer"), "Hi."]) as t:
        await t.hear("billing", "hello")
        assert t.log.errors == [
            "handoff, recoverable: TypeError: it returned None; it must return a ChatContext"
        ]
        assert t.history[-3:] == ["desk -> quiet", "user: hello", "quiet: Hi."]


async def test_a_new_agent_that_lacks_a_tool_keeps_the_old_calls_and_outputs() -> None:
    billing: list[Agent] = []

    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            return "found"

        @function_tool
        async def transfer(self) -> Agent:
            billing.append(Quiet(chat_ctx=self.chat_ctx))
            return billing[0]

    async with talk(Desk(), [Call("look"), "Found.", Call("transfer"), "Yes."]) as t:
        await t.hear("look", "transfer", "hello")
        assert lines(t.llm.requests[-1].chat_ctx) == [
            "None -> desk",
            "user: look",
            "call look{}",
            "output look: found",
            "desk: Found.",
            "user: transfer",
            "call transfer{}",
            "output transfer: ",
            "desk -> quiet",
            "user: hello",
        ]


# Several at once


async def test_of_two_hand_offs_in_one_step_the_first_in_call_order_wins() -> None:
    class Desk(Agent):
        @function_tool
        async def to_billing(self) -> Agent:
            await asyncio.sleep(2)
            return Quiet(id="billing")

        @function_tool
        async def to_sales(self) -> Agent:
            return Quiet(id="sales")

    async with talk(Desk(), [[Call("to_billing"), Call("to_sales")], "To billing it is."]) as t:
        await t.hear("go")
        assert t.history[-4:] == [
            "output to_billing: ",
            "error to_sales: the call 'to_billing' has handed over to 'billing' already",
            "desk: To billing it is.",
            "desk -> billing",
        ]


@pytest.mark.parametrize("slow", ["look", "transfer"])
async def test_ordinary_calls_beside_a_hand_off_are_voiced_before_the_switch(slow: str) -> None:
    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await asyncio.sleep(2 if slow == "look" else 0)
            return "three invoices"

        @function_tool
        async def transfer(self) -> Agent:
            await asyncio.sleep(2 if slow == "transfer" else 0)
            return Quiet(id="billing")

    async with talk(Desk(), [[Call("transfer"), Call("look")], "You have three."]) as t:
        await t.hear("go")
        assert t.history[-4:] == [
            "output transfer: ",
            "output look: three invoices",
            "desk: You have three.",
            "desk -> billing",
        ]


async def test_several_update_agents_in_a_row_enter_and_exit_each_in_turn() -> None:
    hooks: list[str] = []

    class Hooked(Agent):
        async def on_enter(self) -> None:
            hooks.append(f"enter {self.id}")

        async def on_exit(self) -> None:
            hooks.append(f"exit {self.id}")

    async with talk(Hooked(id="a")) as t:
        await t.session.wait_for_idle()
        for name in "bcd":
            t.session.update_agent(Hooked(id=name))
        await t.session.wait_for_idle()
        assert hooks == [
            "enter a",
            "exit a",
            "enter b",
            "exit b",
            "enter c",
            "exit c",
            "enter d",
        ]
        assert t.history == ["None -> a", "a -> b", "b -> c", "c -> d"]


async def test_agents_passed_through_in_a_row_say_their_greetings() -> None:
    class Greeting(Agent):
        async def on_enter(self) -> None:
            await self.session.say(f"I am {self.id}.")

    async with talk(Quiet()) as t:
        t.session.update_agent(Greeting(id="b"))
        t.session.update_agent(Greeting(id="c"))
        await t.session.wait_for_idle()
        assert t.history[1:] == ["quiet -> b", "b: I am b.", "b -> c", "c: I am c."]


async def test_update_agent_in_the_first_on_enter_is_not_lost() -> None:
    class First(Agent):
        async def on_enter(self) -> None:
            self.session.update_agent(Quiet())

    async with talk(First(), ["Hello."]) as t:
        await t.session.wait_for_idle()
        await t.hear("hi")
        assert t.history == ["None -> first", "first -> quiet", "user: hi", "quiet: Hello."]


async def test_what_on_enter_says_after_update_agent_is_still_the_old_agents() -> None:
    class First(Agent):
        async def on_enter(self) -> None:
            self.session.update_agent(Quiet())
            await self.session.say("I pass you on.")

    async with talk(First()) as t:
        await t.session.wait_for_idle()
        assert t.history == ["None -> first", "first: I pass you on.", "first -> quiet"]


async def test_update_agent_can_be_awaited_from_outside() -> None:
    class Old(Agent):
        async def on_exit(self) -> None:
            await asyncio.sleep(2)

    async with talk(Old()) as t:
        await t.session.update_agent(Quiet())
        assert now() == 2
        assert t.session.current_agent.id == "quiet"


async def test_update_agent_waits_for_the_speech_in_progress() -> None:
    llm = ScriptedLLM([["Well,", Pause(3), " yes."]], first_token=0, total=0)
    async with talk(Quiet(id="old"), llm) as t:
        t.caller.type("hello")
        await asyncio.sleep(1)
        await t.session.update_agent(Quiet())
        assert now() == 3
        assert t.history[-2:] == ["old: Well, yes.", "old -> quiet"]


# Refused and cancelled


async def test_a_hand_off_cancelled_by_a_listener_gives_an_error_output_and_a_reply() -> None:
    desk = Transferring((Quiet(), "moving"))
    async with talk(desk, [Call("transfer"), "You stay.", "Yes?"]) as t:
        t.session.on("function_tools_executed", lambda event: event.cancel_agent_handoff())
        await t.hear("billing", "hello")
        assert t.history[-4:] == [
            "error transfer: the hand-off was cancelled",
            "desk: You stay.",
            "user: hello",
            "desk: Yes?",
        ]


async def test_an_agent_of_another_session_is_refused_with_an_error_and_a_reply() -> None:
    billing = Quiet(id="billing")
    async with talk(billing), talk(Transferring(billing), [Call("transfer"), "I cannot."]) as t:
        await t.hear("billing")
        assert t.history[-2:] == [
            "error transfer: agent 'billing' is active in another session; "
            "make a new one for this session",
            "desk: I cannot.",
        ]
        with pytest.raises(RuntimeError) as raised:
            t.session.update_agent(billing)
        assert str(raised.value) == (
            "agent 'billing' is active in another session; make a new one for this session"
        )


async def test_an_agent_whose_slot_cannot_be_built_is_refused_and_the_conversation_goes_on() -> (
    None
):
    billing = Quiet(id="billing", tts="nobody/voice")
    replies = [Call("transfer"), "Billing is closed.", "Yes, I am here."]
    async with talk(Transferring(billing), replies) as t:
        await t.hear("billing", "hello?")
        (output,) = t.outputs
        assert output.startswith(
            "error transfer: the hand-off to 'billing' is not possible: "
            "no provider named 'nobody' is installed"
        )
        (error,) = t.log.errors
        assert error.startswith(
            "handoff, recoverable: ProviderNotFound: no provider named 'nobody'"
        )
        assert t.history[-3:] == [
            "desk: Billing is closed.",
            "user: hello?",
            "desk: Yes, I am here.",
        ]
        with pytest.raises(LookupError, match="no provider named 'nobody' is installed"):
            t.session.update_agent(billing)


async def test_the_session_of_an_agent_that_was_left_raises() -> None:
    old = Quiet(id="old")
    async with talk(old) as t:
        assert old.session is t.session
        await t.session.update_agent(Quiet())
        with pytest.raises(LookupError) as raised:
            _ = old.session
        assert str(raised.value) == (
            "agent 'old' is in no session, so it has no 'session'; "
            "start it with `session.start(agent=…)` or hand over to it"
        )


# Hooks


async def test_an_error_in_on_exit_is_reported_and_the_switch_goes_on() -> None:
    class Old(Agent):
        async def on_exit(self) -> None:
            raise ValueError("bad exit")

    async with talk(Old()) as t:
        await t.session.update_agent(Quiet())
        assert t.log.errors == ["hook, recoverable: ValueError: bad exit"]
        assert t.history[-1] == "old -> quiet"


async def test_an_error_in_on_enter_is_reported_and_the_conversation_goes_on() -> None:
    class New(Agent):
        async def on_enter(self) -> None:
            raise ValueError("bad enter")

    async with talk(Quiet(), ["Hello."]) as t:
        await t.session.update_agent(New())
        await t.hear("hi")
        assert t.log.errors == ["hook, recoverable: ValueError: bad enter"]
        assert t.history[-1] == "new: Hello."


async def test_what_on_exit_asks_the_model_for_is_the_old_agents() -> None:
    class Old(Agent):
        async def on_exit(self) -> None:
            await self.session.generate_reply(instructions="Say goodbye.")

    async with talk(Old(instructions="Old."), ["Goodbye."]) as t:
        await t.session.update_agent(Quiet(instructions="New."))
        assert lines(t.llm.requests[0].chat_ctx)[0] == "system: Old."
        assert t.history == ["None -> old", "old: Goodbye.", "old -> quiet"]


async def test_on_exit_sees_that_its_speech_was_interrupted() -> None:
    seen: list[bool] = []

    class Old(Agent):
        async def on_exit(self) -> None:
            handle = self.session.say("one two three four five six seven eight")
            await handle
            seen.append(handle.interrupted)

    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    async with talk(Old(), ["Yes?"], caller=caller, tts=tts) as t:
        t.session.update_agent(Quiet())
        await asyncio.sleep(1.1)
        t.caller.type("wait")
        await t.session.wait_for_idle()
        assert seen == [True]
        assert t.history == [
            "None -> old",
            "old: one two —",
            "user: wait",
            "old -> quiet",
            "quiet: Yes?",
        ]


async def test_on_exit_runs_once_for_each_time_the_agent_is_left() -> None:
    exits: list[str] = []

    class Old(Agent):
        async def on_exit(self) -> None:
            exits.append(self.id)

    old = Old()
    async with talk(old) as t:
        await t.session.update_agent(Quiet())
        await t.session.update_agent(old)
    assert exits == ["old", "old"]


async def test_a_running_on_enter_is_cancelled_when_its_agent_is_left() -> None:
    ends: list[str] = []

    class Waiting(Agent):
        async def on_enter(self) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                ends.append(f"ended at {now()}")

    async with talk(Waiting()) as t:
        await asyncio.sleep(1)
        await t.session.update_agent(Quiet())
        await turns()
        assert ends == ["ended at 1.0"]


async def test_what_the_code_of_a_left_agent_says_later_is_not_voiced() -> None:
    handles: list[Any] = []

    class Chatty(Agent):
        async def on_enter(self) -> None:
            session = self.session

            async def later() -> None:
                await asyncio.sleep(5)
                handles.append(session.say("I am still here."))

            self.later = asyncio.create_task(later())

    chatty = Chatty()
    async with talk(chatty) as t:
        await t.session.wait_for_idle()
        await t.session.update_agent(Quiet())
        await chatty.later
        assert handles[0].done() and handles[0].interrupted
        assert t.history == ["None -> chatty", "chatty -> quiet"]
        assert t.log.told[-1] == "discarded: agent 'chatty' has been left"


async def test_what_a_detached_tool_of_a_left_agent_says_is_not_voiced() -> None:
    handles: list[Any] = []

    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            session = self.session
            await asyncio.sleep(5)
            handles.append(session.say("I have found it."))
            return "found"

    async with talk(Desk(), [Call("look"), "Wait."]) as t:
        t.caller.type("look")
        await turns(10)
        await t.hear("hello?")
        await t.session.update_agent(Quiet())
        await asyncio.sleep(10)
        assert handles[0].done() and handles[0].interrupted
        assert t.history[-2:] == ["desk -> quiet", "output look: found"]


async def test_a_late_hand_off_of_a_left_agent_is_refused() -> None:
    class Desk(Agent):
        @function_tool
        async def transfer(self) -> Agent:
            await asyncio.sleep(5)
            return Quiet(id="billing")

    async with talk(Desk(), [Call("transfer"), "Wait."]) as t:
        t.caller.type("billing")
        await turns(10)
        await t.hear("hello?")
        await t.session.update_agent(Quiet(id="sales"))
        await asyncio.sleep(10)
        assert t.history[-2:] == [
            "desk -> sales",
            "error transfer: agent 'desk' has been left; it hands over no more",
        ]
        assert t.session.current_agent.id == "sales"


async def test_an_on_exit_that_awaits_something_cancelled_does_not_stop_the_switch() -> None:
    class Old(Agent):
        async def on_exit(self) -> None:
            task = asyncio.create_task(asyncio.sleep(10))
            task.cancel()
            await task

    async with talk(Old()) as t:
        await t.session.update_agent(Quiet())
        assert t.log.errors == ["hook, recoverable: CancelledError: "]
        assert t.history[-1] == "old -> quiet"


async def test_what_a_cancelled_on_enter_says_at_its_end_is_not_given_to_the_new_agent() -> None:
    class Chatty(Agent):
        async def on_enter(self) -> None:
            session = self.session
            try:
                await asyncio.sleep(100)
            finally:
                session.say("I was cut off.")

        async def on_exit(self) -> None:
            self.session.say("one two three four")

    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    async with talk(Chatty(), caller=caller, tts=tts) as t:
        await asyncio.sleep(1)
        await t.session.update_agent(Quiet())
        await t.session.wait_for_idle()
        assert now() == 3
        assert t.history == ["None -> chatty", "chatty: one two three four", "chatty -> quiet"]
        assert "discarded: agent 'chatty' has been left" in t.log.told


# The window


def slow_exit(seconds: float = 2.0) -> Agent:
    """An agent that takes its time to leave."""

    class Old(Agent):
        async def on_exit(self) -> None:
            await asyncio.sleep(seconds)

    return Old()


async def turn_in_the_window(t: Any, new: Agent, words: str = "hi") -> None:
    """Hands over, and types `words` while the old agent takes its time."""
    t.session.update_agent(new)
    await asyncio.sleep(1)
    t.caller.type(words)


async def test_a_turn_of_the_window_is_recorded_at_once_and_shown_before_on_enter() -> None:
    seen: list[str] = []

    class New(Agent):
        async def on_enter(self) -> None:
            seen.extend(lines(self.chat_ctx))

    async with talk(slow_exit(), ["Hello."]) as t:
        await turn_in_the_window(t, New())
        assert t.history == ["None -> old", "user: hi"]
        await t.session.wait_for_idle()
        assert sorted(seen) == ["old -> new", "user: hi"]


async def test_a_turn_of_the_window_is_answered_by_the_reply_of_on_enter() -> None:
    async with talk(slow_exit(), ["Hello, you said hi."]) as t:
        await turn_in_the_window(t, Billing())
        await t.session.wait_for_idle()
        await asyncio.sleep(10)
        assert t.llm.calls == 1
        assert "user: hi" in lines(t.llm.requests[0].chat_ctx)
        assert t.history[1:] == ["user: hi", "old -> billing", "billing: Hello, you said hi."]


async def test_a_turn_of_the_window_is_answered_by_the_engine_when_there_is_no_on_enter() -> None:
    async with talk(slow_exit(), ["Hello."]) as t:
        await turn_in_the_window(t, Quiet())
        await t.session.wait_for_idle()
        await asyncio.sleep(10)
        assert t.llm.calls == 1
        assert t.history[1:] == ["user: hi", "old -> quiet", "quiet: Hello."]


async def test_a_turn_of_the_window_is_answered_by_the_engine_after_on_enter_returned() -> None:
    class New(Agent):
        async def on_enter(self) -> None:
            await asyncio.sleep(0.5)
            await self.session.say("I am new.")

    async with talk(slow_exit(), ["Hello."]) as t:
        await turn_in_the_window(t, New())
        await t.session.wait_for_idle()
        await asyncio.sleep(10)
        assert t.llm.calls == 1
        assert t.history[1:] == ["user: hi", "old -> new", "new: I am new.", "new: Hello."]


async def test_a_turn_of_the_window_is_answered_as_soon_as_the_first_say_has_been_played() -> None:
    asked: list[float] = []

    class New(Agent):
        async def on_enter(self) -> None:
            await self.session.say("one two three four five")
            await asyncio.sleep(100)

    def answer(context: Any, tools: Any) -> str:
        asked.append(now())
        return "Hello."

    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    async with talk(slow_exit(), answer, caller=caller, tts=tts) as t:
        await turn_in_the_window(t, New())
        await asyncio.sleep(20)
        assert asked == [4.5]
        assert t.history[1:] == [
            "user: hi",
            "old -> new",
            "new: one two three four five",
            "new: Hello.",
        ]


async def test_on_enter_that_says_and_then_generates_answers_a_turn_of_the_window_once() -> None:
    class New(Agent):
        async def on_enter(self) -> None:
            await self.session.say("I am new.")
            await self.session.generate_reply(instructions="Answer.")

    async with talk(slow_exit(), ["Hello."]) as t:
        await turn_in_the_window(t, New())
        await t.session.wait_for_idle()
        await asyncio.sleep(10)
        assert t.llm.calls == 1
        assert t.history[1:] == ["user: hi", "old -> new", "new: I am new.", "new: Hello."]


async def test_a_turn_of_the_window_is_answered_after_1_s_of_a_silent_on_enter() -> None:
    asked: list[float] = []

    class New(Agent):
        async def on_enter(self) -> None:
            await asyncio.sleep(100)

    def answer(context: Any, tools: Any) -> str:
        asked.append(now())
        return "Hello."

    async with talk(slow_exit(), answer) as t:
        await turn_in_the_window(t, New())
        await asyncio.sleep(20)
        assert asked == [3.0]


async def test_several_turns_of_the_window_are_answered_by_one_reply() -> None:
    async with talk(slow_exit(), ["Hello."]) as t:
        t.session.update_agent(Quiet())
        await asyncio.sleep(0.5)
        t.caller.type("hi")
        await asyncio.sleep(0.5)
        t.caller.type("my name is Ann")
        await t.session.wait_for_idle()
        assert t.llm.calls == 1
        assert t.history[1:] == [
            "user: hi",
            "user: my name is Ann",
            "old -> quiet",
            "quiet: Hello.",
        ]
        assert {"user: hi", "user: my name is Ann"} <= set(lines(t.llm.requests[0].chat_ctx))


async def test_a_turn_of_the_window_reaches_the_last_of_several_agents() -> None:
    async with talk(slow_exit(), ["Hello."]) as t:
        t.session.update_agent(Quiet(id="b"))
        await turn_in_the_window(t, Quiet(id="c"))
        await t.session.wait_for_idle()
        assert t.history[1:] == ["user: hi", "old -> b", "b -> c", "c: Hello."]


async def test_a_turn_of_the_window_runs_the_hook_of_the_new_agent() -> None:
    hooks: list[str] = []

    class New(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            hooks.append(new_message.text_content)

    async with talk(slow_exit(), ["Hello."]) as t:
        await turn_in_the_window(t, New())
        await t.session.wait_for_idle()
        assert hooks == ["hi"]


async def test_a_turn_while_the_hand_off_is_being_announced_interrupts_and_is_kept() -> None:
    desk = Transferring((Quiet(), "moving"))
    llm = ScriptedLLM(
        [Call("transfer"), ["I move", Pause(5), " you."], "Hello."], first_token=0, total=0
    )
    async with talk(desk, llm) as t:
        t.caller.type("billing")
        await asyncio.sleep(1)
        t.caller.type("hello?")
        await t.session.wait_for_idle()
        assert now() < 2
        assert t.history[-4:] == [
            "desk: I move —",
            "user: hello?",
            "desk -> quiet",
            "quiet: Hello.",
        ]


async def test_a_turn_after_the_switch_interrupts_the_greeting() -> None:
    llm = ScriptedLLM([["Welcome", Pause(5), " to billing."], "Yes?"], first_token=0, total=0)
    async with talk(Quiet(), llm) as t:
        await turn_in_the_window(t, Billing(), "hello?")
        await t.session.wait_for_idle()
        assert now() < 2
        assert t.history[-2:] == ["user: hello?", "billing: Yes?"]


async def test_speech_asked_for_from_outside_in_the_window_is_the_new_agents() -> None:
    async with talk(slow_exit(), ["Generated."]) as t:
        t.session.update_agent(Quiet(instructions="New."))
        await asyncio.sleep(1)
        said = t.session.say("From outside.")
        generated = t.session.generate_reply(instructions="Go on.")
        assert (said.agent, said.done(), generated.done()) == (None, False, False)
        await generated
        assert said.done()
        assert t.history[1:] == ["old -> quiet", "quiet: From outside.", "quiet: Generated."]
        assert lines(t.llm.requests[0].chat_ctx)[0] == "system: New."


async def test_speech_kept_for_the_new_agent_is_not_voiced_once_it_has_been_interrupted() -> None:
    async with talk(slow_exit()) as t:
        t.session.update_agent(Quiet())
        await asyncio.sleep(1)
        said = t.session.say("From outside.")
        said.interrupt()
        await t.session.wait_for_idle()
        assert said.done() and said.interrupted
        assert t.history == ["None -> old", "old -> quiet"]


async def test_user_input_of_generate_reply_in_the_window_is_the_new_agents() -> None:
    async with talk(slow_exit(), ["Hello."]) as t:
        t.session.update_agent(Quiet())
        await asyncio.sleep(1)
        await t.session.generate_reply(user_input="hi")
        assert t.history[1:] == ["old -> quiet", "user: hi", "quiet: Hello."]


async def test_a_spoken_turn_of_the_window_is_answered_by_the_new_agent() -> None:
    from antiphon.testing import ScriptedSTT, ScriptedVAD

    caller = Caller()
    caller.speak_at(0.5, "what do I owe", seconds=1.5)
    slots: dict[str, Any] = {"stt": ScriptedSTT(), "vad": ScriptedVAD()}
    async with talk(slow_exit(4), ["Nothing."], caller=caller, **slots) as t:
        t.session.update_agent(Quiet())
        await asyncio.sleep(6)
        await t.session.wait_for_idle()
        assert t.history[1:] == ["user: what do I owe", "old -> quiet", "quiet: Nothing."]


async def test_words_in_progress_at_the_switch_are_not_lost() -> None:
    from antiphon.testing import ScriptedSTT, ScriptedVAD

    caller = Caller()
    caller.speak_at(0.5, "one two three four five six", seconds=3)
    slots: dict[str, Any] = {"stt": ScriptedSTT(), "vad": ScriptedVAD()}
    async with talk(slow_exit(1), ["Six."], caller=caller, **slots) as t:
        t.session.update_agent(Quiet())
        await asyncio.sleep(6)
        await t.session.wait_for_idle()
        assert t.history[1:] == [
            "old -> quiet",
            "user: one two three four five six",
            "quiet: Six.",
        ]


async def test_words_in_progress_at_a_switch_to_another_stt_are_not_lost() -> None:
    from antiphon.testing import ScriptedSTT, ScriptedVAD

    caller = Caller()
    caller.speak_at(0.5, "one two three four five six", seconds=3)
    caller.speak_at(6.0, "seven eight", seconds=1)
    slots: dict[str, Any] = {"stt": ScriptedSTT(), "vad": ScriptedVAD()}
    other = ScriptedSTT()
    replies = ["Six.", "Eight."]
    async with talk(slow_exit(1), replies, caller=caller, **slots) as t:
        t.session.update_agent(Quiet(stt=other))
        await asyncio.sleep(10)
        await t.session.wait_for_idle()
        assert t.history[1:] == [
            "old -> quiet",
            "user: one two three four five six",
            "quiet: Six.",
            "user: seven eight",
            "quiet: Eight.",
        ]
        assert other.heard == ["seven eight"]


async def test_a_handoff_with_an_unknown_context_raises_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError) as raised:
        handoff(Quiet(), context="ful")
    assert str(raised.value) == (
        "a hand-off has no context 'ful' (it has: fresh, full, heard, last:N, summary); "
        "did you mean 'full'?"
    )


@pytest.mark.virtual_time
async def test_a_turn_of_the_window_that_on_enter_answers_has_its_timeline():
    class Next(Agent):
        async def on_enter(self) -> None:
            await self.session.generate_reply(instructions="greet")

    class First(Agent):
        async def on_exit(self) -> None:
            await asyncio.sleep(1)

    collected = []
    session = AgentSession(llm=ScriptedLLM({"": "hello there"}, first_token=0.1, total=0.2))
    session.on("metrics_collected", lambda event: collected.append(event.metrics))
    caller = Caller(audio=False)
    await session.start(agent=First(), transport=caller)
    session.update_agent(Next())
    await asyncio.sleep(0.5)
    caller.type("are you there?")
    await session.wait_for_idle()
    (timeline,) = collected
    assert timeline.text == "are you there?"
    assert timeline.agent_id == "next"
    assert timeline.first_audio == pytest.approx(1.1)
    assert timeline.done == pytest.approx(1.2)
    await session.aclose()


# A summary for the new agent


class Summarised(Agent):
    """Hands over with a summary, after a word of goodbye if there is one."""

    def __init__(self, new: Agent, returns: Any = None) -> None:
        super().__init__(id="desk", instructions="You are the desk.")
        self.new = new
        self.returns = returns

    @function_tool
    async def transfer(self) -> Any:
        return handoff(self.new, returns=self.returns, context="summary")


def summarising(summary: Any) -> dict[str, Any]:
    return {
        "The conversation:": summary,
        "transfer me": Call("transfer"),
        "say goodbye": "Goodbye.",
        "": "I see.",
    }


async def test_a_summary_is_made_while_the_old_agent_says_goodbye() -> None:
    new = Agent(id="new", instructions="You are new.")
    llm = ScriptedLLM(summarising("Ada asks for a refund."), first_token=0.1, total=0.2)
    desk = Summarised(new, returns="say goodbye")
    async with talk(desk, llm, caller=Caller(), tts=ScriptedTTS()) as t:
        await t.hear("I am Ada and want a refund", "transfer me")
        assert lines(new.chat_ctx) == [
            "system: You are new.",
            "system: Summary of the conversation so far: Ada asks for a refund.",
            "desk: Goodbye.",
            "desk -> new",
        ]
        asked = [
            r for r in llm.requests if "The conversation:" in r.chat_ctx.messages()[-1].text_content
        ]
        assert [request.tools for request in asked] == [()]
        assert asked[0].chat_ctx.messages()[-1].text_content == (
            "The conversation:\nuser: I am Ada and want a refund\nassistant: I see.\n"
            "user: transfer me\ntool transfer called with {}\ntool transfer gave: say goodbye"
        )


async def test_a_switch_does_not_wait_for_the_summary() -> None:
    class Prompt(Agent):
        async def on_enter(self) -> None:
            entered.append(now())

    entered: list[float] = []
    new = Prompt(id="new")
    replies = summarising([Pause(5.0), "Ada asks for a refund."])
    async with talk(Summarised(new), replies) as t:
        await t.hear("I am Ada", "transfer me")
        decided = t.log.of("function_tools_executed")[0].at
        assert entered[0] - decided < 0.01
        assert lines(new.chat_ctx) == [
            "user: I am Ada",
            "desk: I see.",
            "user: transfer me",
            "desk -> new",
        ]
        await asyncio.sleep(6)
        assert lines(new.chat_ctx) == [
            "system: Summary of the conversation so far: Ada asks for a refund.",
            "desk -> new",
        ]


async def test_a_summary_that_fails_leaves_the_messages() -> None:
    new = Agent(id="new")
    async with talk(Summarised(new), summarising(ValueError("no"))) as t:
        await t.hear("I am Ada", "transfer me")
        await turns(20)
        assert lines(new.chat_ctx)[:2] == ["user: I am Ada", "desk: I see."]
        assert [event.detail for event in t.log.of("error")] == ["summary"]
        assert t.session.current_agent is new


async def test_a_summary_is_passed_on_with_the_full_context() -> None:
    last = Agent(id="last")

    class Middle(Agent):
        @function_tool
        async def onwards(self) -> Any:
            return handoff(last, context="full")

    replies = {"onwards": Call("onwards"), **summarising("Ada asks for a refund.")}
    async with talk(Summarised(Middle(id="middle")), replies) as t:
        await t.hear("I am Ada", "transfer me")
        await turns(20)
        await t.hear("onwards")
        assert lines(last.chat_ctx)[0] == (
            "system: Summary of the conversation so far: Ada asks for a refund."
        )
