"""Streams: who opens, reads and closes them, and what waits for whom."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from antiphon import Agent
from antiphon.llm import LLM, Finish, TextDelta
from antiphon.streams import duplex
from antiphon.testing import Caller, ScriptedTTS

from ..engine.following import now, talk, turns

pytestmark = pytest.mark.virtual_time


class Watched(LLM):
    """Notes the task in which its stream is opened, read and closed."""

    def __init__(self, *, hangs: bool) -> None:
        self.hangs = hangs
        self.tasks: list[tuple[str, asyncio.Task[Any] | None]] = []

    def note(self, what: str) -> None:
        self.tasks.append((what, asyncio.current_task()))

    def chat(self, chat_ctx: Any, **options: Any) -> AsyncIterator[Any]:
        self.note("opened")
        return self.stream()

    async def stream(self) -> AsyncIterator[Any]:
        self.note("read")
        try:
            yield TextDelta("one two")
            if self.hangs:
                await asyncio.sleep(100)
            yield Finish("stop")
        finally:
            self.note("closed")


@pytest.mark.parametrize("end", ["finished", "interrupted", "session closed"])
async def test_a_stream_is_opened_read_and_closed_by_one_task(end: str) -> None:
    llm = Watched(hangs=end != "finished")
    async with talk(Agent(id="desk", llm=llm)) as t:
        t.caller.type("hello")
        await asyncio.sleep(1)
        if end == "interrupted":
            t.session.interrupt()
        elif end == "session closed":
            await t.session.aclose()
        await turns()
        assert [what for what, _ in llm.tasks] == ["opened", "read", "closed"]
        assert len({task for _, task in llm.tasks}) == 1
        assert llm.tasks[0][1] is not asyncio.current_task()


class Open:
    """A stream that gives a word, and then never ends."""

    def __init__(self) -> None:
        self.events = [TextDelta("one")]

    def __aiter__(self) -> Open:
        return self

    async def __anext__(self) -> Any:
        if self.events:
            return self.events.pop()
        return await asyncio.sleep(1000)

    async def aclose(self) -> None:
        await asyncio.sleep(1000)


class Stubborn(LLM):
    """Its streams do not close."""

    def chat(self, chat_ctx: Any, **options: Any) -> Any:
        return Open()


class Own(Agent):
    """Has a node of its own around the default."""

    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        async for event in super().llm_node(chat_ctx, tools, model_settings):
            yield event


@pytest.mark.parametrize("kind", [Agent, Own])
async def test_a_stream_that_does_not_close_within_1_s_is_named(
    kind: type[Agent], caplog: pytest.LogCaptureFixture
) -> None:
    async with talk(kind(id="desk", llm=Stubborn())) as t:
        t.caller.type("hello")
        await asyncio.sleep(1)
        with caplog.at_level(logging.WARNING, "antiphon"):
            t.session.interrupt()
            assert t.session.agent_state == "listening"  # nobody waits for it
            assert t.history[-1] == "desk: one —"
            await asyncio.sleep(1.1)
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert [record.getMessage() for record in caplog.records] == [
        "the stream of Stubborn did not close within 1 s"
    ]


async def test_text_that_comes_while_the_tts_is_busy_waits_for_it() -> None:
    read: list[str] = []

    class Slow(ScriptedTTS):
        async def synthesize(self, text: Any, settings: Any = None) -> Any:
            async def slowly() -> AsyncIterator[Any]:
                async for piece in text:
                    read.append(piece)
                    yield piece
                    await asyncio.sleep(1)

            async for event in super().synthesize(slowly(), settings):
                yield event

    words = [f"word{number} " for number in range(3000)]

    async def many() -> AsyncIterator[str]:
        for number, word in enumerate(words):
            yield word
            if number in (0, 1499):
                await asyncio.sleep(0.5)

    caller = Caller(continuous=False)
    tts = Slow(first_byte=0, words_per_second=100)
    async with talk(Agent(id="desk"), caller=caller, tts=tts) as t:
        await t.session.say(many())
        assert "".join(read) == "".join(words)
        assert len(read) < 5
        assert caller.heard_text() == "".join(words).strip()


# Both ways at once


async def hang() -> None:
    await asyncio.sleep(1000)


async def test_a_duplex_gives_what_is_received_and_ends_with_it() -> None:
    notes: list[str] = []

    async def send() -> None:
        notes.append("sent")

    async def receive(emit: Callable[[int], Awaitable[None]]) -> None:
        for number in range(3):
            await asyncio.sleep(1)
            await emit(number)

    async def close() -> None:
        notes.append(f"closed at {now()}")

    assert [item async for item in duplex(send, receive, close=close)] == [0, 1, 2]
    assert notes == ["sent", "closed at 3.0"]


async def test_a_duplex_closed_from_another_task_wakes_its_reader() -> None:
    ends: list[str] = []

    async def waits(what: str) -> None:
        try:
            await hang()
        finally:
            ends.append(what)

    async def receive(emit: Callable[[int], Awaitable[None]]) -> None:
        await waits("receive")

    stream = duplex(lambda: waits("send"), receive)

    async def read() -> list[int]:
        return [item async for item in stream]

    reader = asyncio.create_task(read())
    await asyncio.sleep(1)
    await stream.aclose()
    await stream.aclose()
    assert ends == ["send", "receive"]
    assert await reader == []
    assert now() == 1.0


@pytest.mark.parametrize("side", ["send", "receive"])
async def test_a_duplex_raises_the_first_error_of_either_side_as_it_is(side: str) -> None:
    error = ConnectionError(f"{side} broke")
    closed: list[float] = []

    async def fail() -> None:
        await asyncio.sleep(1)
        raise error

    async def receive(emit: Callable[[str], Awaitable[None]]) -> None:
        await emit("before")
        await (fail() if side == "receive" else hang())

    async def close() -> None:
        closed.append(now())

    stream = duplex(fail if side == "send" else hang, receive, close=close)
    got: list[str] = []
    with pytest.raises(ConnectionError) as raised:
        async for item in stream:
            got.append(item)
    assert raised.value is error
    assert got == ["before"]
    assert closed == [1.0]
    assert [t for t in asyncio.all_tasks() if t is not asyncio.current_task()] == []


async def test_a_duplex_whose_reader_is_slow_makes_its_wire_wait() -> None:
    emitted: list[int] = []

    async def receive(emit: Callable[[int], Awaitable[None]]) -> None:
        for number in range(10):
            await emit(number)
            emitted.append(number)

    stream = duplex(hang, receive, maxsize=2)
    assert await anext(stream) == 0
    await turns(20)
    assert len(emitted) <= 4
    assert [item async for item in stream] == list(range(1, 10))
