"""antiphon: a plugin-oriented framework for voice agents.

The names below are loaded when they are first used: `import antiphon` loads no provider, no SDK and
none of the libraries that only parts of it need.
"""

import logging
from typing import TYPE_CHECKING, Any

from ._version import __version__


class _Silent(logging.NullHandler):
    """Prints nothing; completes the records for handlers that do: see `antiphon.logs`."""

    def handle(self, record: logging.LogRecord) -> bool:
        from .logs import complete

        complete(record)
        return True


logging.getLogger("antiphon").addHandler(_Silent())

if TYPE_CHECKING:
    from .agent import Agent
    from .app import App, JobContext, get_job_context
    from .audio import AudioFrame
    from .background import AudioConfig, BackgroundAudioPlayer, BuiltinAudioClip, PlayHandle
    from .chat import (
        AgentHandoff,
        ChatContext,
        ChatMessage,
        FunctionCall,
        FunctionCallOutput,
        ImageContent,
    )
    from .conn_options import APIConnectOptions, SessionConnectOptions
    from .end_call import EndCallTool
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
    from .instructions import Instructions
    from .mcp import MCPToolset
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
    from .room_options import RoomOptions
    from .run_context import RunContext
    from .session import AgentSession
    from .speech import SpeechHandle
    from .streams import FLUSH, Flush, Usage
    from .task import AgentTask
    from .tasks import (
        CollectTask,
        ConfirmTask,
        GetAddressTask,
        GetDateTask,
        GetDOBTask,
        GetDtmfTask,
        GetEmailTask,
        GetNameTask,
        GetPhoneNumberTask,
        TaskGroup,
        TaskGroupResult,
    )
    from .testing.mocking import mock_tools
    from .timeline import Timeline
    from .tools import Tool, ToolFlag, Toolset, function_tool
    from .turn_handling import Endpointing, Interruption, TurnHandling, UserTurnLimit

__all__ = [
    "FLUSH",
    "NOT_GIVEN",
    "SEAM",
    "APIConnectOptions",
    "Agent",
    "AgentHandoff",
    "AgentSession",
    "AgentTask",
    "AntiphonError",
    "App",
    "AudioConfig",
    "AudioFrame",
    "BackgroundAudioPlayer",
    "BuiltinAudioClip",
    "ChatContext",
    "ChatMessage",
    "CollectTask",
    "ConfigurationError",
    "ConfirmTask",
    "EndCallTool",
    "Endpointing",
    "Flush",
    "FunctionCall",
    "FunctionCallOutput",
    "GetAddressTask",
    "GetDOBTask",
    "GetDateTask",
    "GetDtmfTask",
    "GetEmailTask",
    "GetNameTask",
    "GetPhoneNumberTask",
    "Handoff",
    "ImageContent",
    "Instructions",
    "Interruption",
    "JobContext",
    "MCPToolset",
    "Model",
    "ModelSettings",
    "PlayHandle",
    "ProviderError",
    "Registry",
    "RoomOptions",
    "RunContext",
    "SessionClosed",
    "SessionConnectOptions",
    "SpeechHandle",
    "StopResponse",
    "TaskGroup",
    "TaskGroupResult",
    "Timeline",
    "Tool",
    "ToolError",
    "ToolFlag",
    "Toolset",
    "TransportError",
    "TurnHandling",
    "Usage",
    "UserTurnLimit",
    "__version__",
    "build_llm",
    "build_stt",
    "build_tts",
    "build_turn_detector",
    "build_vad",
    "function_tool",
    "get_job_context",
    "handoff",
    "mock_tools",
]

_MODULES = {
    "agent": ("Agent",),
    "app": ("App", "JobContext", "get_job_context"),
    "audio": ("AudioFrame",),
    "background": ("AudioConfig", "BackgroundAudioPlayer", "BuiltinAudioClip", "PlayHandle"),
    "chat": (
        "AgentHandoff",
        "ChatContext",
        "ChatMessage",
        "FunctionCall",
        "FunctionCallOutput",
        "ImageContent",
    ),
    "conn_options": ("APIConnectOptions", "SessionConnectOptions"),
    "end_call": ("EndCallTool",),
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
    "instructions": ("Instructions",),
    "mcp": ("MCPToolset",),
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
    "room_options": ("RoomOptions",),
    "run_context": ("RunContext",),
    "session": ("AgentSession",),
    "speech": ("SpeechHandle",),
    "streams": ("FLUSH", "Flush", "Usage"),
    "timeline": ("Timeline",),
    "task": ("AgentTask",),
    "tasks": (
        "CollectTask",
        "ConfirmTask",
        "GetAddressTask",
        "GetDOBTask",
        "GetDateTask",
        "GetDtmfTask",
        "GetEmailTask",
        "GetNameTask",
        "GetPhoneNumberTask",
        "TaskGroup",
        "TaskGroupResult",
    ),
    "testing.mocking": ("mock_tools",),
    "tools": ("Tool", "ToolFlag", "Toolset", "function_tool"),
    "turn_handling": ("Endpointing", "Interruption", "TurnHandling", "UserTurnLimit"),
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
