"""Tables of a TOML file, read with checks: every mistake is an error that names its place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import ConfigurationError, did_you_mean


class Table:
    """One table; what is taken from it is checked, and what it has besides is an error."""

    def __init__(self, values: Any, where: str) -> None:
        self.where = where
        """E.g. `'bill.toml': [[step]] 2`."""
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"{where} has to be a table, not {values!r}")
        self._values = dict(values)
        self._known: list[str] = []

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def wrong(self, key: str, expected: str) -> ConfigurationError:
        """The error for a value of the wrong kind."""
        return ConfigurationError(
            f"{self._place} has {key} = {_shown(self._values[key])}; it takes {expected}"
        )

    def take(self, key: str, default: Any = None) -> Any:
        """The value as it is."""
        self._known.append(key)
        return self._values.get(key, default)

    def text(self, key: str, default: str | None = None) -> str | None:
        """Text that is not empty."""
        value = self.take(key, default)
        if key in self._values and (not isinstance(value, str) or not value.strip()):
            raise self.wrong(key, "text")
        return value  # type: ignore[no-any-return]

    def number(
        self, key: str, default: float | None = None, *, low: float = 0.0, high: float = math.inf
    ) -> float | None:
        """A number from `low` to `high`."""
        value = self.take(key, default)
        if key in self._values and not _is_number(value, low, high):
            bounds = f"from {low:g} to {high:g}" if high < math.inf else f"of {low:g} or more"
            raise self.wrong(key, f"a number {bounds}")
        return None if value is None else float(value)

    def whole(self, key: str, default: int | None = None, *, low: int = 0) -> int | None:
        """A whole number of `low` or more."""
        value = self.take(key, default)
        if key in self._values and (type(value) is not int or value < low):
            raise self.wrong(key, f"a whole number of {low} or more")
        return value  # type: ignore[no-any-return]

    def flag(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A text, or a list of texts."""
        value = self.take(key, ())
        given = [value] if isinstance(value, str) else value
        if not _is_list(given) or not all(isinstance(one, str) and one for one in given):
            raise self.wrong(key, "text, or a list of texts")
        return tuple(given)

    def table(self, key: str) -> Table:
        """A table within this one; empty when it is not there."""
        return Table(self.take(key, {}), f"{self.where}[{key}]" if self._top else self._below(key))

    def tables(self, key: str) -> list[Table]:
        """A list of tables within this one."""
        value = self.take(key, [])
        if not _is_list(value):
            raise ConfigurationError(
                f"{self._place} has one {key!r}; write [[{key}]] above each of them"
                if self._top
                else f"{self._below(key)} has to be a list of tables"
            )
        return [
            Table(
                each,
                f"{self.where}[[{key}]] {number}" if self._top else f"{self._below(key)} {number}",
            )
            for number, each in enumerate(value, 1)
        ]

    @property
    def _place(self) -> str:
        return self.where.removesuffix(": ")

    @property
    def _top(self) -> bool:
        return self.where.endswith(": ")

    def _below(self, key: str) -> str:
        return f"{self.where}, {key}"

    def only(self, keys: Sequence[str], what: str, *, others: Sequence[str] = ()) -> str:
        """The one of these keys that is there. Raises when there is none, or more than one.

        `others` are keys that the table may have besides: any further one is a misspelt one.
        """
        found = [key for key in keys if key in self._values]
        self._known += keys
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigurationError(
                f"{self.where} has {' and '.join(found)}; {what} is one thing, keep one of them"
            )
        self._known += others
        self.end()
        raise ConfigurationError(f"{self.where} does not say {what}; give one of {_or(keys)}")

    def end(self) -> None:
        """Raises for the first key that nobody has asked for."""
        known = list(dict.fromkeys(self._known))
        for key in self._values:
            if key not in known:
                raise ConfigurationError(
                    f"{self._place} has no key {key!r} (it has: {', '.join(known)})"
                    + did_you_mean(key, known)
                )


def _or(keys: Sequence[str]) -> str:
    return f"{', '.join(keys[:-1])} or {keys[-1]}"


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_number(value: Any, low: float, high: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and low <= value <= high


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)
