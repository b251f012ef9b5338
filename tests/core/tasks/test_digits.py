"""Digits, said and pressed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from antiphon import AgentTask, GetDtmfTask, ToolError
from antiphon.errors import SettingError
from antiphon.tasks import GetDtmfResult
from antiphon.testing import Call, Caller, ScriptedSTT, ScriptedTTS, ScriptedVAD

from .talking import Desk, talk

pytestmark = pytest.mark.virtual_time

REPLIES: dict[str, Any] = {
    "it is noted": "Thank you.",
    "hello": Call("ask"),
    "Ask for the digits": "Your number please?",
    "Say so, and ask again": "Once more please.",
    "The caller pressed": "Is that right?",
    "one two three four": Call("update_digits", digits="one two three four"),
    "one two": Call("update_digits", digits="12"),
    "no idea": Call("decline_digits"),
    "yes": Call("confirm_digits"),
    "": "I see.",
}


def desk_of(make: Callable[[], AgentTask[Any]]) -> Desk:
    async def work() -> Any:
        return await make()

    return Desk(work)


async def pressed(desk: Desk, *keys: str, wait: float = 0.5, **options: Any) -> Any:
    async with talk(desk, REPLIES, **options) as t:
        await t.hear("hello")
        for each in keys:
            t.caller.press(each)
            await asyncio.sleep(wait)
        await t.session.wait_for_idle()
        yield_ = (list(desk.got), t.agent, t.history)
        assert t.errors == []
        return yield_


async def test_the_last_of_the_keys_ends_it() -> None:
    got, agent, history = await pressed(desk_of(lambda: GetDtmfTask(num_digits=4)), "08", "15")
    assert got == [GetDtmfResult("0815")]
    assert agent == "desk"
    assert not any("0815" in text for text in history)  # keys may be secret


async def test_the_hash_key_ends_it() -> None:
    got, *_ = await pressed(desk_of(GetDtmfTask), "12", "3#")
    assert got == [GetDtmfResult("123")]


async def test_the_key_that_ends_it_can_be_chosen() -> None:
    got, *_ = await pressed(desk_of(lambda: GetDtmfTask(dtmf_stop_event="*")), "12#3*")
    assert got == [GetDtmfResult("123")]


async def test_without_a_key_that_ends_it_the_time_does() -> None:
    desk = desk_of(lambda: GetDtmfTask(dtmf_stop_event=None))
    got, *_ = await pressed(desk, "12#", wait=4.1)
    assert got == [GetDtmfResult("12")]


async def test_it_ends_when_no_key_comes_for_a_while() -> None:
    desk = desk_of(lambda: GetDtmfTask(dtmf_input_timeout=2.0))
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.caller.press("1")
        await asyncio.sleep(1.9)
        t.caller.press("2")
        await asyncio.sleep(1.9)
        assert t.agent == "get_dtmf_task"
        await asyncio.sleep(0.2)
        assert desk.got == [GetDtmfResult("12")]


async def test_the_star_begins_again() -> None:
    got, *_ = await pressed(desk_of(GetDtmfTask), "99*12#")
    assert got == [GetDtmfResult("12")]


async def test_the_star_stops_the_time_too() -> None:
    desk = desk_of(GetDtmfTask)
    got, agent, history = await pressed(desk, "99*", wait=10)
    assert (got, agent) == ([], "get_dtmf_task")
    assert history[-1] == "get_dtmf_task: Your number please?"


async def test_too_few_keys_are_told_and_asked_again() -> None:
    desk = desk_of(lambda: GetDtmfTask(num_digits=4))
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.caller.press("12#")
        await asyncio.sleep(0.1)
        assert t.llm.requests[-1].texts[-1] == (
            "system",
            "The caller pressed keys: 2 digits came, but 4 are needed. Say so, and ask again.",
        )
        assert t.history[-1] == "get_dtmf_task: Once more please."
        t.caller.press("1234")
        await asyncio.sleep(0.1)
        assert desk.got == [GetDtmfResult("1234")]


async def test_the_hash_key_alone_says_nothing() -> None:
    got, agent, history = await pressed(desk_of(GetDtmfTask), "#")
    assert (got, agent) == ([], "get_dtmf_task")
    assert history[-1] == "get_dtmf_task: Your number please?"


async def test_keys_behind_the_last_are_ignored() -> None:
    got, *_ = await pressed(desk_of(lambda: GetDtmfTask(num_digits=2)), "1234#")
    assert got == [GetDtmfResult("12")]


async def test_digits_may_be_said() -> None:
    desk = desk_of(lambda: GetDtmfTask(num_digits=4))
    async with talk(desk, REPLIES) as t:
        await t.hear("hello", "one two")
        assert t.of("error") == ["error update_digits: 2 digits came, but 4 are needed"]
        await t.hear("one two three four")
        assert desk.got == [GetDtmfResult("1234")]


async def test_what_is_said_takes_the_place_of_keys_that_were_begun() -> None:
    desk = desk_of(lambda: GetDtmfTask(num_digits=4, require_confirmation=True))
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.caller.press("99")
        await t.hear("one two three four")
        await asyncio.sleep(10)
        assert t.history[-1] == "get_dtmf_task: I see."  # nothing was made of the keys
        await t.hear("yes")
        assert desk.got == [GetDtmfResult("1234")]


async def test_keys_are_confirmed_when_that_is_asked_for() -> None:
    desk = desk_of(lambda: GetDtmfTask(num_digits=4, require_confirmation=True))
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.caller.press("0815")
        await asyncio.sleep(0.1)
        assert t.llm.requests[-1].texts[-1] == (
            "system",
            "The caller pressed 0 8 1 5. Read it back digit by digit, and ask whether it is right.",
        )
        assert t.history[-1] == "get_dtmf_task: Is that right?"
        t.caller.press("0816")
        await asyncio.sleep(0.1)
        await t.hear("yes")
        assert desk.got == [GetDtmfResult("0816")]


async def test_a_caller_may_decline() -> None:
    desk = desk_of(lambda: GetDtmfTask(what="the customer number"))
    async with talk(desk, {**REPLIES, "Ask for": "Number?"}) as t:
        await t.hear("hello", "no idea")
        assert [str(error) for error in desk.errors] == [
            "the caller would not give the customer number"
        ]


async def test_keys_in_a_spoken_call_interrupt_the_question() -> None:
    caller = Caller()
    desk = desk_of(lambda: GetDtmfTask(num_digits=4))
    asked = "Please press or say your four digits, one after another."
    replies = {**REPLIES, "Ask for the digits": asked}
    slots = {"stt": ScriptedSTT(), "vad": ScriptedVAD(), "tts": ScriptedTTS()}
    async with talk(desk, replies, caller=caller, **slots) as t:
        await caller.speak("hello")
        await caller.wait_until(4.0)
        assert t.session.agent_state == "speaking"
        caller.press("0")
        assert caller.silent_since == pytest.approx(4.0, abs=0.05)
        await caller.wait_until(5.0)
        caller.press("815")
        await caller.wait_until(10.0)
        assert desk.got == [GetDtmfResult("0815")]
        assert caller.heard_text().endswith("Thank you.")


async def test_a_task_that_is_left_forgets_its_keys() -> None:
    desk = desk_of(GetDtmfTask)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.caller.press("12")
        t.session.shutdown()
        await t.session.wait_closed()
        await asyncio.sleep(10)
        assert t.errors == []
        assert desk.got == []


async def test_a_session_that_is_closed_by_force_leaves_no_key_behind() -> None:
    desk = desk_of(GetDtmfTask)
    async with talk(desk, REPLIES) as t:
        await t.hear("hello")
        t.caller.press("12")
        await t.session.aclose()
        await asyncio.sleep(10)
        assert t.errors == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"num_digits": 0},
            "digits cannot be 0 to 0; give num_digits, or min_digits from 1 and max_digits not "
            "below it",
        ),
        (
            {"min_digits": 5, "max_digits": 4},
            "digits cannot be 5 to 4; give num_digits, or min_digits from 1 and max_digits not "
            "below it",
        ),
        ({"dtmf_input_timeout": 0}, "dtmf_input_timeout is 0; give seconds above 0"),
        ({"dtmf_stop_event": "5"}, "dtmf_stop_event is '5'; give '#', '*', 'A' to 'D', or None"),
        ({"dtmf_stop_event": "##"}, "dtmf_stop_event is '##'; give '#', '*', 'A' to 'D', or None"),
    ],
)
def test_options_are_checked(options: Any, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        GetDtmfTask(**options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, "any number of"),
        ({"num_digits": 4}, "4"),
        ({"min_digits": 2, "max_digits": 4}, "2 to 4"),
        ({"min_digits": 3}, "3 or more"),
    ],
)
def test_the_model_is_told_how_many(options: Any, count: str) -> None:
    assert f"It has {count} digits." in GetDtmfTask(**options).instructions


def test_what_is_no_digit_is_told() -> None:
    with pytest.raises(ToolError) as caught:
        GetDtmfTask().check("12 apples")
    assert str(caught.value) == "'apples' is no digit; give digits only"
    assert GetDtmfTask().check("0815#") == "0815"  # as keys come that were no keys of the task
    with pytest.raises(ToolError) as caught:
        GetDtmfTask(min_digits=2).check("1")
    assert str(caught.value) == "1 digit came, but 2 or more are needed"


async def test_keys_that_come_before_the_task_are_not_lost() -> None:
    caller = Caller()
    desk = desk_of(lambda: GetDtmfTask(num_digits=4))
    replies = {**REPLIES, "hello": ["One moment please, I will look.", Call("ask")]}
    async with talk(desk, replies, caller=caller, tts=ScriptedTTS()) as t:
        caller.type("hello")
        await caller.wait_until(1.0)
        assert t.agent == "desk"
        caller.press("08")
        await caller.wait_until(2.0)
        assert t.agent == "get_dtmf_task"
        caller.press("15")
        await caller.wait_until(10.0)
        assert desk.got == [GetDtmfResult("0815")]
        assert t.of("user") == ["user: hello"]


async def test_keys_that_all_come_before_the_task_are_its_keys_too() -> None:
    caller = Caller()
    desk = desk_of(lambda: GetDtmfTask(num_digits=4))
    replies = {**REPLIES, "hello": ["One moment please, I will look.", Call("ask")]}
    async with talk(desk, replies, caller=caller, tts=ScriptedTTS()) as t:
        caller.type("hello")
        await caller.wait_until(1.0)
        caller.press("0815")
        await caller.wait_until(10.0)
        assert desk.got == [GetDtmfResult("0815")]
        assert t.of("user") == ["user: hello"]


async def test_one_key_before_the_task_is_given_to_it_though_no_other_comes() -> None:
    caller = Caller()
    desk = desk_of(GetDtmfTask)
    replies = {**REPLIES, "hello": ["One moment please, I will look.", Call("ask")]}
    async with talk(desk, replies, caller=caller, tts=ScriptedTTS()) as t:
        caller.type("hello")
        await caller.wait_until(1.0)
        caller.press("5")
        await caller.wait_until(6.9)
        assert t.agent == "get_dtmf_task"
        await caller.wait_until(10.0)
        assert desk.got == [GetDtmfResult("5")]
        assert t.of("user") == ["user: hello"]


async def test_a_model_cannot_confirm_keys_that_were_not_read_back() -> None:
    desk = desk_of(lambda: GetDtmfTask(num_digits=4, require_confirmation=True))
    confirm = Call("confirm_digits")
    replies = [Call("ask"), "Number?", confirm, "Is that right?", confirm, "Thank you."]
    async with talk(desk, replies) as t:
        await t.hear("hello")
        t.caller.press("0815")
        await asyncio.sleep(0.1)
        assert t.of("error") == [
            "error confirm_digits: the caller has not heard it yet; read back the digits and wait "
            "for the answer"
        ]
        assert desk.got == []
        await t.hear("yes")
        assert desk.got == [GetDtmfResult("0815")]
