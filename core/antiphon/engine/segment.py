"""Segments: one LLM step's words, or one `say`, on their way to the caller."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from ..audio import AudioFrame, Resampler
from ..chat import ChatMessage
from ..transport import Played
from ..tts import Audio
from .ledger import CHARACTERS_PER_SECOND, Ledger
from .recording import Place
from .rewriting import Rewriting

if TYPE_CHECKING:
    from ..agent import Agent
    from ..speech import SpeechHandle
    from ..timeline import ModelCall, Timeline
    from .transcripts import Transcript

READ_AHEAD = 5.0
"""Seconds of audio a TTS may make ahead of playout."""


class SegmentState(Enum):
    """Where a segment stands."""

    QUEUED = auto()
    GRANTED = auto()
    """It has the floor and nothing of it has been played."""
    PLAYING = auto()
    DONE = auto()


@dataclass(slots=True)
class _Rewound:
    """What was known when a transport that cannot pause was cleared in place of it. In samples."""

    part: str
    base: int
    pushed: int
    sent: list[AudioFrame]
    returned: int = 0
    """Frames that were put back."""
    exact: bool = True


class Segment:
    """Holds a segment's text, its audio that waits to be played, and its ledger."""

    __slots__ = (
        "_base",
        "_carry",
        "_frame_bytes",
        "_frames",
        "_on_granted",
        "_parts",
        "_played_out",
        "_ran",
        "_rate",
        "_resampler",
        "_rewound",
        "_room",
        "_runs_since",
        "_sent",
        "agent",
        "audio_done",
        "began_at",
        "early",
        "flushes",
        "handle",
        "id",
        "ledger",
        "model_call",
        "overrides",
        "place",
        "pushed",
        "reader",
        "ready_audio",
        "record",
        "rewriters",
        "rewriting",
        "shown",
        "state",
        "step_id",
        "task",
        "text_done",
        "text_waiter",
        "timeline",
        "transcript",
        "voiced",
    )

    def __init__(
        self,
        id: str,
        *,
        handle: SpeechHandle,
        agent: Agent,
        voiced: bool,
        sample_rate: int,
        frame_ms: int,
        record: bool = True,
        on_granted: Callable[[], None] | None = None,
        timeline: Timeline | None = None,
        step_id: str | None = None,
        rewriting: Rewriting | None = None,
        pace: float = CHARACTERS_PER_SECOND,
        ready_audio: bool = False,
    ) -> None:
        self.id = id
        self.handle = handle
        self.agent = agent
        self.voiced = voiced
        """False where there is no TTS or nobody to play audio to: text counts as heard when it
        comes."""
        self.ready_audio = ready_audio
        """The user's own audio is played in place of a voice."""
        self.record = record
        self.step_id = step_id
        self.timeline = timeline
        self.model_call: ModelCall | None = None
        """The record of its TTS call, once there is one."""
        self.shown: str | None = None
        """What people have been shown of it by now; None while nobody asks."""
        self.transcript: Transcript | None = None
        """The text as people are shown it, for an agent with a node of its own."""
        self.state = SegmentState.QUEUED
        self.rewriting = rewriting
        """What is done to the words before the voice gets them; None: nothing."""
        self.rewriters: list[asyncio.Task[None]] = []
        """Functions of the user's that do it."""
        self.overrides: dict[str, Any] | None = None
        """Settings for the call of its TTS."""
        self.ledger = Ledger(rewriting, pace=pace)
        self.text_done = False
        self.audio_done = False
        self.flushes = 0
        """How often `flush` was asked for: a source passes a `Flush` on when the count has
        moved."""
        self.text_waiter: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.reader: asyncio.Task[None] | None = None
        """What reads a text that comes in pieces."""
        self.place: Place | None = None
        self.early: ChatMessage | None = None
        """The message shown to the LLM before it was heard, for a step in progress."""
        self.began_at: float | None = None
        """When its first audio went out, in seconds from the start of the session."""
        self.pushed = 0
        self._on_granted = on_granted
        self._rate = sample_rate
        self._frame_bytes = sample_rate * frame_ms // 1000 * 2
        self._frames: deque[AudioFrame] = deque()
        self._carry = bytearray()
        self._resampler: Resampler | None = None
        self._room: asyncio.Future[None] | None = None
        self._sent: deque[AudioFrame] = deque()
        self._parts = 0
        self._base = 0
        self._rewound: _Rewound | None = None
        self._runs_since: float | None = None
        self._ran = 0.0
        self._played_out: list[asyncio.Future[None]] = []

    def __repr__(self) -> str:
        return f"Segment({self.id}, {self.state.name}, {self.ledger.generated[:20]!r})"

    # The floor

    def granted(self) -> None:
        """It has the floor now."""
        self.state = SegmentState.GRANTED
        callback, self._on_granted = self._on_granted, None
        if callback is not None:
            callback()

    async def played_out(self) -> None:
        """Waits until it is done."""
        if self.state is not SegmentState.DONE:
            waiter = asyncio.get_running_loop().create_future()
            self._played_out.append(waiter)
            await waiter

    def stop(self, cancel: Callable[[asyncio.Task[None]], None]) -> None:
        """Ends its voicing, by `cancel`, and wakes whoever waits for its end."""
        for task in (self.task, self.reader, *self.rewriters):
            if task is not None and not task.done():
                cancel(task)
        self._frames.clear()
        self._carry.clear()
        for waiter in self._played_out:
            if not waiter.done():
                waiter.set_result(None)
        self._played_out.clear()
        self.made_room()

    # Text

    def add_text(self, text: str) -> None:
        """More words of the model, or of `say`."""
        self.ledger.add_text(text)
        self.wake_source()

    def flush(self) -> None:
        """Nothing follows for a while: speak what is there."""
        if self.rewriting is not None:
            self.rewriting.flush()
        self.flushes += 1
        self.wake_source()

    def end_text(self) -> None:
        """No more words will come."""
        self.text_done = True
        if self.rewriting is not None:
            self.rewriting.end()
        self.wake_source()

    @property
    def spoken_done(self) -> bool:
        """Whether the voice has all the words it will get."""
        return self.text_done and (self.rewriting is None or self.rewriting.done)

    def wake_source(self) -> None:
        """Wakes the reader of the text."""
        waiter = self.text_waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # Audio

    @property
    def has_audio(self) -> bool:
        """Whether a frame waits to be played."""
        return bool(self._frames) or (self.audio_done and bool(self._carry))

    @property
    def ahead(self) -> float:
        """Seconds of audio that wait to be given to the transport."""
        return len(self._frames) * self._frame_bytes / (2 * self._rate)

    def add_audio(self, audio: Audio) -> None:
        """Audio of the TTS, at its own rate."""
        data = audio.data
        self.ledger.add_audio(len(data) / (2 * audio.sample_rate))
        if audio.sample_rate != self._rate:
            resampler = self._resampler
            if resampler is None or resampler.from_rate != audio.sample_rate:
                self._flush_resampler()
                resampler = self._resampler = Resampler(audio.sample_rate, self._rate)
            data = resampler.push(data)
        self._cut_frames(data)

    def end_audio(self) -> None:
        """No more audio will come."""
        self._flush_resampler()
        self.audio_done = True

    def _flush_resampler(self) -> None:
        if self._resampler is not None:
            self._cut_frames(self._resampler.flush())
            self._resampler = None

    def _cut_frames(self, data: bytes) -> None:
        size, carry, frames, rate = self._frame_bytes, self._carry, self._frames, self._rate
        if not carry and len(data) == size:
            frames.append(AudioFrame(data, rate))
            return
        carry += data
        whole = len(carry) // size * size
        if whole:
            view = bytes(carry[:whole])
            del carry[:whole]
            for offset in range(0, whole, size):
                frames.append(AudioFrame(view[offset : offset + size], rate))

    def take_frame(self) -> AudioFrame | None:
        """The next frame to play, or None when there is none yet."""
        if self._frames:
            return self._frames.popleft()
        if self.audio_done and self._carry:
            data = bytes(self._carry)
            self._carry.clear()
            return AudioFrame(data, self._rate)
        return None

    async def room(self) -> None:
        """Waits while the TTS is too far ahead of playout."""
        while self.ahead > READ_AHEAD and self.state is not SegmentState.DONE:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    def made_room(self) -> None:
        """Wakes the TTS when enough has been played."""
        room = self._room
        if room is not None and not room.done():
            if self.ahead <= READ_AHEAD or self.state is SegmentState.DONE:
                room.set_result(None)

    # Position

    @property
    def part(self) -> str:
        """The id that the transport knows it by; a new one after each emulated pause."""
        return self.id if not self._parts else f"{self.id}.{self._parts}"

    def played_seconds(self, played: Played | None) -> float:
        """Seconds of its audio that were played."""
        if played is None:
            samples = self._base + self._surely_pushed_out()
        elif self._rewound is not None and played.segment == self._rewound.part:
            samples = self._rewound.base + played.samples
        else:
            samples = self._base + (played.samples if played.segment == self.part else 0)
        return samples / self._rate

    def _surely_pushed_out(self) -> int:
        """Samples of this part that were played, where the transport plays nothing any more: all
        that was pushed if it has run dry, but not more than there was time for if it is gone."""
        seconds = self._ran
        if self._runs_since is not None:
            seconds += asyncio.get_running_loop().time() - self._runs_since
        samples = max(0, int(seconds * self._rate + 1e-3) - self._base)
        return min(self.pushed - self._base, samples)

    def runs(self) -> None:
        """Its audio is being played from now on."""
        if self._runs_since is None:
            self._runs_since = asyncio.get_running_loop().time()

    def halts(self) -> None:
        """Its audio is paused."""
        if self._runs_since is not None:
            self._ran += asyncio.get_running_loop().time() - self._runs_since
            self._runs_since = None

    @property
    def pushed_seconds(self) -> float:
        """Seconds of its audio that were given to the transport, what it gave back not counted."""
        return self.pushed / self._rate

    def remember(self, frame: AudioFrame) -> None:
        """Keeps a pushed frame until it has surely been played, for an emulated pause."""
        self._sent.append(frame)
        while len(self._sent) > 100:
            self._sent.popleft()

    def rewind(self, played: Played | None) -> None:
        """Puts back what the transport has cleared unplayed, to be pushed again."""
        rewound = _Rewound(self.part, self._base, self.pushed, list(self._sent))
        if played is None:
            samples = self._surely_pushed_out()
        else:
            samples = played.samples if played.segment == rewound.part else 0
        self._put_back(rewound, samples)
        rewound.exact = played is None or played.exact
        self._rewound = rewound
        self._sent.clear()
        self._parts += 1

    def correct(self, played: Played) -> None:
        """Takes a better figure for the audio played before the pause that it is in."""
        rewound = self._rewound
        if rewound is None or played.segment != rewound.part or rewound.exact:
            return
        for _ in range(rewound.returned):
            self._frames.popleft()
        self._put_back(rewound, played.samples)
        rewound.exact = played.exact

    def _put_back(self, rewound: _Rewound, played: int) -> None:
        unplayed = max(rewound.pushed - rewound.base - played, 0)
        back: deque[AudioFrame] = deque()
        for frame in reversed(rewound.sent):
            if unplayed <= 0:
                break
            if frame.samples > unplayed:
                frame = AudioFrame(frame.data[-2 * unplayed :], frame.sample_rate)
            back.appendleft(frame)
            unplayed -= frame.samples
        self._frames.extendleft(reversed(back))
        rewound.returned = len(back)
        self._base = self.pushed = rewound.base + played

    @property
    def rewound_part(self) -> str | None:
        """What the transport knew it by before a pause of which it may still tell more; None when
        all is known."""
        rewound = self._rewound
        return None if rewound is None or rewound.exact else rewound.part
