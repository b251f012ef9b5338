import random
import struct

import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError
from antiphon.testing.speech import (
    HeardWord,
    Listener,
    is_voiced,
    mumble,
    render,
    slots,
    voiced_span,
)

TEXT = "Hello, my name is Zoë Müller and I am forty-two years old; 你好 ok?"


def pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def texts(words):
    return [word.text for word in words]


def test_words_and_their_slots_are_found_again():
    audio = render("one two three", seconds=1.5)
    assert len(audio) == 2 * 24000
    listener = Listener()
    listener.feed(audio)
    assert listener.words == [
        HeardWord("one", 0, 8000),
        HeardWord("two", 8000, 16000),
        HeardWord("three", 16000, 24000),
    ]
    assert (listener.position, listener.voiced_from, listener.voiced_until) == (24000, 0, 24000)
    assert listener.cut == [] and listener.partial is None


@pytest.mark.parametrize("samples", [1, 7, 80, 160, 320, 511, 6400, 100_000])
@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
def test_any_frame_length_gives_the_same_words(samples, sample_rate):
    audio = bytes(2 * 123) + render(TEXT, sample_rate=sample_rate, words_per_second=20)
    listener = Listener()
    for piece in pieces(audio + bytes(400), 2 * samples):
        listener.feed(piece)
    assert texts(listener.words) == TEXT.split()
    expected = slots(len(TEXT.split()), len(audio) // 2 - 123)
    assert [(w.start_sample - 123, w.end_sample - 123) for w in listener.words] == list(expected)
    assert listener.voiced_from == 123
    assert listener.voiced_until == len(audio) // 2
    assert listener.position == len(audio) // 2 + 200


def test_speech_is_voiced_without_a_quiet_sample():
    audio = render(TEXT)
    assert min(abs(s) for s in struct.unpack(f"<{len(audio) // 2}h", audio)) >= 2000


@pytest.mark.parametrize("cut", [*range(0, 40), 3199, 3200, 6399, 6400, 6401, 9000, 15999])
@pytest.mark.parametrize("frame", [320, 6400, 50_000])
def test_cut_speech_gives_exactly_the_words_that_were_whole(cut, frame):
    audio = render("one two three", seconds=1.2)  # slots of 6400
    kept = 2 * min(cut, 19200)
    listener = Listener()
    for piece in pieces(audio[:kept], 2 * frame):
        listener.feed(piece)
    assert texts(listener.words) == ["one", "two", "three"][: cut // 6400]
    assert listener.voiced_until == (cut or None)
    # Other speech follows at once, or after a silence: it is not disturbed.
    for gap in (0, 1000):
        listener.silence(gap)
        listener.feed(render("next", seconds=0.1))
    assert texts(listener.words) == [*["one", "two", "three"][: cut // 6400], "next", "next"]
    assert [word.end_sample for word in listener.cut] in ([cut], [])


def test_a_cut_word_says_where():
    listener = Listener()
    listener.feed(render("one two", seconds=1.0)[: 2 * 10_000])
    assert texts(listener.words) == ["one"]
    assert listener.partial == HeardWord("two", 8000, 10_000)
    listener.end()
    assert listener.partial is None
    assert listener.cut == [HeardWord("two", 8000, 10_000)]


@pytest.mark.parametrize("lost", [1, 80, 320, 1600])
def test_a_word_that_lost_samples_is_lost(lost):
    audio = render("one two three", seconds=1.2)
    for missing in range(100, 6400, 650):
        at = 2 * (6400 + missing)
        listener = Listener()
        for piece in pieces(audio[:at] + audio[at + 2 * lost :], 640):
            listener.feed(piece)
        found = texts(listener.words)
        assert "two" not in found and found[0] == "one"
        if missing + lost < 6400:
            assert found == ["one", "three"]


def test_frames_replaced_by_silence_lose_their_words_only():
    frames = pieces(render("one two three four", seconds=1.6), 640)
    frames[25] = bytes(640)
    listener = Listener()
    for frame in frames:
        listener.feed(frame)
    assert texts(listener.words) == ["one", "three", "four"]
    assert texts(listener.cut) == ["two"]


@pytest.mark.parametrize("pause_at", [1, 3, 5, 12, 20, 3000, 6399, 6400, 6403])
def test_a_pause_shifts_words_and_loses_none(pause_at):
    audio = render("one two", seconds=0.8)
    listener = Listener()
    listener.feed(audio[: 2 * pause_at])
    listener.silence(5000)
    for piece in pieces(audio[2 * pause_at :], 640):
        listener.feed(piece)
    first_end = 6400 if pause_at >= 6400 else 11400
    second_start = 6400 if pause_at > 6400 else 11400
    assert listener.words == [
        HeardWord("one", 0, first_end),
        HeardWord("two", second_start, 17800),
    ]
    assert listener.voiced_from == pause_at + 5000


def test_random_cuts_and_pieces_never_invent_a_word():
    source = random.Random(5)
    words = [f"w{n}" for n in range(30)]
    audio = render(" ".join(words), words_per_second=10)
    for _ in range(40):
        listener, expected, position = Listener(), [], 0
        while position < 48000:
            kept = source.randrange(1, 4000)
            piece = audio[2 * position : 2 * (position + kept)]
            for part in pieces(piece, 2 * source.randrange(1, 900)):
                listener.feed(part)
            expected += [
                f"w{n}"
                for n in range(30)
                if position <= n * 1600 and (n + 1) * 1600 <= position + kept
            ]
            position += kept + source.randrange(1, 3000)
        assert texts(listener.words) == expected


def test_mumbling_is_voiced_and_has_no_words():
    audio = mumble(0.5, sample_rate=8000)
    assert len(audio) == 8000
    listener = Listener()
    listener.feed(audio)
    assert (listener.words, listener.cut, listener.voiced_until) == ([], [], 4000)


def test_a_damaged_header_is_passed_over():
    audio = bytearray(render("one two", seconds=1.0))
    audio[12:14] = struct.pack("<h", 77)
    listener = Listener()
    for piece in pieces(bytes(audio), 2):
        listener.feed(piece)
    assert texts(listener.words) == ["two"]


def test_other_audio_has_no_words():
    source = random.Random(1)
    noise = struct.pack("<16000h", *[source.randrange(-32768, 32768) for _ in range(16000)])
    listener = Listener()
    for piece in pieces(noise, 640):
        listener.feed(piece)
    assert (listener.words, listener.cut, listener.position) == ([], [], 16000)


@pytest.mark.parametrize(
    ("samples", "span"),
    [
        ([0, 0, 0], None),
        ([200, -200, 0], None),
        ([0, 201, 0, -201, 0], (1, 4)),
        ([5, 201, 0, -5, 0], (1, 2)),
        ([256, 0], (0, 1)),
        ([0, 1 << 14], (1, 2)),
        ([-32768], (0, 1)),
    ],
)
def test_voiced_span(samples, span):
    data = struct.pack(f"<{len(samples)}h", *samples)
    assert voiced_span(data) == span
    assert is_voiced(data) is (span is not None)


def test_what_cannot_be_rendered_is_refused():
    with pytest.raises(AudioError) as caught:
        render("extraordinary", seconds=0.001)
    assert str(caught.value) == (
        "the word 'extraordinary' needs between 25 and 16777216 samples and is given 16; "
        "change seconds or words_per_second"
    )
    with pytest.raises(AudioError) as caught:
        render("  ")
    assert str(caught.value) == ("'  ' has no word to speak; for speech without words use mumble()")


def test_an_hour_of_talk_takes_moments():
    from antiphon import clock

    frames = pieces(render("this is a minute of talk " * 25, seconds=60), 640)
    quiet = bytes(640)
    listener = Listener()
    started = clock.cpu_time()
    for _ in range(60):
        for frame in frames:
            AudioFrame(frame, 16000)
            listener.feed(frame)
            listener.feed(quiet) if frame is frames[-1] else None
    assert clock.cpu_time() - started < 5  # about 0.4 s
    assert len(listener.words) == 60 * 150
