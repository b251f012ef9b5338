"""What users write in a slot: a built slot, a model string, a `Model`, a list of these, or None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from .errors import ConfigurationError
from .model import Model, parse

if TYPE_CHECKING:
    from .llm import LLM
    from .provider import SlotName
    from .stt import STT, BatchSTT
    from .tts import TTS, WholeTextTTS
    from .turn_detector import TurnDetector
    from .vad import VAD

STTLike: TypeAlias = "STT | BatchSTT | str | Model | list[Any] | None"
LLMLike: TypeAlias = "LLM | str | Model | list[Any] | None"
TTSLike: TypeAlias = "TTS | WholeTextTTS | str | Model | list[Any] | None"
VADLike: TypeAlias = "VAD | str | Model | None"
TurnDetectorLike: TypeAlias = "TurnDetector | str | Model | None"

_SEAMS: dict[SlotName, str] = {
    "stt": "transcribe",
    "llm": "chat",
    "tts": "synthesize",
    "vad": "stream",
    "turn_detector": "end_of_turn",
}
_BATCH = {"stt": "recognize", "tts": "speak"}


def check_slot_value(value: Any, slot: SlotName) -> None:
    """Raises `ModelStringError` or `ConfigurationError` for what cannot fill a slot."""
    if isinstance(value, type):
        raise ConfigurationError(
            f"{slot}=… got the class {value.__name__}; make a slot of it: {value.__name__}(…)"
        )
    if value is None or hasattr(value, _SEAMS[slot]) or hasattr(value, _BATCH.get(slot, "chat")):
        return
    if isinstance(value, str | Model):
        parse(value, slot)
        return
    if isinstance(value, list | tuple):
        if not value:
            raise ConfigurationError(
                f"{slot}=[] names no model; give at least one, or None for an agent without"
            )
        for entry in value:
            if entry is None or isinstance(entry, list | tuple):
                raise ConfigurationError(f"{slot}=[…] holds {entry!r}; list model strings")
            check_slot_value(entry, slot)
        return
    raise ConfigurationError(
        f"{slot}={value!r} is no model string, Model or built {slot}; "
        f'write e.g. {slot}="acme/model-1"'
    )
