"""The tasks of a session, in order of their creation."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any

from ..scopes import current_scope

CLEAN_UP = 2.5
"""Seconds that a cancelled task may take to close what it has opened: more than the streams that it
closes may take, each of which is named when it takes too long."""

log = logging.getLogger("antiphon.session")


class TaskScope:
    """Owns tasks: one's failure is reported and touches no other; closing cancels the newest
    first."""

    def __init__(self, failed: Callable[[str, BaseException], None]) -> None:
        self._failed = failed
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._insisting: dict[asyncio.Task[Any], asyncio.TimerHandle] = {}

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

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Cancels one of them; once more when what it cleans up never ends."""
        with suppress(RuntimeError):  # a task that cancels itself, and has ended
            if task.cancel():
                loop = asyncio.get_running_loop()
                self._insisting[task] = loop.call_later(CLEAN_UP, self._insist, task)

    def _insist(self, task: asyncio.Task[Any]) -> None:
        del self._insisting[task]
        log.warning("%s did not end within %g s of its cancellation", task.get_name(), CLEAN_UP)
        task.cancel()

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)
        timer = self._insisting.pop(task, None)
        if timer is not None:
            timer.cancel()
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._failed(task.get_name(), error)

    async def aclose(self, bound: float, *, leave: Collection[asyncio.Task[Any]] = ()) -> list[str]:
        """Cancels what runs, newest first, each with `bound` seconds to stop; names who did not.
        `leave`: those that have been given up already."""
        stragglers: list[str] = []
        for timer in self._insisting.values():
            timer.cancel()
        self._insisting.clear()
        me = asyncio.current_task()
        for task in reversed(list(self._tasks)):
            if task is me or task.done() or task in leave:
                continue
            task.cancel()
            _, pending = await asyncio.wait({task}, timeout=bound)
            if pending:
                stragglers.append(task.get_name())
        return stragglers
