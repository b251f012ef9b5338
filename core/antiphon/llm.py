"""The LLM seam: a conversation in, text and tool calls out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .chat import ChatContext
from .errors import ProviderRejected, TruncatedStream
from .slot import BuiltSlot
from .streams import Stream, Usage

if TYPE_CHECKING:
    from .tools import Tool

ToolChoice: TypeAlias = Literal["auto", "required", "none"] | str
"""`"auto"`, `"required"`, `"none"`, or the name of the one tool to call."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Thoughts of the model; never spoken."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A whole call, given as soon as its arguments are complete."""

    call_id: str
    name: str
    arguments: str
    """JSON, as the model wrote it; core repairs and validates."""
    provider_data: Any = None
    """Opaque JSON, kept on the chat item and given back to the same provider only."""


@dataclass(frozen=True, slots=True)
class ProviderData:
    """Opaque JSON that must go back to this provider with the next step (signatures, reasoning
    items)."""

    data: Any


FinishReason: TypeAlias = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the answer: a stream without it is truncated."""

    reason: FinishReason


LLMEvent: TypeAlias = TextDelta | Reasoning | ToolCall | ProviderData | Usage | Finish


@dataclass(frozen=True, kw_only=True, slots=True)
class LLMCapabilities:
    """What an LLM can do."""

    tools: bool = True
    images: bool = False
    context_window: int | None = field(default=None)
    """Tokens, where known."""


class LLM(BuiltSlot, ABC):
    """A language model, or what stands in for one."""

    capabilities: LLMCapabilities = LLMCapabilities()

    @abstractmethod
    def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> Stream[LLMEvent]:
        """Answers the conversation. The stream always ends with `Finish`.

        `chat_ctx` begins with the agent's instructions as a `system` message, where it has any. It
        may hold calls of tools that are not in `tools`. Nothing is sent before the first item is
        asked for. It raises `ProviderError` and never retries.
        """

    async def complete(self, prompt: str | ChatContext, **settings: Any) -> str:
        """The whole text of one answer without tools.

        Raises `TruncatedStream` when the answer ends without its end marker, `ProviderRejected`
        when the model refused to finish it (`content_filter`).
        """
        if isinstance(prompt, str):
            context = ChatContext.empty()
            context.add_message(role="user", content=prompt)
        else:
            context = prompt
        parts: list[str] = []
        finish: Finish | None = None
        stream = self.chat(context, tools=(), tool_choice="none", settings=settings or None)
        try:
            async for event in stream:
                if isinstance(event, TextDelta):
                    parts.append(event.text)
                elif isinstance(event, Finish):
                    finish = event
        finally:
            await stream.aclose()
        if finish is None:
            raise TruncatedStream("the answer ended without its end marker; ask again")
        if finish.reason == "content_filter":
            raise ProviderRejected("the model's content filter stopped the answer")
        return "".join(parts)
