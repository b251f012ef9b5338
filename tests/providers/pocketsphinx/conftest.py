"""Recorded callers, and pocketsphinx by its model string."""

from __future__ import annotations

import wave
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from antiphon.audio import AudioFrame
from antiphon.model import Model
from antiphon.registry import Registry
from antiphon.streams import Flush, Usage
from antiphon.stt import STT, Final, Partial, STTEvent, Vocabulary

AUDIO = Path(__file__).with_name("audio")
"""Rendered by flite, voices slt and rms: 16 kHz, mono, no silence at the end."""

SPOKEN = {
    "name": "my name is alice walker",
    "age": "i am 34 years old",
    "invoice": "what is the status of invoice 4017",
    "other_invoice": "look up invoice 7385 please",
    "right": "yes that is right",
    "wait": "no wait",
    "thanks": "thank you that is all",
}
"""What the recordings in domain say, by name. No example has the number of `other_invoice`."""

VOCABULARY = Vocabulary(
    phrases=(
        "My name is Alice Walker.",
        "I am 34 years old.",
        "I have a question about my bill.",
        "What is the status of invoice 4017?",
        "Look up invoice 4018, please.",
        "Yes, that is right.",
        "No, wait!",
        "Thank you, that is all.",
    ),
    texts=("You are a friendly agent of Zorbcorp. Ask for name and age. Be brief.",),
)


@dataclass
class Heard:
    """What one call of `transcribe` gave."""

    events: list[STTEvent] = field(default_factory=list)

    @property
    def finals(self) -> list[Final]:
        return [event for event in self.events if isinstance(event, Final)]

    @property
    def partials(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Partial)]

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.finals]

    @property
    def usage(self) -> list[Usage]:
        return [event for event in self.events if isinstance(event, Usage)]


def read(name: str) -> bytes:
    """The samples of a recording, e.g. `name-slt`."""
    with wave.open(str(AUDIO / f"{name}.wav"), "rb") as file:
        assert file.getparams()[:3] == (1, 2, 16000)
        return file.readframes(file.getnframes())


def quiet(seconds: float) -> bytes:
    """Digital silence."""
    return bytes(2 * round(16000 * seconds))


async def frames(pieces: Iterable[bytes | Flush], ms: int = 20) -> AsyncGenerator[Any, None]:
    """The pieces in frames of `ms`; each flush in its place."""
    size = 32 * ms
    for piece in pieces:
        if isinstance(piece, Flush):
            yield piece
            continue
        for start in range(0, len(piece), size):
            yield AudioFrame(piece[start : start + size], 16000)


async def listen(stt: STT, *pieces: bytes | Flush, ms: int = 20, **settings: Any) -> Heard:
    heard = Heard()
    async with aclosing(stt.transcribe(frames(pieces, ms), settings)) as events:
        async for event in events:
            heard.events.append(event)
    return heard


@asynccontextmanager
async def open_pocketsphinx(**settings: Any) -> AsyncIterator[Any]:
    registry = Registry()
    stt = registry.build(Model("pocketsphinx", **settings), "stt")
    try:
        yield stt
    finally:
        await registry.aclose()


@pytest.fixture
def pocketsphinx() -> Callable[..., AbstractAsyncContextManager[Any]]:
    """`async with pocketsphinx(numbers=False) as stt:`, closed with its worker."""
    return open_pocketsphinx


@pytest.fixture
def hear() -> Callable[..., Any]:
    """`await hear(stt, samples, FLUSH, ms=20, vocabulary=…) -> Heard`."""
    return listen


@pytest.fixture
def recording() -> Callable[[str], bytes]:
    """`recording("name-slt")`: its samples."""
    return read


@pytest.fixture
def silence() -> Callable[[float], bytes]:
    """`silence(0.5)`: that many seconds of it."""
    return quiet


@pytest.fixture
def stream() -> Callable[..., Any]:
    """`stream([samples, FLUSH], ms=20)`: frames as an async generator."""
    return frames


@pytest.fixture
def vocabulary() -> Vocabulary:
    return VOCABULARY


@pytest.fixture
def spoken() -> dict[str, str]:
    return SPOKEN
