"""What espeak says: real audio, from the real worker."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from antiphon.errors import SettingError
from antiphon.streams import FLUSH, Usage
from antiphon.testing import VirtualTimeLoop
from antiphon.tts import Audio, TimedText, Voicing

pytest.importorskip("espeakng_loader", reason='needs pip install "antiphon[espeak]"')
pytestmark = pytest.mark.real_time

PANGRAM = "The quick brown fox, who is late, jumps over the lazy dog. It was 1234 times — at least!"


def fundamental(said: Any) -> float:
    """The pitch in Hz of the loudest tenth of a second, by autocorrelation from 60 to 500 Hz."""
    samples = np.array(said.samples, np.float64)
    middle = int(np.abs(samples).argmax())
    part = samples[max(0, middle - 1102) : middle + 1102]
    likeness = np.correlate(part, part, "full")[len(part) - 1 :]
    lags = np.arange(22050 // 500, 22050 // 60)
    return float(22050 / lags[likeness[lags].argmax()])


async def test_speech_is_audible_and_of_a_plausible_length(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        said = await speak(tts, PANGRAM)
    assert 6.0 < said.seconds < 10.0
    assert said.peak > 10_000
    pieces = [event for event in said.events if isinstance(event, Audio)]
    assert {piece.sample_rate for piece in pieces} == {22050}
    assert all(0 < len(piece.data) <= 2 * 882 and len(piece.data) % 2 == 0 for piece in pieces)


async def test_each_sentence_is_announced_by_its_own_text(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        said = await speak(tts, "Dr. Smi", "th has it. ", " Good", "bye")
    assert said.voiced == ["Dr. Smith has it. ", " Goodbye"]
    kinds = [type(event) for event in said.events]
    assert kinds[0] is Voicing
    assert kinds[-1] is Usage
    assert said.usage == [Usage(characters=26, audio_seconds=said.seconds)]


async def test_words_are_those_of_the_text_with_their_times(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        said = await speak(tts, PANGRAM[:40], PANGRAM[40:])
    assert [word.text for word in said.words] == [
        *("The", "quick", "brown", "fox,", "who", "is", "late,", "jumps", "over", "the", "lazy"),
        *("dog.", "It", "was", "1234", "times —", "at", "least!"),
    ]
    assert said.words[0].start == 0.0
    assert all(word.start < word.end for word in said.words)
    assert all(one.end <= two.start for one, two in pairwise(said.words))
    assert said.words[-1].end == pytest.approx(said.seconds, abs=0.02)


async def test_word_times_are_exact(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        said = await speak(tts, "Wait, please; no. Yes.")
    # The pauses lie between the words, and everything else in them.
    for one, two in pairwise(said.words):
        assert two.start - one.end > 0.1
        assert said.loudest(one.end, two.start) == 0
        assert said.loudest(one.start, one.end) > 5000
    assert said.loudest(said.words[-1].end, said.seconds) == 0


async def test_word_times_come_soon_after_their_audio(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        said = await speak(tts, PANGRAM)
    samples = 0
    for event in said.events:
        if isinstance(event, Audio):
            samples += len(event.data) // 2
        elif isinstance(event, TimedText):
            assert event.start <= samples / 22050
            assert samples / 22050 < event.end + 0.5


async def test_sentences_have_their_pause_between_them_and_none_at_the_end(
    espeak: Any, speak: Any
) -> None:
    async with espeak() as tts:
        one = await speak(tts, "Hello there.")
        two = await speak(tts, "Hello there. Hello there.")
        slow = await speak(tts, "Hello there. Hello there.", settings={"speed": 100})
    assert two.seconds - 2 * one.seconds == pytest.approx(0.31, abs=0.03)
    there, hello = two.words[1:3]
    assert (there.text, hello.text) == ("there.", "Hello")
    assert hello.start - there.end == pytest.approx(0.31, abs=0.03)
    assert one.seconds - one.words[-1].end < 0.02
    assert slow.words[2].start - slow.words[1].end > 0.5


async def test_flush_speaks_what_has_come_at_once(espeak: Any) -> None:
    heard: list[Any] = []

    async def text() -> Any:
        yield "One mo"
        yield "ment"
        assert not heard
        yield FLUSH
        assert [event.text for event in heard if isinstance(event, Voicing)] == ["One moment"]
        assert any(isinstance(event, Audio) for event in heard)
        heard.clear()
        yield " please"

    async with espeak() as tts:
        async for event in tts.synthesize(text()):
            heard.append(event)
    assert [event.text for event in heard if isinstance(event, Voicing)] == [" please"]


async def test_voices_differ(espeak: Any, speak: Any) -> None:
    heard = {}
    for model in ("espeak", "espeak/en-us:f3", "espeak/en-us:m2", "espeak/en-us:klatt2"):
        async with espeak(model) as tts:
            heard[model] = (await speak(tts, "Who am I?")).pcm
    async with espeak("espeak/en-us", voice="f3") as tts:
        heard["keyword"] = (await speak(tts, "Who am I?")).pcm
    async with espeak() as tts:
        heard["call"] = (await speak(tts, "Who am I?", settings={"voice": "f3"})).pcm
    assert heard["keyword"] == heard["call"] == heard["espeak/en-us:f3"]
    assert len(set(heard.values())) == 4


async def test_languages_differ(espeak: Any, speak: Any) -> None:
    async with espeak("espeak/de") as tts:
        german = await speak(tts, "Guten Tag, wie geht's?")
    async with espeak("espeak/EN-US") as tts:
        english = await speak(tts, "Guten Tag, wie geht's?")
    assert [word.text for word in german.words] == ["Guten", "Tag,", "wie", "geht's?"]
    assert german.pcm != english.pcm


async def test_settings_change_how_it_speaks(espeak: Any, speak: Any) -> None:
    text = "This is a test of the settings."
    async with espeak() as tts:
        plain = await speak(tts, text)
        fast = await speak(tts, text, settings={"speed": 330})
        high = await speak(tts, text, settings={"pitch": 99})
        quiet = await speak(tts, text, settings={"volume": 30})
        halting = await speak(tts, text, settings={"word_gap": 0.2})
        again = await speak(tts, text)
        with pytest.raises(SettingError) as caught:
            await speak(tts, text, settings={"speed": 1000})
    async with espeak(speed=330) as tts:
        built_fast = await speak(tts, text)
    assert str(caught.value) == (
        "espeak tts setting 'speed' takes a whole number from 80 to 450 words per minute, not 1000"
    )
    assert fast.seconds < 0.6 * plain.seconds
    assert built_fast.seconds == pytest.approx(fast.seconds, abs=0.005)
    assert quiet.peak < 0.5 * plain.peak
    assert halting.seconds > plain.seconds + 5 * 0.15
    assert fundamental(high) > 1.3 * fundamental(plain)
    assert again.seconds == pytest.approx(plain.seconds, abs=0.005)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "—", "… ?! …", "()"])
async def test_nothing_to_say_is_silence(espeak: Any, speak: Any, text: str) -> None:
    async with espeak() as tts:
        said = await speak(tts, text, FLUSH)
    assert said.events == [Usage(characters=0, audio_seconds=0.0)]


async def test_what_says_nothing_is_announced_with_what_follows(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        said = await speak(tts, "— ", FLUSH, "Hello", FLUSH)
    assert said.voiced == ["— Hello"]
    assert [word.text for word in said.words] == ["— Hello"]


@pytest.mark.parametrize(
    "text",
    [
        "Zoë's café costs 5 € — naïve? Grüße!",
        "日本語のテスト。もう一つ。",
        "Ωραία 👍 très 👩‍👩‍👧 bien",
        "e\u0301te\u0301 \u200fעברית\u200e",  # noqa: RUF001
    ],
)
async def test_any_script_is_spoken_and_timed(espeak: Any, speak: Any, text: str) -> None:
    async with espeak() as tts:
        said = await speak(tts, text)
    assert said.peak > 5000
    assert "".join(said.voiced) == text
    assert "".join(word.text for word in said.words).replace(" ", "") == text.replace(" ", "")
    assert all(one.end <= two.start for one, two in pairwise(said.words))
    assert said.words[-1].end <= said.seconds


async def test_commands_and_markup_in_the_text_are_only_text(espeak: Any, speak: Any) -> None:
    async with espeak() as tts:
        plain = await speak(tts, "one two three four")
        # "\x01400S" would set espeak's speed, and a NUL would end the text for it.
        commanded = await speak(tts, "one two\x00three \x01\x02\x1bfour")
        half_a_pair = await speak(tts, "one \ud83d two")
        tagged = await speak(tts, "one <break time='9s'/> two [[h@l'oU]] &amp;")
    assert [word.text for word in commanded.words] == [*("one", "two\x00three", "\x01\x02\x1bfour")]
    assert commanded.seconds == pytest.approx(plain.seconds, rel=0.15)
    assert half_a_pair.peak > 5000
    assert tagged.seconds > plain.seconds


async def test_ten_kilobytes_are_spoken(espeak: Any, speak: Any) -> None:
    text = "word and another thing, " * 430
    async with espeak() as tts:
        said = await speak(tts, text)
    assert "".join(said.voiced) == text
    assert len(said.words) == 4 * 430
    assert all(one.end <= two.start for one, two in pairwise(said.words))
    assert 400 < said.seconds < 700


async def test_the_text_is_closed_when_the_speech_is(espeak: Any) -> None:
    closed = []

    async def text() -> Any:
        try:
            yield "One. "
            yield "Two. "
        finally:
            closed.append(True)

    async with espeak() as tts:
        speech = tts.synthesize(text())
        await anext(speech)
        assert not closed
        await speech.aclose()
    assert closed == [True]


async def test_an_error_of_the_text_is_raised_as_it_is(espeak: Any) -> None:
    async def text() -> Any:
        yield "One. Two"
        raise LookupError("no more text")

    heard = []
    async with espeak() as tts:
        with pytest.raises(LookupError, match=r"^no more text$"):
            async for event in tts.synthesize(text()):
                heard.append(event)
    assert [event.text for event in heard if isinstance(event, Voicing)] == ["One. "]


def test_virtual_time_gives_the_same_at_the_same_times(espeak: Any, feed: Any) -> None:
    import asyncio

    from antiphon.testing import run

    async def main() -> list[tuple[float, Any]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        log: list[tuple[float, Any]] = []

        async def call(tts: Any, after: float) -> None:
            await asyncio.sleep(after)
            async for event in tts.synthesize(feed(["Hello there. How are", " you?"])):
                log.append((loop.time(), event))

        async with espeak() as tts:
            await asyncio.gather(call(tts, 1.0), call(tts, 1.001), call(tts, 5.0))
        return log

    log = run(main)
    assert sorted({at for at, event in log if isinstance(event, Audio)}) == [
        1.002,
        1.003,
        1.004,
        1.005,
        5.002,
        5.004,
    ]
    assert run(main) == log


async def test_it_works_from_a_deep_directory(tmp_path: Any, monkeypatch: Any) -> None:
    # espeak keeps 160 bytes of the path of its data, no more.
    import shutil
    from pathlib import Path

    import espeakng_loader

    from antiphon.subprocesses import Multiplexer, Subprocess

    deep = tmp_path / ("d" * 120) / ("é" * 60)
    shutil.copytree(Path(espeakng_loader.__file__).parent, deep / "espeakng_loader")
    monkeypatch.syspath_prepend(str(deep))
    many = Multiplexer(await Subprocess.open("antiphon_providers.espeak.worker", name="espeak"))
    try:
        request = {"voice": "en-us", "rate": 165, "volume": 100, "pitch": 50, "word_gap": 0}
        answers = many.request(1)
        many.worker.post({**request, "id": 1, "text": "Hello", "pause": ""})
        header, audio = await anext(answers)
        assert header == {"id": 1, "words": [[0, 0, 0]]}
        assert len(audio) > 1000
    finally:
        await many.aclose()
