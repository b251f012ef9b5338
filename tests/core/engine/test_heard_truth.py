import pytest

from antiphon import Agent
from antiphon.streams import Flush
from antiphon.testing import (
    Caller,
    ScriptedLLM,
    ScriptedTTS,
    ScriptedWholeTextTTS,
    render,
)
from antiphon.text import word_boundaries
from antiphon.tts import TTS, Audio, TimedText, TTSCapabilities

pytestmark = pytest.mark.virtual_time

TEN = "one two three four five six seven eight nine ten"
EVEN = "one two six ten one two six ten one two six ten"
STOPS = [1.25, 1.4, 1.61, 2.0, 2.33, 2.6, 3.07, 3.9, 4.44, 5.1]
"""Loop times, relative to a `say` at 1.0, at which it is interrupted."""


async def cut_speeches(t, text, stops=STOPS):
    """Says `text` and interrupts it, once per stop; gives what was recorded and what was heard."""
    pairs = []
    for number, stop in enumerate(stops):
        begin = 1.0 + 10 * number
        await t.until(begin)
        before, recorded = t.heard, len(t.messages)
        handle = t.session.say(text)
        await t.until(begin + stop - 1.0)
        handle.interrupt(force=True)
        await t.until(begin + 8)
        assert handle.done()
        heard = t.heard[len(before) :].strip()
        pairs.append((" ".join(m.text_content for m in t.messages[recorded:]), heard))
    return pairs


def assert_slice(text, recorded):
    assert text.startswith(recorded)
    assert len(recorded) in (0, *word_boundaries(text))


VOICES = {
    "word times": lambda: ScriptedTTS(),
    "word times, slow": lambda: ScriptedTTS(realtime_factor=0.8),
    "word times and voicing": lambda: ScriptedTTS(voicing=True),
    "whole texts with word times": lambda: ScriptedWholeTextTTS(),
}


@pytest.mark.parametrize("voice", VOICES)
async def test_with_word_times_the_record_is_what_the_caller_heard(talk, voice):
    async with talk(tts=VOICES[voice]()) as t:
        pairs = await cut_speeches(t, TEN)
    for recorded, heard in pairs:
        assert recorded == heard
    assert not any(message.estimated for message in t.messages)


ESTIMATES = {
    "no word times": lambda: ScriptedTTS(word_times=False),
    # While it still works its pace is not known: it is taken to be that of usual English.
    "no word times, slow": lambda: ScriptedTTS(
        word_times=False, realtime_factor=0.8, words_per_second=3.5
    ),
    "voicing alone": lambda: ScriptedTTS(word_times=False, voicing=True),
    "whole texts": lambda: ScriptedWholeTextTTS(word_times=False),
}


@pytest.mark.parametrize("voice", ESTIMATES)
async def test_without_word_times_the_record_is_a_slice_no_longer_than_what_was_heard(talk, voice):
    async with talk(tts=ESTIMATES[voice]()) as t:
        pairs = await cut_speeches(t, EVEN)
    for recorded, heard in pairs:
        assert_slice(EVEN, recorded)
        assert len(recorded) <= len(heard), (recorded, heard)
    # The estimate is no excuse for losing everything.
    assert len(pairs[-1][0].split()) >= 4
    assert any(recorded for recorded, _ in pairs)


async def test_an_estimated_split_is_marked(talk):
    async with talk(tts=ScriptedTTS(word_times=False)) as t:
        await cut_speeches(t, EVEN, [3.0])
        await t.until(11)
        t.session.say(EVEN)
        await t.until(20)
    assert [(m.estimated, m.interrupted) for m in t.messages] == [(True, True), (False, False)]


async def test_whole_texts_are_split_at_their_sentences(talk):
    text = "One two. Six ten. "
    sentences = (text * 3).strip()
    async with talk(tts=ScriptedWholeTextTTS(word_times=False)) as t:
        pairs = await cut_speeches(t, sentences, [2.05, 2.85, 3.65])
    for recorded, heard in pairs:
        assert_slice(sentences, recorded)
        assert len(recorded) <= len(heard)
    assert pairs[1][0].startswith("One two. Six ten.")


async def test_a_voice_of_another_rate_is_recorded_as_far_as_it_was_played(talk):
    # The caller cannot read resampled audio: a word every 0.4 s from 1.2 s on.
    async with talk(tts=ScriptedTTS(sample_rate=24000)) as t:
        pairs = await cut_speeches(t, TEN)
        spans = [end - start for start, end, _ in t.agent_heard]
    assert len(spans) == sum(1 for stop in STOPS if stop > 1.2)
    for stop, (recorded, _) in zip(STOPS, pairs, strict=True):
        words = max(0, int((stop - 1.2 + 1e-6) / 0.4))
        assert len(recorded.split()) == min(words, 10), stop


async def test_a_voice_of_another_rate_is_played_whole(talk):
    async with talk(tts=ScriptedTTS(sample_rate=24000)) as t:
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(10)
        ((start, end, _),) = t.agent_heard
    assert (start, end) == (pytest.approx(1.2, abs=0.02), pytest.approx(5.2, abs=0.02))
    assert [m.text_content for m in t.messages] == [TEN]


async def test_an_uneven_voice_is_never_recorded_beyond_what_was_heard_with_word_times(talk):
    class Uneven(TTS):
        """Draws out every third word."""

        capabilities = TTSCapabilities(word_times=True, sample_rates=(16000,))

        async def synthesize(self, text, settings=None):
            whole = "".join([piece async for piece in text if not isinstance(piece, Flush)])
            at = 0.0
            for number, word in enumerate(whole.split()):
                length = 0.9 if number % 3 == 2 else 0.2
                yield TimedText(word, at, at + length)
                yield Audio(render(word, seconds=length), 16000)
                at += length

    async with talk(tts=Uneven()) as t:
        pairs = await cut_speeches(t, TEN, [1.1, 1.25, 1.39, 1.9, 2.3, 2.75, 3.3])
    for recorded, heard in pairs:
        assert recorded == heard


async def test_word_times_that_come_late_never_claim_too_much(talk):
    class Late(TTS):
        """Gives all audio first, and then when its words were spoken."""

        capabilities = TTSCapabilities(word_times=True, sample_rates=(16000,))

        async def synthesize(self, text, settings=None):
            import asyncio

            whole = "".join([piece async for piece in text if not isinstance(piece, Flush)])
            words = whole.split()
            yield Audio(render(whole, words_per_second=2.5), 16000)
            for number, word in enumerate(words):
                await asyncio.sleep(0.5)
                yield TimedText(word, number * 0.4, (number + 1) * 0.4)

    async with talk(tts=Late()) as t:
        pairs = await cut_speeches(t, TEN, [1.6, 2.3, 3.1, 4.2])
    for recorded, heard in pairs:
        assert_slice(TEN, recorded)
        assert heard.startswith(recorded)


# What an agent's own node does to the text


class Shouting(Agent):
    async def tts_node(self, text, model_settings):
        async def shouted():
            async for piece in text:
                yield piece if isinstance(piece, Flush) else piece.upper()

        async for event in super().tts_node(shouted(), model_settings):
            yield event


async def test_a_node_that_changes_the_letters_only_keeps_the_record_exact(talk):
    async with talk(Shouting(instructions="x")) as t:
        pairs = await cut_speeches(t, TEN)
    for recorded, heard in pairs:
        assert_slice(TEN, recorded)
        assert recorded.upper() == heard


async def test_markup_that_a_node_takes_out_stays_in_the_record(talk):
    class Plain(Agent):
        async def tts_node(self, text, model_settings):
            async def plain():
                async for piece in text:
                    yield piece if isinstance(piece, Flush) else piece.replace("*", "")

            async for event in super().tts_node(plain(), model_settings):
                yield event

    text = "one **two** three *four* five six seven"
    async with talk(Plain(instructions="x")) as t:
        pairs = await cut_speeches(t, text, [2.1, 2.9])
    assert pairs == [("one **two**", "one two"), ("one **two** three *four*", "one two three four")]


class Translating(Agent):
    """Says something else: twice as many words."""

    async def tts_node(self, text, model_settings):
        async def other():
            async for piece in text:
                if isinstance(piece, Flush):
                    yield piece
                else:
                    for _ in piece.split():
                        yield "ja nein "

        async for event in super().tts_node(other(), model_settings):
            yield event


async def test_a_node_that_says_something_else_gets_an_estimate_of_the_whole(talk):
    async with talk(Translating(instructions="x")) as t:
        pairs = await cut_speeches(t, "one two six ten one", [1.25, 2.1, 2.9, 4.1])
    for recorded, heard in pairs:
        assert_slice(EVEN, recorded)
        # Half as many words as were heard, and not more.
        assert len(recorded.split()) <= len(heard.split()) / 2
    assert all(message.estimated for message in t.messages)


async def test_a_node_that_says_something_else_and_is_heard_out_is_recorded_whole(talk):
    async with talk(Translating(instructions="x")) as t:
        await t.until(1.0)
        t.session.say("one two three")
        await t.until(8)
    assert t.heard == "ja nein ja nein ja nein"
    assert [(m.text_content, m.interrupted) for m in t.messages] == [("one two three", False)]


async def test_a_node_that_gives_frames_of_its_own_is_estimated(talk):
    from antiphon.audio import AudioFrame, split

    class Recorded(Agent):
        async def tts_node(self, text, model_settings):
            async for _ in text:
                pass
            for frame in split(AudioFrame(render(EVEN, words_per_second=2.5), 16000), 320):
                yield frame

    async with talk(Recorded(instructions="x"), tts=None) as t:
        pairs = await cut_speeches(t, EVEN, [2.0, 3.3])
    for recorded, heard in pairs:
        assert_slice(EVEN, recorded)
        assert 0 < len(recorded) <= len(heard)


async def test_a_node_that_is_silent_says_nothing_and_is_recorded(talk):
    class Silent(Agent):
        async def tts_node(self, text, model_settings):
            return None

    async with talk(Silent(instructions="x")) as t:
        await t.until(1.0)
        handle = t.session.say("one two three")
        await t.until(5)
        assert handle.done()
    assert t.heard == ""


# What is recorded


async def test_the_generated_text_is_kept_beside_what_was_heard(talk):
    async with talk(replies=[TEN, "very well"]) as t:
        await t.until(1.0)
        t.caller.type("count")
        await t.until(3.05)
        t.caller.type("stop")
        await t.until(8)
    first = t.messages[1]
    assert first.role == "assistant"
    assert first.interrupted
    assert TEN.startswith(first.text_content)
    assert first.text_content == t.caller.timeline[1].text
    assert TEN.startswith(first.generated_text) and len(first.generated_text) > 0


async def test_the_llm_is_shown_what_was_heard(talk):
    llm = ScriptedLLM([TEN, "very well"])
    async with talk(llm=llm) as t:
        await t.until(1.0)
        t.caller.type("count")
        await t.until(3.05)
        t.caller.type("stop")
        await t.until(8)
        heard = t.caller.timeline[1].text
    assert llm.requests[1].texts == [
        ("system", "be brief"),
        ("user", "count"),
        ("assistant", heard),
        ("user", "stop"),
    ]


async def test_speech_that_is_not_for_the_context_is_not_recorded(talk):
    async with talk() as t:
        await t.until(1.0)
        t.session.say("one moment", add_to_chat_ctx=False)
        await t.until(5)
    assert t.heard == "one moment"
    assert t.messages == []


async def test_interrupted_exactly_at_its_end_a_speech_counts_as_heard_whole(talk):
    async with talk() as t:
        pairs = await cut_speeches(t, "one two", [2.0, 1.999])
    assert pairs == [("one two", "one two"), ("one", "one")]
    assert [m.interrupted for m in t.messages] == [False, True]


async def test_ready_audio_is_recorded_with_its_text(talk):
    from antiphon.audio import AudioFrame, split

    async def jingle():
        for frame in split(AudioFrame(render("one two three", seconds=1.2), 16000), 320):
            yield frame

    async with talk() as t:
        await t.until(1.0)
        t.session.say("one two three", audio=jingle())
        await t.until(5)
    assert t.heard == "one two three"
    assert [m.text_content for m in t.messages] == ["one two three"]


async def test_a_text_given_in_pieces_is_recorded_as_far_as_it_was_heard(talk):
    import asyncio

    async def pieces():
        for word in TEN.split():
            yield word + " "
            await asyncio.sleep(0.6)

    async with talk() as t:
        await t.until(1.0)
        handle = t.session.say(pieces())
        await t.until(3.5)
        handle.interrupt()
        await t.until(8)
    (message,) = t.messages
    assert message.text_content == t.heard
    assert 3 <= len(t.heard.split()) <= 5


async def test_an_agent_without_a_voice_is_recorded_as_it_writes(talk):
    async with talk(replies=["one two three"], tts=None) as t:
        await t.until(1.0)
        t.caller.type("count")
        await t.until(5)
    assert t.said == [("user", "count"), ("assistant", "one two three")]


@pytest.mark.parametrize("position", ["reported", "exact"])
async def test_the_record_is_exact_where_the_transport_knows_better_later(talk, position):
    async with talk(caller=Caller(position=position)) as t:
        pairs = await cut_speeches(t, TEN)
    for recorded, heard in pairs:
        assert recorded == heard


async def test_a_transport_that_guesses_is_believed(talk):
    # It claims 0.1 s more than it has played.
    async with talk(caller=Caller(position="estimated")) as t:
        pairs = await cut_speeches(t, TEN, [2.35])
    assert pairs == [("one two three", "one two")]


async def test_a_voice_that_is_still_at_work_is_judged_by_the_pace_it_had_before(talk):
    # Half a word a second: far slower than the usual pace.
    voice = ScriptedTTS(word_times=False, words_per_second=0.5, realtime_factor=0.9)
    async with talk(tts=voice) as t:
        t.session.say("one two six ten")
        await t.session.wait_for_idle()
        before = t.heard
        handle = t.session.say(EVEN)
        await t.until(t.now + 0.2 + 9.0)
        handle.interrupt()
        await t.session.wait_for_idle()
        heard = t.heard[len(before) :].split()
    assert len(heard) == 4
    assert abs(len(t.messages[1].text_content.split()) - len(heard)) <= 1
    assert t.messages[1].estimated
