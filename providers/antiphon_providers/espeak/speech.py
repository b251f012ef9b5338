"""What one call of `synthesize` speaks, sentence by sentence."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import Any

from antiphon.errors import ProviderRejected
from antiphon.holding import hold
from antiphon.streams import Usage
from antiphon.subprocesses import Message, Multiplexer
from antiphon.text import word_boundaries
from antiphon.tts import Audio, TimedText, TTSEvent, Voicing

SAMPLE_RATE = 22050
"""What espeak-ng makes, in samples per second."""
_PIECE = 2 * 882
"""Bytes in one `Audio`, at most: 40 ms."""
_LATENCY = 0.002
"""Seconds that a sentence takes where time is virtual; really its first audio takes about 1 ms."""


class Speech:
    """One call of `synthesize`: counts its samples, and keeps the pauses between its sentences."""

    def __init__(self, how: Mapping[str, Any]) -> None:
        self._how = how
        self._samples = 0
        self._characters = 0
        self._pause = 0

    def usage(self) -> Usage:
        """What has been spoken so far."""
        return Usage(characters=self._characters, audio_seconds=self._samples / SAMPLE_RATE)

    async def speak(
        self, sentence: str, mark: str, many: Multiplexer
    ) -> AsyncGenerator[TTSEvent, None]:
        """Speaks a sentence that ends with `mark` (see `_sentences`).

        The pause that belongs after it is only given when another one follows: at the end of a
        reply it would keep the caller waiting for the floor.
        """
        for silence in self._audio(bytes(2 * self._pause)):
            yield silence
        yield Voicing(sentence)
        words = _Words(sentence, self._samples)
        request = {**self._how, "text": sentence, "pause": mark}
        async with aclosing(_answers(many, request)) as answers:
            async for header, audio in answers:
                for position, sample, voiced_before in header.get("words", ()):
                    for timed in words.begin(position, sample, voiced_before):
                        yield timed
                for piece in self._audio(audio):
                    yield piece
                if "end" in header:
                    self._pause = header["pause"]
                    for timed in words.end(header["voiced"]):
                        yield timed
        self._characters += len(sentence)

    def _audio(self, data: bytes) -> Iterator[Audio]:
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._samples += len(piece) // 2
            yield Audio(piece, SAMPLE_RATE)


class _Words:
    """The words of a sentence as they are written, with the times that espeak tells for its own.

    espeak may count "1234" as eight words, and none where nothing is said: what belongs to no word
    of its own is given together with the word before it.
    """

    def __init__(self, sentence: str, first_sample: int) -> None:
        self._sentence = sentence
        self._ends = word_boundaries(sentence)
        self._first_sample = first_sample
        self._index = -1
        self._text_start = 0
        self._sample = 0

    def begin(self, position: int, sample: int, voiced_before: int) -> Iterator[TimedText]:
        """A word of espeak's begins; gives what this ends."""
        index = bisect_right(self._ends, position)
        if index <= self._index or index >= len(self._ends):
            return
        if self._index >= 0:
            yield self._timed(self._ends[index - 1], voiced_before)
            self._text_start = self._ends[index - 1]
        self._index = index
        self._sample = sample

    def end(self, voiced: int) -> Iterator[TimedText]:
        """The sentence is over; gives its last words."""
        if self._index >= 0:
            yield self._timed(len(self._sentence), voiced)

    def _timed(self, text_end: int, sample_end: int) -> TimedText:
        return TimedText(
            self._sentence[self._text_start : text_end].strip(),
            (self._first_sample + self._sample) / SAMPLE_RATE,
            (self._first_sample + max(self._sample, sample_end)) / SAMPLE_RATE,
        )


async def _answers(many: Multiplexer, request: Mapping[str, Any]) -> AsyncGenerator[Message, None]:
    """The worker's answers to a request; closed early, it makes the worker drop the rest.

    Where the loop's time is virtual, all of them are waited for and come together `_LATENCY` later:
    the order of events then does not hang on how fast the worker really is.
    """
    loop = asyncio.get_running_loop()
    asked = loop.time()
    id = many.next_id()
    channel = many.request(id)
    ended = False
    try:
        if many.worker.alive:
            many.worker.post({**request, "id": id})
        collected: list[Message] = []
        while not ended:
            async with hold("espeak speaks"):
                message = await anext(channel)
            if "error" in message[0]:
                ended = True
                raise ProviderRejected(message[0]["error"], provider="espeak")
            ended = "end" in message[0]
            collected.append(message)
            if loop.time() == asked:
                continue
            for ready in collected:
                yield ready
            collected.clear()
        if collected:
            await asyncio.sleep(_LATENCY)
            for ready in collected:
                yield ready
    finally:
        many.done(id)
        if not ended and many.worker.alive:
            many.worker.post({"cancel": id})
