"""Plugins and their hooks: registering them with pluggy, and finding a hook that is misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..errors import did_you_mean
from .installed import PLUGINS_GROUP, PROVIDERS_GROUP, Installed

if TYPE_CHECKING:
    from pluggy import PluginManager

PROVIDER_HOOK = "antiphon_provider"


class HookError(Exception):
    """A plugin whose hooks are not right; the message says what to do about them."""


def plugin_manager(*groups: str) -> PluginManager:
    """An empty manager that knows the hooks of these entry-point groups."""
    import pluggy

    from ..hookspecs import PROJECT

    manager = pluggy.PluginManager(PROJECT)
    for group in groups:
        manager.add_hookspecs(_hooks(group))
    return manager


def _hooks(group: str) -> type[Any]:
    from ..hookspecs import PluginHooks, ProviderHooks

    return ProviderHooks if group == PROVIDERS_GROUP else PluginHooks


def hook_names(group: str) -> tuple[str, ...]:
    """The hooks of an entry-point group."""
    return tuple(name for name in vars(_hooks(group)) if name.startswith("antiphon_"))


def register(
    manager: PluginManager, plugin: Any, name: str, *, groups: tuple[str, ...]
) -> list[str]:
    """Registers a plugin under `name` and returns the hooks that it implements, of these groups.

    Raises `HookError`, and registers nothing, when it implements a hook that is in none of them and
    not marked with `optionalhook=True`, when a hook takes an argument that it does not have, or
    when there is none at all.
    """
    import pluggy

    if manager.get_name(plugin) is not None:
        raise HookError(f"it is registered already, as {manager.get_name(plugin)!r}")
    try:
        manager.register(plugin, name)
    except pluggy.PluginValidationError as error:
        # The first lines are about Python names; the last one says what is wrong.
        raise HookError(str(error).splitlines()[-1].strip()) from error
    known = [hook for group in groups for hook in hook_names(group)]
    implemented = []
    try:
        for caller in manager.get_hookcallers(plugin) or ():
            if caller.name in known:
                implemented.append(caller.name)
            elif not _is_optional(caller, plugin):
                raise HookError(_unknown_hook(caller.name, known))
        if not implemented:
            raise HookError(_no_hook(plugin, known))
    except HookError:
        manager.unregister(plugin)
        raise
    return implemented


def _is_optional(caller: Any, plugin: Any) -> bool:
    own = [
        implementation
        for implementation in caller.get_hookimpls()
        if implementation.plugin is plugin
    ]
    return all(implementation.optionalhook for implementation in own)


def _unknown_hook(name: str, known: list[str]) -> str:
    for group in (PROVIDERS_GROUP, PLUGINS_GROUP):
        if name in hook_names(group):
            return f"the hook {name!r} belongs in the entry-point group {group!r}"
    return f"there is no hook {name!r}{did_you_mean(name, known)}"


def _no_hook(plugin: Any, known: list[str]) -> str:
    for name in known:
        if callable(getattr(plugin, name, None)):
            return f"its {name!r} is not marked; put @hookimpl above it"
    if len(known) == 1:
        return f"it does not implement {known[0]!r}"
    return f"it implements none of the hooks {', '.join(known)}"


def load_plugins(installed: Iterable[Installed]) -> tuple[PluginManager, list[str]]:
    """Loads the plugins of the group `antiphon.plugins`; returns the manager and what went wrong.

    One that fails is left out and named, with its distribution, in the second part; the others are
    loaded all the same.
    """
    manager = plugin_manager(PLUGINS_GROUP)
    problems = []
    for item in installed:
        try:
            name = item.qualified_name if manager.has_plugin(item.name) else item.name
            register(manager, item.load(), name, groups=(PLUGINS_GROUP,))
        except Exception as error:
            what = (
                str(error) if isinstance(error, HookError) else f"{type(error).__name__}: {error}"
            )
            problems.append(f"plugin {item.name!r} ({item.source}) is left out: {what}")
    return manager, problems
