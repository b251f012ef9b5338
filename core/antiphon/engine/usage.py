"""What a session has used, per model string and per turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..streams import Usage

if TYPE_CHECKING:
    from ..timeline import ModelCall, Timeline


class UsageBook:
    """Adds up what the providers report."""

    __slots__ = ("_heard", "by_model", "discarded")

    def __init__(self) -> None:
        self.by_model: dict[str, Usage] = {}
        """All that was used."""
        self.discarded: dict[str, Usage] = {}
        """The part of it that went into speculative runs that were thrown away."""
        self._heard: dict[str, Usage] = {}
        """Of the STT, since the last turn was committed."""

    def add(
        self,
        label: str,
        usage: Usage,
        *,
        call: ModelCall | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        """Counts a call, or a part of one, and with it its call and its turn."""
        _add(self.by_model, label, usage)
        if call is not None:
            call.usage = usage if call.usage is None else call.usage + usage
            if call.discarded:
                _add(self.discarded, label, usage)
        if timeline is not None:
            _add(timeline.usage, label, usage)

    def hear(
        self, label: str, usage: Usage, *, call: ModelCall | None, timeline: Timeline | None
    ) -> None:
        """Counts what an STT reports: for the turn given, else for the one that comes next."""
        self.add(label, usage, call=call, timeline=timeline)
        if timeline is None:
            _add(self._heard, label, usage)

    def commit(self, timeline: Timeline) -> None:
        """A turn has been committed: what the STT has used up to now is a part of it."""
        for label, usage in self._heard.items():
            _add(timeline.usage, label, usage)
        self._heard.clear()

    def discard(self, call: ModelCall) -> None:
        """The call was speculative and is thrown away, with what it has used."""
        if not call.discarded:
            call.discarded = True
            if call.usage is not None:
                _add(self.discarded, call.model, call.usage)


def _add(book: dict[str, Usage], label: str, usage: Usage) -> None:
    before = book.get(label)
    book[label] = usage if before is None else before + usage
