"""The conversation: the one writer, and its parts."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..agent import Agent, lineage
from ..clock import wall_time
from ..errors import SessionClosed, SlotMissing, ToolError
from ..events import (
    ErrorEvent,
    FunctionToolsExecuted,
)
from ..listeners import Listeners
from ..logs import SessionFields
from ..provider import SlotName
from ..scopes import Scope, current_scope
from ..session_options import SessionOptions
from ..tools import Tool
from ..transport import Transport
from ..turn_handling import Turns, resolve
from .closing import Closing, Stage
from .entering import Entering
from .failures import Failures
from .foreground import Foreground
from .hearing import Hearing
from .interrupting import Interrupting
from .journal import Journal, session_ids
from .keypad import Keypad
from .limits import Limits
from .live_settings import LiveSettings
from .mailbox import Mailbox
from .model_calls import ModelCalls
from .pacing import Pacing
from .quiet import Quiet
from .recording import Recorder
from .replying import Replying
from .requests import Requests
from .rewriters import Rewriters
from .runtime import NodeRuntime
from .segments import Segments
from .slots import Builder, Slots
from .speaking import Speaking
from .speculating import Speculating
from .states import States
from .summarising import Summarising
from .switching import Switching
from .task_frames import TaskFrames
from .tasks import TaskScope
from .tool_calls import ToolCalls
from .tool_sets import ToolSets
from .transcripts import Transcripts
from .turns import Turns as TurnTaking
from .usage import UsageBook
from .user_turns import UserTurns
from .voicing import Voicer

if TYPE_CHECKING:
    from ..session import AgentSession
    from .run_watch import RunWatch


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
        options: SessionOptions,
        listeners: Listeners,
    ) -> None:
        self.session = session
        self.loop = asyncio.get_running_loop()
        self.log = logging.getLogger("antiphon.session")
        self.ids = session_ids(self.loop, options.seed)
        self.id = f"session_{self.ids.prefix}"
        self.log_fields = SessionFields(self.id)
        self.started_at = self.loop.time()
        self.options = options
        self.listeners = listeners
        self.transport: Transport | None = None
        self.hears = False
        self.usage = UsageBook()
        self.model_calls = ModelCalls(self)
        self.journal = Journal(self)
        self._turn_settings: Turns | None = None
        self._own_turn_settings: Turns | None = None
        """Those of the session alone: what holds for most agents, at every hand-off."""
        self.sample_rate = 16000
        self.frame_ms = 20
        self._running = False
        self._idle_waiters: list[asyncio.Future[None]] = []
        self.run: RunWatch | None = None
        """What a test waits for: see `session.run`."""
        self.mailbox = Mailbox(
            settle=self._settle,
            deliver=self._deliver,
            failed=self._crashed,
            fields=self.log_fields,
        )
        self.post = self.mailbox.post
        self.notify = self.mailbox.notify
        self.failures = Failures(self)
        self.report_error = self.failures.report
        self.unknown_event = self.failures.unknown
        self.tasks = TaskScope(self._task_failed)
        self.tool_sets = ToolSets(self, options.tools)
        self.limits = Limits(self)
        self.live = LiveSettings(self)
        self.quiet = Quiet(self)
        self.foreground = Foreground(self)
        self.slots = Slots(registry, slots)
        self.runtime = NodeRuntime(self)
        self.states = States(self, options.user_away_timeout)
        self.recorder = Recorder(ids=self.ids, now=self.now, notify=self.notify)
        self.interrupting = Interrupting(self)
        self.requests = Requests(self)
        self.segments = Segments(self)
        self.transcripts = Transcripts(self)
        self.rewriters = Rewriters(self)
        self.pacing = Pacing(self)
        self.user_turns = UserTurns(self)
        self.speaking = Speaking(self)
        self.voicer = Voicer(self)
        self.tool_calls = ToolCalls(self)
        self.speculating = Speculating(self)
        self.replying = Replying(self)
        self.switching = Switching(self, agent)
        self.entering = Entering(self)
        self.task_frames = TaskFrames(self)
        self.summarising = Summarising(self)
        self.hearing = Hearing(self)
        self.turns = TurnTaking(self)
        self.keypad = Keypad(self)
        self.closing = Closing(self)

    @property
    def agent(self) -> Agent:
        """The active agent."""
        return self.switching.stack[-1].agent

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
        self.quiet.advance()
        self.states.derive()
        if self.run is not None:
            self.run.look()
        if self._idle_waiters and (self.idle or self.closing_begun):
            waiters, self._idle_waiters = self._idle_waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _deliver(self, event: Any) -> None:
        # Listeners are outside of any tool or hook, whoever's doing they are told of.
        self.journal.note(event)
        if self.listeners.wants(event.name):
            self._tell_listeners(event)
        if self.transport is not None:
            self.transport.notify(event)

    def _tell_listeners(self, event: Any) -> None:
        token = current_scope.set(None)
        failures = self.listeners.deliver(event)
        current_scope.reset(token)
        if self.closing.stage is Stage.CLOSED:
            failures.clear()  # they have been logged; nothing follows the close event
        for listener, error in failures:
            name = getattr(listener, "__qualname__", repr(listener))
            self.notify(
                ErrorEvent(
                    error=error, source="listener", recoverable=True, detail=name, at=self.now()
                )
            )

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

    @property
    def closing_begun(self) -> bool:
        """Nothing new is taken any more."""
        return self.closing.begun

    @property
    def turn_settings(self) -> Turns:
        """Turn-taking as it holds for the active agent."""
        if self._turn_settings is None:
            layers = [each.turn_handling for each in lineage(self.agent)]
            if any(layers):
                self._turn_settings = resolve(*layers, self.options.turn_handling)
            else:
                if self._own_turn_settings is None:
                    self._own_turn_settings = resolve(self.options.turn_handling)
                self._turn_settings = self._own_turn_settings
        return self._turn_settings

    def share_tools(self, tools: list[Any]) -> None:
        """Changes the tools that every agent has."""
        self.tool_sets.share(tools)

    @property
    def idle(self) -> bool:
        """Nobody speaks, thinks, switches or is still entering."""
        return self.speaking.idle and self.replying.idle and self.switching.idle

    @property
    def settled(self) -> bool:
        """Nothing more comes until somebody outside does something: `idle`, the user has said
        nothing that is not answered yet, and no tool runs but for an agent that a task has
        paused."""
        return (
            self.idle
            and not self.turns.in_progress
            and not self.switching.level.held_turns
            and all(
                self.switching.paused(call.step.agent) for call in self.tool_calls.running.values()
            )
        )

    async def next_idle(self) -> None:
        """Waits for the next moment at which that is so."""
        waiter = self.loop.create_future()
        self._idle_waiters.append(waiter)
        await waiter

    def tools_of(self, agent: Agent) -> dict[str, Tool]:
        """What an agent may call: its own tools and the session's."""
        return self.tool_sets.tools_of(agent)

    # Starting

    async def start(self, transport: Transport | None) -> None:
        """Loads the first agent's slots, connects the transport and activates the agent."""
        agent = self.agent
        self.switching.check(agent)
        self.tool_sets.open_first(agent)
        hears = transport is not None and transport.capabilities.audio_in
        plays = transport is not None and transport.capabilities.audio_out
        self.slots.in_use = (
            "llm",
            *(("tts",) if plays else ()),
            *(("stt", "vad", "turn_detector") if hears else ()),
        )
        await self.slots.load(agent)
        await self.tool_sets.opened()
        if transport is not None:
            capabilities = transport.capabilities
            self.hears = hears
            self.sample_rate = capabilities.sample_rate
            self.frame_ms = capabilities.frame_ms
        elif self.slots.get(agent, "llm") is None and not agent._slots and not self.slots.any():
            raise SlotMissing(
                f"agent {agent.id!r} has no llm, and neither has its session; give one of them: "
                'Agent(llm="…") or AgentSession(llm="…")'
            )
        self.hearing.check(agent)
        self.transport = transport
        self.speaking.attach(transport)
        self.started_at = self.loop.time()
        self.journal.started_at = wall_time()
        self._running = True
        self.limits.begin()
        self.post(self._begin, agent)
        if transport is not None:
            # It may fail: nobody is greeted before it is there.
            await transport.start(_Ears(self))
        self.post(self.entering.enter, agent)

    def _begin(self, agent: Agent) -> None:
        self.activate(agent)
        self.recorder.handoff(None, agent)

    def activate(self, agent: Agent) -> None:
        """Makes an agent the active one."""
        agent._runtime = self.runtime
        self.switching.level.agent = agent
        self.tool_sets.open_for(agent)
        self.live.activated(agent)
        self.retarget(agent)

    def retarget(self, agent: Agent) -> None:
        """The active agent, or what fills its slots, is another now."""
        self._turn_settings = None
        self.log_fields.agent_id = agent.id
        self.journal.agent(agent)
        self.hearing.retarget(agent)
        self.post(self.turns.rules_changed)

    # Hooks

    async def run_hook(self, hook: Callable[[], Awaitable[None]], scope: Scope) -> None:
        """Runs `on_enter` or `on_exit` in its scope; an error is reported and goes no further."""
        current_scope.set(scope)
        try:
            waited = hook()
            if not inspect.isawaitable(waited):
                raise TypeError(
                    f"it is no coroutine function; write `async def {scope.kind}(self)`"
                )
            await waited
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._hook_failed(scope, error)
        except SessionClosed as error:
            if not self.closing_begun:
                self._hook_failed(scope, error)
        except ToolError as error:
            # A task that the hook awaited has given way, to another agent or to the end.
            if not self.closing_begun and not self.switching.window_open:
                self._hook_failed(scope, error)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # e.g. `pytest.fail`: the switch must go on
            self._hook_failed(scope, error)
        finally:
            scope.returned = True
            current_scope.set(None)
            if scope.kind == "on_exit":
                scope.is_open = False

    def _hook_failed(self, scope: Scope, error: BaseException) -> None:
        self.log.error("%s failed", scope, exc_info=error)
        self.post(self.report_error, error, "hook", True, scope.kind)

    # Ending

    def stop_clocks(self) -> None:
        """Stops what would still move by itself."""
        self._running = False
        self.limits.close()
        self.states.close()
        self.turns.close()
        self.keypad.close()
        self.hearing.close()
        self.speaking.aclose()


class _Ears:
    """The sink that a transport gives its input to."""

    __slots__ = ("_c", "audio")

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.audio = conversation.hearing.audio

    def text(self, text: str) -> None:
        self._c.post(self._c.user_turns.text, text)

    def dtmf(self, digit: str) -> None:
        self._c.post(self._c.keypad.pressed, digit)

    def closed(self, reason: str) -> None:
        self._c.post(self._c.closing.caller_left, reason)
