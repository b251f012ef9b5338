"""From a function's signature and docstring to the schema a model is shown."""

import asyncio
import enum
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Optional, TypeVar

import pytest
from pydantic import BaseModel, Field

from antiphon.errors import ToolDefinitionError
from antiphon.tools import FunctionTool, ToolArgumentsError, function_tool

if TYPE_CHECKING:
    from somewhere import Unknown  # type: ignore[import-not-found]

T = TypeVar("T")


class RunContext(Generic[T]):
    """Stands in for the real one, which is recognised by this attribute."""

    __antiphon_run_context__ = True


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    x: int
    y: float = 0.0


class Address(BaseModel):
    street: str
    number: int = Field(ge=1)


class Tree(BaseModel):
    label: str
    children: "list[Tree]" = []


class Engine:
    """A class that has no JSON schema."""


def schema_of(fn: Callable[..., Any]) -> dict[str, Any]:
    return function_tool(fn).parameters


def properties_of(fn: Callable[..., Any]) -> dict[str, Any]:
    properties: dict[str, Any] = schema_of(fn)["properties"]
    return properties


def refusal(make: Callable[[], Any]) -> str:
    with pytest.raises(ToolDefinitionError) as refused:
        made = make()
        made.prepare()
    return str(refused.value)


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    def ping(ctx: RunContext[int]) -> str:
        return "pong"

    assert schema_of(ping) == {
        "type": "object",
        "properties": {},
        "additionalProperties": False,
    }


def test_scalars_lists_and_defaults() -> None:
    def book(name: str, guests: int, price: float, vip: bool = False, tags: list[str] = []) -> None:  # noqa: B006
        """Books."""

    assert schema_of(book) == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "guests": {"type": "integer"},
            "price": {"type": "number"},
            "vip": {"type": "boolean", "default": False},
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["name", "guests", "price"],
        "additionalProperties": False,
    }
    assert list(properties_of(book)) == ["name", "guests", "price", "vip", "tags"]


def test_literals_enums_optionals_and_unions() -> None:
    def paint(
        colour: Colour,
        size: Literal["s", "m"],
        note: str | None = None,
        old: Optional[int] = None,  # noqa: UP045
        implicit: str = None,  # type: ignore[assignment]  # noqa: RUF013
    ) -> None: ...

    assert properties_of(paint) == {
        "colour": {"type": "string", "enum": ["red", "blue"]},
        "size": {"type": "string", "enum": ["s", "m"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "old": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "implicit": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    }
    assert schema_of(paint)["required"] == ["colour", "size"]


def test_dataclasses_and_pydantic_models_are_written_out() -> None:
    def move(to: Point, home: Address) -> None: ...

    assert properties_of(move) == {
        "to": {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "number", "default": 0.0}},
            "required": ["x"],
            "additionalProperties": False,
        },
        "home": {
            "type": "object",
            "properties": {
                "street": {"type": "string"},
                "number": {"type": "integer", "minimum": 1},
            },
            "required": ["street", "number"],
        },
    }


def test_a_recursive_model_keeps_its_definition() -> None:
    def grow(tree: Tree) -> None: ...

    schema = schema_of(grow)
    node = {
        "type": "object",
        "properties": {
            "label": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}, "default": []},
        },
        "required": ["label"],
    }
    assert schema["properties"] == {"tree": node}
    assert schema["$defs"] == {"Tree": node}


def test_annotated_fields_describe_and_bound() -> None:
    def book(
        guests: Annotated[int, Field(description="How many people", ge=1, le=12)],
        name: Annotated[str, "Family name"],
        note: str = Field("", description="Any wish", max_length=40),
    ) -> None:
        """Books.

        Args:
            guests: what the docstring says gives way to the field
        """

    assert properties_of(book) == {
        "guests": {
            "type": "integer",
            "minimum": 1,
            "maximum": 12,
            "description": "How many people",
        },
        "name": {"type": "string", "description": "Family name"},
        "note": {
            "type": "string",
            "maxLength": 40,
            "default": "",
            "description": "Any wish",
        },
    }


def test_a_default_in_a_field_reaches_the_function() -> None:
    def book(
        guests: int = Field(2, ge=1), note: str = Field(default_factory=lambda: "none")
    ) -> Any:
        return guests, note

    assert asyncio.run(function_tool(book).invoke("{}", None)) == (2, "none")
    assert "required" not in schema_of(book)


def test_names_that_pydantic_keeps_for_itself_are_fine() -> None:
    def odd(copy: str, schema: int, model_config: str, _private: str, json: bool = True) -> Any:
        return copy, schema, model_config, _private, json

    tool = function_tool(odd)
    assert list(tool.parameters["properties"]) == [
        "copy",
        "schema",
        "model_config",
        "_private",
        "json",
    ]
    text = '{"copy": "a", "schema": 1, "model_config": "b", "_private": "c"}'
    assert asyncio.run(tool.invoke(text, None)) == ("a", 1, "b", "c", True)


def test_a_default_without_json_form_is_left_out_and_stays_itself() -> None:
    missing = object()

    def find(key: str, default: Any = missing) -> Any:
        return default

    tool = function_tool(find)
    assert tool.parameters["properties"] == {"key": {"type": "string"}, "default": {}}
    assert asyncio.run(tool.invoke('{"key": "a"}', None)) is missing


GOOGLE = """Looks an order up.

    Only open orders are found.

    Args:
        order: The order number,
            as printed on the bill.
        year (int): The year.

    Returns:
        The order.
    """
NUMPY = """Looks an order up.

    Only open orders are found.

    Parameters
    ----------
    order : str
        The order number,
        as printed on the bill.
    year : int
        The year.

    Returns
    -------
    str
        The order.
    """
SPHINX = """Looks an order up.

    Only open orders are found.

    :param order: The order number,
        as printed on the bill.
    :param int year: The year.
    :returns: The order.
    """


@pytest.mark.parametrize("doc", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_docstring_styles_give_the_same_descriptions(doc: str) -> None:
    def look_up(order: str, year: int) -> str:
        return ""

    look_up.__doc__ = doc
    tool = function_tool(look_up)
    assert tool.description == "Looks an order up.\n\nOnly open orders are found."
    assert tool.parameters["properties"] == {
        "order": {"type": "string", "description": "The order number, as printed on the bill."},
        "year": {"type": "integer", "description": "The year."},
    }


@pytest.mark.parametrize(
    ("doc", "description"),
    [
        (None, ""),
        ("One line: with a colon.", "One line: with a colon."),
        ("Two\n    lines.", "Two\nlines."),
        (
            "Use it when:\n\n    - asked: at once\n    - told",
            "Use it when:\n\n- asked: at once\n- told",
        ),
    ],
)
def test_a_plain_docstring_is_the_description(doc: str | None, description: str) -> None:
    def tool(x: int) -> None: ...

    tool.__doc__ = doc
    assert function_tool(tool).description == description


def test_a_given_description_wins() -> None:
    def tool(x: int) -> None:
        """Its own."""

    assert function_tool(tool, description="Given.").description == "Given."


@pytest.mark.parametrize(
    "annotation",
    [
        RunContext,
        RunContext[int],
        RunContext[int] | None,
        Annotated[RunContext[int], "the context"],
        "RunContext",
        "RunContext[int]",
        "RunContext[Unknown]",
        "elsewhere.RunContext[Unknown]",
        "'RunContext[Unknown]'",
    ],
    ids=str,
)
def test_a_run_context_is_injected_and_not_shown(annotation: Any) -> None:
    def tool(name: str, ctx: Any, times: int = 1) -> Any:
        return name, ctx, times

    tool.__annotations__["ctx"] = annotation
    made = function_tool(tool)
    assert list(made.parameters["properties"]) == ["name", "times"]
    assert made.wants_context
    assert asyncio.run(made.invoke('{"name": "a"}', "the context")) == ("a", "the context", 1)


def test_a_model_cannot_fill_the_context() -> None:
    def tool(ctx: RunContext[int], name: str) -> str:
        return name

    with pytest.raises(ToolArgumentsError) as refused:
        function_tool(tool).validate('{"name": "a", "ctx": "mine"}')
    assert refused.value.message == (
        "the arguments of 'tool' are not valid: 'ctx' is unknown (there are: name)"
    )


@function_tool
def early(where: "Later", and_list: "list[Later]") -> Any:
    """Uses a class that the module defines further down."""
    return where, and_list


@dataclass
class Later:
    floor: int


def test_forward_references_are_resolved_when_the_schema_is_needed() -> None:
    result = asyncio.run(early.invoke('{"where": {"floor": 1}, "and_list": [{"floor": 2}]}', None))
    assert result == (Later(1), [Later(2)])


def test_string_annotations_may_name_local_classes() -> None:
    @dataclass
    class Room:
        number: int

    class Front:
        @function_tool
        def open(self, room: "Room | None", others: "list[Room]") -> Any:
            return room, others

        @function_tool(name="shut")
        def close(self, room: "Room") -> Any:
            return room

    assert asyncio.run(Front().open.invoke('{"room": {"number": 4}, "others": []}', None)) == (
        Room(4),
        [],
    )
    assert asyncio.run(Front().close.invoke('{"room": {"number": 4}}', None)) == Room(4)


def test_partials_methods_and_callable_objects_are_read_too() -> None:
    def add(a: int, b: int) -> int:
        return a + b

    class Scale:
        def __call__(self, weight: int) -> int:
            return weight * 2

        async def halve(self, weight: int) -> float:
            return weight / 2

    partial = function_tool(functools.partial(add, b=2), name="add_two")
    assert list(partial.parameters["properties"]) == ["a"]
    assert asyncio.run(partial.invoke('{"a": 1}', None)) == 3
    scale = function_tool(Scale(), name="scale")
    assert asyncio.run(scale.invoke('{"weight": 4}', None)) == 8
    halve: FunctionTool[Any, Any] = function_tool(Scale().halve)
    assert halve.is_async
    assert asyncio.run(halve.invoke('{"weight": 4}', None)) == 2.0


def test_what_cannot_be_called_by_name_is_refused_at_once() -> None:
    def star(*names: str) -> None: ...
    def stars(**options: str) -> None: ...
    def both(*names: str, **options: str) -> None: ...
    def positional(a: int, /, b: int) -> None: ...
    def stream(a: int) -> Any:
        yield a

    async def async_stream(a: int) -> Any:
        yield a

    said = [str(_refused_now(fn)) for fn in (star, stars, both, positional, stream, async_stream)]
    ending = (
        "has no names that a model could fill; list the parameters one by one, or give raw_schema="
    )
    assert said == [
        f"tool 'star': parameter '*names' {ending}",
        f"tool 'stars': parameter '**options' {ending}",
        f"tool 'both': parameter '*names' {ending}",
        "tool 'positional': parameter 'a' is positional-only, but tools are called by name; "
        "remove the `/`",
        "tool 'stream' is a generator; return one value, and speak of progress by "
        "`await ctx.update(...)`",
        "tool 'async_stream' is a generator; return one value, and speak of progress by "
        "`await ctx.update(...)`",
    ]


def _refused_now(fn: Callable[..., Any]) -> ToolDefinitionError:
    with pytest.raises(ToolDefinitionError) as refused:
        function_tool(fn)
    assert isinstance(refused.value, ValueError)
    return refused.value


def test_a_positional_only_self_is_fine() -> None:
    class Front:
        @function_tool
        def open(self, /, door: int) -> int:
            return door

    assert asyncio.run(Front().open.invoke('{"door": 2}', None)) == 2


def test_a_parameter_without_a_type_is_refused_with_the_way_out() -> None:
    def untyped(a: int, b): ...  # type: ignore[no-untyped-def]
    def context(ctx, b: int): ...  # type: ignore[no-untyped-def]

    assert refusal(lambda: function_tool(untyped)) == (
        "tool 'untyped': parameter 'b' has no type; annotate it, e.g. `b: str`"
    )
    assert refusal(lambda: function_tool(context)) == (
        "tool 'context': parameter 'ctx' has no type; annotate it, e.g. `ctx: RunContext`"
    )


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (Engine, "Engine"),
        (list[Engine], f"list[{Engine.__module__}.Engine]"),
        (Callable[[int], int], "collections.abc.Callable[[int], int]"),
    ],
)
def test_a_type_without_schema_is_refused_when_the_schema_is_needed(
    annotation: Any, shown: str
) -> None:
    def start(speed: int, engine: Any) -> None: ...

    start.__annotations__["engine"] = annotation
    tool = function_tool(start)
    assert refusal(lambda: tool) == (
        f"tool 'start': parameter 'engine' has the type {shown!r}, which has no JSON schema; use "
        "str, int, float, bool, list, Literal, Enum, a dataclass or a pydantic model"
    )


def test_a_name_that_nobody_defines_is_refused_naming_it() -> None:
    def find(key: "list[Unknown]") -> None: ...

    assert refusal(lambda: function_tool(find)) == (
        "tool 'find': parameter 'key' has the type 'list[Unknown]', which cannot be found (name "
        f"'Unknown' is not defined); define it in, or import it into, the module {__name__!r}, "
        "not under TYPE_CHECKING"
    )


RAW = {"name": "search", "description": "Searches.", "parameters": {"type": "object"}}


def test_a_raw_schema_is_passed_on_as_it_is() -> None:
    @function_tool(raw_schema=RAW)
    async def anything(raw_arguments: dict[str, object], ctx: RunContext[int]) -> Any:
        """Not this."""
        return raw_arguments, ctx

    assert (anything.name, anything.description, anything.raw) == ("search", "Searches.", True)
    assert anything.parameters == {"type": "object"}
    assert asyncio.run(anything.invoke('{"q": [1, "x"],}', "ctx")) == ({"q": [1, "x"]}, "ctx")


def test_raw_arguments_of_the_wrong_shape_are_refused() -> None:
    schema = {"parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}

    @function_tool(raw_schema=schema)
    def search(raw_arguments: dict[str, object]) -> object:
        return raw_arguments

    with pytest.raises(ToolArgumentsError) as refused:
        search.validate('{"q": 3}')
    assert refused.value.message == (
        "the arguments of 'search' are not valid: 'q' must be string, not 3"
    )


def test_a_raw_schema_that_does_not_fit_is_refused() -> None:
    def search(query: str) -> None: ...
    def more(raw_arguments: dict[str, object], other: str) -> None: ...

    assert refusal(lambda: function_tool(search, raw_schema=RAW)) == (
        "tool 'search' has a raw schema, so its function takes "
        "`raw_arguments: dict[str, object]`; it takes: query"
    )
    assert refusal(lambda: function_tool(more, raw_schema=RAW)) == (
        "tool 'search' has a raw schema: parameter 'other' would stay empty; take "
        "`raw_arguments: dict[str, object]`, and a `RunContext` if wanted"
    )
    assert refusal(lambda: function_tool(search, raw_schema={"name": "x"})) == (
        'tool \'x\': raw_schema needs "parameters", a JSON schema of type "object"'
    )


def test_the_schema_is_built_once_and_shared_by_bound_copies() -> None:
    class Front:
        @function_tool
        def open(self, door: int) -> int:
            return door

    assert Front().open.parameters is Front().open.parameters


def test_nothing_heavy_is_imported_for_tools_without_parameters() -> None:
    import subprocess

    code = (
        "import sys\n"
        "from antiphon.tools import function_tool\n"
        "@function_tool\n"
        "def ping():\n"
        "    'Answers.'\n"
        "    return 'pong'\n"
        "@function_tool\n"
        "def book(n: int):\n"
        "    'Books.'\n"
        "ping.validate('{}')\n"
        "print(sorted({'pydantic', 'docstring_parser', 'json_repair'} & set(sys.modules)))\n"
        "book.prepare()\n"
        "print('pydantic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["[]", "True", ""]
