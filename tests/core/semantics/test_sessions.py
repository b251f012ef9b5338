"""Beginning a conversation, and asking for speech."""

from __future__ import annotations

import asyncio

import pytest

from antiphon import Agent, AgentSession
from antiphon.testing import Caller, ScriptedTTS

from ..engine.following import instant, lines, now, talk

pytestmark = pytest.mark.virtual_time


async def test_start_returns_with_the_agent_active_while_its_on_enter_runs() -> None:
    notes: list[str] = []

    class Slow(Agent):
        async def on_enter(self) -> None:
            notes.append(f"began with {self.session.current_agent.id} active")
            await asyncio.sleep(3)
            notes.append(f"ended at {now()}")

    session = AgentSession[None](llm=instant([]))
    await session.start(agent=Slow(), transport=Caller(audio=False))
    assert now() == 0.0
    assert session.current_agent.id == "slow"
    assert lines(session.history) == ["None -> slow"]
    assert "ended at 3.0" not in notes
    await asyncio.sleep(4)
    assert notes == ["began with slow active", "ended at 3.0"]
    await session.aclose()


async def test_say_and_generate_reply_return_before_a_word_is_spoken() -> None:
    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0.5, words_per_second=2)
    async with talk(Agent(id="desk"), ["Generated."], caller=caller, tts=tts) as t:
        said, generated = t.session.say("one two"), t.session.generate_reply()
        assert (said.done(), generated.done(), t.llm.calls) == (False, False, 0)
        assert t.history == ["None -> desk"]
        await generated
        assert said.done()
        assert t.history[1:] == ["desk: one two", "desk: Generated."]
