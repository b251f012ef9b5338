"""antiphon: a plugin-oriented framework for voice agents."""

from ._version import __version__
from .agent import Agent, ModelSettings
from .audio import AudioFrame
from .chat import (
    AgentHandoff,
    ChatContext,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
)
from .errors import (
    AntiphonError,
    ConfigurationError,
    ProviderError,
    SessionClosed,
    StopResponse,
    ToolError,
    TransportError,
)
from .given import NOT_GIVEN
from .handoffs import Handoff, handoff
from .model import Model
from .provider import SEAM
from .registry import (
    Registry,
    build_llm,
    build_stt,
    build_tts,
    build_turn_detector,
    build_vad,
)
from .run_context import RunContext
from .session import AgentSession
from .speech import SpeechHandle
from .streams import FLUSH, Flush
from .tools import Tool, ToolFlag, Toolset, function_tool
from .turn_handling import Endpointing, Interruption, TurnHandling

__all__ = [
    "FLUSH",
    "NOT_GIVEN",
    "SEAM",
    "Agent",
    "AgentHandoff",
    "AgentSession",
    "AntiphonError",
    "AudioFrame",
    "ChatContext",
    "ChatMessage",
    "ConfigurationError",
    "Endpointing",
    "Flush",
    "FunctionCall",
    "FunctionCallOutput",
    "Handoff",
    "ImageContent",
    "Interruption",
    "Model",
    "ModelSettings",
    "ProviderError",
    "Registry",
    "RunContext",
    "SessionClosed",
    "SpeechHandle",
    "StopResponse",
    "Tool",
    "ToolError",
    "ToolFlag",
    "Toolset",
    "TransportError",
    "TurnHandling",
    "__version__",
    "build_llm",
    "build_stt",
    "build_tts",
    "build_turn_detector",
    "build_vad",
    "function_tool",
    "handoff",
]
