"""The VAD seam: audio in, starts and ends of speech out. The one hot path: a direct call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from .audio import AudioFrame
from .slot import BuiltSlot


@dataclass(frozen=True, kw_only=True, slots=True)
class VADCapabilities:
    """What a VAD takes."""

    sample_rates: tuple[int, ...] = (16000, 8000)
    """Rates it takes, preferred first; core resamples to the first one unless the input is among
    them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VADEvent:
    """A change between speech and silence."""

    type: Literal["speech_started", "speech_ended", "failed"]
    at: float
    """The sample time of the change, not of its detection, on the clock of the frames'
    `started_at`:
    the first voiced sample, or the end of the last voiced one. All delays count from it."""
    probability: float | None = None
    error: BaseException | None = field(default=None, compare=False)
    """For `failed`: what happened. The stream gives no more events."""


class VADStream(ABC):
    """The detection on one caller's audio."""

    voiced_until: float | None = None
    """The end of the last voiced sample seen so far (same clock as `VADEvent.at`), or None.
    Moves while speech goes on, before any `speech_ended`."""

    @abstractmethod
    def push(self, frame: AudioFrame) -> None:
        """Takes a mono frame of any length; never blocks and never raises for what it hears."""

    def reset(self) -> None:
        """Forgets all state, as at the start."""

    @abstractmethod
    def close(self) -> None:
        """Stops; no event comes afterwards. Harmless when repeated."""


class VAD(BuiltSlot, ABC):
    """Voice activity detection."""

    capabilities: VADCapabilities = VADCapabilities()

    @abstractmethod
    def stream(self, on_event: Callable[[VADEvent], None]) -> VADStream:
        """Starts a detection whose events are given to `on_event` on the running loop.

        A detector may work in batches on a timer: `VADEvent.at` carries the sample time, so that
        the wait for the batch adds nothing. One that does not calls back inside `push`.
        """
