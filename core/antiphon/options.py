"""Options that users give as an object, or as a dict with the same keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from .errors import SettingError, did_you_mean

T = TypeVar("T")


def options_of(kind: type[T], value: Any, *, name: str = "") -> T:
    """`value` as an object of the dataclass `kind`: itself, made from a dict, or, for None, one
    without options.

    `name`: what messages call it; that of the class when not given. Raises `SettingError` for
    anything else, and for a key that is no option, with the near miss.
    """
    name = name or kind.__name__
    if value is None:
        return kind()
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise SettingError(f"{name} is given as {value!r}; give {kind.__name__}(...) or a dict")
    known = sorted(field.name for field in fields(kind))  # type: ignore[arg-type]
    for key in value:
        if key not in known:
            raise SettingError(
                f"{name} has no option {key!r} (it has: {', '.join(known)})"
                f"{did_you_mean(str(key), known)}"
            )
    return kind(**value)
