"""Silero: voice activity detection on the machine itself, from the ONNX file of `silero-vad`."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING

from antiphon.errors import ModelStringError
from antiphon.hookspecs import hookimpl
from antiphon.provider import SEAM, BuildEnv, Provider, Ref, Slot, setting
from antiphon.vad import VADCapabilities

if TYPE_CHECKING:
    from .vad import SileroVAD

_MODEL = "v6"


@dataclass(frozen=True, slots=True, kw_only=True)
class VADSettings:
    """When a probability becomes speech, and when it stops being speech."""

    threshold: float = setting(
        0.5, ge=0.0, le=1.0, help="a window of at least this probability is voiced"
    )
    negative_threshold: float | None = setting(
        None,
        ge=0.0,
        le=1.0,
        help="silence begins with a window below this probability; "
        "when not given, threshold - 0.15, but at least half of threshold",
    )
    min_speech: float = setting(
        0.1,
        ge=0.0,
        le=5.0,
        unit="s",
        help="voiced sound shorter than this is no speech; a short 'no' lasts about 0.3 s",
    )
    min_silence: float = setting(
        0.44,
        ge=0.0,
        le=10.0,
        unit="s",
        help="speech ends after this much silence; below 0.416 words are cut at their stops",
    )
    speech_pad: float = setting(
        0.03,
        ge=0.0,
        le=1.0,
        unit="s",
        help="the start of speech is reported this much before its first voiced window",
    )


def _vad(ref: Ref, settings: VADSettings, env: BuildEnv) -> SileroVAD:
    if ref.model not in (None, _MODEL):
        raise ModelStringError(
            f"silero has no model {ref.model!r}; it has one, {_MODEL!r}: write 'silero'"
        )
    from .vad import SileroVAD

    return SileroVAD(settings)


def _install() -> str:
    """The command for what is missing: `silero-vad` at least, else nobody asks."""
    # Without --no-deps pip would bring torch along (5.3 GB on Linux), which nothing here needs.
    command = 'pip install --no-deps "silero-vad>=6.2,<7"'
    if importlib.util.find_spec("onnxruntime") is None:
        return f'pip install "antiphon[silero]" && {command}'
    return command


@hookimpl
def antiphon_provider() -> Provider:
    """Describes the provider."""
    return Provider(
        "silero",
        seam=SEAM,
        title="Silero VAD",
        docs="docs/install.md",
        requires=("onnxruntime", "silero-vad"),
        install=_install(),
        vad=Slot(
            _vad,
            settings=VADSettings,
            default=_MODEL,
            models=(_MODEL,),
            capabilities=VADCapabilities(sample_rates=(16000, 8000)),
        ),
    )
