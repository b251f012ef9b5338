"""What antiphon is tested with, and what its users test with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..holding import hold as hold
    from .virtual_time import Deadlock as Deadlock
    from .virtual_time import HoldMissing as HoldMissing
    from .virtual_time import OutOfTime as OutOfTime
    from .virtual_time import VirtualTimeLoop as VirtualTimeLoop
    from .virtual_time import run as run
    from .virtual_time import virtual_clock as virtual_clock

# The pytest plugin is loaded in every pytest run: nothing is imported before it is asked for.
_HOMES = {
    "Deadlock": "antiphon.testing.virtual_time",
    "HoldMissing": "antiphon.testing.virtual_time",
    "OutOfTime": "antiphon.testing.virtual_time",
    "VirtualTimeLoop": "antiphon.testing.virtual_time",
    "hold": "antiphon.holding",
    "run": "antiphon.testing.virtual_time",
    "virtual_clock": "antiphon.testing.virtual_time",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return __all__
