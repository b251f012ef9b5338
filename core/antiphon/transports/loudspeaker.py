"""The loudspeaker's side of a sound device: what it will play, and what it has played."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from ..transport import Played


@dataclass(slots=True)
class _Segment:
    id: str
    pushed: int = 0
    dropped: bool = False


@dataclass(slots=True)
class _Piece:
    """Samples of a segment: waiting, or taken by the device to be heard at an instant."""

    segment: _Segment
    offset: int
    samples: int
    data: bytes = b""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ending:
    """The last pushed sample of a segment has been taken, and is over at an instant."""

    segment: _Segment
    samples: int
    at: float


class Loudspeaker:
    """What waits to be played, and what the device has taken to play.

    The loop pushes and the device's thread takes, so everything is done under a lock, briefly.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._lock = threading.Lock()
        self._waiting: deque[_Piece] = deque()
        self._taken: deque[_Piece] = deque()
        self._endings: list[Ending] = []
        self._segment: _Segment | None = None
        self._paused = False

    @property
    def paused(self) -> bool:
        """While True the device gets silence. `clear` ends a pause."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        with self._lock:
            self._paused = paused

    def push(self, data: bytes, segment: str) -> None:
        with self._lock:
            if self._segment is None or self._segment.id != segment:
                self._segment = _Segment(segment)
            samples = len(data) // 2
            self._waiting.append(_Piece(self._segment, self._segment.pushed, samples, data))
            self._segment.pushed += samples

    def take(self, samples: int, at: float) -> tuple[bytes, list[Ending]]:
        """The next samples, to be heard from `at` on, and the segments that end with them."""
        out = bytearray()
        endings = []
        with self._lock:
            while self._waiting and not self._paused and len(out) < 2 * samples:
                piece = self._waiting[0]
                count = min(piece.samples, samples - len(out) // 2)
                begin = at + len(out) / (2 * self._rate)
                out += piece.data[: 2 * count]
                self._taken.append(_Piece(piece.segment, piece.offset, count, at=begin))
                piece.data = piece.data[2 * count :]
                piece.offset += count
                piece.samples -= count
                if not piece.samples:
                    self._waiting.popleft()
                    if piece.offset == piece.segment.pushed:
                        end = begin + count / self._rate
                        endings.append(Ending(piece.segment, piece.offset, end))
            self._endings += endings
            while len(self._taken) > 1 and self._taken[1].at < at - 1.0:
                self._taken.popleft()
        return bytes(out.ljust(2 * samples, b"\0")), endings

    def settle(self, ending: Ending) -> Played | None:
        """The segment as played to its end, unless it was dropped or has gone on since."""
        with self._lock:
            if ending in self._endings:
                self._endings.remove(ending)
            segment = ending.segment
            if segment.dropped or segment.pushed > ending.samples:
                return None
            return Played(segment.id, segment.pushed, exact=True)

    def buffered(self, now: float) -> float:
        """Seconds not yet heard."""
        with self._lock:
            waiting = sum(piece.samples for piece in self._waiting) / self._rate
            inside = 0.0
            if self._taken:
                last = self._taken[-1]
                inside = max(0.0, self._end(last) - now)
            return waiting + inside

    def played(self, now: float) -> Played | None:
        with self._lock:
            return self._played(now)

    def clear(self, now: float) -> Played | None:
        """Drops what waits, and forgets what was taken."""
        with self._lock:
            played = self._played(now)
            unheard = [piece for piece in self._taken if self._end(piece) > now]
            for piece in (*unheard, *self._waiting):
                piece.segment.dropped = True
            if played is not None and self._endings and not unheard:
                last = self._endings[-1].segment
                last.dropped = last.dropped or last.id == played.segment
            self._endings = [ending for ending in self._endings if not ending.segment.dropped]
            self._waiting.clear()
            self._taken.clear()
            self._segment = None
            self._paused = False
            return played

    def _end(self, piece: _Piece) -> float:
        return piece.at + piece.samples / self._rate

    def _played(self, now: float) -> Played | None:
        for piece in self._taken:
            if now < self._end(piece):
                heard = int((now - piece.at) * self._rate + 1e-3) if now > piece.at else 0
                return Played(piece.segment.id, piece.offset + heard, exact=True)
        if self._waiting:
            piece = self._waiting[0]
            return Played(piece.segment.id, piece.offset, exact=True)
        if self._endings:  # heard to its last sample in this very instant
            ending = self._endings[-1]
            return Played(ending.segment.id, ending.samples, exact=True)
        return None
