"""Measures what the framework itself costs and prints it as a table.

    python tests/benchmarks/table.py [--rounds 500]

Every figure is the median of the rounds, beside the floor (the same done by a bare event loop, in
the same run) and the budget. Times vary with the machine: look at the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from instant import (
    FRAME,
    CommandedVAD,
    InstantLLM,
    InstantSTT,
    InstantTTS,
    LongTTS,
    SilentSTT,
    Speaker,
)

from antiphon import Agent, AgentSession, AudioFrame, TurnHandling, function_tool
from antiphon.vad import VADEvent


@dataclass
class Row:
    """One line of the table; times in milliseconds."""

    what: str
    measured: float
    floor: float | None
    budget: float
    unit: str = "ms"
    more_is_better: bool = False


class Next(Agent):
    """Who takes over."""

    entered: float | None = None

    async def on_enter(self) -> None:
        Next.entered = time.perf_counter()
        self.session.say("Here I am.")


class First(Agent):
    """Hands over when asked."""

    returned: float = 0.0

    @function_tool()
    async def transfer(self) -> Agent:
        """Hands over."""
        agent = Next(instructions="You are next.")
        First.returned = time.perf_counter()
        return agent


async def text_to_audio(rounds: int) -> list[float]:
    """Text in → first audio at the sink."""
    speaker, times = Speaker(), []
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        for _ in range(rounds):
            speaker.first = None
            began = time.perf_counter()
            speaker.sink.text("hello")
            await session.wait_for_idle()
            assert speaker.first is not None
            times.append(speaker.first - began)
    return times


async def speech_to_audio(rounds: int) -> list[float]:
    """STT final and end of turn → first audio at the sink, from the frame that ends the turn."""
    speaker, times = Speaker(), []
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS(), stt=InstantSTT()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        loop = asyncio.get_running_loop()
        for _ in range(rounds):
            speaker.first = None
            began = time.perf_counter()
            speaker.sink.audio(AudioFrame(FRAME, 16000, 1, loop.time()))
            while speaker.first is None:
                await asyncio.sleep(0)
            times.append(speaker.first - began)
            await session.wait_for_idle()
    return times


async def barge_in(rounds: int) -> list[float]:
    """VAD start of speech → sink flushed."""
    speaker, vad, times = Speaker(), CommandedVAD(), []
    handling = TurnHandling(interruption={"min_duration": 0.0, "resume_false_interruption": False})
    async with AgentSession(
        llm=InstantLLM(), tts=LongTTS(), stt=SilentSTT(), vad=vad, turn_handling=handling
    ) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        loop = asyncio.get_running_loop()
        for _ in range(rounds):
            speaker.first, speaker.cleared, speaker.holds = None, None, 1.0
            session.say("a long sentence")
            while speaker.first is None:
                speaker.holds = 0.0
                await asyncio.sleep(0)
            speaker.holds = 1.0
            assert vad.tell is not None
            began = time.perf_counter()
            vad.tell(VADEvent(type="speech_started", at=loop.time()))
            assert speaker.cleared is not None
            times.append(speaker.cleared - began)
            vad.tell(VADEvent(type="speech_ended", at=loop.time()))
            session.clear_user_turn()
            session.interrupt(force=True)
            await session.wait_for_idle()
    return times


async def handoff(rounds: int) -> tuple[list[float], list[float]]:
    """A tool returns an agent → its `on_enter` → its first audio."""
    entered, heard = [], []
    for _ in range(rounds):
        speaker = Speaker()
        async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
            await session.start(agent=First(instructions="x"), transport=speaker)
            Next.entered = None
            speaker.sink.text("transfer")
            while Next.entered is None or speaker.first is None:
                await asyncio.sleep(0)
            entered.append(Next.entered - First.returned)
            heard.append(speaker.first - First.returned)
    return entered, heard


async def turns_per_second(turns: int) -> tuple[float, float]:
    """Text → audio turns per second of CPU, and the cost of late turns against early ones."""
    speaker, stamps = Speaker(), []
    async with AgentSession(llm=InstantLLM(), tts=InstantTTS()) as session:
        await session.start(agent=Agent(instructions="x"), transport=speaker)
        gc.collect()
        gc.freeze()
        began = time.thread_time()
        for _ in range(turns):
            speaker.sink.text("hello")
            await session.wait_for_idle()
            stamps.append(time.thread_time())
        spent = time.thread_time() - began
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    # The lower quartile: what other processes and the collector add is not what is asked for.
    early = statistics.quantiles(steps[5:205], n=4)[0]
    late = statistics.quantiles(steps[-200:], n=4)[0]
    return turns / spent, late / early


async def bare_loop(rounds: int) -> list[float]:
    """The floor: a callback, a task and a future on an event loop, as any answer needs."""
    times = []
    loop = asyncio.get_running_loop()
    for _ in range(rounds):
        done = loop.create_future()

        async def answer(done: asyncio.Future[float] = done) -> None:
            done.set_result(time.perf_counter())

        began = time.perf_counter()
        loop.call_soon(lambda answer=answer: loop.create_task(answer()))
        times.append(await done - began)
    return times


def hour_of_talk(rounds: int) -> float:
    """Seconds that an hour of scripted talk takes; with few rounds extrapolated from 3 minutes."""
    path = Path(__file__).parents[1] / "core" / "testing" / "hour.py"
    spec = importlib.util.spec_from_file_location("hour", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    minutes = 60 if rounds >= 500 else 3
    began = time.perf_counter()
    module.digest(minutes)
    return (time.perf_counter() - began) * 60 / minutes


def import_time(statement: str) -> float:
    """Seconds to run an import in a fresh process, the best of five."""
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        for _ in range(5)
    ]
    return min(runs)


def _median(measure: Callable[[int], Awaitable[list[float]]], rounds: int) -> float:
    async def run() -> list[float]:
        gc.collect()
        return await measure(rounds)

    return statistics.median(asyncio.run(run())) * 1000


def measure(rounds: int) -> list[Row]:
    """All rows."""
    floor = _median(bare_loop, rounds)
    entered, heard = asyncio.run(handoff(max(10, rounds // 10)))
    rate, growth = asyncio.run(turns_per_second(1000))
    return [
        Row(
            "import of what a minimal agent script needs",
            import_time("from antiphon import Agent, AgentSession, RunContext, function_tool")
            * 1000,
            import_time("import asyncio") * 1000,
            80.0,
        ),
        Row("text in → first audio", _median(text_to_audio, rounds), floor, 0.3),
        Row("end of turn → first audio", _median(speech_to_audio, rounds), floor, 0.5),
        Row("start of speech → sink flushed", _median(barge_in, rounds), None, 0.1),
        Row("tool returns an agent → on_enter", statistics.median(entered) * 1000, floor, 0.15),
        Row("tool returns an agent → first audio", statistics.median(heard) * 1000, floor, 0.5),
        Row("turns per core-second", rate, None, 2500, "/s", more_is_better=True),
        Row("turn 1000 against turn 10", growth, None, 1.05, "x"),
        Row("virtual time: an hour of talk", hour_of_talk(rounds), None, 10.0, "s"),
    ]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args()
    print(f"{'what':44} {'measured':>12} {'floor':>10} {'budget':>10}")
    for row in measure(options.rounds):
        floor = "" if row.floor is None else f"{row.floor:.3f}"
        met = row.measured >= row.budget if row.more_is_better else row.measured <= row.budget
        print(
            f"{row.what:44} {row.measured:9.3f} {row.unit:2} {floor:>10} {row.budget:10g}"
            f"{'' if met else '  over budget'}"
        )


if __name__ == "__main__":
    main()
