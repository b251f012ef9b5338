"""Running one call in the foreground: until it ends, or a signal ends it."""

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
        """None while it is being prepared."""
        self.interrupts = 0
        """How often Ctrl-C was pressed."""
        self.told_to_stop = False
        """The process was sent SIGTERM."""
        self.stopped_at_once = False
        """A second Ctrl-C left no time to close."""
        self._session: AgentSession[Any] | None = None
        self._task: asyncio.Task[Any] | None = None
        self._at_once: asyncio.Future[None] | None = None

    async def run(self, prepare: Callable[[], Any]) -> None:
        """Runs the job that `prepare` makes, until it ends or `stop` ends it."""
        from ..registry import default_registry

        self._task = asyncio.current_task()
        self._at_once = asyncio.get_running_loop().create_future()
        try:
            job = self.job = await prepare()
            running = asyncio.create_task(job.run(), name="call")
            either: set[asyncio.Future[None]] = {running, self._at_once}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
            else:
                self.stopped_at_once = True
                warn("stopped at once, before everything was closed")
                await self._complete()
        finally:
            self.take_report()
            if not self.stopped_at_once:
                await default_registry().aclose()

    def stop(self, signum: int) -> None:
        """A signal has come; to be called on the loop."""
        job = self.job
        if job is None:
            if self._task is not None:
                self._task.cancel()
        elif signum == signal.SIGTERM:
            warn("ending the call: the process was told to stop (SIGTERM)")
            job.context.shutdown("job_shutdown", drain=False)
        elif self.interrupts == 1:
            warn("ending the call; Ctrl-C again stops at once")
            job.context.shutdown("user_initiated", drain=False)
        elif self._at_once is not None and not self._at_once.done():
            self._at_once.set_result(None)

    async def _complete(self) -> None:
        """Completes the recording of a call that is left as it stands."""
        transport = self.job.context.room.transport if self.job is not None else None
        if transport is None:
            return
        try:
            async with asyncio.timeout(SAVING):
                await transport.aclose()
        except (AntiphonError, TimeoutError) as error:
            warn(sentence(error) or "the recording could not be completed in time")

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
        if self.interrupts and self.job is None:
            raise typer.Exit(128 + signal.SIGINT)


def run_call(prepare: Callable[[], Any], call: Call) -> None:
    """Runs the `LocalJob` that the coroutine function `prepare` makes, on a loop of its own.

    The first Ctrl-C closes the sessions without draining, which lets `on_exit` speak, and returns
    when everything is closed; so does SIGTERM. A second Ctrl-C completes the recording, and closes
    nothing else; a third breaks off whatever holds the loop up. Works where the loop has no signal
    handlers of its own (Windows). Raises what the session function raises. `call.finish()` is to
    follow.
    """
    runner = asyncio.Runner()
    try:
        with _signals(runner.get_loop(), call):
            runner.run(call.run(prepare))
    except asyncio.CancelledError:
        if not call.interrupts and not call.told_to_stop:
            raise
    except KeyboardInterrupt:
        call.stopped_at_once = True
        call.take_report()
    finally:
        if not call.stopped_at_once:
            runner.close()


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, call: Call) -> Iterator[None]:
    """Brings Ctrl-C and SIGTERM to the loop, as calls of `call.stop`."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals go to the main thread only
        return

    def came(signum: int, frame: object) -> None:
        if signum == signal.SIGINT:
            # The loop has had its chance: it may be held up by something that blocks.
            if call.interrupts >= (1 if call.job is None else 2):
                raise KeyboardInterrupt
            call.interrupts += 1
        elif call.told_to_stop:
            return
        else:
            call.told_to_stop = True
        loop.call_soon_threadsafe(call.stop, signum)

    before = {each: signal.signal(each, came) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, signal.SIG_DFL if handler is None else handler)
