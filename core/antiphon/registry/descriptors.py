"""Descriptors: loading one provider's plugin and checking what it says about itself."""

from __future__ import annotations

import re
from typing import Any

from .._version import __version__
from ..errors import ProviderUnavailable
from ..provider import SEAM, Provider
from ..settings import setting_types
from .installed import PLUGINS_GROUP, PROVIDERS_GROUP, Installed
from .plugins import PROVIDER_HOOK, HookError, plugin_manager, register

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def described(item: Installed) -> Provider:
    """Imports the plugin (its `__init__`, no SDK), calls its hook, and checks the answer.

    Raises `ProviderUnavailable`, which names the distribution, for whatever is wrong with it.
    """
    try:
        plugin = item.load()
    except Exception as error:
        raise broken(item, told(error)) from error
    manager = plugin_manager(PROVIDERS_GROUP)
    # What is added by hand may implement hooks of both groups.
    groups = (PROVIDERS_GROUP,) if item.distribution else (PROVIDERS_GROUP, PLUGINS_GROUP)
    try:
        register(manager, plugin, item.name, groups=groups)
        results = manager.hook.antiphon_provider()
    except HookError as error:
        raise broken(item, str(error)) from error
    except Exception as error:
        raise broken(item, f"{PROVIDER_HOOK} failed: {told(error)}") from error
    # pluggy leaves a result of None out.
    return _checked(item, results[0] if results else None)


def _checked(item: Installed, provider: Any) -> Provider:
    if not isinstance(provider, Provider):
        got = type(provider).__name__
        raise broken(item, f"{PROVIDER_HOOK} returned a {got}, not a Provider")
    if not isinstance(provider.seam, int):
        raise broken(item, f"its seam is {provider.seam!r}, not a number; write seam={SEAM}")
    if provider.seam > SEAM:
        raise ProviderUnavailable(
            f"provider {item.name!r} ({item.source}) is made for seam {provider.seam}, and "
            f"antiphon {__version__} has seam {SEAM}; run: pip install --upgrade antiphon"
        )
    if provider.name != item.name:
        raise broken(item, f"it describes itself as {provider.name!r}; give both the same name")
    for name in provider.requires:
        if not _DISTRIBUTION.fullmatch(name):
            raise broken(item, f"requires= takes names of distributions, not {name!r}")
    for slot in provider.slots.values():
        try:
            setting_types(slot.settings)
        except Exception as error:
            raise broken(item, told(error)) from error
    return provider


def broken(item: Installed, what: str) -> ProviderUnavailable:
    """The error for an installed provider that does not work, whoever is to blame."""
    return ProviderUnavailable(f"provider {item.name!r} ({item.source}) is broken: {what}")


def told(error: BaseException) -> str:
    """An error in one line: `ValueError: no such thing`."""
    return f"{type(error).__name__}: {error}"
