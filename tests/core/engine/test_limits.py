"""Limits and timeouts: of tools, outputs, providers, and of the session itself."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from antiphon import Agent, AgentSession, APIConnectOptions, SessionConnectOptions, function_tool
from antiphon.errors import (
    ConfigurationError,
    ProviderConnectionError,
    ProviderRateLimited,
    ProviderRejected,
)
from antiphon.testing import Call, Caller, Pause, ScriptedLLM, ScriptedTTS

from .following import instant, now, talk

pytestmark = pytest.mark.virtual_time


def waits(name: str = "wait", **options: Any) -> Any:
    async def wait() -> str:
        await asyncio.sleep(20)
        return "waited"

    return function_tool(wait, name=name, **options)


# Tools


@pytest.mark.parametrize(
    ("session", "agent", "tool", "limit"),
    [
        (5, {}, {}, 5),
        (5, {"tool_timeout": 3}, {}, 3),
        (5, {"tool_timeout": 3}, {"timeout": 2}, 2),
        (5, {"tool_timeout": None}, {}, None),
        (5, {}, {"timeout": math.inf}, None),
        (None, {}, {}, None),
    ],
)
async def test_the_timeout_of_the_tool_goes_before_the_agents_before_the_sessions(
    session: float | None, agent: dict[str, Any], tool: dict[str, Any], limit: float | None
) -> None:
    desk = Agent(tools=[waits(**tool)], **agent)
    async with talk(desk, [Call("wait"), "There."], tool_timeout=session) as t:
        await t.hear("wait")
        if limit is None:
            assert (now(), t.outputs) == (20.0, ["output wait: waited"])
        else:
            assert now() == limit
            assert t.outputs == [f"error wait: the tool gave no result within {limit} s"]


async def test_a_timeout_within_the_tool_is_not_taken_for_its_own() -> None:
    @function_tool(timeout=5)
    async def ask() -> str:
        async with asyncio.timeout(1):
            await asyncio.sleep(3)
        return "never"

    async with talk(Agent(tools=[ask]), [Call("ask"), "No."]) as t:
        await t.hear("ask")
        assert t.outputs == ["error ask: an internal error occurred"]
        assert t.log.errors == ["tool, recoverable: TimeoutError: "]


@pytest.mark.parametrize(("given", "rounds"), [({}, 2), ({"max_tool_steps": 1}, 1)])
async def test_max_tool_steps_of_the_agent_goes_before_the_sessions(
    given: dict[str, Any], rounds: int
) -> None:
    @function_tool
    async def look() -> str:
        return "seen"

    replies = [*[Call("look")] * rounds, "Enough."]
    async with talk(Agent(tools=[look], **given), replies, max_tool_steps=2) as t:
        await t.hear("look")
        assert t.outputs == ["output look: seen"] * rounds
        assert t.llm.requests[-1].tool_names == ()
        assert t.history[-1].endswith(": Enough.")


async def test_max_tool_steps_0_of_the_agent_offers_no_tools() -> None:
    async with talk(Agent(tools=[waits()], max_tool_steps=0), ["Hello."]) as t:
        await t.hear("hello")
        assert t.llm.requests[0].tool_names == ()


async def test_an_output_that_is_too_long_is_cut_and_says_so() -> None:
    @function_tool
    async def read() -> str:
        return "abcdefghij" * 10

    async with talk(Agent(tools=[read]), [Call("read"), "Long."], max_tool_output=12) as t:
        await t.hear("read")
        assert t.outputs == [
            "output read: abcdefghijab\n[cut: these are the first 12 of 100 characters]"
        ]


async def test_an_output_is_cut_at_fifty_thousand_characters_unless_told_otherwise() -> None:
    @function_tool
    async def read() -> str:
        return "x" * 60_000

    for options, length in (({}, 50_000), ({"max_tool_output": None}, 60_000)):
        async with talk(Agent(tools=[read]), [Call("read"), "Long."], **options) as t:
            await t.hear("read")
            assert t.outputs[0].count("x") == length


# The session


async def test_a_session_closes_when_it_has_lasted_too_long() -> None:
    log: list[float] = []

    class Desk(Agent):
        async def on_exit(self) -> None:
            log.append(now())
            self.session.say("Our time is over.")

    async with talk(Desk(id="desk"), ["Hello."], max_duration=60) as t:
        await t.hear("hello")
        await t.session.wait_closed()
        assert (now(), log) == (60.0, [60.0])
        assert t.log.of("close")[0].reason == "max_duration"
        assert t.history[-1] == "desk: Our time is over."


async def test_a_session_that_ends_in_time_leaves_no_clock_running() -> None:
    async with talk(Agent(), max_duration=60) as t:
        await asyncio.sleep(1)
    await asyncio.sleep(120)
    assert [event.reason for event in t.log.of("close")] == ["user_initiated"]


# Providers


def failing(times: int, error: Exception | None = None) -> ScriptedLLM:
    broken = error or ProviderConnectionError("the line broke")
    return instant([*[broken] * times, "Here."])


@pytest.mark.parametrize(
    ("given", "at", "calls"),
    [({}, 2.1, 3), ({"max_retry": 0}, 0.0, 1), ({"max_retry": 3, "retry_interval": 0.5}, 1.1, 4)],
)
async def test_a_failed_call_is_made_again_as_the_options_say(
    given: dict[str, Any], at: float, calls: int
) -> None:
    options = SessionConnectOptions(llm_conn_options=APIConnectOptions(**given))
    async with talk(Agent(), failing(9), conn_options=options) as t:
        await t.hear("hello")
        assert (now(), t.llm.calls) == (pytest.approx(at), calls)
        assert [event.recoverable for event in t.log.of("error")] == [True] * (calls - 1) + [False]


async def test_a_call_that_was_refused_is_not_made_again() -> None:
    async with talk(Agent(), failing(9, ProviderRejected("a wrong key"))) as t:
        await t.hear("hello")
        assert t.llm.calls == 1


@pytest.mark.parametrize(("asked", "at"), [(1.5, 1.5), (60.0, 10.0), (None, 0.1)])
async def test_a_vendor_that_asks_to_wait_is_given_the_time_up_to_the_timeout(
    asked: float | None, at: float
) -> None:
    async with talk(Agent(), failing(1, ProviderRateLimited("busy", retry_after=asked))) as t:
        await t.hear("hello")
        assert now() == pytest.approx(at)
        assert t.history[-1].endswith(": Here.")


async def test_a_call_that_gives_nothing_for_its_timeout_has_failed() -> None:
    options = {"llm_conn_options": {"timeout": 3, "max_retry": 1, "retry_interval": 0}}
    llm = instant([[Pause(60), "Late."], [Pause(60), "Late."]])
    async with talk(Agent(), llm, conn_options=options) as t:
        await t.hear("hello")
        assert now() == 6.0
        assert t.log.errors == [
            "llm, recoverable: ProviderTimeout: ScriptedLLM gave nothing for 3 s",
            "llm: ProviderTimeout: ScriptedLLM gave nothing for 3 s",
        ]


async def test_the_timeout_of_a_tts_is_its_own() -> None:
    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=60)
    options = {"tts_conn_options": {"timeout": 4, "max_retry": 0}}
    async with talk(
        Agent(), instant(["Hello."]), caller=caller, tts=tts, conn_options=options
    ) as t:
        await t.hear("hello")
        assert now() == 4.0
        assert t.log.errors == ["tts: ProviderTimeout: ScriptedTTS gave nothing for 4 s"]


@pytest.mark.parametrize("limit", [1, 2])
async def test_so_many_unrecoverable_errors_in_a_row_close_the_session(limit: int) -> None:
    options = {"max_unrecoverable_errors": limit, "llm_conn_options": {"max_retry": 0}}
    async with talk(Agent(), failing(9), conn_options=options) as t:
        for _ in range(limit):
            assert t.log.of("close") == []
            await t.hear("hello")
        await t.session.wait_closed()
        assert t.llm.calls == limit
        assert t.log.of("close")[0].reason == "error"


# Words for what makes no sense


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"max_tool_steps": -1},
            "max_tool_steps is -1; give 0 for no tools, or the rounds allowed",
        ),
        (
            {"tool_timeout": 0},
            "tool_timeout is 0; give seconds, more than 0, or None for no limit",
        ),
        (
            {"max_tool_output": 0},
            "max_tool_output is 0; give characters, 1 or more, or None for no limit",
        ),
        (
            {"max_duration": -1},
            "max_duration is -1; give seconds, more than 0, or None for no limit",
        ),
        (
            {"conn_options": {"llm": {}}},
            "conn_options has no option 'llm' (it has: llm_conn_options, max_unrecoverable_errors, "
            "stt_conn_options, tts_conn_options)",
        ),
        (
            {"conn_options": {"llm_conn_option": {}}},
            "conn_options has no option 'llm_conn_option' (it has: llm_conn_options, "
            "max_unrecoverable_errors, stt_conn_options, tts_conn_options); "
            "did you mean 'llm_conn_options'?",
        ),
        (
            {"conn_options": {"llm_conn_options": {"timeouts": 3}}},
            "llm_conn_options has no option 'timeouts' (it has: max_retry, retry_interval, "
            "timeout); did you mean 'timeout'?",
        ),
        (
            {"conn_options": 3},
            "conn_options is given as 3; give SessionConnectOptions(...) or a dict",
        ),
        (
            {"conn_options": {"max_unrecoverable_errors": 0}},
            "max_unrecoverable_errors is 0; give 1 or more",
        ),
        (
            {"conn_options": {"stt_conn_options": {"max_retry": -1}}},
            "max_retry is -1; give 0 for one call, or how often to call again",
        ),
        (
            {"conn_options": {"stt_conn_options": {"retry_interval": -1}}},
            "retry_interval is -1; give seconds, 0 or more",
        ),
        (
            {"conn_options": {"tts_conn_options": {"timeout": 0}}},
            "timeout is 0; give seconds, more than 0",
        ),
    ],
)
def test_options_that_make_no_sense_are_refused_where_they_are_given(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        AgentSession[None](**given)
    assert str(raised.value) == message
    if "tool" in message and "output" not in message:
        with pytest.raises(ConfigurationError):
            Agent(**given)
