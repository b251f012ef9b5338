"""A tool: a function that a model may call."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from .arguments import ToolArgumentsError, check_raw, parse_arguments
from .definition import Definition, OnDuplicate, ToolFlag, define
from .schema import ToolSchema, build_schema
from .signature import return_classes

P = ParamSpec("P")
R = TypeVar("R")
P2 = ParamSpec("P2")
R2 = TypeVar("R2")


class Tool(ABC):
    """What an LLM is offered: a name, a description and the schema of the arguments."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Letters, digits, `_` and `-`, at most 64."""

    @property
    @abstractmethod
    def description(self) -> str:
        """What the model is told about it; may be empty."""

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """A JSON schema of type object; not to be changed."""

    @property
    def raw(self) -> bool:
        """Whether the schema is the author's own, passed on as it is."""
        return False

    @property
    def flags(self) -> ToolFlag:
        """What is particular about it."""
        return ToolFlag.NONE


@dataclass(frozen=True, slots=True)
class Validated:
    """The arguments of one call, checked."""

    kwargs: dict[str, Any]
    """For the function; the `RunContext` is not among them."""
    normalised_json: str
    """What the history stores: the model's JSON, or its repaired form."""


class FunctionTool(Tool, Generic[P, R]):
    """A function or method as a tool; calling it calls the function.

    Made by `function_tool`. As a method it binds like one: `self.lookup(ctx, "x")` works, and bound
    copies share the schema, which is built when it is first needed.
    """

    __slots__ = ("_definition", "_instance")

    def __init__(self, definition: Definition, instance: object = None) -> None:
        self._definition = definition
        self._instance = instance

    @property
    def name(self) -> str:
        return self._definition.name

    @property
    def description(self) -> str:
        return self._schema().description

    @property
    def parameters(self) -> dict[str, Any]:
        return self._schema().parameters

    @property
    def raw(self) -> bool:
        return self._definition.raw_schema is not None

    @property
    def flags(self) -> ToolFlag:
        return self._definition.flags

    @property
    def on_duplicate(self) -> OnDuplicate:
        """What happens to a call while another of it runs."""
        return self._definition.on_duplicate

    @property
    def cancel_on_interruption(self) -> bool:
        """Whether a barge-in cancels the running call; else it runs on, detached."""
        return self._definition.cancel_on_interruption

    @property
    def timeout(self) -> float | None:
        """Seconds until the call fails, or None."""
        return self._definition.timeout

    @property
    def is_async(self) -> bool:
        """Whether the function is a coroutine function; others belong in a thread: `call_sync`."""
        return self._definition.is_async

    @property
    def wants_context(self) -> bool:
        """Whether the function takes a `RunContext`."""
        return bool(self._schema().context_names)

    @property
    def instance(self) -> object:
        """What the method is bound to, or None."""
        return self._instance

    @property
    def where(self) -> str:
        """Module, qualified name and line of the function, for messages."""
        fn = self._definition.fn
        code = getattr(inspect.unwrap(fn), "__code__", None)
        line = f", line {code.co_firstlineno}" if code is not None else ""
        name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
        return f"{getattr(fn, '__module__', None) or '?'}.{name}{line}"

    @property
    def __name__(self) -> str:
        return getattr(self._definition.fn, "__name__", self.name)

    @property
    def __wrapped__(self) -> Callable[..., Any]:
        return self._definition.fn

    def same_as(self, other: Tool) -> bool:
        """Whether both are one function, bound to one object."""
        return (
            isinstance(other, FunctionTool)
            and other._definition is self._definition
            and other._instance is self._instance
        )

    def __repr__(self) -> str:
        return f"FunctionTool({self.name!r}, {self.where})"

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> FunctionTool[P, R]: ...
    @overload
    def __get__(
        self: FunctionTool[Concatenate[Any, P2], R2], instance: object, owner: type | None = None
    ) -> FunctionTool[P2, R2]: ...
    def __get__(self, instance: object, owner: type | None = None) -> FunctionTool[Any, Any]:
        if instance is None or self._instance is not None:
            return self
        return FunctionTool(self._definition, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R
        if self._instance is None:
            result = self._definition.fn(*args, **kwargs)
        else:
            result = self._definition.fn(self._instance, *args, **kwargs)
        return result

    def prepare(self) -> None:
        """Builds the schema now; raises `ToolDefinitionError` for a type that has none.

        Imports pydantic when the tool has parameters; may run in a thread.
        """
        self._schema()

    def validate(self, arguments: str) -> Validated:
        """Reads what the model sent; raises `ToolArgumentsError` that names the failing fields."""
        schema = self._schema()
        values, text = parse_arguments(arguments, self.name)
        if self._definition.raw_schema is None:
            return Validated(schema.check(values, text), text)
        problems = check_raw(values, schema.parameters)
        if problems:
            raise ToolArgumentsError(
                f"the arguments of {self.name!r} are not valid: {'; '.join(problems)}"
            )
        return Validated({"raw_arguments": values}, text)

    async def call(self, kwargs: Mapping[str, Any], context: object) -> Any:
        """Runs the function and awaits it; one that is not async runs here and blocks the loop."""
        result = self.call_sync(kwargs, context)
        return await result if inspect.isawaitable(result) else result

    def call_sync(self, kwargs: Mapping[str, Any], context: object) -> Any:
        """Runs the function; what it returns may be awaitable."""
        context_names = self._schema().context_names
        if context_names:
            kwargs = {**kwargs, **dict.fromkeys(context_names, context)}
        if self._instance is None:
            return self._definition.fn(**kwargs)
        return self._definition.fn(self._instance, **kwargs)

    async def invoke(self, arguments: str, context: object) -> Any:
        """`validate`, then `call`."""
        return await self.call(self.validate(arguments).kwargs, context)

    def _schema(self) -> ToolSchema:
        definition = self._definition
        bound = self._instance is not None
        schema = definition.bound_schema if bound else definition.schema
        if schema is None:
            raw = definition.raw_schema
            schema = build_schema(
                definition.fn,
                tool=definition.name,
                bound=bound,
                names=definition.names,
                description=definition.description,
                raw_parameters=None if raw is None else dict(raw["parameters"]),
            )
            if bound:
                definition.bound_schema = schema
            else:
                definition.schema = schema
        return schema


class _Decorator(Protocol):
    def __call__(self, fn: Callable[P, R], /) -> FunctionTool[P, R]: ...


@overload
def function_tool(
    fn: Callable[P, R],
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    raw_schema: Mapping[str, Any] | None = None,
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: OnDuplicate = "allow",
    cancel_on_interruption: bool = False,
    timeout: float | None = None,
) -> FunctionTool[P, R]: ...
@overload
def function_tool(
    fn: None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    raw_schema: Mapping[str, Any] | None = None,
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: OnDuplicate = "allow",
    cancel_on_interruption: bool = False,
    timeout: float | None = None,
) -> _Decorator: ...
def function_tool(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    raw_schema: Mapping[str, Any] | None = None,
    flags: ToolFlag = ToolFlag.NONE,
    on_duplicate: OnDuplicate = "allow",
    cancel_on_interruption: bool = False,
    timeout: float | None = None,
) -> Any:
    """Makes a tool of a function, an async function or a method.

    `@function_tool`, `@function_tool(name="x")` and `function_tool(fn, name="x")` all work. Name,
    description and parameters come from the signature, the types and the docstring; a parameter
    whose type is `RunContext` gets the context and is not shown to the model. A sync function runs
    in a thread.

    * `raw_schema`: `{"name"?, "description"?, "parameters"}` with a JSON schema to use as it
      is; the function takes `raw_arguments: dict[str, object]`.
    * `on_duplicate`: what to do with a call while another of it runs.
    * `cancel_on_interruption`: a barge-in cancels the call, which else runs on.
    * `timeout`: seconds; then the call fails.

    Raises `ToolDefinitionError` at once for what cannot be called by name (`*args`, `**kwargs`,
    `/`); for a type without JSON schema when the schema is first needed.
    """
    frame = sys._getframe(1)

    def make(fn: Any) -> FunctionTool[Any, Any]:
        instance: object = None
        if isinstance(fn, FunctionTool):
            instance, fn = fn._instance, fn._definition.fn
        elif inspect.ismethod(fn):
            instance, fn = fn.__self__, fn.__func__
        definition = define(
            fn,
            bound=instance is not None,
            frame=frame,
            name=name,
            description=description,
            raw_schema=raw_schema,
            flags=flags,
            on_duplicate=on_duplicate,
            cancel_on_interruption=cancel_on_interruption,
            timeout=timeout,
        )
        return FunctionTool(definition, instance)

    return make if fn is None else make(fn)


def return_agents(tool: Tool) -> tuple[type, ...]:
    """The agent classes that the tool's return annotation names, as far as they can be found."""
    if not isinstance(tool, FunctionTool):
        return ()
    definition = tool._definition
    if definition.agents is None:
        definition.agents = tuple(
            cls
            for cls in return_classes(definition.fn, definition.names)
            if getattr(cls, "__antiphon_agent__", False) is True
        )
    return definition.agents
