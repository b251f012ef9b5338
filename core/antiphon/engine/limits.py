"""Limits of a conversation: rounds and seconds of tools, length of outputs, its own duration."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from ..agent import Agent, lineage
from ..given import NotGiven
from ..tools import FunctionTool

if TYPE_CHECKING:
    from typing import Any

    from .conversation import Conversation


class Limits:
    """What holds for an agent: its own limits, else those of who awaits it, else the session's."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """The conversation has begun: it may last so long."""
        duration = self._c.options.max_duration
        if duration is not None:
            self._timer = self._c.loop.call_later(duration, self._c.post, self._over)

    def _over(self) -> None:
        self._timer = None
        self._c.log.info("the session has lasted %g s; it closes", self._c.options.max_duration)
        self._c.closing.begin("max_duration", drain=True)

    def close(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def max_tool_steps(self, agent: Agent) -> int:
        """Rounds of tools in a reply of this agent."""
        for each in lineage(agent):
            if not isinstance(each._max_tool_steps, NotGiven):
                return each._max_tool_steps
        return self._c.options.max_tool_steps

    def tool_timeout(self, agent: Agent, tool: FunctionTool[Any, Any]) -> float | None:
        """Seconds that a call of this tool may take, or None."""
        limit = tool.timeout
        if limit is None:
            limit = self._c.options.tool_timeout
            for each in lineage(agent):
                if not isinstance(each._tool_timeout, NotGiven):
                    limit = each._tool_timeout
                    break
        return None if limit is None or limit == math.inf else limit

    def cut(self, output: str) -> str:
        """An output as the model is shown it: one that is too long says how much was left out."""
        limit = self._c.options.max_tool_output
        if limit is None or len(output) <= limit:
            return output
        return f"{output[:limit]}\n[cut: these are the first {limit} of {len(output)} characters]"
