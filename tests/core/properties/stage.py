"""Plays a plan in virtual time, through the public API, and records what happens."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

from antiphon import (
    Agent,
    AgentSession,
    AgentTask,
    RunContext,
    StopResponse,
    ToolError,
    function_tool,
)
from antiphon.audio import AudioFrame
from antiphon.chat import ChatContext, ChatMessage
from antiphon.errors import ProviderConnectionError, ProviderRejected, SessionClosed, TransportError
from antiphon.handoffs import handoff
from antiphon.registry import Registry
from antiphon.testing import (
    CUT,
    Call,
    Caller,
    Fail,
    Pause,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
    ScriptedVAD,
    VirtualTimeLoop,
    run,
)

from .plan import (
    Aclose,
    Action,
    Answer,
    Ask,
    Await,
    CancelHandoff,
    CancelReply,
    Clear,
    Commit,
    Deed,
    Deeds,
    Ear,
    Errand,
    HangUp,
    Move,
    Mumble,
    Person,
    Plan,
    Raise,
    Say,
    Shutdown,
    Sleep,
    Speak,
    Stop,
    StopOne,
    Trouble,
    Type,
    Work,
)
from .record import Quiet, Record, Request, Said, Wait

SETTLE = 6.0
"""Seconds after the last action in which what it brings about has surely begun."""
IDLE_BOUND = 60.0
"""Seconds within which all has been said, unless a tool never ends."""
CLOSE_BOUND = 120.0
"""Seconds that the longest end may take: the sum of the stages' own bounds."""
AFTER = 30.0
"""Seconds after the end in which nothing may happen any more."""
MOVES = 8
"""Agents that hand the conversation to one another from their hooks must come to an end."""
ERRANDS = 5
"""Tasks of one conversation: they may await one another."""
LONGEST = 8.0
"""Seconds after which a task that its user or its LLM does not complete is completed for them."""
ASKS = 12
"""The same for replies that ask for replies."""


class Watched:
    """A provider's stream that notes who closes it, and when."""

    def __init__(self, name: str, stream: Any, *, stall_after: int | None = None) -> None:
        self.name = name
        self.closes = 0
        self.ended = False
        self.problems: list[str] = []
        self._stream = stream
        self._left = stall_after
        self._reading = False

    def __aiter__(self) -> Watched:
        return self

    async def __anext__(self) -> Any:
        if self.closes:
            self.problems.append("was read after it had been closed")
        self._reading = True
        try:
            if self._left is not None:
                if not self._left:
                    await asyncio.get_running_loop().create_future()
                self._left -= 1
            return await self._stream.__anext__()
        except asyncio.CancelledError:
            raise
        except BaseException:
            self.ended = True
            raise
        finally:
            self._reading = False

    async def aclose(self) -> None:
        if self._reading:
            self.problems.append("was closed while it was being read")
        self.closes += 1
        await self._stream.aclose()


def _stalls(troubles: tuple[Trouble, ...], call: int) -> int | None:
    for trouble in troubles:
        if trouble.call == call and trouble.fault == "stall":
            return round(trouble.after / 0.4)
    return None


def _fails(troubles: tuple[Trouble, ...]) -> list[Fail]:
    return [
        Fail(_error(trouble.fault), call=trouble.call, after=trouble.after)
        for trouble in troubles
        if trouble.fault != "stall"
    ]


def _error(fault: str) -> Exception:
    if fault == "refused":
        return ProviderRejected("the vendor refused it")
    return ProviderConnectionError("the line broke")


class _LLM(ScriptedLLM):
    def __init__(self, stage: Stage) -> None:
        world = stage.plan.world
        super().__init__(stage.answer, first_token=world.first_token, total=world.total)
        self._stage = stage

    def chat(self, *args: Any, **kwargs: Any) -> Any:
        return self._stage.watch("llm", super().chat(*args, **kwargs))


class _TTS(ScriptedTTS):
    def __init__(self, stage: Stage, troubles: tuple[Trouble, ...] = ()) -> None:
        world = stage.plan.world
        super().__init__(
            first_byte=world.first_byte, word_times=world.tts_words, fail_at=_fails(troubles)
        )
        self._stage = stage
        self._troubles = troubles
        self._opened = 0

    def synthesize(self, *args: Any, **kwargs: Any) -> Any:
        self._opened += 1
        stall = _stalls(self._troubles, self._opened)
        stream = super().synthesize(*args, **kwargs)
        return self._stage.watch("tts", stream, stall_after=stall)


class _STT(ScriptedSTT):
    def __init__(self, stage: Stage, troubles: tuple[Trouble, ...] = ()) -> None:
        world = stage.plan.world
        super().__init__(
            latency=world.stt_latency,
            flush_latency=world.flush_latency,
            partials=world.partials,
            words=world.stt_words,
            end_of_turn=world.detection in ("stt", "stt only"),
            fail_at=_fails(troubles),
        )
        self._stage = stage
        self._troubles = troubles
        self._opened = 0

    def transcribe(self, *args: Any, **kwargs: Any) -> Any:
        self._opened += 1
        stall = _stalls(self._troubles, self._opened)
        stream = super().transcribe(*args, **kwargs)
        return self._stage.watch("stt", stream, stall_after=stall)


class _Caller(Caller):
    """Notes which segment is pushed."""

    def __init__(self, record: Record, **options: Any) -> None:
        super().__init__(**options)
        self._record = record

    def push(self, frame: AudioFrame, segment: str) -> None:
        pushes = self._record.pushes
        if not pushes or pushes[-1][1] != segment:
            pushes.append((asyncio.get_running_loop().time(), segment))
        super().push(frame, segment)


class Actor(Agent):
    """An agent that does what its `Person` says."""

    def __init__(self, stage: Stage, number: int, person: Person) -> None:
        slots: dict[str, Any] = {}
        if person.voice != "shared":
            slots["tts"] = _TTS(stage) if person.voice == "own" else None
        if person.ears == "own":
            slots["stt"] = _STT(stage)
        super().__init__(
            id=f"p{number}", instructions=f"p{number}", tools=stage.tools(), **slots
        )
        self.stage = stage
        if person.enter is not None:
            self._do_as("on_enter", person.enter)
        if person.exit is not None:
            self._do_as("on_exit", person.exit)
        if person.turn is not None:
            turn = person.turn

            async def on_user_turn_completed(turn_ctx: ChatContext, message: ChatMessage) -> None:
                await stage.do(turn)

            self.on_user_turn_completed = on_user_turn_completed  # type: ignore[method-assign]
        if person.node:
            self.llm_node = self._own_node  # type: ignore[method-assign]

    def _do_as(self, hook: str, deeds: Deeds) -> None:
        async def run_hook() -> None:
            stage = self.stage
            stage.record.hooks.append((stage.now, hook, self.id))
            await stage.do(deeds)

        setattr(self, hook, run_hook)

    async def _own_node(self, chat_ctx: ChatContext, tools: Any, settings: Any) -> Any:
        async def events() -> AsyncIterator[Any]:
            async for event in Agent.default.llm_node(self, chat_ctx, tools, settings):
                yield event

        return events()


class Chore(AgentTask[int]):
    """A task that does what its `Errand` says, and gives its number."""

    def __init__(self, stage: Stage, number: int, errand: Errand) -> None:
        @function_tool
        async def finish() -> None:
            """Completes the task."""
            self.end()

        super().__init__(
            id=f"t{number}",
            instructions=f"t{number}",
            tools=[*stage.tools(), *([finish] if errand.ends == "tool" else ())],
            preserve_function_call_history=errand.kept,
        )
        self.stage = stage
        self.number = number
        self.errand = errand
        if errand.ends == "turn":

            async def on_user_turn_completed(turn_ctx: ChatContext, message: ChatMessage) -> None:
                self.end()

            self.on_user_turn_completed = on_user_turn_completed  # type: ignore[method-assign]

    def end(self) -> None:
        """Completes it, unless somebody has."""
        if not self.done():
            self.complete(self.number % 2)  # 0 is a result like any other

    async def on_enter(self) -> None:
        stage, ends = self.stage, self.errand.ends
        stage.record.hooks.append((stage.now, "on_enter", self.id))
        if ends in ("later", "tool", "turn"):
            stage.later(1.5 if ends == "later" else LONGEST, self.end)
        await stage.do(self.errand.enter)
        if ends == "enter":
            self.end()
        elif ends == "error":
            self.complete(LookupError("nothing was found"))
        elif ends == "cancel":
            self.cancel()

    async def on_exit(self) -> None:
        stage = self.stage
        stage.record.hooks.append((stage.now, "on_exit", self.id))
        await stage.do(self.errand.exit)


class Stage:
    """Plays one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.record = Record(plan)
        self.session: AgentSession[Any]
        self.caller: _Caller
        self.people: list[Actor] = []
        self.works: list[Work] = []
        self._counts: dict[str, int] = {}
        self._user_tasks: list[asyncio.Task[Any]] = []
        self._asks = 0
        self.chores: list[Chore] = []
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def now(self) -> float:
        return round(asyncio.get_running_loop().time(), 6)

    def watch(self, name: str, stream: Any, *, stall_after: int | None = None) -> Watched:
        watched = Watched(name, stream, stall_after=stall_after)
        self.record.streams.append(watched)
        return watched

    def _words(self, kind: str, count: int) -> list[str]:
        number = self._counts[kind] = self._counts.get(kind, 0) + 1
        return [f"{kind}{number}w{n + 1}" for n in range(count)]

    # The model and its tools

    def answer(self, context: ChatContext, tools: Any) -> Any:
        """The next planned answer."""
        number = len(self.record.requests)
        first = context.items[0] if len(context) else None
        agent = first.text_content if isinstance(first, ChatMessage) else "?"
        self.record.requests.append(Request(self.now, agent, list(context)))
        answers = self.plan.answers
        answer = answers[number] if number < len(answers) else Answer()
        pieces: list[Any] = self._text(answer.words)
        if tools:
            pieces += [self._call(work) for work in answer.work]
        if any(tool.name == "finish" for tool in tools) and not answer.work:
            pieces.append(Call("finish"))
        pieces += self._text(answer.tail)
        if answer.fault is not None:
            faults = {"cut": CUT, "stall": Pause(math.inf)}
            fault: Any = faults.get(answer.fault) or _error(answer.fault)
            pieces = [*pieces[: answer.after], fault]
        if answer.slow:
            pieces.insert(0, Pause(answer.slow))
        return pieces

    def _text(self, count: int) -> list[Any]:
        words = self._words("a", count)
        return [f"{word}{'.' if n == count else ''} " for n, word in enumerate(words, 1)]

    def _call(self, work: Work) -> Call:
        self.works.append(work)
        number = len(self.works) - 1
        if work.kind == "unknown":
            return Call("nothing_like_it", number=number)
        if work.kind == "garbled":
            return Call.raw("plain", '{"number": [}')
        return Call(work.kind, number=number)

    def tools(self) -> list[Any]:
        """Every agent's tools: they differ by what an interruption, or another call, does."""

        async def work(number: int, ctx: RunContext) -> Any:
            """Works."""
            return await self._work(self.works[number])

        def sync(number: int) -> Any:
            """Works in a thread."""
            todo = self.works[number]
            for deed in todo.deeds:
                if isinstance(deed, Say | Ask | Move | Stop):
                    self._act_safely(deed)
            return self._give(todo)

        return [
            function_tool(work, name="plain"),
            function_tool(work, name="fragile", cancel_on_interruption=True),
            function_tool(work, name="single", on_duplicate="reject"),
            function_tool(work, name="replaced", on_duplicate="replace"),
            function_tool(work, name="limited", timeout=1.0),
            function_tool(sync, name="sync"),
        ]

    async def _work(self, work: Work) -> Any:
        await self.do(work.deeds)
        if work.gives == "never":
            await asyncio.get_running_loop().create_future()
        return self._give(work)

    def _give(self, work: Work) -> Any:
        gives = work.gives
        if gives == "tool error":
            raise ToolError("it cannot be done")
        if gives == "stop":
            raise StopResponse
        if gives == "raises":
            raise ValueError("the tool broke")
        if gives in ("nothing", "never"):
            return None
        if gives == "falsy":
            return 0
        if gives == "text" or not self._may_move():
            return "done"
        to = self.people[work.to % len(self.people)]
        if gives == "agent":
            return to
        if gives == "agent and text":
            return to, "moving"
        if gives == "two agents":
            return self.people[0], self.people[1]
        if gives == "function":
            return handoff(to, context=lambda old: old.copy(exclude_function_call=True))
        if gives == "broken function":
            return handoff(to, context=lambda old: old.items[10**6])  # type: ignore[arg-type,return-value]
        return handoff(to, context=gives)

    def _may_move(self) -> bool:
        self.record.moves += 1
        return self.record.moves <= MOVES

    # Deeds

    async def do(self, deeds: Deeds) -> None:
        """Does one after another, as a user's own code."""
        for deed in deeds:
            if isinstance(deed, Sleep):
                await asyncio.sleep(deed.seconds)
            elif isinstance(deed, Errand):
                await self._run_errand(deed)
            elif isinstance(deed, Raise):
                if deed.what == "stop":
                    raise StopResponse
                if deed.what == "cancelled":
                    raise asyncio.CancelledError
                raise ValueError("user code broke")
            else:
                await self._wait_for(deed, self._act_safely(deed))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Does something later, whatever becomes of the session."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    async def _run_errand(self, errand: Errand) -> None:
        if len(self.chores) >= ERRANDS:
            return
        chore = Chore(self, len(self.chores) + 1, errand)
        self.chores.append(chore)
        wait = Wait(repr(errand), self.now, endless=errand.ends == "never")
        self.record.waits.append(wait)
        try:
            async with asyncio.timeout(1.0 if errand.ends == "dropped" else None):
                result = await chore
            if result != chore.number % 2:
                self.record.faults.append(f"{chore} gave {result!r}")
        except (ToolError, LookupError, TimeoutError):
            pass
        except RuntimeError as error:
            self.record.refusals.append(str(error))
        finally:
            wait.until = self.now

    async def _wait_for(self, deed: Deed, waited: Any) -> None:
        if waited is None or not (isinstance(deed, Await) or getattr(deed, "wait", False)):
            return
        wait = Wait(repr(deed), self.now)
        self.record.waits.append(wait)
        try:
            await waited
        except SessionClosed as error:
            self._refused(error, closing=True)
        except RuntimeError as error:
            if self.now != wait.since:
                self.record.faults.append(f"{deed} was refused only after a wait: {error}")
            self.record.refusals.append(str(error))
        finally:
            wait.until = self.now

    def _refused(self, error: Exception, *, closing: bool) -> None:
        if self.record.closing_at == math.inf:
            unrecoverable = [e for _, e in self.record.of("error") if not e.recoverable]
            if len(unrecoverable) < 3:
                self.record.faults.append(f"{error!r} although nobody closes the session")

    def _act_safely(self, deed: Any, event: Any = None) -> Any:
        try:
            return self._act(deed, event)
        except SessionClosed as error:
            self._refused(error, closing=True)
        except TransportError as error:
            if not self.record.ends and not self.record.of("close"):
                self.record.faults.append(f"{deed}: {error!r}")
        return None

    def _act(self, deed: Any, event: Any) -> Any:
        session, record = self.session, self.record
        match deed:
            case Say():
                if not self._may_ask():
                    return None
                words = self._words("s", deed.words)
                text: Any = " ".join(words)
                if deed.pieces:
                    text = _pieces(words)
                handle = session.say(
                    text,
                    allow_interruptions=deed.interruptible,
                    add_to_chat_ctx=deed.recorded,
                )
                record.handles.append(handle)
                return handle
            case Ask():
                if not self._may_ask():
                    return None
                words = self._words("u", 2) if deed.user_input else []
                handle = session.generate_reply(
                    user_input=" ".join(words) or None,
                    tool_choice="auto" if deed.tools else None,
                    allow_interruptions=deed.interruptible,
                )
                record.handles.append(handle)
                if words:
                    record.said.append(Said(words, [self.now] * 2, True, handle))
                return handle
            case Move():
                if not self._may_move():
                    return None
                return session.update_agent(self.people[deed.to % len(self.people)])
            case Stop():
                record.stops.append(self.now)
                session.interrupt(force=deed.force)
            case StopOne() if deed.back < len(record.handles):
                record.stops.append(self.now)
                handle = record.handles[-1 - deed.back]
                if handle.allow_interruptions or deed.force:
                    handle.interrupt(force=deed.force)
            case Await() if deed.back < len(record.handles):
                return record.handles[-1 - deed.back]
            case Commit():
                record.commits.append(self.now)
                session.commit_user_turn()
            case Clear():
                record.clears.append(self.now)
                session.clear_user_turn()
            case Shutdown():
                record.ends.append((self.now, "shutdown"))
                session.shutdown(drain=deed.drain)
            case CancelReply() if event is not None:
                record.stops.append(self.now)
                event.cancel_tool_reply()
            case CancelHandoff() if event is not None:
                event.cancel_agent_handoff()
            case Raise():
                raise ValueError("a listener broke")
        return None

    def _may_ask(self) -> bool:
        self._asks += 1
        return self._asks <= ASKS

    async def _perform(self, action: Action) -> None:
        """Something that happens outside of any agent."""
        record = self.record
        audio = self.plan.world.audio
        gone = record.ends or record.closing_at < math.inf
        try:
            match action:
                case Speak() if audio:
                    words = self._words("u", action.words)
                    await self._speak(words, action.pace)
                case Mumble() if audio:
                    await self.caller.mumble(action.seconds)
                case Type() | Speak():
                    words = self._words("u", 2)
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
                    await self.do((action,))
        except TransportError as error:
            if not gone and not record.ends and record.closing_at == math.inf:
                record.faults.append(f"{action}: {error!r}")
        except ValueError:
            pass  # `Raise`, outside: nobody's business

    async def _speak(self, words: list[str], pace: float) -> None:
        seconds = pace * len(words)
        before = len(self.caller.timeline)
        del before
        started = len(self.caller._microphone.said)
        speaking = asyncio.ensure_future(self.caller.speak(" ".join(words), seconds=seconds))
        await asyncio.sleep(0)
        said = self.caller._microphone.said
        if len(said) > started:
            start = self.caller._time(said[-1].start)
            ends = [start + pace * n for n in range(1, len(words) + 1)]
            self.record.said.append(Said(words, ends))
        await speaking

    # Listening

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
                    self._act_safely(deed, event)

        self.session.on(ear.event, listener)

    # The whole

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
        self.caller = _Caller(
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
            self._act_safely(Commit())  # what was said to nobody keeps the floor for ever
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
        slots: dict[str, Any] = {"llm": _LLM(self)}
        if world.audio:
            slots["tts"] = _TTS(self, plan.tts)
            slots["stt"] = _STT(self, plan.stt)
            if world.detection != "stt only":
                slots["vad"] = ScriptedVAD()
            if world.detection == "turn_detector":
                slots["turn_detector"] = ScriptedTurnDetector([0.9, 0.2, 0.9], latency=0.05)
        return AgentSession(
            **slots,
            turn_handling={
                "turn_detection": "manual" if world.detection == "manual" else None,
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
        for pause in (3.0, 3.0, LONGEST, LONGEST, LONGEST, 0.0):
            if pause == LONGEST and all(chore.done() for chore in self.chores):
                continue
            try:
                async with asyncio.timeout(IDLE_BOUND):
                    await self.session.wait_for_idle()
            except TimeoutError:
                return
            await asyncio.sleep(pause)

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
        for timer in self._timers:
            timer.cancel()
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


async def _pieces(words: list[str]) -> AsyncIterator[str]:
    for word in words:
        yield word + " "
        await asyncio.sleep(0.1)


def play(plan: Plan) -> Record:
    """Plays a plan to its end; raises `Deadlock` when something waits for ever."""
    stage = Stage(plan)
    run(stage.play, until=3600, seed=plan.seed)
    return stage.record
