"""Cancelling: the tool by which a model takes back a call that runs in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import ToolError
from ..tools import FunctionTool, Tool, ToolFlag, function_tool

if TYPE_CHECKING:
    from ..agent import Agent
    from .steps import Call

NAME = "cancel_running_tool"
"""What the model calls it. An agent's own tool of that name takes its place."""
BOUND = 5.0
"""Seconds that a cancelled call has to end before the model is answered."""


def with_cancel(tools: dict[str, Tool], running: Iterable[Call], agent: Agent) -> dict[str, Tool]:
    """The tools of a step, with one more while calls run in the background that may be cancelled.

    Those are calls of `agent`'s tools with `ToolFlag.CANCELLABLE` that an interruption has
    detached from their reply.
    """
    calls = [call for call in running if _may_be_cancelled(call, agent)]
    if not calls or NAME in tools:
        return tools
    return {**tools, NAME: _cancel_tool(_named(calls))}


def _may_be_cancelled(call: Call, agent: Agent) -> bool:
    tool = call.tool
    return (
        tool is not None
        and ToolFlag.CANCELLABLE in tool.flags
        and call.outcome is None
        and call.step.detached
        and call.step.agent is agent
    )


def _named(calls: list[Call]) -> dict[str, Call]:
    """The calls by the tool's name, counted where one runs several times."""
    named: dict[str, Call] = {}
    for call in calls:
        name, count = call.item.name, 1
        while name in named:
            count += 1
            name = f"{call.item.name} {count}"
        named[name] = call
    return named


def _cancel_tool(named: dict[str, Call]) -> FunctionTool[Any, Any]:
    async def cancel(raw_arguments: dict[str, object]) -> str:
        name = str(raw_arguments["call"])
        call = named[name]
        if call.outcome is not None or call.task is None or call.task.done():
            raise ToolError(f"{name!r} has ended already")
        call.task.cancel()
        await asyncio.wait({call.task}, timeout=BOUND)
        return f"{name!r} is cancelled"

    listed = "\n".join(f"- {name}: {call.item.arguments}" for name, call in named.items())
    return function_tool(
        cancel,
        name=NAME,
        raw_schema={
            "description": (
                "Cancels a tool that still runs, when the user does not want its result any "
                f"more. Running, with their arguments:\n{listed}"
            ),
            "parameters": {
                "type": "object",
                "properties": {"call": {"type": "string", "enum": list(named)}},
                "required": ["call"],
                "additionalProperties": False,
            },
        },
    )
