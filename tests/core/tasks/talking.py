"""Conversations with tasks, typed, and their records as short lines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from antiphon import Agent, AgentSession, ToolError, function_tool
from antiphon.chat import AgentHandoff, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from antiphon.testing import Caller, ScriptedLLM


class Desk(Agent):
    """Does its work, which awaits a task, when it is asked to; keeps what came of it."""

    def __init__(self, work: Callable[[], Awaitable[Any]], **options: Any) -> None:
        super().__init__(id="desk", **options)
        self.work = work
        self.got: list[Any] = []
        self.errors: list[BaseException] = []

    @function_tool
    async def ask(self) -> str:
        try:
            self.got.append(await self.work())
        except Exception as error:
            self.errors.append(error)
            raise ToolError(f"{type(error).__name__}: {error}") from error
        return "it is noted"


def line(item: ChatItem) -> str:
    """An item as one line."""
    if isinstance(item, ChatMessage):
        return f"{item.agent_id if item.role == 'assistant' else item.role}: {item.text_content}"
    if isinstance(item, FunctionCall):
        return f"call {item.name}{item.arguments}"
    if isinstance(item, FunctionCallOutput):
        return f"{'error' if item.is_error else 'output'} {item.name}: {item.output}"
    if isinstance(item, AgentHandoff):
        return f"{item.old_agent_id} -> {item.new_agent_id}"
    return "note"


class Talk:
    """A running session, with a caller who types and presses keys."""

    def __init__(self, session: AgentSession[Any], caller: Caller, llm: ScriptedLLM) -> None:
        self.session = session
        self.caller = caller
        self.llm = llm
        self.errors: list[str] = []
        session.on("error", lambda event: self.errors.append(f"{event.source}: {event.error}"))

    async def hear(self, *texts: str) -> None:
        """The caller types, one text after another; each is answered."""
        for text in texts:
            await self.session.run(user_input=text)

    @property
    def agent(self) -> str:
        """Who is active."""
        return self.session.current_agent.id

    @property
    def history(self) -> list[str]:
        """All of the history as lines."""
        return lines(self.session.history)

    def of(self, *kinds: str) -> list[str]:
        """The lines that begin like that."""
        return [text for text in self.history if text.startswith(kinds)]

    @property
    def switches(self) -> list[str]:
        """The hand-offs."""
        return [text for text in self.history if " -> " in text and ":" not in text]


def lines(items: Iterable[ChatItem]) -> list[str]:
    """Items as lines."""
    return [line(item) for item in items]


@asynccontextmanager
async def talk(
    agent: Agent, replies: Any, *, caller: Caller | None = None, **options: Any
) -> AsyncIterator[Talk]:
    """Starts a session whose LLM gives `replies` at once, and closes it."""
    llm = replies if isinstance(replies, ScriptedLLM) else None
    llm = llm or ScriptedLLM(replies, first_token=0, total=0)
    caller = caller or Caller(audio=False)
    session = AgentSession[Any](llm=llm, **options)
    running = Talk(session, caller, llm)
    await session.start(agent, transport=caller)
    try:
        yield running
    finally:
        await session.aclose()
