"""Alarms: timers of the engine that can be put off and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conversation import Conversation


class Alarm:
    """Posts one command at a time of the loop's clock; setting it again puts it off."""

    __slots__ = ("_c", "_command", "_timer")

    def __init__(self, conversation: Conversation, command: Callable[[], None]) -> None:
        self._c = conversation
        self._command = command
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_set(self) -> bool:
        """Whether it has still to ring."""
        return self._timer is not None

    def set(self, at: float) -> None:
        """Rings at that time; one that has passed is now."""
        self.cancel()
        loop = self._c.loop
        self._timer = loop.call_at(max(at, loop.time()), self._ring)

    def cancel(self) -> None:
        """Does not ring; harmless when it is not set."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._c.post(self._command)
