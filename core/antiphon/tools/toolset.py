"""The tools of an agent: gathering them, and `Toolset`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from ..errors import ToolDefinitionError
from .tool import FunctionTool, Tool, function_tool


class Toolset:
    """Tools that belong together, and are opened and closed together.

    The `@function_tool` methods of a subclass are among its tools. A subclass that learns its tools
    late (from a server, say) sets `self.tools` in `setup`, or whenever they change: they are read
    anew for every LLM step.

    A set that is given to several sessions of one loop at a time is set up with the first and
    closed with the last of them.
    """

    def __init__(self, *, id: str, tools: Iterable[ToolSource] = ()) -> None:
        self.id = id
        """Names the set in messages."""
        self._entries = tool_entries(tools)
        self.tools = list(collect_tools(tools, find_tools(self)).values())
        """The tools, in the order in which the model is shown them."""

    async def setup(self) -> None:
        """Opens what the tools need; until it has returned they are not offered.

        A session calls it once: at its start for its own sets and those of its first agent, where
        `start` waits for it and raises its error; for another agent when control is about to pass
        to it, beside the conversation, which goes on without these tools when it fails (an `error`
        event tells). It is called again when an agent whose set failed becomes active again.
        """

    async def aclose(self) -> None:
        """Closes what `setup` opened, however far that came; harmless when repeated.

        Called when the session closes, and when `update_tools` drops the set; it has 5 s.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {', '.join(tool.name for tool in self.tools)})"


ToolSource: TypeAlias = Tool | Toolset | Callable[..., Any]
"""What stands in a `tools=` list: a tool, a set of them, or a plain function."""


def tool_entries(*sources: ToolSource | Iterable[ToolSource]) -> tuple[Tool | Toolset, ...]:
    """The tools and the sets, in the order given; plain functions become tools, and the sets within
    a set come before it."""
    entries: list[Tool | Toolset] = []
    for source in sources:
        given: Iterable[Any] = [source]
        if not isinstance(source, Tool | Toolset) and isinstance(source, Iterable):
            given = source
        for entry in given:
            if isinstance(entry, Toolset):
                entries += [inner for inner in entry._entries if isinstance(inner, Toolset)]
                entries.append(entry)
            else:
                entries += _tools_of(entry)
    return tuple(entries)


def tool_sets(entries: Iterable[Tool | Toolset]) -> tuple[Toolset, ...]:
    """The sets among the entries, each once."""
    return tuple(dict.fromkeys(each for each in entries if isinstance(each, Toolset)))


def merge_tools(
    entries: Iterable[Tool | Toolset], usable: Callable[[Toolset], bool] = lambda _: True
) -> tuple[dict[str, Tool], list[ToolDefinitionError]]:
    """All tools by name, now, those of sets included that are `usable`.

    Unlike `collect_tools` it never fails: of two different tools with one name the first holds, and
    one that cannot be offered is left out; what is wrong is returned.
    """
    tools: dict[str, Tool] = {}
    problems: list[ToolDefinitionError] = []
    for entry in entries:
        if isinstance(entry, Tool):
            found: Iterable[Tool] = (entry,)
        elif usable(entry):
            found = entry.tools
        else:
            continue
        for tool in found:
            known = tools.get(tool.name)
            if known is not None:
                if known is not tool and not _same(known, tool):
                    problems.append(_clash(known, tool))
                continue
            try:
                prepare = getattr(tool, "prepare", None)
                if prepare is not None:
                    prepare()
            except ToolDefinitionError as error:
                problems.append(error)
            else:
                tools[tool.name] = tool
    return tools, problems


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
                    raise _clash(known, tool)
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


def _clash(one: Tool, other: Tool) -> ToolDefinitionError:
    return ToolDefinitionError(
        f"two tools are named {one.name!r}: {_place(one)} and {_place(other)}; "
        "give one another name: @function_tool(name=...)"
    )


def _same(one: Tool, other: Tool) -> bool:
    return isinstance(one, FunctionTool) and one.same_as(other)


def _place(tool: Tool) -> str:
    return tool.where if isinstance(tool, FunctionTool) else repr(tool)
