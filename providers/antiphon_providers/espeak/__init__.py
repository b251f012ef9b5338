"""espeak: a synthetic voice in a hundred languages, from espeak-ng, with no key and no download.

The model is a language (`en-us`), the variant one of espeak's own voices: `"espeak/en-us:f3"`. It
runs in a worker process of its own. espeak-ng is under the GPL, version 3 or later; it comes with
the package `espeakng-loader`, which the extra `antiphon[espeak]` installs and `antiphon[all]` does
not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from antiphon.hookspecs import hookimpl
from antiphon.provider import SEAM, BuildEnv, Provider, Ref, Slot, setting

if TYPE_CHECKING:
    from antiphon.tts import TTSCapabilities

    from .tts import EspeakTTS

_LANGUAGE = "en-us"
_LANGUAGES = (
    *("en-us", "en-gb", "en-gb-scotland", "de", "fr-fr", "es", "es-419", "it", "pt-br", "pt", "nl"),
    *("pl", "sv", "da", "nb", "fi", "cs", "hu", "ro", "el", "tr", "uk", "ru", "ar", "hi", "cmn"),
)
_VOICES = (
    *("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"),
    *("klatt", "klatt2", "klatt3", "klatt4", "klatt5", "klatt6", "croak", "whisper", "whisperf"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TTSSettings:
    """How it speaks."""

    speed: int = setting(165, ge=80, le=450, unit="words per minute", help="how fast it speaks")
    pitch: int = setting(50, ge=0, le=99, help="50 is the voice's own")
    volume: int = setting(100, ge=0, le=200, unit="%", help="above 140 loud vowels are clipped")
    word_gap: float = setting(0.0, ge=0.0, le=1.0, unit="s", help="a pause added after each word")


def _tts(ref: Ref, settings: TTSSettings, env: BuildEnv) -> EspeakTTS:
    from .tts import EspeakTTS

    return EspeakTTS(ref.model or _LANGUAGE, ref.variant, settings, env)


def _capabilities(ref: Ref, settings: TTSSettings) -> TTSCapabilities:
    # Imported here: the worker imports this module too, and has no use for asyncio.
    from antiphon.tts import TTSCapabilities

    return TTSCapabilities(word_times=True, sample_rates=(22050,), voices=_VOICES)


@hookimpl
def antiphon_provider() -> Provider:
    """Describes the provider."""
    return Provider(
        "espeak",
        seam=SEAM,
        title="espeak-ng",
        docs="https://github.com/espeak-ng/espeak-ng",
        requires=("espeakng-loader",),
        install='pip install "antiphon[espeak]"',
        stand_in="a synthetic voice",
        tts=Slot(
            _tts,
            settings=TTSSettings,
            default=_LANGUAGE,
            models=_LANGUAGES,
            voices=_VOICES,
            capabilities=_capabilities,
        ),
    )
