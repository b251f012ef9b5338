"""Between an agent and the engine: the runtime, and the nodes as they are by default."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .agent import Agent
    from .audio import AudioFrame
    from .chat import ChatContext
    from .llm import LLMEvent, ToolChoice
    from .scopes import Scope
    from .session import AgentSession
    from .streams import Flush
    from .stt import STTEvent
    from .task import AgentTask
    from .tools import Tool
    from .tts import TTSEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """What a node is told about the call it serves."""

    tool_choice: ToolChoice = "auto"
    """For `llm_node`: `"auto"`, `"required"`, `"none"` or a tool's name."""
    speculative: bool = False
    """For `llm_node`: the user's turn has not surely ended; the answer may be thrown away."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """Provider settings for this call: what `say(tts={…})` or `generate_reply(llm={…})` was
    given."""


class Runtime(Protocol):
    """What an active agent needs from the engine; set when a session takes the agent."""

    @property
    def session(self) -> AgentSession[Any]: ...

    def stt_stream(
        self, agent: Agent, audio: AsyncIterable[AudioFrame | Flush], settings: ModelSettings
    ) -> AsyncIterator[STTEvent]: ...

    def llm_stream(
        self, agent: Agent, chat_ctx: ChatContext, tools: list[Tool], settings: ModelSettings
    ) -> AsyncIterator[LLMEvent]: ...

    def tts_stream(
        self, agent: Agent, text: AsyncIterable[str | Flush], settings: ModelSettings
    ) -> AsyncIterator[TTSEvent]: ...

    def slots_changed(self, agent: Agent) -> Awaitable[None]: ...

    def tools_changed(self, agent: Agent) -> Awaitable[None]: ...

    def run_task(self, task: AgentTask[Any], scope: Scope) -> Awaitable[None]: ...

    def task_completed(self, task: AgentTask[Any]) -> None: ...


class DefaultNodes:
    """The nodes as they are when nobody overrides them: `Agent.default.llm_node(self, …)`."""

    @staticmethod
    def stt_node(
        agent: Agent, audio: AsyncIterable[AudioFrame | Flush], model_settings: ModelSettings
    ) -> AsyncIterator[STTEvent]:
        """The events of the stt slot."""
        return agent._attached("stt_node").stt_stream(agent, audio, model_settings)

    @staticmethod
    def llm_node(
        agent: Agent, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> AsyncIterator[LLMEvent]:
        """The events of the llm slot."""
        return agent._attached("llm_node").llm_stream(agent, chat_ctx, tools, model_settings)

    @staticmethod
    def tts_node(
        agent: Agent, text: AsyncIterable[str | Flush], model_settings: ModelSettings
    ) -> AsyncIterator[TTSEvent]:
        """The events of the tts slot."""
        return agent._attached("tts_node").tts_stream(agent, text, model_settings)

    @staticmethod
    async def transcription_node(
        agent: Agent, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncIterator[str]:
        """The text as it is."""
        async for piece in text:
            yield piece
