"""Installed plugins: the entry points of the two groups, listed without importing any of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

PROVIDERS_GROUP = "antiphon.providers"
PLUGINS_GROUP = "antiphon.plugins"
DISABLE_VARIABLE = "ANTIPHON_DISABLE"
"""Names, separated by commas, of installed plugins to leave out: `name` or `distribution:name`."""

_UNKNOWN = "unknown distribution"


class EntryPoint(Protocol):
    """What is used of an `importlib_metadata.EntryPoint`; `.group` and `.dist` are optional."""

    @property
    def name(self) -> str: ...

    def load(self) -> Any: ...


@dataclass(frozen=True, slots=True)
class Installed:
    """One plugin that could be loaded."""

    name: str
    """As in the model string."""
    distribution: str
    """The name of the package that brings it; empty when it was added by hand."""
    version: str
    """The version of the distribution, or empty."""
    load: Callable[[], Any] = field(repr=False, compare=False)
    """Imports and returns the plugin: a module or an object with hook implementations."""

    @property
    def is_distributed(self) -> bool:
        """Whether it comes from a distribution whose name is known."""
        return self.distribution not in ("", _UNKNOWN)

    @property
    def source(self) -> str:
        """Where it comes from, for messages: `acme-voice 1.2`."""
        if not self.distribution:
            return "added by hand"
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def qualified_name(self) -> str:
        """`distribution:name`, as `ANTIPHON_DISABLE` takes it."""
        return f"{self.distribution}:{self.name}"


class InstalledPlugins:
    """The entry points of this environment, or those given instead, looked up once a group."""

    def __init__(
        self, entry_points: Iterable[EntryPoint] | None, environ: Mapping[str, str] | None
    ) -> None:
        self._given = None if entry_points is None else tuple(entry_points)
        self._environ = environ
        self._groups: dict[str, tuple[Installed, ...]] = {}

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment variables, as they are now."""
        return os.environ if self._environ is None else self._environ

    def group(self, group: str) -> tuple[Installed, ...]:
        """All of a group, sorted by name; disabled ones and duplicates included."""
        found = self._groups.get(group)
        if found is None:
            listed = [_installed(entry_point) for entry_point in self._entry_points(group)]
            listed.sort(key=lambda item: (item.name, item.distribution))
            found = self._groups[group] = tuple(listed)
        return found

    def enabled(self, group: str) -> tuple[Installed, ...]:
        """Those of a group that `ANTIPHON_DISABLE` does not name, now."""
        disabled = self.disabled()
        return tuple(
            item
            for item in self.group(group)
            if item.name not in disabled and _normal(item.qualified_name) not in disabled
        )

    def disabled(self) -> frozenset[str]:
        """What `ANTIPHON_DISABLE` names."""
        entries = self.environ.get(DISABLE_VARIABLE, "").split(",")
        return frozenset(_normal(entry.strip()) for entry in entries if entry.strip())

    def _entry_points(self, group: str) -> Iterable[EntryPoint]:
        if self._given is not None:
            return [
                entry_point
                for entry_point in self._given
                if getattr(entry_point, "group", PROVIDERS_GROUP) == group
            ]
        import importlib_metadata

        return importlib_metadata.entry_points(group=group)


def _installed(entry_point: EntryPoint) -> Installed:
    distribution = getattr(entry_point, "dist", None)
    return Installed(
        entry_point.name,
        # A distribution whose metadata is damaged has neither; the plugin may still be whole.
        getattr(distribution, "name", None) or _UNKNOWN,
        getattr(distribution, "version", None) or "",
        entry_point.load,
    )


def _normal(entry: str) -> str:
    """`Acme_Voice:name` as `acme-voice:name`, the normal form of a distribution (PEP 503)."""
    distribution, colon, name = entry.rpartition(":")
    return re.sub(r"[-_.]+", "-", distribution).lower() + colon + name
