from __future__ import annotations

import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from antiphon.errors import AudioError, TransportError
from antiphon.transports.stereo import StereoRecording
from antiphon.transports.wav_file import WavReader, WavWriter

SECONDS = 0.5


def tone(rate: int, *, channels: int = 1) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """A tone of 440 Hz at half of full scale, the same in all channels; samples by channels."""
    time = np.arange(int(rate * SECONDS)) / rate
    return np.repeat(np.sin(2 * np.pi * 440 * time)[:, None] * 0.5, channels, axis=1)


def wav(
    data: bytes,
    *,
    code: int = 1,
    rate: int = 16000,
    channels: int = 1,
    bits: int = 16,
    extra: bytes = b"",
    before: bytes = b"",
    size: int | None = None,
) -> bytes:
    """A WAV file made by hand, so that it can be wrong in every way."""
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * align, align, bits) + extra
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + before
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def pcm16(samples: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> bytes:
    return bytes(np.rint(samples * 32767).astype("<i2").tobytes())


def pcm24(samples: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> bytes:
    wide = np.rint(samples * 8388607).astype("<i4").reshape(-1, 1).view(np.uint8)
    return bytes(wide[:, :3].tobytes())


def extensible(code: int) -> bytes:
    """What an extensible header adds: sizes, masks, and the 16 bytes that name the real format."""
    guid = struct.pack("<H", code) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    return struct.pack("<HHI", 22, 24, 0) + guid


READABLE = {
    "16 kHz": wav(pcm16(tone(16000))),
    "8 kHz": wav(pcm16(tone(8000)), rate=8000),
    "44.1 kHz stereo": wav(pcm16(tone(44100, channels=2)), rate=44100, channels=2),
    "48 kHz": wav(pcm16(tone(48000)), rate=48000),
    "8 bits": wav(np.rint(tone(16000) * 127 + 128).astype(np.uint8).tobytes(), bits=8),
    "24 bits": wav(pcm24(tone(16000)), bits=24),
    "24 bits stereo at 48 kHz": wav(
        pcm24(tone(48000, channels=2)), bits=24, rate=48000, channels=2
    ),
    "32 bits": wav(np.rint(tone(16000) * 2147483647).astype("<i4").tobytes(), bits=32),
    "float32": wav(tone(16000).astype("<f4").tobytes(), code=3, bits=32),
    "float64": wav(tone(16000).astype("<f8").tobytes(), code=3, bits=64),
    "extensible PCM": wav(pcm24(tone(16000)), code=0xFFFE, bits=24, extra=extensible(1)),
    "extensible float": wav(
        tone(16000).astype("<f4").tobytes(), code=0xFFFE, bits=32, extra=extensible(3)
    ),
    "other chunks first": wav(pcm16(tone(16000)), before=b"LIST" + struct.pack("<I", 3) + b"abc\0"),
    "size unknown": wav(pcm16(tone(16000)), size=0xFFFFFFFF),
    "size of a pipe": wav(pcm16(tone(16000)) + b"\0", size=0x7FFFF000),
}


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("rate", [16000, 24000])
def test_any_usual_file_becomes_mono_16_bit_at_the_wanted_rate(
    name: str, rate: int, tmp_path: Path
) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(READABLE[name])
    reader = WavReader(path, sample_rate=rate)
    assert reader.format.duration == SECONDS
    data = b""
    while piece := reader.read(320):
        data += piece
    reader.close()

    samples = np.frombuffer(data, "<i2").astype(int)
    assert len(samples) == rate * SECONDS
    expected = np.rint(tone(rate)[:, 0] * 32767).astype(int)
    middle = slice(rate // 20, -rate // 20)
    tolerance = 300 if name == "8 bits" else 40  # one step of 8 bits is 256
    assert np.abs(samples[middle] - expected[middle]).max() <= tolerance


def test_16_bit_mono_at_16_khz_is_taken_bit_by_bit(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    data = np.random.default_rng(1).integers(-32768, 32767, 30_001).astype("<i2").tobytes()
    path.write_bytes(wav(data))
    reader = WavReader(path)
    assert reader.read(10) + reader.read(30_000) == data
    assert reader.read(10) == b""


def test_floats_that_are_too_loud_or_no_numbers_are_tamed(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    floats = np.array([2.0, -2.0, np.nan, np.inf, -np.inf, 0.5], "<f4")
    path.write_bytes(wav(floats.tobytes(), code=3, bits=32))
    samples = np.frombuffer(WavReader(path).read(10), "<i2").tolist()
    assert samples == [32767, -32768, 0, 32767, -32767, 16384]


CONVERT = "convert it, e.g. with: ffmpeg -i in.wav -c:a pcm_s16le in-16.wav"
UNREADABLE = {
    "empty": (b"", "{path} is empty; give a WAV file with audio in it"),
    "not a WAV": (b"ID3" + bytes(100), "{path} is not a WAV file; " + CONVERT),
    "a few bytes": (b"RIFF", "{path} is not a WAV file; " + CONVERT),
    "big-endian": (b"RIFX" + wav(b"ab")[4:], "{path} is not a WAV file; " + CONVERT),
    "header cut": (
        wav(b"ab")[:30],
        "{path} is a corrupt WAV file: it ends before any audio; copy or record it again",
    ),
    "no format": (
        b"RIFF\x0c\0\0\0WAVEdata\2\0\0\0ab",
        "{path} is a corrupt WAV file: its header does not say in which format its audio is; "
        "copy or record it again",
    ),
    "chunk of nonsense length": (
        b"RIFF\x0c\0\0\0WAVEjunk\xff\xff\xff\xffab",
        "{path} is a corrupt WAV file: it ends before any audio; copy or record it again",
    ),
    "no channels": (
        wav(b"ab", channels=0),
        "{path} is a corrupt WAV file: its header says 0 channels of 16 bits in 0 bytes; "
        "copy or record it again",
    ),
    "zero frames": (wav(b""), "{path} holds no audio; give a WAV file with audio in it"),
    "zero frames of unknown size": (
        wav(b"", size=0xFFFFFFFF),
        "{path} holds no audio; give a WAV file with audio in it",
    ),
    "truncated": (
        wav(bytes(100), size=32000),
        "{path} is truncated: its header says 32000 bytes of audio, and 100 are there; "
        "copy or record it again",
    ),
    "odd length": (
        wav(bytes(101)),
        "{path} is a corrupt WAV file: its audio of 101 bytes ends in the middle of a sample; "
        "copy or record it again",
    ),
    "mu-law": (
        wav(bytes(100), code=7, bits=8, rate=8000),
        "{path} holds audio as mu-law of 8 bits, which cannot be read; " + CONVERT,
    ),
    "12 bits": (
        wav(bytes(100), bits=12),
        "{path} holds audio as integers of 12 bits, which cannot be read; " + CONVERT,
    ),
    "unheard of": (
        wav(bytes(100), code=4242, bits=16),
        "{path} holds audio as format 4242 of 16 bits, which cannot be read; " + CONVERT,
    ),
    "4 kHz": (
        wav(bytes(100), rate=4000),
        "{path} has a sample rate of 4000 Hz, where 8000 to 192000 can be read; " + CONVERT,
    ),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_used_is_refused_at_once(name: str, tmp_path: Path) -> None:
    data, message = UNREADABLE[name]
    path = tmp_path / "in.wav"
    path.write_bytes(data)
    with pytest.raises(AudioError) as caught:
        WavReader(path)
    assert str(caught.value) == message.format(path=repr(str(path)))


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        WavReader(tmp_path / "none.wav")
    assert str(caught.value) == (
        f"there is no file {str(tmp_path / 'none.wav')!r}; give the path of a WAV file"
    )
    with pytest.raises(AudioError) as caught:
        WavReader(tmp_path)
    assert str(caught.value) == (f"{str(tmp_path)!r} is a directory; give the path of a WAV file")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    with pytest.raises(AudioError) as caught:
        WavReader(path)
    assert str(caught.value) == f"{str(path)!r} is not a file; give the path of a WAV file"


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.wav"
    path.write_bytes(wav(b"ab"))
    path.chmod(0)
    try:
        path.open("rb").close()
    except OSError:
        pass
    else:
        pytest.skip("this user may read everything")
    with pytest.raises(AudioError) as caught:
        WavReader(path)
    assert str(caught.value) == (
        f"cannot read {str(path)!r} (permission denied); give a WAV file that can be read"
    )


def test_a_path_that_the_system_refuses_is_an_audio_error(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 5000 + ".wav")
    with pytest.raises(AudioError) as caught:
        WavReader(path)
    assert str(path) in str(caught.value)


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    path.write_bytes(wav(bytes(32000)))
    reader = WavReader(path)
    reader.read(320)
    path.write_bytes(wav(bytes(10000)))
    with pytest.raises(AudioError) as caught:
        reader.read(16000)
    assert str(caught.value) == f"{str(path)!r} became shorter while it was read; give a copy"
    reader.close()


def test_the_writer_puts_the_file_in_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_bytes(b"an old one")
    writer = WavWriter(path, sample_rate=16000, channels=2)
    writer.write(bytes(6400))
    assert path.read_bytes() == b"an old one"
    writer.close()
    writer.close()
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (2, 2, 16000, 1600)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(TransportError) as caught:
        writer.write(b"abcd")
    assert str(caught.value) == f"{str(path)!r} is complete; nothing can be added to it"


def test_what_a_killed_call_leaves_behind_can_be_read(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "out.wav", sample_rate=16000, channels=2)
    writer.write(bytes(64000))
    assert writer._file is not None
    writer._file.flush()
    reader = WavReader(tmp_path / "out.wav.part")
    assert (reader.format.channels, reader.format.duration) == (2, 1.0)
    writer.close()


def test_a_place_that_cannot_be_written_is_a_transport_error(tmp_path: Path) -> None:
    path = tmp_path / "none" / "out.wav"
    with pytest.raises(TransportError) as caught:
        WavWriter(path, sample_rate=16000, channels=2)
    assert str(caught.value) == (
        f"cannot write {str(path)!r} (no such file or directory); give another path, or make room"
    )


def sides(path: Path) -> tuple[list[int], list[int]]:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return samples[:, 0].tolist(), samples[:, 1].tolist()


def ones(count: int, value: int = 1) -> bytes:
    return bytes(np.full(count, value, "<i2").tobytes())


def test_the_recording_puts_both_sides_where_they_belong(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "out.wav", sample_rate=16000, channels=2)
    recording = StereoRecording(writer, caller_rate=16000, sample_rate=16000)
    recording.agent(3, ones(2, 7))
    recording.caller(ones(6))
    recording.write(4)
    recording.agent(8, ones(2, 9))
    recording.agent(5, ones(1, 8))
    recording.close(8)
    left, right = sides(tmp_path / "out.wav")
    assert left == [1, 1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert right == [0, 0, 0, 7, 7, 8, 0, 0, 9, 9]


def test_the_caller_is_resampled_to_the_rate_of_the_recording(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "out.wav", sample_rate=24000, channels=2)
    recording = StereoRecording(writer, caller_rate=16000, sample_rate=24000)
    data = pcm16(tone(16000))
    for start in range(0, len(data), 640):
        recording.caller(data[start : start + 640])
        recording.write(start // 2 * 3 // 2)
    recording.close(0)
    left, right = sides(tmp_path / "out.wav")
    assert len(left) == 12000 and not any(right)
    expected = np.rint(tone(24000)[:, 0] * 32767).astype(int)
    assert np.abs(np.array(left) - expected)[600:-600].max() < 40
