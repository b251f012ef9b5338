"""antiphon: a plugin-oriented framework for voice agents.

The names below are loaded when they are first used: `import antiphon` loads no provider, no SDK and
none of the libraries that only parts of it need.
"""

import logging
from typing import TYPE_CHECKING, Any

from ._version import __version__

logging.getLogger("antiphon").addHandler(logging.NullHandler())

if TYPE_CHECKING:
    from .agent import Agent
    from .app import App, JobContext, get_job_context
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
    from .nodes import ModelSettings
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
    "App",
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
    "JobContext",
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
    "get_job_context",
    "handoff",
]

_MODULES = {
    "agent": ("Agent",),
    "app": ("App", "JobContext", "get_job_context"),
    "audio": ("AudioFrame",),
    "chat": (
        "AgentHandoff",
        "ChatContext",
        "ChatMessage",
        "FunctionCall",
        "FunctionCallOutput",
        "ImageContent",
    ),
    "errors": (
        "AntiphonError",
        "ConfigurationError",
        "ProviderError",
        "SessionClosed",
        "StopResponse",
        "ToolError",
        "TransportError",
    ),
    "given": ("NOT_GIVEN",),
    "handoffs": ("Handoff", "handoff"),
    "model": ("Model",),
    "nodes": ("ModelSettings",),
    "provider": ("SEAM",),
    "registry": (
        "Registry",
        "build_llm",
        "build_stt",
        "build_tts",
        "build_turn_detector",
        "build_vad",
    ),
    "run_context": ("RunContext",),
    "session": ("AgentSession",),
    "speech": ("SpeechHandle",),
    "streams": ("FLUSH", "Flush"),
    "tools": ("Tool", "ToolFlag", "Toolset", "function_tool"),
    "turn_handling": ("Endpointing", "Interruption", "TurnHandling"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module 'antiphon' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
