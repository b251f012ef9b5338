"""The tasks of a session, in order of their creation."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from ..scopes import current_scope


class TaskScope:
    """Owns tasks: one's failure is reported and touches no other; closing cancels the newest
    first."""

    def __init__(self, failed: Callable[[str, BaseException], None]) -> None:
        self._failed = failed
        self._tasks: dict[asyncio.Task[Any], None] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Starts a task. What it raises, cancellation apart, is reported by its name."""
        loop = asyncio.get_running_loop()
        if current_scope.get() is None:
            task = loop.create_task(coroutine, name=name)
        else:
            # Who happened to bring the task about is not who it works for: that says its own scope.
            context = contextvars.copy_context()
            context.run(current_scope.set, None)
            task = loop.create_task(coroutine, name=name, context=context)
        self._tasks[task] = None
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._failed(task.get_name(), error)

    async def aclose(self, bound: float, *, leave: Collection[asyncio.Task[Any]] = ()) -> list[str]:
        """Cancels what runs, newest first, each with `bound` seconds to stop; names who did not.
        `leave`: those that have been given up already."""
        stragglers: list[str] = []
        me = asyncio.current_task()
        for task in reversed(list(self._tasks)):
            if task is me or task.done() or task in leave:
                continue
            task.cancel()
            _, pending = await asyncio.wait({task}, timeout=bound)
            if pending:
                stragglers.append(task.get_name())
        return stragglers
