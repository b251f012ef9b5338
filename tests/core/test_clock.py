"""Chance that repeats itself, and the seed of the loop."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from antiphon.clock import Chance, loop_seed
from antiphon.testing import run

DRAWS = """
from antiphon.clock import Chance
chance = Chance("caller", 7, 3)
print([chance.share(), chance.between(2, 4), chance.whole(1, 6), chance.pick("abc")])
"""


def draws(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", DRAWS],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_names_give_the_same_draws_in_processes_of_different_hash_seeds():
    assert draws("1") == draws("2")


def test_other_names_give_other_draws():
    names = [("a", 1), ("a", 2), ("b", 1), ("a1",), ("a", "1", ""), ()]
    assert len({Chance(*name).share() for name in names}) == len(names)
    assert Chance("a", 1).share() == Chance("a", "1").share()


def test_draws_are_within_their_bounds():
    chance = Chance(0)
    assert all(0 <= chance.share() < 1 for _ in range(100))
    assert all(2 <= chance.between(2, 3) <= 3 for _ in range(100))
    assert {chance.whole(1, 3) for _ in range(100)} == {1, 2, 3}
    assert {chance.pick("xy") for _ in range(100)} == {"x", "y"}


def test_the_seed_of_the_loop_is_that_of_virtual_time():
    async def seed() -> int | None:
        return loop_seed()

    assert run(seed, seed=5) == 5
    assert asyncio.run(seed()) is None
    assert loop_seed() is None
