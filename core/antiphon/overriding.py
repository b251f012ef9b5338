"""Overriding slots: how a command line replaces, or fills, what the agents of a program name."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeAlias

from .provider import SlotName

SlotOverride: TypeAlias = Callable[[SlotName, Any], Any]
"""`(slot, value) -> value`: `value` is what the agent or its session names, None for nothing; what
is returned fills the slot, None leaves it empty. Not asked for a slot that an agent set to None."""

slot_override: ContextVar[SlotOverride | None] = ContextVar("antiphon_slot_override", default=None)
"""Read by every session when it is started."""
