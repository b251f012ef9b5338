"""The microphone of a scripted caller: what is planned to be said, frame by frame."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..audio import AudioFrame
from .speech import slots, voiced_span

_TAIL = 1.0
"""Seconds of silence sent after speech by a microphone that is not continuous."""


@dataclass(slots=True)
class Utterance:
    """Something the caller says, or types (no samples)."""

    start: int
    """Samples from the beginning of the call."""
    data: bytes
    """Mono int16."""
    text: str
    rendered: bool
    """Made from its text by `render`: cut short, it has the words that were whole."""

    @property
    def end(self) -> int:
        return self.start + len(self.data) // 2

    def text_until(self, sample: int) -> str:
        """The words that were said whole before `sample`."""
        if sample >= self.end:
            return self.text
        if not self.rendered:
            return ""
        words = self.text.split()
        ends = [self.start + end for _, end in slots(len(words), len(self.data) // 2)]
        return " ".join(word for word, end in zip(words, ends, strict=True) if end <= sample)


class Microphone:
    """Gives frames on the loop's clock: silence, and what is to be said where it is to be said.

    Frame n holds the samples from n * frame on, and is given when the last of them has been spoken.
    One timer at a time is set, for the next frame.
    """

    def __init__(self, sample_rate: int, frame_samples: int, *, continuous: bool) -> None:
        self.said: list[Utterance] = []
        """All that was said or is planned, in the order in which it was planned."""
        self.asked_until = 0
        """The end of the last that was said, is planned, was typed or pressed, and wants an answer:
        all but sounds without words."""
        self._rate = sample_rate
        self._samples = frame_samples
        self._silence = bytes(2 * frame_samples)
        self._continuous = continuous
        self._unsent: deque[Utterance] = deque()
        self._frame = 0
        self._tail_end = 0
        self._on_frame: Callable[[AudioFrame], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self, on_frame: Callable[[AudioFrame], None] | None) -> None:
        """Time counts from now; without `on_frame` that is all. Must be called on the loop."""
        self._loop = asyncio.get_running_loop()
        self._started_at = self._loop.time()
        self._on_frame = on_frame
        self._arm()

    def stop(self) -> None:
        """Gives no more frames."""
        self._on_frame = None
        self._unsent.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def time(self, sample: int) -> float:
        """When the sample is spoken, on the loop's clock."""
        return round(self._started_at + sample / self._rate, 9)

    def sample(self, time: float) -> int:
        """The sample that is spoken then."""
        return round((time - self._started_at) * self._rate)

    def say(
        self,
        data: bytes,
        text: str,
        *,
        when: float | None,
        rendered: bool,
        wordless: bool = False,
    ) -> Utterance:
        """Plans an utterance for `when`, or for as soon as the mouth is free for so long.

        A `wordless` one wants no answer. Raises `ValueError` when the time is over, or in the
        middle of another one.
        """
        now = 0 if self._loop is None else self.sample(self._loop.time())
        now = max(now, self._frame * self._samples)
        spoken = sorted((said for said in self.said if said.data), key=lambda said: said.start)
        if when is None:
            start = now
            for other in spoken:
                if start < other.end and other.start < start + len(data) // 2:
                    start = other.end
        else:
            start = self.sample(when)
            if start < now:
                raise ValueError(
                    f"{text!r} is planned for {when:g} s, and it is {self.time(now):g} s already"
                )
        said = Utterance(start, data, text, rendered)
        for other in spoken:
            if start < other.end and other.start < said.end:
                raise ValueError(
                    f"{text!r} is planned for {self.time(start):g} s, and the caller says "
                    f"{other.text!r} from {self.time(other.start):g} s to "
                    f"{self.time(other.end):g} s"
                )
        self.said.append(said)
        if not wordless and (span := voiced_span(data)) is not None:
            self.asked(start + span[1])
        self._unsent.append(said)
        if len(self._unsent) > 1 and self._unsent[-2].start > start:
            self._unsent = deque(sorted(self._unsent, key=lambda waiting: waiting.start))
        self._arm()
        return said

    def asked(self, sample: int) -> None:
        """An answer is wanted to something that ends, or has ended, with `sample`."""
        self.asked_until = max(self.asked_until, sample)

    def _arm(self) -> None:
        """Sets the timer for the next frame that is to be given, if there is one."""
        if self._on_frame is None or (self._continuous and self._timer is not None):
            return
        loop = asyncio.get_running_loop()
        frame = self._frame
        if not self._continuous and frame * self._samples >= self._tail_end:
            if not self._unsent:
                return
            frame = max(frame, self._unsent[0].start // self._samples)
        if self._timer is not None:
            self._timer.cancel()
        due = self._started_at + (frame + 1) * self._samples / self._rate
        self._timer = loop.call_at(due, self._give, frame)

    def _give(self, number: int) -> None:
        on_frame = self._on_frame
        first = number * self._samples
        frame = AudioFrame(self._spoken(first), self._rate, 1, self.time(first))
        self._frame = number + 1
        self._timer = None
        self._arm()  # before anything can go wrong at the other end
        if on_frame is not None:
            on_frame(frame)

    def _spoken(self, first: int) -> bytes:
        """The samples of the frame that begins with `first`."""
        end = first + self._samples
        data = self._silence
        while self._unsent and self._unsent[0].start < end:
            said = self._unsent[0]
            begin = max(0, said.start - first)
            piece = said.data[2 * (first + begin - said.start) : 2 * (end - said.start)]
            data = data[: 2 * begin] + piece + data[2 * begin + len(piece) :]
            self._tail_end = min(said.end, end) + round(_TAIL * self._rate)
            if said.end > end:
                break
            self._unsent.popleft()
        return data
