"""What is measured and counted: model calls, tools, usage."""

import asyncio

import pytest

from antiphon import Agent, ToolError, function_tool
from antiphon.errors import ProviderRejected
from antiphon.streams import Usage
from antiphon.stt import Final
from antiphon.testing import Call, Fail, ScriptedLLM, ScriptedTTS
from antiphon.timeline import ModelCall

from .following import instant
from .following import talk as typed

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(id="desk")

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks up."""
        await asyncio.sleep(1.0)
        if number < 0:
            raise ToolError("no such number")
        return "paid"

    @function_tool
    async def hang(self) -> str:
        """Never ends."""
        await asyncio.sleep(1000)
        return ""


def calls(t) -> list[ModelCall]:
    return [event.call for event in t.events("model_call_ended")]


async def test_every_llm_step_and_every_voice_of_a_turn_is_a_call_of_its_timeline(talk):
    replies = [["One moment.", Call("look_up", number=3)], "It is paid."]
    async with talk(Desk(), replies=replies) as t:
        t.caller.type("is three paid?")
        await t.until(10)
        (turn,) = t.session.turns
    assert [(call.slot, call.model, call.outcome) for call in turn.calls] == [
        ("llm", "ScriptedLLM", "done"),
        ("tts", "ScriptedTTS", "done"),
        ("llm", "ScriptedLLM", "done"),
        ("tts", "ScriptedTTS", "done"),
    ]
    assert {call.turn for call in turn.calls} == {1}
    assert {call.speech_id for call in turn.calls} == {turn.speech_id}
    first, _, second, _ = turn.calls
    assert first.wait == pytest.approx(0.1) and first.duration == pytest.approx(0.3)
    assert turn.llm_wait == first.wait
    assert second.started == pytest.approx(turn.tools[0].ended)
    for call in turn.calls:
        assert call.started <= call.first_output <= call.ended <= turn.done
    assert sorted(map(id, turn.calls)) == sorted(
        id(call) for call in calls(t) if call.slot != "stt"
    )


async def test_the_usage_of_a_turn_is_that_of_its_calls_and_the_turns_add_up(talk):
    async with talk(Desk(), replies={"": "one two three"}) as t:
        for _ in range(3):
            t.caller.type("go on")
            await t.session.wait_for_idle()
        turns, usage = t.session.turns, t.session.usage
    for turn in turns:
        by_model: dict[str, Usage] = {}
        for call in turn.calls:
            assert call.usage is not None
            by_model[call.model] = by_model.get(call.model, Usage(requests=0)) + call.usage
        assert turn.usage == by_model
    for model in ("ScriptedLLM", "ScriptedTTS"):
        assert sum((turn.usage[model] for turn in turns), Usage(requests=0)) == usage[model]
    assert usage["ScriptedLLM"].requests == 3
    assert usage["ScriptedTTS"].characters == 3 * len("one two three")


async def test_what_is_said_without_a_user_turn_counts_for_the_session_only(talk):
    async with talk(replies=[]) as t:
        await t.session.say("good morning")
        assert t.session.turns == []
        used = t.session.usage["ScriptedTTS"]
    assert used.characters == len("good morning")
    (call,) = [call for call in calls(t) if call.slot == "tts"]
    assert (call.turn, call.usage) == (None, used)


async def test_an_stt_that_reports_at_its_end_only_is_counted_by_the_audio_it_was_given(talk):
    async with talk(replies={"": "I see"}) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(7)
        assert "ScriptedSTT" not in t.session.usage
    assert t.session.usage["ScriptedSTT"].audio_seconds == pytest.approx(7, abs=2 * FRAME)
    (call,) = [call for call in calls(t) if call.slot == "stt"]
    assert (call.started, call.outcome, call.turn) == (0.0, "cancelled", None)
    assert 0.5 < call.first_output < 2
    assert t.log[-1][1].name == "close"


async def test_what_the_stt_reports_counts_for_the_turn_it_was_heard_for(talk, planned_stt):
    # 1: with the final of the first turn. 4.2: late, while it is answered. 6: for the second one.
    plan = [
        (2.7, Usage(audio_seconds=1.0)),
        (2.7, Final("hello there")),
        (4.2, Usage(audio_seconds=0.5)),
        (9.0, Usage(audio_seconds=2.0)),
        (9.2, Final("go on")),
    ]
    slow = ScriptedTTS(seconds=2.0)
    async with talk(replies={"": "I see"}, stt=planned_stt(plan), tts=slow) as t:
        t.caller.speak_at(0.5, "hello there", seconds=2.0)
        t.caller.speak_at(7.0, "go on", seconds=2.0)
        await t.until(14)
        first, second = t.session.turns
    assert first.usage["PlannedSTT"] == Usage(audio_seconds=1.5, requests=2)
    assert second.usage["PlannedSTT"] == Usage(audio_seconds=2.0)
    assert t.session.usage["PlannedSTT"] == Usage(audio_seconds=3.5, requests=3)


async def test_a_reply_that_is_cut_short_leaves_a_cancelled_call(talk):
    llm = ScriptedLLM({"": "one two three four five six"}, first_token=0.1, total=30.0)
    async with talk(llm=llm, replies=None) as t:
        t.caller.type("tell me")
        await t.until(3)
        t.session.interrupt()
        await t.until(4)
        (turn,) = t.session.turns
    assert turn.interrupted
    assert [(call.slot, call.outcome, call.error) for call in turn.calls] == [
        ("llm", "cancelled", None),
        ("tts", "cancelled", None),
    ]
    assert [call.ended for call in turn.calls] == [3.0, 3.0]


async def test_a_call_that_fails_names_its_error(talk):
    llm = ScriptedLLM(["x"], fail_at=Fail(ProviderRejected("the key is wrong"), after=0.0))
    async with talk(llm=llm, replies=None) as t:
        t.caller.type("hello")
        await t.until(3)
        (turn,) = t.session.turns
    (call,) = turn.calls
    assert (call.outcome, call.error, call.first_output) == ("failed", "ProviderRejected", None)


async def test_a_tool_tells_when_it_ran_and_whether_it_failed():
    replies = [[Call("look_up", number=3), Call("look_up", number=-1)], "there"]
    async with typed(Desk(), replies) as t:
        await t.hear("look")
        (turn,) = t.session.turns
    good, bad = turn.tools
    assert [event.tool for event in t.log.of("tool_ended")] == [good, bad]
    assert (good.name, good.agent_id, good.turn, good.is_error) == ("look_up", "desk", 1, False)
    assert (bad.started, bad.ended, bad.is_error) == (0.0, 1.0, True)
    ids = [item.call_id for item in t.session.history if item.type == "function_call"]
    assert [good.call_id, bad.call_id] == ids
    assert good.speech_id == turn.speech_id


async def test_a_tool_that_the_end_cuts_off_has_ended_with_an_error():
    async with typed(Desk(), [Call("hang")]) as t:
        t.caller.type("hang")
        await asyncio.sleep(5)
        (tool,) = t.session.turns[0].tools
        assert tool.ended is None and t.log.of("tool_ended") == []
    assert (tool.ended, tool.is_error) == (5.0, True)
    assert [event.name for event in t.log.events][-1] == "close"


async def test_while_a_turn_goes_on_it_has_no_framework_share_yet():
    async with typed(Desk(), [Call("look_up", number=3), "paid"]) as t:
        t.caller.type("look")
        await asyncio.sleep(0.5)
        (turn,) = t.session.turns
        assert turn.framework == 0.0
        await t.session.wait_for_idle()
        assert 0 < turn.framework < 1


async def test_the_answer_to_several_turns_counts_its_own_share_for_each():
    async with typed(Desk(), {"": "I see"}) as t:
        await t.hear("one", "two", "three")
        turns = t.session.turns
    assert all(0 < turn.framework < 1 for turn in turns)


async def test_a_call_that_was_thrown_away_is_counted_apart():
    llm = instant(["I see"])
    async with typed(Desk(), llm) as t:
        conversation = t.session._conversation
        assert conversation is not None
        book = conversation.model_calls
        call = book.begin("llm", t.session.current_agent)
        book.used(call, Usage(input_tokens=5))
        book.end(call, asyncio.CancelledError(), discarded=True)
        book.used(call, Usage(input_tokens=2, requests=0))
        await t.hear("hello")
        everything, discarded = t.session.usage, t.session.discarded_usage
    assert discarded == {"ScriptedLLM": Usage(input_tokens=7)}
    assert everything["ScriptedLLM"].requests == 2
    assert (call.outcome, call.discarded, call.usage) == (
        "cancelled",
        True,
        Usage(input_tokens=7),
    )


async def test_a_tool_outside_of_any_turn_is_told_of_too():
    class Greeter(Desk):
        async def on_enter(self) -> None:
            self.session.generate_reply(instructions="greet")

    async with typed(Greeter(), [Call("look_up", number=3), "hello"]) as t:
        await t.session.wait_for_idle()
        assert t.session.turns == []
    (event,) = t.log.of("tool_ended")
    assert (event.tool.turn, event.tool.ended) == (None, 1.0)
