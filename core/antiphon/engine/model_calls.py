"""Model calls: when each began, gave something and ended, and what it used."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..events import ModelCallEnded
from ..streams import Usage
from ..timeline import CallSlot, ModelCall

if TYPE_CHECKING:
    from ..agent import Agent
    from ..stt import STTEvent
    from ..timeline import Timeline
    from .conversation import Conversation
    from .ear import Ear


class ModelCalls:
    """Keeps the record of every call of a slot, and tells the listeners when one has ended."""

    __slots__ = ("_c",)

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    def begin(
        self,
        slot: CallSlot,
        agent: Agent,
        *,
        speech_id: str | None = None,
        timeline: Timeline | None = None,
    ) -> ModelCall:
        """A call is about to be made, for the turn of `timeline` if it is for one."""
        call = ModelCall(
            slot=slot,
            model=self._c.slots.label(agent, slot),
            agent_id=agent.id,
            speech_id=speech_id,
            turn=None if timeline is None else timeline.turn,
            started=self._c.now(),
        )
        if timeline is not None:
            timeline.calls.append(call)
        return call

    def answered(self, call: ModelCall) -> None:
        """It has given something: the first such moment is kept."""
        if call.first_output is None:
            call.first_output = self._c.now()

    def used(self, call: ModelCall, usage: Usage) -> None:
        """Its provider reports what it has used."""
        self._c.usage.add(call.model, usage, call=call, timeline=self._timeline(call))

    async def stream(
        self, ear: Ear, listen: Callable[[Ear], Awaitable[BaseException | None]]
    ) -> None:
        """Records an STT stream while `listen` reads it, which returns the error that ended it."""
        ear.model_call = call = self.begin("stt", ear.agent)
        try:
            error = await listen(ear)
        except BaseException as raised:
            self._c.post(self._stream_ended, ear, call, raised)
            raise
        self._c.post(self._stream_ended, ear, call, error)

    def _stream_ended(self, ear: Ear, call: ModelCall, error: BaseException | None) -> None:
        # Many report at the end of the stream only, for which nobody waits: then what was given
        # to it counts.
        if call.usage is None and ear.seconds > 0 and not ear.gated:
            self.heard(ear, Usage(audio_seconds=ear.seconds))
        self.end(call, error)

    def heard(self, ear: Ear, event: STTEvent) -> None:
        """An STT has given something. What it uses is its call's and a turn's: it serves many."""
        call = ear.model_call
        if call is None:
            return
        if not isinstance(event, Usage):
            self.answered(call)
            return
        usage = event
        timelines = self._c.user_turns.timelines
        timeline = timelines[-1] if timelines and not self._c.turns.in_progress else None
        if timeline is not None and timeline.done is not None:
            timeline = None
        self._c.usage.hear(call.model, usage, call=call, timeline=timeline)

    def end(
        self,
        call: ModelCall,
        error: BaseException | None = None,
        *,
        discarded: bool = False,
        at: float | None = None,
    ) -> None:
        """It is over: with an error, cancelled (`CancelledError`), or done; `at`: not just now."""
        if call.ended is not None:
            return
        call.ended = self._c.now() if at is None else at
        if discarded:
            self._c.usage.discard(call)
        if error is None:
            call.outcome = "done"
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            call.outcome = "cancelled"
        else:
            call.outcome = "failed"
            call.error = type(error).__name__
        self._c.notify(ModelCallEnded(call=call, at=self._c.now()))

    def _timeline(self, call: ModelCall) -> Timeline | None:
        timelines = self._c.user_turns.timelines
        if call.turn is None or call.turn > len(timelines):
            return None
        return timelines[call.turn - 1]
