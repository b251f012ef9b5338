"""Tool sets in a session: set up, read anew, closed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from antiphon import Agent, AgentSession, RunContext, Toolset, function_tool
from antiphon.errors import ToolDefinitionError
from antiphon.testing import Call, Caller

from .following import Talk, instant, now, talk, turns

pytestmark = pytest.mark.virtual_time


class Shelf(Toolset):
    """Opens in some seconds, or fails to; notes what befalls it."""

    def __init__(
        self, id: str = "shelf", *, takes: float = 0, fails: int = 0, closes_in: float = 0
    ) -> None:
        super().__init__(id=id)
        self.takes = takes
        self.fails = fails
        self.closes_in = closes_in
        self.log: list[str] = []

    async def setup(self) -> None:
        self.log.append(f"setup at {now():g}")
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.log.append(f"cancelled at {now():g}")
            raise
        if self.fails:
            self.fails -= 1
            raise OSError("the shelf is locked")
        self.log.append(f"open at {now():g}")

    async def aclose(self) -> None:
        await asyncio.sleep(self.closes_in)
        self.log.append(f"closed at {now():g}")

    @function_tool
    async def take(self) -> str:
        """Takes a book."""
        return "a book"


@function_tool
async def look() -> str:
    return "seen"


def names(t: Talk, request: int) -> tuple[str, ...]:
    return t.llm.requests[request].tool_names


def move_to(agent: Agent) -> Any:
    @function_tool
    async def move() -> Agent:
        return agent

    return move


async def test_start_waits_for_the_sets_of_the_session_and_of_the_first_agent() -> None:
    mine, ours = Shelf("mine", takes=2), Shelf("ours", takes=3)
    ours.tools = [function_tool(look, name="help")]
    async with talk(Agent(tools=[mine]), ["Yes."], tools=[ours]) as t:
        assert now() == 3.0
        await t.hear("hello")
        assert names(t, 0) == ("help", "take")
    assert mine.log == ["setup at 0", "open at 2", "closed at 3"]
    assert ours.log == ["setup at 0", "open at 3", "closed at 3"]


async def test_start_raises_what_the_set_up_raises_and_closes_the_others() -> None:
    good, bad = Shelf("good"), Shelf("bad", takes=1, fails=1)
    bad.tools = []
    session = AgentSession[None](llm=instant([]))
    events: list[Any] = []
    session.on("error", events.append)
    agent = Agent(id="desk", tools=[good, bad])
    with pytest.raises(OSError, match=r"^the shelf is locked\n") as raised:
        await session.start(agent, transport=Caller(audio=False))
    assert raised.value.__notes__ == ["in the set-up of tool set 'bad' of agent 'desk'"]
    assert good.log == ["setup at 0", "open at 0", "closed at 1"]
    assert bad.log == ["setup at 0", "closed at 1"]
    assert events == []
    await session.start(agent, transport=Caller(audio=False))  # and it may be tried again
    assert bad.log[2:] == ["setup at 1", "open at 2"]
    await session.aclose()


async def test_the_set_of_a_later_agent_is_set_up_beside_the_conversation() -> None:
    shelf = Shelf(takes=5)
    library = Agent(id="library", tools=[look, shelf])
    async with talk(
        Agent(id="desk", tools=[move_to(library)]), [Call("move"), "Not yet.", "Now."]
    ) as t:
        await t.hear("the library")
        assert (t.session.current_agent.id, now()) == ("library", 0.0)
        await t.hear("a book?")
        assert names(t, 1) == ("look",)
        await asyncio.sleep(6)
        await t.hear("a book?")
        assert names(t, 2) == ("look", "take")
        assert t.log.errors == []
    assert shelf.log == ["setup at 0", "open at 5", "closed at 6"]


async def test_a_set_up_that_fails_in_mid_call_is_an_error_event_and_the_others_work() -> None:
    shelf = Shelf(takes=1, fails=1)
    library = Agent(id="library", tools=[look, shelf])
    desk = Agent(id="desk", tools=[move_to(library)])
    library_back = move_to(desk)
    await library.update_tools([look, shelf, function_tool(library_back, name="back")])
    replies = [Call("move"), Call("look"), "Seen.", Call("back"), Call("move"), "There."]
    async with talk(desk, replies) as t:
        await t.hear("the library")
        await asyncio.sleep(2)
        assert t.log.errors == ["tool, recoverable: OSError: the shelf is locked"]
        (event,) = t.log.of("error")
        assert event.detail == "shelf"
        await t.hear("look")
        assert names(t, 1) == ("look", "back")
        assert t.history[-1] == "library: Seen."
        await t.hear("back")
        await t.hear("the library")  # its set is set up again
        await asyncio.sleep(2)
        await t.hear("take")
        assert names(t, 5) == ("look", "take", "back")
    assert shelf.log == ["setup at 0", "closed at 1", "setup at 2", "open at 3", "closed at 4"]


async def test_a_set_is_set_up_once_in_a_session_however_often_its_agent_becomes_active() -> None:
    shelf = Shelf()
    library = Agent(id="library", tools=[shelf])
    desk = Agent(id="desk", tools=[shelf])
    async with talk(desk) as t:
        for agent in (library, desk, library):
            await t.session.update_agent(agent)
            await turns()
    assert shelf.log == ["setup at 0", "open at 0", "closed at 0"]


async def test_the_end_of_the_session_cancels_a_set_up_and_closes_what_it_opened() -> None:
    shelf = Shelf(takes=60)
    async with talk(Agent(id="desk")) as t:
        await t.session.update_agent(Agent(id="library", tools=[shelf]))
        await asyncio.sleep(1)
    assert shelf.log == ["setup at 0", "cancelled at 1", "closed at 1"]


async def test_the_end_of_the_session_waits_five_seconds_for_a_set(
    caplog: pytest.LogCaptureFixture,
) -> None:
    slow, quick = Shelf("slow", closes_in=60), Shelf("quick", closes_in=1)
    quick.tools = []
    async with talk(Agent(tools=[slow, quick])) as t:
        pass
    assert now() == 5.0
    assert quick.log[-1] == "closed at 1"
    assert "tool set 'slow' did not close within 5 s" in caplog.messages
    assert t.log.events[-1].name == "close"


async def test_a_set_that_fails_to_close_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Bad(Toolset):
        async def aclose(self) -> None:
            raise OSError("stuck")

    with caplog.at_level(logging.WARNING):
        async with talk(Agent(tools=[Bad(id="bad")])) as t:
            pass
    assert "tool set 'bad' failed to close: OSError('stuck')" in caplog.messages
    assert t.log.events[-1].name == "close"


async def test_two_sessions_with_one_set_set_it_up_once_and_the_last_closes_it() -> None:
    shelf = Shelf(takes=1)

    async def call(seconds: float) -> None:
        async with talk(Agent(tools=[shelf]), [Call("take"), "Here."]) as t:
            await t.hear("a book")
            assert t.outputs == ["output take: a book"]
            await asyncio.sleep(seconds)

    await asyncio.gather(call(1), call(5))
    assert shelf.log == ["setup at 0", "open at 1", "closed at 6"]
    await call(0)
    assert shelf.log[3:] == ["setup at 6", "open at 7", "closed at 7"]


async def test_update_tools_waits_for_new_sets_and_closes_those_it_drops() -> None:
    old, new = Shelf("old"), Shelf("new", takes=2)
    agent = Agent(tools=[old])
    async with talk(agent, ["Yes."]) as t:
        await agent.update_tools([new])
        assert now() == 2.0
        await turns(20)
        assert old.log == ["setup at 0", "open at 0", "closed at 0"]
        await t.hear("hello")
        assert names(t, 0) == ("take",)
        await agent.update_tools([])
        await turns(20)
    assert new.log == ["setup at 0", "open at 2", "closed at 2"]


async def test_update_tools_raises_what_the_set_up_raises() -> None:
    bad = Shelf(fails=1)
    agent = Agent(tools=[look])
    async with talk(agent, ["Yes."]) as t:
        with pytest.raises(OSError, match=r"^the shelf is locked\n"):
            await agent.update_tools([look, bad])
        await t.hear("hello")
        assert names(t, 0) == ("look",)


async def test_a_dropped_set_is_closed_when_its_running_calls_have_ended() -> None:
    class Slow(Shelf):
        @function_tool
        async def read(self, ctx: RunContext[Any]) -> str:
            await ctx.session.current_agent.update_tools([])
            await asyncio.sleep(2)
            self.log.append(f"read at {now():g}")
            return "read"

    slow = Slow()
    async with talk(Agent(tools=[slow]), [Call("read"), "Done."]) as t:
        await t.hear("read")
        await turns(20)
        assert t.outputs == ["output read: read"]
    assert slow.log == ["setup at 0", "open at 0", "read at 2", "closed at 2"]


async def test_update_tools_of_the_session_sets_up_beside_the_conversation() -> None:
    old, new = Shelf("old"), Shelf("new", takes=3)
    async with talk(Agent(), ["Not yet.", "Now."], tools=[old]) as t:
        t.session.update_tools([new])
        await t.hear("hello")
        assert names(t, 0) == ()
        await asyncio.sleep(4)
        await t.hear("hello")
        assert names(t, 1) == ("take",)
        assert old.log == ["setup at 0", "open at 0", "closed at 0"]


async def test_the_tools_of_a_set_are_read_anew_for_every_step() -> None:
    class Menu(Toolset):
        """Its tools follow the time of day."""

        def __init__(self) -> None:
            super().__init__(id="menu")

        @property
        def tools(self) -> list[Any]:  # type: ignore[override]
            return [] if now() < 1 else [function_tool(look, name="lunch")]

        @tools.setter
        def tools(self, tools: list[Any]) -> None:
            pass

    async with talk(Agent(tools=[Menu()]), ["Closed.", "Open."]) as t:
        await t.hear("hello")
        await asyncio.sleep(1)
        await t.hear("hello")
        assert [names(t, 0), names(t, 1)] == [(), ("lunch",)]


async def test_tools_that_a_set_adds_later_hold_from_the_next_step() -> None:
    shelf = Shelf()

    @function_tool
    async def grow() -> str:
        shelf.tools = [*shelf.tools, function_tool(look, name="peek")]
        return "grown"

    async with talk(Agent(tools=[shelf, grow]), [Call("grow"), "Ok."]) as t:
        await t.hear("grow")
        assert [names(t, 0), names(t, 1)] == [("take", "grow"), ("take", "peek", "grow")]
        assert [tool.name for tool in t.session.current_agent.tools] == ["take", "peek", "grow"]


async def test_a_later_tool_whose_name_is_taken_is_left_out_with_one_error_event() -> None:
    shelf = Shelf()
    async with talk(Agent(tools=[look, shelf]), ["One.", Call("look"), "Two."]) as t:
        shelf.tools = [function_tool(shelf.take, name="look")]
        await t.hear("hello")
        await t.hear("look")
        assert names(t, 0) == ("look",)
        assert t.outputs == ["output look: seen"]
        (event,) = t.log.of("error")
        assert isinstance(event.error, ToolDefinitionError)
        assert str(event.error).startswith("two tools are named 'look': ")


async def test_a_later_tool_that_cannot_be_offered_is_left_out_with_an_error_event() -> None:
    class Opaque:
        pass

    @function_tool
    async def bad(what: Opaque) -> str:
        return "never"

    shelf = Shelf()
    async with talk(Agent(tools=[look, shelf]), ["One."]) as t:
        shelf.tools = [bad]
        await t.hear("hello")
        assert names(t, 0) == ("look",)
        assert [type(event.error) for event in t.log.of("error")] == [ToolDefinitionError]


async def test_sets_within_a_set_are_set_up_with_it() -> None:
    inner = Shelf("inner")
    outer = Toolset(id="outer", tools=[inner, look])
    async with talk(Agent(tools=[outer]), ["Yes."]) as t:
        await t.hear("hello")
        assert names(t, 0) == ("take", "look")
    assert inner.log == ["setup at 0", "open at 0", "closed at 0"]
