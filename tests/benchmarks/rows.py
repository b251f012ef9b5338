"""The rows of the table: what is measured, in which unit, and the budget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    id: str
    """What a side is asked for: `python -m tests.benchmarks.ours ID`."""
    what: str
    unit: str
    """Of the figures: `ms`, `s`, `MB`, `/s`, or `x` for a ratio."""
    budget: float | None = None
    """The most that ours may be; the least where more is better. None: see `over_floor`."""
    over_floor: float | None = None
    """How many times the floor of the same run ours may be; with a budget: either will do."""
    more_is_better: bool = False
    real_time: bool = False
    """Runs for seconds by the clock, whatever the number of rounds."""

    def met(self, ours: float, floor: float | None) -> bool:
        """Whether the figure keeps to the budget."""
        if self.budget is not None:
            if self.more_is_better:
                return ours >= self.budget
            if ours <= self.budget:
                return True
        return self.over_floor is not None and floor is not None and ours <= self.over_floor * floor

    def budget_text(self) -> str:
        """The budget, for people."""
        parts = []
        if self.budget is not None:
            parts.append(f"{'≥' if self.more_is_better else '≤'} {self.budget:g}")
        if self.over_floor is not None:
            parts.append(f"≤ {self.over_floor:g} x floor")
        return " or ".join(parts)


ROWS = (
    Row("import_time", "import of what a minimal agent script needs", "s", 0.08),
    Row("import_memory", "… resident memory of that process", "MB", 30.0),
    Row("text_to_audio", "text in → first audio at the sink", "ms", 0.3),
    Row("speech_to_audio", "STT final + end of speech → first audio", "ms", 0.5),
    Row("barge_in", "VAD start of speech → sink flushed", "ms", 0.1),
    Row("tool_to_on_enter", "tool returns an agent → its on_enter", "ms", 0.15),
    Row("tool_to_audio", "… → its first audio", "ms", 0.5),
    Row("turn_rate", "text → audio turns per core-second", "/s", 2500, more_is_better=True),
    Row(
        "calls_lockstep",
        "CPU per second of a call, audio both ways, 20 in lockstep",
        "ms",
        1.3,
        real_time=True,
    ),
    Row(
        "calls_phased",
        "… each call on its own phase",
        "ms",
        over_floor=1.2,
        real_time=True,
    ),
    Row("calls_silero", "… in lockstep, with Silero", "ms", 3.0, real_time=True),
    Row("turn_growth", "turn 1000 against turn 10 of one session", "x", 1.05),
    Row("idle_memory", "memory per idle session", "MB", 0.05),
    Row("worst_pause", "worst pause of the loop, 20 calls, gc included", "ms", 5.0, real_time=True),
    Row("hour", "virtual time: an hour of scripted two-party talk", "s", 10.0),
)
"""In the order of the table."""

BY_ID = {row.id: row for row in ROWS}
