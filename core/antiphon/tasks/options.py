"""The options that every task of this package hands on to `AgentTask`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..chat import ChatContext
    from ..slot_values import LLMLike, STTLike, TTSLike, TurnDetectorLike, VADLike
    from ..text_transforms import TextTransformLike
    from ..turn_handling import TurnHandling


class TaskOptions(TypedDict, total=False):
    """As those of `AgentTask`; what is not given is inherited from the agent that awaits."""

    id: str | None
    chat_ctx: ChatContext | None
    tools: Iterable[Any] | None
    stt: STTLike
    llm: LLMLike
    tts: TTSLike
    vad: VADLike
    turn_detector: TurnDetectorLike
    turn_handling: TurnHandling | Mapping[str, Any] | None
    examples: Iterable[str]
    tts_text_transforms: Iterable[TextTransformLike] | None
    max_tool_steps: int
    tool_timeout: float | None
    preserve_function_call_history: bool
