"""Turn limits: how much the user may say before the agent cuts in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..events import UserTurnExceeded
from .alarm import Alarm
from .hooks import run_outside

if TYPE_CHECKING:
    from .conversation import Conversation
    from .turns import Turns

LOOK = 0.1
"""Seconds of silence that may be a pause, before the VAD says so; and between two looks then."""


class TurnLimits:
    """Counts what the user says without the agent being heard, and tells when it is too much.

    Nothing is cut: the turn in progress goes on, and is recorded whole at its end.
    """

    def __init__(self, conversation: Conversation, turns: Turns) -> None:
        self._c = conversation
        self._turns = turns
        self._alarm = Alarm(conversation, self._look)
        self._texts: list[str] = []
        """The turns since the agent was last heard, or the user told to be too long."""
        self._words = 0
        """In them; those that do not count are taken off here."""
        self._seconds = 0.0
        self._since: float | None = None
        """From when on the turn in progress counts; None: there is none."""

    # What the user does

    def voice_began(self, began: float) -> None:
        """The user begins to speak, or goes on after a pause."""
        if self._c.speaking.audible:
            return
        if self._since is None:
            self._since = began
        self._arm()

    def words_came(self) -> None:
        """The turn in progress has other words."""
        if self._since is None:
            self.voice_began(self._c.loop.time())
        most = self._c.turn_settings.max_words
        if most is None or self._c.speaking.audible:
            return
        if self._words + _count(self._turns.words) >= most:
            self._exceeded()

    def turn_ended(self, text: str, voiced_until: float | None) -> None:
        """The turn is over; if it finds no answer it counts with the next."""
        self._alarm.cancel()
        if self._since is not None:
            until = voiced_until if voiced_until is not None else self._c.loop.time()
            self._seconds += max(until - self._since, 0.0)
            self._since = None
        settings = self._c.turn_settings
        if text and (settings.max_words is not None or settings.max_duration is not None):
            self._texts.append(text)
            self._words += _count(text)

    def agent_speaks(self) -> None:
        """The agent is heard, or was until now: from here on the user's words count anew."""
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._texts.clear()
        self._words = -_count(self._turns.words)
        self._seconds = 0.0
        self._alarm.cancel()
        if self._since is not None or self._turns.user_speaking:
            self._since = self._c.loop.time()
            if not self._c.speaking.audible:
                self._arm()

    # What follows

    def _arm(self) -> None:
        most = self._c.turn_settings.max_duration
        if most is not None and self._since is not None:
            self._alarm.set(self._since + most - self._seconds)

    def _look(self) -> None:
        # In a pause there is nothing to cut into: the voice that goes on sets the alarm again.
        if self._c.states.user != "speaking" or self._since is None:
            return
        now, voiced = self._c.loop.time(), self._c.hearing.voiced_until
        if voiced is not None and now - voiced >= LOOK:
            self._alarm.set(now + LOOK)  # the VAD is about to call it a pause
        else:
            self._exceeded()

    def _exceeded(self) -> None:
        c = self._c
        now, words = c.loop.time(), self._turns.words
        texts = [*self._texts, words] if words else self._texts
        event = UserTurnExceeded(
            transcript=words,
            accumulated_transcript=" ".join(texts),
            accumulated_word_count=_count(" ".join(texts)),
            duration=self._seconds + (0.0 if self._since is None else now - self._since),
            at=c.now(),
        )
        # Told again only when as much has been said once more.
        self._begin_anew()
        if c.closing_begun:
            return
        c.notify(event)
        agent = c.agent
        c.tasks.start(
            run_outside(c, agent, "on_user_turn_exceeded", event),
            f"on_user_turn_exceeded of {agent.id}",
        )

    def close(self) -> None:
        """Stops the timer."""
        self._alarm.cancel()


def _count(text: str) -> int:
    return len(text.split())
