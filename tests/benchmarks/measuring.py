"""How a side of the table measures, the same for the floor, for antiphon and for the peers.

Needs nothing but the standard library: it runs in the peers' environments too.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import inspect
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

CALLS = 20
"""Calls in one process."""
PERIOD = 0.02
"""Seconds of a frame."""


class Watch:
    """How long calls are watched."""

    seconds = 4.0


Measures = Mapping[str, Callable[[int], float | Awaitable[float]]]
"""By the id of the row: takes the number of rounds, returns the figure in the row's unit."""


def main(measures: Measures, doc: str | None) -> None:
    """Prints the figure of the row that the command line names."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("row", choices=list(measures))
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=Watch.seconds, help="to watch calls for")
    options = parser.parse_args()
    Watch.seconds = options.seconds

    async def run(found: Awaitable[float]) -> float:
        return await found

    found = measures[options.row](options.rounds)
    print(asyncio.run(run(found)) if inspect.isawaitable(found) else found)


def steady() -> None:
    """What exists is left out of later collections: as servers do after their start."""
    gc.collect()
    gc.freeze()


async def growth(old: Callable[[], Awaitable[None]], new: Callable[[], Awaitable[None]]) -> float:
    """CPU time of turns from the 1000th on against turns from the 10th on.

    `old` and `new` have a turn in one of two sessions; they take turns, so that what else the
    machine does falls on both alike, and the lower quartiles are compared.
    """
    for _ in range(1000):
        await old()
    for _ in range(10):
        await new()
    steady()
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(200):
        for turn, times in zip((old, new), spent, strict=True):
            began = time.thread_time()
            await turn()
            times.append(time.thread_time() - began)
    late, early = (statistics.quantiles(times, n=4)[0] for times in spent)
    return late / early


async def ticking(
    ticks: Sequence[Callable[[float], None]], phases: Iterable[float], seconds: float
) -> None:
    """Calls each of `ticks` every 20 ms, for so long: all at once, or each on its own phase."""
    loop = asyncio.get_running_loop()
    start = loop.time() + PERIOD
    end = start + seconds
    done = loop.create_future()

    def run(due: float, group: Sequence[Callable[[float], None]]) -> None:
        for tick in group:
            tick(due)
        due += PERIOD
        if due < end:
            loop.call_at(due, run, due, group)
        elif not done.done():
            done.set_result(None)

    offsets = list(phases)
    if offsets:
        for offset, tick in zip(offsets, ticks, strict=True):
            loop.call_at(start + offset, run, start + offset, (tick,))
    else:
        loop.call_at(start, run, start, ticks)
    await done


async def cpu_per_call_second(
    ticks: Sequence[Callable[[float], None]], phases: Iterable[float]
) -> float:
    """CPU milliseconds of the process per second of one call, while they tick."""
    offsets = list(phases)
    await ticking(ticks, offsets, Watch.seconds / 4)
    steady()
    began = time.process_time()
    await ticking(ticks, offsets, Watch.seconds)
    return (time.process_time() - began) * 1000 / Watch.seconds / len(ticks)


_IMPORT = """
import time
cpu = time.process_time()
{statement}
cpu = time.process_time() - cpu
from pathlib import Path
try:
    status = Path("/proc/self/status").read_text("ascii").split("VmRSS:")[1]
except OSError:
    status = "nan"
print(cpu, status.split()[0])
"""


def import_figures(statement: str, runs: int = 7) -> tuple[float, float]:
    """Seconds of CPU for an import in a fresh process, the best of some, and its resident MB.

    Bytecode is kept, as it is for what is installed; the run that compiles does not count.
    """
    seconds, memory = [], []
    with tempfile.TemporaryDirectory() as cache:
        env = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(runs + 1):
            done = subprocess.run(
                [sys.executable, "-c", _IMPORT.format(statement=statement)],
                capture_output=True,
                text=True,
                check=True,
                env=env,
            )
            cpu, kilobytes = done.stdout.split()[-2:]
            seconds.append(float(cpu))
            memory.append(float(kilobytes) / 1024)
    return min(seconds), statistics.median(memory)
