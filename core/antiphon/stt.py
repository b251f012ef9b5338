"""The STT seam: audio in, text and turns out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .audio import AudioFrame
from .slot import BuiltSlot
from .streams import Flush, Stream, Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class STTCapabilities:
    """What an STT can do; conformance tests and the engine go by it."""

    streaming: bool = True
    """False for one that only recognises whole utterances: see `BatchSTT`."""
    interim: bool = True
    """Gives `Partial` events."""
    end_of_turn: bool = False
    """Announces turns: `EndOfTurn` (and perhaps `EagerEndOfTurn`, `TurnResumed`)."""
    word_times: bool = False
    """`Final.words` are filled."""
    vocabulary: bool = False
    """Makes use of `settings["vocabulary"]`: a `Vocabulary` of the session's agents."""
    sample_rates: tuple[int, ...] = (16000,)
    """Rates it takes, preferred first; core resamples to the first one."""
    languages: tuple[str, ...] = ()
    """BCP 47 tags; empty means not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What the callers of a session are likely to say."""

    phrases: tuple[str, ...] = ()
    """Whole utterances a caller may say: the agents' `examples=`."""
    texts: tuple[str, ...] = ()
    """Instructions, tool names and docstrings: prose whose words are likely."""


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word."""

    text: str
    start: float
    """Seconds from the first sample of this call of `transcribe`."""
    end: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The STT hears somebody speak."""

    at: float | None = None
    """Seconds from the first sample of this call, where known."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A guess at the words since the last `Final`; each replaces the one before."""

    text: str


@dataclass(frozen=True, slots=True)
class Final:
    """Words that will not change: what follows is about later audio."""

    text: str
    words: tuple[Word, ...] = ()
    language: str | None = None
    confidence: float | None = None
    """0 to 1, or None."""
    flushed: bool = False
    """This answers a `Flush`: all audio before it is finalised. `text` may then be empty."""


@dataclass(frozen=True, slots=True)
class EagerEndOfTurn:
    """The turn has probably ended, with `text` so far."""

    text: str
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """The user went on after an `EagerEndOfTurn`."""


@dataclass(frozen=True, slots=True)
class EndOfTurn:
    """The turn has ended. Its text has come as `Final` before."""

    confidence: float | None = None


STTEvent: TypeAlias = (
    SpeechStarted | Partial | Final | EagerEndOfTurn | TurnResumed | EndOfTurn | Usage
)


@dataclass(frozen=True, slots=True)
class Transcript:
    """What `BatchSTT.recognize` returns."""

    text: str
    words: tuple[Word, ...] = ()
    language: str | None = None
    confidence: float | None = None
    usage: Usage | None = None


class STT(BuiltSlot, ABC):
    """Speech to text."""

    capabilities: STTCapabilities = STTCapabilities()

    @abstractmethod
    def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[STTEvent]:
        """Recognises a stream of mono frames at one of `capabilities.sample_rates`.

        On `Flush` it finalises what it has heard and says so with `Final(flushed=True)`. When
        `audio` ends it gives the last finals and ends. It raises `ProviderError` and never
        reconnects: core calls again, with the audio since the last final.
        """


class BatchSTT(BuiltSlot, ABC):
    """An STT that recognises whole utterances only: core cuts them with the VAD and wraps it."""

    capabilities: STTCapabilities = STTCapabilities(streaming=False, interim=False)

    @abstractmethod
    async def recognize(
        self, audio: AudioFrame, settings: Mapping[str, Any] | None = None
    ) -> Transcript:
        """Recognises one utterance, mono, at the first of `capabilities.sample_rates`."""
