"""Quiet: the moments at which nobody speaks, and no words are on their way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conversation import Conversation
    from .reply import Reply


class Quiet:
    """Waits for such moments; costs nothing while nobody does."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._waiters: list[tuple[bool, asyncio.Future[None]]] = []

    @property
    def now(self) -> bool:
        """Nothing is spoken or queued, the user has not begun, and no LLM writes an answer. A reply
        that waits for its tools is quiet."""
        c = self._c
        return (
            c.speaking.idle
            and not c.turns.in_progress
            and not any(self._on_its_way(reply) for reply in c.replying.active.values())
        )

    def _on_its_way(self, reply: Reply) -> bool:
        if reply.agent is not None and self._c.switching.paused(reply.agent):
            return False
        step = reply.step
        return step is None or not step.llm_done or step.complete

    def advance(self) -> None:
        """Wakes those whose moment has come."""
        if not self._waiters:
            return
        now = self.now
        left = []
        for state, waiter in self._waiters:
            if state is not now:
                left.append((state, waiter))
            elif not waiter.done():
                waiter.set_result(None)
        self._waiters = left

    async def _until(self, state: bool) -> None:
        while self.now is not state:
            waiter = self._c.loop.create_future()
            self._waiters.append((state, waiter))
            await waiter

    async def lasting(self, seconds: float) -> None:
        """Waits until it has been quiet for so long without a break."""
        while True:
            await self._until(True)
            if not seconds:
                return
            try:
                async with asyncio.timeout(seconds):
                    await self._until(False)
            except TimeoutError:
                return
