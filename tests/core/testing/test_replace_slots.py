"""`replace_slots`: scripted models in place of those that agents name."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace

import pytest

from antiphon import Agent, AgentSession, function_tool
from antiphon.testing import (
    Call,
    Caller,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
    replace_slots,
    run,
)
from antiphon.tts import Audio


class Second(Agent):
    def __init__(self):
        super().__init__(tts="no-such-provider/voice")

    async def on_enter(self):
        self.session.say("The second one here.")


class First(Agent):
    @function_tool
    async def go_on(self) -> Agent:
        """Hands over."""
        return Second()


def session_of(**more):
    models = {
        "stt": ScriptedSTT(),
        "vad": ScriptedVAD(),
        "llm": ScriptedLLM({"second": Call("go_on"), "": "Hm."}),
        "tts": ScriptedTTS(),
    }
    return AgentSession(**{**models, **more})


async def heard_of_the_second(session):
    caller = Caller()
    async with session:
        await session.start(agent=First(), transport=caller)
        await caller.speak("the second please")
        return await caller.listen_until(silence=1.0)


@pytest.mark.virtual_time
async def test_an_agent_that_names_its_own_model_gets_the_one_of_the_test():
    with replace_slots(tts=ScriptedTTS()):
        session = session_of()
        assert await heard_of_the_second(session) == "The second one here."


@pytest.mark.virtual_time
async def test_it_ends_with_its_block():
    with replace_slots(tts=ScriptedTTS()):
        pass
    session, errors = session_of(), []
    session.on("error", lambda event: errors.append(str(event.error)))
    with pytest.raises(TimeoutError):
        await heard_of_the_second(session)
    assert any("no-such-provider" in error for error in errors)


@pytest.mark.virtual_time
async def test_the_inner_one_counts_and_the_others_stay():
    inner = ScriptedLLM({"second": "I stay."})
    with replace_slots(tts=ScriptedTTS(), llm=ScriptedLLM([])), replace_slots(llm=inner):
        assert await heard_of_the_second(session_of()) == "I stay."


@pytest.mark.virtual_time
async def test_what_nobody_fills_stays_empty():
    with replace_slots(tts=ScriptedTTS()):
        session = AgentSession(llm=ScriptedLLM(["Yes."]), stt=ScriptedSTT(), vad=ScriptedVAD())
        with pytest.raises(TimeoutError, match="the agent has said nothing within 60 s"):
            await heard_of_the_second(session)
    assert session.history.messages()[-1].text_content == "Yes."


@pytest.fixture
def scripted():
    with replace_slots(tts=ScriptedTTS()):
        yield


@pytest.mark.virtual_time
async def test_a_fixture_may_hold_it(scripted):
    assert await heard_of_the_second(session_of()) == "The second one here."


def test_what_is_no_slot_is_told():
    message = (
        "replace_slots(ttts=…): there is no slot 'ttts' "
        "(slots: stt, llm, tts, vad, turn_detector); did you mean 'tts'?"
    )
    with pytest.raises(TypeError, match=re.escape(message)), replace_slots(ttts=ScriptedTTS()):
        pass


def test_a_voice_of_which_no_word_is_understood_is_told_once():
    class Humming(ScriptedTTS):
        """Speaks, but not so that the caller's ear finds words in it."""

        async def synthesize(self, text, settings=None):
            async for event in super().synthesize(text, settings):
                if isinstance(event, Audio):
                    event = replace(event, data=b"\x10\x20" * (len(event.data) // 2))
                yield event

    async def main():
        caller = Caller()
        session = session_of(llm=ScriptedLLM(["So it is.", "And so on."]), tts=Humming())
        async with session:
            await session.start(agent=First(), transport=caller)
            heard = []
            for words in ("is it so", "what else"):
                await caller.speak(words)
                heard.append(await caller.listen_until(silence=1.0))
            return heard

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert run(main) == ["", ""]
    (warning,) = caught
    assert warning.category is UserWarning
    assert warning.filename == __file__
    assert str(warning.message) == (
        "the caller heard the agent speak for 1.2 s and understood no word of it: only what a "
        "ScriptedTTS says can be understood here; give the agent a ScriptedTTS (in place of a "
        "tts that it names itself: `with antiphon.testing.replace_slots(tts=ScriptedTTS()):`), or "
        "look at session.history"
    )


@pytest.mark.virtual_time
async def test_an_answer_that_is_cut_in_its_first_word_is_no_foreign_voice():
    caller = Caller()
    session = session_of(llm=ScriptedLLM({"it": "Unquestionably."}), tts=ScriptedTTS(seconds=3.0))
    async with session:
        await session.start(agent=First(), transport=caller)
        await caller.speak("is it so")
        await caller.wait_until(caller.timeline[-1].end + 2.0)
        assert session.agent_state == "speaking"
        session.interrupt()
        assert await caller.listen_until(silence=1.0) == ""
