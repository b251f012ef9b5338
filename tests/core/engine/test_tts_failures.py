import asyncio
import logging

import pytest

from antiphon import Agent
from antiphon.errors import (
    AudioError,
    ProviderConnectionError,
    ProviderRejected,
    ProviderTimeout,
)
from antiphon.streams import Flush
from antiphon.testing import (
    CUT,
    Fail,
    Pause,
    ScriptedLLM,
    ScriptedTTS,
    ScriptedWholeTextTTS,
    render,
)
from antiphon.tts import TTS, Audio, TimedText, TTSCapabilities

pytestmark = pytest.mark.virtual_time

TEN = "one two three four five six seven eight nine ten"
BROKEN = ProviderConnectionError("the line broke")


async def say(t, text, until):
    await t.until(1.0)
    handle = t.session.say(text)
    await t.until(until)
    return handle


@pytest.mark.parametrize("after", [0.0, 0.4, 1.2, 2.0, 3.6, 4.0])
@pytest.mark.parametrize("voicing", [False, True])
async def test_every_word_is_heard_once_whenever_the_tts_dies(talk, after, voicing):
    tts = ScriptedTTS(voicing=voicing, fail_at=Fail(BROKEN, after=after))
    async with talk(tts=tts) as t:
        handle = await say(t, TEN, 12)
        assert handle.done() and handle.exception() is None
    assert t.heard == TEN
    assert t.errors == [("tts", ProviderConnectionError, True)]
    assert [m.text_content for m in t.messages] == [TEN]


async def test_the_second_call_is_given_the_rest_of_the_text_only(talk):
    tts = ScriptedTTS(fail_at=Fail(BROKEN, after=1.2))
    async with talk(tts=tts) as t:
        await say(t, TEN, 12)
    assert tts.texts[1].strip() == "four five six seven eight nine ten"


async def test_a_failure_in_a_reply_that_is_still_being_written_loses_no_word(talk):
    llm = ScriptedLLM([TEN], first_token=0.2, total=4.0)
    tts = ScriptedTTS(fail_at=Fail(BROKEN, after=0.8))
    async with talk(llm=llm, tts=tts) as t:
        await t.until(1.0)
        t.caller.type("count")
        await t.until(15)
    assert t.heard == TEN
    assert t.said[-1] == ("assistant", TEN)


async def test_a_slow_tts_that_dies_is_heard_without_its_words_doubled(talk):
    tts = ScriptedTTS(realtime_factor=0.9, fail_at=Fail(BROKEN, after=2.0))
    async with talk(tts=tts) as t:
        await say(t, TEN, 15)
    assert t.heard == TEN


async def test_a_tts_of_another_rate_that_dies_is_played_for_as_long_as_without(talk):
    tts = ScriptedTTS(sample_rate=24000, fail_at=Fail(BROKEN, after=2.0))
    async with talk(tts=tts) as t:
        await say(t, TEN, 12)
        voiced = sum(end - start for start, end, _ in t.agent_heard)
    assert voiced == pytest.approx(4.0, abs=0.1)
    assert [m.text_content for m in t.messages] == [TEN]


async def test_a_whole_text_tts_that_dies_between_sentences_repeats_none(talk):
    tts = ScriptedWholeTextTTS(fail_at=Fail(BROKEN, call=2))
    text = "One two three. Four five six seven eight. Nine ten eleven twelve."
    async with talk(tts=tts) as t:
        await say(t, text, 15)
    assert t.heard == text


async def test_the_record_is_exact_when_a_speech_is_cut_after_the_tts_was_called_again(talk):
    tts = ScriptedTTS(fail_at=Fail(BROKEN, after=1.2))
    async with talk(tts=tts) as t:
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(3.9)
        handle.interrupt()
        await t.until(6)
    assert t.messages[0].text_content == t.heard
    assert 5 <= len(t.heard.split()) <= 7


async def test_times_announced_for_audio_that_never_came_do_not_count(talk):
    class Announcing(TTS):
        """Gives all word times first; its first call dies after 1 s of audio."""

        capabilities = TTSCapabilities(word_times=True, sample_rates=(16000,))
        calls = 0

        async def synthesize(self, text, settings=None):
            self.calls += 1
            whole = "".join([piece async for piece in text if not isinstance(piece, Flush)])
            words = whole.split()
            for number, word in enumerate(words):
                yield TimedText(word, number * 0.5, (number + 1) * 0.5)
            for number, word in enumerate(words):
                if self.calls == 1 and number == 2:
                    raise BROKEN
                yield Audio(render(word, seconds=0.5), 16000)

    async with talk(tts=Announcing()) as t:
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(3.3)
        handle.interrupt()
        await t.until(6)
    assert t.messages[0].text_content == t.heard
    assert 3 <= len(t.heard.split()) <= 5


# Dead for good


async def test_a_tts_that_is_dead_for_good_plays_and_records_what_it_made(talk):
    tts = ScriptedTTS(fail_at=[Fail(BROKEN, call=1, after=1.2), Fail(BROKEN, 2), Fail(BROKEN, 3)])
    async with talk(tts=tts) as t:
        handle = await say(t, TEN, 12)
        assert handle.done()
        assert handle.exception() is BROKEN
    assert t.heard == "one two three"
    assert [error[2] for error in t.errors] == [True, True, False]
    (message,) = t.messages
    assert message.text_content == "one two three"
    assert message.generated_text == TEN


async def test_awaiting_a_speech_whose_tts_has_died_does_not_raise(talk):
    async with talk(tts=ScriptedTTS(fail_at=Fail(ProviderRejected("no voice")))) as t:
        await t.until(1.0)
        handle = await t.session.say(TEN)
        assert isinstance(handle.exception(), ProviderRejected)


async def test_a_tts_that_never_says_a_word_leaves_no_message(talk):
    tts = ScriptedTTS(fail_at=Fail(ProviderRejected("no voice"), call=1))
    async with talk(tts=tts) as t:
        first = await say(t, TEN, 3)
        assert first.done()
        second = t.session.say("hello")
        await t.until(6)
        assert second.done() and second.exception() is None
    assert [m.text_content for m in t.messages] == ["hello"]
    assert t.errors == [("tts", ProviderRejected, False)]


async def test_a_turn_whose_tts_is_dead_keeps_its_user_message(talk):
    tts = ScriptedTTS(fail_at=Fail(ProviderRejected("no voice"), call=1))
    async with talk(replies=["never heard"], tts=tts) as t:
        await t.until(1.0)
        t.caller.type("hello")
        await t.until(5)
        assert t.session.agent_state == "listening"
    assert t.said == [("user", "hello")]
    assert len(t.events("metrics_collected")) == 1


async def test_three_dead_speeches_in_a_row_close_the_session(talk):
    tts = ScriptedTTS(fail_at=Fail(ProviderRejected("no voice"), call=None))
    async with talk(tts=tts) as t:
        await t.until(1.0)
        for _ in range(3):
            t.session.say("hello")
        await t.until(5)
        assert [event.reason for event in t.events("close")] == ["error"]
    assert t.errors == [("tts", ProviderRejected, False)] * 3


async def test_dead_speeches_with_others_between_them_do_not_close_the_session(talk):
    rejected = ProviderRejected("no voice")
    tts = ScriptedTTS(fail_at=[Fail(rejected, call) for call in (1, 3, 5, 7)])
    async with talk(tts=tts, user_away_timeout=None) as t:
        await t.until(1.0)
        for _ in range(8):
            await t.session.say("hello")
        assert t.events("close") == []
    assert len(t.errors) == 4


async def test_a_tts_that_always_dies_in_mid_sentence_closes_the_session(talk):
    rejected = ProviderRejected("quota used up")
    tts = ScriptedTTS(fail_at=Fail(rejected, call=None, after=0.8))
    async with talk(tts=tts) as t:
        await t.until(1.0)
        for _ in range(3):
            t.session.say(TEN)
        await t.until(10)
        assert [event.reason for event in t.events("close")] == ["error"]


async def test_an_llm_that_always_fails_closes_the_session_though_the_failure_is_spoken_of(talk):
    async with talk(llm=ScriptedLLM({"": ProviderRejected("no such model")})) as t:
        t.session.on(
            "error", lambda event: event.source == "llm" and t.session.say("sorry, trouble")
        )
        for number in range(3):
            await t.until(1.0 + 4 * number)
            t.caller.type("hello")
        await t.until(14)
        assert [event.reason for event in t.events("close")] == ["error"]


# Stalls


class Stalling(ScriptedTTS):
    """Falls silent for ever in its first call, after so many events."""

    def __init__(self, after, **options):
        super().__init__(**options)
        self.after = after

    async def synthesize(self, text, settings=None):
        first = self.calls == 0
        number = 0
        async for event in super().synthesize(text, settings):
            if first and number == self.after:
                await asyncio.get_running_loop().create_future()
            number += 1
            yield event


async def test_a_tts_that_is_silent_for_ten_seconds_counts_as_failed_and_is_called_again(talk):
    async with talk(tts=Stalling(6), user_away_timeout=None) as t:
        await say(t, TEN, 30)
    assert t.errors == [("tts", ProviderTimeout, True)]
    (error,) = t.events("error")
    assert str(error.error) == "Stalling gave nothing for 10 s"
    assert t.heard == TEN
    # It fell silent at 1.2.
    assert error.at == pytest.approx(11.2, abs=0.05)


async def test_a_tts_that_waits_for_the_text_is_not_stalled(talk):
    llm = ScriptedLLM([["one two ", Pause(9.0), "three four ", Pause(9.5), "five six"]])
    async with talk(llm=llm, user_away_timeout=None) as t:
        await t.until(1.0)
        t.caller.type("count")
        await t.until(40)
    assert t.errors == []
    assert t.heard == "one two three four five six"


async def test_a_tts_that_is_ahead_of_playout_is_not_stalled(talk):
    text = " ".join(["one two three four five six"] * 10)  # 24 s
    async with talk(user_away_timeout=None) as t:
        await say(t, text, 40)
    assert t.errors == []
    assert t.heard == text


async def test_a_paused_speech_is_not_stalled(talk):
    text = " ".join(["one two three four five six"] * 10)
    async with talk(user_away_timeout=None) as t:
        t.caller.mumble_at(2.0, 13.0)
        await say(t, text, 60)
    assert t.errors == []
    assert t.heard == text


async def test_an_llm_that_is_silent_for_ten_seconds_is_asked_again(talk):
    llm = ScriptedLLM([[Pause(1000)], "very well then"])
    async with talk(llm=llm, user_away_timeout=None) as t:
        await t.until(1.0)
        t.caller.type("hello")
        await t.until(20)
    assert t.errors == [("llm", ProviderTimeout, True)]
    assert str(t.events("error")[0].error) == "ScriptedLLM gave nothing for 10 s"
    assert t.said == [("user", "hello"), ("assistant", "very well then")]


async def test_an_llm_that_falls_silent_in_its_answer_fails_the_turn_and_what_was_said_stays(talk):
    llm = ScriptedLLM([["one two three ", Pause(1000), "four"], "very well then"])
    async with talk(llm=llm, user_away_timeout=None) as t:
        await t.until(1.0)
        t.caller.type("count")
        await t.until(20)
        assert t.session.agent_state == "listening"
    assert t.errors == [("llm", ProviderTimeout, False)]
    assert t.heard == "one two three"
    assert t.said == [("user", "count"), ("assistant", "one two three")]


async def test_an_llm_that_ends_without_its_end_marker_fails_the_turn(talk):
    from antiphon.errors import TruncatedStream

    async with talk(replies=[["one two three ", CUT]]) as t:
        await t.until(1.0)
        t.caller.type("count")
        await t.until(8)
    assert t.errors == [("llm", TruncatedStream, False)]
    assert t.said == [("user", "count"), ("assistant", "one two three")]


# Audio of the wrong shape


class Odd(TTS):
    capabilities = TTSCapabilities(sample_rates=(16000,))

    def __init__(self, data, rate=16000):
        self.data, self.rate = data, rate

    async def synthesize(self, text, settings=None):
        async for _ in text:
            pass
        yield Audio(self.data, self.rate)


@pytest.mark.parametrize("rate", [16000, 24000])
async def test_audio_that_ends_in_half_a_sample_is_an_error_of_the_tts(talk, rate):
    async with talk(tts=Odd(bytes(641), rate)) as t:
        handle = await say(t, "hello", 5)
        assert handle.done()
        assert t.events("close") == []
        second = t.session.say("x", audio=None)
        await t.until(8)
        assert second.done()
    assert t.errors == [("tts", AudioError, False)] * 2
    assert str(t.events("error")[0].error) == (
        "the tts gave 641 bytes of audio; 16-bit audio has an even number of bytes"
    )


async def test_empty_audio_is_nothing(talk):
    async with talk(tts=Odd(b"")) as t:
        handle = await say(t, "hello", 5)
        assert handle.done()
    assert t.errors == []


# Nodes


async def test_a_bug_in_an_own_node_ends_the_speech_and_not_the_session(talk, caplog):
    class Buggy(Agent):
        async def tts_node(self, text, model_settings):
            async for event in super().tts_node(text, model_settings):
                yield event
                if isinstance(event, Audio):
                    raise KeyError("oops")

    with caplog.at_level(logging.CRITICAL):
        async with talk(Buggy(instructions="x")) as t:
            handle = await say(t, TEN, 6)
            assert handle.done()
            assert t.events("close") == []
    assert t.errors == [("tts", KeyError, False)]
    assert t.heard == "one"
    assert [m.text_content for m in t.messages] == ["one"]


@pytest.mark.parametrize("stop", [1.5, 3.0])
async def test_an_own_node_is_closed_when_its_speech_is_cut(talk, stop):
    closed = []

    class Tidy(Agent):
        async def tts_node(self, text, model_settings):
            try:
                async for event in super().tts_node(text, model_settings):
                    yield event
            finally:
                closed.append(round(asyncio.get_running_loop().time(), 3))

    text = " ".join([TEN] * 4)  # long enough to have to wait for room
    async with talk(Tidy(instructions="x")) as t:
        await t.until(1.0)
        handle = t.session.say(text)
        await t.until(stop)
        handle.interrupt()
        await t.until(stop + 0.01)
        assert closed == [stop]


async def test_the_stream_of_the_tts_is_closed_when_its_speech_is_cut(talk):
    closed = []

    class Tidy(ScriptedTTS):
        async def synthesize(self, text, settings=None):
            try:
                async for event in super().synthesize(text, settings):
                    yield event
            finally:
                closed.append(round(asyncio.get_running_loop().time(), 3))

    async with talk(tts=Tidy()) as t:
        await t.until(1.0)
        handle = t.session.say(" ".join([TEN] * 4))
        await t.until(3.0)
        handle.interrupt()
        await t.until(3.01)
        assert closed == [3.0]


async def test_audio_that_is_given_to_say_and_fails_ends_the_speech(talk):
    from antiphon.audio import AudioFrame

    async def jingle():
        yield AudioFrame(render("one two", seconds=0.8), 16000)
        raise OSError("no such file")

    async with talk() as t:
        await t.until(1.0)
        handle = t.session.say("one two three", audio=jingle())
        await t.until(5)
        assert handle.done()
        assert isinstance(handle.exception(), OSError)
    assert t.heard == "one two"
    assert t.errors == [("tts", OSError, False)]
