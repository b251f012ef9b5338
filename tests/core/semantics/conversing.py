"""What the tests of this directory share: how a spoken conversation of scripted providers is set
up, and its record as short lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from antiphon import Agent, AgentSession, Registry
from antiphon.chat import AgentHandoff, ChatMessage, FunctionCall, FunctionCallOutput
from antiphon.testing import Caller, ScriptedLLM


def now() -> float:
    """The loop's time, in seconds, to the microsecond."""
    return round(asyncio.get_running_loop().time(), 6)


def line(item: Any) -> str:
    """An item as one line."""
    match item:
        case ChatMessage():
            return f"{item.agent_id or item.role}: {item.text_content}"
        case FunctionCall():
            return f"call {item.name}"
        case FunctionCallOutput():
            return f"output {item.name}: {item.output}"
        case AgentHandoff():
            return f"{item.old_agent_id} -> {item.new_agent_id}"
        case _:
            return item.type


def lines(items: Any) -> list[str]:
    """Items as lines."""
    return [line(item) for item in items]


@asynccontextmanager
async def session_of(
    agent: Agent, replies: Any = (), *, caller: Caller | None = None, **options: Any
) -> AsyncIterator[AgentSession[Any]]:
    """A session that runs, of text unless there is a caller, whose LLM answers at once."""
    if not isinstance(replies, ScriptedLLM):
        replies = ScriptedLLM(replies, first_token=0, total=0)
    options.setdefault("registry", Registry(entry_points=(), environ={}))
    options.setdefault("llm", replies)
    session = AgentSession[Any](**options)
    await session.start(agent, transport=caller or Caller(audio=False))
    try:
        yield session
    finally:
        await session.aclose()
