"""`aec_warmup_duration`: in the agent's first seconds its echo does not interrupt it."""

import pytest

from antiphon import Agent, AgentSession
from antiphon.errors import ConfigurationError
from antiphon.testing import ScriptedSTT

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
TEN = "one two three four five six seven eight nine ten"

# `say(TEN)` at 1.0: audio from 1.2 to 5.2.


async def say_ten(t, **options):
    await t.until(1.0)
    return t.session.say(TEN, **options)


async def test_speech_in_the_warm_up_does_not_interrupt(talk):
    async with talk(replies=["very well"], aec_warmup_duration=3.0) as t:
        t.caller.speak_at(1.8, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(12)
        assert not handle.interrupted
    assert t.events("agent_false_interruption") == []
    assert "pause" not in [what for _, what in t.decisions]


async def test_what_is_said_in_the_warm_up_is_a_turn_all_the_same_and_answered_afterwards(talk):
    async with talk(replies=["very well"], aec_warmup_duration=3.0) as t:
        t.caller.speak_at(1.8, "stop that please", seconds=1.2)
        await say_ten(t)
        await t.until(12)
    assert t.heard == TEN + " very well"
    assert ("user", "stop that please") in t.said


async def test_a_turn_of_the_warm_up_does_not_interrupt_at_its_end_either(talk):
    # Spoken until 3.6; committed at 4.3, when the warm-up (until 4.0) is over.
    async with talk(
        replies=["very well"],
        aec_warmup_duration=2.8,
        turn_handling={"endpointing": {"min_delay": 0.7}},
    ) as t:
        t.caller.speak_at(2.4, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(12)
        assert not handle.interrupted


async def test_speech_after_the_warm_up_interrupts(talk):
    async with talk(replies=["very well"], aec_warmup_duration=1.0) as t:
        t.caller.speak_at(2.4, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(12)
    assert handle.interrupted
    assert [when for when, what in t.decisions if what == "interrupt"] == [
        pytest.approx(2.9, abs=FRAME)
    ]


@pytest.mark.parametrize("stt", ["with words", "without"])
async def test_speech_that_goes_on_after_the_warm_up_interrupts_when_it_is_over(talk, stt):
    slot = ScriptedSTT() if stt == "with words" else None
    async with talk(replies=["very well"], stt=slot, aec_warmup_duration=2.0) as t:
        t.caller.speak_at(1.6, "stop that please I want something else", seconds=3.0)
        handle = await say_ten(t)
        await t.until(12)
    assert handle.interrupted
    assert [when for when, what in t.decisions if what == "interrupt"] == [
        pytest.approx(3.2, abs=0.05)
    ]


async def test_the_warm_up_counts_the_seconds_in_which_the_agent_is_heard(talk):
    async with talk(replies=[], aec_warmup_duration=3.0) as t:
        await t.until(1.0)
        await t.session.say("hello there you")  # 1.2 s of audio
        await t.until(10.0)
        handle = t.session.say(TEN)  # from 10.2; warm until 12.0
        t.caller.mumble_at(10.6, 0.8)
        t.caller.mumble_at(12.3, 0.8)
        await t.until(20)
    assert not handle.interrupted
    pauses = [when for when, what in t.decisions if what == "pause"]
    assert pauses == [pytest.approx(12.8, abs=FRAME)]


async def test_typed_lines_and_keys_interrupt_in_the_warm_up_too(talk):
    async with talk(replies=["very well", "again"], aec_warmup_duration=30.0) as t:
        handle = await say_ten(t)
        await t.until(2.5)
        t.caller.type("stop")
        assert handle.interrupted
        await t.until(5.0)
        second = t.session.say(TEN)
        await t.until(6.0)
        t.caller.press("1")
        assert second.interrupted
        await t.until(12)


async def test_words_while_the_agent_thinks_are_no_echo(talk):
    from antiphon.testing import ScriptedLLM

    llm = ScriptedLLM({"": "here it is"}, first_token=2.0, total=2.1)
    async with talk(llm=llm, aec_warmup_duration=30.0) as t:
        t.caller.speak_at(0.5, "tell me", seconds=0.8)
        t.caller.speak_at(2.2, "about it", seconds=0.8)
        await t.until(10)
    assert llm.calls == 2
    assert t.heard == "here it is"


async def test_by_default_there_is_no_warm_up(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.speak_at(1.3, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(10)
    assert handle.interrupted


def test_a_warm_up_that_is_no_time_says_so():
    with pytest.raises(ConfigurationError) as caught:
        AgentSession(agent=Agent(), aec_warmup_duration=-0.5)
    assert str(caught.value) == "aec_warmup_duration is -0.5; give seconds, 0 or more, or None"
