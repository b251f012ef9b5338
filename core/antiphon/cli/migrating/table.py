"""The whole table, and how a name is looked up in it."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from .events import EVENT_FIELDS, EVENT_NAMES
from .members import MEMBERS, NO_SERVER
from .names import NAMES
from .options import OPTIONS
from .rows import Row

LIVEKIT = "livekit"
"""The package whose imports are looked at."""
ALL_NAMES: tuple[Row, ...] = (*NAMES, *EVENT_NAMES)
"""Every name that can be imported."""
EXACT: dict[str, Row] = {row.old: row for row in ALL_NAMES}
MEMBER: dict[str, Row] = {row.old: row for row in (*MEMBERS, *EVENT_FIELDS)}
OPTION: dict[str, Row] = {row.old: row for row in OPTIONS}

_NO_ROOM = "it needs a room on a server; here the transport carries audio and text"
_KEPT_APART = ("livekit.rtc", "livekit.api", "livekit.protocol")
"""Packages that are no part of livekit-agents, and stay as they are."""


@cache
def _by_last() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in ALL_NAMES:
        if row.old.startswith("livekit.agents"):
            found[row.name].append(row)
    return dict(found)


def is_foreign(dotted: str) -> bool:
    """Whether a name is of `livekit` but not of livekit-agents: rtc, api and protocol."""
    return any(dotted == each or dotted.startswith(f"{each}.") for each in _KEPT_APART)


def foreign_text(dotted: str) -> str:
    """Why a name of `livekit` that is none of livekit-agents' does not work here."""
    server = dotted.startswith(("livekit.api", "livekit.protocol"))
    return NO_SERVER if server else _NO_ROOM


def is_agents(dotted: str) -> bool:
    """Whether a name is of livekit-agents or of one of its plugins."""
    return dotted.startswith(("livekit.agents", "livekit.plugins"))


def find(dotted: str) -> Row | None:
    """The row of a name, by whichever of its modules it was imported from; None: not in the table.

    livekit-agents shows most of its names in several modules; one that stands in the table once is
    found from each of them.
    """
    row = EXACT.get(dotted)
    if row is not None:
        return row
    head, _, last = dotted.rpartition(".")
    if dotted.startswith("livekit.agents."):
        rows = _by_last().get(last, [])
        if len(rows) == 1:
            return rows[0]
        for module in head.split(".")[2:]:
            near = [row for row in rows if row.old.split(".")[-2] == module]
            if near:
                return near[0]
        return None
    if dotted.startswith("livekit.plugins."):
        return _plugin(dotted.split(".")[2:])
    return None


def _plugin(parts: list[str]) -> Row | None:
    """The row of a name in some provider's plugin, given from the plugin on."""
    plugins = "livekit.plugins"
    if parts[0] in ("turn_detector", "noise_cancellation"):
        return EXACT[f"{plugins}.{parts[0]}.*"] if len(parts) > 1 else None
    for size in (3, 2, 1):
        row = EXACT.get(f"{plugins}.*.{'.'.join(parts[1:][-size:])}") if len(parts) > size else None
        if row is not None:
            return row
    return None
