"""Words: what the STT has said of the user's turn in progress, and what it still owes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..chat import ChatMessage
from ..events import TranscriptDropped, UserInputTranscribed
from ..stt import Final, Partial
from .finals import Finals, Late, Reach

if TYPE_CHECKING:
    from .conversation import Conversation
    from .turns import Turns

FINAL_BOUND = 2.0
"""Seconds that the endpoint waits for a final transcript."""
_PAUSE = 0.1
"""Seconds of silence in the middle of an utterance at which a final that has no times ends."""
_EPSILON = 1e-6
_PUNCTUATION = ".,;:!?…'\"()¿¡-"


class Words:
    """Takes finals and interim words, and keeps those of earlier turns apart from them."""

    def __init__(self, conversation: Conversation, turns: Turns) -> None:
        self._c = conversation
        self._turns = turns
        self._loop = conversation.loop
        self.due = False
        """Audio has been heard that no final transcript covers yet."""
        self.final_at: float | None = None
        """When the last final came, on the loop's clock."""
        self.partial = ""
        """Interim words since the last final."""
        self._texts: list[str] = []
        self._flushed = False
        self._finals = Finals()
        self._last_taken: list[str] = []
        """The interim words of a turn that did not wait for its final, while none has come: to the
        STT, what the user says next may be a part of the same utterance."""
        self._taken: list[str] = []
        """The words of that utterance that went into turns before that one."""
        self._taken_at = 0.0

    @property
    def final(self) -> str:
        """The final words of the turn so far."""
        return " ".join(self._texts)

    @property
    def text(self) -> str:
        """The words of the turn so far, interim ones included."""
        return " ".join([*self._texts, self.partial] if self.partial else self._texts)

    @property
    def final_owed(self) -> bool:
        """Interim words went into a turn, and no final has come for them since."""
        return bool(self._last_taken)

    # What is owed

    def covers(self, at: float) -> bool:
        """Whether the audio up to `at` is finalised."""
        return self._finals.covers(at)

    def expect(self) -> None:
        """The user has begun to speak."""
        self.due = self._c.hearing.has_stt
        self._flushed = False

    def voice_ended(self, at: float) -> None:
        """The user has fallen silent."""
        if self._finals.covers(at):
            self.due = False

    def flush(self) -> None:
        """Asks the STT for what it owes, once."""
        if not self._flushed:
            self._flushed = True
            self._finals.asked(self._loop.time())
            self._c.hearing.flush()

    def stt_failed(self) -> None:
        """The STT has given up."""
        self._finals.start_anew()

    def stt_reopened(self) -> None:
        """The STT is called again and hears the audio once more of which its final is due."""
        self._finals.start_anew()
        if self.due and self._flushed and not self._turns.user_speaking:
            self._flushed = False
            self.flush()

    # What comes

    def on_partial(self, event: Partial) -> bool:
        """Takes interim words; False for those that belong to no turn in progress."""
        text = event.text.strip()
        late = self._c.hearing.has_vad and self._silent_since_late()
        if not text or late or self._finals.forgets(None, self._loop.time(), FINAL_BOUND):
            return False
        text = _beyond(self._last_taken, _beyond(self._taken, text))
        if not text:
            return False
        self.partial = text
        self.due = True
        self._c.notify(UserInputTranscribed(transcript=text, is_final=False, at=self._c.now()))
        return True

    def on_final(self, event: Final, spoken_until: float | None) -> bool:
        """Takes a final; False for one that belongs to no turn in progress."""
        text = event.text.strip()
        now = self._loop.time()
        reach = self._finals.take(event, spoken_until, now)
        if self._finals.forgets(reach, now, FINAL_BOUND):
            return False
        silent = self._silent_since_late()
        rest = _beyond(self._taken, text)
        beyond = _beyond(self._last_taken, rest)
        over = reach.surely is None or reach.surely >= self._taken_at or beyond != text
        if text and over:
            self._taken, self._last_taken = [], []
        text = rest
        if beyond and beyond != text:
            text = beyond
        elif self._finals.belongs_to_late(reach, event, silent_since_then=silent):
            complete = self._finals.completes_late(reach)
            self._correct(text, complete=complete, over=complete and event.flushed)
            if text:
                self.partial = ""
                self.due = self.due and not self._covered(reach)
            return False
        elif not beyond and (spoken_until is None or spoken_until <= self._taken_at):
            text = ""  # they have been said, and taken, already
        self.partial = ""
        self.final_at = now
        self._forget_audio(reach)
        if self._covered(reach):
            self.due = False
        if text:
            self._texts.append(text)
            self._c.notify(
                UserInputTranscribed(
                    transcript=text, is_final=True, language=event.language, at=self._c.now()
                )
            )
        return True

    def _covered(self, reach: Reach) -> bool:
        """Whether no final is due any more for what the user has said."""
        turns = self._turns
        if turns.user_speaking:
            return False
        if self._c.hearing.has_vad and turns.last_voiced is not None:
            return self._finals.covers(turns.last_voiced)
        return reach.until > float("-inf") and not (turns.committing and self._finals.awaited)

    def _forget_audio(self, reach: Reach) -> None:
        """What is finalised need not be heard again, should the STT fail."""
        hearing, now = self._c.hearing, self._loop.time()
        if reach.surely is not None:
            hearing.finalised(reach.surely)
        elif not self._turns.user_speaking:
            hearing.finalised(reach.until)
        else:
            voiced = hearing.voiced_until
            if voiced is not None and now - voiced >= _PAUSE - _EPSILON:
                hearing.finalised(voiced)

    def settle_for_interim(self) -> str:
        """Takes the interim words for final ones, as no final has come; gives them."""
        interim, self.partial = self.partial, ""
        self.due = False
        if interim:
            self._texts.append(interim)
        return interim

    def turn_announced(self) -> None:
        """The STT says that the turn has ended: all audio up to now is finalised."""
        self.settle_for_interim()
        self._finals.cover(self._loop.time())

    # What becomes of it

    def take(self, interim: str = "") -> tuple[str, list[str]]:
        """The turn is over: its text, and the finals in it (all but `interim`)."""
        text = self.text.strip()
        finals = self._texts[:-1] if interim else list(self._texts)
        self.clear()
        return text, finals

    def clear(self) -> None:
        """Begins a new turn."""
        self._texts.clear()
        self.partial = ""
        self.due = self._turns.user_speaking and self._c.hearing.has_stt
        self._flushed = False
        self.final_at = None

    def forget(self) -> None:
        """Forgets the words of the turn, those still owed included."""
        now = self._loop.time()
        if self._c.hearing.has_stt and (self.due or not self._c.hearing.has_vad):
            self._flushed = False
            self.flush()
            self._finals.forget(now)
        self.clear()
        self._c.hearing.finalised(now)
        self._finals.cover(now)

    # Turns that did not wait for their final

    def may_be_corrected(
        self, message: ChatMessage, interim: str, finals: list[str], voiced_until: float | None
    ) -> None:
        """A turn was committed with interim words: finals for its audio may still come."""
        now = self._loop.time()
        until = voiced_until if voiced_until is not None else now
        self._finals.late = Late(message, until, now, interim, finals)
        self._taken += self._last_taken
        self._last_taken, self._taken_at = interim.split(), now

    def _silent_since_late(self) -> bool:
        """Whether the user has said nothing since a turn that did not wait for its final."""
        late, turns = self._finals.late, self._turns
        if late is None or turns.user_speaking or self._texts:
            return False
        return turns.began is None or turns.began <= late.until + _EPSILON

    def _correct(self, text: str, *, complete: bool, over: bool) -> None:
        late = self._finals.late
        assert late is not None
        if over:
            self._finals.late = None
        if text:
            late.came.append(text)
        corrected = late.text(complete=complete)
        if not late.came or corrected == late.message.content:
            return
        if self._c.user_turns.correct(late.message, corrected) or not text:
            return
        self._c.notify(
            TranscriptDropped(
                transcript=text,
                reason="its turn has been answered already",
                at=self._c.now(),
            )
        )


def _beyond(taken: list[str], text: str) -> str:
    """`text` without the words `taken`, if it begins with them."""
    words = text.split()
    if [_bare(word) for word in words[: len(taken)]] != [_bare(word) for word in taken]:
        return text
    return " ".join(words[len(taken) :])


def _bare(word: str) -> str:
    """A word as it is compared: finals have other punctuation and capitals than interim words."""
    return word.strip(_PUNCTUATION).casefold()
