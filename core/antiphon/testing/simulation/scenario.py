"""Scenarios: what a caller does, what the models are, and what is expected of the agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ...provider import SlotName

Action: TypeAlias = Literal[
    "say", "type", "backchannel", "mumble", "noise", "press", "wait", "hang_up"
]
Moment: TypeAlias = Literal[
    "after_agent", "into_agent", "after_silence", "after_last", "after_words", "at"
]

FILE = "file"
"""For a slot: what the program itself names."""
NONE = "none"
"""For a slot: nothing, whatever the program names."""
SCRIPTED = "scripted"
"""The provider of scripted models that a simulation brings along."""
PLACE = "{file}"
"""In a model string: the model string that the program names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """The moment of a step."""

    moment: Moment = "after_agent"
    seconds: float = 0.8
    """How long after it; for `at`, since the beginning of the call."""
    words: str = ""
    """For `after_words`: what the agent has to be heard to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedCall:
    """A tool call that has to come."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Those that matter, with their values."""

    def __str__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({given})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the caller does, and what is expected until the next one."""

    number: int
    """Counts from 1."""
    action: Action
    text: str = ""
    """The words, the digits, or the reason of hanging up."""
    seconds: float | None = None
    """How long it takes; None: as long as the words do."""
    level: float = 0.1
    """Of noise: its amplitude, as a share of full scale."""
    when: When = When()
    hears: tuple[str, ...] = ()
    hears_not: tuple[str, ...] = ()
    hears_match: str | None = None
    calls: tuple[ExpectedCall, ...] = ()
    agent: str | None = None
    within: float | None = None

    def __str__(self) -> str:
        if self.action in ("say", "type", "backchannel", "press"):
            return f"step {self.number} ({self.action} {self.text!r})"
        return f"step {self.number} ({self.action})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerOptions:
    """How the caller is."""

    audio: bool = True
    """False: types only, and reads the answers."""
    words_per_second: float = 2.5
    jitter: float = 0.3
    """Seconds by which each step comes later at the most; with seed 0 none does."""
    greeting: float = 3.0
    """Seconds that the agent has to begin by itself."""
    patience: float = 15.0
    """Seconds of silence after which the caller gives up waiting."""
    lingers: float = 1.0
    """Seconds of silence after the last answer until the caller hangs up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A line of the scripted LLM."""

    to: tuple[str, ...] = ()
    """Words in what it answers: the last user message, tool output, or instruction; none: any."""
    say: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Names and arguments of tools."""
    times: int | None = None
    """How often it may be given; None: always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotChoice:
    """What fills a slot."""

    string: str
    """`"file"`, `"none"`, or a model string, which may hold `{file}`."""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is expected of the call as a whole."""

    heard: tuple[str, ...] = ()
    heard_not: tuple[str, ...] = ()
    heard_match: str | None = None
    agent: str | None = None
    handoffs: tuple[str, ...] | None = None
    calls: tuple[ExpectedCall, ...] = ()
    calls_not: tuple[str, ...] = ()
    turns: int | None = None
    interruptions: int | None = None
    latency: float | None = None
    errors: int = 0
    recovered: int | None = None
    close: str | None = None
    lost_turns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scripted call."""

    name: str
    path: Path | None = None
    """The file it was read from."""
    limit: float = 600.0
    """Seconds of virtual time after which the call is broken off."""
    caller: CallerOptions = CallerOptions()
    slots: Mapping[SlotName, SlotChoice] = field(default_factory=dict)
    replies: tuple[Reply, ...] = ()
    steps: tuple[Step, ...] = ()
    expect: Expected = Expected()

    def choice(self, slot: SlotName) -> SlotChoice:
        """What fills a slot, the defaults included."""
        if slot in self.slots:
            return self.slots[slot]
        if slot == "llm":
            return SlotChoice(string=SCRIPTED if self.replies else FILE)
        return SlotChoice(string=NONE if slot == "turn_detector" else SCRIPTED)
