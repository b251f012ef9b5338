"""A turn detector that judges by script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..audio import AudioFrame
from ..chat import ChatContext
from ..turn_detector import TurnDetector

Probabilities: TypeAlias = float | Sequence[float] | Callable[[str], float]


class ScriptedTurnDetector(TurnDetector):
    """Gives `probabilities`: always the same number; one per judgement, the last of them for all
    that follow; or what a function of the user's words says, `latency` seconds later."""

    def __init__(
        self, probabilities: Probabilities, *, latency: float = 0.0, threshold: float = 0.5
    ) -> None:
        self.probabilities = probabilities
        self.latency = latency
        self.threshold = threshold
        self.judged: list[str] = []
        """The user's words at each judgement: the user messages since the agent last spoke."""

    async def end_of_turn(self, chat_ctx: ChatContext, audio: AudioFrame | None) -> float:
        words: list[str] = []
        for message in reversed(chat_ctx.messages()):
            if message.role != "user":
                break
            words.insert(0, message.text_content)
        text = " ".join(words)
        self.judged.append(text)
        if self.latency:
            await asyncio.sleep(self.latency)
        if isinstance(self.probabilities, int | float):
            return float(self.probabilities)
        if callable(self.probabilities):
            return self.probabilities(text)
        return self.probabilities[min(len(self.judged), len(self.probabilities)) - 1]
