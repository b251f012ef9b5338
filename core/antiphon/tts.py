"""The TTS seam: text in, audio out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .slot import BuiltSlot
from .streams import Flush, Stream, Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class TTSCapabilities:
    """What a TTS can do; conformance tests and the engine go by it."""

    streaming_text: bool = True
    """False for one that takes whole texts only: see `WholeTextTTS`."""
    word_times: bool = False
    """Gives `TimedText` events."""
    sample_rates: tuple[int, ...] = (24000,)
    """Rates it gives, preferred first; core resamples to the transport's."""
    voices: tuple[str, ...] = ()
    """Known voices, for hints; never a whitelist."""


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of speech."""

    data: bytes
    """Little-endian int16, mono; any number of whole samples but none."""
    sample_rate: int
    """Samples per second."""


@dataclass(frozen=True, slots=True)
class TimedText:
    """When a word, or a few, is spoken. Comes before, with or soon after its audio."""

    text: str
    start: float
    """Seconds from the first sample of this call of `synthesize`."""
    end: float


@dataclass(frozen=True, slots=True)
class Voicing:
    """The audio that follows, up to the next `Voicing`, speaks exactly this piece of the input.

    Optional: one that works sentence by sentence tells the ledger so which text an audio belongs
    to.
    """

    text: str


TTSEvent: TypeAlias = Audio | TimedText | Voicing | Usage


class TTS(BuiltSlot, ABC):
    """Text to speech."""

    capabilities: TTSCapabilities = TTSCapabilities()

    @abstractmethod
    def synthesize(
        self,
        text: AsyncIterable[str | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[TTSEvent]:
        """Speaks a stream of text pieces, which may break anywhere.

        On `Flush` it speaks everything it has now: nothing follows for a while. When `text` ends it
        gives the rest and ends. It raises `ProviderError` and never reconnects.
        """


class WholeTextTTS(BuiltSlot, ABC):
    """A TTS that takes whole texts only: core cuts sentences, fetches the next ahead, and wraps
    it."""

    capabilities: TTSCapabilities = TTSCapabilities(streaming_text=False)

    @abstractmethod
    def speak(
        self, text: str, settings: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Audio | TimedText | Usage]:
        """Speaks one text; times in `TimedText` count from the first sample of this call."""
