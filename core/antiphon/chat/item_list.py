"""The list that a chat context holds, and the view of it that refuses changes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, MutableSequence
from typing import Any, NoReturn, SupportsIndex

from .items import ChatItem

_versions = itertools.count(1)


class Items(list[ChatItem]):
    """A list that gets a new version with every change, and knows where each id stands."""

    __slots__ = ("_positions", "version")

    def __init__(self, items: Iterable[ChatItem] = (), version: int | None = None) -> None:
        super().__init__(items)
        self._positions: dict[str, int] | None = None
        self.version = version if version is not None else next(_versions) if self else 0

    def position(self, item_id: str) -> int | None:
        """Where the (first) item of that id stands: a dict look-up, once it has been built."""
        positions = self._positions
        if positions is None:
            positions = self._positions = {}
            for index, item in enumerate(self):
                positions.setdefault(item.id, index)
        return positions.get(item_id)

    def changed(self) -> None:
        self._positions = None
        self.version = next(_versions)

    def append(self, item: ChatItem) -> None:
        if self._positions is not None:
            self._positions.setdefault(item.id, len(self))
        super().append(item)
        self.version = next(_versions)

    def extend(self, items: Iterable[ChatItem]) -> None:
        for item in list(items):
            self.append(item)

    def insert(self, index: SupportsIndex, item: ChatItem) -> None:
        where = index.__index__()
        if where >= len(self):
            self.append(item)
            return
        super().insert(where, item)
        self.changed()

    def put(self, index: int, item: ChatItem) -> None:
        """`insert` that moves the known positions of later items instead of forgetting all."""
        positions = self._positions
        super().insert(index, item)
        self.version = next(_versions)
        if positions is None:
            return
        if item.id in positions:
            self._positions = None
            return
        for later in range(index, len(self)):
            positions[self[later].id] = later

    def swap(self, index: int, item: ChatItem) -> None:
        """`self[index] = item` that keeps the known positions."""
        positions = self._positions
        if positions is not None:
            positions.pop(self[index].id, None)
            positions[item.id] = index
        super().__setitem__(index, item)
        self.version = next(_versions)

    def take(self, index: int) -> ChatItem:
        """`pop` that moves the known positions of later items instead of forgetting all."""
        positions = self._positions
        item = super().pop(index)
        self.version = next(_versions)
        if positions is not None:
            positions.pop(item.id, None)
            for later in range(index, len(self)):
                positions[self[later].id] = later
        return item

    def touch(self) -> None:
        """A new version of the same items."""
        self.version = next(_versions)

    def remove(self, item: ChatItem) -> None:
        super().remove(item)
        self.changed()

    def pop(self, index: SupportsIndex = -1) -> ChatItem:
        item = super().pop(index)
        self.changed()
        return item

    def clear(self) -> None:
        super().clear()
        self.changed()

    def sort(self, *, key: Any = None, reverse: bool = False) -> None:
        super().sort(key=key, reverse=reverse)
        self.changed()

    def reverse(self) -> None:
        super().reverse()
        self.changed()

    def __setitem__(self, index: Any, value: Any) -> None:
        super().__setitem__(index, value)
        self.changed()

    def __delitem__(self, index: SupportsIndex | slice) -> None:
        super().__delitem__(index)
        self.changed()

    def __iadd__(self, items: Iterable[ChatItem]) -> Items:  # type: ignore[override, misc]
        self.extend(items)
        return self

    def __imul__(self, count: SupportsIndex) -> Items:
        raise TypeError("a conversation cannot be repeated; its items have ids")


class ReadOnlyItems(MutableSequence[ChatItem]):
    """The items of a read-only context: looks like the list, refuses to change."""

    __slots__ = ("_items", "_message")

    def __init__(self, items: Items, message: str) -> None:
        self._items = items
        self._message = message

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(self._message)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[ChatItem]:
        return iter(self._items)

    def __getitem__(self, index: Any) -> Any:
        return self._items[index]

    def __add__(self, other: Iterable[ChatItem]) -> list[ChatItem]:
        return [*self._items, *other]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ReadOnlyItems):
            return list.__eq__(self._items, other._items)
        return list.__eq__(self._items, other) if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._items)

    __setitem__ = __delitem__ = __iadd__ = _refuse
    insert = append = extend = remove = pop = clear = reverse = sort = _refuse
