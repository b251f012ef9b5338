"""Listeners that take their time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from antiphon import Agent, listeners

from ..engine.following import talk

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize(("seconds", "named"), [(0.004, False), (0.006, True)])
async def test_a_listener_that_takes_too_long_is_named_in_the_log(
    seconds: float, named: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = 0.0
    monkeypatch.setattr(listeners, "real_time", lambda: clock)

    def busy(event: Any) -> None:
        nonlocal clock
        clock += seconds

    asyncio.get_running_loop().set_debug(False)
    async with talk(Agent(id="desk"), ["Yes."]) as t:
        t.session.on("speech_created", busy)
        with caplog.at_level(logging.INFO, "antiphon"):
            await t.hear("hello")
    slow = [record.getMessage() for record in caplog.records if "took" in record.getMessage()]
    here = "test_a_listener_that_takes_too_long_is_named_in_the_log.<locals>.busy"
    assert (
        slow
        == [f"the listener {here} of 'speech_created' took 6 ms; move the work to a task or thread"]
        * named
    )
