"""One STT stream, and the audio that it would be owed again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from ..agent import Agent
from ..audio import AudioFrame, Resampler, join, split
from ..streams import Channel, Flush
from ..stt import Vocabulary
from ..timeline import ModelCall

_GAP = 0.001
"""Seconds between two frames from which they do not follow one another."""
_MARKS = 100
"""Gaps that are remembered: finals are about the last few seconds."""


class Ear:
    """One STT stream, with the audio that it would be owed if it had to be opened again."""

    __slots__ = (
        "_given",
        "_marks",
        "_seconds_before",
        "agent",
        "channel",
        "finalised_until",
        "gated",
        "given_until",
        "kept",
        "kept_seconds",
        "lost",
        "model_call",
        "open",
        "resampler",
        "slot",
        "task",
        "vocabulary",
    )

    def __init__(self, agent: Agent, slot: Any, vocabulary: Vocabulary | None) -> None:
        self.agent = agent
        self.slot = slot
        self.vocabulary = vocabulary
        self.channel: Channel[AudioFrame | Flush] = Channel()
        self.kept: deque[AudioFrame] = deque()
        self.kept_seconds = 0.0
        self.lost = 0.0
        self._marks: deque[tuple[float, float]] = deque(maxlen=_MARKS)
        """Seconds of audio given in this call, and the loop time there, behind each gap."""
        self._given = 0.0
        self.gated = not slot.capabilities.streaming
        """A batch STT gets the utterances only, as the VAD cuts them."""
        self.finalised_until = float("-inf")
        """Where the audio ends whose words are final."""
        self.given_until = float("-inf")
        """Where the audio ends that it has been given."""
        self.open = False
        """For a gated one: an utterance is being given to it."""
        self.resampler: Resampler | None = None
        self.task: asyncio.Task[None] | None = None
        self._seconds_before = 0.0
        self.model_call: ModelCall | None = None
        """The record of its stream, once that is open."""

    def give(self, frame: AudioFrame, duration: float) -> None:
        """Gives it a frame of so many seconds."""
        if frame.started_at - self.given_until > _GAP:
            self._marks.append((self._given, frame.started_at))
        self._given += duration
        self.given_until = frame.started_at + duration
        self.channel.offer(frame)

    def give_kept(self) -> None:
        """Gives it what is kept and has not been given."""
        since = self.given_until - 1e-6
        for frame in self.kept:
            if frame.started_at >= since and frame.ended_at > self.finalised_until:
                self.give(frame, frame.duration)

    def time_of(self, seconds: float) -> float | None:
        """The loop time at which a word ended, by its time in the audio of this call: what lay
        between two frames that did not follow one another is not in it."""
        for given, at in reversed(self._marks):
            if seconds > given:
                return at + seconds - given
        return None

    @property
    def seconds(self) -> float:
        """Of audio that it has been given, in all calls."""
        return self._seconds_before + self._given

    def reopen(self) -> None:
        """Begins a new call, which has been given nothing."""
        self._seconds_before = self.seconds
        self.channel = Channel()
        self._marks.clear()
        self._given = 0.0
        self.given_until = float("-inf")

    def keep(self, frame: AudioFrame, duration: float, limit: float) -> None:
        """Remembers a frame of so many seconds, and forgets the oldest beyond `limit` seconds."""
        self.kept.append(frame)
        self.kept_seconds += duration
        while self.kept_seconds > limit and len(self.kept) > 1:
            self.kept_seconds -= self.kept.popleft().duration

    def inherit(self, other: Ear, frame_ms: int, limit: float) -> None:
        """Takes over the audio that another STT was owed, at a rate of its own."""
        rates = self.slot.capabilities.sample_rates
        for stretch in _stretches(other.kept):
            frame = join(stretch)
            if frame.sample_rate not in rates:
                resampler = Resampler(frame.sample_rate, rates[0], quality="LQ")
                data = resampler.push(frame.data) + resampler.flush()
                frame = AudioFrame(data, rates[0], 1, frame.started_at)
            for piece in split(frame, frame.sample_rate * frame_ms // 1000):
                self.keep(piece, piece.duration, limit)
        self.finalised_until = other.finalised_until

    def forget_before(self, at: float) -> None:
        """What ended before `at` is finalised: it will not be owed again."""
        self.finalised_until = max(self.finalised_until, at)


def _stretches(frames: Iterable[AudioFrame]) -> list[list[AudioFrame]]:
    """Frames without a gap between them: a transport may send nothing while nobody speaks."""
    stretches: list[list[AudioFrame]] = []
    for frame in frames:
        if stretches and frame.started_at - stretches[-1][-1].ended_at < _GAP:
            stretches[-1].append(frame)
        else:
            stretches.append([frame])
    return stretches
