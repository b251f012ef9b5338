"""Running one call in the foreground: until it ends, or Ctrl-C or a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..errors import AntiphonError
from .output import sentence, warn

if TYPE_CHECKING:
    from ..app.local_job import LocalJob
    from ..session import AgentSession

SAVING = 2.0
"""Seconds for completing a recording when the call is stopped at once."""


class Call:
    """What is left of a call when it is over."""

    def __init__(self) -> None:
        self.report: dict[str, Any] | None = None
        """The session report; None when no session came about."""
        self.error: BaseException | None = None
        """What ended the call, if an error did."""
        self.voice_heard = False
        """Whether the user has been heard to speak, words or not."""
        self.job: LocalJob | None = None
        self.told_to_stop = False
        """The process was sent SIGTERM."""
        self.stopped_at_once = False
        """A second Ctrl-C left no time to close."""
        self._session: AgentSession[Any] | None = None
        self._task: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        """To be called in the task that runs the call."""
        self._task = asyncio.current_task()

    def cancel(self) -> None:
        """Cancels that task, as Ctrl-C does."""
        if self._task is not None:
            self._task.cancel()

    def follow(self, session: AgentSession[Any]) -> None:
        """To be called with each session of the call; the first is the one that is reported."""
        if self._session is None:
            self._session = session
            session.on("close", self._closed)
            session.on("user_state_changed", self._user_state_changed)

    def _closed(self, event: Any) -> None:
        if event.error is not None:
            self.error = event.error

    def _user_state_changed(self, event: Any) -> None:
        self.voice_heard = self.voice_heard or event.new_state == "speaking"

    @property
    def heard_out(self) -> bool:
        """Whether the call lasted until the caller had nothing more to say."""
        close = self.report["close"] if self.report is not None else None
        return close is not None and close["reason"] == "input_ended"

    @property
    def understood(self) -> bool:
        """Whether anything that the user said is in the report."""
        history = self.report["history"] if self.report is not None else []
        return any(item.get("role") == "user" for item in history)

    def take_report(self) -> None:
        """Makes the report, of a call that may have failed half-way."""
        from ..app.report import make_report

        if self._session is not None:
            try:
                job = self.job
                self.report = make_report(self._session, job=job.context if job else None)
            except RuntimeError:
                pass  # it never began

    def finish(self) -> None:
        """Ends the command as its call has ended; returns when that was in the usual way.

        To be called last, when everything has been shown and written.
        """
        import typer

        if self.error is not None:
            warn(sentence(self.error))
        if self.stopped_at_once:
            # Closing was broken off: worker processes end when their input does, with this one.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(128 + signal.SIGINT)
        if self.error is not None:
            raise typer.Exit(1)
        if self.told_to_stop:
            raise typer.Exit(128 + signal.SIGTERM)


def run_call(prepare: Callable[[], Any], call: Call) -> None:
    """Runs the `LocalJob` that the coroutine function `prepare` makes, on a loop of its own.

    The first Ctrl-C closes the sessions without draining, which lets `on_exit` speak, and returns
    when everything is closed; so does SIGTERM. A second Ctrl-C completes the recording and makes
    the report of what there was, and no more. Works where the loop has no signal handlers of its
    own (Windows). Raises what the session function raises. `call.finish()` is to follow.
    """
    runner = asyncio.Runner()
    try:
        with _stopped_by_sigterm(runner, call):
            runner.run(_run(prepare, call))
    except asyncio.CancelledError:
        if not call.told_to_stop:
            raise
        runner.close()
    except KeyboardInterrupt:
        call.stopped_at_once = True
        _save(runner, call)
    except BaseException:
        runner.close()
        raise
    else:
        runner.close()


async def _run(prepare: Callable[[], Any], call: Call) -> None:
    from ..registry import default_registry

    call.begin()
    try:
        job = call.job = await prepare()
        running = asyncio.create_task(job.run(), name="call")
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            # Runner cancels this task at the first Ctrl-C, `_stopped_by_sigterm` at SIGTERM.
            task = asyncio.current_task()
            if task is None or running.cancelled() or task.uncancel() > 0:
                raise
            if call.told_to_stop:
                warn("ending the call: the process was told to stop (SIGTERM)")
                job.context.shutdown("job_shutdown", drain=False)
            else:
                warn("ending the call; Ctrl-C again stops at once")
                job.context.shutdown("user_initiated", drain=False)
            await running
    finally:
        call.take_report()
        await default_registry().aclose()


@contextmanager
def _stopped_by_sigterm(runner: asyncio.Runner, call: Call) -> Iterator[None]:
    """Has SIGTERM cancel what the runner runs, as its own Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread only
        return
    loop = runner.get_loop()

    def stop(signum: int, frame: object) -> None:
        if not call.told_to_stop:
            call.told_to_stop = True
            loop.call_soon_threadsafe(call.cancel)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous or signal.SIG_DFL)


def _save(runner: asyncio.Runner, call: Call) -> None:
    """Completes the recording and takes the report, of a call that is left as it stands."""
    if call.job is None:
        return
    warn("stopped at once, before everything was closed")
    try:
        runner.run(_complete(call.job))
    except (AntiphonError, TimeoutError) as error:
        warn(sentence(error))
    except (KeyboardInterrupt, asyncio.CancelledError):
        pass  # a third one: not even that
    call.take_report()


async def _complete(job: LocalJob) -> None:
    transport = job.context.room.transport
    if transport is not None:
        async with asyncio.timeout(SAVING):
            await transport.aclose()
