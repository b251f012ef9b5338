"""PocketSphinx as an STT slot: the parent's side of the worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError, ProviderConnectionError, ProviderError, SettingError
from antiphon.holding import hold
from antiphon.provider import BuildEnv, Lease
from antiphon.streams import Flush, Usage
from antiphon.stt import STT, Final, Partial, STTEvent, Vocabulary, Word
from antiphon.subprocesses import Multiplexer, Subprocess

from . import STTSettings, check_language
from .numbers import normalise

if TYPE_CHECKING:
    from antiphon.streams import Channel

_NAME = "pocketsphinx"
_RATE = 16000
_PIECE = _RATE * 60 // 1000 * 2
"""Bytes of 60 ms, which go to the worker at a time: the pace of partials, and how late a silence
may be noticed. A flush sends what there is; a longer frame is cut, so that one stream with much to
catch up does not hold up the others."""


class PocketSphinxSTT(STT):
    """Recognises 16 kHz mono speech in a worker process that its streams share.

    A stream costs about 18 % of a core while somebody speaks, and next to nothing in silence. In
    virtual time its results come at the instant of the audio that they belong to.
    """

    def __init__(self, settings: STTSettings, env: BuildEnv) -> None:
        self._settings = settings
        self._env = env
        self._prewarmed: Lease | None = None

    async def prewarm(self) -> None:
        """Starts the worker, which loads the default model (about 0.4 s, 98 MB)."""
        if self._prewarmed is None:
            self._prewarmed = await self._worker()

    async def aclose(self) -> None:
        """Gives the worker back; open streams keep theirs."""
        lease, self._prewarmed = self._prewarmed, None
        if lease is not None:
            await lease.aclose()

    async def _worker(self) -> Lease:
        async def open() -> Multiplexer:
            return Multiplexer(
                await Subprocess.open("antiphon_providers.pocketsphinx.worker", name=_NAME)
            )

        async def close(worker: Multiplexer) -> None:
            await worker.aclose()

        return await self._env.resource("worker", open, close)

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[STTEvent, None]:
        """As `STT.transcribe`. After 0.8 s of silence it gives a final without being asked.

        Raises `AudioError` for frames that are not 16 kHz mono, and `ProviderConnectionError` when
        the worker dies: the next call starts another.
        """
        options = _merged(self._settings, settings)
        lease = await self._worker()
        worker: Multiplexer = lease.value
        recognition = _Recognition(worker, options, self._env.log)
        try:
            await recognition.open()
            async for item in audio:
                if isinstance(item, Flush):
                    for event in await recognition.flush():
                        yield event
                    continue
                recognition.take(item)
                while len(recognition.waiting) >= _PIECE:
                    for event in await recognition.send(_PIECE):
                        yield event
            for event in await recognition.finish():
                yield event
        except ProviderConnectionError:
            lease.discard()
            raise
        finally:
            recognition.close()
            await lease.aclose()


class _Recognition:
    """One stream: asks the worker, one request at a time, and makes events of the answers."""

    def __init__(self, worker: Multiplexer, options: STTSettings, log: Any) -> None:
        self.waiting = bytearray()
        """Samples that the worker does not have yet."""
        self._worker = worker
        self._options = options
        self._log = log
        self._id = worker.next_id()
        self._answers: Channel[tuple[dict[str, Any], bytes]] = worker.request(self._id)
        self._partial = ""
        self._requests = 1
        self._unreported = 0  # samples that no Usage has counted

    async def open(self) -> None:
        vocabulary = self._options.vocabulary
        words = vocabulary and {
            "phrases": list(vocabulary.phrases),
            "texts": list(vocabulary.texts),
        }
        answer = await self._ask("open", vocabulary=words)
        for note in answer["notes"]:
            self._log.info(note)

    def take(self, frame: AudioFrame) -> None:
        """Takes a frame for the next request."""
        if frame.sample_rate != _RATE or frame.channels != 1:
            raise AudioError(
                f"pocketsphinx takes mono audio at {_RATE} Hz, not {frame.channels} "
                f"channel{'s' if frame.channels > 1 else ''} at {frame.sample_rate} Hz; "
                "convert it with antiphon.audio.Resampler and to_mono, as a session does"
            )
        self.waiting += frame.data

    async def send(self, size: int) -> list[STTEvent]:
        """Sends `size` bytes of what is waiting."""
        piece = bytes(self.waiting[:size])
        del self.waiting[:size]
        self._unreported += len(piece) // 2
        answer = await self._ask("audio", piece)
        events: list[STTEvent] = []
        for final in answer["finals"]:
            if final["words"]:
                events.append(self._final(final, flushed=False))
        text = " ".join(answer["partial"])
        if self._options.numbers:
            text = " ".join(token.text for token in normalise(answer["partial"]))
        if self._options.partials and text and text != self._partial:
            self._partial = text
            events.append(Partial(text))
        return events

    async def flush(self) -> list[STTEvent]:
        """Finalises all audio so far."""
        events = await self.send(len(self.waiting)) if self.waiting else []
        *finals, last = (await self._ask("flush"))["finals"]
        for final in finals:
            if final["words"]:
                events.append(self._final(final, flushed=False))
        events.append(self._final(last, flushed=True))
        return [*events, *self._usage()]

    async def finish(self) -> list[STTEvent]:
        """Finalises what is left at the end of the audio; nothing when nothing is."""
        events = await self.flush()
        return [
            replace(event, flushed=False) if isinstance(event, Final) else event
            for event in events
            if not isinstance(event, Final) or event.text
        ]

    def close(self) -> None:
        """Lets the worker forget the stream."""
        self._worker.done(self._id)
        if self._worker.worker.alive:
            try:
                self._worker.worker.post({"op": "close", "id": self._id})
            except ProviderConnectionError:
                pass  # it has died since: whoever uses it next is told

    def _usage(self) -> list[STTEvent]:
        if not self._unreported:
            return []
        usage = Usage(audio_seconds=self._unreported / _RATE, requests=self._requests)
        self._requests = 0
        self._unreported = 0
        return [usage]

    async def _ask(self, op: str, payload: bytes = b"", **fields: Any) -> dict[str, Any]:
        async with hold("pocketsphinx is recognising"):
            await self._worker.worker.send({"op": op, "id": self._id, **fields}, payload)
            try:
                answer, _ = await self._answers.__anext__()
            except StopAsyncIteration:
                raise ProviderConnectionError(
                    "the pocketsphinx worker was closed while it was recognising", provider=_NAME
                ) from None
        if "error" in answer:
            raise ProviderError(f"pocketsphinx failed: {answer['error']}", provider=_NAME)
        return answer

    def _final(self, final: Mapping[str, Any], *, flushed: bool) -> Final:
        self._partial = ""
        heard: list[list[Any]] = final["words"]
        if not heard:
            return Final("", flushed=flushed)
        words: list[Word] = []
        if self._options.numbers:
            for token in normalise([text for text, *_ in heard]):
                span = heard[token.first : token.last + 1]
                likely = min(confidence for *_, confidence in span)
                words.append(Word(token.text, span[0][1], span[-1][2], likely))
        else:
            words = [Word(*word) for word in heard]
        text = " ".join(word.text for word in words)
        return Final(text, tuple(words), "en-US", final["confidence"], flushed)


def _merged(settings: STTSettings, call: Mapping[str, Any] | None) -> STTSettings:
    """The settings of a call; those of the call win."""
    if not call:
        return settings
    known = {field.name for field in fields(STTSettings)}
    for name in call:
        if name not in known:
            raise SettingError(
                f"pocketsphinx stt has no setting {name!r} (it has: {', '.join(sorted(known))})"
            )
    merged = replace(settings, **call)
    check_language(merged.language)
    if not isinstance(merged.vocabulary, Vocabulary | None):
        raise SettingError(
            f"pocketsphinx setting 'vocabulary' takes an antiphon.stt.Vocabulary, "
            f"not {merged.vocabulary!r}"
        )
    return merged
