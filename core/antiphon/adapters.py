"""Adapters that make a stream of what works whole: `adapt_stt`, `adapt_tts`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
)
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .audio import AudioFrame, join
from .slot import BuiltSlot
from .streams import Channel, Duplex, Flush, Usage, duplex
from .stt import STT, BatchSTT, Final, STTCapabilities, STTEvent
from .text import SentenceSplitter
from .tts import TTS, Audio, TimedText, TTSCapabilities, TTSEvent, Voicing, WholeTextTTS

_UTTERANCE_LIMIT = 120.0
"""Seconds of audio that are collected before they are recognised without a `Flush`."""
_EVENTS_AHEAD = 256
"""Events of one sentence that may wait to be read; then its synthesis waits."""
_LATER_SENTENCE = 20
"""Characters that a sentence after the first has at the least: there is time to make it, and fewer
requests sound better. The first one is spoken however short it is."""


def adapt_stt(stt: STT | BatchSTT) -> STT:
    """An `STT` of one that recognises whole utterances; an `STT` is returned as it is.

    The frames up to a `Flush` are one utterance: it is recognised and given as one
    `Final(flushed=True)`, empty when there was no audio. What is left when the audio ends is
    recognised too. An utterance that goes on for 120 seconds is recognised up to there, so that
    memory is bounded. Times of words count from the first sample of the call; one that tells no
    usage is counted by seconds. `unwrap` is what was adapted.
    """
    return stt if isinstance(stt, STT) else AdaptedSTT(stt)


def adapt_tts(tts: TTS | WholeTextTTS) -> TTS:
    """A `TTS` of one that speaks whole texts; a `TTS` is returned as it is.

    The text is spoken sentence by sentence, each one announced by `Voicing`; while one is read, the
    next is synthesised, and no more than that. `Flush` speaks what has come so far, complete or
    not. Text without a letter or a digit is not sent. Times of words count from the first sample of
    the call; one that tells no usage is counted by characters and seconds. Closing the stream
    closes both syntheses. When the text fails, what was complete before is spoken, and then the
    error is raised. `unwrap` is what was adapted.
    """
    return tts if isinstance(tts, TTS) else AdaptedTTS(tts)


class _Adapted(BuiltSlot):
    """Passes on what has nothing to do with the seam."""

    unwrap: BatchSTT | WholeTextTTS

    def load(self) -> None:
        self.unwrap.load()

    async def prewarm(self) -> None:
        await self.unwrap.prewarm()

    async def aclose(self) -> None:
        await self.unwrap.aclose()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # what the slot has besides its seam
            if name == "unwrap" or name.startswith("__"):
                raise AttributeError(name)
            return getattr(self.unwrap, name)


class AdaptedSTT(_Adapted, STT):
    """What `adapt_stt` returns."""

    unwrap: BatchSTT

    def __init__(self, unwrap: BatchSTT) -> None:
        self.unwrap = unwrap

    @property
    def capabilities(self) -> STTCapabilities:
        return self.unwrap.capabilities

    @capabilities.setter
    def capabilities(self, capabilities: STTCapabilities) -> None:
        self.unwrap.capabilities = capabilities

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[STTEvent, None]:
        frames: list[AudioFrame] = []
        collected = 0.0
        before = 0.0  # seconds of audio of the utterances before this one
        async with _closing(audio):
            async for item in audio:
                if isinstance(item, Flush):
                    flushed = True
                else:
                    frames.append(item)
                    collected += item.duration
                    if collected < _UTTERANCE_LIMIT:
                        continue
                    flushed = False
                for event in await self._recognize(frames, before, settings, flushed=flushed):
                    yield event
                before += collected
                collected = 0.0
                frames = []
            if frames:
                for event in await self._recognize(frames, before, settings, flushed=False):
                    yield event

    async def _recognize(
        self,
        frames: list[AudioFrame],
        before: float,
        settings: Mapping[str, Any] | None,
        *,
        flushed: bool,
    ) -> list[STTEvent]:
        if not frames:
            return [Final("", flushed=flushed)]
        audio = join(frames)
        found = await self.unwrap.recognize(audio, settings)
        words = tuple(
            replace(word, start=word.start + before, end=word.end + before) for word in found.words
        )
        final = Final(found.text, words, found.language, found.confidence, flushed)
        return [final, found.usage or Usage(audio_seconds=audio.duration)]


class AdaptedTTS(_Adapted, TTS):
    """What `adapt_tts` returns."""

    unwrap: WholeTextTTS

    def __init__(self, unwrap: WholeTextTTS) -> None:
        self.unwrap = unwrap

    @property
    def capabilities(self) -> TTSCapabilities:
        return self.unwrap.capabilities

    @capabilities.setter
    def capabilities(self, capabilities: TTSCapabilities) -> None:
        self.unwrap.capabilities = capabilities

    def synthesize(
        self,
        text: AsyncIterable[str | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> Duplex[TTSEvent]:
        run = _Reading(self.unwrap, text, settings)
        return duplex(run.cut, run.speak, close=run.aclose, maxsize=8)


class _Reading:
    """One call of `synthesize`: one side cuts sentences and starts them, the other reads them."""

    def __init__(
        self,
        tts: WholeTextTTS,
        text: AsyncIterable[str | Flush],
        settings: Mapping[str, Any] | None,
    ) -> None:
        self._tts = tts
        self._text = text
        self._settings = settings
        # One sentence waits here, started, while another is read: so it is one ahead.
        self._ahead: Channel[_Sentence] = Channel(1)
        self._open: list[_Sentence] = []
        self._unvoiced = ""

    async def cut(self) -> None:
        """Reads the text to its end."""
        language = (self._settings or {}).get("language")
        splitter = SentenceSplitter(language=language if isinstance(language, str) else "en")
        try:
            async with _closing(self._text):
                async for piece in self._text:
                    if isinstance(piece, Flush):
                        await self._start(splitter.flush())
                        splitter.min_chars = 1
                    elif sentences := splitter.push(piece):
                        await self._start(sentences)
                        splitter.min_chars = _LATER_SENTENCE
            await self._start(splitter.flush())
        except Exception as error:
            # raised to the reader, but after what was complete before it
            self._ahead.fail(error)
        else:
            self._ahead.close()

    async def _start(self, sentences: list[str]) -> None:
        for text in sentences:
            self._unvoiced += text
            if not any(map(str.isalnum, text)):
                continue  # belongs to the next sentence; on its own there is nothing to say
            sentence = _Sentence(self._unvoiced)
            self._unvoiced = ""
            await self._ahead.put(sentence)
            self._open.append(sentence)
            sentence.start(self._tts, self._settings)

    async def speak(self, emit: Callable[[TTSEvent], Awaitable[None]]) -> None:
        """Reads out the sentences, one after the other."""
        before = 0.0  # seconds of audio of the sentences before this one
        async for sentence in self._ahead:
            await emit(Voicing(sentence.text))
            seconds = 0.0
            counted = False
            async for event in sentence.events:
                if isinstance(event, Audio):
                    seconds += len(event.data) / (2 * event.sample_rate)
                elif isinstance(event, TimedText):
                    event = TimedText(event.text, event.start + before, event.end + before)
                elif isinstance(event, Usage):
                    counted = True
                await emit(event)
            if not counted:
                characters = len(sentence.text.strip())
                await emit(Usage(characters=characters, audio_seconds=seconds))
            before += seconds
            await sentence.aclose()
            self._open.remove(sentence)

    async def aclose(self) -> None:
        for sentence in self._open:
            await sentence.aclose()


class _Sentence:
    """A sentence that is being synthesised."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.events: Channel[Audio | TimedText | Usage] = Channel(_EVENTS_AHEAD)
        self._task: asyncio.Task[None] | None = None

    def start(self, tts: WholeTextTTS, settings: Mapping[str, Any] | None) -> None:
        self._task = asyncio.get_running_loop().create_task(
            self._fill(tts, settings), name="synthesise sentence"
        )

    async def _fill(self, tts: WholeTextTTS, settings: Mapping[str, Any] | None) -> None:
        try:
            speech = tts.speak(self.text.strip(), settings)
            async with _closing(speech, always=True):
                async for event in speech:
                    await self.events.put(event)
        except Exception as error:
            self.events.fail(error)
        else:
            self.events.close()

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


@asynccontextmanager
async def _closing(stream: AsyncIterable[Any], *, always: bool = False) -> AsyncIterator[None]:
    """Closes a stream in the task that iterates it.

    Of what was given to us only an async generator is closed, since nobody else could iterate it
    any more; a channel belongs to its owner.
    """
    try:
        yield
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None and (always or inspect.isasyncgen(stream)):
            await close()
