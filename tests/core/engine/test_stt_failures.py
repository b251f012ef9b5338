import asyncio

import pytest

from antiphon import Agent
from antiphon.errors import (
    ProviderConnectionError,
    ProviderRejected,
    TruncatedStream,
)
from antiphon.stt import STT, Final, STTCapabilities
from antiphon.testing import Fail, ScriptedBatchSTT, ScriptedSTT

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
WORDS = {"": "very well then"}
BROKEN = ProviderConnectionError("the line broke")


def user(t):
    return [text for role, text in t.said if role == "user"]


async def test_an_stt_that_dies_in_an_utterance_is_called_again_and_no_word_is_lost(talk):
    stt = ScriptedSTT(fail_at=Fail(BROKEN, after=1.5))
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two three four five", seconds=2.0)
        await t.until(8)
    assert t.errors == [("stt", ProviderConnectionError, True)]
    assert stt.calls == 2
    assert t.said == [("user", "one two three four five"), ("assistant", "very well then")]


@pytest.mark.parametrize("after", [0.5, 0.7, 1.0, 1.32, 1.9, 2.48, 2.52, 2.6, 2.68])
async def test_no_word_is_lost_or_doubled_whenever_the_stt_dies(talk, after):
    stt = ScriptedSTT(fail_at=Fail(BROKEN, after=after))
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two three four five", seconds=2.0)
        await t.until(8)
    assert user(t) == ["one two three four five"]


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("after", [1.6, 2.0, 2.5, 3.0])
async def test_what_was_final_before_the_failure_is_not_heard_twice(talk, words, after):
    # The final of the first half comes in the pause, at 1.5.
    stt = ScriptedSTT(words=words, fail_at=Fail(BROKEN, after=after))
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two", seconds=0.8)
        t.caller.speak_at(1.7, "three four five", seconds=1.2)
        await t.until(8)
    assert user(t) == ["one two three four five"]


async def test_the_words_of_the_next_turn_are_not_mixed_with_those_of_the_last(talk):
    stt = ScriptedSTT(fail_at=Fail(BROKEN, after=5.0))
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two", seconds=0.8)
        t.caller.speak_at(6.0, "three four", seconds=0.8)
        await t.until(12)
    assert user(t) == ["one two", "three four"]


async def test_the_next_utterance_is_heard_though_the_stt_died_as_it_began(talk):
    stt = ScriptedSTT(fail_at=Fail(BROKEN, after=6.04))
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two", seconds=0.8)
        t.caller.speak_at(6.0, "three four", seconds=0.8)
        await t.until(12)
    assert user(t) == ["one two", "three four"]


async def test_word_times_are_right_after_the_audio_was_sent_again(talk):
    # The turn ends min_delay after the last word, which only the word times tell without a VAD.
    stt = ScriptedSTT(fail_at=Fail(BROKEN, after=1.5))
    async with talk(replies=WORDS, stt=stt, vad=None) as t:
        t.caller.speak_at(0.5, "one two three four five", seconds=2.0)
        await t.until(8)
        (turn,) = t.session.turns
    assert turn.last_voiced == pytest.approx(2.5, abs=FRAME)
    assert turn.committed == pytest.approx(3.0, abs=2 * FRAME)


async def test_without_a_vad_no_word_is_lost_either(talk):
    stt = ScriptedSTT(fail_at=Fail(BROKEN, after=1.5))
    async with talk(replies=WORDS, stt=stt, vad=None) as t:
        t.caller.speak_at(0.5, "one two three four five", seconds=2.0)
        await t.until(8)
    assert user(t) == ["one two three four five"]


async def test_the_flush_is_repeated_when_the_stt_died_while_its_answer_was_due(talk):
    stt = ScriptedSTT(latency=3.0, flush_latency=0.5, fail_at=Fail(BROKEN, after=2.1))
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two", seconds=1.0)
        await t.until(8)
        (turn,) = t.session.turns
    assert user(t) == ["one two"]
    # The flush at 2.0, the failure at 2.1, called again at 2.2, its answer 0.5 s later.
    assert turn.committed == pytest.approx(2.7, abs=0.05)


async def test_the_agent_that_speaks_is_not_disturbed_by_a_failing_stt(talk):
    stt = ScriptedSTT(fail_at=[Fail(BROKEN, call=1, after=1.5), Fail(BROKEN, call=2, after=1.0)])
    async with talk(stt=stt) as t:
        await t.until(1.0)
        handle = t.session.say("one two three four five six")
        await t.until(6)
        assert handle.done() and not handle.interrupted
    assert t.heard == "one two three four five six"
    assert [error[2] for error in t.errors] == [True, True]


async def test_a_stream_that_ends_early_counts_as_a_failure_and_is_opened_again(talk):
    class Short(ScriptedSTT):
        async def transcribe(self, audio, settings=None):
            first = self.calls == 0
            async for event in super().transcribe(audio, settings):
                yield event
                if first:
                    return

    stt = Short()
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.2)
        await t.until(8)
    assert t.errors[0] == ("stt", TruncatedStream, True)
    assert str(t.events("error")[0].error) == ("the stt stream ended while there was audio to come")
    assert user(t) == ["one two three"]


async def test_the_tries_come_after_a_tenth_and_after_two_seconds(talk):
    stt = ScriptedSTT(fail_at=[Fail(BROKEN, call=1, after=1.0), Fail(BROKEN, 2), Fail(BROKEN, 3)])
    times = []

    class Watched(type(stt)):
        async def transcribe(self, audio, settings=None):
            times.append(asyncio.get_running_loop().time())
            async for event in super().transcribe(audio, settings):
                yield event

    stt.__class__ = Watched
    async with talk(stt=stt) as t:
        await t.until(10)
    assert times[1:3] == [pytest.approx(1.1, abs=FRAME), pytest.approx(3.1, abs=FRAME)]


async def test_three_failures_are_an_unrecoverable_error(talk):
    stt = ScriptedSTT(fail_at=[Fail(BROKEN, call) for call in (1, 2, 3)])
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(5.0, "hello there", seconds=1.0)
        await t.until(12)
    assert [error[2] for error in t.errors] == [True, True, False]
    # The fourth call works: the conversation goes on.
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_three_unrecoverable_errors_in_a_row_close_the_session(talk):
    stt = ScriptedSTT(fail_at=Fail(BROKEN, call=None))
    async with talk(replies=WORDS, stt=stt) as t:
        await t.until(20)
        (close,) = t.events("close")
    assert close.reason == "error"
    assert close.error is BROKEN
    assert stt.calls == 9
    assert [error[2] for error in t.errors] == [True, True, False] * 3


async def test_unrecoverable_errors_with_words_between_them_do_not_close_the_session(talk):
    rejected = ProviderRejected("this audio is too loud")
    stt = ScriptedSTT(fail_at=[Fail(rejected, call, after=5.0) for call in (1, 2, 3, 4)])
    async with talk(replies=WORDS, stt=stt, user_away_timeout=None) as t:
        for number in range(5):
            t.caller.speak_at(0.5 + 5 * number, "hello there", seconds=1.0)
        await t.until(26)
        assert t.events("close") == []
    assert [error for error in t.errors] == [("stt", ProviderRejected, False)] * 4
    assert len(user(t)) == 5


async def test_an_error_that_cannot_be_retried_is_unrecoverable_at_once(talk):
    stt = ScriptedSTT(fail_at=Fail(ProviderRejected("wrong key"), call=None))
    async with talk(replies=WORDS, stt=stt) as t:
        await t.until(5)
        (close,) = t.events("close")
    assert close.reason == "error"
    assert t.errors == [("stt", ProviderRejected, False)] * 3
    assert stt.calls == 3


async def test_interim_words_of_an_stt_that_has_died_for_good_become_the_turn(talk, planned_stt):
    stt = ScriptedSTT(latency=5.0, flush_latency=1.0)
    stt.fail_at = [Fail(BROKEN, call=1, after=1.8), *(Fail(BROKEN, call) for call in (2, 3))]
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.2)
        await t.until(10)
    assert user(t) == ["one two three"]
    assert t.said[-1] == ("assistant", "very well then")


async def test_a_user_who_speaks_while_the_stt_is_given_up_is_still_heard(talk):
    # Given up after 2.1 s in the middle of an utterance; the next call hears it from its beginning.
    stt = ScriptedSTT()
    stt.fail_at = [Fail(BROKEN, call=1, after=1.5), *(Fail(BROKEN, call) for call in (2, 3))]
    words = "one two three four five six seven eight nine ten"
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, words, seconds=4.0)
        await t.until(10)
    assert user(t) == [words]


async def test_a_failure_in_an_own_node_is_treated_like_one_of_the_slot(talk):
    class Fragile(Agent):
        calls = 0

        async def stt_node(self, audio, model_settings):
            type(self).calls += 1
            number = self.calls
            async for event in super().stt_node(audio, model_settings):
                if number == 1:
                    raise ProviderConnectionError("the node broke")
                yield event

    async with talk(Fragile(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.2)
        await t.until(8)
    assert t.errors == [("stt", ProviderConnectionError, True)]
    assert user(t) == ["one two three"]


async def test_a_bug_in_an_own_node_is_an_unrecoverable_error(talk, caplog):
    class Buggy(Agent):
        async def stt_node(self, audio, model_settings):
            raise KeyError("oops")
            yield

    async with talk(Buggy(instructions="x"), replies=WORDS) as t:
        await t.until(5)
        (close,) = t.events("close")
    assert close.reason == "error"
    assert t.errors == [("stt", KeyError, False)] * 3


async def test_the_stream_of_a_failed_call_is_closed_before_the_next_is_opened(talk):
    log = []

    class Watched(STT):
        capabilities = STTCapabilities()

        async def transcribe(self, audio, settings=None):
            number = len([entry for entry in log if entry[0] == "open"])
            log.append(("open", number))
            try:
                async for _ in audio:
                    if number == 0:
                        raise ProviderConnectionError("the line broke")
                    yield Final("x") if False else Final("")
            finally:
                log.append(("closed", number))

    async with talk(stt=Watched()) as t:
        await t.until(2)
    assert log == [("open", 0), ("closed", 0), ("open", 1), ("closed", 1)]


async def test_a_batch_stt_that_fails_gets_the_same_utterance_again(talk):
    stt = ScriptedBatchSTT(fail_at=Fail(BROKEN, call=1))
    async with talk(replies=WORDS, stt=stt) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.2)
        await t.until(8)
    assert stt.calls == 2
    assert user(t) == ["one two three"]
    assert t.errors == [("stt", ProviderConnectionError, True)]


async def test_the_session_stays_usable_by_text_when_the_stt_fails(talk):
    stt = ScriptedSTT(fail_at=[Fail(BROKEN, call) for call in (1, 2, 3)])
    async with talk(replies=WORDS, stt=stt) as t:
        await t.until(1.0)
        t.caller.type("hello")
        await t.until(6)
    assert t.said == [("user", "hello"), ("assistant", "very well then")]
