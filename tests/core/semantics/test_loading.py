"""When providers are loaded."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from antiphon import Agent, AgentSession
from antiphon.engine import slots
from antiphon.llm import LLM
from antiphon.testing import Caller, ScriptedTTS

from ..engine.following import instant, talk

pytestmark = pytest.mark.virtual_time


class Loading(ScriptedTTS):
    """Notes when and where it is loaded."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__(first_byte=0)
        self.notes = notes

    def load(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        self.notes.append("loaded" if main else "loaded in a thread")

    async def prewarm(self) -> None:
        self.notes.append("warmed up")


async def test_slots_of_the_first_agent_are_loaded_before_start_returns() -> None:
    notes: list[str] = []

    class Greeting(Agent):
        async def on_enter(self) -> None:
            notes.append("entered")

    session = AgentSession[None](llm=instant([]), tts=Loading(notes))
    await session.start(agent=Greeting(), transport=Caller())
    notes.append("started")
    await session.aclose()
    assert notes[:2] == ["loaded", "warmed up"]
    assert set(notes[2:]) == {"entered", "started"}


@pytest.mark.parametrize("own", [None, ScriptedTTS()])
async def test_slots_of_the_session_that_the_first_agent_does_without_are_loaded_too(
    own: ScriptedTTS | None,
) -> None:
    notes: list[str] = []
    caller = Caller(continuous=False)
    async with talk(Agent(id="desk", tts=own), caller=caller, tts=Loading(notes)) as t:
        assert notes == ["loaded", "warmed up"]
        await t.session.update_agent(Agent(id="other"))
        assert notes == ["loaded", "warmed up"]


async def test_a_slot_that_a_conversation_of_text_does_not_use_is_not_loaded() -> None:
    notes: list[str] = []
    async with talk(Agent(id="desk"), tts=Loading(notes)) as t:
        await t.session.say("Only text.")
    assert notes == []


async def test_a_slot_first_used_in_mid_call_is_loaded_in_a_thread_and_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([10.0, 10.07])
    monkeypatch.setattr(slots, "real_time", lambda: next(clock))
    notes: list[str] = []
    caller = Caller(continuous=False)
    async with talk(Agent(id="desk"), caller=caller, tts=ScriptedTTS(first_byte=0)) as t:
        with caplog.at_level(logging.WARNING, "antiphon.session"):
            await t.session.update_agent(Agent(id="other", tts=Loading(notes)))
        assert notes == ["loaded in a thread", "warmed up"]
        assert [record.message for record in caplog.records] == [
            "Loading was first used in mid-call and took 70 ms to load; give it to the session or "
            "to App(prewarm=[…]) to load it at the start"
        ]
        await t.session.say("Hello.")
        assert caller.heard_text() == "Hello."


async def test_what_is_being_said_goes_on_while_the_next_agents_slot_loads() -> None:
    notes: list[str] = []
    caller = Caller(continuous=False)

    class Leaving(Agent):
        async def on_exit(self) -> None:
            self.session.say("one two three four")

    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    async with talk(Leaving(), caller=caller, tts=tts) as t:
        await t.session.update_agent(Agent(id="other", tts=Loading(notes)))
        assert caller.heard_text() == "one two three four"
        assert notes == ["loaded in a thread", "warmed up"]


async def test_a_slot_that_fails_to_load_makes_start_raise() -> None:
    class Broken(LLM):
        def load(self) -> None:
            raise ValueError("no such file")

        def chat(self, chat_ctx: Any, **options: Any) -> Any:
            raise NotImplementedError

    session = AgentSession[None](llm=Broken())
    with pytest.raises(ValueError, match="no such file"):
        await session.start(agent=Agent(id="desk"), transport=Caller(audio=False))
