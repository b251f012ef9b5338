"""Rules about turns that are easily forgotten: who decides, what comes late, what is told."""

import asyncio

import pytest

from antiphon import Agent, function_tool
from antiphon.stt import Final, Partial, Word
from antiphon.testing import (
    Call,
    Pause,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
    ScriptedVAD,
)

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
TEN = "one two three four five six seven eight nine ten"
WORDS = {"": "very well then"}


def users(t):
    return [text for role, text in t.said if role == "user"]


# Who decides


@pytest.mark.parametrize(
    ("slots", "reason"),
    [
        (
            {"stt": ScriptedSTT(end_of_turn=True), "turn_detector": ScriptedTurnDetector(0.9)},
            "the stt says that the turn has ended",
        ),
        ({"turn_detector": ScriptedTurnDetector(0.9)}, "the turn detector gives 0.90"),
        ({}, "the user has been silent for the delay"),
        ({"vad": None}, "the user has been silent for the delay"),
    ],
    ids=["the stt's own turns", "a turn detector with vad", "vad", "the stt's words"],
)
async def test_turns_end_by_the_best_that_the_slots_allow(talk, slots, reason):
    async with talk(replies=WORDS, **slots) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert t.events("turn_decision")[0].reason.startswith(reason)
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_turn_detector_without_a_vad_is_not_asked(talk):
    detector = ScriptedTurnDetector(0.1)
    async with talk(replies=WORDS, turn_detector=detector, vad=None) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert detector.judged == []
    assert users(t) == ["hello there"]


async def test_with_neither_stt_nor_vad_turns_are_typed(talk):
    async with talk(replies=WORDS, stt=None, vad=None) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(3)
        t.caller.type("hello")
        await t.until(8)
    assert t.said == [("user", "hello"), ("assistant", "very well then")]


# What comes late


async def test_a_final_that_is_too_late_for_words_nobody_has_seen_is_a_turn_all_the_same(
    talk, planned_stt
):
    late = Final("hello there", (Word("hello", 0.5, 1.0), Word("there", 1.0, 1.5)), flushed=True)
    stt = planned_stt(answers=[(5.0, late)], interim=False)
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(12)
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]
    assert t.events("transcript_dropped") == []
    assert [event.at for event in t.events("turn_decision")] == [pytest.approx(7.0, abs=0.6)]


async def test_the_answer_to_an_earlier_flush_does_not_end_the_wait_for_a_correction(
    talk, planned_stt
):
    # The mumble's flush is answered after the turn was committed, and the word's after that.
    stt = planned_stt(
        [(2.0, Partial("too"))],
        answers=[
            (4.0, Final("", flushed=True)),
            (4.0, Final("two", flushed=True)),
        ],
    )
    async with talk(replies=WORDS, stt=stt, vad=ScriptedVAD(min_silence=0.2)) as t:
        t.caller.mumble_at(0.5, 0.5)
        t.caller.speak_at(1.6, "two", seconds=0.4)
        await t.until(15)
    assert users(t) in (["too"], ["two"])
    assert len(t.session.turns) == 1


async def test_the_answer_to_a_flush_with_word_times_corrects_the_turn_of_its_words(
    talk, planned_stt
):
    words = (Word("hello", 0.5, 1.0), Word("there", 1.0, 1.5))
    stt = planned_stt(
        [(1.4, Partial("hello their"))],
        answers=[(2.2, Final("hello there", words, flushed=True))],
        word_times=True,
    )
    llm = ScriptedLLM(WORDS, first_token=0.5, total=0.6)
    async with talk(stt=stt, llm=llm) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(12)
        assert len(t.session.turns) == 1
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_final_for_a_part_of_a_turn_does_not_take_its_other_words_away(talk, planned_stt):
    stt = planned_stt(
        [
            (1.4, Partial("one two tree")),
            (4.1, Final("one two", (Word("one", 0.5, 0.7), Word("two", 0.7, 0.9)))),
        ],
        answers=[(3.5, Final("three", (Word("three", 0.9, 1.5),), flushed=True))],
        word_times=True,
    )
    async with talk(replies=WORDS, stt=stt, vad=ScriptedVAD(min_silence=0.4)) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.0)
        await t.until(12)
    assert t.said == [("user", "one two tree"), ("assistant", "very well then")]
    assert [event.transcript for event in t.events("transcript_dropped")] == ["three"]


async def test_a_final_that_repeats_the_words_of_a_turn_gives_only_what_follows(talk, planned_stt):
    # The STT takes both utterances for one, and finalises them together.
    stt = planned_stt(
        [
            (1.4, Partial("I would like")),
            (5.5, Partial("I would like some tea")),
            (6.5, Final("I would like some tea.")),
        ]
    )
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(5.0, "some tea", seconds=1.0)
        await t.until(15)
    assert users(t) == ["I would like", "some tea."]


async def test_the_same_word_said_again_is_heard_again(talk, planned_stt):
    again = Final("yes", (Word("yes", 6.0, 6.4),), flushed=True)
    stt = planned_stt([(1.0, Partial("yes"))], answers=[None, (0.1, again)], word_times=True)
    async with talk(replies=WORDS, stt=stt, tts=ScriptedTTS(seconds=0.5)) as t:
        t.caller.speak_at(0.5, "yes", seconds=0.4)
        t.caller.speak_at(6.0, "yes", seconds=0.4)
        await t.until(15)
    assert users(t) == ["yes", "yes"]


# What is told


async def test_a_speech_that_must_wait_for_the_user_is_told_to_hold_once(talk):
    async with talk(replies=WORDS) as t:
        t.caller.speak_at(0.5, "let me tell you something", seconds=3.0)
        await t.until(1.0)
        t.session.say("hello")
        await t.until(3.0)
        assert [(e.decision, e.reason) for e in t.events("turn_decision")] == [
            ("hold", "the user has not finished")
        ]


async def test_without_resuming_a_sound_that_no_words_follow_is_told_as_a_false_interruption(talk):
    handling = {"interruption": {"resume_false_interruption": False}}
    async with talk(replies=[], turn_handling=handling) as t:
        t.caller.mumble_at(2.0, 0.8)
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(15)
    assert handle.interrupted
    assert t.at("agent_false_interruption", resumed=False) == [pytest.approx(3.3, abs=FRAME)]


async def test_without_resuming_words_that_follow_a_sound_make_it_no_false_interruption(talk):
    handling = {"interruption": {"resume_false_interruption": False}}
    async with talk(
        replies=["very well"], stt=ScriptedSTT(partials=False), turn_handling=handling
    ) as t:
        t.caller.speak_at(2.0, "stop that please", seconds=1.2)
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(15)
    assert t.events("agent_false_interruption") == []
    assert users(t) == ["stop that please"]


# What goes on during a pause


async def test_llm_and_tools_go_on_during_a_pause(talk):
    class Clerk(Agent):
        @function_tool
        async def look_up(self) -> str:
            """Looks it up."""
            ran.append(asyncio.get_running_loop().time())
            return "it is at seven"

    ran = []
    llm = ScriptedLLM(
        {"seven": "at seven", "": ["let me see about that for you. ", Pause(1.5), Call("look_up")]}
    )
    async with talk(Clerk(instructions="x"), llm=llm) as t:
        await t.until(1.0)
        t.caller.type("when is breakfast")
        t.caller.mumble_at(1.8, 0.6)  # paused from 2.3 to 4.4
        await t.until(12)
        (resumed,) = t.at("agent_false_interruption")
    assert 2.3 < ran[0] < resumed
    assert t.heard == "let me see about that for you. at seven"
