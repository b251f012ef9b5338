"""Interrupting: what ends a speech before its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..agent import Agent
from ..chat import ChatMessage
from ..events import ReplySkipped, TurnDecision
from ..scopes import Scope, current_scope
from ..speech import SpeechHandle
from .segment import SegmentState

if TYPE_CHECKING:
    from ..timeline import Timeline
    from .conversation import Conversation


class Interrupting:
    """Cuts speeches: for the user, for user code, or at the end."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    def for_user(self) -> None:
        """The user has the floor: everything that may be interrupted is."""
        for handle in self._handles():
            if handle.allow_interruptions:
                self.cut(handle)

    def yield_thinking(self, reason: str) -> list[tuple[ChatMessage, Timeline | None]]:
        """The user goes on while the agent only thinks: its reply gives way, words stay. Returns
        the turns that are unanswered now."""
        unanswered: list[tuple[ChatMessage, Timeline | None]] = []
        for handle in self._handles():
            if not handle.allow_interruptions or handle.source == "say":
                continue
            if not self._heard_anything(handle):
                self._c.notify(TurnDecision(decision="interrupt", reason=reason, at=self._c.now()))
                reply = self._c.replying.active.get(handle)
                if reply is not None and reply.message is not None:
                    # Its timeline goes on with whatever answers it.
                    self._c.user_turns.answering.pop(handle, None)
                    unanswered.append((reply.message, reply.timeline))
                self.cut(handle)
        return unanswered

    def unheard_turns(self) -> list[tuple[ChatMessage, Timeline | None]]:
        """The turns of replies that wait behind what is heard, and are about to be cut with it."""
        current = self._c.speaking.current
        turns: list[tuple[ChatMessage, Timeline | None]] = []
        for handle in self._handles():
            reply = self._c.replying.active.get(handle)
            heard = self._heard_anything(handle)
            if current is not None and handle is current.handle:
                heard = heard or current.state is SegmentState.PLAYING
            if handle.allow_interruptions and not heard and reply and reply.message is not None:
                self._c.user_turns.answering.pop(handle, None)
                turns.append((reply.message, reply.timeline))
        return turns

    @property
    def pending(self) -> bool:
        """Whether there is a speech, thought of or heard, that the user may interrupt."""
        return any(handle.allow_interruptions for handle in self._handles())

    def _heard_anything(self, handle: SpeechHandle) -> bool:
        return bool(handle.chat_items)

    def asked(self, *, force: bool = False) -> None:
        """User code stops all speech."""
        for handle in self._handles():
            if handle.allow_interruptions or force:
                self.interrupt_speech(handle, force=force)

    def everything(self) -> None:
        """The end: everything is cut, interruptible or not."""
        for handle in self._handles(paused=True):
            self.cut(handle)

    def of_agent(self, agent: Agent) -> None:
        """What an agent says and thinks is cut."""
        for handle in self._handles():
            if handle.agent is agent:
                self._interrupt_one(handle)

    def interrupt_speech(self, handle: SpeechHandle, *, force: bool) -> None:
        """User code stops one speech."""
        self._c.post(self._interrupt_one, handle)

    def _interrupt_one(self, handle: SpeechHandle) -> None:
        if handle.done():
            return
        answers_turn = handle.source == "user_turn" or handle in self._c.user_turns.answering
        self.cut(handle)
        if answers_turn and not any(isinstance(i, ChatMessage) for i in handle.chat_items):
            self._c.notify(ReplySkipped(reason="the reply was interrupted", at=self._c.now()))

    def _handles(self, *, paused: bool = False) -> list[SpeechHandle]:
        # A reply that waits for a task is not to be stopped by what is said to the task.
        handles: dict[SpeechHandle, None] = {}
        for segment in self._c.speaking.segments():
            handles[segment.handle] = None
        is_paused = self._c.switching.paused
        for handle, reply in self._c.replying.active.items():
            if paused or not is_paused(reply.agent):
                handles[handle] = None
        return list(handles)

    def cut(self, handle: SpeechHandle) -> None:
        """Ends one speech now: its thinking, and all of its segments."""
        reply = self._c.replying.active.get(handle)
        if reply is not None:
            self._c.replying.interrupt(reply)
        for segment in self._c.speaking.segments():
            if segment.handle is handle:
                self._c.speaking.cut(segment)
        handle._mark_interrupted()
        self._c.segments.check_done(handle)

    def waits_for(self, handle: SpeechHandle, scope: Scope) -> str | None:
        """Why awaiting `handle` in `scope` would never end, or None."""
        if scope.runtime is not self._c.runtime:
            return None
        if scope.kind in ("tool", "on_user_turn_completed") and handle is scope.handle:
            if scope.kind == "tool":
                return (
                    f"the {scope} awaits the reply that made its call, which waits for the tool; "
                    "use `await ctx.wait_for_playout()` for what was said before the call"
                )
            return f"the {scope} awaits the reply that waits for the hook; leave out the `await`"
        if handle.agent is None and self._c.switching.window_open and scope.kind != "on_enter":
            new = self._c.switching.next_agent
            name = "?" if new is None else new.id
            return (
                f"the {scope} awaits a speech that is kept for agent {name!r}, who becomes active "
                "only after it; leave out the `await`"
            )
        is_paused = self._c.switching.paused
        if is_paused(handle.agent) and not is_paused(scope.agent):
            paused = "?" if handle.agent is None else handle.agent.id
            return (
                f"the {scope} awaits a speech of agent {paused!r}, who is paused until the task "
                f"{self._c.agent.id!r} ends; leave out the `await`"
            )
        between = self._between(handle, scope)
        if between is not None:
            return (
                f"the {scope} awaits a speech that waits for the {between}, which waits for it; "
                "leave out the `await`"
            )
        return None

    def _between(self, handle: SpeechHandle, scope: Scope) -> Scope | None:
        """The tool or hook that `handle` waits for and that itself waits, however indirectly, for
        `scope`."""
        for waiting in self._waited_for_by(handle):
            for awaited in waiting.awaited:
                # Its own reply waits for a tool, and for the hook of its turn.
                waits = scope.kind in ("tool", "on_user_turn_completed") and awaited is scope.handle
                if waits or self._between(awaited, scope) is not None:
                    return waiting
        return None

    def _waited_for_by(self, handle: SpeechHandle) -> Iterator[Scope]:
        """The tools and the hook that have to end before a speech can go on."""
        reply = self._c.replying.active.get(handle)
        if reply is not None and reply.hook_scope is not None:
            yield reply.hook_scope
        for call in self._c.tool_calls.running.values():
            if call.step.handle is handle and call.scope is not None and call.scope.is_open:
                yield call.scope

    def call_back(self, callback: Callable[[SpeechHandle], object], handle: SpeechHandle) -> None:
        """Calls user code that waits for the end of a speech; what it raises is reported."""
        token = current_scope.set(None)
        try:
            callback(handle)
        except Exception as error:
            self._c.log.exception("a done callback of %r failed", handle)
            self._c.report_error(error, "listener", True, "done callback")
        finally:
            current_scope.reset(token)
