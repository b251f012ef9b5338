"""A plan of one conversation: what people, models and providers do, and when.

A plan is data. Its `repr` is the Python that makes it again, so that a failing case can be pasted
into `test_found.py`. `stage.py` plays it, `strategies.py` draws it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeAlias


class _Brief:
    """Shows only what is not the default."""

    def __repr__(self) -> str:
        shown = [
            f"{spec.name}={value!r}"
            for spec in fields(self)  # type: ignore[arg-type]
            if (value := getattr(self, spec.name)) != spec.default
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


# Deeds: what user code does in a hook, a tool, a listener, or from outside of any.


@dataclass(frozen=True, repr=False)
class Say(_Brief):
    """`session.say`."""

    words: int = 2
    wait: bool = False
    interruptible: bool = True
    pieces: bool = False
    """Given as an async iterable, a word each 0.1 s."""
    recorded: bool = True


@dataclass(frozen=True, repr=False)
class Ask(_Brief):
    """`session.generate_reply`."""

    wait: bool = False
    user_input: bool = False
    interruptible: bool = True
    tools: bool = False
    """Tools are on, inside a tool too."""


@dataclass(frozen=True, repr=False)
class Move(_Brief):
    """`session.update_agent`, to the agent of that number."""

    to: int = 1
    wait: bool = False


@dataclass(frozen=True, repr=False)
class Stop(_Brief):
    """`session.interrupt`."""

    force: bool = False


@dataclass(frozen=True, repr=False)
class StopOne(_Brief):
    """Interrupts one of the speeches made so far, counted from the last one."""

    back: int = 0
    force: bool = True


@dataclass(frozen=True, repr=False)
class Await(_Brief):
    """Awaits one of the speeches made so far, counted from the last one."""

    back: int = 0


@dataclass(frozen=True, repr=False)
class Commit(_Brief):
    """`session.commit_user_turn`."""


@dataclass(frozen=True, repr=False)
class Clear(_Brief):
    """`session.clear_user_turn`."""


@dataclass(frozen=True, repr=False)
class Sleep(_Brief):
    """Takes its time."""

    seconds: float = 0.5


@dataclass(frozen=True, repr=False)
class Raise(_Brief):
    """Raises, and ends the deeds."""

    what: Literal["error", "stop", "cancelled"] = "error"


@dataclass(frozen=True, repr=False)
class Shutdown(_Brief):
    """`session.shutdown`."""

    drain: bool = True


@dataclass(frozen=True, repr=False)
class CancelReply(_Brief):
    """A listener of `function_tools_executed` cancels the reply."""


@dataclass(frozen=True, repr=False)
class CancelHandoff(_Brief):
    """A listener of `function_tools_executed` cancels the hand-off."""


@dataclass(frozen=True, repr=False)
class Errand(_Brief):
    """Awaits an `AgentTask`, where that is allowed."""

    ends: Literal["enter", "later", "tool", "turn", "error", "cancel", "dropped", "never"] = "enter"
    """When it is complete: in `on_enter`, 1.5 s later, by a tool, by a user turn; with an error,
    cancelled, by an await that is given up after 1 s, or never."""
    enter: tuple[Deed, ...] = ()
    exit: tuple[Deed, ...] = ()
    kept: bool = False
    """`preserve_function_call_history`."""


Deed: TypeAlias = (
    Say
    | Errand
    | Ask
    | Move
    | Stop
    | StopOne
    | Await
    | Commit
    | Clear
    | Sleep
    | Raise
    | Shutdown
    | CancelReply
    | CancelHandoff
)
Deeds: TypeAlias = tuple[Deed, ...]

# What the caller does.


@dataclass(frozen=True, repr=False)
class Speak(_Brief):
    """Says words, as soon as nothing else is being said."""

    words: int = 3
    pace: float = 0.3
    """Seconds per word."""


@dataclass(frozen=True, repr=False)
class Mumble(_Brief):
    """Makes a sound without words."""

    seconds: float = 0.6


@dataclass(frozen=True, repr=False)
class Type(_Brief):
    """Types a line."""


@dataclass(frozen=True, repr=False)
class HangUp(_Brief):
    """Ends the call."""


@dataclass(frozen=True, repr=False)
class Aclose(_Brief):
    """`await session.aclose()`, from outside."""


Action: TypeAlias = Deed | Speak | Mumble | Type | HangUp | Aclose

# What an LLM writes, and what its tools give.

Gives: TypeAlias = Literal[
    "nothing",
    "text",
    "falsy",
    "agent",
    "agent and text",
    "two agents",
    "fresh",
    "full",
    "last:3",
    "heard",
    "function",
    "broken function",
    "tool error",
    "stop",
    "raises",
    "never",
]
"""`fresh` to `broken function`: a hand-off with that context."""

Kind: TypeAlias = Literal[
    "plain", "fragile", "single", "replaced", "limited", "sync", "unknown", "garbled"
]
"""`fragile` has `cancel_on_interruption`, `single` and `replaced` an `on_duplicate`, `limited` a
timeout of 1 s; `unknown` is no tool at all, `garbled` a call that cannot be read."""


@dataclass(frozen=True, repr=False)
class Work(_Brief):
    """One call of a tool."""

    gives: Gives = "text"
    kind: Kind = "plain"
    to: int = 1
    deeds: Deeds = ()


Fault: TypeAlias = Literal["refused", "broken", "cut", "stall"]
"""Not retryable, retryable, an end without an end marker (LLM only), or silence."""


@dataclass(frozen=True, repr=False)
class Answer(_Brief):
    """One answer of the LLM."""

    words: int = 3
    work: tuple[Work, ...] = ()
    tail: int = 0
    """Words after the calls."""
    fault: Fault | None = None
    after: int = 0
    """Pieces before the fault."""
    slow: float = 0.0
    """Seconds more until the first piece."""


@dataclass(frozen=True, repr=False)
class Trouble(_Brief):
    """A fault of one call of a TTS or an STT."""

    call: int = 1
    fault: Fault = "broken"
    after: float = 0.0
    """Seconds of audio before it."""


@dataclass(frozen=True, repr=False)
class Person(_Brief):
    """An agent."""

    enter: Deeds | None = ()
    exit: Deeds | None = ()
    turn: Deeds | None = None
    """`on_enter`, `on_exit`, `on_user_turn_completed`; None: not overridden."""
    voice: Literal["shared", "own", "none"] = "shared"
    ears: Literal["shared", "own"] = "shared"
    node: bool = False
    """Has an `llm_node` that wraps the default one."""


@dataclass(frozen=True, repr=False)
class Ear(_Brief):
    """A listener that acts once, at the `nth` event of that name."""

    event: str = "agent_state_changed"
    nth: int = 1
    deeds: Deeds = ()


@dataclass(frozen=True, repr=False)
class World(_Brief):
    """What does not change during the conversation."""

    audio: bool = True
    pause: Literal["native", "emulated"] = "native"
    position: Literal["exact", "reported", "estimated"] = "exact"
    detection: Literal["vad", "stt", "stt only", "turn_detector", "manual"] = "vad"
    stt_latency: float = 0.2
    flush_latency: float = 0.0
    partials: bool = True
    stt_words: bool = True
    tts_words: bool = True
    first_byte: float = 0.2
    first_token: float = 0.1
    total: float = 0.3
    min_words: int = 0
    resume: bool = True
    interruptions: bool = True
    preemptive: bool = False
    """`preemptive_generation`, with an STT that announces likely ends of turns."""
    max_tool_steps: int = 3


@dataclass(frozen=True, repr=False)
class Plan(_Brief):
    """One conversation."""

    world: World = World()
    people: tuple[Person, ...] = (Person(), Person())
    actions: tuple[tuple[float, Action], ...] = ()
    """When (seconds from the start), and what."""
    answers: tuple[Answer, ...] = ()
    """One per LLM request; `Answer()` when they run out."""
    tts: tuple[Trouble, ...] = ()
    stt: tuple[Trouble, ...] = ()
    ears: tuple[Ear, ...] = ()
    seed: int = 0
