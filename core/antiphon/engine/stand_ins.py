"""Stand-ins: what a test runs in place of the tools of an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from ..agent import Agent
from ..tools import FunctionTool

AnyTool = FunctionTool[Any, Any]


class StandInSet:
    """Replacements for tools of one agent class, while it is entered."""

    def __init__(
        self, agent: type[Agent], replacements: Mapping[str, Callable[[AnyTool], AnyTool]]
    ) -> None:
        self.agent = agent
        self.replacements = replacements
        """By the name of the tool: makes the tool to be run instead of the real one."""
        self.task: asyncio.Task[Any] | None = None
        """The task that entered it: sessions started by that task are meant, before or after."""
        self.offered: dict[str, None] = {}
        """Tools that agents of the class had when they called one."""


entered: list[StandInSet] = []
"""Those in force anywhere, in order."""
visible: ContextVar[tuple[StandInSet, ...]] = ContextVar("antiphon_stand_ins", default=())
"""Those that were entered around the code that is running, or have been left since."""


class StandIns:
    """Which stand-ins hold for one conversation: those visible where it was started or given a run,
    and those that were entered by the task that started it.

    Not those visible where a tool is run: the task that does so may have been brought about by
    another conversation, through a timer that they share.
    """

    def __init__(self) -> None:
        self._seen: tuple[StandInSet, ...] = ()
        self._task = asyncio.current_task()
        self.look()

    def look(self) -> None:
        """Takes those into account that are visible now."""
        self._seen += tuple(each for each in visible.get() if each not in self._seen)

    def instead_of(self, tool: AnyTool, agent: Agent, offered: Mapping[str, Any]) -> AnyTool:
        """What is to be run for a call of `tool`: the one entered last wins, else the tool."""
        chosen: AnyTool | None = None
        for each in reversed(entered):
            if not isinstance(agent, each.agent):
                continue
            if each not in self._seen and (each.task is None or each.task is not self._task):
                continue
            each.offered.update(dict.fromkeys(offered))
            replace = each.replacements.get(tool.name)
            if chosen is None and replace is not None:
                chosen = replace(tool)
        return tool if chosen is None else chosen
