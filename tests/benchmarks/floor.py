"""The floor: the least that a bare asyncio loop can do for each row.

    python -m tests.benchmarks.floor ROW [--rounds 500]

No session, no history, no events: generators, tasks and callbacks, wired by hand.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable

from .measuring import CALLS, Measures, cpu_per_call_second, import_figures, main, steady

FRAME = b"\x01\x00" * 320


class Sink:
    """Notes when the first frame came."""

    def __init__(self) -> None:
        self.first = 0.0
        self.queue: deque[bytes] = deque()

    def push(self, frame: bytes) -> None:
        """Takes a frame."""
        if not self.first:
            self.first = time.perf_counter()


async def _words(text: str) -> AsyncIterator[str]:
    yield "Of course, here it is."


async def _voice(pieces: AsyncIterator[str]) -> AsyncIterator[bytes]:
    async for _ in pieces:
        yield FRAME


async def _answer(text: str, sink: Sink) -> None:
    async for frame in _voice(_words(text)):
        sink.push(frame)


async def text_to_audio(rounds: int) -> float:
    """A task that runs two generators."""
    loop, times = asyncio.get_running_loop(), []
    for _ in range(rounds):
        sink = Sink()
        began = time.perf_counter()
        await loop.create_task(_answer("hello", sink))
        times.append(sink.first - began)
    return statistics.median(times) * 1000


async def speech_to_audio(rounds: int) -> float:
    """A future wakes the task that listens, and that answers."""
    loop, times = asyncio.get_running_loop(), []
    for _ in range(rounds):
        sink, heard = Sink(), loop.create_future()

        async def listen(sink: Sink = sink, heard: asyncio.Future[str] = heard) -> None:
            await _answer(await heard, sink)

        task = loop.create_task(listen())
        await asyncio.sleep(0)
        began = time.perf_counter()
        heard.set_result("hello")
        await task
        times.append(sink.first - began)
    return statistics.median(times) * 1000


async def barge_in(rounds: int) -> float:
    """Cancels a task and empties a buffer."""
    loop, times = asyncio.get_running_loop(), []
    for _ in range(rounds):
        buffer = deque([FRAME] * 20)
        task = loop.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        began = time.perf_counter()
        task.cancel()
        buffer.clear()
        times.append(time.perf_counter() - began)
        await asyncio.gather(task, return_exceptions=True)
    return statistics.median(times) * 1000


async def _handoff(rounds: int) -> tuple[float, float]:
    entered, heard = [], []
    for _ in range(rounds):
        sink = Sink()

        async def on_enter(sink: Sink = sink) -> float:
            at = time.perf_counter()
            async for frame in _voice(_words("")):
                sink.push(frame)
            return at

        returned = time.perf_counter()
        at = await on_enter()
        entered.append(at - returned)
        heard.append(sink.first - returned)
    return statistics.median(entered) * 1000, statistics.median(heard) * 1000


async def tool_to_on_enter(rounds: int) -> float:
    """A coroutine is awaited."""
    return (await _handoff(rounds))[0]


async def tool_to_audio(rounds: int) -> float:
    """… and runs two generators."""
    return (await _handoff(rounds))[1]


async def turn_rate(rounds: int) -> float:
    """The same as `text_to_audio`, as turns per second of CPU."""
    loop = asyncio.get_running_loop()
    turns = max(rounds * 4, 200)
    steady()
    began = time.thread_time()
    for _ in range(turns):
        await loop.create_task(_answer("hello", Sink()))
    return turns / (time.thread_time() - began)


class _Frame:
    __slots__ = ("channels", "data", "sample_rate", "started_at")

    def __init__(self, data: bytes, sample_rate: int, channels: int, started_at: float) -> None:
        self.data = data
        self.sample_rate = sample_rate
        self.channels = channels
        self.started_at = started_at


class _Line:
    """A caller's line: one queue and one task inward, one timer per 0.2 s outward."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.inward: asyncio.Queue[_Frame] = asyncio.Queue()
        self.outward: deque[_Frame] = deque()
        self.task = self.loop.create_task(self._listen())
        self._fill()

    async def _listen(self) -> None:
        while True:
            await self.inward.get()

    def _fill(self) -> None:
        while len(self.outward) < 20:
            self.outward.append(_Frame(bytes(640), 16000, 1, 0.0))
        self.timer = self.loop.call_later(0.2, self._fill)

    def tick(self, now: float) -> None:
        """20 ms have passed."""
        if self.outward:
            self.outward.popleft()
        self.inward.put_nowait(_Frame(FRAME, 16000, 1, now))

    async def aclose(self) -> None:
        """Ends it."""
        self.timer.cancel()
        self.task.cancel()


async def _calls(phases: Iterable[float]) -> float:
    lines = [_Line() for _ in range(CALLS)]
    spent = await cpu_per_call_second([line.tick for line in lines], phases)
    for line in lines:
        await line.aclose()
    return spent


async def calls_lockstep(rounds: int) -> float:
    """20 lines, one timer for all."""
    return await _calls(())


async def calls_phased(rounds: int) -> float:
    """20 lines, each with a timer of its own."""
    chance = random.Random(1)
    return await _calls([chance.random() * 0.02 for _ in range(CALLS)])


def import_time(rounds: int) -> float:
    """asyncio alone."""
    return import_figures("import asyncio")[0]


def import_memory(rounds: int) -> float:
    """asyncio alone."""
    return import_figures("import asyncio")[1]


MEASURES: Measures = {
    each.__name__: each
    for each in (
        import_time,
        import_memory,
        text_to_audio,
        speech_to_audio,
        barge_in,
        tool_to_on_enter,
        tool_to_audio,
        turn_rate,
        calls_lockstep,
        calls_phased,
    )
} | {"calls_silero": calls_lockstep}

if __name__ == "__main__":
    main(MEASURES, __doc__)
