"""One STT stream, and the audio that it would be owed again."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from ..agent import Agent
from ..audio import AudioFrame, Resampler
from ..streams import Channel, Flush
from ..stt import Vocabulary


class Ear:
    """One STT stream, with the audio that it would be owed if it had to be opened again."""

    __slots__ = (
        "agent",
        "channel",
        "gated",
        "kept",
        "kept_seconds",
        "lost",
        "open",
        "origin",
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
        self.origin: float | None = None
        """Loop time of the first sample of the present call: the zero of its word times."""
        self.gated = not slot.capabilities.streaming
        """A batch STT gets the utterances only, as the VAD cuts them."""
        self.open = False
        """For a gated one: an utterance is being given to it."""
        self.resampler: Resampler | None = None
        self.task: asyncio.Task[None] | None = None

    def keep(self, frame: AudioFrame, limit: float) -> None:
        """Remembers a frame, and forgets the oldest beyond `limit` seconds."""
        self.kept.append(frame)
        self.kept_seconds += frame.duration
        while self.kept_seconds > limit and len(self.kept) > 1:
            self.kept_seconds -= self.kept.popleft().duration

    def forget_before(self, at: float) -> None:
        """What ended before `at` is finalised: it will not be needed again."""
        while self.kept and self.kept[0].ended_at <= at:
            self.kept_seconds -= self.kept.popleft().duration
