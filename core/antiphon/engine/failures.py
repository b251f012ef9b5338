"""Errors in a running session: telling of them, and giving up after too many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..events import ErrorEvent
from ..logs import error_text

if TYPE_CHECKING:
    from .conversation import Conversation


class Failures:
    """Counts unrecoverable errors by their source."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._counts: dict[str, int] = {}
        self._unknown: set[tuple[str, str]] = set()

    def report(
        self, error: BaseException, source: str, recoverable: bool, detail: str = ""
    ) -> None:
        """Tells of an error; too many unrecoverable ones of a kind close the session."""
        if recoverable:
            self._c.log.info("%s: %s", source, error_text(error))
        else:
            self._c.log.warning("%s: %s", source, error_text(error))
        if self._c.closing.closed.done():
            return
        self._c.notify(
            ErrorEvent(
                error=error, source=source, recoverable=recoverable, detail=detail, at=self._c.now()
            )
        )
        if recoverable or self._c.closing_begun:
            return
        count = self._counts.get(source, 0) + 1
        self._counts[source] = count
        if count >= self._c.options.conn_options.max_unrecoverable_errors:
            self._c.closing.begin("error", error=error, drain=False)

    def unknown(self, slot: str, event: object) -> None:
        """An event this version does not know is passed over, with one warning per kind."""
        key = (slot, type(event).__name__)
        if key not in self._unknown:
            self._unknown.add(key)
            self._c.log.warning("the %s gave an event of unknown kind: %s", slot, key[1])

    def forget(self, *sources: str) -> None:
        """What failed works again: its row is over."""
        for source in sources:
            self._counts.pop(source, None)
