"""Turns: who has the floor. Every decision is an event with its reason."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

from ..audio import AudioFrame
from ..chat import ChatContext, ChatMessage
from ..events import (
    TranscriptDropped,
    TurnDecision,
    UserInputTranscribed,
)
from ..stt import (
    EagerEndOfTurn,
    EndOfTurn,
    Final,
    Partial,
    SpeechStarted,
    STTEvent,
    TurnResumed,
)
from ..turn_handling import TurnDetection
from ..vad import VADEvent
from .barge_in import BargeIn
from .finals import Finals, Late, Reach

if TYPE_CHECKING:
    from .conversation import Conversation
    from .segment import Segment

FINAL_BOUND = 2.0
"""Seconds that the endpoint waits for a final transcript."""
WORDS_BOUND = 10.0
"""Seconds after its start of speech in which an STT that gives no interim words gives some."""
_PAUSE = 0.1
"""Seconds of silence in the middle of an utterance at which a final that has no times ends."""
_EPSILON = 1e-6


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
        self.final_due = False
        """Audio has been heard that no final transcript covers yet."""
        self._final_at: float | None = None
        self._texts: list[str] = []
        self._partial = ""
        self._flushed = False
        self._committing = False
        """Committed by hand, as soon as the final has come."""
        self._endpoint: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._detection: asyncio.Task[None] | None = None
        self._delay: float | None = None
        self._judged = ""
        """The words that the turn detector has judged, or is judging."""
        self._finals = Finals()
        self.barge_in = BargeIn(conversation, self)

    # What others ask

    @property
    def user_speaking(self) -> bool:
        """The user's voice is heard."""
        return self.voice is Voice.SPEAKING

    @property
    def words(self) -> str:
        """The words of the turn so far, interim ones included."""
        return " ".join([*self._texts, self._partial] if self._partial else self._texts)

    @property
    def in_progress(self) -> bool:
        """The user is speaking, or has spoken and it is not decided yet what that was."""
        return (
            self.voice is Voice.SPEAKING
            or self.final_due
            or bool(self._texts)
            or bool(self._partial)
        )

    @property
    def quiet(self) -> bool:
        """Nobody speaks, and no words are due: audio need not be kept for long."""
        return self.voice is Voice.SILENT and not self.final_due

    @property
    def between_utterances(self) -> bool:
        """A moment at which the STT can be changed without cutting a word."""
        return self.quiet and not self._partial

    def holds(self, segment: Segment) -> bool:
        """Whether a segment must wait with its first audio, because the user has the floor."""
        return self.in_progress and segment.handle.allow_interruptions

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

    # What comes in

    def on_vad(self, event: VADEvent) -> None:
        """Speech has begun or ended."""
        if event.type == "speech_started":
            self.voice = Voice.SPEAKING
            self.began = event.at
            self.final_due = self._c.hearing.has_stt
            self._flushed = False
            self._cancel_endpoint()
            self._cancel_detection()
            self._cancel_deadline()
            self._c.hearing.utterance_began()
            self._c.states.user_speaks(True)
            self.barge_in.speech_began(event.at)
        elif self.voice is Voice.SPEAKING:
            self._voice_ended(event.at)
            self.barge_in.speech_ended(event.at)
            self._consider()

    def vad_changed(self, voiced_until: float | None) -> None:
        """Another VAD listens from now on: nobody will tell when this utterance ends. If it goes
        on, the new one says so at once."""
        if self.voice is Voice.SPEAKING:
            at = voiced_until if voiced_until is not None else self._loop.time()
            self._voice_ended(at, flush=False)
            self.barge_in.speech_ended(at)
            self._consider()

    def _voice_ended(self, at: float, *, flush: bool = True) -> None:
        self.voice = Voice.SILENT
        self.last_voiced = at
        self._vad_end = self._c.now()
        if self._finals.covers(at):
            self.final_due = False
        self._c.states.user_speaks(False)
        if self.final_due:
            if flush and self.mode != "stt":
                self._flush()
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
            if self.mode == "stt":
                self._on_end_of_turn()
        elif isinstance(event, EagerEndOfTurn | TurnResumed):
            return
        else:
            self._c.unknown_event("stt", event)

    def _on_stt_speech(self) -> None:
        if self._c.hearing.has_vad:
            return
        self.final_due = True
        self.began = self._loop.time()
        self._cancel_endpoint()
        self._cancel_detection()
        self._cancel_deadline()
        self._c.states.user_speaks(True)
        stt = self._c.slots.get(self._c.agent, "stt")
        interim = stt is None or stt.capabilities.interim
        # It may come to nothing: a noise, of which the STT says no more.
        self._wait_for_final(self._loop.time(), FINAL_BOUND if interim else WORDS_BOUND)

    def _on_partial(self, event: Partial) -> None:
        text = event.text.strip()
        late = self._c.hearing.has_vad and self._silent_since_late()
        if not text or late or self._finals.forgets(None, self._loop.time(), FINAL_BOUND):
            return
        self._partial = text
        self.final_due = True
        self._c.notify(UserInputTranscribed(transcript=text, is_final=False, at=self._c.now()))
        if not self._c.hearing.has_vad:
            self._c.states.user_speaks(True)
            self._cancel_endpoint()
        if self.voice is Voice.SILENT and not self._committing:
            if self.last_voiced is None or not self._c.hearing.has_vad:
                # Nobody but the STT hears this speech: it goes on while such words come.
                self._cancel_deadline()
            self._wait_for_final(self._loop.time())
        self.barge_in.words_came(final=False)

    def _on_final(self, event: Final, covered_until: float | None) -> None:
        text = event.text.strip()
        now = self._loop.time()
        reach = self._finals.take(event, covered_until, now)
        if self._finals.forgets(reach, now, FINAL_BOUND):
            return
        silent = self._silent_since_late()
        if self._finals.belongs_to_late(reach, event, silent_since_then=silent):
            self._correct(text, over=event.flushed)
            return
        self._partial = ""
        self._final_at = now
        self._forget_audio(reach)
        covers = self._covered(reach)
        if covers:
            self.final_due = False
            self._cancel_deadline()
        if text:
            self._texts.append(text)
            self._c.notify(
                UserInputTranscribed(
                    transcript=text, is_final=True, language=event.language, at=self._c.now()
                )
            )
        if not self._c.hearing.has_vad:
            self.last_voiced = covered_until if covered_until is not None else now
            self._c.states.user_speaks(False)
        if text:
            self.barge_in.words_came(final=True)
        self.barge_in.finalised()
        if covers and self._committing:
            self._commit("committed by hand")
        else:
            self._consider()

    def _silent_since_late(self) -> bool:
        """Whether the user has said nothing since a turn that did not wait for its final."""
        late = self._finals.late
        if late is None or self.voice is Voice.SPEAKING or self._texts:
            return False
        return self.began is None or self.began <= late.until + _EPSILON

    def _covered(self, reach: Reach) -> bool:
        """Whether no final is due any more for what the user has said."""
        if self.voice is Voice.SPEAKING:
            return False
        if self._c.hearing.has_vad and self.last_voiced is not None:
            return self._finals.covers(self.last_voiced)
        return reach.until > float("-inf") and not (self._committing and self._finals.awaited)

    def _forget_audio(self, reach: Reach) -> None:
        """What is finalised need not be heard again, should the STT fail."""
        hearing, now = self._c.hearing, self._loop.time()
        if reach.surely is not None:
            hearing.finalised(reach.surely)
        elif self.voice is Voice.SILENT:
            hearing.finalised(reach.until)
        else:
            voiced = hearing.voiced_until
            if voiced is not None and now - voiced >= _PAUSE:
                hearing.finalised(voiced)

    def _on_end_of_turn(self) -> None:
        if self._partial:
            self._texts.append(self._partial)
            self._partial = ""
        now = self._loop.time()
        self._finals.cover(now)
        self.final_due = False
        if self.last_voiced is None:
            self.last_voiced = self._c.hearing.voiced_until or now
        self._commit("the stt says that the turn has ended")

    def stt_failed(self) -> None:
        """The STT has given up: no final will come for what was heard."""
        self._finals.start_anew()
        if self.voice is Voice.SILENT:
            self._final_overdue()

    def stt_reopened(self) -> None:
        """The STT is called again and hears the audio once more of which its final is due."""
        self._finals.start_anew()
        if self.final_due and self.voice is Voice.SILENT and self._flushed:
            self._flushed = False
            self._flush()

    # The end of a turn

    def _min_delay(self) -> float:
        return self._c.turn_settings.min_delay

    def _consider(self) -> None:
        """Sets the endpoint for what has been said, if there is anything and the user is silent."""
        self._cancel_endpoint()
        mode = self.mode
        if self.voice is Voice.SPEAKING or mode == "manual":
            return
        if self.last_voiced is None and self._texts:
            self.last_voiced = self._loop.time()
        if not self.in_progress or self.last_voiced is None:
            self._c.hearing.between_utterances()
            return
        stt = self._c.slots.get(self._c.agent, "stt")
        if mode == "stt" and stt is not None and stt.capabilities.end_of_turn:
            return
        if mode == "turn_detector" and self._texts and not self.final_due:
            words = " ".join(self._texts)
            if self._judged != words:
                self._cancel_detection()
                self._judged = words
                self._detection = self._c.tasks.start(
                    self._detect(words, self._c.hearing.utterance(self.began or 0.0)),
                    "turn detector",
                )
            if self._detection is not None:
                return
        delay = self._delay if self._delay is not None else self._min_delay()
        at = self.last_voiced + delay
        if at <= self._loop.time() + _EPSILON:
            self._on_endpoint()
        else:
            self._endpoint = self._loop.call_at(at, self._c.post, self._on_endpoint)

    async def _detect(self, words: str, audio: AudioFrame | None) -> None:
        detector = self._c.slots.get(self._c.agent, "turn_detector")
        settings = self._c.turn_settings
        context: ChatContext = self._c.agent._chat_ctx.copy()
        context.add_message(role="user", content=words)
        try:
            probability = await detector.end_of_turn(context, audio)
        except Exception as error:
            self._c.post(self._c.report_error, error, "turn_detector", True)
            probability = 1.0
        done = probability >= detector.threshold
        self._c.post(
            self._detected, settings.min_delay if done else settings.max_delay, probability
        )

    def _detected(self, delay: float, probability: float) -> None:
        self._detection = None
        self._delay = delay
        self._decide(
            "wait",
            f"the turn detector gives {probability:.2f}: the turn ends {delay:g} s after speech",
        )
        self._consider()

    def _on_endpoint(self) -> None:
        self._endpoint = None
        if self.voice is Voice.SPEAKING:
            return
        if self.final_due and self._c.hearing.has_stt:
            self._flush()
            self._wait_for_final(self._loop.time())
            return
        self._commit("the user has been silent for the delay")

    def _flush(self) -> None:
        if not self._flushed:
            self._flushed = True
            self._finals.asked(self._loop.time())
            self._c.hearing.flush()

    def _wait_for_final(self, since: float, bound: float = FINAL_BOUND) -> None:
        if self._deadline is None:
            at = max(since, self._loop.time()) + bound
            self._deadline = self._loop.call_at(at, self._c.post, self._final_overdue)

    def _final_overdue(self) -> None:
        self._cancel_deadline()
        if not self.final_due:
            return
        self.final_due = False
        interim = self._partial
        if interim:
            self._texts.append(interim)
            self._partial = ""
        if not self._c.hearing.has_vad:
            self._c.states.user_speaks(False)
            if self.last_voiced is None:
                self.last_voiced = self._loop.time()
        self.barge_in.finalised()
        if self._committing:
            self._commit("committed by hand", interim=interim)
        elif self.mode != "manual":
            self._commit("no final transcript came within 2 s", interim=interim)

    def _commit(self, reason: str, *, interim: str = "") -> ChatMessage | None:
        text = " ".join(self._texts).strip()
        finals = self._texts[:-1] if interim else []
        voiced, vad_end, final_at = self.last_voiced, self._vad_end, self._final_at
        self.clear()
        self._c.hearing.between_utterances()
        if not text:
            self.barge_in.turn_was_empty()
            return None
        self._decide("commit", reason)
        timeline = self._c.user_turns.new_timeline(text)
        timeline.last_voiced = None if voiced is None else self._c.since_start(voiced)
        timeline.vad_end = vad_end
        timeline.stt_final = None if final_at is None else self._c.since_start(final_at)
        message = self._c.user_turns.take(
            text,
            timeline,
            may_interrupt=self.barge_in.counts(text),
            ignored=self.barge_in.ignores(text),
        )
        self.barge_in.turn_came()
        if interim:
            now = self._loop.time()
            until = voiced if voiced is not None else now
            self._finals.late = Late(message, until, now, finals)
        return message

    def _correct(self, text: str, *, over: bool) -> None:
        """Takes a final for a turn that was committed without it."""
        late = self._finals.late
        assert late is not None
        if over:
            self._finals.late = None
        if text:
            late.finals.append(text)
        corrected = " ".join(late.finals)
        if not text or corrected == late.message.content:
            return
        if self._c.user_turns.correct(late.message, corrected):
            return
        self._c.notify(
            TranscriptDropped(
                transcript=text, reason="its turn has been answered already", at=self._c.now()
            )
        )

    # Manual turns

    def commit_now(self) -> None:
        """Ends the turn by hand, with what the STT has heard up to now."""
        now = self._loop.time()
        if self.voice is Voice.SPEAKING:
            at = self._c.hearing.voiced_until
            self._voice_ended(now if at is None else min(at, now))
            self.barge_in.speech_ended(now)
        if self._c.hearing.has_stt and (self.final_due or not self._c.hearing.has_vad):
            self.final_due = True
            self._committing = True
            self._flush()
            self._cancel_deadline()
            self._wait_for_final(now)
            return
        self._commit("committed by hand")

    def forget(self) -> None:
        """Forgets the turn in progress, what the STT has not finalised of it included."""
        now = self._loop.time()
        if self._c.hearing.has_stt and (self.final_due or not self._c.hearing.has_vad):
            self._flushed = False
            self._flush()
            self._finals.forget(now)
        self.clear()
        self._c.hearing.finalised(now)
        self._finals.cover(now)
        self.barge_in.finalised()
        self.barge_in.turn_was_empty()

    def clear(self) -> None:
        """Begins a new turn."""
        self._cancel_endpoint()
        self._cancel_detection()
        self._cancel_deadline()
        self._texts.clear()
        self._partial = ""
        self.final_due = self.voice is Voice.SPEAKING and self._c.hearing.has_stt
        self._flushed = False
        self._committing = False
        self._vad_end = None
        self._final_at = None
        self.last_voiced = None

    def take_trailing(self) -> str:
        """The words of a turn that the end of the session cuts off."""
        text = self.words.strip()
        self.clear()
        return text

    # Small things

    def _decide(
        self,
        decision: Literal["wait", "commit", "pause", "resume", "interrupt", "ignore", "hold"],
        reason: str,
    ) -> None:
        self._c.notify(TurnDecision(decision=decision, reason=reason, at=self._c.now()))

    def _cancel_endpoint(self) -> None:
        if self._endpoint is not None:
            self._endpoint.cancel()
            self._endpoint = None

    def _cancel_detection(self) -> None:
        """Nothing that the turn detector has said holds any more."""
        self._judged = ""
        self._delay = None
        if self._detection is not None:
            self._detection.cancel()
            self._detection = None

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def close(self) -> None:
        """Stops the timers."""
        self._cancel_endpoint()
        self._cancel_detection()
        self._cancel_deadline()
        self.barge_in.close()
