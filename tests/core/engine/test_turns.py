import asyncio

import pytest

from antiphon import Agent
from antiphon.errors import ProviderConnectionError, SlotMissing
from antiphon.stt import EndOfTurn, Final, Partial, SpeechStarted, Word
from antiphon.testing import (
    ScriptedBatchSTT,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
    ScriptedVAD,
)
from antiphon.turn_detector import TurnDetector

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
WORDS = {"": "very well then"}


def commits(t):
    return [when for when, decision in t.decisions if decision == "commit"]


# Endpointing


@pytest.mark.parametrize("delay", [0.5, 0.8, 1.7])
async def test_the_delay_counts_from_the_last_voiced_sample(talk, delay):
    async with talk(replies=WORDS, turn_handling={"endpointing": {"min_delay": delay}}) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert commits(t) == [pytest.approx(1.5 + delay, abs=FRAME)]


async def test_a_delay_shorter_than_the_vads_silence_ends_the_turn_when_the_vad_says_so(talk):
    async with talk(replies=WORDS, turn_handling={"endpointing": {"min_delay": 0.1}}) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert commits(t) == [pytest.approx(2.0, abs=FRAME)]


async def test_the_time_that_the_transcript_takes_is_not_added_to_the_delay(talk):
    async with talk(
        replies=WORDS,
        stt=ScriptedSTT(latency=0.9, flush_latency=0.35),
        turn_handling={"endpointing": {"min_delay": 1.0}},
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    # The final comes 0.85 s after the voice, within the delay of 1 s.
    assert commits(t) == [pytest.approx(2.5, abs=FRAME)]


async def test_a_pause_within_the_delay_belongs_to_the_turn(talk):
    async with talk(replies=WORDS, turn_handling={"endpointing": {"min_delay": 1.0}}) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(2.3, "some tea", seconds=1.0)
        await t.until(10)
    assert t.said[0] == ("user", "I would like some tea")
    assert len(t.session.turns) == 1
    assert commits(t) == [pytest.approx(4.3, abs=FRAME)]


async def test_a_pause_longer_than_the_delay_makes_two_turns(talk):
    async with talk(replies={"": "well"}, tts=ScriptedTTS(seconds=0.5)) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(4.0, "some tea", seconds=1.0)
        await t.until(10)
    assert t.said == [
        ("user", "I would like"),
        ("assistant", "well"),
        ("user", "some tea"),
        ("assistant", "well"),
    ]


async def test_an_agents_own_delay_wins_over_the_sessions(talk):
    agent = Agent(instructions="x", turn_handling={"endpointing": {"min_delay": 1.5}})
    async with talk(agent, replies=WORDS) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert commits(t) == [pytest.approx(3.0, abs=FRAME)]


async def test_speech_without_words_is_no_turn(talk):
    async with talk(replies=WORDS) as t:
        t.caller.mumble_at(0.5, 1.5)
        await t.until(10)
        assert t.session.turns == []
    assert t.said == []
    assert t.llm is None or t.llm.calls == 0
    assert [state for _, state in t.states] == ["listening"]


async def test_words_that_the_vad_has_missed_are_a_turn(talk, planned_stt):
    stt = planned_stt([(1.0, Final("yes please"))])
    async with talk(replies=WORDS, stt=stt) as t:
        await t.until(6)
    assert t.said == [("user", "yes please"), ("assistant", "very well then")]
    assert commits(t) == [pytest.approx(1.5, abs=FRAME)]


async def test_interim_words_that_the_vad_has_missed_are_a_turn_although_no_final_comes(
    talk, planned_stt
):
    stt = planned_stt([(0.2, Partial("hello"))])
    async with talk(replies=WORDS, stt=stt, tts=ScriptedTTS(seconds=1.0)) as t:
        await t.until(0.5)
        handle = t.session.say("the shop opens at nine")
        await t.until(10)
        assert handle.done()
    assert t.said == [("user", "hello"), ("assistant", "very well then")]
    assert commits(t) == [pytest.approx(2.2, abs=FRAME)]


# Waiting for the final transcript


async def test_the_stt_is_flushed_at_the_end_of_speech(talk, planned_stt):
    stt = planned_stt(answers=[(0.1, Final("hello there", flushed=True))])
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
    assert stt.flushed == [pytest.approx(2.0, abs=FRAME)]
    assert t.said[0] == ("user", "hello there")


async def test_the_turn_ends_as_soon_as_a_late_final_comes(talk, planned_stt):
    stt = planned_stt(answers=[(0.7, Final("hello there", flushed=True))])
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
    assert commits(t) == [pytest.approx(2.7, abs=FRAME)]


async def test_two_seconds_after_the_endpoint_the_interim_words_are_taken(talk, planned_stt):
    stt = planned_stt([(1.0, Partial("hello")), (1.4, Partial("hello there"))])
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert commits(t) == [pytest.approx(1.5 + 0.5 + 2.0, abs=FRAME)]
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_later_final_corrects_the_message_while_no_audio_has_played(talk, planned_stt):
    stt = planned_stt(
        [(1.4, Partial("hello their"))], answers=[(2.2, Final("hello there", flushed=True))]
    )
    llm = ScriptedLLM(WORDS, first_token=0.5, total=0.6)
    async with talk(stt=stt, llm=llm) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(12)
        assert len(t.session.turns) == 1
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]
    assert [event.item.content for event in t.events("conversation_item_updated")] == [
        "hello there"
    ]
    assert llm.requests[-1].texts[-1] == ("user", "hello there")
    assert t.heard == "very well then"
    assert len(t.events("metrics_collected")) == 1


async def test_a_correction_keeps_the_words_that_were_final_before(talk, planned_stt):
    stt = planned_stt(
        [(1.0, Final("one two")), (1.4, Partial("tree"))],
        answers=[(2.2, Final("three", flushed=True))],
    )
    llm = ScriptedLLM(WORDS, first_token=0.5, total=0.6)
    async with talk(stt=stt, llm=llm) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.0)
        await t.until(12)
    assert t.said == [("user", "one two three"), ("assistant", "very well then")]


async def test_a_final_after_the_reply_was_heard_is_dropped_with_an_event(talk, planned_stt):
    stt = planned_stt(
        [(1.4, Partial("hello their"))], answers=[(2.9, Final("hello there", flushed=True))]
    )
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(12)
        assert len(t.session.turns) == 1
    assert t.said == [("user", "hello their"), ("assistant", "very well then")]
    (dropped,) = t.events("transcript_dropped")
    assert (dropped.transcript, dropped.reason) == (
        "hello there",
        "its turn has been answered already",
    )


async def test_a_final_after_the_reply_is_over_is_dropped_too(talk, planned_stt):
    stt = planned_stt(
        [(1.4, Partial("hello their"))], answers=[(6.0, Final("hello there", flushed=True))]
    )
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(15)
        assert len(t.session.turns) == 1
    assert len(t.events("transcript_dropped")) == 1


async def test_a_final_that_comes_while_the_user_speaks_again_is_not_counted_to_the_new_turn(
    talk, planned_stt
):
    late = Final("hello there", (Word("hello", 0.5, 1.0), Word("there", 1.0, 1.5)), flushed=True)
    more = Final("and more", (Word("and", 8.0, 8.5), Word("more", 8.5, 9.0)))
    stt = planned_stt([(1.4, Partial("hello their")), (8.5, late), (9.1, more)], word_times=True)
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        t.caller.speak_at(8.0, "and more", seconds=1.0)
        await t.until(15)
    assert [text for role, text in t.said if role == "user"] == ["hello their", "and more"]
    assert [event.transcript for event in t.events("transcript_dropped")] == ["hello there"]


async def test_an_old_deadline_does_not_cut_the_words_of_the_next_utterance(talk, planned_stt):
    # The first final is late; the user goes on before the two seconds are over.
    stt = planned_stt(
        [(3.0, Partial("some")), (4.5, Partial("some more tea")), (5.5, Final("some more tea"))],
        answers=[None, (0.1, Final("", flushed=True))],
    )
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(2.2, "some more tea if I may", seconds=3.2)
        await t.until(14)
    assert [text for role, text in t.said if role == "user"] == ["some more tea"]


async def test_a_final_that_answers_an_earlier_flush_does_not_end_the_wait_for_the_words_after_it(
    talk, planned_stt
):
    # The first utterance is finalised only after the second has begun.
    stt = planned_stt(
        answers=[(1.0, Final("one two", flushed=True)), (0.3, Final("three", flushed=True))]
    )
    async with talk(replies=WORDS, stt=stt, turn_handling={"endpointing": {"min_delay": 1.5}}) as t:
        t.caller.speak_at(0.5, "one two", seconds=1.0)
        t.caller.speak_at(2.4, "three", seconds=1.0)
        await t.until(12)
    assert [text for role, text in t.said if role == "user"] == ["one two three"]
    assert stt.flushed == [pytest.approx(2.0, abs=FRAME), pytest.approx(3.9, abs=FRAME)]


async def test_a_late_answer_to_a_flush_covers_only_the_audio_before_that_flush(talk, planned_stt):
    stt = planned_stt(
        answers=[(1.5, Final("one two", flushed=True)), (0.3, Final("three", flushed=True))]
    )
    async with talk(replies=WORDS, stt=stt, turn_handling={"endpointing": {"min_delay": 1.5}}) as t:
        t.caller.speak_at(0.5, "one two", seconds=1.0)
        t.caller.speak_at(2.4, "three", seconds=0.8)
        await t.until(12)
    assert [text for role, text in t.said if role == "user"] == ["one two three"]
    assert len(stt.flushed) == 2


async def test_finals_of_an_utterance_in_pieces_wait_for_the_one_that_answers_the_flush(
    talk, planned_stt
):
    stt = planned_stt([(2.1, Final("one two"))], answers=[(0.4, Final("three", flushed=True))])
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.0)
        await t.until(10)
    assert [text for role, text in t.said if role == "user"] == ["one two three"]


async def test_a_batch_stt_hears_every_utterance_of_a_turn_once(talk):
    stt = ScriptedBatchSTT(latency=1.0)
    async with talk(replies=WORDS, stt=stt, turn_handling={"endpointing": {"min_delay": 0.9}}) as t:
        t.caller.speak_at(0.5, "one two", seconds=1.0)
        t.caller.speak_at(2.2, "three four", seconds=1.0)
        await t.until(14)
    assert [text for role, text in t.said if role == "user"] == ["one two three four"]
    assert stt.heard == ["one two", "three four"]


async def test_a_batch_stt_without_a_vad_is_refused_at_the_start(talk):
    t = talk(Agent(instructions="x", id="clerk"), replies=WORDS, stt=ScriptedBatchSTT(), vad=None)
    with pytest.raises(SlotMissing) as caught:
        await t.session.start(t.agent, transport=t.caller)
    assert str(caught.value) == (
        "the stt 'ScriptedBatchSTT' recognises whole utterances only, and agent 'clerk' has no "
        'vad to cut them; give it one: Agent(vad="…") or AgentSession(vad="…")'
    )


# Turn detector


async def test_a_detector_that_says_finished_gives_the_short_delay(talk):
    detector = ScriptedTurnDetector(0.9)
    async with talk(replies=WORDS, turn_detector=detector) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert commits(t) == [pytest.approx(2.0, abs=FRAME)]


async def test_a_detector_that_says_not_finished_gives_the_long_delay(talk):
    detector = ScriptedTurnDetector(0.1)
    async with talk(replies=WORDS, turn_detector=detector) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert commits(t) == [pytest.approx(1.5 + 3.0, abs=FRAME)]


async def test_a_detector_judges_the_same_words_once(talk):
    detector = ScriptedTurnDetector(0.1, latency=0.05)
    async with talk(replies=WORDS, turn_detector=detector) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert detector.judged == ["hello there"]


async def test_a_detector_judges_again_when_the_user_has_gone_on(talk):
    detector = ScriptedTurnDetector([0.1, 0.9])
    async with talk(replies=WORDS, turn_detector=detector) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(3.5, "some tea", seconds=1.0)
        await t.until(10)
    assert detector.judged == ["I would like", "I would like some tea"]
    assert commits(t) == [pytest.approx(5.0, abs=FRAME)]


async def test_what_a_detector_said_of_one_turn_does_not_hold_for_the_next(talk):
    detector = ScriptedTurnDetector([0.1, 0.9])
    async with talk(
        replies={"": "well"}, turn_detector=detector, tts=ScriptedTTS(seconds=0.5)
    ) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(8.0, "some tea", seconds=1.0)
        await t.until(14)
    assert commits(t) == [pytest.approx(4.5, abs=FRAME), pytest.approx(9.5, abs=FRAME)]


async def test_the_time_that_a_detector_takes_counts_within_the_delay(talk):
    detector = ScriptedTurnDetector(0.9, latency=0.4)
    async with talk(
        replies=WORDS,
        turn_detector=detector,
        turn_handling={"endpointing": {"min_delay": 1.0}},
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert commits(t) == [pytest.approx(2.5, abs=FRAME)]


async def test_a_slow_detector_whose_user_goes_on_meanwhile_is_asked_anew(talk):
    detector = ScriptedTurnDetector(0.9, latency=0.6)
    async with talk(replies=WORDS, turn_detector=detector) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(2.2, "some tea", seconds=1.0)
        await t.until(10)
    assert [text for role, text in t.said if role == "user"] == ["I would like some tea"]
    assert detector.judged[-1] == "I would like some tea"


async def test_a_detector_that_fails_is_reported_and_the_turn_ends_after_the_short_delay(talk):
    class Broken(TurnDetector):
        async def end_of_turn(self, chat_ctx, audio):
            raise ProviderConnectionError("the detector is gone")

    async with talk(replies=WORDS, turn_detector=Broken()) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert t.errors == [("turn_detector", ProviderConnectionError, True)]
    assert commits(t) == [pytest.approx(2.0, abs=FRAME)]
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_detector_is_shown_the_conversation_and_the_last_utterance(talk):
    seen = []

    class Curious(TurnDetector):
        async def end_of_turn(self, chat_ctx, audio):
            texts = [(m.role, m.text_content) for m in chat_ctx.messages()]
            seen.append((texts, audio and audio.started_at, audio and audio.duration))
            return 1.0

    async with talk(replies=WORDS, turn_detector=Curious()) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    ((texts, started, duration),) = seen
    assert texts == [("system", "be brief"), ("user", "hello there")]
    assert started == pytest.approx(0.5, abs=FRAME)
    assert duration == pytest.approx(1.5, abs=2 * FRAME)


# Turns that the STT announces


async def test_an_stt_that_announces_turns_ends_them(talk):
    stt = ScriptedSTT(end_of_turn=True, turn_silence=0.8)
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert commits(t) == [pytest.approx(2.3, abs=FRAME)]


async def test_an_stt_that_announces_turns_is_not_flushed(talk, planned_stt):
    stt = planned_stt([(2.6, Final("hello there")), (2.7, EndOfTurn())], end_of_turn=True)
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert stt.flushed == []
    assert commits(t) == [pytest.approx(2.7, abs=FRAME)]


async def test_a_turn_announced_before_the_vad_notices_the_silence_is_answered_at_once(talk):
    stt = ScriptedSTT(latency=0.1, end_of_turn=True, turn_silence=0.2)
    async with talk(replies=WORDS, stt=stt, vad=ScriptedVAD(min_silence=0.6)) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
        ((start, _, text),) = t.agent_heard
    assert commits(t) == [pytest.approx(1.7, abs=FRAME)]
    assert text == "very well then"
    # LLM and TTS take 0.4 s; the VAD's silence is over at 2.1.
    assert start == pytest.approx(2.1, abs=2 * FRAME)


async def test_turns_announced_by_the_stt_work_without_a_vad(talk):
    stt = ScriptedSTT(end_of_turn=True, turn_silence=0.4)
    async with talk(replies=WORDS, stt=stt, vad=None) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        t.caller.speak_at(6.0, "and again", seconds=1.0)
        await t.until(14)
    assert commits(t) == [pytest.approx(1.9, abs=FRAME), pytest.approx(7.4, abs=FRAME)]
    assert [role for role, _ in t.said] == ["user", "assistant", "user", "assistant"]


async def test_turn_detection_by_vad_ignores_the_turns_of_the_stt(talk):
    stt = ScriptedSTT(end_of_turn=True, turn_silence=0.3)
    async with talk(
        replies=WORDS,
        stt=stt,
        turn_handling={"turn_detection": "vad", "endpointing": {"min_delay": 0.9}},
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert commits(t) == [pytest.approx(2.4, abs=FRAME)]


# An STT without a VAD


async def test_an_stt_alone_ends_the_turn_after_the_delay_from_its_last_word(talk):
    async with talk(replies=WORDS, vad=None) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert commits(t) == [pytest.approx(2.0, abs=FRAME)]
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_an_stt_alone_waits_while_the_user_goes_on(talk):
    async with talk(
        replies=WORDS, vad=None, turn_handling={"endpointing": {"min_delay": 0.8}}
    ) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(2.0, "some tea please", seconds=1.5)
        await t.until(10)
    assert [text for role, text in t.said if role == "user"] == ["I would like some tea please"]


async def test_an_stt_alone_tells_when_the_user_speaks(talk):
    async with talk(replies=WORDS, vad=None) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
    assert [state for _, state in t.user_states] == ["speaking", "listening"]
    assert t.user_states[0][0] == pytest.approx(0.52, abs=FRAME)


async def test_a_sound_without_words_does_not_silence_an_agent_without_a_vad(talk):
    async with talk(replies=WORDS, vad=None) as t:
        t.caller.mumble_at(0.5, 1.0)
        await t.until(2.0)
        handle = t.session.say("the shop opens at nine")
        await t.until(14)
        assert handle.done()
        assert t.session.user_state == "listening"
    assert t.heard == "the shop opens at nine"


async def test_a_start_of_speech_that_comes_to_nothing_does_not_silence_the_agent(
    talk, planned_stt
):
    stt = planned_stt([(0.5, SpeechStarted())])
    async with talk(replies=WORDS, stt=stt, vad=None) as t:
        await t.until(1.0)
        handle = t.session.say("the shop opens at nine")
        await t.until(14)
        assert handle.done()
    assert t.heard == "the shop opens at nine"


# Turns by hand


MANUAL = {"turn_detection": "manual"}


async def test_a_manual_turn_does_not_end_by_itself(talk):
    async with talk(replies=WORDS, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(20)
        assert t.session.turns == []
    assert t.llm is None or t.llm.calls == 0


async def test_a_manual_turn_ends_at_the_commit(talk):
    async with talk(replies=WORDS, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(5.0)
        t.session.commit_user_turn()
        await t.until(10)
    assert commits(t) == [pytest.approx(5.0)]
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_commit_before_the_final_waits_for_it(talk):
    stt = ScriptedSTT(latency=2.0, flush_latency=0.3)
    async with talk(replies=WORDS, stt=stt, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(1.5)
        t.session.commit_user_turn()
        await t.until(10)
    assert commits(t) == [pytest.approx(1.8, abs=FRAME)]
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_commit_whose_final_does_not_come_takes_the_interim_words_after_2_s(
    talk, planned_stt
):
    stt = planned_stt([(1.4, Partial("hello there"))])
    async with talk(replies=WORDS, stt=stt, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(1.5)
        t.session.commit_user_turn()
        await t.until(10)
    assert commits(t) == [pytest.approx(3.5, abs=FRAME)]
    assert t.said[0] == ("user", "hello there")


async def test_a_commit_without_a_vad_takes_what_the_stt_has_heard(talk):
    async with talk(replies=WORDS, vad=None, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(1.55)
        t.session.commit_user_turn()
        await t.until(6)
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]
    assert commits(t) == [pytest.approx(1.55, abs=FRAME)]


async def test_the_user_is_silent_after_a_commit_at_the_very_end_of_speech(talk):
    async with talk(replies=WORDS, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(1.5)
        t.session.commit_user_turn()
        await t.until(6)
        assert t.session.user_state == "listening"
    assert t.heard == "very well then"


async def test_a_commit_with_nothing_said_is_no_turn(talk):
    async with talk(replies=WORDS, turn_handling=MANUAL) as t:
        await t.until(1.0)
        t.session.commit_user_turn()
        await t.until(6)
        assert t.session.turns == []
    assert t.said == []


async def test_a_second_utterance_after_a_commit_is_a_turn_of_its_own(talk):
    async with talk(replies=WORDS, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        t.caller.speak_at(6.0, "and again", seconds=1.0)
        for when in (1.6, 7.1):
            await t.until(when)
            t.session.commit_user_turn()
        await t.until(12)
    assert [text for role, text in t.said if role == "user"] == ["hello there", "and again"]


async def test_a_cleared_turn_is_forgotten(talk):
    async with talk(replies=WORDS, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "oh forget it", seconds=1.0)
        t.caller.speak_at(4.0, "hello there", seconds=1.0)
        await t.until(3.0)
        t.session.clear_user_turn()
        await t.until(6.0)
        t.session.commit_user_turn()
        await t.until(12)
    assert [text for role, text in t.said if role == "user"] == ["hello there"]


async def test_words_not_yet_transcribed_are_forgotten_as_well(talk):
    stt = ScriptedSTT(latency=0.8)
    async with talk(replies=WORDS, stt=stt, turn_handling=MANUAL) as t:
        t.caller.speak_at(0.5, "oh forget it", seconds=1.0)
        t.caller.speak_at(4.0, "hello there", seconds=1.0)
        await t.until(1.5)
        t.session.clear_user_turn()
        await t.until(6.0)
        t.session.commit_user_turn()
        await t.until(12)
    assert [text for role, text in t.said if role == "user"] == ["hello there"]


async def test_clearing_a_turn_that_the_vad_would_end_forgets_it(talk):
    async with talk(replies=WORDS) as t:
        t.caller.speak_at(0.5, "oh forget it", seconds=1.0)
        await t.until(1.6)
        t.session.clear_user_turn()
        await t.until(8)
        assert t.session.turns == []
        handle = t.session.say("hello")
        await t.until(12)
        assert handle.done()
    assert t.heard == "hello"


async def test_a_turn_can_be_committed_early_where_the_vad_ends_turns(talk):
    async with talk(replies=WORDS, turn_handling={"endpointing": {"min_delay": 3.0}}) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(2.0)
        t.session.commit_user_turn()
        await t.until(8)
    assert commits(t) == [pytest.approx(2.0, abs=FRAME)]
    assert len(t.session.turns) == 1


# What a turn leads to


async def test_a_typed_line_is_a_turn_at_once(talk):
    async with talk(replies=WORDS) as t:
        await t.until(1.0)
        t.caller.type("  hello there ")
        await t.until(6)
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]
    assert t.states[1] == (1.0, "thinking")


async def test_an_empty_typed_line_is_nothing(talk):
    async with talk(replies=WORDS) as t:
        await t.until(1.0)
        t.caller.type("   ")
        await t.until(4)
    assert t.said == []


async def test_every_decision_about_the_floor_has_a_reason(talk):
    detector = ScriptedTurnDetector([0.1, 0.9])
    async with talk(replies={"": "one two three four five six seven"}, turn_detector=detector) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(7.0, "stop that now please", seconds=2.0)
        t.caller.mumble_at(11.5, 0.7)
        await t.until(20)
    assert {decision for _, decision in t.decisions} >= {"wait", "commit", "interrupt"}
    assert all(event.reason for event in t.events("turn_decision"))


# The user who is away


async def test_the_user_is_away_after_the_timeout_with_both_silent(talk):
    async with talk(replies=WORDS, user_away_timeout=5.0) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(30)
        end = t.agent_heard[0][1]
    assert t.user_states[-1] == (pytest.approx(end + 5.0, abs=2 * FRAME), "away")


async def test_a_user_who_was_away_and_speaks_is_back(talk):
    async with talk(replies=WORDS, user_away_timeout=3.0) as t:
        t.caller.speak_at(5.0, "hello there", seconds=1.0)
        await t.until(6.9)
    assert [state for _, state in t.user_states] == ["away", "speaking", "listening"]
    assert t.user_states[0][0] == pytest.approx(3.0)


async def test_a_user_who_was_away_and_types_is_back(talk):
    async with talk(replies=WORDS, user_away_timeout=3.0) as t:
        await t.until(5.0)
        t.caller.type("hello")
        await t.until(5.1)
    assert [state for _, state in t.user_states] == ["away", "listening"]


async def test_nobody_is_away_without_a_timeout(talk):
    async with talk(replies=WORDS, user_away_timeout=None) as t:
        await t.until(1000)
    assert t.user_states == []


async def test_the_user_is_not_away_while_a_tool_runs_even_one_that_was_interrupted(talk):
    from antiphon import function_tool
    from antiphon.testing import Call

    class Clerk(Agent):
        @function_tool
        async def search(self) -> str:
            """Searches for long."""
            await asyncio.sleep(20)
            return "found"

    llm = ScriptedLLM({"found": "it is found", "never mind": "very well", "": Call("search")})
    async with talk(Clerk(instructions="x"), llm=llm, user_away_timeout=5.0) as t:
        t.caller.speak_at(0.5, "search it", seconds=1.0)
        t.caller.speak_at(4.0, "never mind", seconds=1.0)
        await t.until(21)
        assert t.heard == "very well"
        assert "away" not in [state for _, state in t.user_states]
        await t.until(45)
        assert [state for _, state in t.user_states][-1] == "away"


# The adaptive delay


ADAPTIVE = {"endpointing": {"mode": "adaptive", "min_delay": 0.6, "max_delay": 2.0}}


async def waits_of(talk, pauses, turn_handling):
    """Each turn has two parts with a pause between them; how long its end was waited for."""
    async with talk(
        llm=ScriptedLLM({"": "well"}, first_token=2.5, total=2.5),
        tts=ScriptedTTS(seconds=0.3),
        turn_handling=turn_handling,
        user_away_timeout=None,
    ) as t:
        for number, pause in enumerate(pauses):
            begin = 1.0 + 20 * number
            t.caller.speak_at(begin, "I would like", seconds=1.0)
            t.caller.speak_at(begin + 1.0 + pause, "some tea", seconds=1.0)
        await t.until(20 * len(pauses))
        turns = t.session.turns
    ends = [1.0 + 20 * n + 2.0 + pause for n, pause in enumerate(pauses)]
    return [
        next(turn.endpoint_wait for turn in turns if turn.last_voiced == pytest.approx(end))
        for end in ends
    ]


async def test_an_adaptive_delay_grows_with_the_pauses_of_the_user(talk):
    waits = await waits_of(talk, [1.0] * 6, ADAPTIVE)
    assert waits == sorted(waits)
    assert waits[0] < 1.0 < waits[-1] <= 2.0


async def test_an_adaptive_delay_stays_between_its_bounds(talk):
    waits = await waits_of(talk, [1.9] * 8, ADAPTIVE)
    assert waits[-1] == pytest.approx(2.0, abs=FRAME)
    assert min(waits) >= 0.6


async def test_an_adaptive_delay_shrinks_again_when_the_user_no_longer_pauses(talk):
    async with talk(
        llm=ScriptedLLM({"": "well"}, first_token=2.5, total=2.5),
        tts=ScriptedTTS(seconds=0.3),
        turn_handling=ADAPTIVE,
        user_away_timeout=None,
    ) as t:
        for number in range(4):
            t.caller.speak_at(1.0 + 20 * number, "I would like", seconds=1.0)
            t.caller.speak_at(3.2 + 20 * number, "some tea", seconds=1.0)
        for number in range(4, 20):
            t.caller.speak_at(1.0 + 20 * number, "hello there", seconds=1.0)
        await t.until(400)
        waits = [turn.endpoint_wait for turn in t.session.turns]
    assert max(waits) > 1.0
    assert waits[-1] < 0.8


async def test_a_fixed_delay_does_not_follow_the_pauses(talk):
    fixed = {"endpointing": {"min_delay": 0.6, "max_delay": 2.0}}
    waits = await waits_of(talk, [1.0] * 4, fixed)
    assert waits == [pytest.approx(0.6, abs=FRAME)] * 4
