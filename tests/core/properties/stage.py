"""Plays a plan in virtual time, through the public API, and records what happens."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import Any

from antiphon import AgentSession
from antiphon.errors import TransportError
from antiphon.registry import Registry
from antiphon.testing import ScriptedTurnDetector, ScriptedVAD, VirtualTimeLoop, run

from .actors import Actor
from .doer import ERRANDS, Doer
from .plan import Aclose, Action, Await, Commit, Ear, HangUp, Mumble, Plan, Sleep, Speak, Type
from .providers import NotingCaller, PlannedLLM, PlannedSTT, PlannedTTS, Watched
from .record import Quiet, Record, Said
from .script import Script

SETTLE = 6.0
"""Seconds after the last action in which what it brings about has surely begun."""
IDLE_BOUND = 60.0
"""Seconds within which all has been said, unless a tool never ends."""
CLOSE_BOUND = 120.0
"""Seconds that the longest end may take: the sum of the stages' own bounds."""
AFTER = 30.0
"""Seconds after the end in which nothing may happen any more."""


class Stage:
    """Plays one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.record = Record(plan)
        self.session: AgentSession[Any]
        self.caller: NotingCaller
        self.people: list[Actor] = []
        self.doer = Doer(self)
        self.script = Script(self)
        self._counts: dict[str, int] = {}

    @property
    def now(self) -> float:
        """The loop's time, to the microsecond."""
        return round(asyncio.get_running_loop().time(), 6)

    def watch(self, name: str, stream: Any, *, stall_after: int | None = None) -> Watched:
        """A provider's stream, watched."""
        watched = Watched(name, stream, stall_after=stall_after)
        self.record.streams.append(watched)
        return watched

    def words(self, kind: str, count: int) -> list[str]:
        """Words that nobody has said before: `a3w1 a3w2` are of the third answer."""
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        return [f"{kind}{number}w{n + 1}" for n in range(count)]

    async def _perform(self, action: Action) -> None:
        """Something that happens outside of any agent."""
        record = self.record
        audio = self.plan.world.audio
        gone = record.ends or record.closing_at < math.inf
        try:
            match action:
                case Speak() if audio:
                    words = self.words("u", action.words)
                    await self._speak(words, action.pace)
                case Mumble() if audio:
                    await self.caller.mumble(action.seconds)
                case Type() | Speak():
                    words = self.words("u", 2)
                    self.caller.type(" ".join(words))
                    record.said.append(Said(words, [self.now] * 2, True))
                case HangUp():
                    self.caller.hang_up()
                    record.ends.append((self.now, "hang up"))
                case Aclose():
                    record.ends.append((self.now, "aclose"))
                    await self.session.aclose()
                case Sleep() | Mumble():
                    pass
                case _:
                    await self.doer.do((action,))
        except TransportError as error:
            if not gone and not record.ends and record.closing_at == math.inf:
                record.faults.append(f"{action}: {error!r}")
        except ValueError:
            pass  # `Raise`, outside: nobody's business

    async def _speak(self, words: list[str], pace: float) -> None:
        seconds = pace * len(words)
        started = len(self.caller._microphone.said)
        speaking = asyncio.ensure_future(self.caller.speak(" ".join(words), seconds=seconds))
        await asyncio.sleep(0)
        said = self.caller._microphone.said
        if len(said) > started:
            start = self.caller._time(said[-1].start)
            ends = [start + pace * n for n in range(1, len(words) + 1)]
            self.record.said.append(Said(words, ends))
        await speaking

    def _listen(self, event: Any) -> None:
        self.record.events.append((self.now, event))
        text = repr(event)
        self.record.log.append(f"{self.now:.6f} {text.partition('framework=')[0]}")
        if event.name == "speech_created":
            handle = event.speech_handle
            if handle not in self.record.handles:
                self.record.handles.append(handle)

    def _eavesdrop(self, ear: Ear) -> None:
        seen = 0

        def listener(event: Any) -> None:
            nonlocal seen
            seen += 1
            if seen != ear.nth:
                return
            for deed in ear.deeds:
                if not isinstance(deed, Sleep | Await):
                    self.doer.act_safely(deed, event)

        self.session.on(ear.event, listener)

    async def play(self) -> None:
        """Plays the plan and closes the session, if the plan has not."""
        plan, world, record = self.plan, self.plan.world, self.record
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.set_exception_handler(
            lambda _, context: record.faults.append(
                f"an error reached the loop: {context['message']}: {context.get('exception')!r}"
            )
        )
        before = asyncio.all_tasks()
        threads = set(threading.enumerate())
        self.caller = NotingCaller(
            record,
            continuous=False,
            audio=world.audio,
            pause=world.pause,
            position=world.position,
        )
        self.session = self._session()
        self.session.on("*", self._listen)
        for ear in plan.ears:
            self._eavesdrop(ear)
        self.people = [Actor(self, n, person) for n, person in enumerate(plan.people)]
        await self.session.start(self.people[0], transport=self.caller)
        began = loop.time()
        tasks: list[asyncio.Task[Any]] = []
        for when, action in sorted(plan.actions, key=lambda planned: planned[0]):
            await asyncio.sleep(max(0.0, began + when - loop.time()))
            tasks.append(loop.create_task(self._perform(action), name=f"stage {action}"))
        await asyncio.sleep(SETTLE)
        await self._settle()
        if plan.world.detection == "manual" and not record.ends:
            self.doer.act_safely(Commit())  # what was said to nobody keeps the floor for ever
            await self._settle()
        if not record.ends and record.closing_at == math.inf:
            self._look()
            record.ends.append((self.now, "end of the plan"))
            closing = loop.create_task(self.session.aclose(), name="stage close")
            tasks.append(closing)
        try:
            async with asyncio.timeout(CLOSE_BOUND):
                await self.session.wait_closed()
            record.closed = True
        except TimeoutError:
            record.faults.append(f"the session did not close within {CLOSE_BOUND} s")
        self._keep()
        for _ in range(5):
            await asyncio.sleep(0)
        self._count_leftovers(loop, before, threads)
        await asyncio.sleep(AFTER)
        for task in tasks:
            if not task.done():
                record.faults.append(f"{task.get_name()} never ended")
                task.cancel()
            elif not task.cancelled() and task.exception() is not None:
                record.faults.append(f"{task.get_name()} raised {task.exception()!r}")

    def _session(self) -> AgentSession[Any]:
        plan, world = self.plan, self.plan.world
        slots: dict[str, Any] = {"llm": PlannedLLM(self)}
        if world.audio:
            slots["tts"] = PlannedTTS(self, plan.tts)
            slots["stt"] = PlannedSTT(self, plan.stt)
            if world.detection != "stt only":
                slots["vad"] = ScriptedVAD()
            if world.detection == "turn_detector":
                slots["turn_detector"] = ScriptedTurnDetector([0.9, 0.2, 0.9], latency=0.05)
        return AgentSession(
            **slots,
            turn_handling={
                "turn_detection": "manual" if world.detection == "manual" else None,
                "preemptive_generation": world.preemptive,
                "interruption": {
                    "enabled": world.interruptions,
                    "min_words": world.min_words,
                    "resume_false_interruption": world.resume,
                },
            },
            max_tool_steps=world.max_tool_steps,
            registry=Registry(entry_points=(), environ={}),
            seed=plan.seed,
        )

    async def _settle(self) -> None:
        """Waits until nobody has anything to do any more, or a tool that never ends is all."""
        quiet = 0
        for _ in range(4 + 3 * ERRANDS):
            try:
                async with asyncio.timeout(IDLE_BOUND):
                    await self.session.wait_for_idle()
            except TimeoutError:
                return
            waits = not all(chore.done() for chore in self.doer.chores)
            quiet = 0 if waits else quiet + 1
            if quiet == 3:
                return
            await asyncio.sleep(3.0)

    def _look(self) -> None:
        session, record = self.session, self.record
        record.quiet = Quiet(
            agent_state=session.agent_state,
            user_state=session.user_state,
            idle=session._live.idle,
            undone=[handle for handle in record.handles if not handle.done()],
            waits=[wait for wait in record.waits if wait.until is None],
        )

    def _keep(self) -> None:
        record = self.record
        record.history = list(self.session.history)
        record.contexts = {person.id: list(person.chat_ctx) for person in self.people}
        record.current = self.session.current_agent.id
        if self.plan.world.audio:
            record.heard = self.caller.heard_text().split()

    def _count_leftovers(
        self, loop: VirtualTimeLoop, before: set[asyncio.Task[Any]], threads: set[Any]
    ) -> None:
        left = self.record.left
        self.doer.stop()
        for task in asyncio.all_tasks():
            if task not in before and not task.get_name().startswith("stage "):
                left.append(f"task {task.get_name()!r}: {task.get_coro()!r}")
        acting = [task for task in asyncio.all_tasks() if task.get_name().startswith("stage ")]
        for timer in loop._scheduled:
            if not timer.cancelled() and not acting:
                left.append(f"timer {timer!r}")
        for thread in threading.enumerate():
            if thread not in threads and thread.is_alive():
                thread.join(1.0)
                if thread.is_alive():
                    left.append(f"thread {thread.name!r}")


def play(plan: Plan) -> Record:
    """Plays a plan to its end; raises `Deadlock` when something waits for ever."""
    stage = Stage(plan)
    run(stage.play, until=3600, seed=plan.seed)
    return stage.record
