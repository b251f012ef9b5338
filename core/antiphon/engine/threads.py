"""Sync tools run in threads of their own."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any

from ..holding import hold

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
        return await done
