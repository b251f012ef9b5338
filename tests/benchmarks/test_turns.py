"""What a turn costs, for pytest-benchmark: figures, and no judgement."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from .ours import MEASURES
from .rows import BY_ID

ROUNDS = 20


@pytest.mark.benchmark_suite
@pytest.mark.parametrize(
    "row",
    ["text_to_audio", "speech_to_audio", "barge_in", "tool_to_on_enter", "tool_to_audio"],
)
def test_what_a_turn_costs(benchmark: Any, row: str) -> None:
    figures: list[float] = []

    async def measure() -> float:
        found = MEASURES[row](ROUNDS)
        assert inspect.isawaitable(found)
        return await found

    benchmark.pedantic(lambda: figures.append(asyncio.run(measure())), rounds=3, warmup_rounds=1)
    benchmark.extra_info[f"{BY_ID[row].what}, {BY_ID[row].unit}"] = min(figures)
    assert all(figure > 0 for figure in figures)
