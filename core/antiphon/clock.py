"""The one place that may look at a wall clock, at CPU time, at chance, or make ids.

Everything else in core and providers reads `asyncio.get_running_loop().time()`, so that a call can
be played again in virtual time. A test greps for other clocks.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Ids:
    """Ids and jitter of one session, repeatable when seeded."""

    __slots__ = ("_counter", "_prefix", "_random")

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed) if seed is not None else random.Random()
        bits = self._random.getrandbits(40)
        self._prefix = "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(0, 40, 5))
        self._counter = 0

    def new(self, kind: str) -> str:
        """A fresh id such as `item_k3v0q8ze_12`: unique in the session, and very likely beyond
        it."""
        self._counter += 1
        return f"{kind}_{self._prefix}_{self._counter}"

    def jitter(self, spread: float) -> float:
        """A number between 1 - spread and 1 + spread."""
        return 1.0 + (self._random.random() * 2.0 - 1.0) * spread


_process_ids = Ids()


def new_id(kind: str) -> str:
    """An id for something made outside any session."""
    return _process_ids.new(kind)


def wall_time() -> datetime:
    """The wall clock now, in UTC: read once at the start of a session, never for durations."""
    return datetime.now(UTC)


def cpu_time() -> float:
    """CPU seconds of this thread, for the framework's own share in timelines."""
    return time.thread_time()


def real_time() -> float:
    """Seconds of a monotonic real clock: for what is real even in virtual time, e.g. worker
    processes."""
    return time.monotonic()
