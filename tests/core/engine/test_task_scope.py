"""The tasks of a session: whose failure is whose, and in which order they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon import Agent, AgentSession
from antiphon.engine.tasks import TaskScope
from antiphon.llm import LLM, LLMEvent, TextDelta

pytestmark = pytest.mark.virtual_time


async def test_a_failure_is_reported_and_touches_no_other_task() -> None:
    failures: list[str] = []
    scope = TaskScope(lambda name, error: failures.append(f"{name}: {error}"))

    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError("broken")

    bad, good = scope.start(fail(), "bad"), scope.start(asyncio.sleep(2, "fine"), "good")
    assert await good == "fine"
    assert failures == ["bad: broken"]
    assert bad.done() and len(scope) == 0


async def test_closing_cancels_the_newest_first() -> None:
    ends: list[str] = []
    scope = TaskScope(lambda name, error: ends.append(f"{name} failed"))

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(0.1)
            ends.append(name)

    for name in ("first", "second", "third"):
        scope.start(work(name), name)
    await asyncio.sleep(1)
    assert await scope.aclose(1.0) == []
    assert ends == ["third", "second", "first"]


async def test_who_does_not_stop_in_time_is_named_and_holds_up_the_others_so_long_only() -> None:
    loop = asyncio.get_running_loop()
    scope = TaskScope(lambda name, error: None)
    stop = asyncio.Event()

    async def stubborn() -> None:
        while not stop.is_set():
            try:
                await stop.wait()
            except asyncio.CancelledError:
                pass

    scope.start(asyncio.sleep(100), "gentle")
    task = scope.start(stubborn(), "stubborn")
    await asyncio.sleep(1)
    began = loop.time()
    assert await scope.aclose(0.5) == ["stubborn"]
    assert loop.time() - began == pytest.approx(0.5)
    stop.set()
    await task
    assert len(scope) == 0


async def test_a_provider_whose_clean_up_hangs_is_cancelled_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Hanging(LLM):
        async def chat(self, chat_ctx: Any, **options: Any) -> AsyncIterator[LLMEvent]:
            try:
                yield TextDelta("one ")
                await asyncio.sleep(1000)
            finally:
                await asyncio.sleep(1000)

    session = AgentSession[None](llm=Hanging())
    await session.start(Agent(id="desk"))
    handle = session.generate_reply(user_input="hello")
    await asyncio.sleep(1)
    handle.interrupt()
    await asyncio.sleep(2.4)
    assert "reply" in {task.get_name() for task in asyncio.all_tasks()}
    await asyncio.sleep(0.2)
    assert "reply" not in {task.get_name() for task in asyncio.all_tasks()}
    assert "reply did not end within 2.5 s of its cancellation" in caplog.messages
    await session.aclose()
