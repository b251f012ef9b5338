"""The conversation: the one writer, and its parts."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..clock import Ids
from ..errors import SessionClosed, SlotMissing
from ..events import (
    ErrorEvent,
    FunctionToolsExecuted,
)
from ..listeners import Listeners
from ..provider import SlotName
from ..scopes import Scope, current_scope
from ..session_options import SessionOptions
from ..tools import Tool, collect_tools
from ..transport import Transport
from ..turn_handling import Turns, resolve
from .closing import Closing, Stage
from .failures import Failures
from .hearing import Hearing
from .interrupting import Interrupting
from .mailbox import Mailbox
from .recording import Recorder
from .replying import Replying
from .requests import Requests
from .runtime import NodeRuntime
from .segments import Segments
from .shown_context import all_tools
from .slots import Builder, Slots
from .speaking import Speaking
from .states import States
from .switching import Switching
from .tasks import TaskScope
from .tool_calls import ToolCalls
from .transcripts import Transcripts
from .turns import Turns as TurnTaking
from .usage import UsageBook
from .user_turns import UserTurns
from .voicing import Voicer

if TYPE_CHECKING:
    from ..session import AgentSession


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
        seed = options.seed
        self.ids = Ids(seed if seed is not None else getattr(self.loop, "seed", None))
        self.started_at = self.loop.time()
        self.agent = agent
        self.options = options
        self.listeners = listeners
        self.transport: Transport | None = None
        self.hears = False
        self.usage = UsageBook()
        self._turn_settings: Turns | None = None
        self._shared_tools = collect_tools(options.tools)
        self.sample_rate = 16000
        self.frame_ms = 20
        self._running = False
        self._idle_waiters: list[asyncio.Future[None]] = []
        self.mailbox = Mailbox(settle=self._settle, deliver=self._deliver, failed=self._crashed)
        self.post = self.mailbox.post
        self.notify = self.mailbox.notify
        self.failures = Failures(self)
        self.report_error = self.failures.report
        self.unknown_event = self.failures.unknown
        self.tasks = TaskScope(self._task_failed)
        self.slots = Slots(registry, slots)
        self.runtime = NodeRuntime(self)
        self.states = States(self, options.user_away_timeout)
        self.recorder = Recorder(ids=self.ids, now=self.now, notify=self.notify)
        self.interrupting = Interrupting(self)
        self.requests = Requests(self)
        self.segments = Segments(self)
        self.transcripts = Transcripts(self)
        self.user_turns = UserTurns(self)
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
        self.states.derive()
        if self._idle_waiters and (self.idle or self.closing_begun):
            waiters, self._idle_waiters = self._idle_waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _deliver(self, event: Any) -> None:
        # Listeners are outside of any tool or hook, whoever's doing they are told of.
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

    @property
    def closing_begun(self) -> bool:
        """Nothing new is taken any more."""
        return self.closing.begun

    @property
    def turn_settings(self) -> Turns:
        """Turn-taking as it holds for the active agent."""
        if self._turn_settings is None:
            self._turn_settings = resolve(self.agent.turn_handling, self.options.turn_handling)
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
        hears = transport is not None and transport.capabilities.audio_in
        plays = transport is not None and transport.capabilities.audio_out
        self.slots.in_use = (
            "llm",
            *(("tts",) if plays else ()),
            *(("stt", "vad", "turn_detector") if hears else ()),
        )
        await self.slots.load(agent)
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
        self._running = True
        self.post(self._begin, agent)
        if transport is not None:
            # It may fail: nobody is greeted before it is there.
            await transport.start(_Ears(self))
        self.post(self.switching.enter, agent)

    def _begin(self, agent: Agent) -> None:
        self.activate(agent)
        self.recorder.handoff(None, agent)

    def activate(self, agent: Agent) -> None:
        """Makes an agent the active one."""
        agent._runtime = self.runtime
        self.agent = agent
        self.retarget(agent)

    def retarget(self, agent: Agent) -> None:
        """The active agent, or what fills its slots, is another now."""
        self._turn_settings = None
        self.hearing.retarget(agent)

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
        except Exception as error:
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
        self.states.close()
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
        self._c.post(self._c.user_turns.text, text)

    def dtmf(self, digit: str) -> None:
        self._c.log.debug("dtmf %s", digit)

    def closed(self, reason: str) -> None:
        self._c.post(self._c.closing.caller_left, reason)
