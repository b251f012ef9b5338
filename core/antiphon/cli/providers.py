"""`antiphon providers`: what is installed, and whether it can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..registry import Registry


def providers(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Lists the installed providers: what they offer, and whether they can be used now."""
    from ..registry import default_registry
    from .output import show_json, show_table

    found = describe_all(default_registry())
    if as_json:
        show_json(found)
        return
    show_table(
        ("name", "slots", "version", "distribution", "state", "what to do"),
        [
            (
                each["name"],
                ", ".join(each["slots"]) or "-",
                each["version"] or "-",
                each["distribution"] or "-",
                each["state"],
                "" if each["state"] == "ready" else each["detail"],
            )
            for each in found
        ],
    )


def describe_all(registry: Registry) -> list[dict[str, Any]]:
    """One object per installed provider, by name; imports no SDK.

    `name`, `title`, `slots`, `models` (the default ones by slot), `version`, `distribution`,
    `state` (`ready`, `needs extra`, `needs key`, `broken`), `detail` (a sentence), `docs`,
    `stand_in`.
    """
    from ..errors import ConfigurationError

    found: list[dict[str, Any]] = []
    for item in registry.installed():
        readiness = registry.readiness(item.name)
        try:
            provider = registry.describe(item.name)
        except ConfigurationError:
            provider = None
        slots = {} if provider is None else provider.slots
        found.append(
            {
                "name": item.name,
                "title": "" if provider is None else provider.title,
                "slots": list(slots),
                "models": {name: slot.default for name, slot in slots.items()},
                "version": item.version,
                "distribution": item.distribution,
                "state": readiness.state,
                "detail": readiness.detail,
                "docs": "" if provider is None else provider.docs,
                "stand_in": "" if provider is None else provider.stand_in,
            }
        )
    return found
