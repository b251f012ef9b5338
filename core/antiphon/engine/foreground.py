"""The foreground: the one tool that has the caller's attention."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..errors import ToolError

if TYPE_CHECKING:
    from .conversation import Conversation
    from .steps import Call

GRACE = 0.1
"""Seconds that the tool has, after the foreground, to end and have its own result spoken first."""


class Foreground:
    """Held by one call at a time; the results of others that run in the background wait for it."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._holder: Call | None = None
        self._depth = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._later: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def taken_from(self, call: Call) -> bool:
        """Whether another call holds it."""
        return self._holder is not None and self._holder is not call

    def after(self, call: Call, handler: Callable[..., None], *args: Any) -> None:
        """Runs a handler that speaks for `call`: now, or when no other call holds the floor."""
        if self.taken_from(call):
            self._later.append((handler, args))
        else:
            handler(*args)

    @asynccontextmanager
    async def held_by(self, call: Call) -> AsyncIterator[None]:
        """Waits for quiet and for whoever holds it, and holds it. Raises `ToolError` when the agent
        of the call has been left."""
        if self._holder is not call:
            while True:
                await self._c.quiet.lasting(0)
                self._check(call)
                if self._holder is None:
                    break
                waiter = self._c.loop.create_future()
                self._waiting.append(waiter)
                await waiter
            self._holder = call
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if not self._depth:
                self._holder = None
                self._c.post(self._let_go)

    def _check(self, call: Call) -> None:
        scope = call.scope
        if scope is None or not scope.is_open or scope.left:
            name = call.step.agent.id
            raise ToolError(f"agent {name!r} has been left; its tools cannot take the foreground")

    def _let_go(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
        if self._later:
            self._c.loop.call_later(GRACE, self._c.post, self._release)

    def _release(self) -> None:
        if self._holder is not None:
            return  # they wait for the next one
        later, self._later = self._later, []
        for handler, args in later:
            handler(*args)
