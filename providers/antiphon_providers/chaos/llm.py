"""An LLM with faults."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from antiphon.chat import ChatContext
from antiphon.llm import (
    LLM,
    Finish,
    LLMCapabilities,
    LLMEvent,
    Reasoning,
    TextDelta,
    ToolCall,
    ToolChoice,
)
from antiphon.tools import Tool

from .cutting import cut_text, damage
from .faults import Disturbed, Faults


class ChaosLLM(Disturbed, LLM):
    """Asks another LLM, and passes on what it says with the faults of each call."""

    unwrap: LLM

    @property
    def capabilities(self) -> LLMCapabilities:  # type: ignore[override]
        return self.unwrap.capabilities

    async def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[LLMEvent, None]:
        faults = self.next_faults()
        faults.refuse()
        stream = self.unwrap.chat(chat_ctx, tools=tools, tool_choice=tool_choice, settings=settings)
        disturbed = faults.disturb(
            stream,
            is_output=lambda event: isinstance(event, TextDelta | Reasoning | ToolCall),
            cut=lambda event: _cut(event, faults),
            is_end=lambda event: isinstance(event, Finish),
        )
        try:
            async for event in disturbed:
                yield event
        finally:
            await disturbed.aclose()


def _cut(event: LLMEvent, faults: Faults) -> Iterator[LLMEvent]:
    if isinstance(event, TextDelta) and "garble" in faults.kinds:
        for piece in cut_text(event.text, faults.chance):
            yield TextDelta(piece)
    elif isinstance(event, ToolCall) and "corrupt" in faults.kinds:
        yield replace(event, arguments=damage(event.arguments, faults.chance))
    else:
        yield event
