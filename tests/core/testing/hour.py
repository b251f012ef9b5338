"""An hour of talk: tools, barge-ins, false ones, hand-offs, typed lines; prints its log's hash.

    python tests/core/testing/hour.py [--minutes 60] [--runs 20]

With more runs than one, each is a process of its own, with a PYTHONHASHSEED of its own; the time of
each is printed, and the exit code is 1 unless all logs are the same.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable

from antiphon import Agent, AgentSession, RunContext, function_tool
from antiphon.registry import Registry
from antiphon.testing import (
    Call,
    Caller,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
    run,
)

REPLIES = {
    "how much do I owe": [Call("look_up", number=3), Call("weigh")],
    "four pounds": "Invoice three is paid, your parcel weighs four pounds, and you owe us nothing.",
    "tell me a story": Call("hand_over"),
    "greet": "I am the teller of tales, at your service, and I know them all by heart.",
    "go on": (
        "Once there was a king who had three daughters and a very old and very tired horse, which "
        "he loved more than all of them together, and that was a pity, as we shall see."
    ),
    "go back": Call("back"),
    "back to business": "As you wish, I put you through to the desk.",
    "stop": "Very well, I stop here.",
    "": "I see, and I am glad that you told me so.",
}


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You help with invoices.", id="desk")

    async def on_enter(self) -> None:
        self.session.say("Good day, this is the desk, how may I help you?")

    @function_tool
    async def look_up(self, ctx: RunContext, number: int) -> str:
        """Looks up an invoice."""
        await asyncio.sleep(0.8)
        return f"invoice {number} is paid"

    @function_tool
    async def weigh(self, ctx: RunContext) -> str:
        """Weighs the parcel."""
        await asyncio.sleep(0.5)
        return "four pounds"

    @function_tool
    async def hand_over(self, ctx: RunContext) -> Agent:
        """Hands over to the story teller."""
        return Teller()


class Teller(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You tell stories.", id="teller")

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="greet")

    async def on_exit(self) -> None:
        self.session.say("Good night.")

    @function_tool
    async def back(self, ctx: RunContext) -> tuple[Agent, str]:
        """Goes back to the desk."""
        return Desk(), "back to business"


async def talk(log: Callable[[str], None], seconds: float) -> Counter[str]:
    """Talks for so long; every event goes into `log`, as text. Returns how often what happened."""
    caller = Caller()
    session: AgentSession[None] = AgentSession(
        stt=ScriptedSTT(),
        llm=ScriptedLLM(REPLIES, record=False),
        tts=ScriptedTTS(),
        vad=ScriptedVAD(),
        registry=Registry(entry_points=(), environ={}),
        seed=11,
    )
    loop = asyncio.get_running_loop()
    counts: Counter[str] = Counter()

    def note(event: object) -> None:
        text = repr(event).partition("framework=")[0]  # CPU time is real, and comes last
        counts[type(event).__name__] += 1
        if "interrupted=True" in text and "role='assistant'" in text:
            counts["interrupted"] += 1
        if "AgentHandoff(" in text:
            counts["hand-offs"] += 1
        log(f"{loop.time():.9f} {text}")

    session.on("*", note)
    await session.start(Desk(), transport=caller)
    await caller.listen_until()
    while loop.time() < seconds:
        await caller.speak("how much do I owe")
        await caller.listen_until()
        await caller.speak("well it is a fine day and I have all the time in the world")
        await caller.wait_until(loop.time() + 2.5)
        await caller.mumble(0.8)  # a cough: the agent stops, and goes on
        await caller.listen_until(silence=3.0)
        await caller.speak("tell me a story")
        await caller.listen_until(silence=2.0)
        await caller.speak("please go on")
        await caller.wait_until(loop.time() + 5.0)
        await caller.speak("stop there for a moment please")  # in the middle of the story
        await caller.listen_until()
        caller.type("thank you")
        await caller.listen_until()
        await caller.speak("now go back")
        await caller.listen_until(silence=2.5)
    await session.aclose()
    for entry in caller.timeline:
        log(repr(entry))
    for item in session.history:
        log(repr(item))
    return counts


def digest(minutes: float) -> tuple[str, Counter[str]]:
    """The hash of the log of so many minutes, and how often what happened."""
    hashed = hashlib.sha256()
    counts = run(lambda: talk(lambda line: hashed.update(line.encode() + b"\n"), 60.0 * minutes))
    return hashed.hexdigest(), counts


def digest_in_process(minutes: float, hash_seed: str) -> str:
    """The hash, as a process of that hash seed has it."""
    done = subprocess.run(
        [sys.executable, __file__, "--minutes", f"{minutes:g}"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.split()[0]


def main() -> int:
    """Prints one hash and what happened, or a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    if options.runs == 1:
        found, counts = digest(options.minutes)
        print(found, *(f"{name}={number}" for name, number in sorted(counts.items())))
        return 0
    hashes, times, before = set(), [], os.times()
    for number in range(options.runs):
        began = time.perf_counter()
        found = digest_in_process(options.minutes, str(number))
        times.append(time.perf_counter() - began)
        hashes.add(found)
        print(f"run {number + 1:2}: {found} {times[-1]:6.2f} s", flush=True)
    print(
        f"{len(hashes)} different logs of {options.runs}; seconds for {options.minutes:g} minutes: "
        f"best {min(times):.2f}, median {statistics.median(times):.2f}, worst {max(times):.2f}"
    )
    after = os.times()
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    print(f"{cpu / options.runs:.2f} s of CPU each")
    return 0 if len(hashes) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
