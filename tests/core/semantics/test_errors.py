"""Errors of providers: which ones are told as recoverable, and how they are counted."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import Agent
from antiphon.errors import ProviderConnectionError
from antiphon.testing import Caller, Fail, ScriptedLLM, ScriptedTTS

from ..engine.following import talk

pytestmark = pytest.mark.virtual_time

BROKEN = ProviderConnectionError("the line broke")


async def test_an_error_is_recoverable_while_there_are_tries_left() -> None:
    llm = ScriptedLLM([], first_token=0, total=0, fail_at=Fail(BROKEN, call=None))
    async with talk(Agent(id="desk"), llm) as t:
        await t.hear("hello")
        assert [(event.recoverable, event.at) for event in t.log.of("error")] == [
            (True, 0.0),
            (True, pytest.approx(0.1)),
            (False, pytest.approx(2.1)),
        ]
        assert t.history[-1] == "user: hello"


async def test_errors_of_different_kinds_are_counted_apart() -> None:
    """Two turns fail for want of an LLM and two for want of a voice: neither is three in a row."""
    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, fail_at=Fail(BROKEN, call=None))
    bad = ScriptedLLM([], first_token=0, total=0, fail_at=Fail(BROKEN, call=None))
    agent = Agent(id="desk")
    async with talk(agent, bad, caller=caller, tts=tts) as t:
        failed: list[Any] = []
        t.session.on("error", lambda event: None if event.recoverable else failed.append(event))
        await t.hear("one")
        await t.session.say("never heard")
        await t.hear("two")
        await t.session.say("nor this")
        assert [event.source for event in failed] == ["llm", "tts", "llm", "tts"]
        assert t.log.of("close") == []
        await t.hear("three")
        await t.session.wait_closed()
        assert [event.reason for event in t.log.of("close")] == ["error"]
        assert [text for text in t.history if text.startswith("user: ")] == [
            "user: one",
            "user: two",
            "user: three",
        ]
