"""Conversations for the tests of the engine, and their records as short lines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from antiphon import Agent, AgentSession
from antiphon.chat import AgentHandoff, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from antiphon.testing import Caller, ScriptedLLM


def now() -> float:
    """The loop's time, in seconds, to the microsecond."""
    return round(asyncio.get_running_loop().time(), 6)


def line(item: ChatItem) -> str:
    """An item as one line."""
    if isinstance(item, ChatMessage):
        who = item.agent_id if item.role == "assistant" else item.role
        return f"{who}: {item.text_content}" + (" —" if item.interrupted else "")
    if isinstance(item, FunctionCall):
        return f"call {item.name}{item.arguments}"
    if isinstance(item, FunctionCallOutput):
        return f"{'error' if item.is_error else 'output'} {item.name}: {item.output}"
    if isinstance(item, AgentHandoff):
        return f"{item.old_agent_id} -> {item.new_agent_id}"
    return "note"


def lines(items: Iterable[ChatItem]) -> list[str]:
    """Items as lines."""
    return [line(item) for item in items]


class Log:
    """What a session tells, in order."""

    def __init__(self, session: AgentSession[Any]) -> None:
        self.events: list[Any] = []
        session.on("*", self.events.append)

    def of(self, name: str) -> list[Any]:
        """The events of one name."""
        return [event for event in self.events if event.name == name]

    @property
    def told(self) -> list[str]:
        """Everything but states, transcripts and metrics, as lines."""
        return [text for event in self.events if (text := _told(event)) is not None]

    @property
    def skipped(self) -> list[str]:
        """The reasons of declared silences."""
        return [event.reason for event in self.of("reply_skipped")]

    @property
    def errors(self) -> list[str]:
        """`source, recoverable or not: the error`."""
        return [
            f"{event.source}{', recoverable' if event.recoverable else ''}: "
            f"{type(event.error).__name__}: {event.error}"
            for event in self.of("error")
        ]


def _told(event: Any) -> str | None:
    match event.name:
        case "conversation_item_added":
            return line(event.item)
        case "function_tools_executed":
            return "executed " + ", ".join(call.name for call in event.function_calls)
        case "speech_created":
            return f"speech {event.source}"
        case "reply_skipped":
            return f"skipped: {event.reason}"
        case "speech_discarded":
            return f"discarded: {event.reason}"
        case "error":
            return f"error of {event.source}: {event.error}"
        case "close":
            return f"close: {event.reason}"
        case _:
            return None


class Talk:
    """A running session, with a caller who types."""

    def __init__(self, session: AgentSession[Any], caller: Caller, llm: ScriptedLLM) -> None:
        self.session = session
        self.caller = caller
        self.llm = llm
        self.log = Log(session)

    async def hear(self, *texts: str) -> None:
        """The caller types, one text after another, each answered."""
        for text in texts:
            self.caller.type(text)
            await self.session.wait_for_idle()

    @property
    def history(self) -> list[str]:
        """The session's history as lines."""
        return lines(self.session.history)

    @property
    def outputs(self) -> list[str]:
        """The outputs in the history, as lines."""
        return [text for text in self.history if text.startswith(("output ", "error "))]


@asynccontextmanager
async def talk(
    agent: Agent, replies: Any = (), *, caller: Caller | None = None, **options: Any
) -> AsyncIterator[Talk]:
    """Starts a session of text (or on `caller`) whose LLM gives `replies`, and closes it."""
    llm = replies if isinstance(replies, ScriptedLLM) else instant(replies)
    session = AgentSession[Any](llm=llm, **options)
    caller = caller or Caller(audio=False)
    running = Talk(session, caller, llm)
    await session.start(agent, transport=caller)
    try:
        yield running
    finally:
        await session.aclose()


def instant(replies: Any) -> ScriptedLLM:
    """An LLM that answers at once."""
    return ScriptedLLM(replies, first_token=0, total=0)


async def turns(count: int = 5) -> None:
    """Lets the loop turn, without time passing."""
    for _ in range(count):
        await asyncio.sleep(0)
