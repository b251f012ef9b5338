"""What a report tells of a session beside its history: who took part, what failed, how it ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..clock import Ids, wall_time
from ..events import CloseEvent, ErrorEvent

if TYPE_CHECKING:
    from datetime import datetime

    from ..agent import Agent
    from .conversation import Conversation

MAX_ERRORS = 200
"""Errors that are kept; those after them are counted only."""


_seeded: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, int]] = WeakKeyDictionary()
"""The sessions of loops that have a seed, counted by the seed of their ids."""


def session_ids(loop: asyncio.AbstractEventLoop, seed: int | None) -> Ids:
    """The ids of a new session. In a loop with a seed, where all would have the same, the second
    session of a seed has those of `k3v0q8ze_2`: an agent may go from one session to another, and
    takes its context with it."""
    of_loop = getattr(loop, "seed", None)
    if of_loop is None:
        return Ids(seed)
    seed = of_loop if seed is None else seed
    counts = _seeded.setdefault(loop, {})
    counts[seed] = counts.get(seed, 0) + 1
    return Ids(seed, f"_{counts[seed]}" if counts[seed] > 1 else "")


class Journal:
    """Kept from the first event to the last."""

    __slots__ = ("_c", "_known", "agents", "closed", "errors", "started_at", "unlisted_errors")

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.started_at: datetime = wall_time()
        """The one reading of the wall clock, of the moment at which the session's time is 0."""
        self.agents: dict[str, dict[str, Any]] = {}
        """Who has been active, by id, in the order of their first time."""
        self.errors: list[ErrorEvent] = []
        self.unlisted_errors = 0
        self.closed: CloseEvent | None = None

    def agent(self, agent: Agent) -> None:
        """An agent is active, or what fills its slots is another now."""
        known = self.agents.get(agent.id)
        if known is None:
            known = self.agents[agent.id] = {
                "id": agent.id,
                "type": type(agent).__name__,
                "active_since": self._c.now(),
                "tools": [],
                "models": {},
            }
        known["tools"] = list(self._c.tools_of(agent))
        labels = {slot: self._c.slots.label(agent, slot) for slot in self._c.slots.in_use}
        known["models"] = {slot: label for slot, label in labels.items() if label != "none"}

    def note(self, event: Any) -> None:
        """Keeps an event that belongs here."""
        if type(event) is ErrorEvent:
            if len(self.errors) < MAX_ERRORS:
                self.errors.append(event)
            else:
                self.unlisted_errors += 1
        elif type(event) is CloseEvent:
            self.closed = event
