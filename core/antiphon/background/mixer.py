"""The mixer: sounds that play at once, as one stream of samples."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Samples = npt.NDArray[np.int16]


class Sound:
    """One sound in the mix: its samples, and how loud each is."""

    def __init__(
        self,
        *,
        sample_rate: int,
        volume: float,
        start: float,
        fade_in: float = 0.0,
        loop: bool = False,
    ) -> None:
        self.loop = loop
        self._rate = sample_rate
        self._volume = volume
        self._start: float | None = start
        self._fade_in = round(fade_in * sample_rate)
        self._played = 0
        """Samples that were given."""
        self._stop: tuple[float, int] | None = None
        """When it begins to fade out, and for how many samples."""
        self._faded = 0
        self._chunks: list[Samples] = []
        self._at = 0
        """Samples of the first chunk that were given."""
        self._complete = False

    @property
    def ahead(self) -> float:
        """Seconds that wait to be played."""
        return (sum(map(len, self._chunks)) - self._at) / self._rate

    def add(self, samples: Samples) -> None:
        """More of it."""
        if len(samples):
            self._chunks.append(samples)

    def end(self) -> None:
        """There is no more."""
        self._complete = True

    def fade_out(self, at: float, seconds: float) -> None:
        """Lets it end, from an instant on."""
        if self._stop is None:
            self._stop = (at, max(1, round(seconds * self._rate)))

    def take(self, samples: int, at: float) -> tuple[int, npt.NDArray[np.float32]] | None:
        """What of it lies in the next `samples` samples, the first of which is heard at `at`: where
        it begins there, and its values. None when it is over."""
        import numpy as np

        offset = 0
        if self._start is not None:
            offset = max(0, math.ceil((self._start - at) * self._rate - 1e-3))
            if offset >= samples:
                return (0, np.empty(0, np.float32)) if self._stop is None else None
            self._start = None
        data = self._next(samples - offset)
        if not len(data):
            over = self._complete or self._stop is not None
            return None if over else (0, np.empty(0, np.float32))
        values = data.astype(np.float32) * np.float32(self._volume)
        if self._played < self._fade_in:
            steps = np.arange(self._played, self._played + len(values), dtype=np.float32)
            values *= np.minimum((steps + 1) / np.float32(self._fade_in), np.float32(1))
        self._played += len(values)
        if self._stop is not None:
            begin, length = self._stop
            lead = 0
            if not self._faded:
                lead = max(0, math.ceil((begin - at) * self._rate - 1e-3) - offset)
            tail = values[lead:]
            steps = np.arange(self._faded + 1, self._faded + len(tail) + 1, dtype=np.float32)
            tail *= np.maximum(1 - steps / np.float32(length), np.float32(0))
            self._faded += len(tail)
            if self._faded >= length:
                self._chunks, self._complete, self.loop = [], True, False
        return offset, values

    def _next(self, count: int) -> Samples:
        import numpy as np

        parts: list[Samples] = []
        while count > 0 and self._chunks:
            chunk = self._chunks[0]
            part = chunk[self._at : self._at + count]
            parts.append(part)
            count -= len(part)
            self._at += len(part)
            if self._at == len(chunk):
                self._at = 0
                if not self.loop:
                    self._chunks.pop(0)
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.empty(0, np.int16)


class Mixer:
    """What a transport reads: all sounds that play now, added up.

    Sounds are added on the loop and may be read on a device's thread, so everything is done under a
    lock, briefly.
    """

    def __init__(self, over: Callable[[Sound], None]) -> None:
        self._over = over
        """Called by whoever reads, when a sound has ended."""
        self._lock = threading.Lock()
        self._sounds: list[Sound] = []

    def add(self, sound: Sound) -> None:
        """Plays it from now on."""
        with self._lock:
            self._sounds.append(sound)

    def remove(self, sound: Sound) -> None:
        """Plays it no more."""
        with self._lock:
            if sound in self._sounds:
                self._sounds.remove(sound)

    def feed(self, sound: Sound, samples: Samples) -> float:
        """Adds to a sound; returns the seconds of it that wait."""
        with self._lock:
            sound.add(samples)
            return sound.ahead

    def end(self, sound: Sound) -> None:
        """There is no more of a sound."""
        with self._lock:
            sound.end()

    def fade_out(self, sound: Sound, at: float, seconds: float) -> None:
        """Lets a sound end."""
        with self._lock:
            sound.fade_out(at, seconds)

    def read(self, samples: int, at: float) -> bytes:
        """As `antiphon.transport.BackgroundSource`."""
        import numpy as np

        mixed: npt.NDArray[np.float32] | None = None
        over = []
        with self._lock:
            for sound in self._sounds:
                taken = sound.take(samples, at)
                if taken is None:
                    over.append(sound)
                    continue
                offset, values = taken
                if len(values):
                    if mixed is None:
                        mixed = np.zeros(samples, np.float32)
                    mixed[offset : offset + len(values)] += values
            for sound in over:
                self._sounds.remove(sound)
        for sound in over:
            self._over(sound)
        if mixed is None:
            return b""
        return np.clip(np.rint(mixed), -32768, 32767).astype("<i2").tobytes()
