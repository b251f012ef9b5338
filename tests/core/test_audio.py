from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from antiphon.audio import AudioFrame, Resampler, join, split, to_mono
from antiphon.errors import AudioError


def tone(frequency: float, *, rate: int, seconds: float, level: float = 0.5) -> bytes:
    time = np.arange(round(rate * seconds)) / rate
    wave = np.sin(2 * np.pi * frequency * time) * level * 32767
    return bytes(wave.astype("<i2").tobytes())


def test_a_frame_knows_its_length() -> None:
    frame = AudioFrame(bytes(1280), 16000, channels=2, started_at=3.0)
    assert (frame.samples, frame.duration, frame.ended_at) == (320, 0.02, 3.02)


@pytest.mark.parametrize(
    ("data", "rate", "channels", "message"),
    [
        (b"", 16000, 1, "an audio frame holds 0 bytes; it needs a positive multiple of 2 "
         "(16-bit samples, 1 channel)"),
        (bytes(3), 16000, 1, "an audio frame holds 3 bytes; it needs a positive multiple of 2 "
         "(16-bit samples, 1 channel)"),
        (bytes(6), 16000, 2, "an audio frame holds 6 bytes; it needs a positive multiple of 4 "
         "(16-bit samples, 2 channels)"),
        (bytes(4), 0, 1, "an audio frame has a sample rate of 0; rates are positive, e.g. 16000"),
        (bytes(4), 16000, 0, "an audio frame has 0 channels; give 1 for mono, 2 for stereo"),
    ],
)  # fmt: skip
def test_a_frame_of_the_wrong_shape_is_refused(
    data: bytes, rate: int, channels: int, message: str
) -> None:
    with pytest.raises(AudioError) as caught:
        AudioFrame(data, rate, channels)
    assert str(caught.value) == message


def test_split_and_join_are_inverse() -> None:
    frame = AudioFrame(tone(440, rate=16000, seconds=0.05), 16000, started_at=1.0)
    pieces = list(split(frame, 320))
    assert [(piece.samples, round(piece.started_at, 6)) for piece in pieces] == [
        (320, 1.0),
        (320, 1.02),
        (160, 1.04),
    ]
    assert join(pieces) == frame


def test_join_refuses_what_does_not_fit_together() -> None:
    with pytest.raises(AudioError) as caught:
        join([AudioFrame(bytes(2), 16000), AudioFrame(bytes(4), 8000, 2)])
    assert str(caught.value) == (
        "cannot join audio of 16000 Hz with 1 and of 8000 Hz with 2 channels; resample it first"
    )
    with pytest.raises(AudioError) as caught:
        join([])
    assert str(caught.value) == "no audio frames to join; give at least one"


@pytest.mark.parametrize(
    ("from_rate", "to_rate"),
    [(8000, 16000), (22050, 16000), (24000, 16000), (44100, 16000), (48000, 16000), (16000, 24000)],
)
def test_resampling_piece_by_piece_keeps_length_pitch_and_level(
    from_rate: int, to_rate: int
) -> None:
    audio = tone(1000, rate=from_rate, seconds=1.0)
    resampler = Resampler(from_rate, to_rate)
    step = from_rate // 50 * 2
    out = b"".join(
        resampler.push(audio[start : start + step]) for start in range(0, len(audio), step)
    )
    out += resampler.flush()

    samples = np.frombuffer(out, "<i2")
    assert len(samples) == to_rate
    whole = np.frombuffer(tone(1000, rate=to_rate, seconds=1.0), "<i2")
    middle = slice(to_rate // 10, -to_rate // 10)
    # the same wave at the new rate, sample by sample: no click where the pieces join
    assert np.abs(samples[middle].astype(int) - whole[middle]).max() < 40


def test_a_resampler_begins_anew_after_flush() -> None:
    audio = tone(300, rate=22050, seconds=0.2)
    resampler = Resampler(22050, 16000)
    first = resampler.push(audio) + resampler.flush()
    assert resampler.flush() == b""
    second = resampler.push(audio) + resampler.flush()
    assert first == second and len(first) == 3200 * 2


def test_equal_rates_pass_through_without_loading_numpy() -> None:
    probe = (
        "import sys; from antiphon.audio import Resampler, AudioFrame, to_mono\n"
        "r = Resampler(16000, 16000)\n"
        "assert r.push(b'abcd') == b'abcd' and r.flush() == b''\n"
        "frame = AudioFrame(b'ab', 16000); assert to_mono(frame) is frame\n"
        "print({'numpy', 'soxr'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout == "set()\n"


def test_a_resampler_refuses_half_a_sample_and_impossible_rates() -> None:
    with pytest.raises(AudioError) as caught:
        Resampler(16000, 16000).push(bytes(3))
    assert str(caught.value) == (
        "cannot resample 3 bytes; 16-bit audio has an even number of bytes"
    )
    with pytest.raises(AudioError) as caught:
        Resampler(0, 16000)
    assert str(caught.value) == (
        "cannot resample from 0 to 16000 Hz; rates are positive, e.g. 16000"
    )


def test_mono_is_the_rounded_mean_and_does_not_overflow() -> None:
    stereo = np.array([[32767, 32767], [-32768, -32768], [100, 300], [-1, -2]], "<i2")
    mono = to_mono(AudioFrame(stereo.tobytes(), 48000, 2, started_at=2.0))
    assert np.frombuffer(mono.data, "<i2").tolist() == [32767, -32768, 200, -2]
    assert (mono.sample_rate, mono.channels, mono.started_at) == (48000, 1, 2.0)
