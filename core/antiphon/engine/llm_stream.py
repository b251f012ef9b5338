"""The events of an LLM slot, with core's retries and checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..errors import ProviderError, TruncatedStream
from ..llm import Finish, LLMEvent
from .nodes import SlotStream
from .retrying import RETRY_DELAYS

if TYPE_CHECKING:
    from ..agent import Agent
    from ..chat import ChatContext
    from ..nodes import ModelSettings
    from ..tools import Tool
    from .conversation import Conversation

STALL = 10.0
"""Seconds without an event after which an LLM counts as stalled."""


async def llm_events(
    conversation: Conversation,
    agent: Agent,
    chat_ctx: ChatContext,
    tools: list[Tool],
    settings: ModelSettings,
) -> AsyncIterator[LLMEvent]:
    """Asks the agent's LLM. A call that has given nothing yet is made again, up to three times."""
    slot = conversation.slots.need(agent, "llm")
    overrides = conversation.slots.call_settings(slot, settings.overrides)
    label = conversation.slots.label(agent, "llm")
    attempt = 0
    while True:
        stream: SlotStream[LLMEvent] = SlotStream(
            lambda: slot.chat(
                chat_ctx,
                tools=tools,
                tool_choice=settings.tool_choice,
                settings=overrides,
            ),
            what=label,
            limit=STALL,
        )
        begun = finished = False
        try:
            async for event in stream:
                begun = True
                if type(event) is Finish:
                    finished = True
                yield event
            if not finished:
                raise TruncatedStream(f"{label} ended its answer without an end marker")
            return
        except ProviderError as error:
            if begun or not error.retryable or attempt >= len(RETRY_DELAYS):
                raise
            conversation.post(conversation.report_error, error, "llm", True)
        finally:
            await stream.aclose()
        await asyncio.sleep(RETRY_DELAYS[attempt])
        attempt += 1
