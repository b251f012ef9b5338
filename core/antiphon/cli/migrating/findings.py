"""What was found in a source, and is not plain in the difference of its text."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One place, and what is to be known of it."""

    line: int
    what: str
    """The name or option, as it is known in the table."""
    instead: str
    """What to write, or what differs."""
    left: bool
    """It is for the author to do; else it has been done, or works otherwise."""


@dataclass(slots=True)
class Findings:
    """Findings of one source, each once."""

    found: dict[Finding, None] = field(default_factory=dict)
    providers: set[str] = field(default_factory=set)
    """The providers that model strings name now."""

    def left(self, line: int, what: str, instead: str) -> None:
        """Something that the author has to write."""
        self.found.setdefault(Finding(line, what, instead, True))

    def note(self, line: int, what: str, text: str) -> None:
        """Something that has been rewritten, or is the same and works otherwise."""
        if text:
            self.found.setdefault(Finding(line, what, text, False))

    def sorted(self) -> list[Finding]:
        """In the order of the source."""
        return sorted(self.found)
