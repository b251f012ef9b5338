import asyncio

import pytest

from antiphon import Agent
from antiphon.engine.mailbox import UNCHANGED, Mailbox
from antiphon.errors import ProviderRejected
from antiphon.testing import ScriptedLLM

WORDS = {"": "very well then"}


# The mailbox itself


class Box:
    """A mailbox that notes what it does."""

    def __init__(self, listener=lambda event: None):
        self.log = []
        self.listener = listener
        self.box = Mailbox(settle=self.settle, deliver=self.deliver, failed=self.failed)

    def settle(self):
        self.log.append("settled")

    def deliver(self, event):
        self.log.append(event)
        self.listener(event)

    def failed(self, error):
        self.log.append(repr(error))

    def note(self, what):
        self.log.append(what)


def test_a_command_that_changes_nothing_wakes_nobody():
    box = Box()

    def goes_on():
        box.note("more audio")
        return UNCHANGED

    box.box.post(goes_on)
    assert box.log == ["more audio"]
    box.box.post(lambda: (box.box.post(goes_on), box.note("changed"))[1])
    assert box.log[1:] == ["changed", "more audio", "settled"], "what came before it counts"


def test_a_command_runs_within_the_call_that_posts_it():
    box = Box()
    box.box.post(box.note, "done")
    assert box.log == ["done", "settled"]


def test_a_command_posted_by_a_command_runs_after_it():
    box = Box()

    def first():
        box.box.post(box.note, "second")
        box.note("first")

    box.box.post(first)
    assert box.log == ["first", "second", "settled"]


def test_listeners_are_told_when_the_commands_have_run_out():
    box = Box()

    def first():
        box.box.notify("news")
        box.box.post(box.note, "second")

    box.box.post(first)
    assert box.log == ["second", "settled", "news"]


def test_what_a_listener_posts_runs_at_once_and_its_news_come_after_those_before():
    box = Box()

    def listener(event):
        if event == "one":
            box.box.post(lambda: (box.note("posted"), box.box.notify("three")))
            box.note("listener is done")

    box.listener = listener
    box.box.post(lambda: (box.box.notify("one"), box.box.notify("two")))
    assert box.log == ["settled", "one", "posted", "settled", "listener is done", "two", "three"]


def test_a_command_that_fails_does_not_keep_the_next_from_running():
    box = Box()

    def broken():
        raise ValueError("oops")

    def both():
        box.box.post(broken)
        box.box.post(box.note, "next")

    box.box.post(both)
    assert box.log == ["ValueError('oops')", "next", "settled"]


def test_a_thousand_commands_in_a_row_do_not_grow_the_stack():
    box = Box()
    left = [5000]

    def again():
        left[0] -= 1
        if left[0]:
            box.box.post(again)

    box.box.post(again)
    assert left == [0]
    assert box.log == ["settled"]


# Listeners of a session

virtual = pytest.mark.virtual_time


@virtual
async def test_events_come_in_the_order_of_their_times(talk):
    async with talk(replies=WORDS) as t:
        for start in (0.5, 4.0, 8.0):
            t.caller.speak_at(start, "hello there", seconds=1.0)
        await t.until(12)
    stamps = [event.at for _, event in t.log]
    assert stamps == sorted(stamps)


@virtual
async def test_events_are_delivered_at_the_instant_they_tell_of(talk):
    async with talk(replies=WORDS) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
    assert all(when == pytest.approx(event.at, abs=1e-6) for when, event in t.log)


@virtual
async def test_listeners_are_called_in_the_order_of_their_subscription(talk):
    calls = []
    async with talk(replies=WORDS) as t:
        for number in range(3):
            t.session.on("user_state_changed", lambda event, n=number: calls.append(n))
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
    assert calls == [0, 1, 2, 0, 1, 2]


@virtual
async def test_an_exception_in_a_listener_becomes_an_error_event(talk, caplog):
    async with talk(replies=WORDS) as t:

        @t.session.on("agent_state_changed")
        def broken(event):
            raise ValueError("oops")

        t.caller.type("hello")
        await t.until(4)
    errors = t.events("error")
    assert {(e.source, e.recoverable, str(e.error)) for e in errors} == {("listener", True, "oops")}
    assert len(errors) == len(t.events("agent_state_changed")) - 1  # one came before it listened
    assert errors[0].detail.endswith("broken")
    assert t.said == [("user", "hello"), ("assistant", "very well then")]


@virtual
async def test_the_other_listeners_are_called_all_the_same(talk, caplog):
    called = []
    async with talk(replies=WORDS) as t:

        @t.session.on("agent_state_changed")
        def broken(event):
            raise ValueError("oops")

        t.session.on("agent_state_changed", lambda event: called.append(event.new_state))
        t.caller.type("hello")
        await t.until(4)
    assert called == ["thinking", "speaking", "listening"]


@virtual
async def test_a_listener_of_errors_that_fails_itself_does_not_go_round_for_ever(talk, caplog):
    calls = []
    async with talk(llm=ScriptedLLM({"": ProviderRejected("no such model")})) as t:

        @t.session.on("error")
        def broken(event):
            calls.append(event)
            raise ValueError("oops")

        t.caller.type("hello")
        await t.until(4)
    assert len(calls) == 1


@virtual
async def test_a_listener_may_speak(talk):
    async with talk(replies=WORDS) as t:

        @t.session.on("user_state_changed")
        def back(event):
            if event.new_state == "away":
                t.session.say("are you still there")

        await t.until(20)
    assert t.heard == "are you still there"


@virtual
async def test_a_listener_may_interrupt(talk):
    async with talk(replies=WORDS) as t:

        @t.session.on("agent_state_changed")
        def hush(event):
            if event.new_state == "speaking":
                t.session.interrupt()

        await t.until(1.0)
        handle = t.session.say("one two three")
        await t.until(4)
        assert handle.interrupted
    assert t.heard == ""
    assert t.said == []


@virtual
async def test_a_listener_may_hand_over(talk):
    async with talk(Agent(instructions="x", id="one"), replies=WORDS) as t:
        second = Agent(instructions="y", id="two")

        @t.session.on("conversation_item_added")
        def over(event):
            if getattr(event.item, "role", None) == "user":
                t.session.update_agent(second)

        t.caller.type("hello")
        await t.until(6)
        assert t.session.current_agent is second


@virtual
async def test_a_listener_may_close_the_session(talk):
    async with talk(replies=WORDS) as t:

        @t.session.on("agent_state_changed")
        def enough(event):
            if event.new_state == "thinking":
                t.session.shutdown(drain=False, reason="enough")

        t.caller.type("hello")
        await t.until(4)
        assert [event.reason for event in t.events("close")] == ["enough"]


@virtual
async def test_a_listener_sees_the_state_that_it_is_told_of(talk):
    seen = []
    async with talk(replies=WORDS) as t:
        t.session.on(
            "agent_state_changed", lambda e: seen.append((e.new_state, t.session.agent_state))
        )
        t.caller.type("hello")
        await t.until(4)
    assert seen == [(state, state) for state, _ in seen]


@virtual
async def test_an_added_item_is_in_the_history_when_it_is_told_of(talk):
    missing = []
    async with talk(replies=WORDS) as t:
        t.session.on(
            "conversation_item_added",
            lambda e: e.item.id in t.session.history or missing.append(e.item),
        )
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
    assert missing == []
    assert len(t.events("conversation_item_added")) == 3


@virtual
async def test_an_async_listener_is_refused_with_the_way_out(talk):
    t = talk(replies=WORDS)

    async def late(event):
        pass

    with pytest.raises(TypeError) as caught:
        t.session.on("error", late)
    assert str(caught.value).startswith("the listener ")
    assert str(caught.value).endswith(
        "for 'error' is an `async def`; give a plain function that starts a task: "
        "`asyncio.create_task(…)`"
    )


@virtual
async def test_a_listener_that_unsubscribes_is_not_called_again(talk):
    calls = []
    async with talk(replies=WORDS) as t:

        def once(event):
            calls.append(event)
            t.session.off("agent_state_changed", once)

        t.session.on("agent_state_changed", once)
        t.caller.type("hello")
        await t.until(4)
    assert len(calls) == 1


@virtual
async def test_nothing_comes_after_the_close_event(talk):
    async with talk(replies=WORDS) as t:
        t.caller.speak_at(0.5, "hello there old friend", seconds=2.0)
        await t.until(1.5)
    await asyncio.sleep(5)
    assert t.log[-1][1].name == "close"
    assert [event.name for _, event in t.log].count("close") == 1
