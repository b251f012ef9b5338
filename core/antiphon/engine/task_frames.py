"""Tasks that are awaited: each pauses the agent that awaits it, and gives the floor back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..errors import ToolError
from ..scopes import Scope
from .frame import Frame
from .handed_context import merge_back
from .level import Level
from .switch import Switch

if TYPE_CHECKING:
    from ..task import AgentTask
    from .conversation import Conversation
    from .reply import Reply

GIVING_WAY = 5.0
"""Seconds that the tools of an agent have to end when a task of theirs has given way."""


class TaskFrames:
    """Puts tasks on the stack of agents, and takes them off."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._bounds: list[asyncio.TimerHandle] = []

    # Asking

    async def run(self, task: AgentTask[Any], scope: Scope) -> None:
        """Waits until `task` has been led to its end. Raises `ToolError` when it cannot be."""
        self._check(task, scope)
        if task.done():
            return
        frame = Frame(task, scope)
        self._c.post(self._request, frame)
        try:
            await frame.wait()
        except asyncio.CancelledError:
            self._c.post(self._cancelled, frame)
            raise
        if frame.error is not None:
            raise frame.error

    def _check(self, task: AgentTask[Any], scope: Scope) -> None:
        if self._c.closing_begun:
            raise ToolError(f"the session is closing; the task {task.id!r} cannot begin")
        level = self._c.switching.level_of(scope.agent)
        if not scope.is_open or level is None:
            raise ToolError(f"the {scope} has ended; the task {task.id!r} cannot begin")
        if self._c.switching.level_of(task) is not None:
            raise RuntimeError(
                f"the task {task.id!r} is active already, and cannot be awaited in the {scope}; "
                f"make a new one: {type(task).__name__}(…)"
            )
        if level.queue and scope.kind != "on_exit":
            raise _gave_way(task, level.queue[0].new)
        task._parent = scope.agent
        self._c.switching.check(task)

    def _request(self, frame: Frame) -> None:
        level = self._c.switching.level_of(frame.parent)
        if level is None or self._c.closing_begun:
            frame.finish(ToolError(f"the task {frame.task.id!r} cannot begin any more"))
            return
        frame.task._claimed = self._c.runtime
        if self._c.slots.unloaded(frame.task):
            frame.loading = self._c.tasks.start(self._load(frame), f"loading for {frame.task.id}")
        level.pushes.append(frame)

    async def _load(self, frame: Frame) -> None:
        try:
            await self._c.slots.load_late(frame.task)
        except Exception as error:
            frame.error = error
        frame.loading = None
        self._c.post(_settle)

    def _cancelled(self, frame: Frame) -> None:
        """The await was cancelled: the task has nothing more to do, and says nothing more."""
        if not frame.task.done():
            frame.task.cancel()
        if any(level.frame is frame for level in self._c.switching.stack):
            self._c.interrupting.of_agent(frame.task)

    def completed(self, task: AgentTask[Any]) -> None:
        """A task that is in the session has called `complete`."""
        if self._c.run is not None:
            self._c.run.task_completed(task)
        switching = self._c.switching
        bottom = switching.stack[0]
        if bottom.agent is task and bottom.frame is None:
            self._c.closing.begin("task_completed", drain=True)

    # Beginning

    def begin(self, level: Level) -> bool:
        """Makes the next task of the active level active, when nothing stands in its way."""
        if not level.pushes:
            return False
        frame = level.pushes[0]
        if frame.leaves:
            level.pushes.popleft()
            frame.task._claimed = None
            frame.finish()
            if not level.pushes:
                self._c.entering.resume(level)
            return True
        if frame.loading is not None or level.entering or not self._quiet():
            return False
        level.pushes.popleft()
        self._push(frame, level)
        return True

    def _quiet(self) -> bool:
        """Whether nothing is being said or thought but by replies that wait for their tools."""
        if not self._c.speaking.idle:
            return False
        paused = self._c.switching.paused
        return all(
            _waits_for_tools(reply)
            for reply in self._c.replying.active.values()
            if not paused(reply.agent)
        )

    def _push(self, frame: Frame, level: Level) -> None:
        task, old = frame.task, level.agent
        frame.scope.led_task = True
        level.cancel_grace()
        above = Level(task, frame)
        above.held_turns, level.held_turns = level.held_turns, []
        above.held, level.held = level.held, []
        self._c.switching.stack.append(above)
        self._c.tool_calls.handed(task)
        task._claimed = None
        self._c.activate(task)
        self._c.recorder.handoff(old, task)
        self._c.entering.deliver_held(task)
        self._c.entering.enter(task)

    # Ending

    def leave(self, level: Level) -> None:
        """Has the active task leave, when it is complete or must give way."""
        frame = level.frame
        if frame is None or (level.queue and level.queue[0].back is frame):
            return
        lower = [each.frame for each in self._c.switching.stack[1:-1] if each.frame is not None]
        outer = next((each for each in lower if each.leaves), None)
        if not frame.leaves:
            if level.queue:
                frame.error = _gave_way(frame.task, level.queue[0].new)
            elif outer is not None:
                frame.error = ToolError(
                    f"the task {frame.task.id!r} gave way to the end of the task {outer.task.id!r}"
                )
            else:
                return
        for waiting in level.pushes:
            waiting.error = waiting.error or ToolError(
                f"the task {waiting.task.id!r} cannot begin: {frame.task.id!r} has ended"
            )
        handle = level.queue[0].handle if level.queue else None
        level.queue.appendleft(Switch(self._c, frame.parent, back=frame, handle=handle))

    @staticmethod
    def refuse(waiting: Iterable[Frame], new: Agent) -> None:
        """These cannot begin any more: whoever awaits them makes room for `new`."""
        for frame in waiting:
            if frame.error is None:
                frame.error = _gave_way(frame.task, new)

    def leaving(self, agent: Agent) -> bool:
        """Whether this agent is a task that is about to leave: it begins no more tools."""
        level = self._c.switching.level
        return level.agent is agent and level.frame is not None and level.frame.leaves

    def pop(self, level: Level, frame: Frame) -> None:
        """Gives the floor back to the agent that awaits the task."""
        gave_way = frame.error is not None
        below = self._take_off(level, frame)
        for switch in level.queue:
            switch.handle = None  # it was of the task, and is done
            below.queue.append(switch)
        if below.queue:
            waiting = [frame for frame in below.pushes if frame.scope.kind != "on_exit"]
            self.refuse(waiting, below.queue[0].new)
        below.held_turns += level.held_turns
        below.held += level.held
        self._c.entering.deliver_held(below.agent)
        if gave_way:
            self._give_way(below)
        frame.finish()
        self._c.entering.resume(below)

    def _take_off(self, level: Level, frame: Frame) -> Level:
        task, stack = frame.task, self._c.switching.stack
        level.cancel_grace()
        level.leave_scopes()
        stack.pop()
        merge_back(frame)
        self._c.tool_calls.handed(frame.parent)
        task._runtime = None
        self._c.activate(frame.parent)
        self._c.recorder.handoff(task, frame.parent)
        return stack[-1]

    def _give_way(self, below: Level) -> None:
        """The agent below is about to be left: its replies end with the outputs of their tools."""
        waiting = [
            reply for reply in self._c.replying.active.values() if reply.agent is below.agent
        ]
        for reply in waiting:
            reply.gives_way = True
        if waiting:
            self._bounds.append(
                self._c.loop.call_later(GIVING_WAY, self._c.post, self._stop, waiting)
            )

    def _stop(self, replies: list[Reply]) -> None:
        for reply in replies:
            if reply.handle in self._c.replying.active:
                self._c.interrupting.cut(reply.handle)

    # Closing

    def close(self) -> None:
        """A close has begun: whoever awaits a task hears of it now."""
        for level in reversed(self._c.switching.stack):
            for frame in (*level.pushes, *((level.frame,) if level.frame is not None else ())):
                frame.task._claimed = None
                if frame.task.done():
                    frame.finish()
                else:
                    frame.finish(
                        ToolError(
                            f"the session is closing; the task {frame.task.id!r} was not completed"
                        )
                    )
            level.pushes.clear()
        for reply in self._c.replying.active.values():
            if self._c.switching.paused(reply.agent):
                reply.gives_way = True

    def pop_at_close(self) -> bool:
        """Makes the next agent below active, for its `on_exit`. False when there is none."""
        level = self._c.switching.level
        if level.frame is None:
            return False
        below = self._take_off(level, level.frame)
        below.held_turns += level.held_turns
        below.held += level.held
        below.queue += level.queue
        return True

    def stop_clocks(self) -> None:
        """Stops the timers."""
        for timer in self._bounds:
            timer.cancel()
        self._bounds.clear()


def _waits_for_tools(reply: Reply) -> bool:
    """Whether it goes on only when its tools have ended; or when the speech has that its hook
    awaits, of which the same is true."""
    if reply.hook_scope is not None:
        return bool(reply.hook_scope.awaited)
    step = reply.step
    return (
        step is not None
        and step.llm_done
        and bool(step.calls)
        and not step.concluded
        and not step.complete
    )


def _gave_way(task: AgentTask[Any], new: Agent) -> ToolError:
    return ToolError(f"the task {task.id!r} gave way to agent {new.id!r}")


def _settle() -> None:
    """Nothing but a reason to look again."""
