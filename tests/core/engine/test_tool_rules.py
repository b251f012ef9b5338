"""The rules of the page on tools, row by row: what `test_tools_in_session` leaves."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from antiphon import Agent, FunctionCall, FunctionCallOutput, ToolError, function_tool
from antiphon.testing import CUT, Call, ScriptedLLM

from .following import Talk, instant, now, talk, turns

pytestmark = pytest.mark.virtual_time


def desk(*tools: Any) -> Agent:
    return Agent(id="desk", tools=list(tools))


def each_call_has_one_output(t: Talk) -> None:
    calls = [item.call_id for item in t.session.history if isinstance(item, FunctionCall)]
    outputs = [i.call_id for i in t.session.history if isinstance(i, FunctionCallOutput)]
    assert calls and sorted(calls) == sorted(outputs)


# What a value becomes


class Size(enum.Enum):
    SMALL = "small"


class Person(BaseModel):
    name: str
    age: int | None = None


@dataclass
class Table:
    seats: int
    guests: list[Person] = field(default_factory=list)


@pytest.mark.parametrize(
    ("value", "output"),
    [
        (Person(name="Ada"), '{"name": "Ada", "age": null}'),
        ([Person(name="Ada", age=36)], '[{"name": "Ada", "age": 36}]'),
        (Table(2, [Person(name="Zoë")]), '{"seats": 2, "guests": [{"name": "Zoë", "age": null}]}'),
        ({Size.SMALL: {3, 1, 2}}, '{"small": [1, 2, 3]}'),
        (Size.SMALL, "small"),
        (True, "True"),
        (0.0, "0.0"),
        ((), "[]"),
        (b"x", "b'x'"),
    ],
)
async def test_containers_dataclasses_and_pydantic_models_are_json_and_scalars_are_str(
    value: Any, output: str
) -> None:
    @function_tool
    async def look() -> Any:
        return value

    async with talk(desk(look), [Call("look"), "There."]) as t:
        await t.hear("look")
        assert t.outputs == [f"output look: {output}"]
        assert t.history[-1] == "desk: There."


# Where parameters come from


@function_tool
async def google(city: str, days: int = 3) -> str:
    """Forecasts the weather.

    Args:
        city: Where to look.
        days: How far ahead.
    """
    return f"{city} {days}"


@function_tool
async def numpy(city: str, days: int = 3) -> str:
    """Forecasts the weather.

    Parameters
    ----------
    city : str
        Where to look.
    days : int
        How far ahead.
    """
    return f"{city} {days}"


@function_tool
async def sphinx(city: str, days: int = 3) -> str:
    """Forecasts the weather.

    :param city: Where to look.
    :param days: How far ahead.
    """
    return f"{city} {days}"


@pytest.mark.parametrize("tool", [google, numpy, sphinx], ids=lambda tool: tool.name)
async def test_parameters_come_from_the_signature_and_any_style_of_docstring(tool: Any) -> None:
    calls = [Call(tool.name, city="Rome"), Call(tool.name, city="Oslo", days=1)]
    async with talk(desk(tool), [calls, "There."]) as t:
        await t.hear("weather")
        (offered,) = t.llm.requests[0].tools
        assert offered.description == "Forecasts the weather."
        described = {
            name: parameter["description"]
            for name, parameter in offered.parameters["properties"].items()
        }
        assert described == {"city": "Where to look.", "days": "How far ahead."}
        assert offered.parameters["required"] == ["city"]
        assert t.outputs == [f"output {tool.name}: Rome 3", f"output {tool.name}: Oslo 1"]


async def test_annotated_fields_and_literals_are_part_of_the_schema_and_are_checked() -> None:
    @function_tool
    async def order(
        size: Literal["small", "large"], count: Annotated[int, Field(ge=1, le=9)]
    ) -> str:
        return f"{count} {size}"

    calls = [
        Call("order", size="large", count=2),
        Call("order", size="huge", count=2),
        Call("order", size="small", count=10),
    ]
    async with talk(desk(order), [calls, "Two large."]) as t:
        await t.hear("order")
        first, second, third = t.outputs
        assert first == "output order: 2 large"
        assert second.startswith("error order: ") and "'size'" in second
        assert third.startswith("error order: ") and "'count'" in third


async def test_a_raw_schema_is_offered_as_it_is_and_its_arguments_come_as_a_dict() -> None:
    parameters = {
        "type": "object",
        "properties": {"q": {"type": "string", "x-hint": "words"}},
        "required": ["q"],
    }

    @function_tool(raw_schema={"name": "find", "description": "Finds.", "parameters": parameters})
    async def search(raw_arguments: dict[str, object]) -> str:
        return repr(raw_arguments)

    calls = [Call("find", q="x", more=1), Call("find")]
    async with talk(desk(search), [calls, "There."]) as t:
        await t.hear("find")
        (offered,) = t.llm.requests[0].tools
        assert (offered.name, offered.description) == ("find", "Finds.")
        assert offered.parameters == parameters
        assert t.outputs == [
            "output find: {'q': 'x', 'more': 1}",
            "error find: the arguments of 'find' are not valid: 'q' is missing",
        ]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("{'city': 'Rome', days: 2,}", '{"city": "Rome", "days": 2}'),
        ('```json\n{"city": "Rome", "days": 2}\n```', '{"city": "Rome", "days": 2}'),
        ('"{\\"city\\": \\"Rome\\"}"', '{"city": "Rome"}'),
        ('{"days": 2, "city": "Rome"', '{"days": 2, "city": "Rome"}'),
    ],
)
async def test_broken_arguments_are_repaired_and_the_repaired_form_is_stored(
    written: str, stored: str
) -> None:
    async with talk(desk(google), [Call.raw("google", written), "There."]) as t:
        await t.hear("weather")
        (call,) = [item for item in t.session.history if isinstance(item, FunctionCall)]
        assert call.arguments == stored
        assert t.outputs[0].startswith("output google: Rome ")


@pytest.mark.parametrize(
    "written",
    ['{"city": "Ro', '{"city": "Rome", "days":', '{"city": "Rome", "days": 2', "Rome", "[1]"],
)
async def test_arguments_that_would_have_to_be_guessed_are_an_error(written: str) -> None:
    async with talk(desk(google), [Call.raw("google", written), "Again?"]) as t:
        await t.hear("weather")
        assert t.outputs == [
            f"error google: the arguments of 'google' are not a JSON object: {written!r}; "
            "call it again with one whole JSON object"
        ]


# Every call has exactly one output


@function_tool
async def look() -> str:
    return "seen"


@function_tool
async def wait() -> str:
    await asyncio.sleep(5)
    return "waited"


async def test_a_call_of_a_model_that_was_told_not_to_call_has_an_output() -> None:
    async with talk(desk(look), [Call("look"), "Hello."]) as t:
        await t.session.generate_reply(user_input="hello", tool_choice="none")
        assert t.outputs == ["error look: tools are off for this reply; answer in words"]
        each_call_has_one_output(t)


async def test_calls_of_an_interrupted_reply_have_one_output_each() -> None:
    calls = [Call("look"), Call("wait"), Call("nothing"), Call.raw("look", "{")]
    async with talk(desk(look, wait), [calls, "Yes?", "Waited."]) as t:
        t.caller.type("go")
        await turns(20)
        await t.hear("stop")
        await asyncio.sleep(10)
        each_call_has_one_output(t)
        assert t.history[-1] == "desk: Waited."


async def test_calls_at_the_end_of_the_session_have_one_output_each() -> None:
    async with talk(desk(look, wait), [[Call("look"), Call("wait")]]) as t:
        t.caller.type("go")
        await turns(20)
    each_call_has_one_output(t)
    assert t.outputs == [
        "output look: seen",
        "error wait: the session closed before the tool ended",
    ]


async def test_calls_of_a_stream_that_breaks_have_one_output_each() -> None:
    async with talk(desk(look, wait), [[Call("look"), Call("wait"), CUT], "Waited."]) as t:
        await t.hear("go")
        await asyncio.sleep(10)
        each_call_has_one_output(t)


async def test_calls_of_an_agent_that_is_left_have_one_output_each() -> None:
    async with talk(desk(wait), [Call("wait"), "Yes?"]) as t:
        t.caller.type("go")
        await turns(20)
        await t.hear("stop")
        await t.session.update_agent(Agent(id="other"))
        await asyncio.sleep(10)
        each_call_has_one_output(t)
        assert t.outputs == ["output wait: waited"]


# Hand-offs


def hands_to(agent: Agent, name: str, *, after: float = 0, returns: str | None = None) -> Any:
    async def hand() -> Any:
        await asyncio.sleep(after)
        return agent if returns is None else (agent, returns)

    return function_tool(hand, name=name)


@pytest.mark.parametrize(("one", "two"), [(0, 2), (2, 0)])
async def test_the_first_hand_off_in_call_order_wins_whichever_ends_first(
    one: float, two: float
) -> None:
    first, second = Agent(id="first"), Agent(id="second")
    tools = [hands_to(first, "one", after=one), hands_to(second, "two", after=two)]
    async with talk(desk(*tools), [[Call("one"), Call("two")], "Moving."]) as t:
        await t.hear("go")
        assert t.outputs == [
            "output one: ",
            "error two: the call 'one' has handed over to 'first' already",
        ]
        assert t.history[-1] == "desk -> first"
        assert t.session.current_agent is first


@pytest.mark.parametrize(("slow", "quick"), [("hand", "look"), ("look", "hand")])
async def test_a_hand_off_waits_for_the_ordinary_calls_of_its_step_and_their_answer(
    slow: str, quick: str
) -> None:
    other = Agent(id="other")

    @function_tool(name="look")
    async def see() -> str:
        await asyncio.sleep(2 if slow == "look" else 0)
        return "seen"

    tools = [hands_to(other, "hand", after=2 if slow == "hand" else 0), see]
    async with talk(desk(*tools), [[Call(slow), Call(quick)], "Seen."]) as t:
        await t.hear("go")
        assert now() == 2.0
        assert t.history[-2:] == ["desk: Seen.", "desk -> other"]
        assert t.llm.requests[1].tool_names == ()


async def test_a_hand_off_and_an_error_in_one_step_are_both_told() -> None:
    @function_tool
    async def fail() -> str:
        raise ToolError("no such invoice")

    tools = [hands_to(Agent(id="other"), "hand"), fail]
    async with talk(desk(*tools), [[Call("hand"), Call("fail")], "Not found."]) as t:
        await t.hear("go")
        assert t.history[-4:] == [
            "output hand: ",
            "error fail: no such invoice",
            "desk: Not found.",
            "desk -> other",
        ]


# Rounds


async def test_so_many_rounds_of_tools_and_then_one_call_with_tools_off() -> None:
    def always(chat_ctx: Any, tools: Any) -> Any:
        return Call("look") if tools else "Enough."

    llm = ScriptedLLM(always, first_token=0, total=0)
    for rounds in (0, 1, 5):
        async with talk(desk(look), llm, max_tool_steps=rounds) as t:
            await t.hear("go")
            assert t.outputs == ["output look: seen"] * rounds
            assert t.history[-1] == "desk: Enough."


async def test_calls_of_one_tool_at_once_are_treated_as_on_duplicate_says() -> None:
    for choice, outputs in {
        "allow": ["output wait: waited", "output wait: waited"],
        "reject": [
            "output wait: waited",
            "error wait: a call of 'wait' still runs; wait for its result",
        ],
        "replace": [
            "error wait: the tool was cancelled before it ended",
            "output wait: waited",
        ],
        "confirm": [
            "output wait: waited",
            "error wait: a call of 'wait' still runs; call it again to run another beside it",
        ],
    }.items():
        tool: Any = function_tool(wait, on_duplicate=choice)  # type: ignore[call-overload]
        async with talk(desk(tool), instant([[Call("wait"), Call("wait")], "Done."])) as t:
            await t.hear("wait")
            assert t.outputs == outputs
