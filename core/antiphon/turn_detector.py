"""The turn-detector seam: has the user finished?"""

from __future__ import annotations

from abc import ABC, abstractmethod

from .audio import AudioFrame
from .chat import ChatContext
from .slot import BuiltSlot


class TurnDetector(BuiltSlot, ABC):
    """Judges at a pause whether the user's turn has ended."""

    threshold: float = 0.5
    """From this probability on the turn counts as finished and `min_delay` applies, else
    `max_delay`."""

    @abstractmethod
    async def end_of_turn(self, chat_ctx: ChatContext, audio: AudioFrame | None) -> float:
        """The probability, 0 to 1, that the user has finished.

        `chat_ctx` ends with the user's words so far; `audio` is the last utterance, mono, or None.
        """
