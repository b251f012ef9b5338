"""Audio frames, and the conversion of their sample rates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .errors import AudioError


@dataclass(frozen=True, slots=True, init=False)
class AudioFrame:
    """A slice of PCM audio, never empty."""

    data: bytes
    """Little-endian int16, interleaved: samples_per_channel * channels * 2 bytes."""
    sample_rate: int
    """Samples per second per channel, e.g. 16000."""
    channels: int = 1
    """1 for mono, 2 for stereo."""
    started_at: float = 0.0
    """When the first sample was, or is to be, heard: seconds on the clock of the event loop."""

    # A call makes a hundred of them a second: this takes half the time of what dataclass writes.
    def __init__(
        self, data: bytes, sample_rate: int, channels: int = 1, started_at: float = 0.0
    ) -> None:
        size = len(data)
        if channels < 1:
            raise AudioError(
                f"an audio frame has {channels} channels; give 1 for mono, 2 for stereo"
            )
        if not size or size % (2 * channels):
            raise AudioError(
                f"an audio frame holds {size} bytes; it needs a positive multiple of "
                f"{2 * channels} (16-bit samples, {channels} channel"
                f"{'s' if channels > 1 else ''})"
            )
        if sample_rate <= 0:
            raise AudioError(
                f"an audio frame has a sample rate of {sample_rate}; rates are positive, e.g. 16000"
            )
        _set_data(self, data)
        _set_sample_rate(self, sample_rate)
        _set_channels(self, channels)
        _set_started_at(self, started_at)

    @property
    def samples(self) -> int:
        """Samples per channel."""
        return len(self.data) // (2 * self.channels)

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.data) / (2 * self.channels * self.sample_rate)

    @property
    def ended_at(self) -> float:
        """When the last sample ends, on the same clock as `started_at`."""
        return self.started_at + self.duration


# The setters of the slots themselves, which know of no `frozen`.
_set_data, _set_sample_rate, _set_channels, _set_started_at = (
    vars(AudioFrame)[name].__set__ for name in ("data", "sample_rate", "channels", "started_at")
)


def split(frame: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    """Cuts a frame into frames of `samples` samples; the last one may be shorter."""
    step = samples * 2 * frame.channels
    for offset in range(0, len(frame.data), step):
        yield AudioFrame(
            frame.data[offset : offset + step],
            frame.sample_rate,
            frame.channels,
            frame.started_at + offset / (2 * frame.channels * frame.sample_rate),
        )


def join(frames: Sequence[AudioFrame]) -> AudioFrame:
    """One frame of several that follow one another; it begins when the first of them does.

    Raises `AudioError` when there are none, or when they differ in rate or channels.
    """
    if not frames:
        raise AudioError("no audio frames to join; give at least one")
    first = frames[0]
    for frame in frames:
        if (frame.sample_rate, frame.channels) != (first.sample_rate, first.channels):
            raise AudioError(
                f"cannot join audio of {first.sample_rate} Hz with {first.channels} and of "
                f"{frame.sample_rate} Hz with {frame.channels} channels; resample it first"
            )
    data = b"".join(frame.data for frame in frames)
    return AudioFrame(data, first.sample_rate, first.channels, first.started_at)


class Resampler:
    """Converts a mono int16 stream from one sample rate to another, piece by piece, by soxr.

    Keeps the filter's state between calls, so pieces join without a click. The filter holds back
    some audio until more comes: with `"HQ"` about 20 ms (from 8000 Hz about 65), which is nothing
    for speech that is made ahead of playout; `"LQ"`, about 6 ms (from 8000 Hz 60), is for live
    input that goes to a recogniser. `flush` gives what is held, so that the output is exactly as
    long as the input. With equal rates everything is passed through, and neither numpy nor soxr is
    loaded.
    """

    def __init__(
        self, from_rate: int, to_rate: int, *, quality: Literal["LQ", "MQ", "HQ", "VHQ"] = "HQ"
    ) -> None:
        if from_rate <= 0 or to_rate <= 0:
            raise AudioError(
                f"cannot resample from {from_rate} to {to_rate} Hz; rates are positive, e.g. 16000"
            )
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._quality = quality
        self._stream: Any = None
        if from_rate != to_rate:
            self._stream = self._open()

    def _open(self) -> Any:
        import soxr

        return soxr.ResampleStream(
            self.from_rate, self.to_rate, 1, dtype="int16", quality=self._quality
        )

    def push(self, data: bytes) -> bytes:
        """What comes out for `data`, whole int16 samples; may be empty while the filter fills.

        Raises `AudioError` when `data` ends in the middle of a sample.
        """
        if len(data) % 2:
            raise AudioError(
                f"cannot resample {len(data)} bytes; 16-bit audio has an even number of bytes"
            )
        if self.from_rate == self.to_rate:
            return data
        import numpy as np

        if self._stream is None:
            self._stream = self._open()
        return bytes(self._stream.resample_chunk(np.frombuffer(data, "<i2")).tobytes())

    def flush(self) -> bytes:
        """The rest. What is pushed afterwards is a new stream."""
        stream, self._stream = self._stream, None
        if stream is None:
            return b""
        import numpy as np

        return bytes(stream.resample_chunk(np.empty(0, "<i2"), last=True).tobytes())


def to_mono(frame: AudioFrame) -> AudioFrame:
    """The mean of the channels, rounded."""
    if frame.channels == 1:
        return frame
    import numpy as np

    samples = np.frombuffer(frame.data, "<i2").reshape(-1, frame.channels)
    mono = np.rint(samples.mean(axis=1)).astype("<i2").tobytes()
    return AudioFrame(mono, frame.sample_rate, 1, frame.started_at)


def mix(audio: bytes, other: bytes) -> bytes:
    """Two pieces of mono int16 audio at once, the shorter one as if silence followed; what is too
    loud is held at the limit."""
    if not other or not audio:
        return audio or other
    import numpy as np

    longer, shorter = (audio, other) if len(audio) >= len(other) else (other, audio)
    mixed = np.frombuffer(longer, "<i2").astype(np.int32)
    mixed[: len(shorter) // 2] += np.frombuffer(shorter, "<i2")
    return np.clip(mixed, -32768, 32767).astype("<i2").tobytes()
