"""Pacing: an agent's words, told as they are heard."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..events import AgentOutputTranscribed
from .ledger import Heard
from .segment import Segment, SegmentState

if TYPE_CHECKING:
    from .conversation import Conversation

EVERY = 0.2
"""Seconds between two looks where no word times say when the next word has been heard: about half a
word, as often as the engine gives audio to the transport."""
_SLACK = 0.001
"""Seconds after the end of a word: the position is a whole number of samples, rounded down."""


class Pacing:
    """Tells listeners of `agent_output_transcribed` which words have been heard by now.

    Whoever wants it asks for it by its name, or is a transport that declares `transcript`; else
    nothing is done. There is one timer: for the end of the next word, where the TTS has told it.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._timer: asyncio.TimerHandle | None = None
        self._segment: Segment | None = None
        self._seconds = -1.0

    @property
    def wanted(self) -> bool:
        """Whether anybody asks for it."""
        transport = self._c.transport
        return self._c.listeners.asked_for(AgentOutputTranscribed.name) or (
            transport is not None and transport.capabilities.transcript
        )

    def look(self, segment: Segment) -> None:
        """The segment has begun, or goes on; or somebody may have begun to listen meanwhile."""
        if segment.shown is None:
            if not self.wanted:
                return
            segment.shown = ""
        elif segment.voiced:
            return
        if segment.voiced:
            self._segment = segment
            self._seconds = -1.0
            due = None if segment.pushed else segment.ledger.next_word(0.0)
            self._wake_in(0.0 if segment.pushed else EVERY if due is None else due + _SLACK)
        else:
            self._show(segment, segment.ledger.generated)

    def halt(self) -> None:
        """The audio is paused."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def go_on(self) -> None:
        """The audio goes on after a pause."""
        if self._segment is not None and self._timer is None:
            self._wake_in(0.0)

    def _wake_in(self, delay: float) -> None:
        self.halt()
        self._timer = self._c.loop.call_later(delay, self._c.post, self._tick)

    def _tick(self) -> None:
        self._timer = None
        segment, transport = self._segment, self._c.transport
        if segment is None or transport is None or segment.state is not SegmentState.PLAYING:
            return
        if not self.wanted:
            self._segment = segment.shown = None
            return
        seconds = segment.played_seconds(transport.played())
        self._show(segment, segment.ledger.heard(seconds).text)
        due = segment.ledger.next_word(seconds)
        stalled = seconds <= self._seconds
        self._seconds = seconds
        self._wake_in(EVERY if due is None or stalled else min(due - seconds + _SLACK, EVERY * 10))

    def _show(self, segment: Segment, heard: str) -> None:
        text = self._c.transcripts.shown(segment, heard.strip())
        shown = segment.shown
        if shown is None or len(text) <= len(shown):
            return
        segment.shown = text
        delta = text[len(shown) :] if text.startswith(shown) else text
        self._tell(segment, text, delta)

    def done(self, segment: Segment, heard: Heard, *, interrupted: bool) -> None:
        """The segment is over, and it is known what was heard of it."""
        if segment is self._segment:
            self.halt()
            self._segment = None
        if segment.shown is None and not (heard.text.strip() and self.wanted):
            return
        transcript = segment.transcript
        if transcript is not None and not transcript.done:
            transcript.channel.close()
            transcript.then = lambda: self._final(segment, heard.text, interrupted)
        else:
            self._final(segment, heard.text, interrupted)

    def _final(self, segment: Segment, heard: str, interrupted: bool) -> None:
        text = self._c.transcripts.shown(segment, heard.strip())
        shown, segment.shown = segment.shown or "", None
        delta = text[len(shown) :] if text.startswith(shown) else ""
        self._tell(segment, text, delta, is_final=True, interrupted=interrupted)

    def _tell(
        self,
        segment: Segment,
        text: str,
        delta: str,
        *,
        is_final: bool = False,
        interrupted: bool = False,
    ) -> None:
        self._c.notify(
            AgentOutputTranscribed(
                segment_id=segment.id,
                agent_id=segment.agent.id,
                transcript=text,
                delta=delta,
                is_final=is_final,
                interrupted=interrupted,
                at=self._c.now(),
            )
        )

    def close(self) -> None:
        """Stops the timer."""
        self.halt()
        self._segment = None
