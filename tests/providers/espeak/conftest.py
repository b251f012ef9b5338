"""Building espeak by its model string, and collecting what it says."""

from __future__ import annotations

import array
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from antiphon.model import Model
from antiphon.registry import Registry
from antiphon.streams import Flush, Usage
from antiphon.tts import TTS, Audio, TimedText, TTSEvent, Voicing


@dataclass
class Said:
    """What one call of `synthesize` gave."""

    events: list[TTSEvent] = field(default_factory=list)

    @property
    def pcm(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, Audio))

    @property
    def samples(self) -> array.array[int]:
        return array.array("h", self.pcm)

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 44100

    @property
    def words(self) -> list[TimedText]:
        return [event for event in self.events if isinstance(event, TimedText)]

    @property
    def voiced(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Voicing)]

    @property
    def usage(self) -> list[Usage]:
        return [event for event in self.events if isinstance(event, Usage)]

    @property
    def peak(self) -> int:
        return max(map(abs, self.samples), default=0)

    def loudest(self, start: float, end: float) -> int:
        """The peak between two times in seconds."""
        return max(map(abs, self.samples[round(start * 22050) : round(end * 22050)]), default=0)


async def text_of(pieces: Iterable[str | Flush]) -> AsyncGenerator[str | Flush, None]:
    for piece in pieces:
        yield piece


async def say(tts: TTS, *pieces: str | Flush, settings: dict[str, Any] | None = None) -> Said:
    said = Said()
    async with aclosing(tts.synthesize(text_of(pieces), settings)) as events:
        async for event in events:
            said.events.append(event)
    return said


@asynccontextmanager
async def open_espeak(model: str = "espeak", **settings: Any) -> AsyncIterator[Any]:
    registry = Registry()
    tts = registry.build(Model(model, **settings), "tts")
    try:
        tts.load()
        tts.registry = registry
        yield tts
    finally:
        await registry.aclose()


@pytest.fixture
def espeak() -> Callable[..., AbstractAsyncContextManager[Any]]:
    """`async with espeak("espeak/en-us:f3", speed=200) as tts:`, closed with all that it used."""
    return open_espeak


@pytest.fixture
def speak() -> Callable[..., Any]:
    """`await speak(tts, "piece", …, settings={}) -> Said`."""
    return say


@pytest.fixture
def feed() -> Callable[..., Any]:
    """`feed(["piece", FLUSH])`: a text stream."""
    return text_of
