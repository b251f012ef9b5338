"""Scripted models by the name of `acme`, to be wrapped, and what a wrapped one gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import Model, Registry
from antiphon.audio import AudioFrame
from antiphon.chat import ChatContext
from antiphon.hookspecs import hookimpl
from antiphon.provider import SEAM, Provider, Slot, setting
from antiphon.streams import FLUSH
from antiphon.testing import (
    Call,
    ScriptedBatchSTT,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
    ScriptedVAD,
    ScriptedWholeTextTTS,
    render,
)
from antiphon_providers import chaos

ANSWER = "Voilà, the caf\u0065\u0301 is open 👩\u200d🚀 for you."


@dataclass(frozen=True)
class Tuned:
    """Settings of the wrapped models."""

    speed: float = setting(1.0, ge=0.5, le=2.0)
    voice: str | None = None
    api_key: str | None = setting(None, secret=True)


class Acme:
    """A provider whose slots are remembered."""

    def __init__(self) -> None:
        self.built: list[tuple[Any, Any, Any]] = []
        self.replies: Any = {"": [ANSWER, Call("look_up", number=3, name="Ann")]}

    def _slot(self, make: Callable[[], Any]) -> Slot:
        def build(ref: Any, settings: Any, env: Any) -> Any:
            slot = make()
            self.built.append((slot, ref, settings))
            return slot

        return Slot(build, settings=Tuned, default="one")

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return Provider(
            "acme",
            seam=SEAM,
            stt=self._slot(lambda: ScriptedSTT()),
            llm=self._slot(lambda: ScriptedLLM(self.replies, first_token=0.1, total=0.1)),
            tts=self._slot(lambda: ScriptedTTS()),
            vad=self._slot(lambda: ScriptedVAD()),
            turn_detector=self._slot(lambda: ScriptedTurnDetector(0.9, threshold=0.7)),
        )


class Whole(Acme):
    """A batch STT and a TTS of whole texts."""

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return Provider(
            "whole",
            seam=SEAM,
            stt=self._slot(lambda: ScriptedBatchSTT()),
            tts=self._slot(lambda: ScriptedWholeTextTTS()),
        )


@pytest.fixture
def acme() -> Acme:
    return Acme()


@pytest.fixture
def registry(acme: Acme) -> Registry:
    found = Registry(entry_points=(), environ={})
    found.add(chaos, "chaos")
    found.add(acme, "acme")
    found.add(Whole(), "whole")
    return found


@pytest.fixture
def build(registry: Registry) -> Callable[..., Any]:
    """`build("llm", drop=0.5)`: acme's slot with these faults."""

    def make(slot: Any, string: str = "chaos/acme/one", /, **settings: Any) -> Any:
        return registry.build(Model(string, **settings), slot, shared=False)

    return make


async def chat(llm: Any) -> list[Any]:
    """The events of one answer; an error is the last of them."""
    context = ChatContext.empty()
    context.add_message(role="user", content="hello")
    return await _all(llm.chat(context))


async def speak(tts: Any, text: str = "one two three four five six seven eight") -> list[Any]:
    """The events of one synthesis; an error is the last of them."""

    async def pieces() -> AsyncIterator[str]:
        for word in text.split():
            yield word + " "

    return await _all(tts.synthesize(pieces()))


async def listen(stt: Any, *texts: str) -> list[Any]:
    """The events of one transcription of utterances, each flushed; an error is the last."""

    async def frames() -> AsyncIterator[Any]:
        at = 0.0
        for text in texts:
            data = render(text)
            for start in range(0, len(data), 640):
                yield AudioFrame(data[start : start + 640], 16000, 1, at)
                at += 0.02
            yield FLUSH

    return await _all(stt.transcribe(frames()))


async def _all(stream: Any) -> list[Any]:
    events: list[Any] = []
    try:
        async for event in stream:
            events.append(event)
    except Exception as error:
        events.append(error)
    finally:
        await stream.aclose()
    return events
