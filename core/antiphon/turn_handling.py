"""How turns end and how speech may be interrupted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeVar, get_args

from .errors import SettingError, did_you_mean
from .options import options_of

TurnDetection: TypeAlias = Literal["stt", "turn_detector", "vad", "manual"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpointing:
    """When a pause ends the user's turn. Times count from the last voiced sample. None: inherit."""

    min_delay: float | None = None
    """Seconds of silence after which the turn ends (0.5)."""
    max_delay: float | None = None
    """Seconds to wait when the turn detector says that the user has not finished (3.0)."""
    mode: Literal["fixed", "adaptive"] | None = None
    """`adaptive` moves the delay between the two with the pauses that this user makes (`fixed`)."""

    def __post_init__(self) -> None:
        _not_negative(self, "min_delay", "max_delay")
        _one_of(self, "mode", ("fixed", "adaptive"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruption:
    """When the user's speech stops the agent's. None: inherit."""

    enabled: bool | None = None
    """Whether it does at all (True)."""
    min_duration: float | None = None
    """Seconds of user speech that pause the agent (0.5)."""
    min_words: int | None = None
    """Words it takes to turn the pause into an interruption (0: any word)."""
    ignore_words: tuple[str, ...] | None = None
    """Words that never interrupt, e.g. `("mhm", "yeah")` (none)."""
    resume_false_interruption: bool | None = None
    """Whether the agent goes on from the same sample when no words follow (True)."""
    false_interruption_timeout: float | None = None
    """Seconds after the end of the user's speech until it does (2.0)."""

    def __post_init__(self) -> None:
        _not_negative(self, "min_duration", "min_words", "false_interruption_timeout")
        if isinstance(self.ignore_words, str):
            raise SettingError(
                f"Interruption(ignore_words={self.ignore_words!r}) is one text; give words: "
                f"ignore_words=({self.ignore_words!r},)"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTurnLimit:
    """How long the user may speak before the agent cuts in. None: inherit, at last no limit.

    Both count from the last time the agent was heard: several turns in a row that found no
    answer count as one. What happens then is `Agent.on_user_turn_exceeded`.
    """

    max_words: int | None = None
    """Words, interim ones included."""
    max_duration: float | None = None
    """Seconds of a turn, with the pauses in it."""

    def __post_init__(self) -> None:
        for name in ("max_words", "max_duration"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingError(
                    f"UserTurnLimit({name}={value!r}) allows no turn; give more than 0, or None "
                    "for no limit"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnHandling:
    """Turn-taking of a session or an agent; a field of an agent that is None inherits the
    session's."""

    endpointing: Endpointing | Mapping[str, Any] | None = None
    interruption: Interruption | Mapping[str, Any] | None = None
    turn_detection: TurnDetection | None = None
    """None: the STT's own turns, else a turn detector with VAD, else VAD, else manual."""
    preemptive_generation: bool | None = None
    """Start the LLM before the turn has surely ended (False)."""
    user_turn_limit: UserTurnLimit | Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "endpointing", options_of(Endpointing, self.endpointing))
        object.__setattr__(self, "interruption", options_of(Interruption, self.interruption))
        object.__setattr__(self, "user_turn_limit", options_of(UserTurnLimit, self.user_turn_limit))
        _one_of(self, "turn_detection", get_args(TurnDetection))
        _one_of(self, "preemptive_generation", (True, False))

    @classmethod
    def of(cls, value: TurnHandling | Mapping[str, Any] | None) -> TurnHandling:
        """From the object itself, from a dict with the same keys, or from None."""
        return options_of(cls, value)


@dataclass(frozen=True, slots=True)
class Turns:
    """The settings in force, every one of them decided."""

    min_delay: float = 0.5
    max_delay: float = 3.0
    mode: Literal["fixed", "adaptive"] = "fixed"
    interruptions: bool = True
    min_duration: float = 0.5
    min_words: int = 0
    ignore_words: frozenset[str] = frozenset()
    resume_false_interruption: bool = True
    false_interruption_timeout: float = 2.0
    turn_detection: TurnDetection | None = None
    preemptive_generation: bool = False
    max_words: int | None = None
    max_duration: float | None = None


def resolve(*layers: TurnHandling | None) -> Turns:
    """The settings in force: of each field the first of `layers` that gives it, else the
    default."""

    def first(pick: Any, default: T) -> T:
        for layer in layers:
            if layer is not None:
                value = pick(layer)
                if value is not None:
                    return value  # type: ignore[no-any-return]
        return default

    base = Turns()
    ignored: tuple[str, ...] = first(lambda t: t.interruption.ignore_words, ())
    return Turns(
        min_delay=first(lambda t: t.endpointing.min_delay, base.min_delay),
        max_delay=first(lambda t: t.endpointing.max_delay, base.max_delay),
        mode=first(lambda t: t.endpointing.mode, base.mode),
        interruptions=first(lambda t: t.interruption.enabled, base.interruptions),
        min_duration=first(lambda t: t.interruption.min_duration, base.min_duration),
        min_words=first(lambda t: t.interruption.min_words, base.min_words),
        ignore_words=frozenset(word.lower() for word in ignored),
        resume_false_interruption=first(
            lambda t: t.interruption.resume_false_interruption, base.resume_false_interruption
        ),
        false_interruption_timeout=first(
            lambda t: t.interruption.false_interruption_timeout, base.false_interruption_timeout
        ),
        turn_detection=first(lambda t: t.turn_detection, base.turn_detection),
        preemptive_generation=first(lambda t: t.preemptive_generation, base.preemptive_generation),
        max_words=first(lambda t: t.user_turn_limit.max_words, base.max_words),
        max_duration=first(lambda t: t.user_turn_limit.max_duration, base.max_duration),
    )


def _not_negative(options: object, *names: str) -> None:
    for name in names:
        value = getattr(options, name)
        if value is not None and not value >= 0:
            raise SettingError(
                f"{type(options).__name__}({name}={value!r}) is below 0; give 0 or more"
            )


def _one_of(options: object, name: str, allowed: Sequence[Any]) -> None:
    value = getattr(options, name)
    if value is None or any(value is each or value == each for each in allowed):
        return
    raise SettingError(
        f"{type(options).__name__}({name}={value!r}) is not one of "
        f"{', '.join(map(repr, allowed))}" + did_you_mean(str(value), [str(a) for a in allowed])
    )
