"""What came of one simulated call."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .scenario import Scenario


@dataclass(frozen=True, slots=True)
class Said:
    """A line of the transcript."""

    at: float
    """Seconds from the beginning of the call."""
    who: str
    """`"caller"`, the id of an agent, `"tool"`, `"handoff"` or `"error"`."""
    text: str

    def __str__(self) -> str:
        text = self.text if self.who in ("tool", "handoff", "error") else f"{self.who}: {self.text}"
        return f"[{self.at:7.2f}] {text}"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One call of a scenario, with one seed."""

    scenario: Scenario
    seed: int
    failures: list[str] = field(default_factory=list)
    """What was expected and did not come, one sentence each."""
    turns: int = 0
    """Messages of the user in the history."""
    replies: int = 0
    """Messages of the agents in the history."""
    handoffs: list[str] = field(default_factory=list)
    """The ids of the agents in the order in which they became active, the first one included."""
    errors: list[str] = field(default_factory=list)
    """Those from which core does not go on by itself: `source: message`."""
    recovered: list[str] = field(default_factory=list)
    """Those from which it does."""
    worst_latency: float | None = None
    """Seconds from the end of what the caller said to the first sound of the answer."""
    seconds: float = 0.0
    """How long the call was."""
    close: str | None = None
    """Why it ended; None when it never began."""
    transcript: list[Said] = field(default_factory=list)
    report: dict[str, Any] | None = None
    """The session's report."""

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        return {
            "scenario": self.scenario.name,
            "file": None if self.scenario.path is None else str(self.scenario.path),
            "seed": self.seed,
            "passed": self.passed,
            "failures": self.failures,
            "turns": self.turns,
            "replies": self.replies,
            "handoffs": self.handoffs,
            "errors": self.errors,
            "recovered": self.recovered,
            "worst_latency": _rounded(self.worst_latency),
            "seconds": _rounded(self.seconds),
            "close": self.close,
            "transcript": [
                {"at": _rounded(each.at), "who": each.who, "text": each.text}
                for each in self.transcript
            ],
            "report": self.report,
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
