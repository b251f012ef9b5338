"""Chaos: faults by string. `"chaos/…"` is any other model string, with the faults of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from antiphon.hookspecs import hookimpl
from antiphon.model import Model
from antiphon.provider import SEAM, BuildEnv, Provider, Ref, Slot, setting

if TYPE_CHECKING:
    from .llm import ChaosLLM
    from .stt import ChaosSTT
    from .tts import ChaosTTS
    from .turn_detector import ChaosTurnDetector
    from .vad import ChaosVAD


_Late: TypeAlias = Literal["ok", "drop", "stall", "slow"]
_OfCall: TypeAlias = Literal[_Late, "rate_limit", "reject"]
_OfStream: TypeAlias = Literal[_OfCall, "truncate", "garble"]
_Any: TypeAlias = Literal[_OfStream, "corrupt"]


def _script() -> Any:
    return setting((), help="what happens in the first calls, one after the other; then chance")


def _share(help: str) -> Any:
    return setting(0.0, ge=0.0, le=1.0, help=help)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonSettings:
    """What every slot has: each fault comes in this share of the calls, from 0 to 1."""

    drop: float = _share("the connection is lost in mid-stream")
    stall: float = _share("in mid-stream nothing comes for `stall_for` seconds")
    stall_for: float = setting(3.0, ge=0.0, unit="s", help="how long a stall is")
    slow: float = _share("the first output comes `slow_by` seconds later")
    slow_by: float = setting(1.0, ge=0.0, unit="s", help="how late it is")
    seed: int | None = setting(
        None, help="what chance goes by; when not given, the seed of the loop of virtual time, or 0"
    )
    settings: Mapping[str, Any] | None = setting(
        None, help="the settings of the model that is wrapped"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _RequestSettings(CommonSettings):
    rate_limit: float = _share("the call is refused: too many requests")
    reject: float = _share("the call is refused: wrong in itself, and not worth a second try")


@dataclass(frozen=True, slots=True, kw_only=True)
class _StreamSettings(_RequestSettings):
    truncate: float = _share("the stream ends too early, without an error")
    garble: float = _share("output comes in awkward pieces, such as half a letter")
    after: int | None = setting(
        None,
        ge=0,
        help="outputs before a drop, a stall or a truncation; when not given, 1 to 5 by chance",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMSettings(_StreamSettings):
    """The faults of an LLM."""

    corrupt: float = _share("the arguments of tool calls are damaged JSON")
    script: tuple[_Any, ...] = _script()


@dataclass(frozen=True, slots=True, kw_only=True)
class TTSSettings(_StreamSettings):
    """The faults of a voice."""

    corrupt: float = _share("a piece of audio ends in the middle of a sample")
    script: tuple[_Any, ...] = _script()


@dataclass(frozen=True, slots=True, kw_only=True)
class STTSettings(_StreamSettings):
    """The faults of a speech recognition."""

    script: tuple[_OfStream, ...] = _script()


@dataclass(frozen=True, slots=True, kw_only=True)
class VADSettings(CommonSettings):
    """The faults of a voice activity detection."""

    after: int | None = setting(
        None, ge=0, help="events before a drop or a stall; when not given, 1 to 5 by chance"
    )
    script: tuple[_Late, ...] = setting(
        (), help="what happens in the first streams, one after the other; then chance"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDetectorSettings(_RequestSettings):
    """The faults of a turn detector."""

    corrupt: float = _share("the probability is none: not a number, or outside of 0 to 1")
    script: tuple[Literal[_OfCall, "corrupt"], ...] = _script()


def _wrapped(ref: Ref, settings: CommonSettings) -> Model:
    return Model(ref.model or "", **(settings.settings or {}))


def _stt(ref: Ref, settings: STTSettings, env: BuildEnv) -> ChaosSTT:
    from .stt import ChaosSTT

    return ChaosSTT(env.build(_wrapped(ref, settings), "stt"), ref.model or "", settings)


def _llm(ref: Ref, settings: LLMSettings, env: BuildEnv) -> ChaosLLM:
    from .llm import ChaosLLM

    return ChaosLLM(env.build(_wrapped(ref, settings), "llm"), ref.model or "", settings)


def _tts(ref: Ref, settings: TTSSettings, env: BuildEnv) -> ChaosTTS:
    from .tts import ChaosTTS

    return ChaosTTS(env.build(_wrapped(ref, settings), "tts"), ref.model or "", settings)


def _vad(ref: Ref, settings: VADSettings, env: BuildEnv) -> ChaosVAD:
    from .vad import ChaosVAD

    return ChaosVAD(env.build(_wrapped(ref, settings), "vad"), ref.model or "", settings)


def _turn_detector(ref: Ref, settings: TurnDetectorSettings, env: BuildEnv) -> ChaosTurnDetector:
    from .turn_detector import ChaosTurnDetector

    wrapped = env.build(_wrapped(ref, settings), "turn_detector")
    return ChaosTurnDetector(wrapped, ref.model or "", settings)


@hookimpl
def antiphon_provider() -> Provider:
    """Describes the provider."""
    return Provider(
        "chaos",
        seam=SEAM,
        title="Chaos (any other model, with faults)",
        docs="docs/providers.md",
        stt=Slot(_stt, settings=STTSettings, wraps=True),
        llm=Slot(_llm, settings=LLMSettings, wraps=True),
        tts=Slot(_tts, settings=TTSSettings, wraps=True),
        vad=Slot(_vad, settings=VADSettings, wraps=True),
        turn_detector=Slot(_turn_detector, settings=TurnDetectorSettings, wraps=True),
    )
