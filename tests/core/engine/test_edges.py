"""Interleavings at the edges: what must still hold where two things happen at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentSession,
    ChatMessage,
    FunctionCallOutput,
    ToolFlag,
    function_tool,
)
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedTTS


def texts(session: AgentSession[Any]) -> list[str]:
    return [item.text_content for item in session.history if isinstance(item, ChatMessage)]


def outputs(session: AgentSession[Any]) -> list[tuple[str, bool]]:
    return [
        (item.output, item.is_error)
        for item in session.history
        if isinstance(item, FunctionCallOutput)
    ]


@pytest.mark.virtual_time
async def test_an_agent_promised_to_one_session_is_refused_by_another():
    one, two = (
        AgentSession(llm=ScriptedLLM({"": "word " * 9}), tts=ScriptedTTS()) for _ in range(2)
    )
    wanted = Agent(id="wanted", instructions="x")
    await one.start(agent=Agent(instructions="1"), transport=Caller())
    await two.start(agent=Agent(instructions="2"), transport=Caller())
    one.say("something that takes a while to say")
    await asyncio.sleep(0.5)
    promised = one.update_agent(wanted)
    with pytest.raises(RuntimeError) as caught:
        two.update_agent(wanted)
    assert str(caught.value) == (
        "agent 'wanted' is active in another session; make a new one for this session"
    )
    await promised
    assert one.current_agent is wanted
    await one.aclose()
    await two.aclose()


@pytest.mark.virtual_time
async def test_what_a_tool_says_stands_before_the_answer_that_follows_it():
    class Clerk(Agent):
        @function_tool
        async def look(self) -> str:
            """Looks it up."""
            self.session.say("One moment please")
            return "found"

    caller = Caller()
    session = AgentSession(llm=ScriptedLLM([Call("look"), "Here it is"]), tts=ScriptedTTS())
    await session.start(agent=Clerk(), transport=caller)
    await session.generate_reply(user_input="look")
    assert texts(session)[1:] == ["One moment please", "Here it is"]
    assert caller.heard_text() == "One moment please Here it is"
    context = session.current_agent.chat_ctx.messages()
    assert [message.text_content for message in context][1:] == texts(session)[1:]
    await session.aclose()


@pytest.mark.virtual_time
@pytest.mark.parametrize("position", ["exact", "reported"])
async def test_a_listener_that_interrupts_in_mid_step_leaves_the_floor_free(position):
    class Clerk(Agent):
        @function_tool
        async def look(self) -> str:
            """Looks it up."""
            return "found"

    llm = ScriptedLLM([["Well then, one moment", Call("look")], "never said", "next"])
    session = AgentSession(llm=llm, tts=ScriptedTTS())
    session.on("function_tools_executed", lambda event: session.interrupt())
    await session.start(agent=Clerk(), transport=Caller(position=position))
    await session.generate_reply(user_input="look")
    assert len(llm.requests) == 1
    await session.say("I am back")
    assert texts(session)[-1] == "I am back"
    await session.aclose()


@pytest.mark.virtual_time
async def test_a_turn_of_the_window_is_skipped_when_the_session_closes():
    class First(Agent):
        async def on_exit(self) -> None:
            await asyncio.sleep(3)

    skipped, collected = [], []
    llm = ScriptedLLM({"": "hello"})
    session = AgentSession(llm=llm)
    session.on("reply_skipped", lambda event: skipped.append(event.reason))
    session.on("metrics_collected", lambda event: collected.append(event.metrics.text))
    caller = Caller(audio=False)
    await session.start(agent=First(), transport=caller)
    session.update_agent(Agent(instructions="next"))
    await asyncio.sleep(0.5)
    caller.type("are you there?")
    caller.hang_up()
    await session.wait_closed()
    assert skipped == ["the session is closing"]
    assert collected == ["are you there?"]
    assert texts(session) == ["are you there?"]
    assert llm.requests == []


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    ("on_duplicate", "runs", "second"),
    [
        ("allow", 2, "done"),
        ("reject", 1, "a call of 'slow' still runs; wait for its result"),
        ("replace", 2, "done"),
        (
            "confirm",
            1,
            "a call of 'slow' still runs; call it again to run another beside it",
        ),
    ],
)
async def test_a_second_call_while_the_first_runs(on_duplicate, runs, second):
    began = []

    @function_tool(on_duplicate=on_duplicate)
    async def slow() -> str:
        """Takes its time."""
        began.append(1)
        await asyncio.sleep(1)
        return "done"

    llm = ScriptedLLM([[Call("slow"), Call("slow")], "fine"])
    session = AgentSession(llm=llm, tools=[slow])
    await session.start(agent=Agent(instructions="x"))
    await session.generate_reply(user_input="go")
    assert len(began) == runs or on_duplicate == "replace"
    assert outputs(session)[1][0] == second
    first = ("the tool was cancelled before it ended", True)
    assert outputs(session)[0] == (first if on_duplicate == "replace" else ("done", False))
    await session.aclose()


@pytest.mark.virtual_time
async def test_a_tool_to_be_ignored_on_enter_is_not_offered_there():
    @function_tool(flags=ToolFlag.IGNORE_ON_ENTER)
    async def later() -> str:
        """For later."""
        return "x"

    class Greeter(Agent):
        async def on_enter(self) -> None:
            await self.session.generate_reply(instructions="greet")

    llm = ScriptedLLM({"": "hello"})
    session = AgentSession(llm=llm, tools=[later])
    await session.start(agent=Greeter())
    await session.wait_for_idle()
    await session.generate_reply(user_input="hi")
    assert [request.tool_names for request in llm.requests] == [(), ("later",)]
    await session.aclose()


class Strange(BaseException):
    """As `pytest.fail` raises: no `Exception`."""


@pytest.mark.virtual_time
async def test_whatever_a_tool_raises_its_call_gets_an_output():
    @function_tool
    async def odd() -> str:
        """Raises what nobody expects."""
        raise Strange("odd")

    errors = []
    session = AgentSession(llm=ScriptedLLM([Call("odd"), "sorry"]), tools=[odd])
    session.on("error", lambda event: errors.append((event.source, type(event.error))))
    await session.start(agent=Agent(instructions="x"))
    await session.generate_reply(user_input="go")
    assert outputs(session) == [("an internal error occurred", True)]
    assert texts(session) == ["go", "sorry"]
    assert errors == [("tool", Strange)]
    await session.aclose()


@pytest.mark.virtual_time
async def test_a_listener_that_shuts_down_turns_a_hand_off_into_an_error_output():
    class First(Agent):
        @function_tool
        async def go(self) -> Agent:
            """Hands over."""
            return Agent(id="next", instructions="x")

    session = AgentSession(llm=ScriptedLLM([Call("go"), "sorry"]))
    session.on("function_tools_executed", lambda event: session.shutdown())
    await session.start(agent=First())
    session.generate_reply(user_input="go")
    await session.wait_closed()
    assert outputs(session) == [("the hand-off was cancelled", True)]
    assert session.current_agent.id == "first"


@pytest.mark.virtual_time
async def test_a_hook_that_is_no_coroutine_says_what_to_write():
    class Greeter(Agent):
        def on_enter(self) -> None:  # type: ignore[override]
            self.session.say("hi")

    errors = []
    session = AgentSession(llm=ScriptedLLM(["x"]))
    session.on("error", lambda event: errors.append(str(event.error)))
    await session.start(agent=Greeter())
    await session.wait_for_idle()
    assert errors == ["it is no coroutine function; write `async def on_enter(self)`"]
    await session.aclose()
