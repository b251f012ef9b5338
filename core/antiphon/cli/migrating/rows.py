"""Rows of the table: what becomes of a name, an option, a member or an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Fate: TypeAlias = Literal["moves", "renamed", "rewritten", "dropped", "differs", "missing"]
"""* `moves`: the import line changes, nothing else.
* `renamed`: the import line and the name change.
* `rewritten`: it is written otherwise, by the command.
* `dropped`: taken out by the command; nothing is to be written for it.
* `differs`: it is there, and does something else.
* `missing`: it is not there; something else is to be written by hand."""

AGENTS = "livekit.agents"
HAND: tuple[Fate, ...] = ("missing",)
"""What is left for its author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that users of livekit-agents write."""

    old: str
    """A dotted name (`livekit.agents.AgentServer`), an option (`Agent(min_endpointing_delay=)`,
    `JobContext.connect(e2ee=)`), a member (`JobContext.proc`), or the name of an event."""
    fate: Fate
    new: str = ""
    """For a name its home (`antiphon.App`), else what is written now; "" for nothing."""
    text: str = ""
    """What differs, or what to write instead: a sentence, without its full stop."""

    @property
    def name(self) -> str:
        """The last part of a dotted name."""
        return self.old.rpartition(".")[2]


def moved(home: str, names: str, *, at: str = AGENTS) -> list[Row]:
    """Rows for names, separated by blanks, that are the same in `home`."""
    return [Row(old=f"{at}.{name}", fate="moves", new=f"{home}.{name}") for name in names.split()]


def renamed(home: str, *, at: str = AGENTS, text: str = "", **names: str) -> list[Row]:
    """Rows for names that have another name in `home`: `renamed("antiphon", AgentServer="App")`."""
    return [
        Row(old=f"{at}.{old}", fate="renamed", new=f"{home}.{new}", text=text)
        for old, new in names.items()
    ]


def missing(names: str, text: str, *, at: str = AGENTS) -> list[Row]:
    """Rows for names, separated by blanks, that are not there, for one reason."""
    return [Row(old=f"{at}.{name}", fate="missing", text=text) for name in names.split()]
