"""What pocketsphinx hears, through its worker."""

from __future__ import annotations

import array
import logging
import random
from itertools import pairwise
from typing import Any

import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError, SettingError
from antiphon.streams import FLUSH
from antiphon.stt import Final, Partial, Vocabulary

pytest.importorskip("pocketsphinx", reason='needs pip install "antiphon[pocketsphinx]"')
pytestmark = pytest.mark.real_time

VOICES = ("slt", "rms")


@pytest.mark.parametrize("voice", VOICES)
async def test_what_the_agents_expect_is_recognised_word_for_word(
    pocketsphinx: Any,
    hear: Any,
    recording: Any,
    silence: Any,
    vocabulary: Any,
    spoken: Any,
    voice: str,
) -> None:
    pieces = [
        piece for name in spoken for piece in (recording(f"{name}-{voice}"), silence(0.5), FLUSH)
    ]
    async with pocketsphinx() as stt:
        heard = await hear(stt, *pieces, vocabulary=vocabulary)
    assert heard.texts == list(spoken.values())
    assert all(final.flushed and final.language == "en-US" for final in heard.finals)
    assert min(final.confidence for final in heard.finals) > 0.5


async def test_the_first_utterance_of_a_call_is_recognised_as_well(
    pocketsphinx: Any,
    hear: Any,
    recording: Any,
    silence: Any,
    vocabulary: Any,
    spoken: Any,
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        for name in ("name", "right", "other_invoice"):
            heard = await hear(stt, recording(f"{name}-slt"), silence(0.5), FLUSH)
            assert heard.texts == [spoken[name]]


@pytest.mark.parametrize("voice", VOICES)
async def test_what_nobody_expects_is_not_forced_into_the_vocabulary(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any, voice: str
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        heard = await hear(stt, recording(f"bread-{voice}"), silence(0.5), FLUSH)
    [final] = heard.finals
    words = final.text.split()
    assert {"do", "you", "fresh", "bread", "butter"} <= set(words)
    assert final.confidence <= 0.5


async def test_without_a_vocabulary_the_default_model_listens(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any
) -> None:
    async with pocketsphinx() as stt:
        heard = await hear(stt, recording("bread-slt"), silence(0.5), FLUSH)
    assert heard.texts == ["do you sell fresh bread and butter here"]
    assert heard.finals[0].confidence > 0.5


async def test_a_name_that_no_dictionary_has_is_recognised(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, "antiphon.pocketsphinx")
    words = Vocabulary(
        phrases=("My name is Zorblatt Kettering.", "My name is Alice Walker."),
        texts=("Zorbcorp sells bread.",),
    )
    async with pocketsphinx(vocabulary=words) as stt:
        for _ in range(2):
            heard = await hear(stt, recording("guessed-slt"), silence(0.5), FLUSH)
            assert heard.texts == ["my name is zorblatt kettering"]
    assert [record.message for record in caplog.records] == [
        "not in the dictionary, pronunciation guessed: 'zorblatt'",
        "not in the dictionary and in no example, left out: 'zorbcorp'",
    ]


async def test_the_pieces_that_the_audio_comes_in_do_not_matter(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    pieces = [recording("age-rms"), silence(0.5), FLUSH, recording("right-rms"), FLUSH]
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        streamed = await hear(stt, *pieces, ms=20)
        whole = await hear(stt, *pieces, ms=60_000)
        odd = await hear(stt, *pieces, ms=7)
    assert streamed.finals == whole.finals == odd.finals
    assert streamed.texts == ["i am 34 years old", "yes that is right"]


async def test_partials_come_while_somebody_speaks(
    pocketsphinx: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    given = 0.0
    partials: list[tuple[float, str]] = []
    samples = recording("invoice-slt")

    async def audio() -> Any:
        nonlocal given
        for start in range(0, len(samples), 640):
            given += 0.02
            yield AudioFrame(samples[start : start + 640], 16000)
        yield AudioFrame(silence(0.5), 16000)
        yield FLUSH

    async with pocketsphinx(vocabulary=vocabulary) as stt:
        async for event in stt.transcribe(audio()):
            if isinstance(event, Partial):
                partials.append((given, event.text))
    assert partials[0][0] < 1.5
    assert len(partials) >= 5
    assert any(text == "what is the status" for _, text in partials)
    assert all(text for _, text in partials)
    assert len({text for _, text in partials}) > 4


async def test_partials_can_be_turned_off(
    pocketsphinx: Any, hear: Any, recording: Any, vocabulary: Any
) -> None:
    async with pocketsphinx(partials=False, vocabulary=vocabulary) as stt:
        assert stt.capabilities.interim is False
        heard = await hear(stt, recording("name-slt"), FLUSH)
    assert (heard.partials, heard.texts) == ([], ["my name is alice walker"])


async def test_words_have_times_from_the_first_sample_of_the_call(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    name, age = recording("name-slt"), recording("age-slt")
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        heard = await hear(stt, silence(2), name, silence(3), age, silence(0.5), FLUSH)
    first, second = heard.finals
    assert [word.text for word in first.words] == "my name is alice walker".split()
    assert [word.text for word in second.words] == "i am 34 years old".split()
    age_at = 2 + len(name) / 32000 + 3
    assert 2.0 < first.words[0].start < 2.4
    assert age_at - 3.35 < first.words[-1].end < age_at - 2.9
    assert age_at < second.words[0].start < age_at + 0.4
    words = [*first.words, *second.words]
    assert all(word.start < word.end for word in words)
    assert all(a.end <= b.start + 1e-9 for a, b in pairwise(words))
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)


async def test_a_long_silence_ends_an_utterance_and_a_short_one_does_not(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    wait, name = recording("wait-rms"), recording("name-rms")
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        long = await hear(stt, wait, silence(1.2), name, silence(0.5), FLUSH)
        short = await hear(stt, wait, silence(0.3), name, silence(0.5), FLUSH)
    assert [(final.text, final.flushed) for final in long.finals] == [
        ("no wait", False),
        ("my name is alice walker", True),
    ]
    assert [(final.text, final.flushed) for final in short.finals] == [
        ("no wait my name is alice walker", True)
    ]


async def test_a_flush_in_the_middle_of_speech_finalises_what_was_said(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    wait, name = recording("wait-slt"), recording("name-slt")
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        heard = await hear(stt, wait, FLUSH, name, FLUSH)
    assert heard.texts == ["no wait", "my name is alice walker"]


async def test_every_flush_is_answered_once(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        heard = await hear(stt, FLUSH, recording("wait-slt"), silence(0.5), FLUSH, FLUSH)
    assert [(final.text, final.flushed) for final in heard.finals] == [
        ("", True),
        ("no wait", True),
        ("", True),
    ]
    assert heard.finals[0] == Final("", flushed=True)


async def test_no_audio_gives_nothing(pocketsphinx: Any, hear: Any) -> None:
    async with pocketsphinx() as stt:
        assert (await hear(stt)).events == []


async def test_the_end_of_the_audio_gives_the_last_final(
    pocketsphinx: Any, hear: Any, recording: Any, vocabulary: Any
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        heard = await hear(stt, recording("thanks-rms"))
    assert [(final.text, final.flushed) for final in heard.finals] == [
        ("thank you that is all", False)
    ]


@pytest.mark.parametrize("level", [0, 300])
async def test_silence_and_noise_are_no_words(pocketsphinx: Any, hear: Any, level: int) -> None:
    generator = random.Random(1)
    noise = array.array("h", (round(generator.gauss(0, level)) for _ in range(48000))).tobytes()
    async with pocketsphinx() as stt:
        heard = await hear(stt, noise, FLUSH)
    assert heard.finals == [Final("", flushed=True)]
    assert heard.partials == []


async def test_noise_before_the_first_words_does_no_harm(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any, vocabulary: Any
) -> None:
    generator = random.Random(2)
    noise = array.array("h", (round(generator.gauss(0, 2000)) for _ in range(24000))).tobytes()
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        heard = await hear(stt, noise, silence(1), recording("age-rms"), silence(0.5), FLUSH)
    assert heard.texts == ["i am 34 years old"]


async def test_numbers_can_stay_words(
    pocketsphinx: Any, hear: Any, recording: Any, vocabulary: Any
) -> None:
    async with pocketsphinx(vocabulary=vocabulary) as stt:
        heard = await hear(stt, recording("invoice-rms"), FLUSH, numbers=False)
        figures = await hear(stt, recording("invoice-rms"), FLUSH)
    assert heard.texts == ["what is the status of invoice four zero one seven"]
    [words], [number] = (
        [final.words[-4:] for final in heard.finals],
        [final.words[-1] for final in figures.finals],
    )
    assert [word.text for word in words] == ["four", "zero", "one", "seven"]
    assert (number.text, number.start, number.end) == ("4017", words[0].start, words[-1].end)


async def test_usage_adds_up_to_the_audio_of_one_request(
    pocketsphinx: Any, hear: Any, recording: Any, silence: Any
) -> None:
    wait = recording("wait-slt")
    async with pocketsphinx() as stt:
        heard = await hear(stt, wait, silence(0.5), FLUSH, FLUSH, wait)
    seconds = 2 * len(wait) / 32000 + 0.5
    assert sum(usage.audio_seconds for usage in heard.usage) == pytest.approx(seconds)
    assert sum(usage.requests for usage in heard.usage) == 1


@pytest.mark.parametrize(
    ("frame", "shape"),
    [
        (AudioFrame(bytes(320), 8000), "1 channel at 8000 Hz"),
        (AudioFrame(bytes(320), 44100), "1 channel at 44100 Hz"),
        (AudioFrame(bytes(320), 16000, 2), "2 channels at 16000 Hz"),
    ],
)
async def test_audio_of_another_shape_is_refused(
    pocketsphinx: Any, frame: AudioFrame, shape: str
) -> None:
    async def audio() -> Any:
        yield frame

    async with pocketsphinx() as stt:
        with pytest.raises(AudioError) as caught:
            async for _ in stt.transcribe(audio()):
                pass
    assert str(caught.value) == (
        f"pocketsphinx takes mono audio at 16000 Hz, not {shape}; "
        "convert it with antiphon.audio.Resampler and to_mono, as a session does"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"language": "fr"},
            "pocketsphinx recognises American English ('en-us'), not 'fr'; "
            "for other languages take an STT of another provider (antiphon providers lists them)",
        ),
        (
            {"vocabulary": "yes"},
            "pocketsphinx setting 'vocabulary' takes an antiphon.stt.Vocabulary, not 'yes'",
        ),
        (
            {"number": True},
            "pocketsphinx stt has no setting 'number' "
            "(it has: language, numbers, partials, vocabulary)",
        ),
    ],
)
async def test_settings_of_a_call_are_checked(
    pocketsphinx: Any, hear: Any, settings: dict[str, Any], message: str
) -> None:
    async with pocketsphinx() as stt:
        with pytest.raises(SettingError) as caught:
            await hear(stt, FLUSH, **settings)
    assert str(caught.value) == message
