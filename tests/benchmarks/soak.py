"""Many calls for a while in one process: memory, pauses of the loop, and what is left behind.

    python -m tests.benchmarks.soak [--sessions 200] [--turns 4000]

Run it from the root of the repository. In each session a scripted caller has a turn each second of
real time, audio both ways, providers that answer at once: speech, tools, hand-offs there and back,
and barge-ins. After ten turns the caller hangs up and another one calls, so the number of sessions
stays the same, and so should memory. The exit code is 1 where something is left behind, where a
pause of more than 5 ms is ours, or where memory grows by more than half a kB per turn.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import statistics
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from typing import Any

from antiphon import Agent, AgentSession, AudioFrame, ChatContext, Flush, function_tool
from antiphon.llm import LLM, Finish, LLMEvent, TextDelta, ToolCall
from antiphon.streams import Stream
from antiphon.stt import STT, EndOfTurn, Final, STTCapabilities, STTEvent
from antiphon.tools import Tool
from antiphon.tts import TTS, Audio, TTSCapabilities, TTSEvent
from antiphon.vad import VAD, VADEvent, VADStream

from .calls import Line
from .instant import FRAME
from .process import Pauses, resident_mb, watched_loop

TURNS_PER_CALL = 10
FRAMES_PER_TURN = 50
SPEAKS_AT, ENDS_AT = 30, 47
"""The caller speaks in these frames of each turn: while longer replies are still being played."""
SCRIPT = ("good morning", "look it up", "a long story", "transfer", "and now", "back")
"""What a caller says, again and again."""
FLAT = 512.0
"""Bytes per turn that count as flat: a call that was never freed would leave ten times that."""


class ScriptedWords(STT):
    """Ends a turn with every fiftieth frame, in the words of the script."""

    capabilities = STTCapabilities(end_of_turn=True)

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[STTEvent]:
        count = 0
        async for frame in audio:
            if not isinstance(frame, AudioFrame):
                continue
            count += 1
            if count % FRAMES_PER_TURN == 0:
                yield Final(SCRIPT[(count // FRAMES_PER_TURN - 1) % len(SCRIPT)])
                yield EndOfTurn()


class ScriptedVoice(VAD):
    """Hears the caller in the same frames of every turn."""

    def stream(self, on_event: Callable[[VADEvent], None]) -> VADStream:
        return _Counting(on_event)


class _Counting(VADStream):
    def __init__(self, on_event: Callable[[VADEvent], None]) -> None:
        self._on_event = on_event
        self._count = 0

    def push(self, frame: AudioFrame) -> None:
        self._count += 1
        place = self._count % FRAMES_PER_TURN
        if SPEAKS_AT <= place <= ENDS_AT:
            self.voiced_until = frame.ended_at
        if place == SPEAKS_AT:
            self._on_event(VADEvent(type="speech_started", at=frame.started_at))
        elif place == ENDS_AT:
            self._on_event(VADEvent(type="speech_ended", at=frame.ended_at))

    def close(self) -> None:
        self._on_event = lambda event: None


class Clerk(LLM):
    """Calls the tool that the caller's words name, else answers."""

    async def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: str = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[LLMEvent]:
        last = chat_ctx.items[-1]
        said = last.text_content if getattr(last, "role", "") == "user" else ""
        wanted = {"look it up": "look_up", "transfer": "transfer", "back": "back"}.get(said or "")
        if wanted in [tool.name for tool in tools]:
            yield ToolCall("call", wanted, "{}")
            yield Finish("tool_calls")
            return
        if said == "a long story":
            yield TextDelta("Once there was a king. He had three daughters. They had a horse.")
        else:
            yield TextDelta("Of course, here it is.")
        yield Finish("stop")


class Speech(TTS):
    """0.3 s of audio for an answer, and 0.9 s for a story, which is interrupted."""

    capabilities = TTSCapabilities(sample_rates=(16000,))

    async def synthesize(
        self, text: AsyncIterable[str | Flush], settings: Mapping[str, Any] | None = None
    ) -> Stream[TTSEvent]:
        async for piece in text:
            if isinstance(piece, str):
                yield Audio(FRAME * (45 if "king" in piece else 15), 16000)


class Desk(Agent):
    """Looks things up and hands over."""

    @function_tool()
    async def look_up(self) -> str:
        """Looks it up."""
        return "paid"

    @function_tool()
    async def transfer(self) -> Agent:
        """Hands over."""
        return Teller(instructions="You tell stories.")


class Teller(Agent):
    """Hands back."""

    async def on_enter(self) -> None:
        self.session.say("Here I am.")

    @function_tool()
    async def back(self) -> Agent:
        """Hands back."""
        return Desk(instructions="You help.")


class Callers:
    """The callers, each on a phase of its own, until so many turns have been had."""

    def __init__(self, sessions: int, turns: int) -> None:
        self.wanted = turns
        self.turns = 0
        self.calls = 0
        self.seen: Counter[str] = Counter()
        self.samples: list[tuple[int, float, int]] = []
        """Turns so far, resident MB, allocated blocks."""
        self.quiet: Callable[[bool], None] = lambda pausing: None
        """Told before and after a sample is taken, with a collection that is none of the loop's."""
        self._slots = {"stt": ScriptedWords(), "vad": ScriptedVoice(), "llm": Clerk()}
        self._tts = Speech()
        self._sessions = sessions

    def _note(self, event: Any) -> None:
        self.seen[event.name] += 1
        if event.name == "conversation_item_added":
            kind = type(event.item).__name__
            self.seen[kind] += 1
            if kind == "ChatMessage" and event.item.interrupted:
                self.seen["interrupted"] += 1

    async def _call(self) -> None:
        loop, line = asyncio.get_running_loop(), Line()
        session: AgentSession[None] = AgentSession(
            **self._slots, tts=self._tts, turn_handling={"interruption": {"min_duration": 0.1}}
        )
        session.on("*", self._note)
        had = 0

        def count(event: Any) -> None:
            nonlocal had
            if getattr(event.item, "role", "") == "user":
                had += 1
                self.turns += 1

        session.on("conversation_item_added", count)
        await session.start(agent=Desk(instructions="You help."), transport=line)
        self.calls += 1
        due = loop.time()
        frames = 0
        hung_up = loop.create_future()

        def tick() -> None:
            nonlocal due, frames
            line.tick(due)
            due += 0.02
            frames += 1
            # Nobody hangs up in the middle of a sentence.
            done = had >= TURNS_PER_CALL or self.turns >= self.wanted
            if not done or frames % FRAMES_PER_TURN not in range(5, SPEAKS_AT):
                loop.call_at(due, tick)
            else:
                hung_up.set_result(None)

        loop.call_soon(tick)
        await hung_up
        await session.aclose()

    async def _caller(self, number: int) -> None:
        # Spread over the length of a call, so that calls begin and end all the time.
        await asyncio.sleep(number / self._sessions * TURNS_PER_CALL)
        while self.turns < self.wanted:
            await self._call()

    async def _sampler(self) -> None:
        due = 0
        while True:
            await asyncio.sleep(0.05)
            if self.turns >= due:
                due = self.turns + max(self.wanted // 60, 1)
                self.quiet(True)
                gc.collect()
                self.samples.append((self.turns, resident_mb(), sys.getallocatedblocks()))
                self.quiet(False)

    async def run(self) -> None:
        """Until all have hung up."""
        sampler = asyncio.create_task(self._sampler(), name="sampler")
        await asyncio.gather(*(self._caller(number) for number in range(self._sessions)))
        sampler.cancel()
        await asyncio.gather(sampler, return_exceptions=True)


def slope(samples: Sequence[tuple[float, float]]) -> float:
    """The slope of the line of least squares."""
    return statistics.linear_regression(*zip(*samples, strict=True)).slope


def judged_pauses(pauses: Pauses) -> tuple[list[str], list[str]]:
    """Those of more than 5 ms that are ours, and those that are not: collections, the sampler."""
    ours, others = [], []
    for took, collected, what in pauses.over:
        if "'sampler'" in what:
            continue
        said = f"{took:.1f} ms ({collected:.1f} ms of it gc): {what}"
        (ours if took - collected > 5.0 else others).append(said)
    return ours, others


async def soak(sessions: int, turns: int) -> int:
    """Runs it and prints what was found; the exit code."""
    loop = asyncio.get_running_loop()
    threads = threading.active_count()
    callers = Callers(sessions, turns)
    await Callers(1, 1).run()  # what is imported late
    with watched_loop() as pauses:
        callers.quiet = pauses.pause
        await callers.run()
    await asyncio.sleep(0)
    tasks = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    timers = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]
    left_threads = threading.active_count() - threads
    # All callers are on the line after one length of a call; that again lets memory settle.
    steady = [s for s in callers.samples if s[0] >= 0.4 * turns and s[0] <= turns]
    bytes_per_turn = slope([(at, mb * 1024 * 1024) for at, mb, _ in steady])
    blocks_per_turn = slope([(at, blocks) for at, _, blocks in steady])
    ours, others = judged_pauses(pauses)
    seen = callers.seen
    print(f"{sessions} sessions at a time, {callers.calls} calls, {callers.turns} turns;")
    print(
        f"{seen['FunctionCall']} tool calls, {seen['AgentHandoff']} hand-offs, "
        f"{seen['interrupted']} interrupted replies, {seen['error']} errors"
    )
    print(
        f"memory: {steady[0][1]:.1f} MB after warm-up, {steady[-1][1]:.1f} MB at the end; "
        f"{bytes_per_turn:+.0f} bytes per turn, {blocks_per_turn:+.3f} blocks per turn"
    )
    print(
        f"loop: {pauses.callbacks} callbacks, the longest {pauses.worst:.1f} ms of CPU "
        f"({pauses.worst_what}), the longest collection {pauses.worst_gc:.1f} ms"
    )
    print(f"pauses over 5 ms: {len(ours)} ours, {len(others)} by collection")
    for said in ours + others:
        print(f"  {said}")
    print(f"left: tasks {tasks}, timers {timers}, {left_threads} threads")
    wrong = bool(tasks or timers or left_threads or ours or bytes_per_turn > FLAT or seen["error"])
    return int(wrong)


def main() -> int:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--turns", type=int, default=4000)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    return asyncio.run(soak(options.sessions, options.turns))


if __name__ == "__main__":
    sys.exit(main())
