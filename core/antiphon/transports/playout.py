"""Playout: what has been played by now, worked out from the clock alone."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..audio import AudioFrame
from ..errors import AudioError
from ..transport import Played

_EARLY = 1e-3
"""Samples by which the clock may be short of one that counts as played: float noise, not time."""
_BREATH = 0.2
"""Seconds: a shorter gap (an underrun, a change of segments) does not end a stretch of speech."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A piece of audio that was played, as `Playout.take` gives it."""

    run: float
    """The instant at which its run, an unbroken stretch of playing, began."""
    offset: int
    """Samples from the beginning of the run to the first one of `data`."""
    data: bytes
    """Little-endian int16, mono."""


@dataclass(slots=True)
class _Segment:
    id: str
    pushed: int = 0
    end: int = 0
    """Where its last pushed sample ends, in samples from the beginning of the run."""


@dataclass(slots=True)
class _Chunk:
    segment: _Segment
    offset: int
    """Samples of the segment before this chunk."""
    start: int
    """Samples of the run before this chunk."""
    data: bytes

    @property
    def end(self) -> int:
        return self.start + len(self.data) // 2

    def cut(self, samples: int) -> bytes:
        """Takes the first samples off."""
        head, self.data = self.data[: 2 * samples], self.data[2 * samples :]
        self.offset += samples
        self.start += samples
        return head


class Playout:
    """A loudspeaker that exists only as arithmetic on the loop's clock.

    What is pushed plays in order and without a gap from the instant of the first push; when it runs
    dry, the next push begins a new run. Everything is exact to the sample, and no timer runs per
    frame: one fires when a segment has been played to its last pushed sample, to tell `on_played`.
    With `record`, `take` gives what was played, and when; it has to be called now and then.
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        on_played: Callable[[Played], None] | None = None,
        record: bool = False,
    ) -> None:
        self.sample_rate = sample_rate
        self.underruns = 0
        """How often a segment ran dry and went on later."""
        self.underrun_seconds = 0.0
        """How long these gaps were, together."""
        self._on_played = on_played
        self._record = record
        self._heard: list[Heard] = []
        self._chunks: deque[_Chunk] = deque()
        self._untold: deque[_Segment] = deque()
        self._segment: _Segment | None = None
        self._origin = 0.0
        self._length = 0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._speech_began: float | None = None
        self._speech_ended: float | None = None

    def push(self, frame: AudioFrame, segment: str) -> None:
        """Plays a frame after all that was pushed before, or now. Raises `AudioError` for another
        rate, or for more than one channel."""
        if frame.sample_rate != self.sample_rate or frame.channels != 1:
            raise AudioError(
                f"audio of {frame.sample_rate} Hz with {frame.channels} channel"
                f"{'s' if frame.channels > 1 else ''} was pushed to be played at "
                f"{self.sample_rate} Hz mono; resample it first"
            )
        now = self._now()
        self._settle(now)
        if not self._paused and not self._chunks:
            self._begin_run(now, segment)
        current = self._segment
        if current is None or current.id != segment:
            current = self._segment = _Segment(segment)
        if not self._untold or self._untold[-1] is not current:
            self._untold.append(current)
        self._chunks.append(_Chunk(current, current.pushed, self._length, frame.data))
        current.pushed += frame.samples
        self._length += frame.samples
        current.end = self._length
        self._arm()

    def buffered(self) -> float:
        """Seconds that have been pushed and not yet been played."""
        seconds = self._length / self.sample_rate
        return seconds if self._paused else max(0.0, self._origin + seconds - self._now())

    def pause(self) -> None:
        """Stops at once, keeping the rest; what is pushed meanwhile waits too."""
        if self._paused:
            return
        now = self._now()
        self._settle(now, split=True)
        self._stop_sound(now)
        played = self._position(now)
        self._paused = True
        for chunk in self._chunks:
            chunk.start -= played
        for segment in self._untold:
            segment.end = max(0, segment.end - played)
        self._length -= played
        self._arm()

    def resume(self) -> None:
        """Goes on, now, with the sample at which it was paused."""
        if not self._paused:
            return
        now = self._now()
        if self._chunks:
            self._begin_sound(now)
        self._paused = False
        self._origin = now
        self._arm()

    def clear(self) -> Played | None:
        """Drops what has not been played; returns how far the current segment came, or None when
        nothing was being played. `on_played` is not called for what is dropped. Ends a pause: there
        is nothing left to go on with."""
        now = self._now()
        current = self.played()
        self._settle(now, split=True)
        self._stop_sound(now)
        position = self._position(now)
        self._untold = deque(
            segment
            for segment in self._untold
            if segment.end <= position and (current is None or segment.id != current.segment)
        )
        for segment in self._untold:
            segment.end = 0
        self._chunks.clear()
        self._segment = None
        self._paused = False
        self._origin = now
        self._length = 0
        self._arm()
        return current

    def played(self) -> Played | None:
        """How far the segment that is being played, or held by a pause, has come, or None."""
        now = self._now()
        position = self._position(now)
        for chunk in self._chunks:
            if chunk.end > position:
                samples = chunk.offset + max(0, position - chunk.start)
                return Played(chunk.segment.id, samples, exact=True)
        if self._untold:  # played to its last sample in this very instant
            return Played(self._untold[-1].id, self._untold[-1].pushed, exact=True)
        return None

    @property
    def audible_since(self) -> float | None:
        """Since when something is heard without a pause worth the name, or None in silence."""
        return self._speech_began if self._sounding(self._now()) else None

    @property
    def silent_since(self) -> float | None:
        """Since when nothing is heard, or None while something is, or before anything was."""
        now = self._now()
        return None if self._sounding(now) else self._sound_end(now)

    def take(self) -> list[Heard]:
        """What was played up to now and has not been taken, in order; only with `record`."""
        self._settle(self._now(), split=True)
        heard, self._heard = self._heard, []
        return heard

    def close(self) -> None:
        """Stops for good: `on_played` is called no more. What was played can still be taken."""
        self.clear()
        self._untold.clear()
        self._disarm()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _position(self, now: float) -> int:
        """Samples of the run that have been played."""
        if self._paused:
            return 0
        samples = math.floor((now - self._origin) * self.sample_rate + _EARLY)
        return max(0, min(self._length, samples))

    def _settle(self, now: float, *, split: bool = False) -> None:
        """Takes what was played out of the queue; with `split`, also of what is playing."""
        position = self._position(now)
        while self._chunks and self._chunks[0].start < position:
            chunk = self._chunks[0]
            start = chunk.start
            if chunk.end <= position:
                data = self._chunks.popleft().data
            elif split:
                data = chunk.cut(position - start)
            else:
                break
            if self._record:
                self._heard.append(Heard(self._origin, start, data))

    def _begin_run(self, now: float, segment: str) -> None:
        end = self._origin + self._length / self.sample_rate
        if self._length and now - end < 0.5 / self.sample_rate:
            return  # just in time: the run goes on
        if self._length and self._segment is not None and self._segment.id == segment:
            self.underruns += 1
            self.underrun_seconds += now - end
        self._begin_sound(now)
        self._origin = now
        self._length = 0
        for untold in self._untold:
            untold.end = 0

    def _begin_sound(self, now: float) -> None:
        ended = self._sound_end(now)
        if self._speech_began is None or ended is None or now - ended > _BREATH:
            self._speech_began = now

    def _stop_sound(self, now: float) -> None:
        """Notes when the sound of this run ends, before the run is given up."""
        self._speech_ended = self._sound_end(now)

    def _sounding(self, now: float) -> bool:
        return not self._paused and self._position(now) < self._length

    def _sound_end(self, now: float) -> float | None:
        if self._paused or not self._length:
            return self._speech_ended
        return min(now, self._origin + self._length / self.sample_rate)

    def _arm(self) -> None:
        """Sets the timer for the next segment that will have been played."""
        if self._timer is not None:
            if self._untold and self._timer.when() <= self._end_of(self._untold[0]):
                return  # it will look again when it fires
            self._disarm()
        if self._untold and (not self._paused or not self._untold[0].end):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._end_of(self._untold[0]), self._tell)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end_of(self, segment: _Segment) -> float:
        return self._origin + segment.end / self.sample_rate

    def _tell(self) -> None:
        self._timer = None
        position = self._position(self._now())
        done = []
        while self._untold and self._untold[0].end <= position:
            done.append(self._untold.popleft())
        self._arm()
        for segment in done:
            if self._on_played is not None:
                self._on_played(Played(segment.id, segment.pushed, exact=True))
