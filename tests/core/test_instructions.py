"""Instructions in two wordings, and the tool that ends a call."""

from __future__ import annotations

import copy
import pickle

import pytest

from antiphon import Agent, AgentSession, EndCallTool, Instructions, RoomOptions
from antiphon.errors import SettingError
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD

BOTH = Instructions("Speak briefly.", text="Use lists.")


def test_it_is_the_spoken_wording_as_a_str() -> None:
    assert BOTH == "Speak briefly."
    assert (BOTH.audio, BOTH.text, BOTH.for_text()) == (
        "Speak briefly.",
        "Use lists.",
        "Use lists.",
    )
    assert type(BOTH.audio) is str
    assert Instructions("x").for_text() == "x"
    assert repr(BOTH) == "Instructions('Speak briefly.', text='Use lists.')"
    assert repr(Instructions("x")) == "Instructions('x')"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_keeps_both(copied) -> None:
    assert (str(copied(BOTH)), copied(BOTH).text) == ("Speak briefly.", "Use lists.")


def told(llm: ScriptedLLM) -> list[list[str]]:
    return [[text for role, text in request.texts if role == "system"] for request in llm.requests]


@pytest.mark.virtual_time
async def test_a_typed_turn_gets_the_written_wording_and_a_spoken_one_the_spoken() -> None:
    llm, caller = ScriptedLLM({"": "Yes."}), Caller()
    session = AgentSession(llm=llm, stt=ScriptedSTT(), tts=ScriptedTTS(), vad=ScriptedVAD())
    async with session:
        await session.start(Agent(instructions=BOTH), transport=caller)
        await session.generate_reply(instructions=Instructions("say hello", text="write hello"))
        caller.type("one")
        await caller.wait_until(5)
        await caller.speak("two three four")
        await caller.wait_until(12)
        await session.generate_reply(
            user_input="five", instructions=Instructions("say it", text="write it")
        )
    assert told(llm) == [
        ["Speak briefly.", "say hello"],
        ["Use lists."],
        ["Speak briefly."],
        ["Use lists.", "write it"],
    ]


@pytest.mark.virtual_time
async def test_without_a_voice_everything_is_written() -> None:
    llm = ScriptedLLM({"": "Yes."})
    async with AgentSession(llm=llm) as session:
        await session.start(Agent(instructions=BOTH))
        await session.generate_reply(instructions=Instructions("say hello", text="write hello"))
        assert session.chat_ctx.items[0].text_content == "Speak briefly."
    assert told(llm) == [["Use lists.", "write hello"]]


@pytest.mark.virtual_time
async def test_a_changed_wording_holds_from_the_next_step() -> None:
    llm, caller = ScriptedLLM({"": "Yes."}), Caller(audio=False)
    agent = Agent(instructions=BOTH)
    async with AgentSession(llm=llm) as session:
        await session.start(agent, transport=caller)
        await agent.update_instructions("the same for both")
        caller.type("one")
        await session.wait_for_idle()
    assert told(llm) == [["the same for both"]]


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, ["Goodbye then."]),
        ({"end_instructions": "wish a good night"}, ["Good night."]),
        ({"end_instructions": None}, []),
    ],
)
async def test_the_end_call_tool_lets_the_agent_say_goodbye_then_closes(options, said) -> None:
    llm = ScriptedLLM(
        {
            "say goodbye to the user": "Goodbye then.",
            "wish a good night": "Good night.",
            "that is all": Call("end_call"),
        }
    )
    caller, closed = Caller(), []
    session = AgentSession(llm=llm, tts=ScriptedTTS())
    session.on("close", closed.append)
    await session.start(Agent(tools=[EndCallTool(**options)]), transport=caller)
    caller.type("that is all")
    await session.wait_closed()
    assert [event.reason for event in closed] == ["user_initiated"]
    heard = [item.text_content for item in session.history.messages() if item.role == "assistant"]
    assert heard == said
    assert caller.heard_text() == " ".join(said)


def test_what_the_model_is_told_of_the_end_call_tool() -> None:
    [tool] = EndCallTool(extra_description="Not before they have paid.").tools
    assert tool.name == "end_call"
    assert tool.description.endswith("Nothing can be said after it. Not before they have paid.")
    assert tool.parameters["properties"] == {}


@pytest.mark.virtual_time
async def test_the_end_call_tool_may_be_hidden_while_the_agent_greets() -> None:
    class Greeter(Agent):
        async def on_enter(self) -> None:
            self.session.generate_reply()

    llm, caller = ScriptedLLM({"": "Hello."}), Caller(audio=False)
    async with AgentSession(llm=llm) as session:
        await session.start(Greeter(tools=[EndCallTool(ignore_on_enter=True)]), transport=caller)
        await session.wait_for_idle()
        caller.type("hi")
        await session.wait_for_idle()
    assert [request.tool_names for request in llm.requests] == [(), ("end_call",)]


def test_room_options_are_checked() -> None:
    assert RoomOptions.of(None) == RoomOptions()
    assert RoomOptions.of({"audio_input": False}) == RoomOptions(audio_input=False)
    with pytest.raises(SettingError) as raised:
        RoomOptions.of({"audio_inptu": False})
    assert str(raised.value).endswith("; did you mean 'audio_input'?")
    with pytest.raises(SettingError) as raised:
        RoomOptions(text_input="yes")  # type: ignore[arg-type]
    assert str(raised.value) == (
        "RoomOptions(text_input='yes') is none of True, False or a dict of options"
    )
    with pytest.raises(SettingError) as raised:
        RoomOptions.of(True)  # type: ignore[arg-type]
    assert str(raised.value) == "room_options is given as True; give RoomOptions(...) or a dict"
