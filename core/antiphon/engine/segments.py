"""Segments on their way: made, filled with words, recorded as they were heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..agent import Agent, lineage
from ..chat import ChatMessage
from ..given import NOT_GIVEN
from ..speech import SpeechHandle
from ..timeline import Timeline
from .ledger import CHARACTERS_PER_SECOND, Heard
from .rewriting import Rewriting
from .segment import Segment, SegmentState

if TYPE_CHECKING:
    from .conversation import Conversation


class Segments:
    """Makes the segments of a conversation and records what became of them."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._paces: dict[str, float] = {}
        """Characters a second that the voice of an agent has been heard to speak, by its id."""

    def new(
        self,
        handle: SpeechHandle,
        agent: Agent,
        *,
        on_granted: Callable[[], None] | None = None,
        timeline: Timeline | None = None,
        record: bool = True,
        ready_audio: bool = False,
    ) -> Segment:
        """A segment for the floor; voiced where the agent has a TTS and somebody can hear it."""
        has_voice = (
            ready_audio
            or self._c.slots.get(agent, "tts") is not None
            or type(agent).tts_node is not Agent.tts_node
        )
        voiced = has_voice and self._c.speaking.transport is not None
        transforms = self._transforms(agent) if voiced and not ready_audio else ()
        return Segment(
            self._c.ids.new("segment"),
            handle=handle,
            agent=agent,
            voiced=voiced,
            sample_rate=self._c.sample_rate,
            frame_ms=self._c.frame_ms,
            record=record,
            on_granted=on_granted,
            timeline=timeline,
            rewriting=Rewriting(transforms) if transforms else None,
            pace=self._paces.get(agent.id, CHARACTERS_PER_SECOND),
            ready_audio=ready_audio,
        )

    def _transforms(self, agent: Agent) -> tuple[Any, ...]:
        """What is done to the words of an agent: its own list, or else the session's."""
        for each in lineage(agent):
            if each._tts_text_transforms is not NOT_GIVEN:
                return each._tts_text_transforms
        return self._c.options.tts_text_transforms

    def add_words(
        self, segment: Segment, text: str, overrides: dict[str, Any] | None = None
    ) -> None:
        """More words for a segment; the first ones start its voice."""
        rewriting = segment.rewriting
        if rewriting is not None and rewriting.own and not segment.rewriters:
            self._c.rewriters.start(segment)
        segment.overrides = overrides
        segment.add_text(text)
        self._c.transcripts.feed(segment, text)
        if not segment.voiced:
            self._c.post(self._c.speaking.on_text, segment)
        elif segment.task is None:
            self.give_voice(segment)

    def give_voice(self, segment: Segment) -> None:
        """Starts the voice of a segment that has something to say by now."""
        if segment.task is not None or segment.state is SegmentState.DONE:
            return
        if not segment.ledger.spoken.strip():
            return
        if segment.timeline is not None and segment.timeline.first_sentence is None:
            segment.timeline.first_sentence = self._c.now()
        self._c.voicer.start(segment, segment.overrides)

    def end_words(self, segment: Segment) -> None:
        """A segment has all its words."""
        segment.end_text()
        self._c.transcripts.end(segment)
        if not segment.voiced:
            self._c.speaking.on_text(segment)
        elif segment.task is None:
            self.end_unvoiced(segment)

    def end_unvoiced(self, segment: Segment) -> None:
        """A segment without a voice so far may have all its words: it begins now, or never."""
        if segment.task is not None or not segment.spoken_done:
            return
        self.give_voice(segment)
        if segment.task is None:
            segment.end_audio()
            segment.ledger.finish()
            self._c.speaking.on_audio(segment)

    def on_started(self, segment: Segment) -> None:
        """The first audio, or text, of a segment goes out."""
        segment.began_at = self._c.now()
        self._c.pacing.look(segment)
        if segment.place is None:
            segment.place = self._c.recorder.keep_place(segment.agent)
        timeline = segment.timeline
        if timeline is not None and timeline.first_audio is None:
            timeline.first_audio = self._c.now()

    def on_done(self, segment: Segment, heard: Heard, *, interrupted: bool) -> None:
        """A segment is over: record what was heard of it."""
        pace = None if segment.ready_audio else segment.ledger.pace
        if pace is not None:
            self._paces[segment.agent.id] = pace
        generated = segment.ledger.generated.strip()
        cut_short = heard.text.strip() != generated
        if interrupted:
            segment.handle._mark_interrupted()
        text = heard.text.strip()
        early = segment.early
        message: ChatMessage | None = None
        if text and segment.record:
            message = early or ChatMessage(
                id=self._c.recorder.item_id(),
                role="assistant",
                content="",
                agent_id=segment.agent.id,
                step_id=segment.step_id,
                created_at=segment.began_at,
            )
            message.content = text
            message.interrupted = interrupted and (cut_short or not segment.text_done)
            message.generated_text = generated
            message.estimated = heard.estimated
            self._c.transcripts.complete(segment, message)
        self._c.pacing.done(
            segment, heard, interrupted=interrupted and (cut_short or not segment.text_done)
        )
        if message is not None or early is not None:
            place = segment.place or self._c.recorder.keep_place(segment.agent)
            self._c.recorder.settle(message, early, place, segment.agent)
        if message is not None:
            segment.handle.chat_items.append(message)
        self.check_done(segment.handle)
        if not interrupted:
            self._c.entering.on_spoken()

    def check_done(self, handle: SpeechHandle) -> None:
        """Finishes a handle of which nothing is left to generate or to play."""
        if handle.done() or handle in self._c.replying.active:
            return
        if any(segment.handle is handle for segment in self._c.speaking.segments()):
            return
        if self._c.speaking.settling(handle):
            return
        timeline = self._c.user_turns.answering.pop(handle, None)
        if timeline is not None:
            self._c.user_turns.close_timeline(timeline, interrupted=handle.interrupted)
        handle._finish(handle._error)
