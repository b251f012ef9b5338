"""The handle of a sound that is played in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any


class PlayHandle:
    """One sound: await it for its end, or stop it."""

    __slots__ = ("_done", "_error", "_on_stop", "_waiters")

    def __init__(self, on_stop: Callable[[PlayHandle], None]) -> None:
        self._on_stop = on_stop
        self._done = False
        self._error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"PlayHandle({'done' if self._done else 'playing'})"

    def done(self) -> bool:
        """Whether nothing of it will be heard any more."""
        return self._done

    def exception(self) -> BaseException | None:
        """What its source raised, or None."""
        return self._error

    def stop(self) -> None:
        """Fades it out, in a tenth of a second; nothing happens when it is done."""
        if not self._done:
            self._on_stop(self)

    async def wait_for_playout(self) -> None:
        """Waits until it is done. Raises nothing: see `exception`."""
        if not self._done:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def __await__(self) -> Generator[Any, None, PlayHandle]:
        yield from self.wait_for_playout().__await__()
        return self

    def _finish(self, error: BaseException | None = None) -> None:
        if self._done:
            return
        self._done = True
        self._error = error
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
