"""Switching: passing control from one agent to another, so that nothing said meanwhile is lost."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from ..agent import Agent
from ..chat import ChatContext, ChatItem, ChatMessage, FunctionCall
from ..errors import AntiphonError, SessionClosed
from ..events import SpeechDiscarded
from ..handoffs import Handoff, select_context
from ..scopes import Scope
from .steps import Step
from .switch import Switch

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from .conversation import Conversation
    from .timeline import Timeline

ON_EXIT_BOUND = 5.0
"""Seconds that `on_exit` may take while the session closes."""
GRACE = 1.0
"""Seconds that `on_enter` has to say something before the engine answers a held turn itself."""


class Phase(Enum):
    """Where the present switch stands."""

    IDLE = auto()
    WAITING = auto()
    """The old agent's reply is still on its way."""
    EXITING = auto()
    """`on_exit` runs, and what the new agent needs is loaded."""
    DRAINING = auto()
    """What the old agent has queued is being played."""


class Switching:
    """The queue of switches, and the machine that moves the first of them on."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.phase = Phase.IDLE
        self.queue: deque[Switch] = deque()
        self.enter_scope: Scope | None = None
        self._enter_task: asyncio.Task[None] | None = None
        self.exit_scope: Scope | None = None
        self.exit_task: asyncio.Task[None] | None = None
        """Runs `on_exit` of the active agent, for a switch."""
        self._exit_done = False
        self.held: list[tuple[SpeechHandle, Callable[[Agent], None]]] = []
        """Speech asked for from outside: it belongs to the agent that will be active."""
        self.held_turns: list[tuple[ChatMessage, Timeline]] = []
        """User turns of the window, recorded and not yet answered."""
        self._grace: asyncio.TimerHandle | None = None
        self._entering = False
        """`on_enter` has not come to its first wait yet: what it says up to there is not known."""

    @property
    def next_agent(self) -> Agent | None:
        """Who will be active when everything queued is done, or None."""
        return self.queue[-1].new if self.queue else None

    @property
    def window_open(self) -> bool:
        """From the decision to hand over until the new agent is active."""
        return bool(self.queue)

    @property
    def exited(self) -> bool:
        """`on_exit` of the active agent has run already, or there is none."""
        return self.phase is Phase.DRAINING or (self.phase is Phase.EXITING and self._exit_done)

    @property
    def idle(self) -> bool:
        """No switch is asked for, and no `on_enter` runs."""
        entering = self._enter_task is not None and not self._enter_task.done()
        return not self.queue and not entering

    # Asking

    def refusal(self, agent: Agent) -> str | None:
        """Why the conversation cannot be handed to `agent`, or None."""
        if self._c.closing_begun:
            return "the session is closing; it takes no other agent"
        try:
            self.check(agent)
        except AntiphonError as error:
            self._c.post(self._c.report_error, error, "handoff", True, agent.id)
            return f"the hand-off to {agent.id!r} is not possible: {error}"
        except RuntimeError as error:
            return str(error)
        return None

    def check(self, agent: Agent) -> None:
        """Raises when `agent` cannot join: it is in another session, or a slot cannot be filled."""
        for runtime in (agent._runtime, agent._claimed):
            if runtime is not None and runtime is not self._c.runtime:
                raise RuntimeError(
                    f"agent {agent.id!r} is active in another session; "
                    "make a new one for this session"
                )
        self._c.slots.resolve_all(agent)

    def from_step(self, handoff: Handoff, step: Step) -> None:
        """A tool has handed over."""
        self.request(
            Switch(self._c, handoff.agent, choice=handoff.context, handle=step.handle, step=step)
        )

    def update_agent(self, agent: Agent) -> Switch:
        """User code hands over. Raises what `check` raises."""
        self.check(agent)
        switch = Switch(self._c, agent)
        self._c.post(self.request, switch)
        return switch

    def late(self, handoff: Handoff, step: Step) -> None:
        """A tool has handed over whose reply had been interrupted: after what is being said."""
        self.request(Switch(self._c, handoff.agent, choice=handoff.context, step=step))

    def request(self, switch: Switch) -> None:
        """Queues a switch."""
        if self._c.closing_begun:
            switch.finish(SessionClosed("the session is closing; it takes no other agent"))
            return
        switch.new._claimed = self._c.runtime
        self.queue.append(switch)

    # Moving on

    def advance(self) -> None:
        """Takes every step that nothing stands in the way of."""
        while self.queue and not self._c.closing_begun:
            phase = self.phase
            if phase is Phase.IDLE:
                self.phase = Phase.WAITING
            elif phase is Phase.WAITING:
                if self._entering or not self._may_exit(self.queue[0]):
                    return
                self._exit()
            elif phase is Phase.EXITING:
                if not self._exit_done:
                    return
                self._leave_scopes()
                self.phase = Phase.DRAINING
            elif phase is Phase.DRAINING:
                if not (self._c.speaking.idle and self._c.replying.idle):
                    return
                self._switch()

    def _may_exit(self, switch: Switch) -> bool:
        if switch.handle is not None:
            return switch.handle.done()
        return self._c.replying.idle and self._c.speaking.idle

    def _exit(self) -> None:
        self.phase = Phase.EXITING
        old, new = self._c.agent, self.queue[0].new
        overridden = _overrides(old, "on_exit")
        unloaded = self._c.slots.unloaded(new)
        self._exit_done = not overridden and not unloaded
        if self._exit_done:
            return
        scope = Scope("on_exit", old) if overridden else None
        self.exit_scope = scope
        self.exit_task = self._c.tasks.start(
            self._run_exit(old, new, scope), f"on_exit of {old.id}"
        )

    async def _run_exit(self, old: Agent, new: Agent, scope: Scope | None) -> None:
        loading = None
        if self._c.slots.unloaded(new):
            loading = asyncio.get_running_loop().create_task(self._c.slots.load_late(new))
        if scope is not None:
            await self._c.run_hook(old.on_exit, scope)
        if loading is not None:
            try:
                await loading
            except Exception as error:
                self._c.post(self._c.report_error, error, "handoff", False, new.id)
        self._c.post(self._on_exit_returned)

    def _on_exit_returned(self) -> None:
        self._exit_done = True
        self.exit_task = None

    def _leave_scopes(self) -> None:
        for scope in (self.exit_scope, self.enter_scope):
            if scope is not None:
                scope.is_open = False
                scope.left = True
        if self._enter_task is not None and not self._enter_task.done():
            self._enter_task.cancel()
        self.exit_scope = self.enter_scope = self._enter_task = None

    def _switch(self) -> None:
        switch = self.queue.popleft()
        old, new = self._c.agent, switch.new
        self._c.tool_calls.leave(old)
        try:
            self._complete_context(switch, old, new)
        except Exception as error:
            error.add_note(f"in the `context=` function of the hand-off to {new.id!r}")
            self._c.report_error(error, "handoff", True, new.id)
        if new is not old:
            old._runtime = None
        if all(later.new is not new for later in self.queue):
            new._claimed = None
        self._c.activate(new)
        self._c.recorder.handoff(old, new)
        for message, _ in self.held_turns:
            if message not in new._chat_ctx:
                new._chat_ctx.append(message)
        self.phase = Phase.IDLE
        switch.finish()
        self.enter(new)

    def _complete_context(self, switch: Switch, old: Agent, new: Agent) -> None:
        context = new._chat_ctx
        if switch.choice is not None:
            chosen: ChatContext = select_context(switch.choice, old._chat_ctx)
            context.items = list(chosen.items)
            new._place_instructions()
            return
        step = switch.step
        if step is None or new is old:
            return
        ids = {call.item.id for call in step.calls}
        if not any(isinstance(item, FunctionCall) and item.id in ids for item in context):
            return
        early = step.segment.early
        if early is not None and early not in old._chat_ctx and early in context:
            context.remove(early.id)
        later: list[ChatItem] = []
        begun = False
        for item in old._chat_ctx:
            if begun and item not in context:
                later.append(item)
            if isinstance(item, FunctionCall) and item.id in ids:
                begun = True
        for item in later:
            if not (isinstance(item, ChatMessage) and item.role == "system"):
                context.append(item)

    # Entering

    def enter(self, agent: Agent) -> None:
        """Runs `on_enter` and lets what was held for this agent go on."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if _overrides(agent, "on_enter"):
            scope = Scope("on_enter", agent)
            self.enter_scope = scope
            self._enter_task = self._c.tasks.start(
                self._run_enter(agent, scope), f"on_enter of {agent.id}"
            )
            self._entering = True
            # Runs after the task's first step: the loop takes what is ready in order.
            self._c.loop.call_soon(self._c.post, self._began_to_enter, scope)
            if self.held_turns:
                self._grace = self._c.loop.call_later(GRACE, self._c.post, self._answer_held, False)
        else:
            self._answer_held(True)
        if not self.queue:
            self.release_held()

    async def _run_enter(self, agent: Agent, scope: Scope) -> None:
        await self._c.run_hook(agent.on_enter, scope)
        self._enter_task = None
        self._c.post(self._answer_held, True)

    def _began_to_enter(self, scope: Scope) -> None:
        if scope is self.enter_scope:
            self._entering = False

    def on_spoken(self) -> None:
        """Words have been said to their end. If they were all that `on_enter` has to say, the turns
        of the window are answered now; what it asks for right after them comes first."""
        if self.held_turns and self._enter_task is not None and not self.queue:
            self._c.loop.call_soon(self._c.post, self._answer_held, True)

    def release_held(self) -> None:
        """Queues the speech that was held, for the agent that is active now."""
        held, self.held = self.held, []
        for handle, start in held:
            if not handle.done():
                start(self._c.agent)

    def _answer_held(self, entered: bool) -> None:
        """Answers the turns of the window, unless `on_enter` has asked for a reply that does."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        if not self.held_turns or self.window_open:
            return
        if not entered and self._c.speaking.segments():
            # Its first words are being played: they may be all it has to say. Look again then.
            self._grace = self._c.loop.call_later(GRACE, self._c.post, self._answer_held, False)
            return
        if self._c.closing_begun:
            self._leave_unanswered()
            return
        message, timeline = self._take_held()
        self._c.user_turns.answer(message, timeline)

    def _leave_unanswered(self) -> None:
        turns, self.held_turns = self.held_turns, []
        for _, timeline in turns:
            self._c.user_turns.skip(timeline, "the session is closing")

    def _take_held(self) -> tuple[ChatMessage, Timeline]:
        """The last of the turns that wait: the answer to it answers those before it too."""
        *earlier, last = self.held_turns
        self.held_turns = []
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        for _, timeline in earlier:
            self._c.user_turns.close_timeline(timeline, interrupted=False)
        return last

    def answered_by(self, handle: SpeechHandle, agent: Agent) -> Timeline | None:
        """The first reply after a switch answers the turns of its window: their timeline."""
        if not self.held_turns or self.window_open:
            return None
        _, timeline = self._take_held()
        self._c.user_turns.will_answer(timeline, handle, agent)
        return timeline

    def hold_turn(self, message: ChatMessage, timeline: Timeline) -> None:
        """Keeps a user turn of the window for the agent that comes."""
        self.held_turns.append((message, timeline))

    def abandon(self) -> None:
        """The session closes: nothing more is switched."""
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        for switch in self.queue:
            switch.new._claimed = None
            switch.finish(SessionClosed("the session closed before the switch was done"))
        self.queue.clear()
        self._leave_unanswered()
        self.phase = Phase.IDLE
        self._leave_scopes()
        held, self.held = self.held, []
        for handle, _ in held:
            if not handle.done():
                discard(self._c, handle, "the session closed before its agent was active")


def _overrides(agent: Agent, hook: str) -> bool:
    return getattr(type(agent), hook) is not getattr(Agent, hook) or hook in vars(agent)


def discard(conversation: Conversation, handle: SpeechHandle, reason: str) -> None:
    """Ends a handle that will never be voiced, with an event."""
    handle._mark_interrupted()
    handle._finish()
    conversation.notify(SpeechDiscarded(speech_handle=handle, reason=reason, at=conversation.now()))
