"""Replacing the models that agents name themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import did_you_mean
from ..overriding import slot_override
from ..provider import SLOT_NAMES, SlotName

_SLOTS: tuple[SlotName, ...] = tuple(name for name in SLOT_NAMES if name != "transport")


@contextmanager
def replace_slots(**models: Any) -> Iterator[None]:
    """Fills slots with `models` wherever agents and sessions name something else for them.

    By slot, `replace_slots(tts=ScriptedTTS())`: a built object, a model string or a `Model`. Holds
    for the sessions that are started inside of it, with all of their agents, to their ends. What
    nobody fills, or an agent sets to None, stays empty. Inside another one, the inner counts.

    Raises `TypeError` for what is no slot.
    """
    for name in models:
        if name not in _SLOTS:
            raise TypeError(
                f"replace_slots({name}=…): there is no slot {name!r} (slots: {', '.join(_SLOTS)})"
                + did_you_mean(name, _SLOTS)
            )
    outer = slot_override.get()

    def override(slot: SlotName, value: Any) -> Any:
        if outer is not None:
            value = outer(slot, value)
        return value if value is None else models.get(slot, value)

    token = slot_override.set(override)
    try:
        yield
    finally:
        slot_override.reset(token)
