"""Scopes: which agent, and which reply, a piece of user code is running for."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .agent import Agent
    from .speech import SpeechHandle


class Scope:
    """One run of a tool or a hook. Speech asked for while it is open belongs to its agent."""

    __slots__ = (
        "agent",
        "awaited",
        "handle",
        "is_open",
        "kind",
        "led_task",
        "left",
        "name",
        "returned",
        "runtime",
    )

    def __init__(
        self,
        kind: Literal["tool", "on_enter", "on_exit", "on_user_turn_completed"],
        agent: Agent,
        *,
        name: str = "",
        handle: SpeechHandle | None = None,
    ) -> None:
        self.kind = kind
        self.agent = agent
        self.name = name or kind
        self.handle = handle
        """The reply that the tool or hook works for, or None."""
        self.runtime = agent._runtime
        """The conversation that it belongs to: in any other one its code counts as outside."""
        self.awaited: list[SpeechHandle] = []
        """The speeches that its code is waiting for."""
        self.is_open = True
        self.returned = False
        """The hook has returned. `on_enter`'s scope stays open for the tasks it has started."""
        self.led_task = False
        """A task that its code awaited has been talked to: the outputs come after that."""
        self.left = False
        """Its agent has been left: what its code still says is not voiced."""

    def __str__(self) -> str:
        what = f"tool {self.name!r}" if self.kind == "tool" else self.kind
        return f"{what} of agent {self.agent.id!r}"


current_scope: ContextVar[Scope | None] = ContextVar("antiphon_scope", default=None)
"""The scope of the running task or thread, or None outside of any."""


def scope_in(runtime: object) -> Scope | None:
    """The current scope if it belongs to that conversation, open or closed."""
    scope = current_scope.get()
    return scope if scope is not None and scope.runtime is runtime else None


def open_scope(runtime: object) -> Scope | None:
    """The same if it is still open."""
    scope = scope_in(runtime)
    return scope if scope is not None and scope.is_open else None
