"""The benchmarks measure what they say: run small, in real time, and judged by nothing but that."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .environments import ROOT
from .rows import ROWS, Row


def table(rows: list[Row], *options: str) -> list[list[str]]:
    """The cells of the table, its head included."""
    command = [sys.executable, "-m", "tests.benchmarks.table", "--rounds", "10", "--runs", "1"]
    run = subprocess.run(
        [*command, *options, "--rows", *(row.id for row in rows)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    lines = [line for line in run.stdout.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.timeout(60)
def test_every_row_that_needs_no_real_time_is_measured():
    rows = [row for row in ROWS if not row.real_time]
    head, *lines = table(rows)
    assert head == ["what", "floor", "antiphon", "budget", "verdict"]
    assert [line[0] for line in lines] == [f"{row.what}, {row.unit}" for row in rows]
    assert all(float(line[2]) > 0 for line in lines)
    assert all(line[4] in ("met", "NOT MET") for line in lines)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.real_time and row.id != "calls_silero"], ids=lambda r: r.id
)
def test_every_row_of_real_time_is_measured(row: Row):
    _, line = table([row], "--seconds", "1")
    assert float(line[2]) > 0


def test_a_budget_is_kept_by_the_figure_or_by_the_ratio_to_the_floor():
    either = Row("x", "x", "ms", 1.0, over_floor=1.2)
    assert either.budget_text() == "≤ 1 or ≤ 1.2 x floor"
    assert either.met(0.9, None) and either.met(2.3, 2.0) and not either.met(2.5, 2.0)
    assert not either.met(1.1, None)
    rate = Row("x", "x", "/s", 2500, more_is_better=True)
    assert rate.budget_text() == "≥ 2500"
    assert rate.met(2600, 40000.0) and not rate.met(2400, 40000.0)


@pytest.mark.timeout(60)
def test_a_soak_ends_with_nothing_left_behind():
    run = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.soak", "--sessions", "10", "--turns", "40"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    first, *_, last = run.stdout.splitlines()
    assert first.startswith("10 sessions at a time, "), run.stdout + run.stderr
    assert last == "left: tasks [], timers [], 0 threads", run.stdout
