"""What makes a tool of a function: its options, checked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Flag
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from ..errors import ToolDefinitionError, did_you_mean
from .schema import ToolSchema
from .signature import check_signature, function_of, local_names

if TYPE_CHECKING:
    from types import FrameType

OnDuplicate: TypeAlias = Literal["allow", "reject", "replace", "confirm"]
"""What happens when a tool is called while a call of it still runs: both run (`"allow"`), the new
call gets an error (`"reject"`), the old call is cancelled (`"replace"`), or the model is asked to
call again if it means it (`"confirm"`)."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ToolFlag(Flag):
    """What is particular about a tool."""

    NONE = 0
    IGNORE_ON_ENTER = 1
    """Not offered while the agent's `on_enter` asks for its reply."""
    CANCELLABLE = 2
    """The model may cancel a call of it that runs in the background: while one does, detached from
    its reply by an interruption, the model is offered the tool `cancel_running_tool`."""


@dataclass(slots=True, kw_only=True, eq=False)
class Definition:
    """A function and its options: what a tool and its bound copies share."""

    fn: Callable[..., Any]
    name: str
    description: str | None
    raw_schema: Mapping[str, Any] | None
    flags: ToolFlag
    on_duplicate: OnDuplicate
    cancel_on_interruption: bool
    timeout: float | None
    is_async: bool
    names: dict[str, Any]
    schema: ToolSchema | None = None
    bound_schema: ToolSchema | None = None
    agents: tuple[type, ...] | None = None


def define(
    fn: Any,
    *,
    bound: bool,
    frame: FrameType,
    name: str | None,
    description: str | None,
    raw_schema: Mapping[str, Any] | None,
    flags: ToolFlag,
    on_duplicate: OnDuplicate,
    cancel_on_interruption: bool,
    timeout: float | None,
) -> Definition:
    """Checks what can be told without looking at a type; raises `ToolDefinitionError`.

    `bound`: the function's first parameter is taken; `frame`: where the tool was made.
    """
    if isinstance(fn, staticmethod | classmethod):
        kind = type(fn).__name__
        raise ToolDefinitionError(
            f"tool {fn.__name__!r}: put @{kind} above @function_tool, not below it"
        )
    if not callable(fn) or isinstance(fn, type):
        raise ToolDefinitionError(f"{fn!r} cannot be a tool: it is not a function")
    raw_name = None if raw_schema is None else raw_schema.get("name")
    name = name or raw_name or getattr(fn, "__name__", None)
    if name is None:
        raise ToolDefinitionError(f"{fn!r} has no name; give it one: function_tool(fn, name=...)")
    if _NAME.fullmatch(name) is None:
        raise ToolDefinitionError(
            f"tool {name!r}: a name is 1 to 64 of the letters a to z, digits, '_' and '-'; "
            "give another: function_tool(fn, name=...)"
        )
    if on_duplicate not in get_args(OnDuplicate):
        known = get_args(OnDuplicate)
        raise ToolDefinitionError(
            f"tool {name!r}: on_duplicate is one of {', '.join(known)}, not {on_duplicate!r}"
            f"{did_you_mean(str(on_duplicate), known)}"
        )
    if timeout is not None and not timeout > 0:
        raise ToolDefinitionError(f"tool {name!r}: timeout must be positive, not {timeout!r}")
    _check_not_repeated(fn, frame)
    nested = getattr(fn, "__qualname__", "").rpartition(".")[0]
    in_class = nested != "" and not nested.endswith("<locals>")
    check_signature(fn, name, is_method=bound or in_class)
    if raw_schema is not None:
        description = description or raw_schema.get("description")
        _check_raw_schema(fn, name, raw_schema)
    return Definition(
        fn=fn,
        name=name,
        description=description,
        raw_schema=raw_schema,
        flags=flags,
        on_duplicate=on_duplicate,
        cancel_on_interruption=cancel_on_interruption,
        timeout=timeout,
        is_async=inspect.iscoroutinefunction(function_of(fn)),
        names=local_names(fn, frame),
    )


def _check_not_repeated(fn: Any, frame: FrameType) -> None:
    """Refuses a second tool method of one name in a class body: it would replace the first.

    Looks at the body while it runs: afterwards nothing is left of the first. In a module the same
    is no mistake: cells of a notebook are run again.
    """
    body = frame.f_locals
    if body is frame.f_globals or "__qualname__" not in body:
        return
    method = getattr(fn, "__name__", "")
    earlier = getattr(body.get(method), "_definition", None)
    if isinstance(earlier, Definition) and earlier.fn is not fn:
        raise ToolDefinitionError(
            f"class {body['__qualname__']!r} has two tools in methods named {method!r}; the second "
            "would replace the first: rename one"
        )


def _check_raw_schema(fn: Any, name: str, raw_schema: Mapping[str, Any]) -> None:
    parameters = raw_schema.get("parameters")
    if not isinstance(parameters, Mapping) or parameters.get("type") != "object":
        raise ToolDefinitionError(
            f'tool {name!r}: raw_schema needs "parameters", a JSON schema of type "object"'
        )
    code = getattr(inspect.unwrap(function_of(fn)), "__code__", None)
    if code is None:
        return
    taken = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    if "raw_arguments" not in taken:
        raise ToolDefinitionError(
            f"tool {name!r} has a raw schema, so its function takes "
            f"`raw_arguments: dict[str, object]`; it takes: {', '.join(taken) or 'nothing'}"
        )
