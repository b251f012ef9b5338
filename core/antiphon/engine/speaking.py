"""Speaking: one segment at a time has the floor; its audio is paced to playout and stops at
once."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..transport import Played, Transport
from .mailbox import UNCHANGED
from .segment import Segment, SegmentState

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from .conversation import Conversation

AHEAD = 0.4
"""Seconds of audio given to the transport ahead of playout."""
WAKE = 0.2
"""Seconds left there when the next are given: one timer per 0.2 s instead of one per frame."""
SETTLE = 0.25
"""Seconds to wait for a better playout position from a transport that reports one."""


@dataclass(slots=True)
class _Settling:
    """A segment that was cut, and may still turn out to have been heard a little less or more."""

    segment: Segment
    seconds: float
    timer: asyncio.TimerHandle


class Speaking:
    """The queue for the floor, and the segment that has it."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._loop = conversation.loop
        self.queue: deque[Segment] = deque()
        self.current: Segment | None = None
        self.paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._settling: dict[str, _Settling] = {}
        self._waiting_settled: list[asyncio.Future[None]] = []
        self.transport: Transport | None = None
        self._emulate_pause = False

    def attach(self, transport: Transport | None) -> None:
        """Takes the transport that plays; None for a session of text."""
        if transport is not None and transport.capabilities.audio_out:
            self.transport = transport
            self._emulate_pause = transport.capabilities.pause == "emulated"
            transport.on_played = lambda played: self._c.post(self._on_played, played)

    # The queue

    @property
    def idle(self) -> bool:
        """Nothing has the floor, waits for it, or waits for its playout position."""
        return self.current is None and not self.queue and not self._settling

    @property
    def audible(self) -> bool:
        """A segment is being played, and not paused."""
        current = self.current
        return current is not None and current.state is SegmentState.PLAYING and not self.paused

    @property
    def expected(self) -> bool:
        """A reply has the floor, and its first audio is on its way."""
        current = self.current
        return (
            current is not None
            and current.state is SegmentState.GRANTED
            and current.handle.source != "say"
        )

    def enqueue(self, segment: Segment) -> None:
        """Puts a segment behind those that wait already."""
        self.queue.append(segment)

    def settling(self, handle: SpeechHandle) -> bool:
        """Whether it is not known yet what was heard of a part of this speech."""
        return any(entry.segment.handle is handle for entry in self._settling.values())

    def segments(self) -> list[Segment]:
        """The one with the floor, then those that wait."""
        return ([self.current] if self.current is not None else []) + list(self.queue)

    def advance(self) -> None:
        """Gives the floor to the next segment, and audio to the transport, where nothing forbids
        it."""
        busy = not self.idle
        while self.current is None and self.queue:
            segment = self.queue.popleft()
            self.current = segment
            segment.granted()
            if segment.state is SegmentState.DONE:
                self.current = None
            elif segment.text_done:
                self._pump()  # one that has nothing to say ends here
        if self.current is not None and self.current.state is SegmentState.GRANTED:
            self._pump()
        if busy and self.idle:  # a switch, or a task, may have waited for just that
            self._c.post(self._c.switching.advance)

    # What comes from the voicing of a segment

    def on_audio(self, segment: Segment) -> None:
        """The segment has more audio, or has all of it."""
        if segment is self.current:
            self._pump()

    def on_text(self, segment: Segment) -> None:
        """A segment without a voice has more text, or has all of it."""
        if segment is not self.current or segment.voiced:
            return
        if segment.state is SegmentState.GRANTED and segment.ledger.generated:
            self._begin(segment)
        elif segment.state is SegmentState.PLAYING:
            self._c.pacing.look(segment)
        if segment.text_done:
            self._finish(segment)

    def on_failed(self, segment: Segment) -> None:
        """The segment's TTS has given up: what it made is still played."""
        self.on_audio(segment)

    # Playing

    def _pump(self) -> None:
        segment, transport = self.current, self.transport
        if segment is None or self.paused:
            return
        if not segment.voiced or transport is None:
            self.on_text(segment)
            return
        if segment.state is SegmentState.GRANTED:
            if not segment.has_audio:
                if segment.audio_done:
                    self._finish(segment)
                return
            if self._c.turns.holds(segment):
                return
            self._begin(segment)
        buffered = transport.buffered()
        while buffered < AHEAD:
            frame = segment.take_frame()
            if frame is None:
                break
            transport.push(frame, segment.part)
            if self._emulate_pause:
                segment.remember(frame)
            segment.pushed += frame.samples
            buffered += frame.duration
        segment.made_room()
        if segment.has_audio:
            self._wake_in(buffered - WAKE)
        elif segment.audio_done:
            self._wake_in(transport.buffered())

    def _wake_in(self, delay: float) -> None:
        at = self._loop.time() + max(delay, 0.0)
        if self._timer is not None:
            if self._timer.when() <= at + 1e-9:
                return  # it looks again when it fires: no new timer for every piece of audio
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._c.post, self._on_timer)

    def _on_timer(self) -> object:
        self._timer = None
        segment, transport = self.current, self.transport
        if segment is None or transport is None or self.paused:
            return None
        playing = segment.voiced and segment.state is SegmentState.PLAYING
        if segment.shown is None:
            self._c.pacing.look(segment)
        if segment.has_audio or not segment.audio_done:
            self._pump()
            return UNCHANGED if playing else None
        left = transport.buffered()
        if left > 1e-6:
            self._wake_in(left)
        else:
            self._finish(segment)
        return None

    def _begin(self, segment: Segment) -> None:
        segment.state = SegmentState.PLAYING
        segment.runs()
        self._c.segments.on_started(segment)

    def _finish(self, segment: Segment) -> None:
        self._cancel_timer()
        self.current = None
        segment.state = SegmentState.DONE
        segment.stop(self._c.tasks.cancel)
        ledger = segment.ledger
        complete = ledger.complete or not segment.voiced
        heard = ledger.all_text() if complete else ledger.heard(ledger.seconds)
        self._c.segments.on_done(segment, heard, interrupted=False)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Pause, resume, cut

    def pause(self) -> bool:
        """Stops the audio at once, to go on later from the same sample. False when nothing
        plays."""
        segment, transport = self.current, self.transport
        if not self.audible or segment is None or transport is None or not segment.voiced:
            return False
        self._cancel_timer()
        self.paused = True
        if self._emulate_pause:
            segment.rewind(transport.clear())
        else:
            transport.pause()
        segment.halts()
        self._c.pacing.halt()
        return True

    def resume(self) -> None:
        """Goes on after `pause`."""
        if not self.paused:
            return
        self.paused = False
        if self.transport is not None and not self._emulate_pause:
            self.transport.resume()
        if self.current is not None:
            self.current.runs()
        self._c.pacing.go_on()
        self._pump()

    def cut(self, segment: Segment) -> None:
        """Ends a segment now; what was heard of it is settled as soon as it is known."""
        if segment.state is SegmentState.DONE:
            return
        was_playing = segment.state is SegmentState.PLAYING
        segment.state = SegmentState.DONE
        segment.stop(self._c.tasks.cancel)
        if segment is not self.current:
            if segment in self.queue:
                self.queue.remove(segment)
            self._c.segments.on_done(segment, segment.ledger.heard(0.0), interrupted=True)
            return
        self._cancel_timer()
        self.current = None
        was_paused, self.paused = self.paused, False
        if not was_playing:
            self._c.segments.on_done(segment, segment.ledger.heard(0.0), interrupted=True)
            return
        if not segment.voiced or self.transport is None:
            self._c.segments.on_done(segment, segment.ledger.all_text(), interrupted=True)
            return
        if was_paused and self._emulate_pause:
            self._settle(segment, segment.pushed_seconds, segment.rewound_part)
            return
        played = self.transport.clear()
        if was_paused:
            self.transport.resume()
        exact = played is None or played.exact
        self._settle(segment, segment.played_seconds(played), None if exact else segment.part)

    def _settle(self, segment: Segment, seconds: float, part: str | None) -> None:
        """Records what was heard, or waits for a better figure about `part`."""
        assert self.transport is not None
        if part is None or self.transport.capabilities.position != "reported":
            self._c.segments.on_done(segment, segment.ledger.heard(seconds), interrupted=True)
            return
        timer = self._loop.call_later(SETTLE, self._c.post, self._settle_now, part)
        self._settling[part] = _Settling(segment, seconds, timer)

    def _on_played(self, played: Played) -> None:
        entry = self._settling.get(played.segment)
        if entry is not None:
            entry.seconds = entry.segment.played_seconds(played)
            if played.exact:
                self._settle_now(played.segment)
        elif self.paused and self.current is not None:
            self.current.correct(played)

    def _settle_now(self, part: str) -> None:
        entry = self._settling.pop(part)
        entry.timer.cancel()
        heard = entry.segment.ledger.heard(entry.seconds)
        self._c.segments.on_done(entry.segment, heard, interrupted=True)
        if not self._settling:
            for waiter in self._waiting_settled:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiting_settled.clear()

    async def settled(self) -> None:
        """Waits until it is known what was heard of everything that was cut."""
        while self._settling:
            waiter = self._loop.create_future()
            self._waiting_settled.append(waiter)
            await waiter

    def aclose(self) -> None:
        """Stops the timers."""
        self._cancel_timer()
        self._c.pacing.close()
        for entry in self._settling.values():
            entry.timer.cancel()
        self._settling.clear()
