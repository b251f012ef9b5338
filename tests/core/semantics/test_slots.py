"""What providers are told, what is made of their events, and what a session shows of them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import Agent, Registry, function_tool
from antiphon.chat import FunctionCall, ProviderNote
from antiphon.hookspecs import hookimpl
from antiphon.llm import LLM, Finish, ProviderData, Reasoning, TextDelta, ToolCall
from antiphon.provider import Provider, Slot
from antiphon.stt import STT, STTCapabilities, Vocabulary
from antiphon.testing import Caller, ScriptedTTS, ScriptedVAD

from ..engine.following import instant, talk, turns

pytestmark = pytest.mark.virtual_time


async def test_the_slots_of_a_session_are_those_of_the_active_agent() -> None:
    one, two = instant([]), instant([])
    voice = ScriptedTTS()
    async with talk(Agent(id="one", tts=None), one, tts=voice) as t:
        assert (t.session.llm, t.session.tts, t.session.stt) == (one, None, None)
        await t.session.update_agent(Agent(id="two", llm=two))
        assert (t.session.llm, t.session.tts) == (two, voice)


@dataclass(frozen=True)
class EarSettings:
    vocabulary: Vocabulary | None = None


class Ear(STT):
    """Keeps what it is told."""

    capabilities = STTCapabilities(vocabulary=True)

    def __init__(self) -> None:
        self.told: list[Vocabulary] = []

    async def transcribe(self, audio: Any, settings: Any = None) -> AsyncIterator[Any]:
        self.told.append(settings["vocabulary"])
        async for _ in audio:
            pass
        return
        yield


class Acme:
    """A provider of one ear."""

    def __init__(self, ear: Ear) -> None:
        self.ear = ear

    @hookimpl
    def antiphon_provider(self) -> Provider:
        slot = Slot(
            lambda ref, settings, env: self.ear,
            settings=EarSettings,
            default="ear-1",
            capabilities=Ear.capabilities,
        )
        return Provider(name="acme", seam=1, stt=slot)


async def test_an_stt_learns_the_words_of_each_agent() -> None:
    @function_tool
    async def pay_invoice() -> str:
        """Pays an invoice."""
        return "paid"

    ear = Ear()
    registry = Registry([], {})
    registry.add(Acme(ear), "acme")
    desk = Agent(id="desk", instructions="You are the desk.", examples=["good morning"])
    billing = Agent(id="billing", tools=[pay_invoice], examples=["pay it please"])
    slots: dict[str, Any] = {"stt": "acme/ear-1", "vad": ScriptedVAD(), "registry": registry}
    async with talk(desk, caller=Caller(), **slots) as t:
        await turns()
        await t.session.update_agent(billing)
        await turns()
    assert ear.told == [
        Vocabulary(phrases=("good morning",), texts=("You are the desk.",)),
        Vocabulary(
            phrases=("good morning", "pay it please"),
            texts=("You are the desk.", "pay invoice", "Pays an invoice."),
        ),
    ]


class Events(LLM):
    """Gives the events of one answer after the other."""

    def __init__(self, *answers: list[Any]) -> None:
        self.answers = list(answers)
        self.shown: list[list[Any]] = []

    async def chat(self, chat_ctx: Any, **options: Any) -> AsyncIterator[Any]:
        self.shown.append(list(chat_ctx))
        for event in self.answers.pop(0):
            yield event
        yield Finish("stop")


async def test_what_an_llm_wants_back_is_kept_with_its_step() -> None:
    @function_tool
    async def look() -> str:
        return "seen"

    call = ToolCall("c1", "look", "{}", provider_data={"signature": "abc"})
    llm = Events([ProviderData({"thought": "xyz"}), call], [TextDelta("Seen.")])
    async with talk(Agent(id="desk", llm=llm, tools=[look])) as t:
        await t.hear("look")
        (note,) = [item for item in llm.shown[1] if isinstance(item, ProviderNote)]
        (called,) = [item for item in llm.shown[1] if isinstance(item, FunctionCall)]
        assert (note.data, note.provider) == ({"thought": "xyz"}, "Events")
        assert called.provider_data == {"signature": "abc"}
        assert note.step_id == called.step_id
        assert t.history[-1] == "desk: Seen."


async def test_an_event_of_unknown_kind_is_passed_over_with_one_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Novelty:
        """An event of a version to come."""

    llm = Events([Novelty(), TextDelta("One."), Novelty()], [Novelty(), TextDelta("Two.")])
    async with talk(Agent(id="desk", llm=llm)) as t:
        with caplog.at_level(logging.WARNING, "antiphon"):
            await t.hear("a", "b")
        assert t.history[-3:] == ["desk: One.", "user: b", "desk: Two."]
    assert [record.getMessage() for record in caplog.records] == [
        "the llm gave an event of unknown kind: Novelty"
    ]


async def test_reasoning_is_neither_spoken_nor_recorded() -> None:
    caller = Caller(continuous=False)
    llm = Events([Reasoning("The caller greets."), TextDelta("Hello there.")])
    async with talk(Agent(id="desk", llm=llm), caller=caller, tts=ScriptedTTS(first_byte=0)) as t:
        await t.hear("hi")
        assert caller.heard_text() == "Hello there."
        assert t.history == ["None -> desk", "user: hi", "desk: Hello there."]
