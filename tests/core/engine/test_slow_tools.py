"""Slow tools: progress, fillers, the foreground, and calls that the model takes back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import Agent, RunContext, ToolError, ToolFlag, function_tool
from antiphon.testing import Call, Caller, ScriptedTTS

from .following import Talk, instant, now, talk, turns

pytestmark = pytest.mark.virtual_time


def desk(*tools: Any) -> Agent:
    return Agent(id="desk", tools=list(tools))


async def hang(t: Talk, text: str) -> None:
    """The caller types something whose tools do not end by themselves soon."""
    t.caller.type(text)
    await turns(20)


def spoken(t: Talk) -> list[str]:
    return [line.removeprefix("desk: ") for line in t.history if line.startswith("desk: ")]


# Progress


async def test_progress_is_spoken_while_the_tool_runs_and_the_caller_can_keep_talking() -> None:
    @function_tool
    async def book(ctx: RunContext[Any]) -> str:
        await ctx.update("Looking.")
        await asyncio.sleep(4)
        ctx.update("Found one.")
        await asyncio.sleep(4)
        return "booked"

    async with talk(desk(book), [Call("book"), "It is sunny.", "It is booked."]) as t:
        await hang(t, "book a flight")
        assert spoken(t) == ["Looking."]
        await asyncio.sleep(2)
        await t.hear("how is the weather there?")
        assert spoken(t) == ["Looking.", "It is sunny."]
        await asyncio.sleep(10)
        assert spoken(t) == ["Looking.", "It is sunny.", "Found one.", "It is booked."]
        assert t.outputs == ["output book: booked"]


# Fillers


def slow(seconds: float, source: Any, **options: Any) -> Any:
    @function_tool
    async def search(ctx: RunContext[Any]) -> str:
        async with ctx.with_filler(source, **options):
            await asyncio.sleep(seconds)
        return "found"

    return search


async def test_a_filler_is_not_said_by_a_tool_that_is_quick() -> None:
    async with talk(desk(slow(0.9, "One moment.", delay=1)), [Call("search"), "Here."]) as t:
        await t.hear("search")
        await asyncio.sleep(5)
        assert spoken(t) == ["Here."]


async def test_a_filler_is_said_when_the_tool_takes_longer_than_the_delay() -> None:
    async with talk(desk(slow(3, "One moment.", delay=1)), [Call("search"), "Here."]) as t:
        await hang(t, "search")
        await asyncio.sleep(0.99)
        assert spoken(t) == []
        await asyncio.sleep(0.02)
        assert spoken(t) == ["One moment."]
        await t.session.wait_for_idle()
        assert (now(), spoken(t)) == (3.0, ["One moment.", "Here."])


async def test_a_filler_without_delay_is_said_at_once_and_once() -> None:
    async with talk(desk(slow(30, "One moment.")), [Call("search"), "Here."]) as t:
        await t.hear("search")
        assert spoken(t) == ["One moment.", "Here."]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("Still at it.", ["Still at it.", "Still at it.", "Still at it."]),
        (["One moment.", "Still at it."], ["One moment.", "Still at it.", "One moment."]),
        (lambda step: f"Step {step}.", ["Step 0.", "Step 1.", "Step 2."]),
        (lambda step: None if step == 2 else f"Step {step}.", ["Step 0.", "Step 1."]),
    ],
)
async def test_fillers_are_repeated_at_intervals_in_variants(source: Any, said: list[str]) -> None:
    tool = slow(10, source, delay=1, interval=2)
    async with talk(desk(tool), [Call("search"), "Here."]) as t:
        await t.hear("search")  # at 1, 4 and 7 s: 2 s after the last, and 1 s of quiet
        assert spoken(t) == [*said, "Here."]


async def test_max_steps_bounds_the_fillers() -> None:
    tool = slow(60, "Still at it.", delay=1, interval=1, max_steps=2)
    async with talk(desk(tool), [Call("search"), "Here."]) as t:
        await t.hear("search")
        assert spoken(t) == ["Still at it.", "Still at it.", "Here."]


async def test_a_function_may_give_a_speech_of_its_own() -> None:
    @function_tool
    async def search(ctx: RunContext[Any]) -> str:
        def ask(step: int) -> Any:
            return ctx.session.generate_reply(instructions="say that it takes a moment")

        async with ctx.with_filler(ask, delay=1):
            await asyncio.sleep(3)
        return "found"

    async with talk(desk(search), [Call("search"), "A moment.", "Here."]) as t:
        await t.hear("search")
        assert spoken(t) == ["A moment.", "Here."]


async def test_the_delay_counts_from_the_end_of_what_is_being_said() -> None:
    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=1)
    llm = instant([["Let me see", Call("search")], "Here."])
    tool = slow(10, "Hm.", delay=2)
    async with talk(desk(tool), llm, caller=caller, tts=tts) as t:
        await t.hear("search")
        times = [(round(e.start, 1), e.text) for e in caller.timeline if e.who == "agent"]
        assert times == [(0.0, "Let me see"), (5.0, "Hm."), (10.0, "Here.")]


async def test_a_filler_that_has_begun_is_finished_and_one_that_has_not_is_not_said() -> None:
    for first_byte, said in ((0.0, ["One two three.", "Here."]), (1.5, ["Here."])):
        caller = Caller(continuous=False)
        tts = ScriptedTTS(first_byte=first_byte, words_per_second=1)
        tool = slow(2, "One two three.", delay=1)
        llm = instant([Call("search"), "Here."])
        async with talk(desk(tool), llm, caller=caller, tts=tts) as t:
            await t.hear("search")
            assert spoken(t) == said


async def test_an_interruption_ends_the_fillers() -> None:
    tool = slow(30, "Still at it.", delay=1, interval=1)
    async with talk(desk(tool), [Call("search"), "Yes?", "Found."]) as t:
        await hang(t, "search")
        await asyncio.sleep(1.5)
        await t.hear("wait")
        await asyncio.sleep(40)
        assert spoken(t) == ["Still at it.", "Yes?", "Found."]


async def test_a_filler_that_fails_is_an_error_event_and_the_tool_goes_on() -> None:
    def bad(step: int) -> str:
        raise KeyError("no words")

    async with talk(desk(slow(3, bad, delay=1)), [Call("search"), "Here."]) as t:
        await t.hear("search")
        assert t.log.errors == ["tool, recoverable: KeyError: 'no words'"]
        assert spoken(t) == ["Here."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Hm.", {"delay": -1}), "with_filler(…) got delay=-1, interval=None; give seconds, 0 or "),
        (("Hm.", {"interval": -1}), "with_filler(…) got delay=0.0, interval=-1; give seconds, 0 "),
        (([], {}), "with_filler(…) got no words; give a text, or several"),
    ],
)
async def test_fillers_that_make_no_sense_raise(arguments: Any, message: str) -> None:
    raised: list[str] = []

    @function_tool
    async def search(ctx: RunContext[Any]) -> str:
        try:
            ctx.with_filler(arguments[0], **arguments[1])
        except ValueError as error:
            raised.append(str(error))
        return "found"

    async with talk(desk(search), [Call("search"), "Here."]) as t:
        await t.hear("search")
    assert len(raised) == 1 and raised[0].startswith(message)


# The foreground


async def test_the_foreground_waits_until_it_is_quiet() -> None:
    entered: list[float] = []

    @function_tool
    async def ask(ctx: RunContext[Any]) -> str:
        async with ctx.foreground():
            entered.append(now())
            await ctx.session.say("And your name?")
        return "asked"

    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=1)
    llm = instant([["Let me see", Call("ask")], "Thanks."])
    async with talk(desk(ask), llm, caller=caller, tts=tts) as t:
        await t.hear("hello")
        assert entered == [3.0]
        assert spoken(t) == ["Let me see", "And your name?", "Thanks."]


async def test_one_tool_has_the_foreground_at_a_time() -> None:
    log: list[str] = []

    @function_tool
    async def ask(ctx: RunContext[Any], what: str) -> str:
        async with ctx.foreground():
            async with ctx.foreground():  # its own is no obstacle
                log.append(f"{what} from {now():g}")
            await asyncio.sleep(2)
            log.append(f"{what} to {now():g}")
        return what

    calls = [Call("ask", what="one"), Call("ask", what="two")]
    async with talk(desk(ask), [calls, "Done."]) as t:
        await t.hear("go")
    assert log == ["one from 0", "one to 2", "two from 2", "two to 4"]


async def test_results_of_other_tools_are_spoken_after_the_foreground() -> None:
    @function_tool
    async def search() -> str:
        await asyncio.sleep(3)
        return "found"

    @function_tool
    async def ask(ctx: RunContext[Any]) -> str:
        async with ctx.foreground():
            await asyncio.sleep(10)
        return "asked"

    replies = [Call("search"), Call("ask"), "You said so, and it is found."]
    async with talk(desk(search, ask), replies) as t:
        await hang(t, "search")
        await hang(t, "ask me")
        await asyncio.sleep(8)
        assert t.outputs == ["output search: found"]
        assert spoken(t) == []
        await asyncio.sleep(10)
        assert t.outputs == ["output search: found", "output ask: asked"]
        assert spoken(t) == ["You said so, and it is found."]


async def test_a_tool_that_goes_on_after_the_foreground_lets_the_others_speak() -> None:
    @function_tool
    async def search() -> str:
        await asyncio.sleep(3)
        return "found"

    @function_tool
    async def ask(ctx: RunContext[Any]) -> None:
        async with ctx.foreground():
            await asyncio.sleep(10)
        await asyncio.sleep(10)

    async with talk(desk(search, ask), [Call("search"), Call("ask"), "Found."]) as t:
        await hang(t, "search")
        await hang(t, "ask me")
        await asyncio.sleep(9.9)
        assert spoken(t) == []
        await asyncio.sleep(0.3)
        assert spoken(t) == ["Found."]


async def test_an_agent_that_has_been_left_gets_the_foreground_no_more() -> None:
    raised: list[str] = []

    @function_tool
    async def ask(ctx: RunContext[Any]) -> str:
        await asyncio.sleep(5)
        try:
            async with ctx.foreground():
                return "asked"
        except ToolError as error:
            raised.append(error.message)
            raise

    async with talk(desk(ask), [Call("ask"), "Yes?"]) as t:
        await hang(t, "ask me")
        await t.hear("wait")
        await t.session.update_agent(Agent(id="other"))
        await asyncio.sleep(10)
    assert raised == ["agent 'desk' has been left; its tools cannot take the foreground"]


# Calls that the model takes back


def running(log: list[str], *, seconds: float = 20, **options: Any) -> Any:
    @function_tool(**options)
    async def book(to: str) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            log.append(f"cancelled {to} at {now():g}")
            raise
        return f"booked {to}"

    return book


async def test_the_model_may_cancel_a_cancellable_call_that_runs_in_the_background() -> None:
    log: list[str] = []
    book = running(log, flags=ToolFlag.CANCELLABLE)
    replies = [
        Call("book", to="Rome"),
        Call("cancel_running_tool", call="book"),
        "It is cancelled.",
        "Hello.",
    ]
    async with talk(desk(book), replies) as t:
        await hang(t, "book Rome")
        await asyncio.sleep(3)
        await t.hear("no, leave it")
        assert log == ["cancelled Rome at 3"]
        assert t.llm.requests[0].tool_names == ("book",)
        assert t.llm.requests[1].tool_names == ("book", "cancel_running_tool")
        assert t.history[-4:] == [
            'call cancel_running_tool{"call": "book"}',
            "error book: the tool was cancelled before it ended",
            "output cancel_running_tool: 'book' is cancelled",
            "desk: It is cancelled.",
        ]
        await t.hear("hello")
        assert t.llm.requests[3].tool_names == ("book",)


async def test_the_cancel_tool_tells_the_running_calls_apart() -> None:
    log: list[str] = []
    book = running(log, flags=ToolFlag.CANCELLABLE)
    replies = [
        [Call("book", to="Rome"), Call("book", to="Oslo")],
        Call("cancel_running_tool", call="book 2"),
        "Only Rome, then.",
        "Rome is booked.",
    ]
    async with talk(desk(book), replies) as t:
        await hang(t, "book both")
        await t.hear("not Oslo")
        tool = t.llm.requests[1].tools[1]
        assert tool.description.endswith('- book: {"to": "Rome"}\n- book 2: {"to": "Oslo"}')
        assert tool.parameters["properties"] == {
            "call": {"type": "string", "enum": ["book", "book 2"]}
        }
        assert log == ["cancelled Oslo at 0"]
        await asyncio.sleep(30)
        assert t.outputs[-2:] == [
            "output book: booked Rome",
            "error book: the tool was cancelled before it ended",
        ]
        assert t.history[-1] == "desk: Rome is booked."


async def test_a_call_that_is_not_marked_cannot_be_cancelled_by_the_model() -> None:
    async with talk(desk(running([])), [Call("book", to="Rome"), "Yes?", "Booked."]) as t:
        await hang(t, "book Rome")
        await t.hear("wait")
        assert t.llm.requests[1].tool_names == ("book",)


async def test_cancelling_a_call_that_has_ended_meanwhile_is_an_error() -> None:
    book = running([], seconds=5, flags=ToolFlag.CANCELLABLE)

    async def late(chat_ctx: Any, tools: Any) -> Any:
        if len(tools) == 2:
            await asyncio.sleep(8)
            return Call("cancel_running_tool", call="book")
        return "I see." if any("booked" in str(i) for i in chat_ctx) else Call("book", to="Rome")

    async with talk(desk(book), instant(late)) as t:
        await hang(t, "book Rome")
        await t.hear("no, leave it")
        assert "error cancel_running_tool: 'book' has ended already" in t.outputs
        assert "output book: booked Rome" in t.outputs


async def test_an_agents_own_tool_of_that_name_stays() -> None:
    @function_tool
    async def cancel_running_tool() -> str:
        return "mine"

    book = running([], flags=ToolFlag.CANCELLABLE)
    replies = [Call("book", to="Rome"), Call("cancel_running_tool"), "Done.", "Booked."]
    async with talk(desk(book, cancel_running_tool), replies) as t:
        await hang(t, "book Rome")
        await t.hear("no")
        assert t.outputs == ["output cancel_running_tool: mine"]
