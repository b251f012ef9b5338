import asyncio
import threading
from unittest import mock

import pytest

from antiphon import Agent, AgentTask, RunContext, ToolError, function_tool, handoff
from antiphon.engine import stand_ins
from antiphon.testing import Call, Caller, ScriptedSTT, ScriptedTTS, ScriptedVAD, mock_tools, run

from .hotel import Desk, Kitchen, hotel

pytestmark = pytest.mark.virtual_time


async def outputs(session, words="room twelve"):
    """The outputs that a turn brings, as `name -> output`."""
    result = await session.run(user_input=words)
    found = [e.item for e in result.events if e.type == "function_call_output"]
    return [f"{item.name} -> {'error ' * item.is_error}{item.output}" for item in found]


# What a mock may be


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (lambda: "taken", "taken"),
        (lambda room: f"room {room}", "room 12"),
        (lambda guest, room: f"{guest} {room}", "Ann 12"),
        (lambda **all: sorted(all.items()), '[["guest", "Ann"], ["room", 12]]'),
        (lambda room, *, night="tonight": f"{room} {night}", "12 tonight"),
        ("a value", "a value"),
        (0, "0"),
        ({"room": 7}, '{"room": 7}'),
        (ToolError("it is full"), "error it is full"),
        (KeyError("ink"), "error an internal error occurred"),
        (KeyError, "error an internal error occurred"),
        (None, ""),
    ],
)
async def test_a_mock_is_a_function_a_value_or_an_exception(made, shown):
    async with hotel(replies=[Call("book", room=12, guest="Ann"), "Good."]) as session:
        with mock_tools(Desk, {"book": made}):
            assert await outputs(session) == [f"book -> {shown}"]


async def test_a_mock_gets_the_default_of_what_the_model_left_out():
    async with hotel(replies=[Call("book", room=12), "Good."]) as session:
        with mock_tools(Desk, {"book": lambda guest: guest}):
            assert await outputs(session) == ["book -> nobody"]


async def test_a_mock_may_be_async_and_take_its_time():
    async def book(room: int) -> str:
        await asyncio.sleep(2)
        return f"mocked {room}"

    async with hotel() as session:
        with mock_tools(Desk, {"book": book}):
            assert await outputs(session) == ["book -> mocked 12"]
        assert asyncio.get_running_loop().time() > 2


async def test_a_mock_gets_the_context_where_it_is_annotated_or_named_as_the_tool_names_it():
    seen = []

    def book(context: RunContext, room: int) -> str:
        seen.append(context)
        return "mocked one"

    async with hotel() as session:
        with mock_tools(Desk, {"book": book}):
            assert await outputs(session) == ["book -> mocked one"]
        with mock_tools(Desk, {"book": lambda ctx: seen.append(ctx) or "mocked two"}):
            assert await outputs(session) == ["book -> mocked two"]
        assert [context.session for context in seen] == [session, session]
        assert [context.function_call.name for context in seen] == ["book", "book"]


async def test_a_mock_of_the_mock_library_counts_its_calls():
    async with hotel(replies=[Call("book", room=12), "Good.", Call("ring"), "Good."]) as session:
        book, ring = mock.Mock(return_value="booked"), mock.AsyncMock(return_value="rung")
        with mock_tools(Desk, {"book": book, "ring": ring}):
            assert await outputs(session) == ["book -> booked"]
            assert await outputs(session) == ["ring -> rung"]
        book.assert_called_once_with(room=12)
        ring.assert_awaited_once_with()


@pytest.mark.parametrize(
    "made", [lambda: Kitchen(), Kitchen, Kitchen(), lambda: handoff(Kitchen())], ids=str
)
async def test_a_mock_may_hand_over(made):
    async with hotel(replies=[Call("ring")]) as session:
        with mock_tools(Desk, {"ring": made}):
            result = await session.run(user_input="ring")
        result.expect.contains_agent_handoff(new_agent_type=Kitchen)
        assert session.current_agent.id == "kitchen"


async def test_a_mock_may_return_an_agent_and_words():
    async with hotel(replies=[Call("ring"), "Wait."]) as session:
        with mock_tools(Desk, {"ring": lambda: (Kitchen(), "to the kitchen")}):
            assert await outputs(session, "ring") == ["ring -> to the kitchen"]
        assert session.current_agent.id == "kitchen"


async def test_a_mock_may_speak():
    def ring(ctx: RunContext) -> None:
        ctx.session.say("Ding.")

    async with hotel(replies=[Call("ring")]) as session:
        with mock_tools(Desk, {"ring": ring}):
            result = await session.run(user_input="ring")
        result.expect.contains_message(text="Ding.")


# The model sees the real tool


async def test_arguments_are_checked_against_the_real_tool_before_the_mock_runs():
    book = mock.Mock(return_value="booked")
    async with hotel(replies=[Call("book", room="twelve"), "Good."]) as session:
        with mock_tools(Desk, {"book": book}):
            (output,) = await outputs(session)
    assert output.startswith("book -> error the arguments of 'book' are not valid: 'room'")
    book.assert_not_called()


async def test_the_model_is_offered_the_real_tools():
    async with hotel() as session:
        with mock_tools(Desk, {"book": "booked"}):
            await session.run(user_input="hello")
        tools = session.llm.requests[0].tools
        assert [tool.name for tool in tools] == ["ask_the_kitchen", "book", "ring", "spill"]
        assert tools[1].description == "Books a room."


async def test_tools_that_have_no_mock_run_as_ever():
    async with hotel() as session:
        with mock_tools(Desk, {"ring": "rung"}):
            assert await outputs(session) == ["book -> Ann has room 12"]


async def test_a_tool_of_a_raw_schema_gives_its_arguments_by_name_or_as_they_are():
    schema = {"parameters": {"type": "object", "properties": {"room": {"type": "integer"}}}}

    class Raw(Agent):
        @function_tool(raw_schema=schema)
        async def book(self, raw_arguments: dict[str, object]) -> str:
            """Books."""
            return "really"

    async with hotel(Raw(), [Call("book", room=3), "a", Call("book", room=4), "b"]) as session:
        with mock_tools(Raw, {"book": lambda room: f"by name {room}"}):
            assert await outputs(session) == ["book -> by name 3"]
        with mock_tools(Raw, {"book": lambda raw_arguments: raw_arguments}):
            assert await outputs(session) == ['book -> {"room": 4}']


async def test_tools_given_to_the_agent_can_be_mocked():
    async def look_up(name: str) -> str:
        """Looks up."""
        return "really"

    class Clerk(Agent):
        def __init__(self):
            super().__init__(tools=[look_up])

    async with hotel(Clerk(), [Call("look_up", name="Ann"), "Good."]) as session:
        with mock_tools(Clerk, {"look_up": lambda name: f"not {name}"}):
            assert await outputs(session) == ["look_up -> not Ann"]


async def test_sync_tools_and_tools_of_tasks_can_be_mocked():
    class Task(AgentTask[str]):
        @function_tool
        def finish(self) -> str:
            """Ends."""
            return "really"

    async with hotel(Task(), [Call("finish"), "Good."]) as session:
        with mock_tools(Task, {"finish": lambda: threading.current_thread().name}):
            assert await outputs(session) == [f"finish -> {threading.main_thread().name}"]


# Where it holds


async def test_it_holds_within_the_block_only():
    async with hotel() as session:
        with mock_tools(Desk, {"book": "mocked"}):
            assert await outputs(session) == ["book -> mocked"]
        assert await outputs(session) == ["book -> Ann has room 12"]
    assert stand_ins.entered == []


async def test_it_holds_for_a_session_started_inside_until_the_end_of_the_block():
    mocks = mock_tools(Desk, {"book": "mocked"})
    mocks.__enter__()
    async with hotel() as session:
        assert await outputs(session) == ["book -> mocked"]
        mocks.__exit__(None, None, None)
        assert await outputs(session) == ["book -> Ann has room 12"]


async def test_it_holds_for_spoken_turns_of_a_session_that_was_started_before():
    caller = Caller()
    async with hotel(
        transport=caller, stt=ScriptedSTT(), vad=ScriptedVAD(), tts=ScriptedTTS()
    ) as session:
        with mock_tools(Desk, {"book": lambda: "he has room 13"}):
            await caller.speak("room twelve")
            await caller.listen_until()
        assert [i.output for i in session.history if i.type == "function_call_output"] == [
            "he has room 13"
        ]


async def test_it_holds_for_agents_handed_to_and_for_subclasses():
    class Porter(Desk):
        pass

    class Host(Agent):
        @function_tool
        async def pass_on(self):
            """Passes on."""
            return Porter()

    replies = {"pass": Call("pass_on"), "twelve": Call("book", room=12), "": "Good."}
    async with hotel(Host(), replies) as session:
        with mock_tools(Desk, {"book": "mocked"}):
            await session.run(user_input="pass me on")
            assert await outputs(session, "twelve") == ["book -> mocked"]
        with mock_tools(Kitchen, {}), mock_tools(Host, {"pass_on": "mocked"}):
            assert await outputs(session, "twelve") == ["book -> nobody has room 12"]


async def test_the_inner_of_two_holds_and_both_hold_for_different_tools():
    replies = [Call("book", room=1), "a", Call("book", room=2), "b", Call("ring"), "c"]
    async with hotel(replies=replies) as session:
        with mock_tools(Desk, {"book": "outer", "ring": "outer"}):
            with mock_tools(Desk, {"book": "inner"}):
                assert await outputs(session) == ["book -> inner"]
            assert await outputs(session) == ["book -> outer"]
            with mock_tools(Desk, {"book": "inner"}):
                assert await outputs(session) == ["ring -> outer"]


async def test_conversations_at_the_same_time_do_not_meet():
    async def one(name, pause):
        await asyncio.sleep(pause)
        with mock_tools(Desk, {"book": lambda: f"has room {name}"}):
            caller = Caller()
            async with hotel(
                transport=caller, stt=ScriptedSTT(), vad=ScriptedVAD(), tts=ScriptedTTS()
            ) as session:
                await caller.speak("room twelve")
                await caller.listen_until()
                return [i.output for i in session.history if i.type == "function_call_output"]

    async def unmocked():
        caller = Caller()
        async with hotel(
            transport=caller, stt=ScriptedSTT(), vad=ScriptedVAD(), tts=ScriptedTTS()
        ) as session:
            await caller.speak("room twelve")
            await caller.listen_until()
            return [i.output for i in session.history if i.type == "function_call_output"]

    assert await asyncio.gather(one("A", 0), unmocked(), one("B", 0.01), one("C", 1)) == [
        ["has room A"],
        ["Ann has room 12"],
        ["has room B"],
        ["has room C"],
    ]
    assert stand_ins.entered == []


async def test_it_holds_for_a_run_that_is_given_in_another_task_than_the_start():
    async with hotel() as session:

        async def test():
            with mock_tools(Desk, {"book": "mocked"}):
                return await outputs(session)

        assert await asyncio.create_task(test()) == ["book -> mocked"]
        assert await outputs(session) == ["book -> Ann has room 12"]


def test_it_may_be_entered_where_no_loop_runs():
    async def main():
        async with hotel() as session:
            return await outputs(session)

    with mock_tools(Desk, {"book": "mocked"}):
        assert run(main) == ["book -> mocked"]
    assert run(main) == ["book -> Ann has room 12"]


def test_tests_in_other_threads_do_not_meet():
    found = {}

    def test(name):
        async def main():
            async with hotel() as session:
                return await outputs(session)

        with mock_tools(Desk, {"book": lambda: name}):
            found[name] = run(main)

    threads = [threading.Thread(target=test, args=(f"has room {n}",)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {f"has room {n}": [f"book -> has room {n}"] for n in range(3)}


# Wrong use


@pytest.mark.parametrize(
    ("agent", "tools", "kind", "message"),
    [
        (
            Desk,
            {"bok": "x"},
            ValueError,
            "mock_tools(Desk, …) names 'bok', which is no tool of Desk (it has: ask_the_kitchen, "
            "book, ring, spill); did you mean 'book'?",
        ),
        (
            Desk,
            {"book": lambda rom: "x"},
            TypeError,
            "the mock of 'book' takes 'rom', which the tool does not have (it has: room, guest); "
            "did you mean 'room'?",
        ),
        (
            Desk,
            {"ring": lambda room: "x"},
            TypeError,
            "the mock of 'ring' takes 'room', which the tool does not have (it has: none)",
        ),
        (
            Desk,
            {"book": lambda room, /: "x"},
            TypeError,
            "the mock of 'book' takes 'room' by position; arguments come by name: leave out the "
            "'/'",
        ),
        (
            Desk(id="front"),
            {"book": "x"},
            TypeError,
            "mock_tools(…) got Desk(id='front'); give a class of agents",
        ),
        (int, {}, TypeError, "mock_tools(…) got <class 'int'>; give a class of agents"),
        (
            Desk,
            [("book", 1)],
            TypeError,
            "mock_tools(Desk, …) got [('book', 1)]; give a dict of names and mocks",
        ),
    ],
)
async def test_wrong_use_raises_at_once(agent, tools, kind, message):
    with pytest.raises(kind) as caught:
        mock_tools(agent, tools)
    assert str(caught.value) == message


async def test_a_name_that_no_agent_of_the_class_has_raises_at_the_end_of_the_block():
    async def look_up(name: str) -> str:
        """Looks up."""
        return "really"

    async with hotel(Agent(id="x", tools=[look_up]), [Call("look_up", name="A"), "k"]) as session:
        with pytest.raises(ValueError) as caught:
            with mock_tools(Agent, {"lookup": "x"}):
                await session.run(user_input="hello")
    assert str(caught.value) == (
        "mock_tools(Agent, …) names 'lookup', which is no tool of Agent (it has: look_up); "
        "did you mean 'look_up'?"
    )
    with mock_tools(Agent, {"lookup": "x"}):
        pass  # nobody has called anything: it cannot be told


async def test_a_parameter_that_a_given_tool_does_not_have_raises_at_the_end_of_the_block():
    async def look_up(name: str) -> str:
        """Looks up."""
        return "really"

    async with hotel(Agent(id="x", tools=[look_up]), [Call("look_up", name="A"), "k"]) as session:
        with pytest.raises(TypeError) as caught:
            with mock_tools(Agent, {"look_up": lambda nam: "x"}):
                await session.run(user_input="hello")
    assert str(caught.value) == (
        "the mock of 'look_up' takes 'nam', which the tool does not have (it has: name); "
        "did you mean 'name'?"
    )


async def test_the_error_of_the_block_itself_comes_first():
    async with hotel() as session:
        with pytest.raises(ZeroDivisionError):
            with mock_tools(Agent, {"lookup": "x"}):
                await session.run(user_input="room twelve")
                _ = 1 / 0
    assert stand_ins.entered == []


async def test_the_same_mocks_can_be_entered_one_after_another_but_not_twice_at_once():
    mocks = mock_tools(Desk, {"book": "mocked"})
    async with hotel() as session:
        for _ in range(2):
            with mocks:
                assert await outputs(session) == ["book -> mocked"]
        with mocks, pytest.raises(RuntimeError) as caught, mocks:
            pass
    assert str(caught.value) == ("these mocks are in force already; make others for another block")
