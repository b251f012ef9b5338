"""Hand-offs: what a tool returns to pass the conversation to another agent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from .chat import ChatContext
from .errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from .agent import Agent

ContextChoice: TypeAlias = str | Callable[[ChatContext], ChatContext]
"""`"fresh"`, `"full"`, `"last:N"`, `"heard"`, `"summary"`, or a function from the old context to
the new one."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """What `handoff(...)` returns."""

    agent: Agent
    returns: Any = None
    context: ContextChoice | None = None


def handoff(agent: Agent, *, returns: Any = None, context: ContextChoice | None = None) -> Handoff:
    """Passes the conversation to `agent`; to be returned by a tool.

    `returns` is the output of the call: unless it is None, the old agent answers it before it
    leaves.
    `context` says what the new agent is shown of the conversation so far, evaluated at the switch;
    None leaves the context it was made with (`"fresh"` for one made without). A `"summary"` is made
    by the old agent's LLM while its last words are played; an agent that is active before it is
    there is shown the messages themselves, until it comes.

    Raises `ConfigurationError` for a context that is none of these, and for what is no agent.
    """
    from .agent import check_agent

    check_agent(agent, "handoff(…)")
    if isinstance(context, str):
        _check(context)
    return Handoff(agent, returns, context)


_NAMES = ("fresh", "full", "heard", "last:N", "summary")


def _check(context: str) -> None:
    if context in ("fresh", "full", "heard", "summary"):
        return
    name, _, count = context.partition(":")
    if name == "last" and count.isdigit() and int(count) > 0:
        return
    raise ConfigurationError(
        f"a hand-off has no context {context!r} (it has: {', '.join(_NAMES)})"
        + did_you_mean(context, _NAMES)
    )


def select_context(choice: ContextChoice, old: ChatContext) -> ChatContext:
    """The part of `old` that `choice` means, as a new context without instructions."""
    if callable(choice):
        chosen = choice(old.copy())
        if not isinstance(chosen, ChatContext):
            raise TypeError(f"it returned {chosen!r}; it must return a ChatContext")
        return chosen
    if choice == "fresh":
        return ChatContext.empty()
    full = old.copy(exclude_instructions=True)
    if choice == "full":
        return full
    if choice == "heard":
        return ChatContext(full.messages())
    full.truncate(int(choice.partition(":")[2]))
    return full
