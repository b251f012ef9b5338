"""Entering: `on_enter` of an agent that has become active, and the turns that came before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..agent import Agent
from ..chat import ChatMessage
from ..scopes import Scope
from .level import Level

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from ..timeline import Timeline
    from .conversation import Conversation

GRACE = 1.0
"""Seconds that `on_enter` has to say something before the engine answers a held turn itself."""


class Entering:
    """Runs `on_enter`, and sees to it that the turns of the window before it are answered."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    @property
    def _level(self) -> Level:
        return self._c.switching.level

    def enter(self, agent: Agent) -> None:
        """Runs `on_enter` and lets what was held for this agent go on."""
        level = self._level
        level.cancel_grace()
        if overrides_hook(agent, "on_enter"):
            scope = Scope("on_enter", agent)
            level.enter_scope = scope
            level.enter_task = self._c.tasks.start(
                self._run(agent, scope, level), f"on_enter of {agent.id}"
            )
            level.entering = True
            # Runs after the task's first step: the loop takes what is ready in order.
            self._c.loop.call_soon(self._c.post, self._began, level, scope)
            if level.held_turns:
                self._give_time(level)
        else:
            self._answer_held(level, True)
        if not level.window_open:
            self.release_held()

    async def _run(self, agent: Agent, scope: Scope, level: Level) -> None:
        await self._c.run_hook(agent.on_enter, scope)
        if level.enter_scope is scope:
            level.enter_task = None
        self._c.post(self._answer_held, level, True)

    def _began(self, level: Level, scope: Scope) -> None:
        if scope is level.enter_scope:
            level.entering = False

    def _give_time(self, level: Level) -> None:
        level.grace = self._c.loop.call_later(GRACE, self._c.post, self._answer_held, level, False)

    def resume(self, level: Level) -> None:
        """A task has ended: its turns that nobody has answered are answered by what the agent that
        awaited it says next, or after a moment by the engine."""
        if level.held_turns and level.grace is None:
            self._give_time(level)
        if not level.window_open:
            self.release_held()
        waiting, level.resumed = level.resumed, []
        for handler, arguments in waiting:
            handler(*arguments)

    def on_spoken(self) -> None:
        """Words have been said to their end. If they were all that `on_enter` has to say, the turns
        of the window are answered now; what it asks for right after them comes first."""
        level = self._level
        if level.held_turns and level.enter_task is not None and not level.window_open:
            self._c.loop.call_soon(self._c.post, self._answer_held, level, True)

    def release_held(self) -> None:
        """Queues the speech that was held, for the agent that is active now."""
        level = self._level
        held, level.held = level.held, []
        for handle, start in held:
            if not handle.done():
                start(level.agent)

    # Turns of the window

    def hold_turn(self, message: ChatMessage, timeline: Timeline) -> None:
        """Keeps a user turn of the window for the agent that comes."""
        self._level.held_turns.append((message, timeline))

    def deliver_held(self, agent: Agent) -> None:
        """Shows the turns of the window to the agent that has just become active."""
        for message, _ in self._level.held_turns:
            if message not in agent._chat_ctx:
                agent._chat_ctx.append(message)

    def answered_by(self, handle: SpeechHandle, agent: Agent) -> Timeline | None:
        """The first reply after a switch answers the turns of its window: their timeline."""
        level = self._level
        if not level.held_turns or level.window_open:
            return None
        _, timeline = self._take_held(level)
        self._c.user_turns.will_answer(timeline, handle, agent)
        return timeline

    def answered_by_step(self) -> None:
        """A reply that a task had paused goes on: the turns at the task's end are answered by
        it."""
        level = self._level
        if level.held_turns and not level.window_open:
            _, timeline = self._take_held(level)
            self._c.user_turns.close_timeline(timeline, interrupted=False)

    def answered_with_a_later_turn(self) -> None:
        """The reply to an ordinary turn begins: it answers those that were waiting too."""
        level = self._level
        turns, level.held_turns = level.held_turns, []
        if turns:
            level.cancel_grace()
        for _, timeline in turns:
            self._c.user_turns.close_timeline(timeline, interrupted=False)

    def _answer_held(self, level: Level, entered: bool) -> None:
        """Answers the turns of the window, unless `on_enter` has asked for a reply that does."""
        level.cancel_grace()
        if not level.held_turns or level is not self._level or level.window_open:
            return
        if not entered and self._c.speaking.segments():
            # Its first words are being played: they may be all it has to say. Look again then.
            self._give_time(level)
            return
        if self._c.closing_begun:
            self.leave_unanswered(level)
            return
        message, timeline = self._take_held(level)
        self._c.user_turns.answer(message, timeline)

    def _take_held(self, level: Level) -> tuple[ChatMessage, Timeline]:
        """The last of the turns that wait: the answer to it answers those before it too."""
        *earlier, last = level.held_turns
        level.held_turns = []
        level.cancel_grace()
        for _, timeline in earlier:
            self._c.user_turns.close_timeline(timeline, interrupted=False)
        return last

    def leave_unanswered(self, level: Level) -> None:
        """The session closes: the turns of the window get no answer."""
        turns, level.held_turns = level.held_turns, []
        for _, timeline in turns:
            self._c.user_turns.skip(timeline, "the session is closing")


def overrides_hook(agent: Agent, hook: str) -> bool:
    """Whether the agent has its own version of a hook; one that has not costs no task."""
    return getattr(type(agent), hook) is not getattr(Agent, hook) or hook in vars(agent)
