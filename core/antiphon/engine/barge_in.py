"""Barge-in: the user speaks over the agent, and the agent pauses, yields or goes on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from ..events import AgentFalseInterruption, TurnDecision
from .alarm import Alarm
from .warm_up import WarmUp

if TYPE_CHECKING:
    from ..chat import ChatMessage
    from ..timeline import Timeline
    from .conversation import Conversation
    from .turns import Turns

_EPSILON = 1e-6
_LEAST = 0.01
"""Seconds between two looks at how long the user has been speaking."""
_WORD = re.compile("[\\w'\u2019-]+")


class BargeIn:
    """Decides what the user's speech does to the agent's."""

    def __init__(self, conversation: Conversation, turns: Turns) -> None:
        self._c = conversation
        self._turns = turns
        self._loop = conversation.loop
        self._watch = Alarm(conversation, self._look)
        self._resume = Alarm(conversation, self._resume_now)
        self.warm_up = WarmUp(conversation, conversation.options.aec_warmup_duration)
        self._long_enough = False
        """This utterance has lasted for `min_duration`."""
        self._unanswered: list[tuple[ChatMessage, Timeline | None]] = []
        """Turns whose reply has given way to the words of the turn in progress."""
        self._wordless = False
        """The agent was cut short by a sound, and no words have followed yet."""

    # What happens

    def speech_began(self, at: float) -> None:
        """The VAD has heard the user begin."""
        self._resume.cancel()
        self._watch.cancel()
        self._long_enough = False
        self._look()

    def _look(self) -> None:
        turns, settings = self._turns, self._c.turn_settings
        if not turns.user_speaking or turns.began is None:
            return
        voiced = max((self._c.hearing.voiced_until or turns.began) - turns.began, 0.0)
        missing = settings.min_duration - voiced
        if missing <= _EPSILON:
            self._long_enough = True
            self._lasted()
            return
        # The earliest moment at which it can have lasted long enough: no polling in between.
        target = max(turns.began + settings.min_duration, self._loop.time() + min(missing, _LEAST))
        self._watch.set(target)

    def _lasted(self) -> None:
        if not self._may_interrupt():
            if self._in_warm_up and self.warm_up.ends is not None:
                self._watch.set(max(self.warm_up.ends, self._loop.time() + _LEAST))
            return
        settings = self._c.turn_settings
        if not self._c.hearing.has_stt:
            self._interrupt(f"{settings.min_duration:g} s of speech, and no stt to ask for words")
        elif self._enough_words():
            self._interrupt("the user speaks, with words")
        elif settings.resume_false_interruption:
            if self._c.speaking.pause():
                self._decide("pause", f"{settings.min_duration:g} s of speech over the agent's")
        elif settings.min_words == 0:
            self._wordless = True
            self._interrupt(f"{settings.min_duration:g} s of speech over the agent's")

    def words_came(self, *, final: bool) -> None:
        """The STT has given words of the turn."""
        if not self._enough_words():
            return
        if self._c.speaking.paused or self._long_enough:
            if self._may_interrupt() or self._c.speaking.paused:
                self._interrupt("words follow the user's speech")
        elif not self._c.hearing.has_vad and self._may_interrupt():
            self._interrupt("the stt hears words over the agent's")
        elif final and not self._c.speaking.audible and self._c.turn_settings.interruptions:
            # Interim words may still come to nothing; until then the first audio is held anyway.
            self._unanswered += self._c.interrupting.yield_thinking("the user goes on speaking")

    def speech_ended(self, at: float) -> None:
        """The VAD has heard the user stop."""
        self._watch.cancel()
        if self._c.speaking.paused:
            self._arm_resume(at)

    def finalised(self) -> None:
        """No further words are due for the last utterance."""
        if self._turns.user_speaking:
            return
        if self._c.speaking.paused:
            self._arm_resume(self._turns.last_voiced or self._loop.time())
        if self._wordless and not self._turns.in_progress:
            self.turn_was_empty()
            self._c.notify(AgentFalseInterruption(resumed=False, at=self._c.now()))

    def key_pressed(self) -> None:
        """The user has pressed a key: what is heard gives way, echo or not."""
        if self._interruptible() or self._c.speaking.paused:
            self._interrupt("the user presses a key")

    def turn_came(self) -> None:
        """The user's turn is committed: its reply answers what was yielded for it too."""
        self._wordless = False
        unanswered, self._unanswered = self._unanswered, []
        for _, timeline in unanswered:
            if timeline is not None:
                self._c.user_turns.close_timeline(timeline, interrupted=True)

    def turn_was_empty(self) -> None:
        """The user's turn has come to nothing: what was yielded for it is answered after all."""
        unanswered, self._unanswered = self._unanswered[-1:], self._unanswered[:-1]
        self.turn_came()
        for message, timeline in unanswered:
            self._c.user_turns.answer(message, timeline)

    def _arm_resume(self, spoken_until: float) -> None:
        self._resume.cancel()
        at = spoken_until + self._c.turn_settings.false_interruption_timeout
        self._resume.set(at)

    def _resume_now(self) -> None:
        if not self._c.speaking.paused or self._turns.user_speaking:
            return
        if self._turns.final_due:
            # Words may still come: `finalised` arms this again, at the latest after their bound.
            return
        self._c.speaking.resume()
        self._decide("resume", "no words followed the user's sound")
        self._c.notify(AgentFalseInterruption(resumed=True, at=self._c.now()))

    # Judgements

    def counts(self, text: str) -> bool:
        """Whether the words of a whole turn are enough to interrupt the agent."""
        return self._count(text) >= max(1, self._c.turn_settings.min_words)

    def ignores(self, text: str) -> bool:
        """Whether a whole turn consists of words that never interrupt."""
        return bool(self._c.turn_settings.ignore_words) and self._count(text) == 0

    def _enough_words(self) -> bool:
        return self.counts(self._turns.words)

    def _count(self, text: str) -> int:
        ignored = self._c.turn_settings.ignore_words
        return sum(1 for word in _WORD.findall(text.lower()) if word not in ignored)

    def _may_interrupt(self) -> bool:
        """Whether the user's voice may stop what is heard."""
        return self._interruptible() and not self._in_warm_up

    @property
    def _in_warm_up(self) -> bool:
        """Whether the user's last voice may have been an echo."""
        voiced = self._c.hearing.voiced_until
        return self.warm_up.covers(self._loop.time() if voiced is None else voiced)

    def _interruptible(self) -> bool:
        segment = self._c.speaking.current
        return (
            self._c.turn_settings.interruptions
            and segment is not None
            and self._c.speaking.audible
            and segment.handle.allow_interruptions
        )

    def _interrupt(self, reason: str) -> None:
        self._resume.cancel()
        self._decide("interrupt", reason)
        self._unanswered += self._c.interrupting.unheard_turns()
        self._c.interrupting.for_user()

    # Small things

    def _decide(self, decision: Literal["pause", "resume", "interrupt"], reason: str) -> None:
        self._c.notify(TurnDecision(decision=decision, reason=reason, at=self._c.now()))

    def close(self) -> None:
        """Stops the timers."""
        self._watch.cancel()
        self._resume.cancel()
