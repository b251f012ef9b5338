"""The table as text: what docs/coming-from-livekit-agents.md shows of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby

from .events import EVENT_CLASSES, EVENT_FIELDS, EVENTS
from .members import MEMBERS
from .options import OPTIONS, TURN_OPTIONS
from .rows import AGENTS, Fate, Row
from .table import ALL_NAMES

_FATES: dict[Fate, str] = {
    "moves": "the same",
    "renamed": "renamed",
    "rewritten": "written otherwise",
    "dropped": "taken out",
    "differs": "there, and differs",
    "missing": "by hand",
}


def moved_names() -> str:
    """Names that only move, by the module they move to."""
    homes: dict[str, list[str]] = defaultdict(list)
    for row in ALL_NAMES:
        if row.fate == "moves":
            homes[row.new.rpartition(".")[0]].append(row.name)
    lines = ["| from | names |", "|---|---|"]
    for home in sorted(homes):
        names = ", ".join(f"`{name}`" for name in sorted(homes[home]))
        lines.append(f"| `{home}` | {names} |")
    return "\n".join(lines)


def other_names() -> str:
    """Every other name."""
    return _table(row for row in ALL_NAMES if row.fate != "moves")


def options() -> str:
    """Options of classes and methods."""
    return _table((*OPTIONS, *TURN_OPTIONS))


def members() -> str:
    """Methods and attributes, and the fields of events."""
    fields = [row for row in EVENT_FIELDS if not row.old.endswith((".created_at", ".type"))]
    return _table((*MEMBERS, *fields))


def events() -> str:
    """What `session.on` takes."""
    theirs = {ours: old for old, ours in EVENT_CLASSES.items()}
    lines = ["| event | class there | class here | what to write instead |", "|---|---|---|---|"]
    for row in EVENTS:
        ours = f"`{row.new}`" if row.new else ""
        there = f"`{theirs[row.new]}`" if row.new else ""
        lines.append(f"| `{row.old}` | {there} | {ours} | {_cell(row.text)} |")
    return "\n".join(lines)


PARTS = {
    "moved names": moved_names,
    "other names": other_names,
    "options": options,
    "members": members,
    "events": events,
}
"""The generated parts of the page, by the name in its comments."""


def filled(page: str) -> str:
    """A page with each part between `<!-- begin NAME -->` and `<!-- end NAME -->` as it is now."""
    for name, part in PARTS.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f"the page has no {begin} … {end}")
        page = f"{before}{begin}\n{part()}\n{end}{after}"
    return page


def _table(rows: Iterable[Row]) -> str:
    """Rows that say the same of several names are one."""
    lines = ["| there | here | | what to know |", "|---|---|---|---|"]
    for (new, fate, text), group in groupby(rows, key=lambda row: (row.new, row.fate, row.text)):
        names = ", ".join(f"`{_shown(row.old)}`" for row in group)
        here = f"`{_cell(_short(new))}`" if new else ""
        lines.append(f"| {names} | {here} | {_FATES[fate]} | {_cell(text)} |")
    return "\n".join(lines)


def _short(new: str) -> str:
    """A name of `antiphon` itself without the module."""
    first, dot, rest = new.partition(".")
    return rest if first == "antiphon" and dot and rest.isidentifier() else new


def _shown(old: str) -> str:
    return old.removeprefix(f"{AGENTS}.")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
