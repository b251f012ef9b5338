"""Recorded speech for the tests of Silero, and a stream to hear it."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.audio import AudioFrame
from antiphon.vad import VAD, VADEvent

AUDIO = Path(__file__).with_name("audio")
"""Rendered by flite (voices slt and rms), silence put around by sox, 8 kHz by sox as well."""


@dataclass(frozen=True)
class Clip:
    """Mono int16 audio."""

    samples: NDArray[np.int16]
    rate: int

    def loud_spans(self, gap: float = 0.4) -> list[tuple[float, float]]:
        """Start and end in seconds of what is louder than 1 % of the peak, by steps of 5 ms.

        Spans that are less than `gap` apart count as one.
        """
        step = self.rate // 200
        steps = self.samples[: len(self.samples) // step * step].reshape(-1, step)
        level = np.sqrt((steps.astype(np.float64) ** 2).mean(axis=1))
        loud = np.flatnonzero(level > 0.01 * np.abs(self.samples).max()) * 0.005
        breaks = np.flatnonzero(np.diff(loud) > gap)
        starts = loud[np.concatenate([[0], breaks + 1])]
        ends = loud[np.concatenate([breaks, [len(loud) - 1]])] + 0.005
        return [(float(a), float(b)) for a, b in zip(starts, ends, strict=True)]

    def frames(self, sizes: Iterable[int], starting_at: float = 0.0) -> list[AudioFrame]:
        """The clip cut into frames of `sizes` samples, over and over."""
        data, frames, offset = self.samples.tobytes(), [], 0
        for size in cycle(sizes):
            piece = data[2 * offset : 2 * (offset + size)]
            if not piece:
                return frames
            frames.append(AudioFrame(piece, self.rate, 1, starting_at + offset / self.rate))
            offset += size
        return frames


def read_clip(name: str) -> Clip:
    with wave.open(str(AUDIO / f"{name}.wav"), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return Clip(samples, file.getframerate())


async def listen(vad: VAD, clip: Clip, sizes: Iterable[int] = (320,)) -> list[VADEvent]:
    """The events of `clip`, each frame pushed when its last sample has been heard."""
    loop = asyncio.get_running_loop()
    events: list[VADEvent] = []
    stream = vad.stream(events.append)
    began = loop.time()
    for frame in clip.frames(sizes, began):
        await asyncio.sleep(frame.started_at + frame.duration - loop.time())
        stream.push(frame)
    await asyncio.sleep(0.02)
    stream.close()
    return events


@pytest.fixture
def clip() -> Callable[[str], Clip]:
    """Reads a recorded clip by its name."""
    return read_clip


@pytest.fixture
def noise() -> Callable[[float, float], Clip]:
    """Makes `(seconds, level)` of white noise at 16 kHz, always the same; level 1 is full scale."""

    def make(seconds: float, level: float) -> Clip:
        generator = np.random.default_rng(1)
        samples = generator.normal(0, level * 32767, round(seconds * 16000)).clip(-32768, 32767)
        return Clip(samples.astype(np.int16), 16000)

    return make


@pytest.fixture
def hear() -> Callable[..., Awaitable[list[VADEvent]]]:
    """`await hear(vad, clip, sizes=(320,))`: the events of a clip, at the pace of real time."""
    return listen
