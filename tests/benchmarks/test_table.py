"""The benchmarks measure what they say: run small, in real time, and judged by nothing but that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).with_name("table.py")


def test_every_row_of_the_table_is_measured():
    run = subprocess.run(
        [sys.executable, str(TABLE), "--rounds", "20"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        cwd=TABLE.parent,
    )
    assert run.returncode == 0, run.stderr
    rows = run.stdout.splitlines()[1:]
    assert [row[:44].strip() for row in rows] == [
        "import of what a minimal agent script needs",
        "text in → first audio",
        "end of turn → first audio",
        "start of speech → sink flushed",
        "tool returns an agent → on_enter",
        "tool returns an agent → first audio",
        "turns per core-second",
        "turn 1000 against turn 10",
        "virtual time: an hour of talk",
    ]
    assert all(float(row[44:].split()[0]) > 0 for row in rows)
