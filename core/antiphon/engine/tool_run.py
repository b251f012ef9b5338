"""What a `RunContext` asks of the engine."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from ..run_context import FillerSource
from .filler import Filler

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from .conversation import Conversation
    from .steps import Call


class Run:
    """One call, as its tool sees it."""

    __slots__ = ("_c", "_call")

    def __init__(self, conversation: Conversation, call: Call) -> None:
        self._c = conversation
        self._call = call

    def speak_progress(self, text: str) -> SpeechHandle:
        """Says it, for the tool's agent."""
        return self._c.session.say(text)

    async def step_played(self) -> None:
        """Waits until the words before the call have been played."""
        await self._call.step.segment.played_out()

    def filler(
        self, source: FillerSource, *, delay: float, interval: float | None, max_steps: int | None
    ) -> AbstractAsyncContextManager[None]:
        """Speaks while the block runs."""
        return Filler(
            self._c, self._call, source, delay=delay, interval=interval, max_steps=max_steps
        )

    def foreground(self) -> AbstractAsyncContextManager[None]:
        """Has the caller's attention while the block runs."""
        return self._c.foreground.held_by(self._call)
