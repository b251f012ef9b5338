"""Building: from a `Resolved` to the object that fills the slot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import AntiphonError, ProviderUnavailable
from ..provider import BuildEnv, SlotName
from ..redaction import hide
from .descriptors import broken, told
from .installed import Installed
from .requirements import import_failed
from .resolved import SLOT_TITLES, Resolved


def built(resolved: Resolved, item: Installed, env: BuildEnv) -> Any:
    """Calls the provider's `build` and gives what the engine can use.

    The declared capabilities are set on it; a batch STT and a whole-text TTS are wrapped. Raises
    `ProviderUnavailable` when the import fails or the provider is broken, and lets its own
    `AntiphonError` through.
    """
    title = SLOT_TITLES[resolved.slot]
    hide(resolved.secrets)
    try:
        slot = resolved.declared.build(resolved.ref, resolved.settings, env)
        capabilities = resolved.capabilities
        if capabilities is not None:
            slot.capabilities = capabilities
    except AntiphonError:
        raise
    except ImportError as error:
        raise ProviderUnavailable(import_failed(resolved.provider, item, error)) from error
    except Exception as error:
        text = f"its {title} could not be built: {told(error)}"
        shown = _without(text, resolved.credentials.values())
        # The traceback of the original would print the key that was just taken out.
        raise broken(item, shown) from (error if shown == text else None)
    seam, simpler = _seam(resolved.slot)
    if simpler is not None and isinstance(slot, simpler):
        from .. import adapters

        return adapters.adapt_stt(slot) if resolved.slot == "stt" else adapters.adapt_tts(slot)
    if not isinstance(slot, seam):
        raise broken(
            item, f"it built a {type(slot).__name__} for its {title}, which is no {seam.__name__}"
        )
    return slot


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _seam(slot: SlotName) -> tuple[type[Any], type[Any] | None]:
    """The class of the seam, and the simpler one that core wraps."""
    if slot == "stt":
        from ..stt import STT, BatchSTT

        return STT, BatchSTT
    if slot == "tts":
        from ..tts import TTS, WholeTextTTS

        return TTS, WholeTextTTS
    if slot == "llm":
        from ..llm import LLM

        return LLM, None
    if slot == "vad":
        from ..vad import VAD

        return VAD, None
    if slot == "turn_detector":
        from ..turn_detector import TurnDetector

        return TurnDetector, None
    from ..transport import Transport

    return Transport, None
