"""Plays drawn plans, and reports the first that breaks a rule as small as it can be made."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

from hypothesis import HealthCheck, Phase, given, seed, settings

from .invariants import broken
from .plan import Plan
from .record import Record
from .shrinking import smallest
from .stage import play
from .strategies import plans


def problems(plan: Plan) -> list[str]:
    """What does not hold when the plan is played; a deadlock is such a thing too."""
    return judged(plan, lambda record: [])


def judged(plan: Plan, more: Callable[[Record], list[str]]) -> list[str]:
    """The same, with what `more` finds in the record."""
    with _quiet():
        try:
            record = play(plan)
            return broken(record) + more(record)
        except Exception as error:
            return [f"{type(error).__name__}: {error}"]


def same_again(record: Record) -> list[str]:
    """The same plan gives the same events, to the microsecond."""
    again = play(record.plan)
    for number, (one, other) in enumerate(zip(record.log, again.log, strict=False)):
        if one != other:
            return [f"same_again: event {number} was {one}, and is {other}"]
    if len(record.log) != len(again.log):
        return [f"same_again: {len(record.log)} events came, then {len(again.log)}"]
    return []


def hunt(number: int, cases: int, judge: Callable[[Plan], list[str]] = problems) -> None:
    """Draws and plays `cases` plans of the seed `number`. Raises `AssertionError` for the first of
    which something does not hold, with the plan made small."""
    failing: list[Plan] = []

    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(plans())
    def play_one(plan: Plan) -> None:
        if failing:
            return
        if judge(plan):
            failing.append(plan)

    play_one()
    if not failing:
        return
    first = failing[0]
    rules = {_rule(problem) for problem in judge(first)}
    small = smallest(first, lambda plan: any(_rule(found) in rules for found in judge(plan)))
    told = "\n".join(judge(small))
    raise AssertionError(
        f"with the seed {number}:\n{told}\nin the conversation\n    {small!r}\n"
        "add it to test_found.py when it has been understood"
    )


def _rule(problem: str) -> str:
    return problem.partition(":")[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Failures on purpose are logged by the hundred."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
