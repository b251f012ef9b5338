"""Sync tools run in threads of their own, and call back from there."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..holding import hold

T = TypeVar("T")

log = logging.getLogger("antiphon.tools")


async def in_thread(function: Callable[[], Any], name: str) -> Any:
    """Runs a sync tool on a daemon thread: one that never ends must not keep the process alive."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def settle(value: Any, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)

    def run() -> None:
        value: Any = None
        failure: BaseException | None = None
        try:
            value = context.run(function)
            if inspect.isawaitable(value):
                raise TypeError("a sync tool returned an awaitable; make it an `async def`")
        except StopIteration as error:
            failure = RuntimeError(f"the tool raised {error!r}")
        except BaseException as error:
            failure = error
        try:
            loop.call_soon_threadsafe(settle, value, failure)
        except RuntimeError:
            log.warning("%s ended after its session's loop was closed", name)

    async with hold(name):
        threading.Thread(target=run, name=name, daemon=True).start()
        try:
            return await done
        except asyncio.CancelledError:
            log.warning("%s was given up; its thread runs on until it ends by itself", name)
            raise


def call_on_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], T]) -> T:
    """Runs `call` on the loop's thread, in this thread's context, and waits for its result."""
    context = contextvars.copy_context()
    result: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run() -> None:
        try:
            result.set_result(context.run(call))
        except BaseException as error:
            result.set_exception(error)

    loop.call_soon_threadsafe(run)
    return result.result()


def wrong_thread(name: str) -> RuntimeError:
    """The error for a call that only the session's own thread may make."""
    return RuntimeError(
        f"`session.{name}()` was called from another thread than the session's; from a tool's "
        "thread only say, generate_reply, interrupt, update_agent and shutdown may be called"
    )
