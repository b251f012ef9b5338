"""TTSs whose audio carries the words it speaks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..streams import Flush, Usage
from ..tts import TTS, Audio, TimedText, TTSCapabilities, TTSEvent, Voicing, WholeTextTTS
from .failures import Fail, due_failure
from .speech import render, slots

_TOKEN = re.compile(r"\s*\S+")


class ScriptedTTS(TTS):
    """Speaks by `antiphon.testing.speech.render`, word by word, with declared latencies.

    Text may break anywhere: a word is spoken once white space, a `Flush` or the end has come behind
    it. The first audio comes `first_byte` seconds after that; from then on a word takes
    `realtime_factor` times its own length to make. With `seconds` the whole text (up to a `Flush`)
    is waited for, and is that long whatever it says; else each word has `1 / words_per_second`.
    """

    def __init__(
        self,
        *,
        first_byte: float = 0.2,
        words_per_second: float = 2.5,
        seconds: float | None = None,
        sample_rate: int = 16000,
        word_times: bool = True,
        realtime_factor: float = 0.0,
        voicing: bool = False,
        fail_at: Fail | Sequence[Fail] = (),
    ) -> None:
        """`voicing`: say with `Voicing` which piece of the text each audio is."""
        self.capabilities = TTSCapabilities(word_times=word_times, sample_rates=(sample_rate,))
        self.voicing = voicing
        self.fail_at = fail_at
        self._voice = _Voice(
            first_byte=first_byte,
            words_per_second=words_per_second,
            seconds=seconds,
            sample_rate=sample_rate,
            word_times=word_times,
            realtime_factor=realtime_factor,
        )
        self.calls = 0
        """How many times `synthesize` was begun."""
        self.texts: list[str] = []
        """The text each call has got so far."""
        self.settings: list[Mapping[str, Any] | None] = []
        """What each call was given as settings."""
        self.reconfigured: list[Mapping[str, Any]] = []
        """The live settings that open streams have been given, in order."""

    def change_first_byte(self, seconds: float) -> None:
        """Makes calls that begin from now on give their first audio after so many seconds."""
        self._voice = replace(self._voice, first_byte=seconds)

    async def reconfigure(self, settings: Mapping[str, Any], *, stream: object) -> None:
        """Notes the settings; the words go on as they are."""
        self.reconfigured.append(settings)

    async def synthesize(
        self,
        text: AsyncIterable[str | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[TTSEvent, None]:
        self.calls += 1
        call = len(self.texts)
        self.texts.append("")
        self.settings.append(settings)
        failure = due_failure(self.fail_at, self.calls) if self.fail_at else None
        if failure is not None and not failure.after:
            raise failure.error
        speech = _Speech(self._voice, failure)
        whole = self._voice.seconds is not None
        pending = ""
        async for piece in text:
            if isinstance(piece, Flush):
                ready, pending = pending, ""
            else:
                self.texts[call] += piece
                pending += piece
                if whole:
                    continue
                end = len(pending)
                while end and not pending[end - 1].isspace():
                    end -= 1
                ready = pending[:end].rstrip()
                pending = pending[len(ready) :]
            for step in speech.say(ready, voicing=self.voicing):
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step
        for step in speech.say(pending, voicing=self.voicing):
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step
        yield Usage(characters=len(self.texts[call]), audio_seconds=speech.seconds)


class ScriptedWholeTextTTS(WholeTextTTS):
    """Speaks whole texts by `antiphon.testing.speech.render`; as `ScriptedTTS` otherwise."""

    def __init__(
        self,
        *,
        first_byte: float = 0.2,
        words_per_second: float = 2.5,
        seconds: float | None = None,
        sample_rate: int = 16000,
        word_times: bool = True,
        realtime_factor: float = 0.0,
        fail_at: Fail | Sequence[Fail] = (),
    ) -> None:
        self.capabilities = TTSCapabilities(
            streaming_text=False, word_times=word_times, sample_rates=(sample_rate,)
        )
        self.fail_at = fail_at
        self._voice = _Voice(
            first_byte=first_byte,
            words_per_second=words_per_second,
            seconds=seconds,
            sample_rate=sample_rate,
            word_times=word_times,
            realtime_factor=realtime_factor,
        )
        self.calls = 0
        self.texts: list[str] = []
        self.settings: list[Mapping[str, Any] | None] = []

    async def speak(
        self, text: str, settings: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[Audio | TimedText | Usage, None]:
        self.calls += 1
        self.texts.append(text)
        self.settings.append(settings)
        failure = due_failure(self.fail_at, self.calls) if self.fail_at else None
        if failure is not None and not failure.after:
            raise failure.error
        speech = _Speech(self._voice, failure)
        for step in speech.say(text, voicing=False):
            if isinstance(step, float):
                await asyncio.sleep(step)
            elif not isinstance(step, Voicing | Usage):
                yield step
        yield Usage(characters=len(text), audio_seconds=speech.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Voice:
    """How a scripted TTS speaks."""

    first_byte: float
    words_per_second: float
    seconds: float | None
    sample_rate: int
    word_times: bool
    realtime_factor: float


class _Speech:
    """One call: counts the samples given."""

    def __init__(self, voice: _Voice, failure: Fail | None) -> None:
        self._voice = voice
        self._failure = failure
        self._samples = 0

    @property
    def seconds(self) -> float:
        """Seconds of audio given so far."""
        return self._samples / self._voice.sample_rate

    def say(self, text: str, *, voicing: bool) -> Iterator[TTSEvent | float]:
        """The events of the next piece of text; a number is seconds to wait before the next one."""
        voice, rate = self._voice, self._voice.sample_rate
        tokens = _TOKEN.findall(text)
        if not tokens:
            return
        seconds = len(tokens) / voice.words_per_second if voice.seconds is None else voice.seconds
        for token, (start, end) in zip(
            tokens, slots(len(tokens), round(seconds * rate)), strict=True
        ):
            length = end - start
            if not self._samples:
                if voice.first_byte:
                    yield float(voice.first_byte)
            elif voice.realtime_factor:
                yield voice.realtime_factor * length / rate
            if self._failure is not None and self.seconds >= self._failure.after:
                raise self._failure.error
            word = token.lstrip()
            begin = self._samples
            self._samples += length
            if voicing:
                yield Voicing(token)
            if voice.word_times:
                yield TimedText(word, begin / rate, self._samples / rate)
            yield Audio(render(word, sample_rate=rate, seconds=length / rate), rate)
        if self._failure is not None and self.seconds >= self._failure.after:
            raise self._failure.error
