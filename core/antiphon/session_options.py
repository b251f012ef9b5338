"""The options of a session, checked: what `AgentSession(…)` hands to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .errors import ConfigurationError
from .turn_handling import TurnHandling


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a conversation is led. `AgentSession` documents each; raises `ConfigurationError`."""

    turn_handling: TurnHandling = field(default_factory=TurnHandling)
    tools: tuple[Any, ...] = ()
    max_tool_steps: int = 3
    user_away_timeout: float | None = 15.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.max_tool_steps < 0:
            raise ConfigurationError(
                f"max_tool_steps is {self.max_tool_steps}; "
                "give 0 for no tools, or the rounds allowed"
            )
