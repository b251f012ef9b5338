"""Frames: one task on its way from `await task` to its result."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..scopes import Scope

if TYPE_CHECKING:
    from ..agent import Agent
    from ..task import AgentTask


class Frame:
    """One awaited task. Its level is made when it becomes active."""

    __slots__ = ("_waiter", "error", "loading", "parent", "scope", "task")

    def __init__(self, task: AgentTask[Any], scope: Scope) -> None:
        self.task = task
        self.scope = scope
        """The tool or hook that awaits the task."""
        self.parent: Agent = scope.agent
        self.loading: asyncio.Task[None] | None = None
        self.error: BaseException | None = None
        """Why the await ends without the task's own result."""
        self._waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def ended(self) -> bool:
        """Whether the await has been answered, or given up."""
        return self._waiter.done()

    @property
    def leaves(self) -> bool:
        """Whether the task has nothing more to do."""
        return self.error is not None or self.task.done() or self.ended

    async def wait(self) -> None:
        """Waits for `finish`."""
        await self._waiter

    def finish(self, error: BaseException | None = None) -> None:
        """Answers the await: with the task's own result where it has one."""
        if error is not None and self.error is None:
            self.error = error
        if not self._waiter.done():
            self._waiter.set_result(None)
