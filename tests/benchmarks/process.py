"""What a process says of itself: its memory, and the pauses of its loop."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def resident_mb() -> float:
    """Resident memory of this process in MB. Raises `OSError` where the system does not tell."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(
            each for each in status.read_text("ascii").splitlines() if each.startswith("VmRSS")
        )
        return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        raise OSError("resident memory is not measured on Windows")
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, text=True, check=True
    )
    return int(shown.stdout) / 1024


@dataclass
class Pauses:
    """The longest callbacks of an event loop, in CPU milliseconds of its thread.

    CPU time, because what other processes take away is no pause of ours.
    """

    worst: float = 0.0
    """The longest callback, garbage collection within it included."""
    worst_what: str = ""
    worst_gc: float = 0.0
    """The longest collection."""
    callbacks: int = 0
    over: list[tuple[float, float, str]] = field(default_factory=list)
    """Callbacks of more than 5 ms: how long, how much of it gc, and what."""

    _paused: bool = False

    def pause(self, paused: bool) -> None:
        """Leaves out what a measurement itself does."""
        self._paused = paused


LIMIT = 5.0
"""Milliseconds from which a callback is noted by name."""


@contextmanager
def watched_loop() -> Iterator[Pauses]:
    """Times every callback of every asyncio loop, and every garbage collection, while open."""
    pauses = Pauses()
    plain = asyncio.events.Handle._run
    clock = time.thread_time
    collected = 0.0
    began = 0.0

    def collecting(phase: str, info: dict[str, int]) -> None:
        nonlocal collected, began
        if pauses._paused:
            return
        if phase == "start":
            began = clock()
        else:
            took = (clock() - began) * 1000
            collected += took
            pauses.worst_gc = max(pauses.worst_gc, took)

    def run(handle: Any) -> None:
        nonlocal collected
        what, collected = handle._callback, 0.0
        start = clock()
        try:
            plain(handle)
        finally:
            took = (clock() - start) * 1000
            pauses.callbacks += 1
            if took > pauses.worst and "'sampler'" not in _name(what):
                pauses.worst, pauses.worst_what = took, _name(what)
            if took > LIMIT:
                pauses.over.append((took, collected, _name(what)))

    asyncio.events.Handle._run = run  # type: ignore[method-assign]
    gc.callbacks.append(collecting)
    try:
        yield pauses
    finally:
        asyncio.events.Handle._run = plain  # type: ignore[method-assign]
        gc.callbacks.remove(collecting)


def _name(callback: Any) -> str:
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return f"a step of the task {owner.get_name()!r}"
    return getattr(callback, "__qualname__", repr(callback))
