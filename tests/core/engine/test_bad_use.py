"""Mistakes in using a session or an agent: each says what is wrong and the way out."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentSession,
    ChatMessage,
    ConfigurationError,
    RoomOptions,
    function_tool,
    handoff,
)
from antiphon.errors import ModelStringError, SlotMissing, ToolDefinitionError, TransportError
from antiphon.events import EVENTS
from antiphon.testing import Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS

from .following import instant, lines, talk

pytestmark = pytest.mark.virtual_time


class FrontDesk(Agent):
    """An agent that does nothing of its own."""


# Starting


async def test_a_second_start_of_a_running_session_raises() -> None:
    async with talk(FrontDesk()) as t:
        with pytest.raises(RuntimeError) as raised:
            await t.session.start(FrontDesk())
        assert str(raised.value) == (
            "this session is running already; make a new AgentSession for another call"
        )


async def test_a_start_of_a_closed_session_raises() -> None:
    async with talk(FrontDesk()) as t:
        await t.session.aclose()
        with pytest.raises(RuntimeError) as raised:
            await t.session.start(FrontDesk())
        assert str(raised.value) == (
            "this session has been closed; make a new AgentSession for another call"
        )


async def test_a_start_without_an_agent_raises() -> None:
    with pytest.raises(ConfigurationError) as raised:
        await AgentSession[Any](llm=instant([])).start()
    assert str(raised.value) == "the session has no agent; give it one: session.start(agent=…)"


async def test_a_class_in_the_place_of_an_agent_raises() -> None:
    with pytest.raises(ConfigurationError) as raised:
        AgentSession[Any](agent=FrontDesk)  # type: ignore[arg-type]
    assert str(raised.value) == (
        "AgentSession(agent=…) got the class FrontDesk; make an agent of it: FrontDesk()"
    )
    with pytest.raises(ConfigurationError) as raised:
        await AgentSession[Any](llm=instant([])).start(FrontDesk)  # type: ignore[arg-type]
    assert str(raised.value) == (
        "session.start(agent=…) got the class FrontDesk; make an agent of it: FrontDesk()"
    )


async def test_something_else_in_the_place_of_an_agent_raises() -> None:
    with pytest.raises(ConfigurationError) as raised:
        await AgentSession[Any](llm=instant([])).start("front_desk")  # type: ignore[arg-type]
    assert str(raised.value) == "session.start(agent=…) got 'front_desk', which is no Agent"


async def test_an_agent_of_another_session_raises() -> None:
    agent = FrontDesk()
    async with talk(agent):
        with pytest.raises(RuntimeError) as raised:
            await AgentSession[Any](llm=instant([])).start(agent)
        assert str(raised.value) == (
            "agent 'front_desk' is active in another session; make a new one for this session"
        )


@pytest.mark.parametrize("more", [{}, {"record": True}])
async def test_an_unknown_argument_of_start_raises_by_its_name(more: dict[str, Any]) -> None:
    with pytest.raises(TypeError) as raised:
        await AgentSession[Any](llm=instant([])).start(FrontDesk(), **more, transprot=Caller())
    assert str(raised.value) == (
        "AgentSession.start() has no argument 'transprot'; did you mean 'transport'?"
    )


async def test_options_of_a_room_are_accepted_everywhere() -> None:
    session = AgentSession[Any](llm=instant([]))
    await session.start(FrontDesk(), room_options={"text_input": False}, record=False)
    assert session.room_options == RoomOptions(text_input=False)
    await session.aclose()


async def test_a_room_that_nobody_can_connect_to_raises() -> None:
    with pytest.raises(TransportError) as raised:
        await AgentSession[Any](llm=instant([])).start(FrontDesk(), room=object())
    assert str(raised.value) == (
        "no installed plugin makes a transport of 'object'; "
        "give a Transport, or install the plugin for it"
    )


async def test_a_start_that_failed_may_be_tried_again() -> None:
    session = AgentSession[Any](llm=instant([]))
    agent = FrontDesk()
    with pytest.raises(TransportError):
        await session.start(agent, room=object())
    await session.start(agent)
    await session.aclose()


async def test_a_session_of_text_without_any_llm_raises() -> None:
    with pytest.raises(SlotMissing) as raised:
        await AgentSession[Any]().start(FrontDesk())
    assert str(raised.value) == (
        "agent 'front_desk' has no llm, and neither has its session; give one of them: "
        'Agent(llm="…") or AgentSession(llm="…")'
    )


async def test_a_reply_without_an_llm_names_both_places() -> None:
    session = AgentSession[Any]()
    await session.start(FrontDesk(), transport=Caller(audio=False))
    handle = await session.generate_reply()
    assert isinstance(handle.exception(), SlotMissing)
    assert str(handle.exception()) == (
        "agent 'front_desk' has no llm, and neither has its session; give one of them: "
        'Agent(llm="…") or AgentSession(llm="…")'
    )
    await session.aclose()


@pytest.mark.parametrize(
    "use",
    [
        lambda session: session.say("x"),
        lambda session: session.generate_reply(),
        lambda session: session.update_agent(FrontDesk()),
        lambda session: session.current_agent,
        lambda session: session.history,
        lambda session: session.interrupt(),
        lambda session: session.commit_user_turn(),
    ],
    ids=["say", "generate_reply", "update_agent", "agent", "history", "interrupt", "commit"],
)
async def test_using_a_session_before_its_start_raises(use: Any) -> None:
    with pytest.raises(RuntimeError) as raised:
        use(AgentSession[Any](llm=instant([])))
    assert str(raised.value) == (
        "the session has not been started; await session.start(agent=…) first"
    )


# Userdata, events


async def test_userdata_that_was_not_given_says_how_to_give_it() -> None:
    session = AgentSession[str](llm=instant([]))
    with pytest.raises(ValueError) as raised:
        _ = session.userdata
    assert str(raised.value) == "the session has no userdata; give it: AgentSession(userdata=…)"
    session.userdata = "given later"
    assert session.userdata == "given later"


async def test_userdata_may_be_none() -> None:
    assert AgentSession[None](userdata=None).userdata is None


async def test_an_unknown_event_raises_with_the_known_ones() -> None:
    session = AgentSession[Any](llm=instant([]))
    with pytest.raises(ValueError) as raised:
        session.on("agent_state_change", print)
    known = ", ".join(sorted(kind.name for kind in EVENTS))
    assert str(raised.value) == (
        f"a session has no event 'agent_state_change' (it has: {known}); did you mean "
        "'agent_state_changed'?"
    )
    with pytest.raises(ValueError, match="a session has no event 'hello'"):
        session.on("hello")(print)


async def _listener(event: Any) -> None: ...


class _Listening:
    async def __call__(self, event: Any) -> None: ...


@pytest.mark.parametrize("how", ["on", "decorator", "once"])
@pytest.mark.parametrize(
    ("listener", "name"),
    [
        (_listener, "_listener"),
        (functools.partial(_listener), None),
        (_Listening(), None),
    ],
    ids=["function", "partial", "object"],
)
async def test_an_async_listener_raises(how: str, listener: Any, name: str | None) -> None:
    session = AgentSession[Any](llm=instant([]))
    with pytest.raises(TypeError) as raised:
        if how == "decorator":
            session.on("close")(listener)
        else:
            getattr(session, how)("close", listener)
    assert str(raised.value) == (
        f"the listener {name or repr(listener)} for 'close' is an `async def`; give a plain "
        "function that starts a task: `asyncio.create_task(…)`"
    )


async def test_unsubscribing_who_does_not_listen_raises() -> None:
    session = AgentSession[Any](llm=instant([]))

    def listener(event: Any) -> None: ...

    with pytest.raises(ValueError) as raised:
        session.off("close", listener)
    assert str(raised.value).endswith("listener does not listen to 'close'")


# Agents


@pytest.mark.parametrize(
    "change",
    [
        lambda agent: agent.chat_ctx.add_message(role="user", content="x"),
        lambda agent: agent.chat_ctx.append(ChatMessage(role="user", content="x")),
        lambda agent: agent.chat_ctx.items.append(ChatMessage(role="user", content="x")),
        lambda agent: agent.chat_ctx.items.clear(),
        lambda agent: agent.chat_ctx.truncate(1),
        lambda agent: setattr(agent.chat_ctx, "items", []),
    ],
    ids=["add_message", "append", "items.append", "items.clear", "truncate", "items ="],
)
async def test_changing_the_context_of_an_agent_raises_and_names_the_way(change: Any) -> None:
    agent = FrontDesk(instructions="Help.")
    with pytest.raises(TypeError) as raised:
        change(agent)
    assert str(raised.value) == (
        "agent.chat_ctx is read-only; use `await agent.update_chat_ctx(...)`, "
        "or change a copy: `chat_ctx.copy()`"
    )
    assert lines(agent.chat_ctx) == ["system: Help."]


async def test_changing_the_history_of_a_session_raises_and_names_the_way() -> None:
    async with talk(FrontDesk()) as t:
        with pytest.raises(TypeError) as raised:
            t.session.history.add_message(role="user", content="x")
        assert str(raised.value) == (
            "session.history is read-only; change a copy: `session.history.copy()`"
        )


async def test_a_copy_of_a_context_may_be_changed() -> None:
    agent = FrontDesk(instructions="Help.")
    copy = agent.chat_ctx.copy()
    copy.add_message(role="user", content="x")
    assert len(agent.chat_ctx) == 1
    await agent.update_chat_ctx(copy)
    assert lines(agent.chat_ctx) == ["system: Help.", "user: x"]


async def test_an_agent_takes_its_arguments_by_keyword_only() -> None:
    with pytest.raises(TypeError):
        Agent("Help.")  # type: ignore[call-arg]


@pytest.mark.parametrize("make", [Agent, AgentSession])
@pytest.mark.parametrize(
    ("slot", "value", "kind", "message"),
    [
        (
            "llm",
            5,
            ConfigurationError,
            'llm=5 is no model string, Model or built llm; write e.g. llm="acme/model-1"',
        ),
        (
            "tts",
            "no",
            None,
            None,
        ),
        (
            "llm",
            [],
            ConfigurationError,
            "llm=[] names no model; give at least one, or None for an agent without",
        ),
        (
            "stt",
            [None],
            ConfigurationError,
            "stt=[…] holds None; list model strings",
        ),
        (
            "llm",
            ScriptedLLM,
            ConfigurationError,
            "llm=… got the class ScriptedLLM; make a slot of it: ScriptedLLM(…)",
        ),
    ],
    ids=["number", "string", "empty", "none in list", "class"],
)
async def test_what_cannot_fill_a_slot_raises_where_it_is_written(
    make: Any, slot: str, value: Any, kind: Any, message: str | None
) -> None:
    if kind is None:
        make(**{slot: value})
        return
    with pytest.raises(kind) as raised:
        make(**{slot: value})
    assert str(raised.value) == message


async def test_a_slot_of_the_wrong_kind_raises_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Agent(llm=ScriptedTTS())  # type: ignore[arg-type]
    assert str(raised.value).startswith("llm=<antiphon.testing.scripted_tts.ScriptedTTS object at")
    assert str(raised.value).endswith(
        'is no model string, Model or built llm; write e.g. llm="acme/model-1"'
    )


async def test_an_unreadable_model_string_raises_where_it_is_written() -> None:
    for make in (Agent, AgentSession):
        with pytest.raises(ModelStringError):
            make(llm="")


async def test_two_tools_of_one_name_raise_where_the_agent_is_made() -> None:
    @function_tool(name="look")
    async def one() -> str:
        return "1"

    @function_tool(name="look")
    async def two() -> str:
        return "2"

    with pytest.raises(ToolDefinitionError, match="two tools are named 'look'"):
        Agent(tools=[one, two])


async def test_update_agent_with_a_class_or_a_name_raises() -> None:
    async with talk(FrontDesk()) as t:
        with pytest.raises(ConfigurationError) as raised:
            t.session.update_agent(FrontDesk)  # type: ignore[arg-type]
        assert str(raised.value) == (
            "session.update_agent(…) got the class FrontDesk; make an agent of it: FrontDesk()"
        )
        with pytest.raises(ConfigurationError) as raised:
            t.session.update_agent("billing")  # type: ignore[arg-type]
        assert str(raised.value) == "session.update_agent(…) got 'billing', which is no Agent"


async def test_a_tool_that_returns_an_agent_class_is_told_to_make_an_agent() -> None:
    from antiphon.testing import Call

    @function_tool
    async def transfer() -> Any:
        return FrontDesk

    async with talk(Agent(id="desk", tools=[transfer]), [Call("transfer"), "I cannot."]) as t:
        await t.hear("transfer")
        assert t.outputs == ["error transfer: an internal error occurred"]
        assert t.log.errors == [
            "tool, recoverable: ConfigurationError: the tool 'transfer' got the class FrontDesk; "
            "make an agent of it: FrontDesk()"
        ]
        assert t.session.current_agent.id == "desk"


async def test_a_hand_off_to_a_class_raises_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError) as raised:
        handoff(FrontDesk)  # type: ignore[arg-type]
    assert str(raised.value) == (
        "handoff(…) got the class FrontDesk; make an agent of it: FrontDesk()"
    )


async def test_a_whole_utterance_stt_without_a_vad_says_what_is_missing() -> None:
    from antiphon.testing import ScriptedBatchSTT

    session = AgentSession[Any](llm=instant([]), stt=ScriptedBatchSTT())
    with pytest.raises(SlotMissing, match="recognises whole utterances only") as raised:
        await session.start(FrontDesk(), transport=Caller())
    assert str(raised.value).endswith(
        "agent 'front_desk' has no vad to cut them; give it one: Agent(vad=\"…\") or "
        'AgentSession(vad="…")'
    )


async def test_max_tool_steps_below_0_raises() -> None:
    with pytest.raises(ConfigurationError) as raised:
        AgentSession[Any](max_tool_steps=-1)
    assert str(raised.value) == ("max_tool_steps is -1; give 0 for no tools, or the rounds allowed")


async def test_an_option_of_turn_handling_that_does_not_exist_raises() -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'endpointing'"):
        Agent(turn_handling={"endpointng": {"min_delay": 1}})


async def test_a_say_without_words_raises() -> None:
    async with talk(FrontDesk()) as t:
        for wrong in (None, 3, b"bytes"):
            with pytest.raises(TypeError) as raised:
                t.session.say(wrong)  # type: ignore[arg-type]
            assert str(raised.value) == (
                f"session.say(…) got {wrong!r}; give a text, or an async iterable of texts"
            )


async def test_an_unknown_slot_setting_of_one_call_raises_nothing_for_built_slots() -> None:
    """A slot that was built by hand declares no settings: what is given reaches it unchecked."""
    async with talk(FrontDesk(), ["a"]) as t:
        await t.session.generate_reply(llm={"anything": 1})
        assert t.llm.requests[0].settings == {"anything": 1}


async def test_an_stt_alone_is_a_session_that_listens() -> None:
    session = AgentSession[Any](stt=ScriptedSTT())
    await session.start(FrontDesk(llm=None), transport=Caller(continuous=False))
    await session.aclose()
