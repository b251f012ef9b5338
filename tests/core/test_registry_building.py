"""Building slots, and what they share."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon.audio import AudioFrame
from antiphon.chat import ChatContext
from antiphon.errors import ProviderRejected, ProviderUnavailable, SettingError
from antiphon.hookspecs import hookimpl
from antiphon.llm import LLM, Finish, LLMEvent, TextDelta
from antiphon.model import Model
from antiphon.provider import SEAM, BuildEnv, Env, Provider, Ref, Slot, setting
from antiphon.registry import (
    Registry,
    build_llm,
    build_stt,
    build_tts,
    build_turn_detector,
    build_vad,
)
from antiphon.streams import Flush, Usage
from antiphon.stt import STT, BatchSTT, STTCapabilities, Transcript
from antiphon.tts import TTS, Audio, TimedText, TTSCapabilities, TTSEvent, WholeTextTTS
from antiphon.turn_detector import TurnDetector
from antiphon.vad import VAD, VADEvent, VADStream


@dataclass(frozen=True)
class MouthSettings:
    speed: float = setting(1.0, ge=0.5, le=2.0, unit="x")


class Mouth(TTS):
    """A TTS that remembers what it was built with, and when it was closed."""

    def __init__(self, ref: Ref, settings: MouthSettings, env: BuildEnv) -> None:
        self.ref = ref
        self.settings = settings
        self.env = env
        self.events: list[str] = []

    async def synthesize(
        self, text: AsyncIterable[str | Flush], settings: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[TTSEvent, None]:
        yield Audio(b"\0\0", 24000)

    def load(self) -> None:
        self.events.append("loaded")

    async def aclose(self) -> None:
        self.events.append("closed")


class Mind(LLM):
    """An LLM that says which key it was given."""

    def __init__(self, ref: Ref, settings: object, env: BuildEnv) -> None:
        self.key = env.credentials.get("ACME_KEY")

    async def chat(self, chat_ctx: ChatContext, **given: Any) -> AsyncGenerator[LLMEvent, None]:
        yield TextDelta(f"I was built with {self.key}")
        yield Finish("stop")


class Ear(BatchSTT):
    def __init__(self, *_: object) -> None: ...

    async def recognize(
        self, audio: AudioFrame, settings: Mapping[str, Any] | None = None
    ) -> Transcript:
        return Transcript("hello")


class Reader(WholeTextTTS):
    def __init__(self, *_: object) -> None: ...

    async def speak(
        self, text: str, settings: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Audio | TimedText | Usage]:
        yield Audio(b"\0\0", 24000)


class Watch(VAD):
    def __init__(self, *_: object) -> None: ...

    def stream(self, on_event: Callable[[VADEvent], None]) -> VADStream:
        raise NotImplementedError


class Judge(TurnDetector):
    def __init__(self, *_: object) -> None: ...

    async def end_of_turn(self, chat_ctx: ChatContext, audio: AudioFrame | None) -> float:
        return 1.0


class Plugin:
    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return self.provider


def acme(
    *, environ: Mapping[str, str] | None = None, credentials: Env | None = None, **slots: Slot
) -> Registry:
    """A registry with the one provider `acme`, added by hand."""
    slots = slots or {
        "tts": Slot(Mouth, settings=MouthSettings, default="mouth-1"),
        "llm": Slot(Mind, default="mind-1"),
        "vad": Slot(Watch, default="watch-1"),
        "turn_detector": Slot(Judge, default="judge-1"),
    }
    registry = Registry([], {} if environ is None else environ)
    provider = Provider("acme", seam=SEAM, credentials=credentials, **slots)  # type: ignore[arg-type]
    registry.add(Plugin(provider), "acme")
    return registry


def message(error: type[Exception], action: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        action()
    return str(caught.value)


def test_a_slot_is_built_from_its_string_and_settings() -> None:
    registry = acme()
    mouth = registry.build(Model("acme/mouth-1:anna", speed=2), "tts")
    assert isinstance(mouth, Mouth)
    assert mouth.ref == Ref("acme", "mouth-1", "anna")
    assert mouth.settings == MouthSettings(speed=2.0)
    assert mouth.env.log.name == "antiphon.acme"
    assert registry.build("acme", "tts").ref == Ref("acme", "mouth-1")
    assert mouth.events == []


def test_one_object_serves_all_of_one_string_settings_and_key_on_a_loop() -> None:
    registry = acme(environ={"ACME_KEY": "sk-1"}, credentials=Env("ACME_KEY"))

    async def body() -> list[Any]:
        first = registry.build("acme/mouth-1", "tts")
        # However it is written: the same model, the same settings.
        assert registry.build("acme", "tts") is first
        assert registry.build(Model("acme/mouth-1", speed=1), "tts") is first
        assert registry.build(Model("acme/mouth-1", api_key="sk-1"), "tts") is first
        others = [
            registry.build("acme/mouth-2", "tts"),
            registry.build("acme/mouth-1:anna", "tts"),
            registry.build(Model("acme/mouth-1", speed=2), "tts"),
            registry.build(Model("acme/mouth-1", api_key="sk-2"), "tts"),
            registry.build("acme/mouth-1", "tts", shared=False),
        ]
        assert len({id(built) for built in [first, *others]}) == 6
        return [first, *others]

    one, two = asyncio.run(body()), asyncio.run(body())
    assert not {id(built) for built in one} & {id(built) for built in two}


def test_without_a_loop_each_build_is_the_caller_s_own() -> None:
    registry = acme()
    assert registry.build("acme", "tts") is not registry.build("acme", "tts")


def test_a_thread_builds_for_the_loop_that_it_names() -> None:
    registry = acme()

    async def body() -> None:
        loop = asyncio.get_running_loop()
        made = await asyncio.gather(
            *(asyncio.to_thread(registry.build, "acme", "tts", loop=loop) for _ in range(4))
        )
        assert {id(built) for built in made} == {id(registry.build("acme", "tts"))}
        await registry.aclose()

    asyncio.run(body())


def test_two_threads_that_build_at_once_get_one_object() -> None:
    both_here = threading.Barrier(2)

    def build(ref: Ref, settings: MouthSettings, env: BuildEnv) -> Mouth:
        both_here.wait(timeout=10)
        return Mouth(ref, settings, env)

    registry = acme(tts=Slot(build, settings=MouthSettings, default="one"))

    async def body() -> None:
        loop = asyncio.get_running_loop()
        one, two = await asyncio.gather(
            *(asyncio.to_thread(registry.build, "acme", "tts", loop=loop) for _ in range(2))
        )
        assert one is two

    asyncio.run(body())


def test_closing_the_registry_closes_slots_and_resources_of_this_loop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    order: list[str] = []

    class Shared(Mouth):
        async def aclose(self) -> None:
            order.append(f"slot {self.ref.model}")
            if self.ref.model == "two":
                raise ValueError("stuck")

    async def opened() -> str:
        return "socket"

    async def closed(value: str) -> None:
        order.append(value)

    registry = acme(tts=Slot(Shared, settings=MouthSettings, default="one"))

    async def body() -> None:
        one = registry.build("acme/one", "tts")
        registry.build("acme/two", "tts")
        lease = await one.env.resource("socket", opened, closed)
        assert lease.value == "socket"
        with caplog.at_level(logging.WARNING):
            await registry.aclose()
        assert order == ["slot two", "slot one", "socket"]
        await registry.aclose()
        assert len(order) == 3
        assert registry.build("acme/one", "tts") is not one

    asyncio.run(body())
    assert caplog.messages == ["closing acme tts failed: ValueError: stuck"]


def test_declared_capabilities_are_set_on_what_was_built() -> None:
    def capabilities(ref: Ref, settings: MouthSettings) -> TTSCapabilities:
        return TTSCapabilities(word_times=ref.model == "timed", sample_rates=(22050,))

    registry = acme(
        tts=Slot(Mouth, settings=MouthSettings, default="plain", capabilities=capabilities),
        llm=Slot(Mind, default="one"),
    )
    timed = registry.build("acme/timed", "tts")
    assert timed.capabilities == TTSCapabilities(word_times=True, sample_rates=(22050,))
    assert registry.check("acme", "tts")[0].capabilities.word_times is False
    assert registry.build("acme", "llm").capabilities == LLM.capabilities
    assert registry.check("acme", "llm")[0].capabilities is None


def test_simple_kinds_are_wrapped() -> None:
    capabilities = STTCapabilities(streaming=False, interim=False, sample_rates=(8000,))
    registry = acme(
        stt=Slot(Ear, default="one", capabilities=capabilities), tts=Slot(Reader, default="one")
    )
    stt, tts = registry.build("acme", "stt"), registry.build("acme", "tts")
    assert isinstance(stt, STT)
    assert isinstance(tts, TTS)
    assert stt.capabilities.sample_rates == (8000,)
    origin = registry.origin(stt)
    assert origin is not None and origin.ref == Ref("acme", "one")


def test_a_built_slot_can_be_traced_to_its_string() -> None:
    registry = acme()
    mouth = registry.build(Model("acme", voice="anna"), "tts")
    origin = registry.origin(mouth)
    assert origin is not None
    assert (str(origin.ref), origin.owner) == ("acme/mouth-1:anna", "acme tts")
    assert registry.origin(Judge()) is None
    del mouth
    gc.collect()
    assert registry._origins == {}


def test_the_settings_of_a_call_go_over_those_of_the_build() -> None:
    registry = acme()
    mouth = registry.build(Model("acme", speed=1.5), "tts")
    assert registry.call_settings(mouth, {}) == {"speed": 1.5}
    assert registry.call_settings(mouth, {"speed": 2, "voice": "bob"}) == {
        "speed": 2.0,
        "voice": "bob",
    }
    assert message(SettingError, lambda: registry.call_settings(mouth, {"sped": 1})) == (
        "acme tts has no setting 'sped' (it has: speed, voice); did you mean 'speed'?"
    )
    # A slot that the user made has no declaration to go by.
    assert registry.call_settings(Judge(), {"any": 1}) == {"any": 1}


@pytest.mark.parametrize(
    ("install", "error", "text"),
    [
        (
            "pip install acme-sdk",
            ModuleNotFoundError("No module named 'acme_sdk'", name="acme_sdk.client"),
            "provider 'acme' needs the package 'acme_sdk'; "
            "run: antiphon setup acme (or: pip install acme-sdk)",
        ),
        (
            "",
            ModuleNotFoundError("No module named 'acme_sdk'", name="acme_sdk"),
            "provider 'acme' needs the package 'acme_sdk'; install it",
        ),
        (
            "pip install acme-sdk",
            ImportError("libacme.so.1: cannot open shared object file", name="acme_sdk"),
            "provider 'acme' could not be imported: ImportError: libacme.so.1: cannot open shared "
            "object file; run: antiphon setup acme (or: pip install acme-sdk)",
        ),
    ],
)
def test_an_import_that_fails_comes_with_the_way_out(
    install: str, error: ImportError, text: str
) -> None:
    def build(ref: Ref, settings: object, env: BuildEnv) -> Any:
        raise error

    registry = Registry([], {})
    provider = Provider("acme", seam=SEAM, install=install, vad=Slot(build, default="one"))
    registry.add(Plugin(provider), "acme")
    with pytest.raises(ProviderUnavailable) as caught:
        registry.build("acme", "vad")
    assert str(caught.value) == text
    assert caught.value.__cause__ is error


def test_the_extra_of_a_first_party_provider_carries_its_name() -> None:
    class EntryPoint:
        name = "acme"
        group = "antiphon.providers"

        class dist:
            name = "antiphon"
            version = "0.1.0"

        def load(self) -> Any:
            return Plugin(Provider("acme", seam=SEAM, vad=Slot(build, default="one")))

    def build(ref: Ref, settings: object, env: BuildEnv) -> Any:
        raise ModuleNotFoundError("No module named 'acme_sdk'", name="acme_sdk")

    registry = Registry([EntryPoint()], {})
    assert message(ProviderUnavailable, lambda: registry.build("acme", "vad")) == (
        "provider 'acme' needs the package 'acme_sdk'; run: pip install \"antiphon[acme]\""
    )


def test_errors_of_the_tree_pass_and_others_are_told_without_the_key() -> None:
    errors: list[Exception] = [
        ProviderRejected("acme has no model 'nine'"),
        ValueError("key sk-1 is too short"),
        KeyError("mouth"),
    ]

    def build(ref: Ref, settings: object, env: BuildEnv) -> Any:
        raise errors.pop(0)

    registry = acme(
        environ={"ACME_KEY": "sk-1"}, credentials=Env("ACME_KEY"), llm=Slot(build, default="one")
    )
    assert message(ProviderRejected, lambda: registry.build("acme", "llm")) == (
        "acme has no model 'nine'"
    )
    with pytest.raises(ProviderUnavailable) as caught:
        registry.build("acme", "llm")
    assert str(caught.value) == (
        "provider 'acme' (added by hand) is broken: its LLM could not be built: "
        "ValueError: key *** is too short"
    )
    assert caught.value.__cause__ is None and caught.value.__suppress_context__
    with pytest.raises(ProviderUnavailable) as caught:
        registry.build("acme", "llm")
    assert str(caught.value) == (
        "provider 'acme' (added by hand) is broken: its LLM could not be built: KeyError: 'mouth'"
    )
    assert isinstance(caught.value.__cause__, KeyError)


def test_what_is_built_must_be_of_the_seam() -> None:
    registry = acme(stt=Slot(Watch, default="one"))
    assert message(ProviderUnavailable, lambda: registry.build("acme", "stt")) == (
        "provider 'acme' (added by hand) is broken: it built a Watch for its STT, which is no STT"
    )


def test_slots_are_usable_outside_a_session() -> None:
    registry = acme(environ={"ACME_KEY": "x"}, credentials=Env("ACME_KEY"))

    async def body() -> None:
        async with build_llm(Model("acme", api_key="y"), registry) as llm:
            assert await llm.complete("which key?") == "I was built with y"
        async with build_tts("acme", registry) as tts:
            assert isinstance(tts, Mouth)
            shared = registry.build("acme", "tts")
        # Closing one's own leaves the shared one alone.
        assert tts.events == ["loaded", "closed"]
        assert shared.events == []
        async with build_vad("acme", registry) as vad, build_turn_detector("acme", registry) as td:
            assert isinstance(vad, Watch)
            assert isinstance(td, Judge)

    asyncio.run(body())
    ears = acme(stt=Slot(Ear, default="one"))
    assert isinstance(build_stt("acme", ears), STT)
