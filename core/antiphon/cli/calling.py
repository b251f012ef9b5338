"""Running one call in the foreground: until it ends, or Ctrl-C ends it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..app.local_job import LocalJob
    from ..session import AgentSession


class Call:
    """What is left of a call when it is over."""

    def __init__(self) -> None:
        self.report: dict[str, Any] | None = None
        """The session report; None when no session came about."""
        self.error: BaseException | None = None
        """What ended the call, if an error did."""
        self._session: AgentSession[Any] | None = None

    def follow(self, session: AgentSession[Any]) -> None:
        """To be called with each session of the call; the first is the one that is reported."""
        if self._session is None:
            self._session = session
            session.on("close", self._closed)

    def _closed(self, event: Any) -> None:
        if event.error is not None:
            self.error = event.error

    def take_report(self, job: LocalJob | None) -> None:
        """Makes the report, of a call that may have failed half-way."""
        from ..app.report import make_report

        if self._session is not None:
            try:
                self.report = make_report(self._session, job=job.context if job else None)
            except RuntimeError:
                pass  # it never began


def run_call(prepare: Callable[[], Any], call: Call) -> None:
    """Runs the `LocalJob` that the coroutine function `prepare` makes, on a loop of its own.

    The first Ctrl-C closes the sessions without draining, which lets `on_exit` speak, and returns
    when everything is closed; a second one ends the process at once, with exit code 130. Works
    where the loop has no signal handlers of its own (Windows). Raises what the session function
    raises.
    """
    try:
        with asyncio.Runner() as runner:
            runner.run(_run(prepare, call))
    except KeyboardInterrupt:
        # Closing was interrupted: worker processes end when their input does, with this process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)


async def _run(prepare: Callable[[], Any], call: Call) -> None:
    from ..registry import default_registry

    job: LocalJob | None = None
    try:
        job = await prepare()
        running = asyncio.create_task(job.run(), name="call")
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # Runner cancels this task at the first Ctrl-C.
            task = asyncio.current_task()
            if task is None or running.cancelled() or task.uncancel() > 0:
                raise
            job.context.shutdown("user_initiated", drain=False)
            await running
    finally:
        call.take_report(job)
        await default_registry().aclose()
