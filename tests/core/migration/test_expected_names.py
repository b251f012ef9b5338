"""What people who come from livekit-agents expect: the names and options are there, and work."""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

import antiphon
from antiphon import (
    Agent,
    AgentSession,
    App,
    ChatContext,
    ChatMessage,
    JobContext,
    RunContext,
    SpeechHandle,
    StopResponse,
    ToolFlag,
    Toolset,
    TurnHandling,
    function_tool,
    get_job_context,
)
from antiphon.chat import AgentHandoff, FunctionCall, FunctionCallOutput
from antiphon.errors import SettingError
from antiphon.testing import Call, Caller, ScriptedLLM

NAMES = (
    "Agent AgentTask AgentSession RunContext function_tool ChatContext ChatMessage FunctionCall "
    "FunctionCallOutput AgentHandoff SpeechHandle ToolError StopResponse mock_tools "
    "App JobContext get_job_context RoomOptions Instructions EndCallTool Toolset ToolFlag "
    "TaskGroup BackgroundAudioPlayer MCPToolset TurnHandling Endpointing Interruption"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_in_antiphon(name: str) -> None:
    assert name in antiphon.__all__
    assert getattr(antiphon, name) is not None


MEMBERS = {
    Agent: "on_enter on_exit on_user_turn_completed stt_node llm_node tts_node transcription_node "
    "update_instructions update_tools update_chat_ctx update_options session chat_ctx default",
    AgentSession: "start say generate_reply interrupt update_agent run commit_user_turn "
    "clear_user_turn wait_for_idle drain shutdown aclose on off once history chat_ctx userdata "
    "usage current_agent next_agent current_speech agent_state user_state stt llm tts vad",
    RunContext: "foreground with_filler wait_for_playout disallow_interruptions update userdata",
    SpeechHandle: "interrupt interrupted done exception add_done_callback remove_done_callback "
    "wait_for_playout allow_interruptions",
    ChatContext: "add_message copy items messages empty insert get_by_id index_by_id remove "
    "truncate merge to_dict from_dict",
    JobContext: "connect add_shutdown_callback wait_for_participant shutdown api "
    "make_session_report",
    Toolset: "setup aclose",
    antiphon.AgentTask: "complete done cancel",
}


@pytest.mark.parametrize(
    ("owner", "name"),
    [(owner, name) for owner, names in MEMBERS.items() for name in names.split()],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_the_member_is_there(owner: type, name: str) -> None:
    assert hasattr(owner, name)


OPTIONS = {
    AgentSession: "stt llm tts vad turn_detector turn_handling tools userdata max_tool_steps "
    "user_away_timeout tts_text_transforms conn_options aec_warmup_duration",
    AgentSession.say: "text audio allow_interruptions add_to_chat_ctx",
    AgentSession.generate_reply: "user_input instructions tool_choice tools allow_interruptions",
    AgentSession.start: "agent room room_options",
    AgentSession.run: "user_input output_type",
    Agent: "instructions id chat_ctx tools stt llm tts vad turn_handling",
    App.session: "agent_name on_session_end on_request",
    function_tool: "name description raw_schema flags on_duplicate",
    antiphon.Endpointing: "min_delay max_delay mode",
    antiphon.Interruption: "enabled min_duration min_words resume_false_interruption "
    "false_interruption_timeout",
    TurnHandling: "endpointing interruption turn_detection preemptive_generation",
    ChatContext.copy: "exclude_function_call exclude_instructions exclude_handoff "
    "exclude_empty_message tools",
    antiphon.EndCallTool: "extra_description end_instructions ignore_on_enter",
    antiphon.RoomOptions: "text_input audio_input video_input audio_output text_output "
    "participant_identity participant_kinds close_on_disconnect delete_room_on_close",
    antiphon.MCPToolset: "id command args url headers allowed_tools",
}


@pytest.mark.parametrize(
    ("taken_by", "option"),
    [(owner, name) for owner, names in OPTIONS.items() for name in names.split()],
    ids=lambda each: getattr(each, "__qualname__", each),
)
def test_the_option_is_taken(taken_by: Any, option: str) -> None:
    assert option in inspect.signature(taken_by).parameters


@pytest.mark.parametrize("name", ["IGNORE_ON_ENTER", "CANCELLABLE"])
def test_the_flag_is_there(name: str) -> None:
    assert ToolFlag[name] in ToolFlag


def test_options_of_turn_taking_may_be_dicts_and_a_misspelt_one_is_told() -> None:
    handling = TurnHandling.of(
        {"endpointing": {"min_delay": 0.3}, "interruption": {"min_words": 2}}
    )
    assert (handling.endpointing.min_delay, handling.interruption.min_words) == (0.3, 2)
    with pytest.raises(SettingError) as raised:
        TurnHandling.of({"interruption": {"min_word": 2}})
    assert str(raised.value).endswith("; did you mean 'min_words'?")


def test_a_chat_context_is_written_and_read_as_there() -> None:
    context = ChatContext.empty()
    message = context.add_message(role="user", content=["hello", "there"])
    context.add_message(role="system", content="be brief")
    context.insert(FunctionCall(call_id="1", name="f", arguments="{}"))
    context.items.append(FunctionCallOutput(call_id="1", name="f", output="x"))
    context.items.append(AgentHandoff(old_agent_id=None, new_agent_id="a"))
    assert message.text_content == "hello\nthere"
    assert context.get_by_id(message.id) is message
    assert [item.role for item in context.messages()] == ["user", "system"]
    small = context.copy(
        exclude_function_call=True, exclude_instructions=True, exclude_handoff=True
    )
    assert small.items == [message]
    assert small.remove(message) is message
    assert (len(small), len(context)) == (0, 5)


class Desk(Agent):
    def __init__(self, **options: Any) -> None:
        super().__init__(instructions="You are the desk.", **options)

    async def on_enter(self) -> None:
        self.session.generate_reply()

    @function_tool
    async def book(
        self,
        ctx: RunContext[dict[str, str]],
        meal: Annotated[Literal["lunch", "dinner"], Field(description="Which meal")],
        people: Annotated[int, Field(ge=1, le=8)] = 2,
    ) -> str:
        """Books a table."""
        assert ctx.function_call.name == "book"
        assert isinstance(ctx.speech_handle, SpeechHandle)
        ctx.userdata["booked"] = f"{meal} for {people}"
        return "booked"


@pytest.mark.virtual_time
async def test_a_session_without_slots_when_the_agent_has_them() -> None:
    llm = ScriptedLLM({"dinner": Call("book", meal="dinner"), "booked": "Done.", "": "Hello."})
    session: AgentSession[dict[str, str]] = AgentSession(userdata={})
    states: list[tuple[str, str]] = []

    @session.on("agent_state_changed")
    def state(ev: Any) -> None:
        states.append((ev.old_state, ev.new_state))

    first: list[Any] = []
    session.once("conversation_item_added", first.append)
    async with session:
        await session.start(agent=Desk(llm=llm))
        await session.wait_for_idle()
        await session.generate_reply(user_input="dinner please")
        assert session.history.items[-1].text_content == "Done."
        assert session.userdata == {"booked": "dinner for 2"}
        assert len(first) == 1
        assert ("initializing", "listening") in states
        session.off("agent_state_changed", state)
        count = len(states)
        session.say(text="Goodbye.")
        await session.wait_for_idle()
        assert len(states) == count
        assert session.usage
    schema = llm.requests[1].tools[0].parameters["properties"]
    assert schema["meal"]["enum"] == ["lunch", "dinner"]
    assert (schema["people"]["minimum"], schema["people"]["maximum"]) == (1, 8)


@pytest.mark.virtual_time
async def test_update_methods_are_awaitable_and_update_agent_need_not_be_awaited() -> None:
    llm = ScriptedLLM({"": "Hello."})
    async with AgentSession(llm=llm) as session:
        agent = Agent(instructions="one", id="one")
        await session.start(agent=agent)
        await agent.update_instructions("more")
        await agent.update_tools([])
        await agent.update_chat_ctx(ChatContext.empty())
        await agent.update_options(turn_handling={"interruption": {"enabled": False}})
        session.update_agent(Agent(id="two"))
        await session.wait_for_idle()
        assert session.current_agent.id == "two"


@pytest.mark.virtual_time
async def test_stop_response_in_the_hook_of_an_agent_without_an_llm() -> None:
    heard: list[str] = []

    class Transcriber(Agent):
        async def on_user_turn_completed(
            self, turn_ctx: ChatContext, new_message: ChatMessage
        ) -> None:
            heard.append(new_message.text_content)
            raise StopResponse

    caller, errors = Caller(audio=False), []
    async with AgentSession() as session:
        session.on("error", errors.append)
        await session.start(agent=Transcriber(), transport=caller)
        caller.type("one")
        await session.wait_for_idle()
        caller.type("two")
        await session.wait_for_idle()
        assert [item.text_content for item in session.history.messages()] == ["one", "two"]
    assert (heard, errors) == (["one", "two"], [])


@pytest.mark.virtual_time
@pytest.mark.parametrize(("slots", "told"), [({}, 1), ({"llm": None}, 0)])
async def test_a_hook_that_lets_an_agent_without_an_llm_answer(slots: Any, told: int) -> None:
    class Hearer(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            pass

    caller, errors, skipped = Caller(audio=False), [], []
    async with AgentSession() as session:
        session.on("error", errors.append)
        session.on("reply_skipped", skipped.append)
        await session.start(agent=Hearer(**slots), transport=caller)
        caller.type("one")
        await session.wait_for_idle()
        assert len(session.turns) == 1 and session.turns[0].done is not None
    assert [event.reason for event in skipped] == ["the agent has no llm"]
    assert len(errors) == told


def test_there_is_no_job_outside_of_one() -> None:
    assert get_job_context(required=False) is None
    with pytest.raises(LookupError):
        get_job_context()
