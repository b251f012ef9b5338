"""The built slots of a session's active agent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .engine.conversation import Conversation
    from .llm import LLM
    from .provider import SlotName
    from .stt import STT
    from .tts import TTS
    from .turn_detector import TurnDetector
    from .vad import VAD


class BuiltSlots(ABC):
    """Looks up what fills the slots now; None where the active agent has none."""

    @property
    @abstractmethod
    def _live(self) -> Conversation:
        """The running conversation. Raises `RuntimeError` before it has been started."""

    def _slot(self, name: SlotName) -> Any:
        live = self._live
        return live.slots.get(live.agent, name)

    @property
    def stt(self) -> STT | None:
        """The active agent's built slot, or None."""
        return cast("STT | None", self._slot("stt"))

    @property
    def llm(self) -> LLM | None:
        """The active agent's built slot, or None."""
        return cast("LLM | None", self._slot("llm"))

    @property
    def tts(self) -> TTS | None:
        """The active agent's built slot, or None."""
        return cast("TTS | None", self._slot("tts"))

    @property
    def vad(self) -> VAD | None:
        """The active agent's built slot, or None."""
        return cast("VAD | None", self._slot("vad"))

    @property
    def turn_detector(self) -> TurnDetector | None:
        """The active agent's built slot, or None."""
        return cast("TurnDetector | None", self._slot("turn_detector"))
