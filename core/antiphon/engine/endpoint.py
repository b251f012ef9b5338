"""The endpoint: when the silence after the user's words ends the turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..turn_handling import TurnDetection
from .alarm import Alarm
from .delays import Delays
from .speculating import LOOK

if TYPE_CHECKING:
    from .conversation import Conversation
    from .turns import Turns
    from .words import Words

_EPSILON = 1e-6


class Endpoint:
    """Sets the end of the turn in progress, by the mode of turn detection in force."""

    def __init__(self, conversation: Conversation, turns: Turns, words: Words) -> None:
        self._c = conversation
        self._loop = conversation.loop
        self._turns = turns
        self._words = words
        self._alarm = Alarm(conversation, turns.endpoint_reached)
        self._orphaned = False
        """The words are those of an STT that has been left: it announces no end any more."""
        self.delays = Delays(conversation, self.consider)

    @property
    def mode(self) -> TurnDetection:
        """How turns end now: as set, else the best that the slots allow."""
        settings = self._c.turn_settings
        if settings.turn_detection is not None:
            return settings.turn_detection
        agent, slots = self._c.agent, self._c.slots
        stt = slots.get(agent, "stt")
        if stt is not None and stt.capabilities.end_of_turn:
            return "stt"
        if self._c.hearing.has_vad:
            if slots.get(agent, "turn_detector") is not None:
                return "turn_detector"
            return "vad"
        return "stt" if stt is not None else "manual"

    def consider(self) -> None:
        """Sets the endpoint for what has been said, if there is anything and the user is silent."""
        self._alarm.cancel()
        turns = self._turns
        if turns.user_speaking:
            return
        if not turns.in_progress:  # the common case, at every hand-off
            self._c.hearing.between_utterances()
            return
        mode = self.mode
        if mode == "manual":
            return
        words = self._words.final
        if turns.last_voiced is None and words:
            turns.last_voiced = self._loop.time()
        if turns.last_voiced is None:
            self._c.hearing.between_utterances()
            return
        stt = self._c.slots.get(self._c.agent, "stt")
        if mode == "stt" and stt is not None and stt.capabilities.end_of_turn:
            if not self._orphaned or self._words.due:
                return
        if mode == "turn_detector" and words and not self._words.due:
            began = turns.began or 0.0
            if not self.delays.judge(words, lambda: self._c.hearing.utterance(began)):
                return
        at = turns.last_voiced + self.delays.delay
        if at <= self._loop.time() + _EPSILON:
            turns.endpoint_reached()
        else:
            self._alarm.set(at)
            self.speculate()

    def speculate(self) -> None:
        """Has the LLM begin when the user has probably finished: silent, and every word final."""
        speculating, words = self._c.speculating, self._words
        if not speculating.enabled or self.mode == "manual" or not words.final or words.partial:
            return
        if self.delays.unfinished:
            return
        if self._turns.user_speaking:
            # The VAD takes its time to call it silence; the words are here before that.
            voiced = self._c.hearing.voiced_until
            if voiced is None or self._loop.time() - voiced < LOOK or not words.covers(voiced):
                return
        elif words.due:
            return
        speculating.likely_end(words.final)

    def stt_left(self) -> None:
        """Another STT, or another call of it, listens now: it knows nothing of the words so far."""
        self._orphaned = bool(self._words.final)
        self.consider()

    def postpone(self) -> None:
        """The user goes on: no endpoint is in sight."""
        self._alarm.cancel()

    def forget(self) -> None:
        """The same, and nothing that the turn detector has said holds any more."""
        self._alarm.cancel()
        self._orphaned = False
        self.delays.forget()
