"""Holding the clock while something outside the event loop works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

_NOTHING: AbstractAsyncContextManager[None] = nullcontext()


def hold(reason: str) -> AbstractAsyncContextManager[None]:
    """An async context manager in which virtual time stands still; elsewhere it does nothing.

    For whatever waits for a process, a socket or a thread: `async with hold("it answers"):`.
    `reason` is shown when nothing comes. Opening and closing such things needs it as well.
    """
    on_loop: Callable[[str], AbstractAsyncContextManager[None]] | None = getattr(
        asyncio.get_running_loop(), "hold", None
    )
    return _NOTHING if on_loop is None else on_loop(reason)
