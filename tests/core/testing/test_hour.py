"""An hour of two-party talk, with tools, barge-ins and hand-offs, gives the same log every time.

Two whole hours and eighteen shorter talks, each in a process of its own hash seed; for twenty whole
hours run `hour.py --runs 20`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HOUR = Path(__file__).with_name("hour.py")
# Two hours take about 15 s of CPU, and the machine may be busy.
pytestmark = pytest.mark.timeout(180)


def digests(minutes: float, runs: int) -> list[str]:
    """The hashes that `hour.py` prints, one for each process."""
    done = subprocess.run(
        [sys.executable, str(HOUR), "--minutes", f"{minutes:g}", "--runs", str(runs)],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line.startswith("run ")]
    return [line.split()[2] for line in lines]


def test_an_hour_of_talk_has_the_same_log_in_processes_of_different_hash_seeds():
    found = digests(60, 2)
    assert len(found) == 2
    assert len(set(found)) == 1


def test_eighteen_shorter_talks_have_the_same_log_in_processes_of_different_hash_seeds():
    found = digests(2, 18)
    assert len(found) == 18
    assert len(set(found)) == 1


def test_the_talk_has_tools_barge_ins_false_ones_and_hand_offs():
    done = subprocess.run(
        [sys.executable, str(HOUR), "--minutes", "2"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    counts = dict(pair.split("=") for pair in done.stdout.split()[1:])
    assert int(counts["interrupted"]) >= 2
    assert int(counts["AgentFalseInterruption"]) >= 2
    assert int(counts["hand-offs"]) >= 5
    assert int(counts["FunctionToolsExecuted"]) >= 6
    assert "ErrorEvent" not in counts


def test_another_talk_has_another_hash():
    assert digests(1, 2)[0] != digests(3, 2)[0]
