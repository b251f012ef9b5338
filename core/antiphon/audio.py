"""Audio frames, and the conversion of their sample rates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .errors import AudioError


@dataclass(frozen=True, slots=True)
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

    def __post_init__(self) -> None:
        size = len(self.data)
        if not size or size % (2 * self.channels):
            raise AudioError(
                f"an audio frame holds {size} bytes; it needs a positive multiple of "
                f"{2 * self.channels} (16-bit samples, {self.channels} channel"
                f"{'s' if self.channels > 1 else ''})"
            )
        if self.sample_rate <= 0:
            raise AudioError(f"an audio frame has a sample rate of {self.sample_rate}")

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


class Resampler:
    """Converts a mono int16 stream from one sample rate to another, piece by piece (soxr, quality HQ).

    Holds the filter's state between calls, so pieces join without a click. `flush` gives what the
    filter still holds. With equal rates it passes everything through and loads neither numpy nor soxr.
    """

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self.from_rate = from_rate
        self.to_rate = to_rate
        self._stream: Any = None
        if from_rate != to_rate:
            import soxr

            self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality="HQ")

    def push(self, data: bytes) -> bytes:
        """What comes out for `data`; may be empty while the filter fills."""
        if self._stream is None:
            return data
        import numpy as np

        return bytes(self._stream.resample_chunk(np.frombuffer(data, "<i2")).tobytes())

    def flush(self) -> bytes:
        """The rest; the resampler cannot be used afterwards."""
        if self._stream is None:
            return b""
        import numpy as np

        return bytes(self._stream.resample_chunk(np.empty(0, "<i2"), last=True).tobytes())


def to_mono(frame: AudioFrame) -> AudioFrame:
    """The mean of the channels."""
    if frame.channels == 1:
        return frame
    import numpy as np

    samples = np.frombuffer(frame.data, "<i2").reshape(-1, frame.channels)
    mono = samples.mean(axis=1).astype("<i2").tobytes()
    return AudioFrame(mono, frame.sample_rate, 1, frame.started_at)
