"""Live settings: what may change while a slot is in use."""

from __future__ import annotations

import dataclasses
from typing import Any

from .resolved import Resolved


def live_changes(built: Resolved, wanted: Resolved) -> dict[str, Any] | None:
    """The settings of `wanted` that a slot built as `built` would have to take on, by name.

    None when that needs another slot: another model or key, or a setting that is not `live`.
    """
    same_model = not built.declared.wraps and (
        built.provider.name == wanted.provider.name
        and built.ref.model == wanted.ref.model
        and built.credentials == wanted.credentials
        and type(built.settings) is type(wanted.settings)
    )
    if not same_model:
        return None
    changes: dict[str, Any] = {}
    live = set()
    for field in dataclasses.fields(built.settings):
        if field.metadata.get("live"):
            live.add(field.name)
        value = getattr(wanted.settings, field.name)
        if value != getattr(built.settings, field.name):
            changes[field.name] = value
    if built.ref.variant != wanted.ref.variant and built.variant not in changes:
        return None  # it has no field of its own, so nothing says that it is live
    return changes if changes.keys() <= live else None
