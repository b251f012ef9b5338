"""Delays: how long a silence lasts until it ends the user's turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..audio import AudioFrame
from ..chat import ChatContext
from ..events import TurnDecision

if TYPE_CHECKING:
    from .conversation import Conversation

_WEIGHT = 0.4
"""Of the newest pause in the moving mean of an adaptive delay."""
_MARGIN = 1.3
"""How much longer than the user's usual pause the silence must last."""
_DECAY = 0.1
"""How far an adaptive delay goes back to the least one with each turn that had no pause."""


class Delays:
    """The delay in force: what the turn detector has said, else as set or as this user pauses."""

    def __init__(self, conversation: Conversation, judged: Callable[[], None]) -> None:
        self._c = conversation
        self._on_judged = judged
        self._task: asyncio.Task[None] | None = None
        self._finished: bool | None = None
        self._words = ""
        """Those that have been judged, or are being judged."""
        self._usual: float | None = None
        """The moving mean of the pauses that this user makes without having finished."""
        self._paused = False
        self._answered_until: float | None = None
        """The end of the voice of the last turn: going on soon after it means it was a pause."""

    @property
    def unfinished(self) -> bool:
        """The turn detector says that the user has not finished."""
        return self._finished is False

    @property
    def delay(self) -> float:
        """Seconds from the last voiced sample to the end of the turn."""
        settings = self._c.turn_settings
        if self._finished is False:
            return settings.max_delay
        if settings.mode == "fixed" or self._usual is None:
            return settings.min_delay
        return min(max(settings.min_delay, _MARGIN * self._usual), settings.max_delay)

    # The turn detector

    def judge(self, words: str, utterance: Callable[[], AudioFrame | None]) -> bool:
        """Asks the turn detector about a turn, once. Whether it has answered already."""
        if self._words != words:
            self.forget()
            self._words = words
            # The audio is taken now: it is not kept for long.
            self._task = self._c.tasks.start(self._ask(words, utterance()), "turn detector")
        return self._task is None

    async def _ask(self, words: str, audio: AudioFrame | None) -> None:
        detector = self._c.slots.get(self._c.agent, "turn_detector")
        context: ChatContext = self._c.agent._chat_ctx.copy()
        context.add_message(role="user", content=words)
        try:
            probability = await detector.end_of_turn(context, audio)
        except Exception as error:
            self._c.post(self._c.report_error, error, "turn_detector", True)
            probability = 1.0
        self._c.post(self._answered, probability, probability >= detector.threshold)

    def _answered(self, probability: float, finished: bool) -> None:
        self._task = None
        self._finished = finished
        self._c.notify(
            TurnDecision(
                decision="wait",
                reason=f"the turn detector gives {probability:.2f}: "
                f"the turn ends {self.delay:g} s after speech",
                at=self._c.now(),
            )
        )
        self._on_judged()

    def forget(self) -> None:
        """Nothing that the turn detector has said holds any more."""
        self._words = ""
        self._finished = None
        if self._task is not None:
            self._task.cancel()
            self._task = None

    # The user's pauses

    def voice_began(self, at: float, before: float | None) -> None:
        """The user speaks: after a pause since `before` in the turn in progress, or (None) perhaps
        in one that seemed to be over and whose reply has not been heard yet."""
        if before is None:
            timelines = self._c.user_turns.timelines
            unheard = bool(timelines) and timelines[-1].first_audio is None
            before = self._answered_until if unheard else None
        self._answered_until = None
        settings = self._c.turn_settings
        if settings.mode == "fixed" or before is None or at - before > settings.max_delay:
            return
        usual = self._usual if self._usual is not None else settings.min_delay / _MARGIN
        self._usual = usual + _WEIGHT * (at - before - usual)
        self._paused = True

    def turn_ended(self, voiced_until: float | None) -> None:
        """A turn has ended, with its voice at that time where it is known."""
        self._answered_until = voiced_until
        if self._usual is not None and not self._paused:
            least = self._c.turn_settings.min_delay / _MARGIN
            self._usual += _DECAY * (least - self._usual)
        self._paused = False
