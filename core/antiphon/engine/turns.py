"""Turns: who has the floor. Every decision is an event with its reason."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

from ..chat import ChatMessage
from ..events import TurnDecision
from ..stt import (
    EagerEndOfTurn,
    EndOfTurn,
    Final,
    Partial,
    SpeechStarted,
    STTEvent,
    TurnResumed,
)
from ..vad import VADEvent
from .alarm import Alarm
from .barge_in import BargeIn
from .endpoint import Endpoint
from .turn_limits import TurnLimits
from .words import FINAL_BOUND, Words

if TYPE_CHECKING:
    from .conversation import Conversation
    from .segment import Segment

WORDS_BOUND = 10.0
"""Seconds after its start of speech in which an STT that gives no interim words gives some."""


class Voice(Enum):
    """What the user's voice does."""

    SILENT = auto()
    SPEAKING = auto()


class Turns:
    """The user's turn in progress: its voice, its words, and its end."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._loop = conversation.loop
        self.voice = Voice.SILENT
        self.began: float | None = None
        """First voiced sample of the utterance in progress, or of the last one."""
        self.last_voiced: float | None = None
        self._vad_end: float | None = None
        self.committing = False
        """Committed by hand, as soon as the final has come."""
        self._goes_on = False
        """The voice was heard when the turn was committed by hand: its end is still to come."""
        self._deadline = Alarm(conversation, self._final_overdue)
        self._held = ""
        """The last segment that had to wait for the user."""
        self._words = Words(conversation, self)
        self._endpoint = Endpoint(conversation, self, self._words)
        self.barge_in = BargeIn(conversation, self)
        self.limits = TurnLimits(conversation, self)

    # What others ask

    @property
    def user_speaking(self) -> bool:
        """The user's voice is heard."""
        return self.voice is Voice.SPEAKING

    @property
    def words(self) -> str:
        """The words of the turn so far, interim ones included."""
        return self._words.text

    @property
    def final_due(self) -> bool:
        """Audio has been heard that no final transcript covers yet."""
        return self._words.due

    @property
    def in_progress(self) -> bool:
        """The user is speaking, or has spoken and it is not decided yet what that was."""
        return self.voice is Voice.SPEAKING or self._words.due or bool(self._words.text)

    @property
    def unheard(self) -> bool:
        """No final covers the last that was voiced, e.g. by a voice that goes on after a commit."""
        voiced = self._c.hearing.voiced_until
        return self._c.hearing.has_stt and voiced is not None and not self._words.covers(voiced)

    @property
    def quiet(self) -> bool:
        """Nobody speaks, and no words are due: audio need not be kept for long."""
        return self.voice is Voice.SILENT and not self.final_due and not self._goes_on

    @property
    def between_utterances(self) -> bool:
        """A moment at which the STT can be changed without cutting a word."""
        if not self.quiet or self._words.partial or self.unheard:
            return False
        # Without a VAD only its final tells that an utterance is over.
        return self._c.hearing.has_vad or not self._words.final_owed

    def holds(self, segment: Segment) -> bool:
        """Whether a segment must wait with its first audio, because the user has the floor."""
        if not self.in_progress or not segment.handle.allow_interruptions:
            return False
        if segment.id != self._held:
            self._held = segment.id
            self._decide("hold", "the user has not finished")
        return True

    def agent_speaks(self, speaking: bool) -> None:
        """The agent's voice is heard, or no longer."""
        self.barge_in.warm_up.agent_speaks(speaking)
        self.limits.agent_speaks()

    # What comes in

    def on_vad(self, event: VADEvent) -> None:
        """Speech has begun or ended."""
        if event.type == "speech_started":
            self._goes_on = False
            self._c.speculating.cancel()
            before = self.last_voiced if self.in_progress else None
            self._endpoint.delays.voice_began(event.at, before)
            self.voice = Voice.SPEAKING
            self.began = event.at
            self._words.expect()
            self._endpoint.forget()
            self._deadline.cancel()
            self._c.hearing.utterance_began()
            self._c.states.user_speaks(True)
            self.limits.voice_began(event.at)
            self.barge_in.speech_began(event.at)
        elif self.voice is Voice.SPEAKING or self._goes_on:
            if self._goes_on:
                self._goes_on = False
                self._words.expect()
            self._voice_ended(event.at)
            self.barge_in.speech_ended(event.at)
            self._endpoint.consider()

    def vad_changed(self, voiced_until: float | None) -> None:
        """Another VAD listens from now on: nobody will tell when this utterance ends. If it goes
        on, the new one says so at once."""
        self._goes_on = False
        if self.voice is Voice.SPEAKING:
            at = voiced_until if voiced_until is not None else self._loop.time()
            self._voice_ended(at, flush=False)
            self.barge_in.speech_ended(at)
            self._endpoint.consider()

    def _voice_ended(self, at: float, *, flush: bool = True) -> None:
        self.voice = Voice.SILENT
        self.last_voiced = at
        self._vad_end = self._c.now()
        self._words.voice_ended(at)
        self._c.states.user_speaks(False)
        if self._words.due:
            if flush and self._endpoint.mode != "stt":
                self._words.flush()
            self._wait_for_final(at + self._c.turn_settings.min_delay)

    def on_stt(self, event: STTEvent, covered_until: float | None) -> None:
        """The STT has said something; `covered_until` is the loop time of a final's last word."""
        if isinstance(event, Partial):
            self._on_partial(event)
        elif isinstance(event, Final):
            self._on_final(event, covered_until)
        elif isinstance(event, SpeechStarted):
            self._on_stt_speech()
        elif isinstance(event, EndOfTurn):
            if self._endpoint.mode == "stt":
                self._on_end_of_turn()
        elif isinstance(event, EagerEndOfTurn):
            if self._c.speculating.enabled and self._endpoint.mode != "manual":
                self._c.speculating.likely_end(event.text)
        elif isinstance(event, TurnResumed):
            self._c.speculating.cancel()
        else:
            self._c.unknown_event("stt", event)

    def _on_stt_speech(self) -> None:
        if self._c.hearing.has_vad:
            return
        self._c.speculating.cancel()
        self._words.due = True
        self.began = self._loop.time()
        self._endpoint.forget()
        self._deadline.cancel()
        self._c.states.user_speaks(True)
        self.limits.voice_began(self.began)
        stt = self._c.slots.get(self._c.agent, "stt")
        interim = stt is None or stt.capabilities.interim
        # It may come to nothing: a noise, of which the STT says no more.
        self._wait_for_final(self._loop.time(), FINAL_BOUND if interim else WORDS_BOUND)

    def _on_partial(self, event: Partial) -> None:
        if not self._words.on_partial(event):
            return
        self._words_follow()
        self._c.speculating.words_came(self._words.text)
        if not self._c.hearing.has_vad:
            self._c.states.user_speaks(True)
            self._endpoint.postpone()
            self.last_voiced = self._loop.time()
        if self.voice is Voice.SILENT and not self.committing:
            if self.last_voiced is None or not self._c.hearing.has_vad:
                # Nobody but the STT hears this speech: it goes on while such words come.
                self._deadline.cancel()
            self._wait_for_final(self._loop.time())
        self.limits.words_came()
        self.barge_in.words_came(final=False)

    def _on_final(self, event: Final, covered_until: float | None) -> None:
        if not self._words.on_final(event, covered_until):
            if not self._c.hearing.has_vad and not self.in_progress:
                self._deadline.cancel()
                self._c.states.user_speaks(False)
            return
        self._c.speculating.words_came(self._words.text)
        if not self._words.due:
            self._deadline.cancel()
        if not self._c.hearing.has_vad:
            self.last_voiced = covered_until if covered_until is not None else self._loop.time()
            self._c.states.user_speaks(False)
        if event.text.strip():
            self._words_follow()
            self.limits.words_came()
            self.barge_in.words_came(final=True)
        self.barge_in.finalised()
        if self.committing and not self._words.due:
            self._commit("committed by hand")
        else:
            self._endpoint.consider()
            if self.voice is Voice.SPEAKING or self._endpoint.mode == "stt":
                self._endpoint.speculate()

    def _words_follow(self) -> None:
        """Words of a voice that goes on after a commit by hand: the user speaks on."""
        if self._goes_on and not self.committing:
            self._goes_on, self.voice = False, Voice.SPEAKING
            self.began = self._loop.time()
            self._endpoint.forget()
            self._deadline.cancel()
            self._c.states.user_speaks(True)
            self.barge_in.speech_began(self.began)

    def _on_end_of_turn(self) -> None:
        self._words.turn_announced()
        if not self._c.hearing.has_vad:
            self._c.states.user_speaks(False)
        if self.last_voiced is None:
            self.last_voiced = self._c.hearing.voiced_until or self._loop.time()
        self._commit("the stt says that the turn has ended")

    def stt_failed(self) -> None:
        """The STT has given up: no final will come for what was heard."""
        self._words.stt_failed()
        if self.voice is Voice.SILENT:
            self._final_overdue()

    def stt_reopened(self) -> None:
        """The STT is called again and hears the audio once more of which its final is due."""
        self._words.stt_reopened()
        self._endpoint.stt_left()

    def stt_left(self) -> None:
        """Another STT listens from now on, or none: it will not end the turn in progress."""
        self._words.stt_failed()
        self._c.post(self._endpoint.stt_left)

    def rules_changed(self) -> None:
        """Another agent is active, or its settings: its way to end turns holds for this one too."""
        self._endpoint.consider()

    # The end of a turn

    def endpoint_reached(self) -> None:
        """The user has been silent for as long as it takes."""
        if self.voice is Voice.SPEAKING:
            return
        if self._words.due and self._c.hearing.has_stt:
            self._words.flush()
            self._wait_for_final(self._loop.time())
            return
        self._commit("the user has been silent for the delay")

    def _wait_for_final(self, since: float, bound: float = FINAL_BOUND) -> None:
        if not self._deadline.is_set:
            self._deadline.set(max(since, self._loop.time()) + bound)

    def _final_overdue(self) -> None:
        self._deadline.cancel()
        if not self._words.due:
            return
        waits = self._endpoint.mode == "manual" and not self.committing
        if waits:
            self._words.due = False  # the interim words stay, and a final may still replace them
        else:
            interim = self._words.settle_for_interim()
        if not self._c.hearing.has_vad:
            self._c.states.user_speaks(False)
            if self.last_voiced is None:
                self.last_voiced = self._loop.time()
        self.barge_in.finalised()
        if self.committing:
            self._commit("committed by hand", interim=interim)
        elif not waits:
            self._commit("no final transcript came within 2 s", interim=interim)

    def _commit(self, reason: str, *, interim: str = "") -> ChatMessage | None:
        voiced, vad_end, final_at = self.last_voiced, self._vad_end, self._words.final_at
        began = self._c.states.spoke_since
        text, finals = self._words.take(interim)
        self.limits.turn_ended(text, voiced)
        self.clear()
        self._c.post(self._c.hearing.between_utterances)
        if not text:
            self._c.speculating.turn_over()
            self.barge_in.turn_was_empty()
            return None
        self._decide("commit", reason)
        self._endpoint.delays.turn_ended(voiced if self._c.hearing.has_vad else None)
        timeline = self._c.user_turns.new_timeline(text)
        timeline.speech_started = began
        timeline.last_voiced = None if voiced is None else self._c.since_start(voiced)
        timeline.vad_end = vad_end
        timeline.stt_final = None if final_at is None else self._c.since_start(final_at)
        message = self._c.user_turns.take(
            text,
            timeline,
            may_interrupt=self.barge_in.counts(text),
            ignored=self.barge_in.ignores(text),
            spoken_until=voiced,
        )
        self._c.speculating.turn_over()
        self.barge_in.turn_came()
        if interim:
            self._words.may_be_corrected(message, interim, finals, voiced)
        return message

    # Manual turns

    def commit_now(self) -> None:
        """Ends the turn by hand, with what the STT has heard up to now."""
        now, hearing = self._loop.time(), self._c.hearing
        if self.voice is Voice.SPEAKING:
            at = hearing.voiced_until
            self._goes_on = True
            self._voice_ended(now if at is None else min(at, now))
            self.barge_in.speech_ended(now)
        if self._words.due or self.unheard or (hearing.has_stt and not hearing.has_vad):
            self._words.due = True
            self.committing = True
            self._words.flush()
            self._deadline.cancel()
            self._wait_for_final(now)
            return
        self._commit("committed by hand", interim=self._words.settle_for_interim())

    def forget(self) -> None:
        """Forgets the turn in progress, what the STT has not finalised of it included."""
        self._c.speculating.turn_over()
        self.limits.turn_ended("", None)
        self._words.forget()
        self.clear()
        self.barge_in.finalised()
        self.barge_in.turn_was_empty()

    def clear(self) -> None:
        """Begins a new turn."""
        self._c.states.spoke_since = None
        self._endpoint.forget()
        self._deadline.cancel()
        self._words.clear()
        self.committing = False
        self._vad_end = None
        self.last_voiced = None

    def take_trailing(self) -> str:
        """The words of a turn that the end of the session cuts off."""
        self._c.speculating.turn_over()
        text = f"{self.words} {self._c.keypad.take()}".strip()
        self.clear()
        return text

    # Small things

    def _decide(self, decision: Literal["commit", "hold"], reason: str) -> None:
        self._c.notify(TurnDecision(decision=decision, reason=reason, at=self._c.now()))

    def close(self) -> None:
        """Stops the timers."""
        self._endpoint.forget()
        self._deadline.cancel()
        self.limits.close()
        self.barge_in.close()
