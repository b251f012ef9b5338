"""What a scripted caller takes for the agent's answer."""

from __future__ import annotations

from .hearing import AgentEar, Stretch
from .microphone import Microphone

_FOREIGN = 0.3
"""Seconds of speech without the beginning of a word from which on it is no scripted voice: the mark
of a word is in its first samples."""


class Answers:
    """Tells the answer to the caller's last words from what the agent had begun before.

    The answer is the audio of segments whose first voiced sample is at or after the end of all that
    the caller has said, typed or pressed, or is planned to say. What was returned once is not
    returned again.
    """

    def __init__(self, microphone: Microphone, ear: AgentEar) -> None:
        self._microphone = microphone
        self._ear = ear
        self._returned = 0
        """The sample up to which answers have been returned."""

    @property
    def asked(self) -> int:
        """The sample with which the caller's last words end; 0 without any."""
        # Read anew each time: another task may plan or type something during the wait.
        return self._microphone.asked_until

    @property
    def until(self) -> int | None:
        """The end of what has been heard of the answer, or None before any."""
        found = self._found()
        return found[-1].end if found else None

    def take(self, now: int) -> str:
        """The words of the answer, which are not returned again."""
        words = self._words()
        self._returned = now
        return words

    def foreign(self, sample_rate: int) -> str | None:
        """Says that a voice has answered whose words cannot be understood; None if none has."""
        found = self._found()
        understood = {stretch.segment for stretch in found if stretch.understood}
        samples = sum(
            stretch.end - stretch.start for stretch in found if stretch.segment not in understood
        )
        if samples < _FOREIGN * sample_rate:
            return None
        return (
            f"the caller heard the agent speak for {samples / sample_rate:.1f} s and understood no "
            "word of it: only what a ScriptedTTS says can be understood here; give the agent a "
            "ScriptedTTS (in place of a tts that it names itself: `with "
            "antiphon.testing.replace_slots(tts=ScriptedTTS()):`), or look at session.history"
        )

    def missing(self, silence: float, limit: float, begin: float) -> str:
        """Says what has not come about within `limit` seconds from the instant `begin` on."""
        when = f"within {limit:g} s from {begin:g} s on"
        if self._found():
            return (
                f"the agent has answered, but not been silent for {silence:g} s after it, {when}; "
                f"it said {self._words()!r}"
            )
        heard = self._ear.voiced_until
        if heard is None or heard <= max(self.asked, self._returned):
            return f"the agent has said nothing {when}"
        return (
            f"the agent has begun no answer {when}; it went on until "
            f"{self._microphone.time(heard):g} s with what it had begun before the caller's last "
            "words ended; to hear that, use wait_until() and heard_text()"
        )

    def _words(self) -> str:
        return " ".join(
            word.text
            for stretch in self._found()
            for word in stretch.words
            if word.start_sample >= self._returned
        )

    def _found(self) -> list[Stretch]:
        found = []
        for stretch in reversed(self._ear.stretches):
            if stretch.end <= max(self.asked, self._returned):
                break
            if self._ear.began(stretch.segment) >= self.asked:
                found.append(stretch)
        return found[::-1]
