"""What happened in one conversation, as far as the invariants need it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from antiphon.chat import ChatItem, ChatMessage
from antiphon.events import Event
from antiphon.speech import SpeechHandle

from .plan import Plan


@dataclass
class Said:
    """Something the caller said, typed, or put in by `generate_reply(user_input=)`."""

    words: list[str]
    ends: list[float]
    """When each word was said to its end."""
    typed: bool = False
    handle: SpeechHandle | None = None
    """Of `generate_reply`."""


@dataclass
class Request:
    """What an LLM was shown, and when."""

    at: float
    agent: str
    items: list[ChatItem]
    answer: list[str] = field(default_factory=list)
    """The words that the LLM wrote."""


@dataclass
class Wait:
    """User code waits for a speech, a switch or a silence."""

    what: str
    since: float
    until: float | None = None
    endless: bool = False
    """What it waits for never comes, by the plan."""


@dataclass
class Quiet:
    """How things stood when all had settled, before the session was closed."""

    agent_state: str
    user_state: str
    idle: bool
    undone: list[SpeechHandle]
    waits: list[Wait]


@dataclass
class Record:
    """What happened in one conversation."""

    plan: Plan
    events: list[tuple[float, Event]] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    """All events as text, for comparison."""
    pushes: list[tuple[float, str]] = field(default_factory=list)
    """When audio was pushed to the transport, and of which segment; in a row once."""
    requests: list[Request] = field(default_factory=list)
    streams: list[Any] = field(default_factory=list)
    hooks: list[tuple[float, str, str]] = field(default_factory=list)
    """When, `on_enter` or `on_exit`, of which agent."""
    said: list[Said] = field(default_factory=list)
    handles: list[SpeechHandle] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    clears: list[float] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    """When user code interrupted speech."""
    ends: list[tuple[float, str]] = field(default_factory=list)
    """When somebody ended the session, and how."""
    refusals: list[str] = field(default_factory=list)
    """What user code was told when it waited for what waits for it."""
    faults: list[str] = field(default_factory=list)
    """What went wrong where nothing may: errors that reached the loop, user code that got an error
    it must not get."""
    quiet: Quiet | None = None
    closed: bool = False
    left: list[str] = field(default_factory=list)
    """Tasks, timers and threads that were left after the end."""
    history: list[ChatItem] = field(default_factory=list)
    contexts: dict[str, list[ChatItem]] = field(default_factory=dict)
    current: str = ""
    heard: list[str] = field(default_factory=list)
    """The words that the caller heard whole, in order."""
    moves: int = 0
    ran: list[int] = field(default_factory=list)
    """The numbers of the works that tools have begun."""

    def of(self, name: str) -> list[tuple[float, Any]]:
        """The events of one name."""
        return [(at, event) for at, event in self.events if event.name == name]

    @property
    def closing_at(self) -> float:
        """When the end was decided."""
        times = [at for at, _ in self.ends]
        close = self.of("close")
        if close and close[0][1].reason == "error":
            fatal = [at for at, event in self.of("error") if not event.recoverable]
            times.append(fatal[-1] if fatal else close[0][0])
        elif close:
            times.append(close[0][0])
        return min(times, default=float("inf"))

    @property
    def messages(self) -> list[ChatMessage]:
        """The messages of the history."""
        return [item for item in self.history if isinstance(item, ChatMessage)]
