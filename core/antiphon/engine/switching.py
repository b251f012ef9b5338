"""Switching: passing control from one agent to another, so that nothing said meanwhile is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..agent import Agent
from ..errors import AntiphonError, ConfigurationError, SessionClosed
from ..events import SpeechDiscarded
from ..handoffs import Handoff
from ..scopes import Scope
from .entering import overrides_hook
from .handed_context import complete_context
from .level import Level, Phase
from .steps import Step
from .switch import Switch

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from .conversation import Conversation


class Switching:
    """The queue of switches, and the machine that moves the first of them on."""

    def __init__(self, conversation: Conversation, first: Agent) -> None:
        self._c = conversation
        self.stack: list[Level] = [Level(first)]
        """The session's own level, then one for every task that is awaited."""

    @property
    def level(self) -> Level:
        """The level of the active agent."""
        return self.stack[-1]

    def level_of(self, agent: Agent) -> Level | None:
        """The highest level that belongs to `agent`, or None."""
        for level in reversed(self.stack):
            if level.agent is agent:
                return level
        return None

    def paused(self, agent: Agent | None) -> bool:
        """Whether the agent waits for the end of a task that it awaits."""
        stack = self.stack
        return len(stack) > 1 and any(level.agent is agent for level in stack[:-1])

    def stays(self, agent: Agent) -> bool:
        """Whether the agent is active, or will be again when its tasks have ended."""
        return agent is self._c.agent or self.paused(agent)

    @property
    def next_agent(self) -> Agent | None:
        """Who will be active when everything queued is done, or None."""
        level = self.level
        if level.pushes:
            return level.pushes[-1].task
        return level.queue[-1].new if level.queue else None

    @property
    def window_open(self) -> bool:
        """From the decision to hand over until the new agent is active."""
        return self.level.window_open

    @property
    def idle(self) -> bool:
        """No switch is asked for, and no `on_enter` runs."""
        level = self.level
        entering = level.enter_task is not None and not level.enter_task.done()
        return not level.window_open and not entering

    # Asking

    def refusal(self, agent: Agent) -> str | None:
        """Why the conversation cannot be handed to `agent`, or None."""
        if self._c.closing_begun:
            return "the session is closing; it takes no other agent"
        try:
            self.check_handoff(agent)
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

    def check_handoff(self, agent: Agent) -> None:
        """The same for an agent that is handed the conversation, which no task can be."""
        if getattr(agent, "__antiphon_task__", False):
            raise ConfigurationError(
                f"agent {agent.id!r} is a task; `await` it in a tool, and return what follows "
                "from its result"
            )
        self.check(agent)

    def from_step(self, handoff: Handoff, step: Step) -> None:
        """A tool has handed over."""
        self.request(
            Switch(self._c, handoff.agent, choice=handoff.context, handle=step.handle, step=step)
        )

    def update_agent(self, agent: Agent) -> Switch:
        """User code hands over. Raises what `check` raises."""
        self.check_handoff(agent)
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
        self._c.tool_sets.open_for(switch.new)
        if switch.choice == "summary":
            switch.summary = self._c.summarising.begin(self._c.agent, switch.new)
        level = self.level
        waiting = [frame for frame in level.pushes if frame.scope.kind != "on_exit"]
        self._c.task_frames.refuse(waiting, switch.new)
        level.queue.append(switch)

    # Moving on

    def advance(self) -> None:
        """Takes every step that nothing stands in the way of."""
        while not self._c.closing_begun and self._step():
            pass

    def _step(self) -> bool:
        """Takes one; False when something must happen first."""
        level = self.level
        if self._c.task_frames.begin(level):
            return True
        if level.frame is not None:
            self._c.task_frames.leave(level)
        if not level.queue:
            return False
        switch = level.queue[0]
        if level.phase is Phase.IDLE:
            level.phase = Phase.WAITING
        elif level.phase is Phase.WAITING:
            if level.entering or not self._may_exit(switch):
                return False
            self._exit(level, switch)
        elif level.phase is Phase.EXITING:
            if not level.exit_done:
                return False
            level.leave_scopes()
            self._c.task_frames.refuse(level.pushes, switch.new)
            level.phase = Phase.DRAINING
        elif self._c.speaking.idle and self._c.replying.idle:
            self._switch(level)
        else:
            return False
        return True

    def _may_exit(self, switch: Switch) -> bool:
        if switch.handle is not None:
            return switch.handle.done()
        return self._c.replying.idle and self._c.speaking.idle

    def _exit(self, level: Level, switch: Switch) -> None:
        level.phase = Phase.EXITING
        old, new = level.agent, switch.new
        overridden = overrides_hook(old, "on_exit")
        unloaded = self._c.slots.unloaded(new)
        level.exit_done = not overridden and not unloaded
        if level.exit_done:
            return
        scope = Scope("on_exit", old) if overridden else None
        level.exit_scope = scope
        level.exit_task = self._c.tasks.start(
            self._run_exit(level, old, new, scope), f"on_exit of {old.id}"
        )

    async def _run_exit(self, level: Level, old: Agent, new: Agent, scope: Scope | None) -> None:
        loading = None
        if self._c.slots.unloaded(new):
            loading = self._c.tasks.start(self._load(new), f"loading for {new.id}")
        if scope is not None:
            await self._c.run_hook(old.on_exit, scope)
        if loading is not None:
            await loading
        self._c.post(self._on_exit_returned, level)

    async def _load(self, new: Agent) -> None:
        try:
            await self._c.slots.load_late(new)
        except Exception as error:
            self._c.post(self._c.report_error, error, "handoff", False, new.id)

    @staticmethod
    def _on_exit_returned(level: Level) -> None:
        level.exit_done = True
        level.exit_task = None

    def _switch(self, level: Level) -> None:
        switch = level.queue.popleft()
        level.phase = Phase.IDLE
        old, new = level.agent, switch.new
        self._c.tool_calls.leave(old)
        if switch.back is not None:
            self._c.task_frames.pop(level, switch.back)
            switch.finish()
            return
        try:
            if switch.choice == "summary":
                new._chat_ctx.items = self._c.summarising.show(switch.summary, old, new).items
                new._place_instructions()
            else:
                complete_context(switch, old, new)
        except Exception as error:
            error.add_note(f"in the `context=` function of the hand-off to {new.id!r}")
            self._c.report_error(error, "handoff", True, new.id)
        self._c.tool_calls.handed(new)
        if new is not old:
            old._runtime = None
        if all(later.new is not new for later in level.queue):
            new._claimed = None
        self._c.activate(new)
        self._c.recorder.handoff(old, new)
        self._c.entering.deliver_held(new)
        switch.finish()
        self._c.entering.enter(new)

    def abandon(self) -> None:
        """The session closes: nothing more is switched."""
        for level in self.stack:
            level.cancel_grace()
            for switch in level.queue:
                switch.new._claimed = None
                switch.finish(SessionClosed("the session closed before the switch was done"))
            level.queue.clear()
            self._c.entering.leave_unanswered(level)
            level.phase = Phase.IDLE
            level.leave_scopes()
            held, level.held = level.held, []
            for handle, _ in held:
                if not handle.done():
                    discard(self._c, handle, "the session closed before its agent was active")
            for handler, arguments in level.resumed:
                handler(*arguments)
            level.resumed.clear()
        self._c.task_frames.stop_clocks()


def discard(conversation: Conversation, handle: SpeechHandle, reason: str) -> None:
    """Ends a handle that will never be voiced, with an event."""
    handle._mark_interrupted()
    handle._finish()
    conversation.notify(SpeechDiscarded(speech_handle=handle, reason=reason, at=conversation.now()))
