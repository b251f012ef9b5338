"""The one place that may look at a wall clock, at CPU time, at chance, or make ids.

Everything else in core and providers reads `asyncio.get_running_loop().time()`, so that a call can
be played again in virtual time. A test greps for other clocks.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from datetime import date as date
from typing import TypeVar

T = TypeVar("T")

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Ids:
    """Ids and jitter of one session, repeatable when seeded."""

    __slots__ = ("_counter", "_prefix", "_random", "_root")

    def __init__(self, seed: int | None = None, part: str = "") -> None:
        """`part` tells ids apart that are made of one seed."""
        self._random = random.Random(seed) if seed is not None else random.Random()
        bits = self._random.getrandbits(40)
        self._root = "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(0, 40, 5))
        self._prefix = self._root + part
        self._counter = 0

    @property
    def prefix(self) -> str:
        """What all of them have in common."""
        return self._prefix

    @property
    def root(self) -> str:
        """What they have in common with all others of the same seed."""
        return self._root

    def new(self, kind: str) -> str:
        """A fresh id such as `item_k3v0q8ze_12`: unique in the session, and very likely beyond
        it."""
        self._counter += 1
        return f"{kind}_{self._prefix}_{self._counter}"

    def jitter(self, spread: float) -> float:
        """A number between 1 - spread and 1 + spread."""
        return 1.0 + (self._random.random() * 2.0 - 1.0) * spread


class Chance:
    """Draws that repeat themselves: the same names give the same draws, in every process."""

    __slots__ = ("_random",)

    def __init__(self, *names: object) -> None:
        """What the draws go by, e.g. a seed, what they are for, and a number; by their text."""
        # Text is hashed by the generator itself, whatever PYTHONHASHSEED says.
        self._random = random.Random("\x1f".join(map(str, names)))

    def share(self) -> float:
        """A number from 0 up to, but not, 1."""
        return self._random.random()

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`."""
        return low + (high - low) * self._random.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._random.randint(low, high)

    def pick(self, choices: Sequence[T]) -> T:
        """One of several."""
        return choices[self._random.randrange(len(choices))]


_process_ids = Ids()


def new_id(kind: str) -> str:
    """An id for something made outside any session."""
    return _process_ids.new(kind)


def loop_seed() -> int | None:
    """The seed of the running loop, as loops of virtual time have one; None without one."""
    try:
        seed = getattr(asyncio.get_running_loop(), "seed", None)
    except RuntimeError:
        return None
    return seed if isinstance(seed, int) else None


def wall_time() -> datetime:
    """The wall clock now, in UTC: read once at the start of a session, never for durations."""
    return datetime.now(UTC)


def wall_text(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def read_date(text: str) -> date:
    """A day written as `2026-01-31`. Raises `ValueError` that goes on behind the quoted text."""
    parts = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", text)
    if parts is None:
        raise ValueError("is not written as year, month and day: 2026-01-31")
    year, month, day = map(int, parts.groups())
    if year == 0 or not 1 <= month <= 12:
        raise ValueError(f"is no date: there is no {'year 0' if year == 0 else f'month {month}'}")
    from calendar import monthrange  # 2 ms, and seldom asked for

    days = monthrange(year, month)[1]
    if not 1 <= day <= days:
        raise ValueError(f"is no date: that month has the days 1 to {days}")
    return date(year, month, day)


def cpu_time() -> float:
    """CPU seconds of this thread. A system call, of up to 3 µs: not for the hot path."""
    return time.thread_time()


work_time = time.perf_counter
"""Seconds of a fine real clock, for the framework's own share in timelines: reading it costs less
than a tenth of a microsecond."""


def real_time() -> float:
    """Seconds of a monotonic real clock: for what is real even in virtual time, e.g. worker
    processes."""
    return time.monotonic()
