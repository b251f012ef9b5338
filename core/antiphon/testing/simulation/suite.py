"""A suite: every scenario with every seed, and the table of what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...registry import Registry
from .outcome import Outcome
from .run import Program, check_slots, simulate
from .scenario import Scenario

VERSION = 1
"""Of the shape of `Suite.to_dict`; additions do not raise it."""

COLUMNS = (
    "scenario",
    "seed",
    "turns",
    "replies",
    "hand-offs",
    "errors",
    "worst latency",
    "verdict",
)


@dataclass(slots=True)
class Suite:
    """Calls to be made, and the outcomes of those that were."""

    program: Program
    scenarios: Sequence[Scenario]
    seeds: Sequence[int] = (0,)
    registry: Registry | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many calls there are in all."""
        return len(self.scenarios) * len(self.seeds)

    def run(self) -> Iterator[Outcome]:
        """Makes the calls, one after the other; each outcome is given as soon as it is there.

        Raises `ConfigurationError` before the first call for a model string that cannot be used.
        """
        for scenario in self.scenarios:
            check_slots(scenario, self.registry)
        for scenario in self.scenarios:
            for seed in self.seeds:
                outcome = simulate(self.program, scenario, seed=seed, registry=self.registry)
                self.outcomes.append(outcome)
                yield outcome

    @property
    def failed(self) -> list[Outcome]:
        """Those that were not as expected."""
        return [outcome for outcome in self.outcomes if not outcome.passed]

    def rows(self) -> list[tuple[str, ...]]:
        """The table: a row for each outcome."""
        return [_row(outcome) for outcome in self.outcomes]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able values."""
        return {
            "version": VERSION,
            "runs": len(self.outcomes),
            "failed": len(self.failed),
            "outcomes": [outcome.to_dict() for outcome in self.outcomes],
        }


def _row(outcome: Outcome) -> tuple[str, ...]:
    errors = str(len(outcome.errors))
    if outcome.recovered:
        errors += f" (+{len(outcome.recovered)} recovered)"
    latency = outcome.worst_latency
    return (
        outcome.scenario.name,
        str(outcome.seed),
        str(outcome.turns),
        str(outcome.replies),
        str(max(0, len(outcome.handoffs) - 1)),
        errors,
        "-" if latency is None else f"{latency:.2f} s",
        "passed" if outcome.passed else "FAILED",
    )
