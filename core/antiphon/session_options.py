"""The options of a session, checked: what `AgentSession(…)` hands to the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .conn_options import SessionConnectOptions
from .errors import ConfigurationError
from .given import Maybe, NotGiven
from .turn_handling import TurnHandling


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """How a conversation is led. `AgentSession` documents each; raises `ConfigurationError`."""

    turn_handling: TurnHandling = field(default_factory=TurnHandling)
    tools: tuple[Any, ...] = ()
    max_tool_steps: int = 3
    tool_timeout: float | None = None
    max_tool_output: int | None = 50_000
    max_duration: float | None = None
    conn_options: SessionConnectOptions = field(default_factory=SessionConnectOptions)
    user_away_timeout: float | None = 15.0
    aec_warmup_duration: float | None = None
    dtmf_timeout: float | None = 2.0
    tts_text_transforms: tuple[Any, ...] = ()
    """As `antiphon.text_transforms.resolve` gives them."""
    seed: int | None = None

    def __post_init__(self) -> None:
        check_tool_limits(self.max_tool_steps, self.tool_timeout)
        if self.max_tool_output is not None and self.max_tool_output < 1:
            raise ConfigurationError(
                f"max_tool_output is {self.max_tool_output}; "
                "give characters, 1 or more, or None for no limit"
            )
        for name in ("aec_warmup_duration", "dtmf_timeout"):
            seconds = getattr(self, name)
            if seconds is not None and not seconds >= 0:
                raise ConfigurationError(f"{name} is {seconds}; give seconds, 0 or more, or None")
        if self.max_duration is not None and not self.max_duration > 0:
            raise ConfigurationError(
                f"max_duration is {self.max_duration}; "
                "give seconds, more than 0, or None for no limit"
            )


def check_tool_limits(max_tool_steps: Maybe[int], tool_timeout: Maybe[float | None]) -> None:
    """Raises `ConfigurationError` for limits that make no sense."""
    if not isinstance(max_tool_steps, NotGiven) and max_tool_steps < 0:
        raise ConfigurationError(
            f"max_tool_steps is {max_tool_steps}; give 0 for no tools, or the rounds allowed"
        )
    if tool_timeout is None or isinstance(tool_timeout, NotGiven):
        return
    if not tool_timeout > 0:
        raise ConfigurationError(
            f"tool_timeout is {tool_timeout}; give seconds, more than 0, or None for no limit"
        )
