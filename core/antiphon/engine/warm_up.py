"""The warm-up: the agent's first seconds, in which its own echo may be heard as the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conversation import Conversation


class WarmUp:
    """Counts how long the agent has been heard, until echo cancellation has settled.

    An echo canceller learns from what is played, and once per call: so seconds are counted in
    which the agent is heard, over several speeches.
    """

    def __init__(self, conversation: Conversation, seconds: float | None) -> None:
        self._loop = conversation.loop
        self._left = seconds or 0.0
        self._heard_since: float | None = None
        self._ended: float | None = None if self._left > 0 else float("-inf")

    def agent_speaks(self, speaking: bool) -> None:
        """The agent's voice has begun or stopped."""
        if self._ended is not None:
            return
        now = self._loop.time()
        if speaking:
            self._heard_since = now
        elif self._heard_since is not None:
            self._left -= now - self._heard_since
            self._heard_since = None
            if self._left <= 0:
                self._ended = now + self._left

    @property
    def ends(self) -> float | None:
        """When it will end if the agent goes on, or has ended; None: the agent is not heard."""
        if self._ended is None and self._heard_since is not None:
            return self._heard_since + self._left
        return self._ended

    def covers(self, at: float) -> bool:
        """Whether a sound at that time may be an echo."""
        ends = self.ends
        return ends is None or at < ends
