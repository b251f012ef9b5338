"""The conversation as data: `ChatContext`, an append-only list of chat items with a version."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, MutableSequence
from typing import Any, NoReturn, SupportsIndex, overload

from .item_list import Items, ReadOnlyItems
from .items import (
    AgentHandoff,
    ChatContent,
    ChatItem,
    ChatMessage,
    ChatRole,
    FunctionCall,
    FunctionCallOutput,
    ProviderNote,
    item_from_dict,
    item_to_dict,
)

READ_ONLY = (
    "agent.chat_ctx is read-only; use `await agent.update_chat_ctx(...)`, "
    "or change a copy: `chat_ctx.copy()`"
)


class ChatContext:
    """What an LLM is shown, or the history of a session: items in the order they happened.

    Copies are shallow: they share the items. Ids are unique within a context by its users' care,
    and don't change once an item is in.
    """

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[ChatItem] = ()) -> None:
        self._items = Items(items)

    @classmethod
    def empty(cls) -> ChatContext:
        """A context without items."""
        return ChatContext()

    @property
    def version(self) -> int:
        """Differs after every change. Equal versions mean equal items, in the whole process."""
        return self._items.version

    @property
    def items(self) -> MutableSequence[ChatItem]:
        """The items, live: changing the list changes the context."""
        return self._items

    @items.setter
    def items(self, items: Iterable[ChatItem]) -> None:
        self._items[:] = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[ChatItem]:
        return iter(self._items)

    @overload
    def __getitem__(self, index: SupportsIndex) -> ChatItem: ...
    @overload
    def __getitem__(self, index: slice) -> list[ChatItem]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> ChatItem | list[ChatItem]:
        return self._items[index]

    def __contains__(self, item: object) -> bool:
        """Whether the item, or one of that id, is in the context."""
        item_id = item if isinstance(item, str) else getattr(item, "id", None)
        return isinstance(item_id, str) and self._items.position(item_id) is not None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ChatContext):
            return NotImplemented
        return list.__eq__(self._items, other._items)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._items)} items, version {self._items.version})"

    def messages(self) -> list[ChatMessage]:
        """The messages alone, instructions included."""
        return [item for item in self._items if isinstance(item, ChatMessage)]

    def index_by_id(self, item_id: str) -> int | None:
        """Where the item stands, or None."""
        return self._items.position(item_id)

    def get_by_id(self, item_id: str) -> ChatItem | None:
        """The item of that id, or None."""
        index = self._items.position(item_id)
        return None if index is None else self._items[index]

    def add_message(
        self,
        *,
        role: ChatRole,
        content: ChatContent,
        id: str | None = None,
        interrupted: bool = False,
        created_at: float | None = None,
        extra: dict[str, Any] | None = None,
    ) -> ChatMessage:
        """Makes a message and adds it: at its time where `created_at` is given, else at the end."""
        message = ChatMessage(
            role=role, content=content, interrupted=interrupted, created_at=created_at, extra=extra
        )
        if id is not None:
            message.id = id
        self.insert(message)
        return message

    def append(self, item: ChatItem) -> None:
        """Adds an item at the end."""
        self._items.append(item)

    def insert(self, item: ChatItem | Iterable[ChatItem]) -> None:
        """Adds items, each behind the last that is not later; those without a time at the end."""
        if isinstance(item, ChatItem):
            index = self._position_at(item.created_at)
            if index == len(self._items):
                self._items.append(item)
            else:
                self._items.put(index, item)
            return
        for each in list(item):
            self.insert(each)

    def _position_at(self, created_at: float | None) -> int:
        items = self._items
        position = len(items)
        if created_at is None:
            return position
        for index in range(position - 1, -1, -1):
            time = items[index].created_at
            if time is None:
                continue
            if time <= created_at:
                break
            position = index
        return position

    def remove(self, item: str | ChatItem) -> ChatItem:
        """Takes an item out, given itself or its id, and returns it; raises `LookupError` when it
        is not there."""
        return self._items.take(self._known(item if isinstance(item, str) else item.id))

    def replace(self, item_id: str, item: ChatItem) -> None:
        """Puts `item` where the one of that id stands; raises `LookupError` when there is none."""
        self._items.swap(self._known(item_id), item)

    def touch(self) -> None:
        """Gives the context a new version, for who has changed an item in place."""
        self._items.touch()

    def _known(self, item_id: str) -> int:
        index = self._items.position(item_id)
        if index is None:
            raise LookupError(f"no item of this chat context has the id {item_id!r}")
        return index

    def copy(
        self,
        *,
        exclude_function_call: bool = False,
        exclude_instructions: bool = False,
        exclude_empty_message: bool = False,
        exclude_handoff: bool = False,
        tools: Iterable[Any] | None = None,
    ) -> ChatContext:
        """A shallow copy that may be changed.

        `exclude_function_call` leaves out calls, outputs and the provider notes of their steps;
        `tools` (tools or names) leaves out those of every other tool.
        """
        copy = ChatContext.__new__(ChatContext)
        if not (
            exclude_function_call
            or exclude_instructions
            or exclude_empty_message
            or exclude_handoff
            or tools is not None
        ):
            copy._items = Items(self._items, self._items.version)
            return copy
        kept: Iterable[ChatItem] = self._items
        if exclude_function_call or tools is not None:
            names = set() if exclude_function_call else _tool_names(tools or ())
            kept = _without_calls(self._items, names)
        copy._items = Items(
            item
            for item in kept
            if not (
                (exclude_instructions and _is_instructions(item))
                or (exclude_empty_message and _is_empty(item))
                or (exclude_handoff and isinstance(item, AgentHandoff))
            )
        )
        return copy

    def truncate(self, max_items: int) -> ChatContext:
        """Keeps the last `max_items` items, and leading instructions besides; returns itself.

        An LLM step that the cut would split goes as a whole, so that no output is left without its
        call: fewer items may remain.
        """
        if max_items < 0:
            raise ValueError(f"max_items must not be negative, not {max_items}")
        items = self._items
        head = list(itertools.takewhile(_is_instructions, items))
        cut = max(len(head), len(items) - max_items)
        if cut > len(head):
            gone = items[len(head) : cut]
            steps = {step for item in gone if (step := _step_of(item)) is not None}
            calls = {
                item.call_id
                for index, item in enumerate(items)
                if isinstance(item, FunctionCall) and (index < cut or item.step_id in steps)
            }
            items[:] = head + [
                item
                for item in items[cut:]
                if not (
                    (isinstance(item, FunctionCall | FunctionCallOutput) and item.call_id in calls)
                    or (isinstance(item, ProviderNote) and item.step_id in steps)
                )
            ]
        return self

    def merge(
        self,
        other: Iterable[ChatItem],
        *,
        exclude_function_call: bool = False,
        exclude_instructions: bool = False,
    ) -> ChatContext:
        """Adds the items of `other` whose ids are not here yet, at their times; returns itself.

        The order within each of the two stays. An item without a time stays with its neighbour that
        has one; when none has, it goes to the end.
        """
        new: Iterable[ChatItem] = [item for item in other if item.id not in self]
        if exclude_function_call:
            new = _without_calls(new, set())
        if exclude_instructions:
            new = (item for item in new if not _is_instructions(item))
        added = list(new)
        if not added:
            return self
        times = _known_times(added)
        items = self._items
        first = min(self._position_at(time) for time in times)
        if first == len(items):
            items.extend(added)
            return self
        tail = items[first:]
        earliest = float("inf")
        limits: list[float | None] = []
        for item in reversed(tail):
            if item.created_at is not None:
                earliest = min(earliest, item.created_at)
            limits.append(earliest if item.created_at is not None else None)
        merged: list[ChatItem] = []
        done = 0
        for item, limit in zip(tail, reversed(limits), strict=True):
            while limit is not None and done < len(added) and times[done] < limit:
                merged.append(added[done])
                done += 1
            merged.append(item)
        items[first:] = merged + added[done:]
        return self

    def to_dict(
        self, *, exclude_image: bool = False, exclude_timestamp: bool = False
    ) -> dict[str, Any]:
        """The context as JSON-able values, for `from_dict`: `{"items": [...]}`."""
        return {
            "items": [
                item_to_dict(item, exclude_image=exclude_image, exclude_timestamp=exclude_timestamp)
                for item in self._items
            ]
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChatContext:
        """Reads what `to_dict` gave; raises `ValueError` that names the item it cannot read."""
        items = data.get("items") if isinstance(data, Mapping) else None
        if not isinstance(items, list):
            raise ValueError('a chat context is an object with a list under "items"')
        return ChatContext(
            item_from_dict(item, f"items[{index}]") for index, item in enumerate(items)
        )

    def readonly(self, message: str = READ_ONLY) -> ReadOnlyChatContext:
        """A live view of this context that refuses changes with `TypeError(message)`."""
        return ReadOnlyChatContext(self, message)


class ReadOnlyChatContext(ChatContext):
    """A view of a context that cannot be changed through it."""

    __slots__ = ("_message",)

    def __init__(self, source: ChatContext, message: str = READ_ONLY) -> None:
        self._items = source._items
        self._message = message

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(self._message)

    @property
    def items(self) -> MutableSequence[ChatItem]:
        """The items; changing the list raises `TypeError`."""
        return ReadOnlyItems(self._items, self._message)

    @items.setter
    def items(self, items: Iterable[ChatItem]) -> None:
        self._refuse()

    add_message = append = insert = remove = replace = touch = truncate = merge = _refuse


def _is_instructions(item: ChatItem) -> bool:
    # The summary that a hand-off has brought along is no instruction: it is passed on.
    return (
        isinstance(item, ChatMessage)
        and item.role in ("system", "developer")
        and not (item.extra is not None and item.extra.get("summary"))
    )


def _is_empty(item: ChatItem) -> bool:
    if not isinstance(item, ChatMessage):
        return False
    if isinstance(item.content, str):
        return not item.content.strip()
    return not any(part.strip() if isinstance(part, str) else part for part in item.content)


def _step_of(item: ChatItem) -> str | None:
    return item.step_id if isinstance(item, FunctionCall | ProviderNote) else None


def _tool_names(tools: Iterable[Any]) -> set[str]:
    return {tool if isinstance(tool, str) else tool.name for tool in tools}


def _without_calls(items: Iterable[ChatItem], names: set[str]) -> list[ChatItem]:
    """The items less the calls of tools not in `names`, their outputs and their steps' notes."""
    items = list(items)
    calls: set[str] = set()
    steps: set[str | None] = set()
    for item in items:
        if isinstance(item, FunctionCall) and item.name not in names:
            calls.add(item.call_id)
            steps.add(item.step_id)
    steps.discard(None)
    return [
        item
        for item in items
        if not (
            (isinstance(item, FunctionCall) and item.name not in names)
            or (isinstance(item, FunctionCallOutput) and (item.call_id in calls or not names))
            or (isinstance(item, ProviderNote) and item.step_id in steps)
        )
    ]


def _known_times(items: list[ChatItem]) -> list[float]:
    """A time for each item: its own, its predecessor's, its successor's, or infinity."""
    times: list[float | None] = []
    last: float | None = None
    for item in items:
        last = last if item.created_at is None else item.created_at
        times.append(last)
    following = next((time for time in times if time is not None), float("inf"))
    return [following if time is None else time for time in times]
