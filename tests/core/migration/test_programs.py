"""Programs written for livekit-agents: after `antiphon migrate --write` each holds its call."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from antiphon.testing import Call as Tool
from antiphon.testing import Caller

# Each migrates in two processes of its own before it is called.
pytestmark = pytest.mark.timeout(60)


@pytest.mark.virtual_time
async def test_front_desk_a_task_inside_a_tool_then_a_hand_off(migrated, calling, caplog):
    program = migrated("front_desk")
    caplog.set_level(logging.INFO, "front-desk")
    replies = {
        "hello": "Welcome.",
        "a room please": Tool("check_in"),
        "Ask for the name": "What is your name?",
        "I am Ada": Tool("got_name", name="Ada"),
        "Ada has room 12": "Room 12 is yours, Ada.",
        "the concierge": Tool("to_concierge", guest="Ada"),
        "Putting you through": "One moment, please.",
        "": "How may I help?",
    }
    async with calling(program.server, replies) as call:
        assert (call.named["stt"], call.named["vad"]) == ("'deepgram/nova-3:en'", "'silero'")
        assert call.named["llm"] == "'openai/gpt-4.1-mini'"
        assert call.job.context.log_context_fields == {"room": "local"}
        await call.hear("a room please", "I am Ada", "the concierge")
        assert call.named["tts"] == "'cartesia/sonic-3:9626c31c-bec5-4cca-baa8-f8ba9e84c8bc'"
        assert call.history == [
            "None -> front_desk",
            "assistant: How may I help?",
            "user: a room please",
            "call check_in {}",
            "front_desk -> ask_name",
            "assistant: What is your name?",
            "user: I am Ada",
            'call got_name {"name": "Ada"}',
            "output: ",
            "ask_name -> front_desk",
            "output: Ada has room 12",
            "assistant: Room 12 is yours, Ada.",
            "user: the concierge",
            'call to_concierge {"guest": "Ada"}',
            "output: Putting you through.",
            "assistant: One moment, please.",
            "front_desk -> concierge",
            "assistant: This is the concierge.",
        ]
    logged = [record.getMessage() for record in caplog.records if record.name == "front-desk"]
    assert any(text.startswith("the call is over: {") for text in logged)
    assert any(text.startswith("usage: {") for text in logged)
    figures = [text for text in logged if "Timeline(" in text]
    assert figures and not any("a room please" in text for text in figures)


@pytest.mark.virtual_time
async def test_drive_thru_typed_parameters_and_tools_that_change(migrated, calling):
    program = migrated("drive_thru")
    replies = {
        "a large burger": Tool("order_meal", meal="burger", size="L"),
        "added a burger": "One large burger. A drink?",
        "a pizza": Tool("order_meal", meal="pizza"),
        "two cokes": Tool("order_drink", drink="coke", count=2),
        "ten cokes": Tool("order_drink", drink="coke", count=10),
        "a beer": Tool("order_drink", drink="beer"),
        "added 2 coke": "Two cokes.",
        "": "I cannot do that.",
    }
    async with calling(program.app, replies) as call:
        assert program.app.agent_name == "drive-thru"
        assert call.named["llm"] == "Model('openai/gpt-4.1-mini', temperature=0.2)"
        assert call.named["tts"] == "'elevenlabs/eleven_flash_v2_5:hpp4J3VqNfWAUOO0d1Us'"
        await call.hear("a large burger")
        assert call.llm.requests[0].tool_names == ("order_meal",)
        assert call.llm.requests[-1].tool_names == ("order_meal", "order_drink")
        meal = call.llm.requests[0].tools[0].parameters["properties"]["meal"]
        assert (meal["enum"], meal["description"]) == (
            ["burger", "wrap"],
            "The meal by its name",
        )
        await call.hear("two cokes", "ten cokes", "a beer", "a pizza")
        assert call.session.userdata.items == {"burger": "L", "coke": "2"}
        told = [text for role, text in call.llm.requests[-1].texts if role == "system"]
        assert told[1:] == ["So far: ['burger', 'coke']"]
    outputs = [line for line in call.history if line.startswith(("output", "error"))]
    assert outputs[:2] == ["output: added a burger, L", "output: added 2 coke"]
    assert "'count'" in outputs[2]
    assert outputs[3] == "error: there is no beer; there are: coke, water"
    assert "'meal'" in outputs[4]


@pytest.mark.virtual_time
async def test_survey_a_group_of_tasks(migrated, calling):
    program = migrated("survey")
    replies = {
        "Ask for the stars": "How many stars?",
        "four": Tool("record_rating", stars=4),
        "Ask for a comment": "Anything to add?",
        "lovely": Tool("record_comment", comment="lovely"),
        "Say thank you": "Thank you.",
    }
    async with calling(program.server, replies) as call:
        await call.hear("four", "lovely")
        assert call.session.userdata == {"stars": 4, "comment": "lovely"}
        assert [line for line in call.history if line.startswith(("assistant", "user"))] == [
            "assistant: How many stars?",
            "user: four",
            "assistant: Anything to add?",
            "user: lovely",
            "assistant: Thank you.",
        ]
        assert call.session.current_agent.id == "interviewer"


@pytest.mark.virtual_time
async def test_dtmf_menu_keys_choose_an_agent(migrated, calling):
    program = migrated("dtmf_menu")
    caller = Caller()
    replies = {
        "say goodbye": "Goodbye.",
        "goodbye": Tool("end_call"),
    }
    async with calling(program.server, replies, caller=caller) as call:
        assert call.named["tts"] == "'openai/gpt-4o-mini-tts:ash'"
        assert call.session.current_agent.id == "menu"
        caller.press("9")
        await call.settled()
        caller.press("2")
        await call.settled()
        assert call.session.current_agent.id == "support"
        assert call.history == [
            "None -> menu",
            "assistant: For sales press one, for support press two.",
            "assistant: That is no choice.",
            "assistant: One moment.",
            "menu -> support",
            "assistant: This is support.",
        ]
        assert call.named["llm"] == "'ollama/llama3.2:1b'"
        caller.type("goodbye")
        await call.session.wait_closed()
        assert call.history[-3:] == [
            "call end_call {}",
            "output: say goodbye to the user",
            "assistant: Goodbye.",
        ]


@pytest.mark.virtual_time
async def test_rag_an_llm_node_of_its_own(migrated, calling):
    program = migrated("rag")
    caller = Caller()
    replies = {"We are open": "From nine to five."}
    async with calling(program.server, replies, caller=caller) as call:
        assert call.named == {
            "stt": "Model('deepgram/nova-3:multi', smart_format=True)",
            "llm": "'anthropic/claude-sonnet-4-6'",
            "tts": "Model('cartesia/sonic-3:f786b574', language='en')",
        }
        await call.hear("what are the opening hours?", "who are you?")
        assert call.history[1:] == [
            "user: what are the opening hours?",
            "assistant: From nine to five.",
            "user: who are you?",
            "assistant: That is not in my documents.",
        ]
        assert len(call.llm.requests) == 1
        assert call.llm.requests[0].texts[-1] == (
            "system",
            "Documents: We are open from nine to five.",
        )
        assert caller.heard_text().startswith("From 9 to five.")
        assert call.session.room_options.audio_input == {"sample_rate": 16000}


@pytest.mark.virtual_time
async def test_transcriber_hears_and_never_answers(migrated, calling):
    program = migrated("transcriber")
    caller = Caller()
    async with calling(program.app, caller=caller) as call:
        assert call.named == {"stt": "'deepgram/flux-general-en'"}
        caller.speak_at(1.0, "one two three", seconds=1.5)
        caller.speak_at(6.0, "four five", seconds=1.0)
        await caller.wait_until(12)
        assert call.history == [
            "None -> transcriber",
            "user: one two three",
            "user: four five",
        ]
        assert call.llm.requests == []
        caller.hang_up()
        await call.session.wait_closed()
    assert program.LINES == [
        "final: one two three",
        "turn: one two three",
        "final: four five",
        "turn: four five",
        "closed",
    ]
    assert caller.heard_text() == ""


@pytest.fixture
def stock_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOCK_SERVER", str(Path(__file__).with_name("stock_server.py")))


@pytest.mark.real_time
async def test_mcp_agent_calls_a_tool_of_its_server(stock_server, migrated, calling):
    program = migrated("mcp_agent")
    replies = {
        "Greet": "Hello.",
        "lamps": Tool("in_stock", article="lamp"),
        "3 of lamp": "There are three.",
    }
    async with calling(program.server, replies) as call:
        assert call.named == {"llm": "'openai/gpt-4.1-mini'"}
        await call.hear("any lamps?")
        assert call.history == [
            "None -> clerk",
            "assistant: Hello.",
            "user: any lamps?",
            'call in_stock {"article": "lamp"}',
            "output: 3 of lamp",
            "assistant: There are three.",
        ]
