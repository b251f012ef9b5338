"""The events of an LLM slot, with core's retries and checks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from ..errors import ProviderError, TruncatedStream
from ..llm import Finish, LLMEvent
from .nodes import SlotStream
from .retrying import retry_delay

if TYPE_CHECKING:
    from ..agent import Agent
    from ..chat import ChatContext
    from ..nodes import ModelSettings
    from ..tools import Tool
    from .conversation import Conversation


async def llm_events(
    conversation: Conversation,
    agent: Agent,
    chat_ctx: ChatContext,
    tools: list[Tool],
    settings: ModelSettings,
) -> AsyncIterator[LLMEvent]:
    """Asks the agent's LLM. A call that has given nothing yet is made again, as `conn_options`
    say."""
    slot = conversation.slots.need(agent, "llm")
    overrides = conversation.slots.call_settings(agent, "llm", settings.overrides)
    label = conversation.slots.label(agent, "llm")
    options = conversation.options.conn_options.llm_conn_options
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
            limit=options.timeout,
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
            delay = retry_delay(options, error, attempt)
            if begun or delay is None:
                raise
            conversation.post(conversation.report_error, error, "llm", True)
        finally:
            await stream.aclose()
        await asyncio.sleep(delay)
        attempt += 1
