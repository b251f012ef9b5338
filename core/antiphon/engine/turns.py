"""Turns: who has the floor. Every decision is an event with its reason."""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import TYPE_CHECKING, Literal

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

if TYPE_CHECKING:
    from .conversation import Conversation
    from .segment import Segment

FINAL_BOUND = 2.0
"""Seconds that the endpoint waits for a final transcript."""
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
        self._endpoint: asyncio.TimerHandle | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._detection: asyncio.Task[None] | None = None
        self._delay: float | None = None
        self._late_for: ChatMessage | None = None
        """A message made of interim words: a final for the same audio may still correct it."""
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
            self._c.hearing.utterance_began()
            self._c.states.user_speaks(True)
            self.barge_in.speech_began(event.at)
            return
        if self.voice is Voice.SILENT:
            return
        self.voice = Voice.SILENT
        self.last_voiced = event.at
        self._vad_end = self._c.now()
        if self._final_at is not None and self._final_at >= event.at - _EPSILON:
            self.final_due = False
        self._c.states.user_speaks(False)
        if self.final_due and self.mode != "stt":
            self._flush()
        if self.final_due and self._deadline is None:
            self._deadline = self._loop.call_at(
                max(self._loop.time(), event.at) + FINAL_BOUND + self._min_delay(),
                self._c.post,
                self._final_overdue,
            )
        self.barge_in.speech_ended(event.at)
        self._consider()

    def on_stt(self, event: STTEvent, covered_until: float | None) -> None:
        """The STT has said something; `covered_until` is the loop time of a final's last word."""
        if isinstance(event, Partial):
            self._on_partial(event)
        elif isinstance(event, Final):
            self._on_final(event, covered_until)
        elif isinstance(event, SpeechStarted):
            if not self._c.hearing.has_vad:
                self.final_due = True
                self.began = self._loop.time()
                self._c.states.user_speaks(True)
        elif isinstance(event, EndOfTurn):
            if self.mode == "stt":
                self._on_end_of_turn()
        elif isinstance(event, EagerEndOfTurn | TurnResumed):
            return
        else:
            self._c.unknown_event("stt", event)

    def _on_partial(self, event: Partial) -> None:
        text = event.text.strip()
        if not text:
            return
        if self._late_for is not None and self.voice is Voice.SILENT and not self._texts:
            return
        self._partial = text
        self.final_due = True
        self._c.notify(UserInputTranscribed(transcript=text, is_final=False, at=self._c.now()))
        if not self._c.hearing.has_vad:
            self._c.states.user_speaks(True)
            self._cancel_endpoint()
        self.barge_in.words_came()

    def _on_final(self, event: Final, covered_until: float | None) -> None:
        text = event.text.strip()
        now = self._loop.time()
        if self._late_for is not None and not self._texts and self.voice is Voice.SILENT:
            self._correct(text)
            return
        self._late_for = None
        self._partial = ""
        self._final_at = now
        covers = event.flushed or self._covers(covered_until)
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
        if self.voice is Voice.SILENT and covers:
            self._c.hearing.finalised(now)
        elif covered_until is not None:
            self._c.hearing.finalised(covered_until)
        if not self._c.hearing.has_vad:
            self.last_voiced = covered_until if covered_until is not None else now
            self._c.states.user_speaks(False)
        if text:
            self.barge_in.words_came()
        self.barge_in.finalised()
        self._consider()

    def _covers(self, covered_until: float | None) -> bool:
        if self.voice is Voice.SPEAKING:
            return False
        if covered_until is None or self.last_voiced is None:
            return True
        # Word ends and voiced samples differ by what a recogniser trims off.
        return covered_until >= self.last_voiced - 0.5

    def _on_end_of_turn(self) -> None:
        if self._partial:
            self._texts.append(self._partial)
            self._partial = ""
        self.final_due = False
        if self.last_voiced is None:
            self.last_voiced = self._loop.time()
        self._commit("the stt says that the turn has ended")

    def stt_failed(self) -> None:
        """No final will come for what was heard."""
        self._final_overdue()

    # The end of a turn

    def _min_delay(self) -> float:
        return self._c.turn_settings.min_delay

    def _consider(self) -> None:
        """Sets the endpoint for what has been said, if there is anything and the user is silent."""
        self._cancel_endpoint()
        mode = self.mode
        if self.voice is Voice.SPEAKING or mode == "manual":
            return
        if not self.in_progress or self.last_voiced is None:
            if self.last_voiced is None and self._texts:
                self.last_voiced = self._loop.time()
            else:
                self._c.hearing.between_utterances()
                return
        stt = self._c.slots.get(self._c.agent, "stt")
        if mode == "stt" and stt is not None and stt.capabilities.end_of_turn:
            return
        if mode == "turn_detector" and self._texts and self._detection is None:
            self._detection = self._c.tasks.start(self._detect(), "turn detector")
            return
        if self._detection is not None:
            return
        delay = self._delay if self._delay is not None else self._min_delay()
        at = self.last_voiced + delay
        if at <= self._loop.time() + _EPSILON:
            self._on_endpoint()
        else:
            self._endpoint = self._loop.call_at(at, self._c.post, self._on_endpoint)

    async def _detect(self) -> None:
        detector = self._c.slots.get(self._c.agent, "turn_detector")
        settings = self._c.turn_settings
        context: ChatContext = self._c.agent._chat_ctx.copy()
        context.add_message(role="user", content=self.words)
        audio = self._c.hearing.utterance(self.began or 0.0)
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
            if self._deadline is None:
                self._deadline = self._loop.call_later(
                    FINAL_BOUND, self._c.post, self._final_overdue
                )
            return
        self._commit("the user has been silent for the delay")

    def _flush(self) -> None:
        if not self._flushed:
            self._flushed = True
            self._c.hearing.flush()

    def _final_overdue(self) -> None:
        self._cancel_deadline()
        if not self.final_due:
            return
        self.final_due = False
        late = bool(self._partial)
        if self._partial:
            self._texts.append(self._partial)
            self._partial = ""
        self.barge_in.finalised()
        if self.voice is Voice.SILENT and self.mode != "manual":
            self._commit("no final transcript came within 2 s", interim=late)

    def _commit(self, reason: str, *, interim: bool = False) -> ChatMessage | None:
        text = " ".join(self._texts).strip()
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
        message = self._c.user_turns.take(text, timeline, may_interrupt=self.barge_in.counts(text))
        self._late_for = message if interim else None
        return message

    def _correct(self, text: str) -> None:
        message, self._late_for = self._late_for, None
        if message is None or not text or text == message.content:
            return
        if self._c.user_turns.correct(message, text):
            return
        self._c.notify(
            TranscriptDropped(
                transcript=text, reason="its turn has been answered already", at=self._c.now()
            )
        )

    # Manual turns

    def commit_now(self) -> None:
        """Ends the turn by hand, with what the STT has heard up to now."""
        if self.voice is Voice.SPEAKING:
            self.last_voiced = self._loop.time()
        if self._c.hearing.has_stt and (self.final_due or self._c.hearing.has_vad is False):
            self.final_due = True
            self.voice = Voice.SILENT
            self._flushed = False
            self._flush()
            self._cancel_deadline()
            self._deadline = self._loop.call_later(FINAL_BOUND, self._c.post, self._commit_flushed)
            return
        self._commit("committed by hand")

    def _commit_flushed(self) -> None:
        self._cancel_deadline()
        if self._partial:
            self._texts.append(self._partial)
        self.final_due = False
        self._commit("committed by hand")

    def clear(self) -> None:
        """Forgets the turn in progress."""
        self._cancel_endpoint()
        self._cancel_deadline()
        self._texts.clear()
        self._partial = ""
        self.final_due = self.voice is Voice.SPEAKING and self._c.hearing.has_stt
        self._flushed = False
        self._delay = None
        self._vad_end = None
        self._final_at = None
        self.last_voiced = None
        self._late_for = None

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
        self._cancel_deadline()
        self.barge_in.close()
