"""Summaries of the conversation, for agents that are handed it with `context="summary"`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..agent import Agent
from ..chat import ChatContext, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from ..llm import TextDelta
from ..nodes import ModelSettings
from ..streams import Usage
from .nodes import StreamStack, stream_stack

if TYPE_CHECKING:
    from .conversation import Conversation

BOUND = 15.0
"""Seconds that an LLM may take for a summary."""
TASK = (
    "You sum up a conversation for a colleague who takes it over. Say who the caller is, what they "
    "want, what has been found out and done, and what is still open. Keep names, numbers and dates "
    "as they were said. Write at most ten short sentences, in the caller's language, and nothing "
    "else."
)


class Summary:
    """One summary on its way, begun when the hand-off was decided."""

    __slots__ = ("covered", "text", "waiting")

    def __init__(self, messages: list[ChatMessage]) -> None:
        self.covered = [message.id for message in messages]
        """The ids of the messages that it sums up."""
        self.text: str | None = None
        self.waiting: Agent | None = None
        """Who has become active before it was there, and is shown those messages until then."""

    def message(self, at: float) -> ChatMessage:
        """The summary as the new agent is shown it."""
        return ChatMessage(
            id=f"summary_{self.covered[-1]}",
            role="system",
            content=f"Summary of the conversation so far: {self.text}",
            created_at=at,
            extra={"summary": True},
        )


class Summarising:
    """Asks the old agent's LLM for a summary while its last words are still being played.

    A switch never waits for it: an agent that is active before its summary is there is shown the
    messages themselves, in whose place the summary then comes.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    def begin(self, old: Agent, new: Agent) -> Summary | None:
        """Starts one of what has been said up to now; None when nothing has been."""
        context = old._chat_ctx.copy(exclude_instructions=True)
        messages = [message for message in context.messages() if message.text_content.strip()]
        if not messages:
            return None
        summary = Summary(messages)
        asked = old if self._c.slots.get(old, "llm") is not None else new
        talk = "\n".join(line for item in context if (line := _line(item)))
        self._c.tasks.start(self._ask(summary, asked, talk), f"summary for {new.id}")
        return summary

    async def _ask(self, summary: Summary, agent: Agent, talk: str) -> None:
        stack = StreamStack()
        stream_stack.set(stack)
        context = ChatContext.empty()
        context.add_message(role="system", content=TASK)
        context.add_message(role="user", content=f"The conversation:\n{talk}")
        text = ""
        try:
            async with asyncio.timeout(BOUND):
                await self._c.slots.load_late(agent)  # nothing to do for the active agent's
                stream = self._c.runtime.llm_stream(
                    agent, context, [], ModelSettings(tool_choice="none")
                )
                stack.register(stream)
                async for event in stream:
                    if isinstance(event, TextDelta):
                        text += event.text
                    elif isinstance(event, Usage):
                        self._c.usage.add(self._c.slots.label(agent, "llm"), event)
        except Exception as error:
            error.add_note("in the summary for a hand-off; the messages are shown in its place")
            self._c.post(self._c.report_error, error, "llm", True, "summary")
            return
        finally:
            await stack.aclose()
        if text.strip():
            self._c.post(self._came, summary, text.strip())

    def _came(self, summary: Summary, text: str) -> None:
        summary.text = text
        agent = summary.waiting
        if agent is None:
            return
        context = agent._chat_ctx
        covered = [id for id in summary.covered if context.get_by_id(id) is not None]
        if not covered:
            return
        position = context.index_by_id(covered[0])
        for id in covered:
            context.remove(id)
        context.items.insert(position or 0, summary.message(self._c.now()))

    def show(self, summary: Summary | None, old: Agent, new: Agent) -> ChatContext:
        """What the new agent is shown: the summary and what was said since it was begun, or all of
        that while it is not there yet."""
        messages = old._chat_ctx.copy(exclude_instructions=True).messages()
        if summary is None or summary.text is None:
            if summary is not None:
                summary.waiting = new
            return ChatContext(messages)
        later = [message for message in messages if message.id not in summary.covered]
        return ChatContext([summary.message(self._c.now()), *later])


def _line(item: ChatItem) -> str:
    if isinstance(item, ChatMessage):
        text = item.text_content.strip()
        return f"{item.role}: {text}" if text else ""
    if isinstance(item, FunctionCall):
        return f"tool {item.name} called with {item.arguments}"
    if isinstance(item, FunctionCallOutput) and item.output:
        return f"tool {item.name} gave: {item.output}"
    return ""
