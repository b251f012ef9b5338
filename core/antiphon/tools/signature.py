"""What a function's signature says: its parameters, their types, and what it returns."""

from __future__ import annotations

import functools
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from ..errors import ToolDefinitionError

if typing.TYPE_CHECKING:
    from types import FrameType

_RUN_CONTEXT = re.compile(r"""^\s*["']?(?:\w+\.)*RunContext\b""")
NO_TYPE = object()


def check_signature(fn: Callable[..., Any], tool: str, *, is_method: bool) -> None:
    """Refuses, without looking at a type, a function that cannot be called by name."""
    code = getattr(inspect.unwrap(function_of(fn)), "__code__", None)
    if code is None:
        return
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        raise ToolDefinitionError(
            f"tool {tool!r} is a generator; return one value, and speak of progress by "
            "`await ctx.update(...)`"
        )
    names = code.co_varnames
    named = code.co_argcount + code.co_kwonlyargcount
    for flag, stars in ((inspect.CO_VARARGS, "*"), (inspect.CO_VARKEYWORDS, "**")):
        if code.co_flags & flag:
            index = named + (1 if stars == "**" and code.co_flags & inspect.CO_VARARGS else 0)
            raise ToolDefinitionError(
                f"tool {tool!r}: parameter '{stars}{names[index]}' has no names that a model could "
                "fill; list the parameters one by one, or give raw_schema="
            )
    for name in names[1 if is_method else 0 : code.co_posonlyargcount]:
        raise ToolDefinitionError(
            f"tool {tool!r}: parameter {name!r} is positional-only, but tools are called by name; "
            "remove the `/`"
        )


def return_classes(fn: Callable[..., Any], names: Mapping[str, Any]) -> tuple[type, ...]:
    """Every class that the return annotation mentions and that can be found, in order."""
    function = inspect.unwrap(function_of(fn))
    try:
        annotation = annotations_of(function).get("return", NO_TYPE)
        found = _mentioned(resolve(annotation, function, names, ""))
    except ToolDefinitionError:
        scope = {**getattr(function, "__globals__", {}), **names}
        found = [scope.get(word) for word in re.findall(r"\w+", str(annotation))]
    return tuple(dict.fromkeys(each for each in found if isinstance(each, type)))


def function_of(fn: Any) -> Any:
    """The function behind a callable: of a partial, of a method, of an object with `__call__`."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = getattr(fn, "__func__", fn)
    return fn if hasattr(fn, "__code__") or hasattr(fn, "__wrapped__") else type(fn).__call__


def annotations_of(function: Any) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        import annotationlib

        found = annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF)
        return dict(found)
    return getattr(function, "__annotations__", None) or {}


def parameters_of(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    if sys.version_info >= (3, 14):
        import annotationlib

        signature = inspect.signature(fn, annotation_format=annotationlib.Format.FORWARDREF)
    else:
        signature = inspect.signature(fn)
    return list(signature.parameters.values())


def resolve(annotation: Any, function: Any, names: Mapping[str, Any], where: str) -> Any:
    """The type that an annotation means now: names defined after the function count."""
    if annotation is NO_TYPE or isinstance(annotation, type):
        return annotation
    carrier = types.FunctionType((lambda: None).__code__, {})
    carrier.__annotations__ = {"x": annotation}
    try:
        scope = {**getattr(function, "__globals__", {}), **names}
        return typing.get_type_hints(carrier, globalns=scope, include_extras=True)["x"]
    except Exception as error:  # an annotation is foreign code: whatever it raises
        text = annotation if isinstance(annotation, str) else shown(annotation)
        if _RUN_CONTEXT.match(text):
            return _AnyRunContext
        reason = f"{error}" or type(error).__name__
        raise ToolDefinitionError(
            f"{where} has the type {text!r}, which cannot be found ({reason}); define it in, or "
            f"import it into, the module {function.__module__!r}, not under TYPE_CHECKING"
        ) from error


class _AnyRunContext:
    """Stands for a `RunContext` whose annotation names what only a type checker can find."""

    __antiphon_run_context__ = True


def is_run_context(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin is Annotated or origin is typing.Union or origin is types.UnionType:
        return any(is_run_context(each) for each in typing.get_args(hint))
    return getattr(origin or hint, "__antiphon_run_context__", False) is True


def _mentioned(hint: Any) -> list[Any]:
    return [
        hint,
        typing.get_origin(hint),
        *(found for each in typing.get_args(hint) for found in _mentioned(each)),
    ]


def shown(hint: Any) -> str:
    return hint.__qualname__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def local_names(fn: Any, frame: FrameType | None) -> dict[str, Any]:
    """The local names that string annotations of a nested function use.

    Such an annotation is resolved later, when the frames that define its names are gone.
    """
    if "<locals>" not in getattr(fn, "__qualname__", ""):
        return {}
    texts = [text for text in annotations_of(fn).values() if isinstance(text, str)]
    wanted = set(re.findall(r"[A-Za-z_]\w*", " ".join(texts)))
    names: dict[str, Any] = {}
    around = fn.__qualname__.split(".")
    while frame is not None and wanted:
        if frame.f_globals is fn.__globals__ and frame.f_code.co_name in around:
            local = frame.f_locals
            names.update((word, local[word]) for word in wanted if word in local)
            wanted.difference_update(names)
        frame = frame.f_back
    return names
