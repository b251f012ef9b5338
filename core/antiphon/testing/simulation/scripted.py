"""The provider of scripted models that a simulation brings along."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ...audio import AudioFrame
from ...chat import ChatContext
from ...clock import Chance, loop_seed
from ...errors import ProviderRejected
from ...hookspecs import hookimpl
from ...llm import LLMEvent, ToolChoice
from ...provider import SEAM, BuildEnv, Provider, Ref, Slot, setting
from ...registry import Registry
from ...streams import Flush
from ...stt import STTEvent
from ...tools import Tool
from ...tts import TTSEvent
from ..scripted_llm import Call, ScriptedLLM, subject_of
from ..scripted_llm import Reply as LLMReply
from ..scripted_stt import ScriptedSTT
from ..scripted_tts import ScriptedTTS
from ..scripted_turn_detector import ScriptedTurnDetector
from ..scripted_vad import ScriptedVAD
from .scenario import SCRIPTED, Reply

script: ContextVar[tuple[Reply, ...]] = ContextVar("antiphon_simulation_script", default=())
"""What the scripted LLMs of this simulation say."""


def _vary() -> Any:
    return setting(
        0.3, ge=0.0, le=1.0, help="the share by which each latency may differ, but with seed 0"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class STTSettings:
    """See `ScriptedSTT`."""

    latency: float = setting(0.2, ge=0.0, unit="s")
    flush_latency: float = setting(0.0, ge=0.0, unit="s")
    partials: bool = True
    end_of_turn: bool = False
    vary: float = _vary()


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMSettings:
    """See `ScriptedLLM`."""

    first_token: float = setting(0.1, ge=0.0, unit="s")
    total: float = setting(0.3, ge=0.0, unit="s")
    vary: float = _vary()


@dataclass(frozen=True, slots=True, kw_only=True)
class TTSSettings:
    """See `ScriptedTTS`."""

    first_byte: float = setting(0.2, ge=0.0, unit="s")
    words_per_second: float = setting(2.5, ge=0.1)
    word_times: bool = True
    vary: float = _vary()


@dataclass(frozen=True, slots=True, kw_only=True)
class VADSettings:
    """See `ScriptedVAD`."""

    min_speech: float = setting(0.0, ge=0.0, unit="s")
    min_silence: float = setting(0.5, ge=0.0, unit="s")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetectorSettings:
    """See `ScriptedTurnDetector`."""

    probability: float = setting(1.0, ge=0.0, le=1.0)
    latency: float = setting(0.05, ge=0.0, unit="s")


class _Varying:
    """Latencies that differ from call to call by seed; those of seed 0 are as they are written."""

    def __init__(self, what: str, vary: float) -> None:
        self._what = what
        self._vary = vary
        self._calls = 0

    def next(self) -> Chance | None:
        """What the next call is drawn from; None for no change."""
        self._calls += 1
        seed = loop_seed()
        return Chance(SCRIPTED, seed, self._what, self._calls) if seed and self._vary else None

    def factor(self, chance: Chance | None) -> float:
        """What a latency is multiplied with."""
        return 1.0 if chance is None else chance.between(1.0 - self._vary, 1.0 + self._vary)


class _STT(ScriptedSTT):
    def __init__(self, settings: STTSettings) -> None:
        super().__init__(
            latency=settings.latency,
            flush_latency=settings.flush_latency,
            partials=settings.partials,
            end_of_turn=settings.end_of_turn,
        )
        self._given = settings
        self._varying = _Varying("stt", settings.vary)

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[STTEvent, None]:
        chance = self._varying.next()
        self.latency = self._given.latency * self._varying.factor(chance)
        self.flush_latency = self._given.flush_latency * self._varying.factor(chance)
        stream = super().transcribe(audio, settings)
        try:
            async for event in stream:
                yield event
        finally:
            await stream.aclose()


class _LLM(ScriptedLLM):
    def __init__(self, settings: LLMSettings) -> None:
        super().__init__(Lines(script.get()))
        self._given = settings
        self._varying = _Varying("llm", settings.vary)

    async def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[LLMEvent, None]:
        chance = self._varying.next()
        self.first_token = self._given.first_token * self._varying.factor(chance)
        self.total = max(self.first_token, self._given.total * self._varying.factor(chance))
        stream = super().chat(chat_ctx, tools=tools, tool_choice=tool_choice, settings=settings)
        try:
            async for event in stream:
                yield event
        finally:
            await stream.aclose()


class _TTS(ScriptedTTS):
    def __init__(self, settings: TTSSettings) -> None:
        super().__init__(
            first_byte=settings.first_byte,
            words_per_second=settings.words_per_second,
            word_times=settings.word_times,
        )
        self._given = settings
        self._varying = _Varying("tts", settings.vary)

    async def synthesize(
        self, text: AsyncIterable[str | Flush], settings: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[TTSEvent, None]:
        self.change_first_byte(self._given.first_byte * self._varying.factor(self._varying.next()))
        stream = super().synthesize(text, settings)
        try:
            async for event in stream:
                yield event
        finally:
            await stream.aclose()


class Lines:
    """Answers a scripted LLM gives: of the first reply whose words occur and whose tools are
    there."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._replies = replies
        self._given = [0] * len(replies)

    def __call__(self, chat_ctx: ChatContext, tools: Sequence[Tool]) -> LLMReply:
        subject = subject_of(chat_ctx)
        folded = subject.casefold()
        offered = {tool.name for tool in tools}
        for number, reply in enumerate(self._replies):
            if reply.times is not None and self._given[number] >= reply.times:
                continue
            if reply.to and not any(words.casefold() in folded for words in reply.to):
                continue
            if not all(name in offered for name, _ in reply.calls):
                continue
            self._given[number] += 1
            calls = [_call(name, arguments) for name, arguments in reply.calls]
            return [*([reply.say] if reply.say else []), *calls]
        raise ProviderRejected(
            f"the scenario has no [[reply]] to {subject!r} (tools: "
            f"{', '.join(sorted(offered)) or 'none'}); add one, or one without `to`"
        )


def _call(name: str, arguments: Mapping[str, Any]) -> Call:
    return Call(name, **arguments)


class _Scripted:
    @hookimpl
    def antiphon_provider(self) -> Provider:
        """Describes it."""
        return Provider(
            SCRIPTED,
            seam=SEAM,
            title="Scripted models, for simulations",
            stt=Slot(lambda ref, settings, env: _STT(settings), settings=STTSettings),
            llm=Slot(lambda ref, settings, env: _LLM(settings), settings=LLMSettings),
            tts=Slot(lambda ref, settings, env: _TTS(settings), settings=TTSSettings),
            vad=Slot(_vad, settings=VADSettings),
            turn_detector=Slot(_turn_detector, settings=TurnDetectorSettings),
        )


def _vad(ref: Ref, settings: VADSettings, env: BuildEnv) -> ScriptedVAD:
    return ScriptedVAD(min_speech=settings.min_speech, min_silence=settings.min_silence)


def _turn_detector(ref: Ref, settings: TurnDetectorSettings, env: BuildEnv) -> ScriptedTurnDetector:
    return ScriptedTurnDetector(settings.probability, latency=settings.latency)


def add_scripted(registry: Registry) -> None:
    """Adds the provider to a registry, unless it is there already."""
    if SCRIPTED not in registry.names():
        registry.add(_Scripted(), SCRIPTED)
