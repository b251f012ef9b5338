"""The history of a session, and what of it goes into the contexts of its agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..chat import (
    AgentHandoff,
    ChatContext,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
)
from ..clock import Ids
from ..events import ConversationItemAdded, ConversationItemUpdated

if TYPE_CHECKING:
    from ..agent import Agent


class Place:
    """A place kept for a message that is still being spoken: after the item that was last then."""

    __slots__ = ("context_after", "history_after", "in_context")

    def __init__(self, history: ChatContext, context: ChatContext) -> None:
        self.history_after = history.items[-1].id if len(history) else None
        self.context_after = context.items[-1].id if len(context) else None
        self.in_context = False


class Recorder:
    """Writes items, with ids and times of the session, into the history and an agent's context."""

    def __init__(
        self,
        *,
        ids: Ids,
        now: Callable[[], float],
        notify: Callable[[Any], None],
    ) -> None:
        self.history = ChatContext.empty()
        self.on_handoff: Callable[[AgentHandoff, Agent | None, Agent], None] | None = None
        """Told of every switch, with the agents themselves."""
        self._ids = ids
        self._now = now
        self._notify = notify

    def item_id(self) -> str:
        """A fresh id for an item."""
        return self._ids.new("item")

    def add(self, item: ChatItem, *contexts: ChatContext) -> None:
        """Appends a finished item."""
        if item.created_at is None:
            item.created_at = self._now()
        self.history.append(item)
        for context in contexts:
            context.append(item)
        self._notify(ConversationItemAdded(item=item, at=self._now()))

    def user_message(self, text: str, context: ChatContext) -> ChatMessage:
        """Records a user turn."""
        message = ChatMessage(id=self.item_id(), role="user", content=text)
        self.add(message, context)
        return message

    def handoff(self, old: Agent | None, new: Agent) -> AgentHandoff:
        """Records a switch, in the history and in the new agent's context."""
        item = AgentHandoff(
            id=self.item_id(),
            old_agent_id=None if old is None else old.id,
            new_agent_id=new.id,
        )
        self.add(item, new._chat_ctx)
        if self.on_handoff is not None:
            self.on_handoff(item, old, new)
        return item

    def output(self, output: FunctionCallOutput, *agents: Agent, last: bool = False) -> None:
        """Records a tool's output: at the end of the history, right after its calls in the
        contexts, or with `last` at the end there too. A context that has lost the call meanwhile
        does not get the output: a vendor would refuse it."""
        output.created_at = self._now()
        for agent in agents:
            context = agent._chat_ctx
            position = self._after_calls(context, output.call_id)
            if position is not None and (last or position >= len(context)):
                context.append(output)
            elif position is not None:
                context.items.insert(position, output)
        self.history.append(output)
        self._notify(ConversationItemAdded(item=output, at=self._now()))

    @staticmethod
    def _after_calls(context: ChatContext, call_id: str) -> int | None:
        items = context.items
        for index in range(len(items) - 1, -1, -1):
            item = items[index]
            if isinstance(item, FunctionCall) and item.call_id == call_id:
                step = item.step_id
                index += 1
                while index < len(items):
                    follower = items[index]
                    if not isinstance(follower, FunctionCall | FunctionCallOutput):
                        break
                    if isinstance(follower, FunctionCall) and follower.step_id != step:
                        break
                    index += 1
                return index
        return None

    def keep_place(self, agent: Agent) -> Place:
        """Keeps the place of a message whose words are about to be spoken."""
        return Place(self.history, agent._chat_ctx)

    def show_early(self, message: ChatMessage, place: Place, agent: Agent) -> None:
        """Puts a message that is still being spoken into the context, before its step's calls."""
        _insert_after(agent._chat_ctx, place.context_after, message)
        place.in_context = True

    def settle(
        self, message: ChatMessage | None, early: ChatMessage | None, place: Place, agent: Agent
    ) -> None:
        """Records a message as it was heard, or takes back one of which nothing was."""
        context = agent._chat_ctx
        if message is None:
            if early is not None and place.in_context and context.get_by_id(early.id) is not None:
                context.remove(early.id)
            return
        if place.in_context and context.get_by_id(message.id) is not None:
            context.touch()
        else:
            _insert_after(context, place.context_after, message)
        _insert_after(self.history, place.history_after, message)
        self._notify(ConversationItemAdded(item=message, at=self._now()))

    def updated(self, item: ChatItem, *contexts: ChatContext) -> None:
        """Tells that an item was corrected."""
        for context in (self.history, *contexts):
            context.touch()
        self._notify(ConversationItemUpdated(item=item, at=self._now()))


def _insert_after(context: ChatContext, item_id: str | None, item: ChatItem) -> None:
    items = context.items
    if not items or (item_id is not None and items[-1].id == item_id):
        context.append(item)
        return
    if item_id is None:
        items.insert(0, item)
        return
    position = context.index_by_id(item_id)
    if position is None:
        context.append(item)
    else:
        items.insert(position + 1, item)
