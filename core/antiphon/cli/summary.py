"""What is shown at the end of a call, from its report: the hand-offs, the latencies, the usage."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from ..errors import TransportError
from .output import show_table

_ROUNDED = 1e-5
"""Seconds: the times of turns are rounded, those of the history are not."""


def handoff_chain(report: Mapping[str, Any]) -> list[str]:
    """The ids of the agents in the order in which they became active, the first one included."""
    return [item["new_agent_id"] for item in report["history"] if item["type"] == "agent_handoff"]


def show_summary(report: Mapping[str, Any], *, file: IO[str] | None = None) -> None:
    """Prints the hand-off chain, the latency table with its median, and the usage."""
    chain = handoff_chain(report)
    print(file=file)
    if chain:
        print(f"agents: {' → '.join(chain)}", file=file)
    show_latencies(report, file=file)
    for model, counts in report["usage"].items():
        used = ", ".join(f"{name} {value:g}" for name, value in counts.items() if value)
        print(f"usage {model}: {used}", file=file)


def show_latencies(report: Mapping[str, Any], *, file: IO[str] | None = None) -> None:
    """Prints one row per user turn: what a caller waited, and where the time went, in seconds."""
    turns = report["turns"]
    if not turns:
        return
    rows = [
        (
            str(turn["turn"]),
            turn["agent_id"],
            _seconds(turn["endpoint_wait"]),
            _seconds(_between(turn, "llm_request", "llm_first_token")),
            _seconds(_between(turn, "first_sentence", "tts_first_byte")),
            _seconds(turn["latency"]),
            ("(interrupted) " if _was_cut(turn, report) else "") + turn["text"],
        )
        for turn in turns
    ]
    columns = ("turn", "agent", "endpoint", "llm", "tts", "latency", "the caller said")
    title = "seconds per turn: " + ", ".join(columns[2:6])
    show_table(columns, rows, title=title, file=file)
    waits = [turn["latency"] for turn in turns if turn["latency"] is not None]
    if waits:
        number = f"{len(waits)} turn" + ("s" if len(waits) > 1 else "")
        print(f"median latency {statistics.median(waits):.2f} s over {number}", file=file)


def _was_cut(turn: Mapping[str, Any], report: Mapping[str, Any]) -> bool:
    """Whether words of the answer were cut short. A turn is `interrupted` without that when a tool
    ran on by itself, or the call ended meanwhile."""
    first, done = turn["first_audio"], turn["done"]
    if not turn["interrupted"] or first is None:
        return False
    return any(
        item["type"] == "message"
        and item["role"] == "assistant"
        and item["interrupted"]
        and item["created_at"] is not None
        and first - _ROUNDED <= item["created_at"] <= (math.inf if done is None else done)
        for item in report["history"]
    )


def write_report(report: Mapping[str, Any], path: Path) -> None:
    """Writes a report as JSON, whole or not at all. Raises `TransportError` when it cannot."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(
            json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n"
        )
        part.replace(path)
    except OSError as error:
        raise TransportError(
            f"cannot write {str(path)!r} ({(error.strerror or str(error)).lower()}); "
            "give another path"
        ) from error


def _between(turn: Mapping[str, Any], begin: str, end: str) -> float | None:
    first, last = turn[begin], turn[end]
    return None if first is None or last is None else last - first


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
