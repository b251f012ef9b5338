"""`function_tool`, calling tools, gathering them, and the text of what they return."""

from __future__ import annotations

import asyncio
import decimal
import enum
import pathlib
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import BaseModel

from antiphon.errors import ToolDefinitionError, ToolError
from antiphon.tools import (
    FunctionTool,
    Tool,
    ToolArgumentsError,
    ToolFlag,
    Toolset,
    Validated,
    collect_tools,
    find_tools,
    function_tool,
    output_text,
    return_agents,
)

if TYPE_CHECKING:
    from somewhere import Elsewhere  # type: ignore[import-not-found]


class RunContext:
    """Stands in for the real one, which is recognised by this attribute."""

    __antiphon_run_context__ = True


class Agent:
    """Stands in for the real one, which is recognised by this attribute."""

    __antiphon_agent__ = True


@function_tool
async def look_up(order: str) -> str:
    """Looks an order up."""
    return f"order {order}"


@function_tool()
def ping() -> str:
    """Answers."""
    return "pong"


@function_tool(
    name="book_table",
    description="Books.",
    flags=ToolFlag.CANCELLABLE | ToolFlag.IGNORE_ON_ENTER,
    on_duplicate="reject",
    cancel_on_interruption=True,
    timeout=2.5,
)
async def book(guests: int, name: str = "nobody") -> str:
    return f"{guests} for {name}"


class Front:
    greeting = "hello"

    @function_tool
    async def greet(self, ctx: RunContext, name: str) -> str:
        """Greets."""
        return f"{self.greeting} {name} {ctx}"

    @function_tool
    def shout(self, name: str) -> str:
        return f"{self.greeting} {name}".upper()

    @staticmethod
    @function_tool
    def twice(number: int) -> int:
        return number * 2

    @classmethod
    @function_tool
    def whose(cls, number: int) -> str:
        return f"{cls.__name__} {number}"

    def ordinary(self) -> None: ...


def refusal(make: Any) -> str:
    with pytest.raises(ToolDefinitionError) as refused:
        make()
    return str(refused.value)


def test_the_decorator_works_bare_with_parentheses_and_at_run_time() -> None:
    def plain(x: int) -> int:
        """Plain."""
        return x

    made = function_tool(plain, name="other")
    assert [tool.name for tool in (look_up, ping, book, made)] == [
        "look_up",
        "ping",
        "book_table",
        "other",
    ]
    assert [tool.description for tool in (look_up, ping, book, made)] == [
        "Looks an order up.",
        "Answers.",
        "Books.",
        "Plain.",
    ]
    assert [tool.is_async for tool in (look_up, ping, book, made)] == [True, False, True, False]
    assert all(isinstance(tool, Tool) for tool in (look_up, ping, book, made))


def test_options_are_stored_and_have_quiet_defaults() -> None:
    assert book.flags == ToolFlag.CANCELLABLE | ToolFlag.IGNORE_ON_ENTER
    assert (book.on_duplicate, book.cancel_on_interruption, book.timeout) == ("reject", True, 2.5)
    assert (ping.flags, ping.on_duplicate) == (ToolFlag.NONE, "allow")
    assert (ping.cancel_on_interruption, ping.timeout, ping.raw) == (False, None, False)


def test_a_tool_is_still_the_function() -> None:
    assert ping() == "pong"
    assert asyncio.run(look_up("7")) == "order 7"
    assert ping.__name__ == "ping"
    assert ping.__wrapped__() == "pong"


def test_a_method_binds_and_stays_callable() -> None:
    front = Front()
    assert asyncio.run(front.greet("ctx", "Ann")) == "hello Ann ctx"  # type: ignore[arg-type]
    assert front.shout(name="Ann") == "HELLO ANN"
    assert isinstance(front.greet, FunctionTool)
    assert front.greet.instance is front
    assert Front.greet.instance is None
    assert list(front.greet.parameters["properties"]) == ["name"]
    assert asyncio.run(front.greet.invoke('{"name": "Ann"}', "ctx")) == "hello Ann ctx"


def test_a_bound_method_and_a_tool_can_be_made_a_tool_of_another_name() -> None:
    class Desk:
        def answer(self, n: int) -> int:
            return n + 1

    renamed = function_tool(Front().greet, name="welcome")
    assert renamed.name == "welcome"
    assert asyncio.run(renamed.invoke('{"name": "Bo"}', "c")) == "hello Bo c"
    assert asyncio.run(function_tool(Desk().answer).invoke('{"n": 1}', None)) == 2


def test_validate_gives_the_arguments_and_what_history_stores() -> None:
    assert book.validate('{"guests": 3}') == Validated({"guests": 3}, '{"guests": 3}')
    assert book.validate("{'guests': '3', 'name': 'Ann',}") == Validated(
        {"guests": 3, "name": "Ann"}, '{"guests": "3", "name": "Ann"}'
    )
    assert ping.validate("") == Validated({}, "{}")


def test_call_sync_runs_a_plain_function_and_call_both_kinds() -> None:
    front = Front()
    assert front.shout.call_sync({"name": "x"}, None) == "HELLO X"
    assert asyncio.run(front.shout.call({"name": "x"}, None)) == "HELLO X"
    assert asyncio.run(look_up.call({"order": "x"}, None)) == "order x"


def test_invoke_lets_the_tools_own_error_through() -> None:
    @function_tool
    async def fail() -> None:
        raise ToolError("no such order")

    with pytest.raises(ToolError) as raised:
        asyncio.run(fail.invoke("{}", None))
    assert raised.value.message == "no such order"


@function_tool
def strict_one(
    n: int, size: Literal["s", "m"], tags: list[int], name: str = "", f: float = 0
) -> Any:
    return n, size, tags, name, f


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ('{"n": 1, "size": "s", "tags": []}', (1, "s", [], "", 0)),
        ('{"n": "12", "size": "s", "tags": ["1"]}', (12, "s", [1], "", 0)),
        ('{"n": 2.0, "size": "m", "tags": [1]}', (2, "m", [1], "", 0)),
        ('{"n": 1, "size": "s", "tags": [], "name": 1042, "f": 3}', (1, "s", [], "1042", 3.0)),
    ],
)
def test_arguments_are_converted_where_nothing_is_lost(given: str, taken: Any) -> None:
    assert asyncio.run(strict_one.invoke(given, None)) == taken


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ("{}", "'n' is missing; 'size' is missing; 'tags' is missing"),
        (
            '{"n": 3.5, "size": "s", "tags": []}',
            "'n': input should be a valid integer, got a number with a fractional part, not 3.5",
        ),
        (
            '{"n": "many", "size": "xl", "tags": [1, "x"]}',
            "'n': input should be a valid integer, unable to parse string as an integer, not "
            "'many'; 'size': input should be 's' or 'm', not 'xl'; 'tags.1': input should be a "
            "valid integer, unable to parse string as an integer, not 'x'",
        ),
        (
            '{"n": null, "size": "s", "tags": "1"}',
            "'n': input should be a valid integer, not None; 'tags': input should be a valid "
            "array, not '1'",
        ),
        (
            '{"n": 1, "size": "s", "tags": [], "f": "NaN"}',
            "'f': input should be a finite number, not 'NaN'",
        ),
        (
            '{"n": 1, "size": "s", "tag": [], "tags": []}',
            "'tag' is unknown (there are: n, size, tags, name, f); did you mean 'tags'?",
        ),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_field(given: str, problems: str) -> None:
    with pytest.raises(ToolArgumentsError) as refused:
        strict_one.validate(given)
    assert refused.value.message == f"the arguments of 'strict_one' are not valid: {problems}"
    assert isinstance(refused.value, ToolError)


def test_a_long_argument_is_not_repeated_whole() -> None:
    with pytest.raises(ToolArgumentsError) as refused:
        book.validate(f'{{"guests": "{"x" * 200}"}}')
    assert refused.value.message == (
        "the arguments of 'book_table' are not valid: 'guests': input should be a valid integer, "
        f"unable to parse string as an integer, not '{'x' * 56}..."
    )


def test_a_tool_without_parameters_refuses_arguments() -> None:
    with pytest.raises(ToolArgumentsError) as refused:
        ping.validate('{"loud": true, "now": 1}')
    assert refused.value.message == "'ping' takes no arguments; it was given 'loud', 'now'"


def test_options_that_make_no_sense_are_refused() -> None:
    def fn(x: int) -> None: ...

    assert refusal(lambda: function_tool(fn, name="book a table")) == (
        "tool 'book a table': a name is 1 to 64 of the letters a to z, digits, '_' and '-'; "
        "give another: function_tool(fn, name=...)"
    )
    assert refusal(lambda: function_tool(fn, on_duplicate="rejct")) == (  # type: ignore[call-overload]
        "tool 'fn': on_duplicate is one of allow, reject, replace, confirm, not 'rejct'; "
        "did you mean 'reject'?"
    )
    assert refusal(lambda: function_tool(fn, timeout=0)) == (
        "tool 'fn': timeout must be positive, not 0"
    )
    assert refusal(lambda: function_tool(3)) == (  # type: ignore[call-overload]
        "3 cannot be a tool: it is not a function"
    )
    assert refusal(lambda: function_tool(Front)) == (
        f"{Front!r} cannot be a tool: it is not a function"
    )
    assert refusal(lambda: function_tool(staticmethod(fn))) == (
        "tool 'fn': put @staticmethod above @function_tool, not below it"
    )


class Size(enum.Enum):
    BIG = "big"


@dataclass
class Seat:
    row: int
    name: str


class Bill(BaseModel):
    total: float
    seat: Seat


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("", ""),
        ("café", "café"),
        (0, "0"),
        (1.5, "1.5"),
        (True, "True"),
        (False, "False"),
        (decimal.Decimal("1.50"), "1.50"),
        (pathlib.PurePosixPath("/a/b"), "/a/b"),
        (Size.BIG, "big"),
        ([], "[]"),
        ({}, "{}"),
        ((1, "two", None, True), '[1, "two", null, true]'),
        ({"name": "café", "n": [1, {"x": None}]}, '{"name": "café", "n": [1, {"x": null}]}'),
        ({1: "a", None: "b", Size.BIG: Size.BIG}, '{"1": "a", "null": "b", "big": "big"}'),
        ({"b", "a", "c"}, '["a", "b", "c"]'),
        (OrderedDict(a=1), '{"a": 1}'),
        (Pair(1, 2), "[1, 2]"),
        ({"a": 1}.keys(), '["a"]'),
        (Seat(3, "Ann"), '{"row": 3, "name": "Ann"}'),
        ([Seat(3, "Ann")], '[{"row": 3, "name": "Ann"}]'),
        (Bill(total=2.5, seat=Seat(1, "Bo")), '{"total": 2.5, "seat": {"row": 1, "name": "Bo"}}'),
        ({"at": decimal.Decimal("1.50")}, '{"at": "1.50"}'),
    ],
)
def test_output_text_is_str_for_scalars_and_json_for_the_rest(value: Any, text: str) -> None:
    assert output_text(value) == text


def test_find_tools_gives_bound_methods_in_order_of_definition() -> None:
    class Later(Front):
        @function_tool
        def close(self) -> str:
            return "closed"

        @function_tool
        def shout(self, name: str) -> str:
            return "louder"

        greet = None  # type: ignore[assignment]

    later = Later()
    tools = find_tools(later)
    assert [tool.name for tool in tools] == ["shout", "twice", "whose", "close"]
    assert asyncio.run(tools[0].invoke('{"name": "x"}', None)) == "louder"
    assert asyncio.run(tools[1].invoke('{"number": 2}', None)) == 4
    assert asyncio.run(tools[2].invoke('{"number": 2}', None)) == "Later 2"
    assert tools[0].instance is later
    assert find_tools(object()) == []


def test_collect_tools_takes_lists_sets_functions_and_methods() -> None:
    def plain(x: int) -> int:
        return x

    front = Front()
    extra = Toolset(id="extra", tools=[book])
    tools = collect_tools([look_up, plain, extra], find_tools(front), ping)
    assert list(tools) == [
        "look_up",
        "plain",
        "book_table",
        "greet",
        "shout",
        "twice",
        "whose",
        "ping",
    ]
    assert asyncio.run(tools["plain"].invoke('{"x": 1}', None)) == 1  # type: ignore[attr-defined]


def test_the_same_tool_twice_is_one() -> None:
    front = Front()
    tools = collect_tools([front.greet, look_up], find_tools(front), [look_up])
    assert list(tools) == ["greet", "look_up", "shout", "twice", "whose"]


def test_two_different_tools_of_one_name_are_refused_naming_both() -> None:
    def look_up_here(order: str) -> str:
        return order

    here = function_tool(look_up_here, name="look_up")
    line = look_up_here.__code__.co_firstlineno
    first = look_up.__wrapped__.__code__.co_firstlineno
    assert refusal(lambda: collect_tools([look_up], [here])) == (
        f"two tools are named 'look_up': {__name__}.look_up, line {first} and "
        f"{__name__}.test_two_different_tools_of_one_name_are_refused_naming_both.<locals>."
        f"look_up_here, line {line}; give one another name: @function_tool(name=...)"
    )


def test_two_tool_methods_of_one_name_in_a_class_are_refused_where_the_second_stands() -> None:
    with pytest.raises(ToolDefinitionError) as raised:

        class Desk:
            @function_tool
            async def book(self) -> str:
                """Books a table."""
                return "table"

            @function_tool(name="book_a_room")
            async def book(self) -> str:  # noqa: F811
                """Books a room."""
                return "room"

    here = "test_two_tool_methods_of_one_name_in_a_class_are_refused_where_the_second_stands"
    assert str(raised.value) == (
        f"class '{here}.<locals>.Desk' has two tools in methods named 'book'; "
        "the second would replace the first: rename one"
    )


def test_a_tool_may_be_replaced_in_a_subclass_in_a_module_and_in_a_class_made_again() -> None:
    def desk(text: str) -> type:
        class Desk:
            @function_tool
            async def book(self) -> str:
                """Books."""
                return text

        return Desk

    class Other(desk("first")):  # type: ignore[misc]
        @function_tool
        async def book(self) -> str:
            """Books in another way."""
            return "other"

    names = {"function_tool": function_tool}
    cell = "@function_tool\nasync def book() -> str:\n    'Books.'\n    return ''\n"
    exec(cell + cell, names)
    assert [tool.name for tool in find_tools(desk("second")())] == ["book"]
    assert [tool.description for tool in find_tools(Other())] == ["Books in another way."]


def test_a_method_of_two_objects_is_two_tools() -> None:
    sentence = refusal(lambda: collect_tools([Front().greet], [Front().greet]))
    assert sentence.startswith("two tools are named 'greet': ")


def test_what_is_no_tool_is_refused() -> None:
    assert refusal(lambda: collect_tools([3])) == (  # type: ignore[list-item]
        "3 is not a tool; `tools` takes functions, `@function_tool` functions and toolsets"
    )
    assert refusal(lambda: collect_tools(["look_up"])) == (  # type: ignore[list-item]
        "'look_up' is not a tool; `tools` takes functions, `@function_tool` functions and toolsets"
    )


def test_a_toolset_has_its_methods_and_may_learn_tools_in_setup() -> None:
    class Remote(Toolset):
        @function_tool
        def status(self) -> str:
            return f"{self.id} is up"

        async def setup(self) -> None:
            self.tools = [*self.tools, ping]

    remote = Remote(id="remote", tools=[look_up])
    assert list(collect_tools(remote)) == ["look_up", "status"]

    async def run() -> str:
        await remote.setup()
        try:
            result: str = await remote.status.invoke("{}", None)
            return result
        finally:
            await remote.aclose()

    assert asyncio.run(run()) == "remote is up"
    assert list(collect_tools(remote)) == ["look_up", "status", "ping"]
    assert repr(remote) == "Remote('remote', look_up, status, ping)"


class Billing(Agent): ...


class Support(Agent): ...


def test_return_agents_finds_the_agents_a_tool_may_hand_to() -> None:
    def none(): ...  # type: ignore[no-untyped-def]
    def text() -> str: ...  # type: ignore[empty-body]
    def one() -> Billing: ...  # type: ignore[empty-body]
    def optional() -> Support | None: ...
    def with_text() -> tuple[Billing, str] | Support | str: ...  # type: ignore[empty-body]
    def later() -> tuple[Closing, str]: ...  # type: ignore[empty-body]
    def elsewhere() -> Elsewhere | Billing | None: ...

    found = [
        return_agents(function_tool(fn))
        for fn in (none, text, one, optional, with_text, later, elsewhere)
    ]
    assert found == [(), (), (Billing,), (Support,), (Billing, Support), (Closing,), (Billing,)]


class Closing(Agent): ...
