"""Measures what the framework itself costs, and prints it as a table.

    python -m tests.benchmarks.table [--rounds 500] [--runs 3] [--peers FOLDER] [--rows ID …]

Run it from the root of the repository. Every figure is measured in a process of its own, the sides
in turn, and the best of the runs is shown: what other processes add is not what is asked for. The
floor is the same done by a bare event loop, in the same runs. With `--peers`, livekit-agents and
pipecat-ai are measured beside it, in environments made in that folder.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path

from .environments import FLOOR, OURS, PEERS, Side
from .rows import BY_ID, ROWS, Row

BOUND = 120.0
"""Seconds, the most that one figure may take to measure."""

Figures = dict[str, float | str]
"""By the name of the side: the figure, or why there is none."""


def measure(row: Row, sides: list[Side], *, rounds: int, runs: int, seconds: float) -> Figures:
    """The best of the runs of each side, which take turns."""
    best: Figures = {}
    for _ in range(1 if row.id == "hour" else runs):
        for side in sides:
            found = side.measure(row.id, rounds, seconds, BOUND)
            so_far = best.get(side.name)
            if isinstance(found, str):
                best.setdefault(side.name, found)
            elif not isinstance(so_far, float):
                best[side.name] = found
            else:
                best[side.name] = (max if row.more_is_better else min)(so_far, found)
    return best


def shown(figure: float | str | None) -> str:
    """A figure with three significant digits."""
    if figure is None or isinstance(figure, str):
        return "-"
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.3g}"


def line(row: Row, figures: Figures, peers: list[Side]) -> list[str]:
    """The cells of a row."""
    ours, floor = figures[OURS.name], figures.get(FLOOR.name)
    if isinstance(ours, str):
        verdict = ours
    else:
        met = row.met(ours, floor if isinstance(floor, float) else None)
        verdict = "met" if met else "NOT MET"
    return [
        f"{row.what}, {row.unit}",
        shown(floor),
        shown(ours),
        *(shown(figures.get(peer.name)) for peer in peers),
        row.budget_text(),
        verdict,
    ]


def main() -> int:
    """Prints the table; the exit code says only whether antiphon could be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.table",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=500, help="of each figure")
    parser.add_argument("--runs", type=int, default=3, help="of which the best is shown")
    parser.add_argument("--seconds", type=float, default=4.0, help="to watch calls for")
    parser.add_argument("--peers", type=Path, metavar="FOLDER", help="for their environments")
    parser.add_argument("--rows", nargs="+", choices=list(BY_ID), metavar="ID")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes the figures there too")
    options = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    peers = [side.installed(options.peers) for side in PEERS] if options.peers else []
    sides = [FLOOR, OURS, *peers]
    rows = [row for row in ROWS if not options.rows or row.id in options.rows]
    print(f"Python {platform.python_version()}, {platform.system()} on {platform.machine()}")
    for peer in peers:
        print(f"{peer.name} {peer.version()}")
    head = ["what", "floor", "antiphon", *(peer.name for peer in peers), "budget", "verdict"]
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    all_figures, unmeasured = {}, []
    for row in rows:
        figures = all_figures[row.id] = measure(
            row, sides, rounds=options.rounds, runs=options.runs, seconds=options.seconds
        )
        print(f"| {' | '.join(line(row, figures, peers))} |", flush=True)
        unmeasured += [
            f"{row.id} of {name}: {why}"
            for name, why in figures.items()
            if isinstance(why, str) and why != "not measured"
        ]
    if unmeasured:
        print("\nnot measured:", *unmeasured, sep="\n")
    if options.json:
        options.json.write_text(json.dumps(all_figures, indent=1) + "\n", encoding="utf-8")
    return int(any(isinstance(figures[OURS.name], str) for figures in all_figures.values()))


if __name__ == "__main__":
    sys.exit(main())
