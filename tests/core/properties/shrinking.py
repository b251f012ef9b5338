"""Makes a failing plan small: beyond what hypothesis does, as it knows what the fields mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .plan import Plan


def smallest(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """The smallest plan found that still fails, by dropping parts and taking defaults."""
    while True:
        before = plan
        plan = _shrink(plan, fails)
        if plan == before:
            return plan


def _shrink(value: Any, fails: Callable[[Any], bool]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        specs = [spec for spec in dataclasses.fields(value) if spec.default != dataclasses.MISSING]
        for spec in specs:
            smaller = dataclasses.replace(value, **{spec.name: spec.default})
            if smaller != value and fails(smaller):
                value = smaller
        for spec in specs:

            def fails_with(part: Any, name: str = spec.name, whole: Any = value) -> bool:
                return fails(dataclasses.replace(whole, **{name: part}))

            part = _shrink(getattr(value, spec.name), fails_with)
            value = dataclasses.replace(value, **{spec.name: part})
    elif isinstance(value, tuple):
        timed = len(value) == 2 and isinstance(value[0], float)
        size = 0 if timed else len(value) // 2
        while size:
            start = 0
            while start < len(value):
                smaller = value[:start] + value[start + size :]
                if fails(smaller):
                    value = smaller
                else:
                    start += size
            size //= 2
        if len(value) == 1 and not timed and fails(()):
            value = ()
        for index in range(len(value)):

            def fails_at(part: Any, index: int = index, whole: Any = value) -> bool:
                return fails((*whole[:index], part, *whole[index + 1 :]))

            part = _shrink(value[index], fails_at)
            value = (*value[:index], part, *value[index + 1 :])
    elif isinstance(value, int) and not isinstance(value, bool):
        while value > 1 and fails(value - 1):
            value -= 1
    elif isinstance(value, float) and value > 0:
        for digits in (0, 1):
            if round(value, digits) != value and fails(round(value, digits)):
                return round(value, digits)
    return value
