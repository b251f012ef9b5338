import asyncio

import pytest

from antiphon import Agent, function_tool
from antiphon.stt import Final, Partial
from antiphon.testing import (
    Call,
    Caller,
    Pause,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
)

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
TEN = "one two three four five six seven eight nine ten"


def interruption(**options):
    return {"interruption": options}


def speech(t, number=0):
    """The handle of the speech with that number."""
    return t.events("speech_created")[number].speech_handle


# `say(TEN)` at 1.0: audio from 1.2, a word every 0.4 s, until 5.2.


async def say_ten(t, **options):
    await t.until(1.0)
    return t.session.say(TEN, **options)


# When it takes effect


async def test_words_over_the_agent_stop_it_after_min_duration(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(2.54)
        assert t.caller.silent_since == pytest.approx(2.5, abs=FRAME)
        await t.until(10)
    assert handle.interrupted
    assert t.said == [
        ("assistant", "one two three"),
        ("user", "stop that please"),
        ("assistant", "very well"),
    ]


@pytest.mark.parametrize("duration", [0.2, 0.8])
async def test_min_duration_says_how_long_the_user_must_speak(talk, duration):
    async with talk(replies=["very well"], turn_handling=interruption(min_duration=duration)) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        await say_ten(t)
        await t.until(3.0)
        assert t.caller.silent_since == pytest.approx(2.0 + duration, abs=FRAME)
        await t.until(10)


async def test_speech_of_min_duration_pauses_until_its_words_come(talk):
    stt = ScriptedSTT(partials=False)
    async with talk(replies=["very well"], stt=stt) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(3.0)
        assert not handle.interrupted
        assert t.session.agent_state == "listening"
        await t.until(10)
    assert handle.interrupted
    decisions = [(when, what) for when, what in t.decisions if what in ("pause", "interrupt")]
    assert decisions == [
        (pytest.approx(2.5, abs=FRAME), "pause"),
        (pytest.approx(3.4, abs=FRAME), "interrupt"),
    ]


async def test_a_short_word_interrupts_at_its_endpoint(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.speak_at(2.0, "no", seconds=0.4)
        handle = await say_ten(t)
        await t.until(10)
    assert handle.interrupted
    # Audio from 1.2; the endpoint of "no" is at 2.9: four words of 0.4 s.
    assert t.said == [
        ("assistant", "one two three four"),
        ("user", "no"),
        ("assistant", "very well"),
    ]
    assert t.decisions[0] == (pytest.approx(2.9, abs=FRAME), "commit")


async def test_a_barge_in_without_an_stt_is_an_interruption_at_once(talk):
    async with talk(stt=None) as t:
        t.caller.mumble_at(2.0, 1.0)
        handle = await say_ten(t)
        await t.until(2.53)
        assert handle.interrupted and handle.done()
        await t.until(8)
    assert t.decisions == [(pytest.approx(2.5, abs=FRAME), "interrupt")]
    assert t.said == [("assistant", "one two three")]


async def test_a_barge_in_without_a_vad_comes_with_the_first_words(talk):
    async with talk(replies=["very well"], vad=None) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(2.45)
        assert handle.interrupted
        await t.until(8)
    assert t.said[0] == ("assistant", "one two three")


async def test_a_typed_line_interrupts_at_once(talk):
    async with talk(replies=["very well"]) as t:
        handle = await say_ten(t)
        await t.until(2.5)
        t.caller.type("stop that")
        assert handle.interrupted
        assert t.caller.silent_since == pytest.approx(2.5, abs=1e-3)
        await t.until(8)
    assert t.said == [
        ("assistant", "one two three"),
        ("user", "stop that"),
        ("assistant", "very well"),
    ]


# min_words and ignore_words


async def test_fewer_words_than_min_words_do_not_interrupt(talk):
    async with talk(replies=[], turn_handling=interruption(min_words=3)) as t:
        t.caller.speak_at(2.0, "oh really", seconds=0.8)
        handle = await say_ten(t)
        await t.until(12)
        assert handle.done() and not handle.interrupted
    assert t.heard == TEN
    assert ("user", "oh really") in t.said
    assert t.session.turns[0].done is not None


async def test_as_many_words_as_min_words_interrupt(talk):
    async with talk(replies=["very well"], turn_handling=interruption(min_words=3)) as t:
        t.caller.speak_at(2.0, "oh really now", seconds=1.2)
        handle = await say_ten(t)
        await t.until(12)
    assert handle.interrupted
    interrupted = [when for when, what in t.decisions if what == "interrupt"]
    assert interrupted == [pytest.approx(3.2, abs=FRAME)]


async def test_too_few_words_are_recorded_and_declared_unanswered(talk):
    async with talk(replies=[], turn_handling=interruption(min_words=3)) as t:
        t.caller.speak_at(2.0, "oh really", seconds=0.8)
        await say_ten(t)
        await t.until(12)
    assert [event.reason for event in t.events("reply_skipped")] == ["the words do not interrupt"]
    assert "ignore" in [what for _, what in t.decisions]
    assert t.said == [("assistant", TEN), ("user", "oh really")]


async def test_ignored_words_never_interrupt(talk):
    async with talk(replies=[], turn_handling=interruption(ignore_words=("mhm", "yeah"))) as t:
        t.caller.speak_at(2.0, "Mhm yeah", seconds=0.8)
        handle = await say_ten(t)
        await t.until(12)
        assert handle.done() and not handle.interrupted
    assert t.heard == TEN


async def test_after_ignored_words_the_agent_goes_on_at_their_endpoint(talk):
    async with talk(replies=[], turn_handling=interruption(ignore_words=("mhm", "yeah"))) as t:
        t.caller.speak_at(2.0, "mhm yeah", seconds=0.8)
        await say_ten(t)
        await t.until(12)
    # Paused at 2.5, resumed when the turn of 2.8 has ended.
    assert [(when, what) for when, what in t.states if what in ("speaking", "listening")][1:4] == [
        (pytest.approx(1.2, abs=FRAME), "speaking"),
        (pytest.approx(2.5, abs=FRAME), "listening"),
        (pytest.approx(3.3, abs=FRAME), "speaking"),
    ]


async def test_ignored_words_among_others_do_interrupt(talk):
    async with talk(replies=["very well"], turn_handling=interruption(ignore_words=("yeah",))) as t:
        t.caller.speak_at(2.0, "yeah but wait", seconds=1.2)
        handle = await say_ten(t)
        await t.until(12)
    assert handle.interrupted


async def test_ignored_words_in_silence_are_an_ordinary_turn(talk):
    async with talk(replies=["so what"], turn_handling=interruption(ignore_words=("yeah",))) as t:
        t.caller.speak_at(1.0, "yeah", seconds=0.4)
        await t.until(8)
    assert t.said == [("user", "yeah"), ("assistant", "so what")]


async def test_ignored_words_while_the_agent_thinks_do_not_cancel_its_reply(talk):
    llm = ScriptedLLM(["here it comes"], first_token=3.0, total=3.1)
    async with talk(llm=llm, turn_handling=interruption(ignore_words=("mhm",))) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.speak_at(3.0, "mhm", seconds=0.6)
        await t.until(12)
    assert llm.calls == 1
    assert t.heard == "here it comes"


# What may not be interrupted


async def test_with_interruptions_off_the_agent_speaks_on(talk):
    async with talk(replies=["very well"], turn_handling=interruption(enabled=False)) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(12)
        assert not handle.interrupted
    assert t.said == [
        ("assistant", TEN),
        ("user", "stop that please"),
        ("assistant", "very well"),
    ]


async def test_with_interruptions_off_the_turn_is_answered_afterwards(talk):
    async with talk(replies=["very well"], turn_handling=interruption(enabled=False)) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        await say_ten(t)
        await t.until(12)
    assert t.heard == TEN + " very well"


async def test_an_uninterruptible_speech_is_heard_whole_and_the_turn_answered_after_it(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        handle = await say_ten(t, allow_interruptions=False)
        await t.until(12)
        assert not handle.interrupted
    assert t.heard == TEN + " very well"
    assert ("user", "stop that please") in t.said


async def test_two_turns_during_an_uninterruptible_speech_are_both_kept(talk):
    async with talk(replies={"": "very well"}) as t:
        t.caller.speak_at(1.5, "stop that", seconds=0.8)
        t.caller.speak_at(3.4, "I said stop", seconds=0.8)
        await say_ten(t, allow_interruptions=False)
        await t.until(15)
    assert [text for role, text in t.said if role == "user"] == ["stop that", "I said stop"]
    assert t.heard == f"{TEN} very well very well"


async def test_an_uninterruptible_speech_may_begin_while_the_user_speaks(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.speak_at(0.8, "let me tell you something long", seconds=3.0)
        await t.until(1.0)
        t.session.say("this call is recorded", allow_interruptions=False)
        await t.until(12)
        start, _, text = t.agent_heard[0]
    assert text.startswith("this call is recorded")
    assert start == pytest.approx(1.2, abs=FRAME)


async def test_a_speech_made_uninterruptible_while_it_plays_is(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        handle = await say_ten(t)
        await t.until(1.8)
        handle.allow_interruptions = False
        await t.until(12)
    assert t.heard == TEN + " very well"


# False interruptions


TRANSPORTS = {
    "native": {"pause": "native", "position": "exact"},
    "emulated": {"pause": "emulated", "position": "exact"},
    "emulated, reported": {"pause": "emulated", "position": "reported"},
    "native, estimated": {"pause": "native", "position": "estimated"},
}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_sound_without_words_pauses_and_goes_on_from_the_same_sample(talk, transport):
    async with talk(replies=[], caller=Caller(**TRANSPORTS[transport])) as t:
        t.caller.mumble_at(2.0, 0.8)
        handle = await say_ten(t)
        await t.until(15)
        assert handle.done() and not handle.interrupted
        parts = t.agent_heard
    # The listener takes a word only if it got all of its samples, once.
    assert t.heard == TEN
    assert t.said == [("assistant", TEN)]
    assert [(start, end) for start, end, _ in parts] == [
        (pytest.approx(1.2, abs=FRAME), pytest.approx(2.5, abs=FRAME)),
        (pytest.approx(4.8, abs=FRAME), pytest.approx(4.8 + 2.7, abs=2 * FRAME)),
    ]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_two_false_interruptions_of_one_speech_lose_nothing(talk, transport):
    async with talk(
        replies=[],
        caller=Caller(**TRANSPORTS[transport]),
        turn_handling=interruption(false_interruption_timeout=0.5),
    ) as t:
        t.caller.mumble_at(1.5, 0.7)
        t.caller.mumble_at(3.5, 0.7)
        await say_ten(t)
        await t.until(15)
    assert t.heard == TEN
    assert len(t.events("agent_false_interruption")) == 2


async def test_a_resumption_is_told(talk):
    async with talk(replies=[]) as t:
        t.caller.mumble_at(2.0, 0.8)
        await say_ten(t)
        await t.until(15)
    assert t.at("agent_false_interruption", resumed=True) == [pytest.approx(4.8, abs=FRAME)]
    assert [what for _, what in t.decisions] == ["pause", "resume"]


@pytest.mark.parametrize("timeout", [1.0, 3.5])
async def test_the_timeout_counts_from_the_end_of_the_users_sound(talk, timeout):
    async with talk(
        replies=[], turn_handling=interruption(false_interruption_timeout=timeout)
    ) as t:
        t.caller.mumble_at(2.0, 1.5)
        await say_ten(t)
        await t.until(15)
    assert t.at("agent_false_interruption") == [pytest.approx(3.5 + timeout, abs=FRAME)]


async def test_the_agent_does_not_resume_while_a_final_is_due(talk, planned_stt):
    stt = planned_stt(answers=[(1.2, Final("", flushed=True))])
    async with talk(
        replies=[], stt=stt, turn_handling=interruption(false_interruption_timeout=0.6)
    ) as t:
        t.caller.mumble_at(2.0, 0.8)
        await say_ten(t)
        await t.until(15)
    # The voice ends at 2.8, the VAD says so at 3.3, the answer comes at 4.5.
    assert t.at("agent_false_interruption") == [pytest.approx(4.5, abs=FRAME)]


async def test_a_final_that_never_comes_holds_the_agent_for_two_seconds_only(talk, planned_stt):
    stt = planned_stt()
    async with talk(
        replies=[], stt=stt, turn_handling=interruption(false_interruption_timeout=0.6)
    ) as t:
        t.caller.mumble_at(2.0, 0.8)
        await say_ten(t)
        await t.until(15)
    assert t.at("agent_false_interruption") == [pytest.approx(2.8 + 0.5 + 2.0, abs=FRAME)]
    assert t.heard == TEN


async def test_words_that_come_after_the_pause_make_it_an_interruption(talk, planned_stt):
    stt = planned_stt(answers=[(0.9, Final("wait", flushed=True))])
    async with talk(replies=["yes"], stt=stt) as t:
        t.caller.mumble_at(2.0, 0.8)
        handle = await say_ten(t)
        await t.until(15)
    assert handle.interrupted
    assert t.said == [("assistant", "one two three"), ("user", "wait"), ("assistant", "yes")]
    assert t.events("agent_false_interruption") == []


async def test_a_second_sound_during_the_pause_puts_the_resumption_off(talk):
    async with talk(replies=[]) as t:
        t.caller.mumble_at(2.0, 0.8)
        t.caller.mumble_at(4.0, 0.3)
        await say_ten(t)
        await t.until(15)
    assert t.at("agent_false_interruption") == [pytest.approx(4.3 + 2.0, abs=FRAME)]
    assert t.heard == TEN


async def test_without_resuming_a_sound_of_min_duration_ends_the_speech(talk):
    async with talk(replies=[], turn_handling=interruption(resume_false_interruption=False)) as t:
        t.caller.mumble_at(2.0, 0.8)
        handle = await say_ten(t)
        await t.until(15)
    assert handle.interrupted
    assert t.said == [("assistant", "one two three")]
    assert [what for _, what in t.decisions] == ["interrupt"]


async def test_without_resuming_and_with_min_words_only_words_end_the_speech(talk):
    async with talk(
        replies=["very well"],
        turn_handling=interruption(resume_false_interruption=False, min_words=2),
    ) as t:
        t.caller.mumble_at(1.5, 0.8)
        t.caller.speak_at(3.0, "stop it", seconds=0.8)
        handle = await say_ten(t)
        await t.until(15)
    assert handle.interrupted
    assert [(round(when, 1), what) for when, what in t.decisions if what == "interrupt"] == [
        (3.8, "interrupt")
    ]


async def test_a_sound_shorter_than_min_duration_changes_nothing(talk):
    async with talk(replies=[]) as t:
        t.caller.mumble_at(2.0, 0.4)
        await say_ten(t)
        await t.until(8)
        ((start, end, text),) = t.agent_heard
    assert text == TEN
    assert end - start == pytest.approx(4.0, abs=FRAME)
    assert t.decisions == []


async def test_the_tts_goes_on_within_its_read_ahead_during_a_pause(talk):
    tts = ScriptedTTS(realtime_factor=0.5)
    async with talk(replies=[], tts=tts) as t:
        t.caller.mumble_at(1.9, 0.8)
        await say_ten(t)
        await t.until(15)
    assert t.heard == TEN


async def test_a_pause_in_the_last_words_of_a_speech_resumes_them(talk):
    async with talk(replies=[]) as t:
        t.caller.mumble_at(4.5, 1.5)
        await say_ten(t)
        await t.until(15)
    # Paused at 5.0 with 0.2 s of audio left.
    assert t.heard == TEN
    assert t.agent_heard[-1][1] == pytest.approx(8.2, abs=2 * FRAME)


async def test_a_paused_speech_can_be_interrupted_by_the_program(talk):
    async with talk(replies=[]) as t:
        t.caller.mumble_at(2.0, 0.8)
        handle = await say_ten(t)
        await t.until(3.0)
        handle.interrupt()
        assert handle.done()
        second = t.session.say("hello again")
        await t.until(12)
        assert second.done() and not second.interrupted
    assert t.said == [("assistant", "one two three"), ("assistant", "hello again")]
    assert t.heard == "one two three hello again"


async def test_a_typed_line_during_a_pause_interrupts(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.mumble_at(2.0, 0.8)
        handle = await say_ten(t)
        await t.until(3.5)
        t.caller.type("stop")
        await t.until(12)
    assert handle.interrupted
    assert t.said == [("assistant", "one two three"), ("user", "stop"), ("assistant", "very well")]


async def test_the_agents_state_shows_a_pause(talk):
    async with talk(replies=[]) as t:
        t.caller.mumble_at(2.0, 0.8)
        await say_ten(t)
        await t.until(15)
    assert [state for _, state in t.states] == [
        "listening",
        "speaking",
        "listening",
        "speaking",
        "listening",
    ]


# While the agent thinks


def slow(*replies):
    return ScriptedLLM(list(replies), first_token=1.5, total=1.7)


async def test_speech_while_thinking_holds_the_first_audio(talk):
    async with talk(llm=slow("here it is")) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.mumble_at(3.3, 1.0)
        await t.until(4.7)
        assert t.heard == ""
        await t.until(12)
    # The first audio is there at 3.7; the sound ends at 4.3, the VAD says so at 4.8.
    assert t.heard == "here it is"
    assert t.agent_heard[0][0] == pytest.approx(4.8, abs=2 * FRAME)
    assert t.llm.calls == 1


async def test_words_while_thinking_cancel_the_reply_and_one_reply_answers_both(talk):
    llm = slow("here it is", "two things then")
    async with talk(llm=llm) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.speak_at(2.5, "and this too", seconds=1.2)
        await t.until(15)
    assert t.said == [
        ("user", "tell me"),
        ("user", "and this too"),
        ("assistant", "two things then"),
    ]
    assert t.heard == "two things then"
    assert llm.requests[-1].texts == [
        ("system", "be brief"),
        ("user", "tell me"),
        ("user", "and this too"),
    ]
    assert llm.calls == 2


async def test_words_held_back_by_speech_are_not_recorded_when_the_reply_is_cancelled(talk):
    async with talk(replies=["never heard", "two things then"]) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.speak_at(2.2, "and this too", seconds=1.2)
        await t.until(12)
    assert t.said == [
        ("user", "tell me"),
        ("user", "and this too"),
        ("assistant", "two things then"),
    ]
    assert t.heard == "two things then"


async def test_a_reply_whose_words_were_cancelled_for_nothing_is_given_all_the_same(
    talk, planned_stt
):
    # Interim words cancel the reply; the final takes them back.
    stt = planned_stt(
        [(1.4, Final("tell me")), (3.0, Partial("uh"))],
        answers=[(0.1, Final("", flushed=True)), (0.1, Final("", flushed=True))],
    )
    async with talk(llm=ScriptedLLM({"": "here it is"}, first_token=1.5, total=1.7), stt=stt) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.mumble_at(2.5, 0.8)
        await t.until(15)
    assert t.said == [("user", "tell me"), ("assistant", "here it is")]


async def test_tools_already_started_run_on_when_the_user_goes_on(talk):
    done = []

    class Clerk(Agent):
        @function_tool
        async def book(self) -> str:
            """Books."""
            await asyncio.sleep(3)
            done.append(True)
            return "booked"

    llm = ScriptedLLM({"booked": "it is booked", "window": "by the window", "": Call("book")})
    async with talk(Clerk(instructions="x"), llm=llm) as t:
        t.caller.speak_at(0.5, "book it", seconds=1.0)
        t.caller.speak_at(3.0, "by the window please", seconds=1.2)
        await t.until(20)
    assert done == [True]
    assert ("user", "by the window please") in t.said
    assert t.said[-1][0] == "assistant"


async def test_the_caller_hears_nothing_of_a_reply_while_speaking(talk):
    async with talk(replies={"": "very well then"}) as t:
        for start in (0.5, 2.3, 4.1):
            t.caller.speak_at(start, "and then this", seconds=1.2)
        await t.until(15)
        agent = [entry for entry in t.caller.timeline if entry.who == "agent"]
        mine = [entry for entry in t.caller.timeline if entry.who == "caller"]
    for entry in agent:
        assert not any(own.start < entry.start < own.end for own in mine), (entry, mine)


async def test_words_that_are_not_a_whole_turn_yet_cancel_the_reply_all_the_same(talk):
    detector = ScriptedTurnDetector([1.0, 0.0])
    async with talk(llm=slow("here it is", "two things then"), turn_detector=detector) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.speak_at(2.6, "and also", seconds=0.8)
        await t.until(15)
    assert t.said == [
        ("user", "tell me"),
        ("user", "and also"),
        ("assistant", "two things then"),
    ]


# The queue for the floor


async def test_speeches_are_heard_in_the_order_in_which_they_were_asked_for(talk):
    async with talk(replies=["and this is a reply"]) as t:
        await t.until(1.0)
        t.session.say("this is first")
        t.session.say("this is second")
        t.session.generate_reply()
        t.session.say("this is last")
        await t.until(15)
    assert t.heard == "this is first this is second and this is a reply this is last"
    assert [text for _, text in t.said] == [
        "this is first",
        "this is second",
        "and this is a reply",
        "this is last",
    ]


async def test_the_next_speech_does_not_begin_while_the_user_speaks(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.mumble_at(1.9, 0.45)
        await t.until(1.0)
        t.session.say("one two")
        t.session.say("three four")
        await t.until(8)
        agent = t.agent_heard
    # The first ends at 2.0, under the user's sound of 1.9 to 2.35, which the VAD ends at 2.85.
    assert [text for _, _, text in agent] == ["one two", "three four"]
    assert agent[1][0] == pytest.approx(2.85, abs=2 * FRAME)


async def test_an_interruption_by_the_user_drops_what_was_queued_too(talk):
    async with talk(replies=["very well"]) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        first = await say_ten(t)
        second = t.session.say("and another thing")
        await t.until(12)
        assert first.interrupted and second.interrupted and second.done()
    assert t.heard == "one two three very well"
    assert ("assistant", "and another thing") not in t.said


async def test_an_interruption_of_one_speech_lets_the_next_begin(talk):
    async with talk(replies=[]) as t:
        first = await say_ten(t)
        second = t.session.say("and another thing")
        await t.until(2.5)
        first.interrupt()
        await t.until(8)
        assert second.done() and not second.interrupted
    assert t.heard == "one two three and another thing"


async def test_interrupted_before_any_audio_nothing_is_recorded_for_the_assistant(talk):
    async with talk(replies=["here it is", "very well"]) as t:
        await t.until(1.0)
        t.caller.type("tell me")
        await t.until(1.2)
        t.caller.type("no wait")
        await t.until(8)
    assert t.said == [("user", "tell me"), ("user", "no wait"), ("assistant", "very well")]
    assert t.heard == "very well"


async def test_an_interruption_stops_the_llm(talk):
    closed = []

    class Watched(ScriptedLLM):
        async def chat(self, *args, **kwargs):
            try:
                async for event in super().chat(*args, **kwargs):
                    yield event
            finally:
                closed.append(asyncio.get_running_loop().time())

    long = [["one two three four five six seven ", Pause(60), "eight"], "very well"]
    async with talk(llm=Watched(long)) as t:
        await t.until(1.0)
        t.caller.type("tell me")
        await t.until(3.0)
        t.caller.type("stop")
        await t.until(3.1)
        assert closed[:1] == [pytest.approx(3.0)]
        await t.until(8)
    assert t.said[-1] == ("assistant", "very well")


async def test_an_interruption_clears_the_transport_once_and_does_not_pause_it(talk):
    cleared = []

    class Watching(Caller):
        def clear(self):
            cleared.append(asyncio.get_running_loop().time())
            return super().clear()

        def pause(self):
            cleared.append(("pause", asyncio.get_running_loop().time()))
            super().pause()

    async with talk(replies=["very well"], caller=Watching(), vad=None) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        await say_ten(t)
        await t.until(6)
    assert cleared == [pytest.approx(2.4, abs=FRAME)]


async def test_a_reply_that_may_not_be_interrupted_is_not(talk):
    async with talk(replies=[TEN, "very well"]) as t:
        await t.until(1.0)
        handle = t.session.generate_reply(allow_interruptions=False)
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        await t.until(15)
        assert not handle.interrupted
    assert t.heard == TEN + " very well"


async def test_interrupting_an_uninterruptible_speech_raises_unless_forced(talk):
    async with talk(replies=[]) as t:
        handle = await say_ten(t, allow_interruptions=False)
        await t.until(2.5)
        with pytest.raises(RuntimeError) as caught:
            handle.interrupt()
        assert str(caught.value) == (
            "this speech does not allow interruptions; use `interrupt(force=True)`"
        )
        handle.interrupt(force=True)
        assert handle.done()
    assert t.said == [("assistant", "one two three")]


async def test_a_reply_that_gave_way_to_words_that_are_then_cleared_is_given_after_all(talk):
    llm = ScriptedLLM({"": "here it is"}, first_token=1.5, total=1.7)
    async with talk(llm=llm) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.speak_at(2.5, "oh well", seconds=0.6)
        await t.until(3.5)
        t.session.clear_user_turn()
        await t.until(15)
        assert len(t.session.turns) == 1
    assert t.said == [("user", "tell me"), ("assistant", "here it is")]
    assert t.heard == "here it is"
    assert len(t.events("metrics_collected")) == 1
