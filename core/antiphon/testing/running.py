"""Running one async test, and finding what it left behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any

from .. import clock
from .virtual_time import Deadlock, OutOfTime, VirtualTimeLoop
from .waiting import describe_tasks

_TURNS_TO_SETTLE = 3
"""Loop turns, without any time passing, in which what is just ending may end."""
_GRACE = 1.0
"""Real seconds in which a process or thread that was told to stop may stop."""


class _Leftovers:
    """Watches for threads and child processes that outlive a block of code."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._threads: set[threading.Thread] = set()
        self._processes: list[subprocess.Popen[Any]] = []
        self._popen: Any = subprocess.Popen
        self._original_init: Any = None
        self._children: set[Any] = set()

    def __enter__(self) -> _Leftovers:
        self._threads = set(threading.enumerate())
        self._children = set(_multiprocessing_children())
        original = self._original_init = self._popen.__init__
        started = self._processes

        def watched_init(process: subprocess.Popen[Any], *args: Any, **kwargs: Any) -> None:
            original(process, *args, **kwargs)
            started.append(process)

        self._popen.__init__ = watched_init
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._popen.__init__ = self._original_init

    def problems(self) -> list[str]:
        """One sentence per process and thread that is still there."""
        deadline = clock.real_time() + _GRACE
        found = []
        for process in self._processes:
            try:
                process.wait(max(0.0, deadline - clock.real_time()))
            except subprocess.TimeoutExpired:
                found.append(
                    f"the {self._what} left a process running: {process.args!r}; stop it and "
                    f"wait for it before the {self._what} ends"
                )
        for child in _multiprocessing_children():
            if child not in self._children:
                found.append(
                    f"the {self._what} left a process running: {child.name!r}; stop it and "
                    f"wait for it before the {self._what} ends"
                )
        for thread in threading.enumerate():
            if thread in self._threads or thread.daemon:
                continue
            thread.join(max(0.0, deadline - clock.real_time()))
            if thread.is_alive():
                found.append(
                    f"the {self._what} left a thread running: {thread.name!r}; stop it and join "
                    f"it before the {self._what} ends"
                )
        return found


def _multiprocessing_children() -> list[Any]:
    module = sys.modules.get("multiprocessing")
    return [] if module is None else list(module.active_children())


def _run(
    test: Callable[..., Coroutine[Any, Any, object]],
    arguments: Mapping[str, Any],
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None,
    what: str = "test",
) -> list[str]:
    errors: list[str] = []

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        told = context["message"] if error is None else f"{context['message']}: {error!r}"
        errors.append(f"an error reached the event loop: {told}")
        loop.default_exception_handler(context)

    async def settle() -> None:
        for _ in range(_TURNS_TO_SETTLE):
            await asyncio.sleep(0)

    with _Leftovers(what) as leftovers:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            loop = runner.get_loop()
            loop.set_exception_handler(handle)
            runner.run(test(**arguments))
            runner.run(settle())
            problems = [
                f"the {what} left a task running: {line}; await or cancel it before the {what} ends"
                for line in describe_tasks(asyncio.all_tasks(loop))
            ]
    return problems + leftovers.problems() + errors


def run_virtual(
    test: Callable[..., Coroutine[Any, Any, object]],
    arguments: Mapping[str, Any],
    limit: float = 3600.0,
    seed: int = 0,
    what: str = "test",
) -> list[str]:
    """Runs `test(**arguments)` in virtual time, for `limit` virtual seconds at most.

    Raises what the test raises. Returns a sentence for everything that a passing test left behind:
    tasks, non-daemon threads, processes, and errors that nobody but the event loop got to see.
    `what` is what those sentences call it.
    """
    __tracebackhide__ = True
    ids, clock._process_ids = clock._process_ids, clock.Ids(seed, "_0")
    try:
        return _run(test, arguments, lambda: VirtualTimeLoop(limit=limit, seed=seed), what)
    except (Deadlock, OutOfTime) as error:
        # The message says where the test waits; the frames of the loop would only hide that.
        raise error.with_traceback(None) from error.__cause__
    finally:
        clock._process_ids = ids


def run_real(
    test: Callable[..., Coroutine[Any, Any, object]], arguments: Mapping[str, Any]
) -> list[str]:
    """Runs `test(**arguments)` on an ordinary loop; otherwise as `run_virtual`."""
    return _run(test, arguments, None)
