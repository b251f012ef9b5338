"""Finals: how far the user's audio has been finalised by the STT."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from ..chat import ChatMessage
from ..stt import Final

TRIMMED = 0.5
"""Seconds by which a recogniser's last word may end before the last voiced sample."""
TRIMMED_FLUSHED = 0.15
"""The same while the answer to a `Flush` is still due: nothing shorter is a word."""
UNANSWERED = 10.0
"""Seconds after which a `Flush` that was not answered is forgotten."""
_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Reach:
    """What audio one final is about. Times are the loop's."""

    until: float
    """All audio before it counts as finalised."""
    surely: float | None
    """The same without any tolerance; None: not known."""
    spoken: float | None = None
    """When its last word ended, where it has word times."""


@dataclass(slots=True)
class Late:
    """A turn that was committed with interim words: finals for its audio may still come."""

    message: ChatMessage
    until: float
    """The end of its voice."""
    committed: float
    interim: str
    """The interim words in it."""
    finals: list[str] = field(default_factory=list)
    """The finals that were in it."""
    came: list[str] = field(default_factory=list)
    """The finals for its interim words so far."""

    def text(self, *, complete: bool) -> str:
        """The turn as it is known now: unless `complete`, the last of the interim words are still
        the best record of what has no final yet."""
        came = " ".join(self.came).split()
        rest = [] if complete else self.interim.split()[len(came) :]
        return " ".join([*self.finals, *came, *rest])


class Finals:
    """Keeps account of flushes and finals, so that no final is taken for more than it covers."""

    def __init__(self) -> None:
        self._asked: deque[float] = deque()
        self._until = float("-inf")
        self._forgotten: float | None = None
        self.late: Late | None = None

    @property
    def awaited(self) -> bool:
        """The answer to a `Flush` is due."""
        return bool(self._asked)

    def asked(self, now: float) -> None:
        """The STT has been sent a `Flush`."""
        while self._asked and now - self._asked[0] > UNANSWERED:
            self._asked.popleft()
        self._asked.append(now)

    def start_anew(self) -> None:
        """The STT is called again: it has got no `Flush` yet."""
        self._asked.clear()

    def cover(self, at: float) -> None:
        """All audio before `at` is finalised."""
        self._until = max(self._until, at)

    def covers(self, at: float) -> bool:
        """Whether the audio up to `at` is finalised."""
        return self._until >= at - _EPSILON

    def take(self, event: Final, spoken_until: float | None, now: float) -> Reach:
        """Enters a final; `spoken_until` is when its last word ended, where it has word times."""
        surely = spoken_until
        if event.flushed:
            asked = self._asked.popleft() if self._asked else None
            if asked is not None:
                surely = asked if spoken_until is None else max(asked, spoken_until)
            until = surely if surely is not None else now
        elif spoken_until is not None:
            until = min(now, spoken_until + (TRIMMED_FLUSHED if self._asked else TRIMMED))
        elif self._asked:
            # A part of what the flush will finalise: which, only the answer to it tells.
            until = float("-inf")
        else:
            until = now
        self.cover(until)
        return Reach(until, surely, spoken_until)

    # What the user is to be taken not to have said

    def forget(self, now: float) -> None:
        """The words of all audio before `now` are not wanted."""
        self._forgotten = now
        self.late = None

    def forgets(self, reach: Reach | None, now: float, bound: float) -> bool:
        """Whether a final, or interim words (None), are among those. `bound` is how long they may
        take."""
        since = self._forgotten
        if since is None:
            return False
        over = not self._asked or now > since + bound
        if reach is None or reach.surely is None:
            forgotten = not over
        else:
            forgotten = reach.surely <= since + _EPSILON
        if over:
            self._forgotten = None
        return forgotten

    # Turns that did not wait for their final

    def completes_late(self, reach: Reach) -> bool:
        """Whether all words of that turn are final now. The answer to an earlier `Flush` may be
        late, too, and a final may be about a part: they cover less."""
        return self.late is None or reach.until >= self.late.until - _EPSILON

    def belongs_to_late(self, reach: Reach, event: Final, *, silent_since_then: bool) -> bool:
        """Whether a final is about the audio of a turn that was committed without it."""
        late = self.late
        if late is None:
            return False
        if reach.surely is None:
            return silent_since_then
        if event.flushed and reach.spoken is None:
            return reach.surely <= late.committed + _EPSILON
        spoken = reach.surely if reach.spoken is None else reach.spoken
        return spoken <= late.until + TRIMMED
