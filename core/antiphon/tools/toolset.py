"""The tools of an agent: gathering them, and `Toolset`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ..errors import ToolDefinitionError
from .tool import FunctionTool, Tool, function_tool


class Toolset:
    """Tools that belong together, and are opened and closed together.

    The `@function_tool` methods of a subclass are among its tools. A subclass that learns its tools
    late (from a server, say) sets `self.tools` in `setup`.
    """

    def __init__(self, *, id: str, tools: Iterable[ToolSource] = ()) -> None:
        self.id = id
        """Names the set in messages."""
        self.tools = list(collect_tools(tools, find_tools(self)).values())
        """The tools, in the order in which the model is shown them."""

    async def setup(self) -> None:
        """Opens what the tools need. Not called by a session in this release: await it yourself."""

    async def aclose(self) -> None:
        """Closes what `setup` opened; harmless when repeated. Yours to await, as `setup` is."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {', '.join(tool.name for tool in self.tools)})"


ToolSource: TypeAlias = Tool | Toolset | Callable[..., Any]
"""What stands in a `tools=` list: a tool, a set of them, or a plain function."""


def collect_tools(*sources: ToolSource | Iterable[ToolSource]) -> dict[str, Tool]:
    """All tools by name, in the order given; plain functions become tools.

    Raises `ToolDefinitionError` when two different tools have one name; one tool may come twice.
    """
    tools: dict[str, Tool] = {}
    for source in sources:
        entries: Iterable[Any] = [source]
        if not isinstance(source, Tool | Toolset) and isinstance(source, Iterable):
            entries = source
        for entry in entries:
            for tool in _tools_of(entry):
                known = tools.setdefault(tool.name, tool)
                if known is not tool and not _same(known, tool):
                    raise ToolDefinitionError(
                        f"two tools are named {tool.name!r}: {_place(known)} and {_place(tool)}; "
                        "give one another name: @function_tool(name=...)"
                    )
    return tools


def find_tools(obj: object) -> list[FunctionTool[Any, Any]]:
    """The `@function_tool` methods of an object, bound to it.

    They come in the order of definition, those of base classes first. A subclass replaces a tool by
    a tool of the same attribute name, and takes it away by anything else of that name.
    """
    attributes: dict[str, object] = {}
    for cls in reversed(type(obj).__mro__):
        for name, value in vars(cls).items():
            inner = getattr(value, "__func__", value)
            if isinstance(inner, FunctionTool) or name in attributes:
                attributes[name] = value
    found: list[FunctionTool[Any, Any]] = []
    for value in attributes.values():
        inner = getattr(value, "__func__", value)
        if not isinstance(inner, FunctionTool):
            continue
        if isinstance(value, staticmethod):
            found.append(inner)
        elif isinstance(value, classmethod):
            found.append(inner.__get__(type(obj)))
        else:
            found.append(inner.__get__(obj))
    return found


def _tools_of(entry: Any) -> Iterable[Tool]:
    if isinstance(entry, Toolset):
        return entry.tools
    if isinstance(entry, Tool):
        return (entry,)
    if callable(entry) and not isinstance(entry, type):
        return (function_tool(entry),)
    raise ToolDefinitionError(
        f"{entry!r} is not a tool; `tools` takes functions, `@function_tool` functions and toolsets"
    )


def _same(one: Tool, other: Tool) -> bool:
    return isinstance(one, FunctionTool) and one.same_as(other)


def _place(tool: Tool) -> str:
    return tool.where if isinstance(tool, FunctionTool) else repr(tool)
