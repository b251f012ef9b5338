"""Rewriters: text in pieces, changed on its way, with a map back to where each part came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right


class Rewriter(ABC):
    """Changes one text that comes in pieces, the same way wherever it was cut into them.

    Joined, what `push` and `flush` give depends only on the joined input and on where `flush` was
    called. What cannot be decided yet is held back, as little as possible.
    """

    __slots__ = ("_edits", "_out", "_starts", "read", "written")

    def __init__(self) -> None:
        self.read = 0
        """Characters of the source that have been dealt with; those held back are not."""
        self.written = 0
        """Characters given so far."""
        self._out: list[str] = []
        self._starts: list[int] = []
        self._edits: list[tuple[int, int, int]] = []
        """Of each change its length in the result, and its start and length in the source."""

    @abstractmethod
    def push(self, text: str) -> str:
        """Takes the next piece; gives what is certain by now."""

    @abstractmethod
    def flush(self) -> str:
        """Gives what is held back, as if the text ended here; more may follow."""

    def source(self, position: int) -> int:
        """The end, in the source, of what the first `position` characters were made from.

        What was left out right behind them belongs to them. Of a part that was replaced as a whole
        they have to hold all; else it does not count.
        """
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return position
        length, start, size = self._edits[index]
        beyond = position - self._starts[index] - length
        return start + size + beyond if beyond >= 0 else start

    def _keep(self, text: str) -> None:
        if text:
            self._out.append(text)
            self.read += len(text)
            self.written += len(text)

    def _put(self, text: str, size: int) -> None:
        """Gives `text` for the next `size` characters of the source."""
        self._starts.append(self.written)
        self._edits.append((len(text), self.read, size))
        self.read += size
        if text:
            self._out.append(text)
            self.written += len(text)

    def _drop(self, size: int) -> None:
        if size:
            self._put("", size)

    def _take(self) -> str:
        """What has been given since the last time."""
        out = self._out
        if not out:
            return ""
        text = out[0] if len(out) == 1 else "".join(out)
        out.clear()
        return text
