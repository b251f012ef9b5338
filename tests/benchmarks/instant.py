"""In-process providers that answer at once: what is left is the framework's own cost."""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from typing import Any

from antiphon import ChatContext, Flush
from antiphon.audio import AudioFrame
from antiphon.llm import LLM, Finish, LLMEvent, TextDelta, ToolCall
from antiphon.streams import Stream
from antiphon.stt import STT, EndOfTurn, Final, STTCapabilities, STTEvent
from antiphon.tools import Tool
from antiphon.transport import Played, Sink, Transport, TransportCapabilities
from antiphon.tts import TTS, Audio, TTSCapabilities, TTSEvent
from antiphon.vad import VAD, VADEvent, VADStream

FRAME = b"\x01\x00" * 320
"""20 ms of 16 kHz audio that is not silence."""


class InstantLLM(LLM):
    """Answers one sentence; calls `transfer` when the last words ask for it."""

    async def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: str = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[LLMEvent]:
        last = chat_ctx.items[-1]
        if tools and getattr(last, "role", "") == "user" and last.text_content == "transfer":
            yield ToolCall("call", "transfer", "{}")
            yield Finish("tool_calls")
            return
        yield TextDelta("Of course, here it is.")
        yield Finish("stop")


class InstantTTS(TTS):
    """20 ms of audio for each piece of text."""

    capabilities = TTSCapabilities(sample_rates=(16000,))

    async def synthesize(
        self, text: AsyncIterable[str | Flush], settings: Mapping[str, Any] | None = None
    ) -> Stream[TTSEvent]:
        async for piece in text:
            if isinstance(piece, str):
                yield Audio(FRAME, 16000)


class LongTTS(TTS):
    """Ten seconds of audio at once."""

    capabilities = TTSCapabilities(sample_rates=(16000,))

    async def synthesize(
        self, text: AsyncIterable[str | Flush], settings: Mapping[str, Any] | None = None
    ) -> Stream[TTSEvent]:
        async for piece in text:
            if isinstance(piece, str):
                yield Audio(FRAME * 500, 16000)


class InstantSTT(STT):
    """Ends the turn with a final for every frame."""

    capabilities = STTCapabilities(end_of_turn=True)

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[STTEvent]:
        async for frame in audio:
            if isinstance(frame, AudioFrame):
                yield Final("hello")
                yield EndOfTurn()


class SilentSTT(STT):
    """Takes audio and says nothing."""

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[STTEvent]:
        async for _ in audio:
            pass
        for event in ():
            yield event


class CommandedVAD(VAD):
    """Says what it is told to."""

    def __init__(self) -> None:
        self.tell: Callable[[VADEvent], None] | None = None

    def stream(self, on_event: Callable[[VADEvent], None]) -> VADStream:
        self.tell = on_event
        return _Told()


class _Told(VADStream):
    def push(self, frame: AudioFrame) -> None:
        return

    def close(self) -> None:
        return


class Speaker(Transport):
    """Plays at once, and notes when the first frame and a clear came."""

    capabilities = TransportCapabilities(sample_rate=16000, position="exact", pause="native")

    def __init__(self) -> None:
        self.sink: Sink
        self.first: float | None = None
        self.cleared: float | None = None
        self.holds = 0.0
        """Seconds that it claims to have buffered."""
        self._segment = ""

    async def start(self, sink: Sink) -> None:
        self.sink = sink

    async def aclose(self) -> None:
        return

    def push(self, frame: AudioFrame, segment: str) -> None:
        self._segment = segment
        if self.first is None:
            self.first = time.perf_counter()

    def buffered(self) -> float:
        return self.holds

    def clear(self) -> Played | None:
        if self.cleared is None:
            self.cleared = time.perf_counter()
        return Played(self._segment, 160, True)
