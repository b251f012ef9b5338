"""PocketSphinx: speech to text on the machine itself, for a small vocabulary and a clear voice."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from antiphon.errors import ModelStringError, SettingError
from antiphon.hookspecs import hookimpl
from antiphon.provider import SEAM, BuildEnv, Provider, Ref, Slot, setting
from antiphon.stt import STTCapabilities, Vocabulary

if TYPE_CHECKING:
    from .stt import PocketSphinxSTT

_MODEL = "en-us"
"""The acoustic model, dictionary and trigram that come in the package."""
_LANGUAGES = ("en-us", "en")


@dataclass(frozen=True, slots=True, kw_only=True)
class STTSettings:
    """What is recognised, and how it is written."""

    language: str = setting("en-us", help="only 'en-us'")
    vocabulary: Vocabulary | None = setting(
        None, help="what callers are likely to say: a model of its own is built from its phrases"
    )
    numbers: bool = setting(True, help="write numbers in figures: 'four zero one seven' as '4017'")
    partials: bool = setting(True, help="give the words so far while somebody is speaking")


def check_language(language: str) -> None:
    """Raises `SettingError` for a language that there is no model for."""
    if language.lower().replace("_", "-") not in _LANGUAGES:
        raise SettingError(
            f"pocketsphinx recognises American English ('en-us'), not {language!r}; "
            "for other languages take an STT of another provider (antiphon providers lists them)"
        )


def _stt(ref: Ref, settings: STTSettings, env: BuildEnv) -> PocketSphinxSTT:
    if ref.model not in (None, _MODEL):
        raise ModelStringError(
            f"pocketsphinx has no model {ref.model!r}; it has one, {_MODEL!r}: write 'pocketsphinx'"
        )
    check_language(ref.variant or settings.language)
    from .stt import PocketSphinxSTT

    return PocketSphinxSTT(settings, env)


def _capabilities(ref: Any, settings: Any) -> STTCapabilities:
    return STTCapabilities(
        streaming=True,
        interim=settings.partials if isinstance(settings, STTSettings) else True,
        word_times=True,
        vocabulary=True,
        sample_rates=(16000,),
        languages=("en-US",),
    )


def _install() -> str:
    if sys.version_info[:2] == (3, 12) or platform.machine() == "ARM64":
        # No wheel of 5.1 (and none for musl): the extra leaves it out, and this builds it from
        # source, with a C compiler.
        return 'pip install "pocketsphinx>=5.1.1,<6"'
    return 'pip install "antiphon[pocketsphinx]"'


@hookimpl
def antiphon_provider() -> Provider:
    """Describes the provider."""
    return Provider(
        "pocketsphinx",
        seam=SEAM,
        title="CMU PocketSphinx",
        docs="docs/install.md",
        requires=("pocketsphinx",),
        install=_install(),
        stt=Slot(
            _stt,
            settings=STTSettings,
            default=_MODEL,
            models=(_MODEL,),
            languages=("en-us",),
            capabilities=_capabilities,
        ),
        stand_in="a small recogniser for the agents' own vocabulary",
    )
