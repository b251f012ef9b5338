"""Tools: what an agent's LLM may call."""

from .arguments import ToolArgumentsError
from .definition import OnDuplicate, ToolFlag
from .output import output_text
from .tool import FunctionTool, Tool, Validated, function_tool, return_agents
from .toolset import (
    Toolset,
    ToolSource,
    collect_tools,
    find_tools,
    merge_tools,
    tool_entries,
    tool_sets,
)

__all__ = [
    "FunctionTool",
    "OnDuplicate",
    "Tool",
    "ToolArgumentsError",
    "ToolFlag",
    "ToolSource",
    "Toolset",
    "Validated",
    "collect_tools",
    "find_tools",
    "function_tool",
    "merge_tools",
    "output_text",
    "return_agents",
    "tool_entries",
    "tool_sets",
]
