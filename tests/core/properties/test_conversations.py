"""Conversations of every kind keep every rule of `invariants.py`.

Hypothesis draws plans (`strategies.py`) of what callers, user code, models and providers do, and
when; `stage.py` plays them through the public API in virtual time. 1 000 are played by default, 100
per seed. To play more, give their number, and for other ones the first seed:

    ANTIPHON_PROPERTY_CASES=20000 ANTIPHON_PROPERTY_SEED=1000 pytest tests/core/properties

A seed gives the same plans, and a plan the same conversation, on every machine. What fails is made
small and printed as the plan to be added to `test_found.py`.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .hunting import hunt, judged, same_again
from .plan import Plan

CHUNK = 100
CASES = int(os.environ.get("ANTIPHON_PROPERTY_CASES", "1000"))
FIRST = int(os.environ.get("ANTIPHON_PROPERTY_SEED", "1"))
SEEDS = range(FIRST, FIRST + max(1, CASES // CHUNK))

pytestmark = pytest.mark.timeout(300)  # a failing conversation is made small before it is shown


@pytest.mark.parametrize("number", SEEDS)
def test_every_rule_holds_in_every_conversation(number: int) -> None:
    hunt(number, min(CHUNK, CASES))


def test_the_same_plan_gives_the_same_conversation() -> None:
    def judge(plan: Plan) -> list[str]:
        return judged(plan, same_again)

    hunt(FIRST + 500_000, max(20, CASES // 50), judge)


_DIGEST = """
import sys, warnings, hashlib
sys.path.insert(0, sys.argv[1])
from hypothesis import HealthCheck, Phase, given, seed, settings
from properties.stage import play
from properties.strategies import plans
import logging
logging.disable(logging.CRITICAL)
digest = hashlib.sha256()

@seed(77)
@settings(max_examples=25, database=None, deadline=None, phases=[Phase.generate],
          suppress_health_check=list(HealthCheck))
@given(plans())
def play_one(plan):
    digest.update(repr(plan).encode())
    digest.update("\\n".join(play(plan).log).encode())

play_one()
print(digest.hexdigest())
"""


def test_the_same_seed_gives_the_same_conversations_in_every_process() -> None:
    here = Path(__file__).parent.parent
    digests = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", _DIGEST, str(here)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout)
    assert len(digests) == 1
    assert len(digests.pop().strip()) == hashlib.sha256().digest_size * 2
