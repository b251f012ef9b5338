"""The conversation: the one writer, and its parts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..agent import Agent, ModelSettings
from ..audio import AudioFrame
from ..chat import ChatContext, ChatMessage
from ..clock import Ids
from ..errors import SessionClosed, SlotMissing
from ..events import (
    AgentState,
    AgentStateChanged,
    ErrorEvent,
    FunctionToolsExecuted,
    MetricsCollected,
    ReplySkipped,
    SpeechCreated,
    TurnDecision,
    UserState,
    UserStateChanged,
)
from ..listeners import Listeners
from ..llm import LLMEvent
from ..provider import SlotName
from ..scopes import Scope, current_scope
from ..speech import SpeechHandle, SpeechSource
from ..streams import Flush
from ..stt import STTEvent
from ..tools import Tool, collect_tools
from ..transport import Transport
from ..tts import TTSEvent
from ..turn_handling import TurnHandling, Turns, resolve
from .closing import Closing
from .hearing import Hearing
from .ledger import Heard
from .llm_stream import llm_events
from .mailbox import Mailbox
from .nodes import SlotStream
from .recording import Recorder
from .replying import Reply, Replying, all_tools
from .segment import Segment
from .slots import Builder, Slots
from .speaking import Speaking
from .switching import Switching, discard
from .tasks import TaskScope
from .timeline import Timeline
from .tool_calls import ToolCalls
from .turns import Turns as TurnTaking
from .usage import UsageBook
from .voicing import STALL, Voicer

if TYPE_CHECKING:
    from ..session import AgentSession

MAX_FAILURES = 3
"""Unrecoverable errors of one kind in a row that close the session."""


class Conversation:
    """Holds the parts of one running conversation and what they share.

    All state is changed by commands given to `post`; see `mailbox`.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        *,
        agent: Agent,
        slots: Mapping[SlotName, Any],
        registry: Builder | None,
        turn_handling: TurnHandling,
        tools: list[Any],
        max_tool_steps: int,
        user_away_timeout: float | None,
        listeners: Listeners,
        seed: int | None,
    ) -> None:
        self.session = session
        self.loop = asyncio.get_running_loop()
        self.log = logging.getLogger("antiphon.session")
        self.ids = Ids(seed)
        self.started_at = self.loop.time()
        self.agent = agent
        self.max_tool_steps = max_tool_steps
        self.user_away_timeout = user_away_timeout
        self.listeners = listeners
        self.transport: Transport | None = None
        self.hears = False
        self.agent_state: AgentState = "initializing"
        self.user_state: UserState = "listening"
        self.timelines: list[Timeline] = []
        self.usage = UsageBook()
        self._turn_handling = turn_handling
        self._turn_settings: Turns | None = None
        self._shared_tools = collect_tools(tools)
        self._sample_rate = 16000
        self._frame_ms = 20
        self._failures: dict[str, int] = {}
        self._away: asyncio.TimerHandle | None = None
        self._unknown: set[tuple[str, str]] = set()
        self._running = False
        self._idle_waiters: list[asyncio.Future[None]] = []
        self.mailbox = Mailbox(settle=self._settle, deliver=self._deliver, failed=self._crashed)
        self.post = self.mailbox.post
        self.notify = self.mailbox.notify
        self.tasks = TaskScope(self._task_failed)
        self.slots = Slots(registry, slots)
        self.recorder = Recorder(ids=self.ids, now=self.now, notify=self.notify)
        self.speaking = Speaking(self)
        self.voicer = Voicer(self)
        self.tool_calls = ToolCalls(self)
        self.replying = Replying(self)
        self.switching = Switching(self)
        self.hearing = Hearing(self)
        self.turns = TurnTaking(self)
        self.closing = Closing(self)

    # Time

    def now(self) -> float:
        """Seconds from the start of the session."""
        return self.loop.time() - self.started_at

    def since_start(self, at: float) -> float:
        """A loop time as seconds from the start of the session."""
        return at - self.started_at

    # The mailbox's own

    def _settle(self) -> None:
        if not self._running:
            return
        self.switching.advance()
        self.speaking.advance()
        self.closing.advance()
        self._derive_agent_state()
        if self._idle_waiters and (self.idle or self.closing_begun):
            waiters, self._idle_waiters = self._idle_waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _deliver(self, event: Any) -> None:
        for listener, error in self.listeners.deliver(event):
            name = getattr(listener, "__qualname__", repr(listener))
            self.notify(
                ErrorEvent(
                    error=error, source="listener", recoverable=True, detail=name, at=self.now()
                )
            )
        if self.transport is not None:
            self.transport.notify(event)

    def _crashed(self, error: BaseException) -> None:
        self.log.critical("the engine failed; the session closes", exc_info=error)
        self.notify(ErrorEvent(error=error, source="engine", recoverable=False, at=self.now()))
        self.closing.begin("error", error=error, drain=False)

    def _task_failed(self, name: str, error: BaseException) -> None:
        self.log.error("the task %r failed", name, exc_info=error)
        self.post(self.report_error, error, "engine", False, name)

    def decide(self, event: FunctionToolsExecuted) -> None:
        """Tells the listeners of a decision event now: they may change it."""
        self._deliver(event)

    # States

    def _derive_agent_state(self) -> None:
        if self.speaking.audible:
            state: AgentState = "speaking"
        elif self.replying.thinking or self.speaking.expected:
            state = "thinking"
        else:
            state = "listening"
        if state == self.agent_state:
            return
        old, self.agent_state = self.agent_state, state
        self.notify(AgentStateChanged(old_state=old, new_state=state, at=self.now()))
        self._watch_away()

    def user_speaks(self, speaking: bool) -> None:
        """The user's voice has begun or ended."""
        self._set_user_state("speaking" if speaking else "listening")

    def _set_user_state(self, state: UserState) -> None:
        if state == self.user_state:
            return
        old, self.user_state = self.user_state, state
        self.notify(UserStateChanged(old_state=old, new_state=state, at=self.now()))
        self._watch_away()

    def _watch_away(self) -> None:
        if self._away is not None:
            self._away.cancel()
            self._away = None
        both_silent = self.agent_state == "listening" and self.user_state == "listening"
        if both_silent and self.user_away_timeout is not None and not self.closing_begun:
            self._away = self.loop.call_later(
                self.user_away_timeout, self.post, self._set_user_state, "away"
            )

    @property
    def closing_begun(self) -> bool:
        """Nothing new is taken any more."""
        return self.closing.begun

    @property
    def turn_settings(self) -> Turns:
        """Turn-taking as it holds for the active agent."""
        if self._turn_settings is None:
            self._turn_settings = resolve(self.agent.turn_handling, self._turn_handling)
        return self._turn_settings

    def share_tools(self, tools: list[Any]) -> None:
        """Changes the tools that every agent has."""
        shared = collect_tools(tools)
        for tool in shared.values():
            prepare = getattr(tool, "prepare", None)
            if prepare is not None:
                prepare()
        self._shared_tools = shared

    @property
    def idle(self) -> bool:
        """Nobody speaks, thinks, switches or is still entering."""
        return self.speaking.idle and self.replying.idle and self.switching.idle

    async def next_idle(self) -> None:
        """Waits for the next moment at which that is so."""
        waiter = self.loop.create_future()
        self._idle_waiters.append(waiter)
        await waiter

    def tools_of(self, agent: Agent) -> dict[str, Tool]:
        """What an agent may call: its own tools and the session's."""
        return all_tools(agent, self._shared_tools)

    # Starting

    async def start(self, transport: Transport | None) -> None:
        """Loads the first agent's slots, connects the transport and activates the agent."""
        agent = self.agent
        self.switching.check(agent)
        for tool in self._shared_tools.values():
            prepare = getattr(tool, "prepare", None)
            if prepare is not None:
                prepare()
        await self.slots.load(agent)
        if transport is not None:
            capabilities = transport.capabilities
            self.hears = capabilities.audio_in
            self._sample_rate = capabilities.sample_rate
            self._frame_ms = capabilities.frame_ms
        elif self.slots.get(agent, "llm") is None and not agent._slots and not self.slots.any():
            raise SlotMissing(
                f"agent {agent.id!r} has no llm, and neither has its session; give one of them: "
                'Agent(llm="…") or AgentSession(llm="…")'
            )
        self.transport = transport
        self.speaking.attach(transport)
        self.started_at = self.loop.time()
        self._running = True
        self.post(self._begin, agent)
        if transport is not None:
            await transport.start(_Ears(self))

    def _begin(self, agent: Agent) -> None:
        self.activate(agent)
        self.recorder.handoff(None, agent)
        self.switching.enter(agent)

    def activate(self, agent: Agent) -> None:
        """Makes an agent the active one."""
        agent._runtime = self
        self.agent = agent
        self._turn_settings = None
        self.hearing.retarget(agent)

    # The runtime of the active agent

    def stt_stream(
        self, agent: Agent, audio: AsyncIterable[AudioFrame | Flush], settings: ModelSettings
    ) -> AsyncIterator[STTEvent]:
        """The events of the stt slot."""
        slot = self.slots.need(agent, "stt")
        overrides = self.slots.call_settings(slot, settings.overrides)
        return SlotStream(
            lambda: slot.transcribe(audio, overrides), what=self.slots.label(agent, "stt")
        )

    def llm_stream(
        self, agent: Agent, chat_ctx: ChatContext, tools: list[Tool], settings: ModelSettings
    ) -> AsyncIterator[LLMEvent]:
        """The events of the llm slot, with core's retries."""
        return llm_events(self, agent, chat_ctx, tools, settings)

    def tts_stream(
        self, agent: Agent, text: AsyncIterable[str | Flush], settings: ModelSettings
    ) -> AsyncIterator[TTSEvent]:
        """The events of the tts slot."""
        slot = self.slots.need(agent, "tts")
        overrides = self.slots.call_settings(slot, settings.overrides)
        segment = self.voicer.segment_of_task()
        return SlotStream(
            lambda: slot.synthesize(text, overrides),
            what=self.slots.label(agent, "tts"),
            limit=STALL,
            owed=None if segment is None else lambda: segment.text_done,
        )

    async def slots_changed(self, agent: Agent) -> None:
        """An agent's slots have been changed: build what is new, and use it from the next call on."""
        self.slots.changed(agent)
        self.slots.resolve_all(agent)
        await self.slots.load_late(agent)
        if agent is self.agent:
            self._turn_settings = None
            self.post(self.hearing.retarget, agent)

    # User turns

    def user_text(self, text: str, *, interrupt: bool = True) -> None:
        """A typed line: a whole user turn."""
        text = text.strip()
        if not text or self.closing_begun:
            return
        self._set_user_state("listening")
        timeline = self.new_timeline(text)
        self.user_turn(text, timeline, may_interrupt=interrupt)

    def new_timeline(self, text: str) -> Timeline:
        """The timeline of a turn that has just been committed."""
        return Timeline(
            turn=len(self.timelines) + 1,
            agent_id=self.agent.id,
            text=text,
            committed=self.now(),
            framework=self.mailbox.spent,
        )

    def user_turn(self, text: str, timeline: Timeline, *, may_interrupt: bool) -> ChatMessage:
        """Records a user turn, which is never lost from here on, and sees to its answer."""
        self.timelines.append(timeline)
        speaks = self.speaking.audible or self.speaking.paused
        segment = self.speaking.current
        uninterruptible = segment is not None and not segment.handle.allow_interruptions
        yields = self.turn_settings.interruptions and not uninterruptible
        answered = True
        if speaks and yields and not may_interrupt:
            answered = False
        elif yields:
            self.interrupt_for_user(turn_follows=True)
        message = self.recorder.user_message(text, self.agent._chat_ctx)
        if not answered:
            self.speaking.resume()
            self.notify(
                TurnDecision(decision="ignore", reason="too few words to interrupt", at=self.now())
            )
            self._skip(timeline, "the words do not interrupt")
        elif self.switching.window_open:
            self.switching.hold_turn(message, timeline)
        else:
            self.answer_turn(message, timeline)
        return message

    def answer_turn(self, message: ChatMessage, timeline: Timeline | None) -> None:
        """Begins the reply to a recorded user turn."""
        if self.slots.get(self.agent, "llm") is None and not self._has_own_llm(self.agent):
            if not self._listens_only(self.agent):
                self.report_error(self.slots.missing(self.agent, "llm"), "llm", False)
            self._skip(timeline, "the agent has no llm")
            return
        handle = self.new_handle("user_turn", user_initiated=False)
        if timeline is not None:
            timeline.speech_id = handle.id
            timeline.agent_id = self.agent.id
        self.announce(handle)
        self.replying.begin(
            Reply(handle=handle, agent=self.agent, message=message, timeline=timeline), self.agent
        )

    def correct_turn(self, message: ChatMessage, text: str) -> bool:
        """A late final for a turn made of interim words; False when its answer is being heard."""
        for reply in list(self.replying.active.values()):
            if reply.message is message and not self.speaking.audible:
                timeline = reply.timeline
                self._cut_handle(reply.handle)
                message.content = text
                self.recorder.updated(message, self.agent._chat_ctx)
                self.answer_turn(message, timeline)
                return True
        return False

    @staticmethod
    def _has_own_llm(agent: Agent) -> bool:
        return type(agent).llm_node is not Agent.llm_node or "llm_node" in vars(agent)

    @staticmethod
    def _listens_only(agent: Agent) -> bool:
        return "llm" in agent._slots and agent._slots["llm"] is None

    def _skip(self, timeline: Timeline | None, reason: str) -> None:
        if timeline is not None:
            self._close_timeline(timeline, interrupted=False)
        self.notify(ReplySkipped(reason=reason, at=self.now()))

    # Speech

    def new_handle(
        self,
        source: SpeechSource,
        *,
        allow_interruptions: bool = True,
        user_initiated: bool = True,
        agent: Agent | None = None,
    ) -> SpeechHandle:
        """A fresh handle."""
        return SpeechHandle(
            self.ids.new("speech"),
            source=source,
            speaker=self,
            agent=agent,
            allow_interruptions=allow_interruptions,
            user_initiated=user_initiated,
        )

    def announce(self, handle: SpeechHandle) -> None:
        """Tells that something has been queued."""
        self.notify(
            SpeechCreated(
                speech_handle=handle,
                source=handle.source,
                user_initiated=handle.user_initiated,
                at=self.now(),
            )
        )

    def ask(
        self, handle: SpeechHandle, start: Callable[[Agent], None], scope: Scope | None
    ) -> None:
        """Speech asked for by user code: by an open scope for its agent, from outside for the next."""
        if scope is not None and not scope.is_open and scope.agent is not self.agent:
            discard(self, handle, f"agent {scope.agent.id!r} has been left")
            return
        self.announce(handle)
        if scope is not None and scope.is_open:
            start(scope.agent)
        elif self.switching.window_open:
            self.switching.held.append(lambda: start(self.agent))
        else:
            start(self.agent)

    def reply_late(self, requests: int) -> None:
        """A result came after its reply had been interrupted: answer it when the floor is free."""
        handle = self.new_handle("tool_result", user_initiated=False)
        self.announce(handle)
        self.replying.begin(
            Reply(handle=handle, agent=self.agent, unless_asked_since=requests), self.agent
        )

    def new_segment(
        self,
        handle: SpeechHandle,
        agent: Agent,
        *,
        on_granted: Callable[[], None] | None = None,
        timeline: Timeline | None = None,
        record: bool = True,
        ready_audio: bool = False,
    ) -> Segment:
        """A segment for the floor; voiced where the agent has a TTS and somebody can hear it."""
        has_voice = (
            ready_audio
            or self.slots.get(agent, "tts") is not None
            or type(agent).tts_node is not Agent.tts_node
        )
        return Segment(
            self.ids.new("segment"),
            handle=handle,
            agent=agent,
            voiced=has_voice and self.speaking.transport is not None,
            sample_rate=self._sample_rate,
            frame_ms=self._frame_ms,
            record=record,
            on_granted=on_granted,
            timeline=timeline,
        )

    def add_words(
        self, segment: Segment, text: str, overrides: dict[str, Any] | None = None
    ) -> None:
        """More words for a segment; the first ones start its voice."""
        segment.add_text(text)
        if not segment.voiced:
            self.post(self.speaking.on_text, segment)
        elif segment.task is None and text.strip():
            if segment.timeline is not None and segment.timeline.first_sentence is None:
                segment.timeline.first_sentence = self.now()
            self.voicer.start(segment, overrides)

    def end_words(self, segment: Segment) -> None:
        """A segment has all its words."""
        segment.end_text()
        if not segment.voiced:
            self.speaking.on_text(segment)
        elif segment.task is None:
            segment.end_audio()
            segment.ledger.finish()
            self.speaking.on_audio(segment)

    def on_speech_started(self, segment: Segment) -> None:
        """The first audio, or text, of a segment goes out."""
        segment.began_at = self.now()
        if segment.place is None:
            segment.place = self.recorder.keep_place(segment.agent)
        timeline = segment.timeline
        if timeline is not None and timeline.first_audio is None:
            timeline.first_audio = self.now()
        self._failures.pop("llm", None)
        self._failures.pop("tts", None)

    def on_segment_done(self, segment: Segment, heard: Heard, *, interrupted: bool) -> None:
        """A segment is over: record what was heard of it."""
        generated = segment.ledger.generated.strip()
        cut_short = heard.text.strip() != generated
        if interrupted:
            segment.handle._mark_interrupted()
        text = heard.text.strip()
        early = segment.early
        message: ChatMessage | None = None
        if text and segment.record:
            message = early or ChatMessage(
                id=self.recorder.item_id(),
                role="assistant",
                content="",
                agent_id=segment.agent.id,
                step_id=segment.step_id,
                created_at=segment.began_at,
            )
            message.content = text
            message.interrupted = interrupted and cut_short
            message.generated_text = generated
            message.estimated = heard.estimated
        if message is not None or early is not None:
            place = segment.place or self.recorder.keep_place(segment.agent)
            self.recorder.settle(message, early, place, segment.agent)
        if message is not None:
            segment.handle.chat_items.append(message)
        self.check_done(segment.handle)

    def check_done(self, handle: SpeechHandle) -> None:
        """Finishes a handle of which nothing is left to generate or to play."""
        if handle.done() or handle in self.replying.active:
            return
        if any(segment.handle is handle for segment in self.speaking.segments()):
            return
        if self.speaking.settling(handle):
            return
        for timeline in reversed(self.timelines):
            if timeline.speech_id == handle.id:
                self._close_timeline(timeline, interrupted=handle.interrupted)
                break
        handle._finish(handle._error)

    def _close_timeline(self, timeline: Timeline, *, interrupted: bool) -> None:
        if timeline.done is not None:
            return
        timeline.done = self.now()
        timeline.interrupted = interrupted
        timeline.framework = self.mailbox.spent - timeline.framework
        self.notify(MetricsCollected(metrics=timeline, at=self.now()))

    def announce_request(self, agent: Agent) -> None:
        """An LLM is about to be asked."""

    # Interruption

    def interrupt_for_user(self, *, turn_follows: bool = False) -> None:
        """The user has the floor: everything that may be interrupted is."""
        for handle in self._handles():
            if handle.allow_interruptions:
                self._cut_handle(handle)

    def yield_thinking(self, reason: str) -> None:
        """The user goes on while the agent only thinks: its reply gives way, words stay."""
        for handle in self._handles():
            if not handle.allow_interruptions or handle.source == "say":
                continue
            if not self._heard_anything(handle):
                self.notify(TurnDecision(decision="interrupt", reason=reason, at=self.now()))
                self._cut_handle(handle)

    def _heard_anything(self, handle: SpeechHandle) -> bool:
        return bool(handle.chat_items)

    def interrupt(self, *, force: bool = False) -> None:
        """User code stops all speech."""
        for handle in self._handles():
            if handle.allow_interruptions or force:
                self.interrupt_speech(handle, force=force)

    def interrupt_all(self) -> None:
        """The end: everything is cut, interruptible or not."""
        for handle in self._handles():
            self._cut_handle(handle)

    def interrupt_speech(self, handle: SpeechHandle, *, force: bool) -> None:
        """User code stops one speech."""
        self.post(self._interrupt_one, handle)

    def _interrupt_one(self, handle: SpeechHandle) -> None:
        if handle.done():
            return
        answers_turn = handle.source == "user_turn"
        self._cut_handle(handle)
        if answers_turn and not any(isinstance(i, ChatMessage) for i in handle.chat_items):
            self.notify(ReplySkipped(reason="the reply was interrupted", at=self.now()))

    def _handles(self) -> list[SpeechHandle]:
        handles: dict[SpeechHandle, None] = {}
        for segment in self.speaking.segments():
            handles[segment.handle] = None
        for handle in self.replying.active:
            handles[handle] = None
        return list(handles)

    def _cut_handle(self, handle: SpeechHandle) -> None:
        reply = self.replying.active.get(handle)
        if reply is not None:
            self.replying.interrupt(reply)
        for segment in self.speaking.segments():
            if segment.handle is handle:
                self.speaking.cut(segment)
        handle._mark_interrupted()
        self.check_done(handle)

    def waits_for(self, handle: SpeechHandle, scope: Scope) -> str | None:
        """Why awaiting `handle` in `scope` would never end, or None."""
        if scope.kind in ("tool", "on_user_turn_completed") and handle is scope.handle:
            if scope.kind == "tool":
                return (
                    f"the {scope} awaits the reply that made its call, which waits for the tool; "
                    "use `await ctx.wait_for_playout()` for what was said before the call"
                )
            return f"the {scope} awaits the reply that waits for the hook; leave out the `await`"
        if handle.agent is None and self.switching.window_open and scope.kind != "on_enter":
            new = self.switching.next_agent
            name = "?" if new is None else new.id
            return (
                f"the {scope} awaits a speech that is kept for agent {name!r}, who becomes active "
                "only after it; leave out the `await`"
            )
        return None

    # Hooks

    async def run_hook(self, hook: Callable[[], Awaitable[None]], scope: Scope) -> None:
        """Runs `on_enter` or `on_exit` in its scope; an error is reported and goes no further."""
        current_scope.set(scope)
        try:
            await hook()
        except SessionClosed:
            if not self.closing_begun:
                raise
        except Exception as error:
            self.log.error("%s failed", scope, exc_info=error)
            self.post(self.report_error, error, "hook", True, scope.kind)
        finally:
            current_scope.set(None)
            if scope.kind == "on_exit":
                scope.is_open = False

    # Errors

    def report_error(
        self, error: BaseException, source: str, recoverable: bool, detail: str = ""
    ) -> None:
        """Tells of an error; too many unrecoverable ones of a kind close the session."""
        if recoverable:
            self.log.info("%s: %s", source, error)
        else:
            self.log.warning("%s: %s", source, error)
        self.notify(
            ErrorEvent(
                error=error, source=source, recoverable=recoverable, detail=detail, at=self.now()
            )
        )
        if recoverable or self.closing_begun:
            return
        count = self._failures.get(source, 0) + 1
        self._failures[source] = count
        if count >= MAX_FAILURES:
            self.closing.begin("error", error=error, drain=False)

    def unknown_event(self, slot: str, event: object) -> None:
        """An event this version does not know is passed over, with one warning per kind."""
        key = (slot, type(event).__name__)
        if key not in self._unknown:
            self._unknown.add(key)
            self.log.warning("the %s gave an event of unknown kind: %s", slot, key[1])

    # Ending

    def stop_clocks(self) -> None:
        """Stops what would still move by itself."""
        self._running = False
        if self._away is not None:
            self._away.cancel()
            self._away = None
        self.turns.close()
        self.hearing.close()
        self.speaking.aclose()


class _Ears:
    """The sink that a transport gives its input to."""

    __slots__ = ("_c", "audio")

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.audio = conversation.hearing.audio

    def text(self, text: str) -> None:
        self._c.post(self._c.user_text, text)

    def dtmf(self, digit: str) -> None:
        self._c.log.debug("dtmf %s", digit)

    def closed(self, reason: str) -> None:
        self._c.post(self._c.closing.begin, reason)
