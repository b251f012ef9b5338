"""Voicing: the task that turns a segment's text into audio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ..audio import AudioFrame, to_mono
from ..errors import AntiphonError, AudioError
from ..nodes import ModelSettings
from ..streams import FLUSH, Flush, Usage
from ..tts import Audio, TimedText, TTSEvent, Voicing
from .nodes import StreamStack, call_node, is_default, node_stream, stream_stack
from .retrying import retry_delay
from .segment import Segment, SegmentState

if TYPE_CHECKING:
    from .conversation import Conversation

_segment: ContextVar[Segment | None] = ContextVar("antiphon_segment", default=None)


class TextSource:
    """A segment's text for a TTS, from a position on: everything that has come since the last
    read."""

    def __init__(self, segment: Segment, position: int = 0) -> None:
        self._segment = segment
        self._position = position
        self._flushes = 0

    def __aiter__(self) -> TextSource:
        return self

    async def __anext__(self) -> str | Flush:
        segment = self._segment
        while True:
            text = segment.ledger.spoken
            if self._position < len(text):
                piece = text[self._position :]
                self._position = len(text)
                return piece
            if self._flushes < segment.flushes:
                self._flushes = segment.flushes
                return FLUSH
            if segment.spoken_done:
                raise StopAsyncIteration
            segment.text_waiter = asyncio.get_running_loop().create_future()
            try:
                await segment.text_waiter
            finally:
                segment.text_waiter = None

    async def aclose(self) -> None:
        """Nothing to free."""


class Voicer:
    """Runs the TTS of segments."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    @staticmethod
    def segment_of_task() -> Segment | None:
        """The segment that the running task voices."""
        return _segment.get()

    def start(self, segment: Segment, overrides: dict[str, Any] | None) -> None:
        """Starts a segment's TTS; its audio goes to `speaking`."""
        segment.task = self._c.tasks.start(
            self._run(segment, overrides or {}), f"tts of {segment.id}"
        )

    def start_audio(self, segment: Segment, audio: AsyncIterable[AudioFrame]) -> None:
        """Plays ready audio in place of a TTS."""
        segment.task = self._c.tasks.start(self._play(segment, audio), f"audio of {segment.id}")

    async def _play(self, segment: Segment, audio: AsyncIterable[AudioFrame]) -> None:
        try:
            async for frame in audio:
                mono = to_mono(frame)
                self._c.post(self._on_event, segment, Audio(mono.data, mono.sample_rate))
                await segment.room()
        except Exception as error:
            self._c.post(self._on_failed, segment, error)
            return
        finally:
            close = getattr(audio, "aclose", None)
            if close is not None:
                await close()
        self._c.post(self._on_end, segment)

    async def _run(self, segment: Segment, overrides: dict[str, Any]) -> None:
        _segment.set(segment)
        settings = ModelSettings(overrides=overrides)
        calls = self._c.model_calls
        segment.model_call = call = calls.begin(
            "tts", segment.agent, speech_id=segment.handle.id, timeline=segment.timeline
        )
        try:
            error = await self._synthesize(segment, settings)
        except BaseException as raised:
            self._c.post(calls.end, call, raised)
            raise
        self._c.post(calls.end, call, error)
        if error is None:
            self._c.post(self._on_end, segment)
        else:
            self._c.post(self._on_failed, segment, error)

    async def _synthesize(self, segment: Segment, settings: ModelSettings) -> Exception | None:
        """Has a segment's text spoken, with retries; returns the error that ended it for good."""
        attempt = 0
        position = 0
        while True:
            produced = segment.ledger.seconds
            stack = StreamStack()
            stream_stack.set(stack)
            try:
                await self._once(segment, TextSource(segment, position), settings, stack)
                return None
            except Exception as error:
                if segment.ledger.seconds > produced:
                    attempt = 0
                delay = retry_delay(self._c.options.conn_options.tts_conn_options, error, attempt)
                if delay is None:
                    return error
                self._c.post(self._c.report_error, error, "tts", True)
                await stack.aclose()
                await asyncio.sleep(delay)
                attempt += 1
                position = segment.ledger.restart()
            finally:
                await stack.aclose()

    async def _once(
        self, segment: Segment, source: TextSource, settings: ModelSettings, stack: StreamStack
    ) -> None:
        agent = segment.agent
        if is_default(agent, "tts_node"):
            stream: Any = self._c.runtime.tts_stream(agent, source, settings)
        else:
            stream = await node_stream(call_node(agent, "tts_node", source, settings=settings))
            if stream is None:
                return
            stack.register(stream)
        async for event in stream:
            if type(event) is Audio and len(event.data) % 2:
                raise AudioError(
                    f"the tts gave {len(event.data)} bytes of audio; 16-bit audio has an even "
                    "number of bytes"
                )
            self._c.post(self._on_event, segment, event)
            if segment.ahead > 0:
                await segment.room()

    def _on_event(self, segment: Segment, event: TTSEvent | AudioFrame) -> None:
        kind = type(event)
        if kind is Usage and segment.model_call is not None:
            assert isinstance(event, Usage)
            self._c.model_calls.used(segment.model_call, event)
            return
        if segment.state is SegmentState.DONE:
            return
        if kind is Audio:
            assert isinstance(event, Audio)
            timeline = segment.timeline
            if timeline is not None and timeline.tts_first_byte is None:
                timeline.tts_first_byte = self._c.now()
            if segment.model_call is not None:
                self._c.model_calls.answered(segment.model_call)
            segment.add_audio(event)
            self._c.speaking.on_audio(segment)
        elif isinstance(event, TimedText):
            segment.ledger.word(event)
        elif isinstance(event, Voicing):
            segment.ledger.voicing(event.text)
        elif isinstance(event, AudioFrame):
            mono = to_mono(event)
            segment.add_audio(Audio(mono.data, mono.sample_rate))
            self._c.speaking.on_audio(segment)
        else:
            self._c.unknown_event("tts", event)

    def _on_end(self, segment: Segment) -> None:
        if segment.state is SegmentState.DONE:
            return
        self._c.failures.forget("tts")
        segment.ledger.finish()
        segment.end_audio()
        self._c.speaking.on_audio(segment)

    def _on_failed(self, segment: Segment, error: BaseException) -> None:
        """The TTS cannot go on: what was made is played, and the rest stays unheard."""
        if segment.state is SegmentState.DONE:
            return
        if not isinstance(error, AntiphonError):
            self._c.log.error("the tts of %s failed", segment.id, exc_info=error)
        self._c.report_error(error, "tts", False)
        segment.handle._error_occurred(error)
        self._c.replying.stop_text(segment)
        segment.end_audio()
        self._c.speaking.on_failed(segment)
