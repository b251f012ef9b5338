"""The ear of a scripted caller: what of the agent's audio was heard, and when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from .speech import HeardWord, Listener

_BREATH = 0.2
"""Seconds of silence that end a stretch of speech."""


@dataclass(slots=True)
class Stretch:
    """Speech of one segment, without a silence worth the name."""

    segment: str
    start: int
    """Its first voiced sample, from the beginning of the call."""
    end: int
    words: list[HeardWord] = field(default_factory=list)
    """Those that were heard to their ends in it."""
    understood: bool = False
    """Whether any word was heard in it, or the beginning of one."""


@dataclass(slots=True)
class _Expected:
    segment: str
    samples: int


class AgentEar:
    """Sorts what was played by segment and stretch, and finds its words."""

    def __init__(self, sample_rate: int) -> None:
        self.stretches: list[Stretch] = []
        self._began: dict[str, int] = {}
        self._listener = Listener()
        self._breath = round(_BREATH * sample_rate)
        self._expected: deque[_Expected] = deque()
        self._segment = ""
        self._pushed = 0

    @property
    def voiced_until(self) -> int | None:
        """The end of the last voiced sample that was heard, or None."""
        return self._listener.voiced_until

    def expect(self, segment: str, samples: int) -> None:
        """So many samples of a segment will be heard after those that are expected already."""
        if segment != self._segment:
            self._segment = segment
            self._pushed = 0
        self._pushed += samples
        if self._expected and self._expected[-1].segment == segment:
            self._expected[-1].samples += samples
        else:
            self._expected.append(_Expected(segment, samples))

    def forget(self) -> None:
        """What is expected will not come."""
        self._expected.clear()

    def pushed(self, segment: str) -> int | None:
        """Samples of the segment that were expected in all; None when others came after it."""
        return self._pushed if segment == self._segment else None

    def hear(self, start: int, data: bytes) -> None:
        """Takes the next samples that were played, beginning `start` samples into the call."""
        gap = start - self._listener.position
        if gap > 0:
            self._listener.silence(gap)
        at = 0
        while at < len(data):
            expected = self._expected[0]
            size = min(2 * expected.samples, len(data) - at)
            self._feed(expected.segment, data[at : at + size] if size < len(data) else data)
            at += size
            expected.samples -= size // 2
            if not expected.samples:
                self._expected.popleft()

    def _feed(self, segment: str, data: bytes) -> None:
        listener = self._listener
        before = listener.voiced_until
        listener.feed(data)
        until = listener.voiced_until
        if until is None or until == before:
            return
        last = self.stretches[-1] if self.stretches else None
        started = listener.voiced_from or 0
        if last is None or last.segment != segment or started - last.end >= self._breath:
            begin = started if before is None else max(started, before)
            last = Stretch(segment, begin, until)
            self.stretches.append(last)
            self._began.setdefault(segment, begin)
        last.end = until
        if listener.words or listener.cut or listener.partial is not None:
            last.understood = True
        if listener.words:
            last.words += listener.words
            listener.words = []
        listener.cut = []

    def text(self, segment: str | None = None) -> str:
        """The words that were heard whole, of a segment or of all."""
        return " ".join(
            word.text
            for stretch in self.stretches
            if segment is None or stretch.segment == segment
            for word in stretch.words
        )

    def began(self, segment: str) -> int:
        """The first voiced sample that was heard of a segment of `stretches`."""
        return self._began[segment]
