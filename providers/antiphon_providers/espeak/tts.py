"""Text to speech by espeak-ng, in a worker process that all sessions of this process share."""

from __future__ import annotations

import asyncio
import inspect
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import espeakng_loader

from antiphon.errors import ProviderConnectionError
from antiphon.provider import BuildEnv, Lease
from antiphon.settings import call_settings
from antiphon.streams import Flush
from antiphon.subprocesses import Multiplexer, Subprocess
from antiphon.text import SentenceSplitter
from antiphon.tts import TTS, TTSCapabilities, TTSEvent

from . import TTSSettings
from .speech import SAMPLE_RATE, Speech
from .voices import Voices

_MARKS = ".?!,;:"
"""What a voice pauses at, as espeak knows it."""
_OTHER_MARKS = {"…": ".", "。": ".", "\n": "."}
_CLOSING = "\"'”»)]}*_ "
"""What may stand after such a mark."""


class EspeakTTS(TTS):
    """espeak-ng's voice: cuts the text into sentences and speaks one after the other."""

    capabilities = TTSCapabilities(word_times=True, sample_rates=(SAMPLE_RATE,))

    def __init__(
        self, language: str, voice: str | None, settings: TTSSettings, env: BuildEnv
    ) -> None:
        self._language = language
        self._voice = voice
        self._settings = settings
        self._env = env
        self._voices: Voices | None = None
        self._lease: Lease | None = None
        self._leasing = asyncio.Lock()

    def load(self) -> None:
        """Looks the voice up. Raises `ConfigurationError` when espeak does not have it."""
        self._request({})
        SentenceSplitter().flush()  # imports what cuts sentences

    async def prewarm(self) -> None:
        """Starts the worker, unless it runs, and has it load the voice. Raises as `load`."""
        speech = Speech(self._request({}))
        lease = await self._worker()
        async with aclosing(speech.speak("a", "", lease.value)) as events:
            async for _ in events:
                pass

    async def aclose(self) -> None:
        """Gives the worker back; it ends when nobody has used it for a while."""
        lease, self._lease = self._lease, None
        if lease is not None:
            await lease.aclose()

    async def synthesize(
        self,
        text: AsyncIterable[str | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[TTSEvent, None]:
        """As `TTS.synthesize`; a call's `settings` are laid over those it was built with.

        Closing it makes the worker drop what it has not yet made. `ProviderConnectionError` means
        that the worker died; the next call starts another.
        """
        speech = Speech(self._request(settings or {}))
        lease = await self._worker()
        try:
            async with aclosing(_sentences(text, self._language)) as sentences:
                async for sentence, mark in sentences:
                    async with aclosing(speech.speak(sentence, mark, lease.value)) as events:
                        async for event in events:
                            yield event
        except ProviderConnectionError:
            await self._give_up(lease)
            raise
        yield speech.usage()

    def _request(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What the worker is told of how to speak. Raises `ConfigurationError`."""
        if self._voices is None:
            self._voices = Voices(Path(espeakng_loader.get_data_path()))
        chosen = call_settings(self._settings, settings, owner="espeak tts", variant="voice")
        return {
            "voice": self._voices.name(self._language, chosen.get("voice", self._voice)),
            "rate": chosen["speed"],
            "volume": chosen["volume"],
            "pitch": chosen["pitch"],
            "word_gap": round(chosen["word_gap"] * 100),
        }

    async def _worker(self) -> Lease:
        async with self._leasing:
            if self._lease is not None and not self._lease.value.worker.alive:
                await self._give_up(self._lease)  # it died while nobody looked
            if self._lease is None:
                self._lease = await self._env.resource("worker", _open_worker, Multiplexer.aclose)
            return self._lease

    async def _give_up(self, lease: Lease) -> None:
        """Lets the next call start another worker."""
        if self._lease is lease:
            self._lease = None
        lease.discard()
        await lease.aclose()


async def _open_worker() -> Multiplexer:
    return Multiplexer(await Subprocess.open("antiphon_providers.espeak.worker", name="espeak"))


async def _sentences(
    text: AsyncIterable[str | Flush], language: str
) -> AsyncGenerator[tuple[str, str], None]:
    """What is to be spoken at a time, and the mark that it ends with: one of `.?!,;:` or "".

    Joined, that is the whole text, but for an end with nothing to say in it (spaces, a dash): such
    a piece is given together with what follows.
    """
    splitter = SentenceSplitter(language=language)
    unsaid = ""
    try:
        async for piece in text:
            flush = isinstance(piece, Flush)
            sentences = splitter.flush() if isinstance(piece, Flush) else splitter.push(piece)
            for left, sentence in zip(reversed(range(len(sentences))), sentences, strict=True):
                unsaid += sentence
                if _says_something(unsaid):
                    # Nothing follows the last for a while: so it is an end, whatever it ends with.
                    yield unsaid, _mark(unsaid) or ("." if flush and not left else "")
                    unsaid = ""
        for sentence in splitter.flush():
            unsaid += sentence
            if _says_something(unsaid):
                yield unsaid, _mark(unsaid)
                unsaid = ""
    finally:
        if inspect.isasyncgen(text):  # nobody else could read on in it
            await text.aclose()


def _says_something(text: str) -> bool:
    return any(map(str.isalnum, text))


def _mark(sentence: str) -> str:
    last = sentence.rstrip(_CLOSING)[-1:]
    mark = _OTHER_MARKS.get(last) or unicodedata.normalize("NFKC", last)  # from full width
    return mark if mark in _MARKS else ""
