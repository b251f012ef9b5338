"""The registry: finds, describes, checks and builds what fills the slots."""

from __future__ import annotations

import asyncio
import threading
import warnings
import weakref
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..errors import ConfigurationError, ProviderNotFound, ProviderUnavailable, did_you_mean
from ..model import Model, parse
from ..provider import Provider, SlotName
from ..settings import call_settings, listed, parse_setting_text
from .building import built
from .descriptors import described
from .installed import (
    DISABLE_VARIABLE,
    PLUGINS_GROUP,
    PROVIDERS_GROUP,
    EntryPoint,
    Installed,
    InstalledPlugins,
)
from .plugins import PROVIDER_HOOK, HookError, load_plugins, plugin_manager, register
from .requirements import keyless, missing_packages, needs_packages, no_key
from .resolved import (
    SLOT_TITLES,
    ModelLike,
    Resolved,
    Target,
    checked_settings,
    key_credentials,
    offers,
    target,
    wrapped,
)
from .resources import ProviderEnv, Resources, bounded

if TYPE_CHECKING:
    from pluggy import PluginManager

    from ..llm import LLM
    from ..stt import STT
    from ..tts import TTS
    from ..turn_detector import TurnDetector
    from ..vad import VAD

ReadinessState: TypeAlias = Literal["ready", "needs extra", "needs key", "broken"]

_BOTH_GROUPS = (PROVIDERS_GROUP, PLUGINS_GROUP)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether an installed provider can be used now."""

    state: ReadinessState
    detail: str
    """What to do about it, as a sentence; for `"ready"` what it offers."""


class Registry:
    """Finds providers and plugins by entry point, describes them, builds slots from model strings.

    Listing imports nothing; describing imports one provider's `__init__`; building imports its SDK.
    Safe to use from several threads.
    """

    def __init__(
        self,
        entry_points: Iterable[EntryPoint] | None = None,
        environ: Mapping[str, str] | None = None,
        *,
        ssl: Any = None,
    ) -> None:
        """Looks at the installed entry points unless some are given, at `os.environ` unless given.

        `ssl` is an `ssl.SSLContext` for the providers that can use one.
        """
        self._installed = InstalledPlugins(entry_points, environ)
        self._ssl = ssl
        self._lock = threading.RLock()
        self._added: dict[str, Installed] = {}
        self._added_plugins: list[tuple[Any, str]] = []
        self._described: dict[str, Provider] = {}
        self._plugins: PluginManager | None = None
        self._built: dict[asyncio.AbstractEventLoop, dict[Hashable, Any]] = {}
        self._origins: dict[int, tuple[weakref.ref[Any], Resolved]] = {}
        self.resources = Resources()
        """What the built slots share: workers, sockets, model sessions."""

    def add(self, plugin: Any, name: str) -> None:
        """Registers a module or object with hook implementations under `name`, without packaging.

        It comes before an installed provider of the same name. Raises `ConfigurationError` when its
        hooks are not right, or when something was added under that name before.
        """
        with self._lock:
            if name in self._added or any(name == added for _, added in self._added_plugins):
                raise ConfigurationError(
                    f"a plugin named {name!r} was added before; add each name once"
                )
            try:
                hooks = register(plugin_manager(*_BOTH_GROUPS), plugin, name, groups=_BOTH_GROUPS)
            except HookError as error:
                raise ConfigurationError(f"plugin {name!r} cannot be added: {error}") from error
            if PROVIDER_HOOK in hooks:
                self._added[name] = Installed(name, "", "", lambda: plugin)
                self._described.pop(name, None)
            if hooks != [PROVIDER_HOOK]:
                self._added_plugins.append((plugin, name))
                if self._plugins is not None:
                    register(self._plugins, plugin, name, groups=_BOTH_GROUPS)

    def installed(self) -> tuple[Installed, ...]:
        """Every provider that may be named, with its distribution and version, by name.

        Imports nothing. Two of one name are both listed; using the name is an error.
        """
        found = self._installed.enabled(PROVIDERS_GROUP)
        shown = [item for item in found if item.name not in self._added]
        return tuple(sorted([*shown, *self._added.values()], key=lambda item: item.name))

    def names(self) -> tuple[str, ...]:
        """The names of the providers that may be used, sorted. Imports nothing."""
        return tuple(sorted({item.name for item in self.installed()}))

    def find(self, name: str) -> Installed:
        """The one installed provider of that name. Imports nothing.

        Raises `ProviderNotFound`, or `ProviderUnavailable` when it is disabled or there are two.
        """
        named = [item for item in self.installed() if item.name == name]
        if len(named) == 1:
            return named[0]
        if named:
            number = "two" if len(named) == 2 else str(len(named))
            raise ProviderUnavailable(
                f"{number} distributions offer a provider named {name!r}: "
                f"{' and '.join(item.source for item in named)}; uninstall one, or set "
                f"{DISABLE_VARIABLE}={named[-1].qualified_name}"
            )
        if any(item.name == name for item in self._installed.group(PROVIDERS_GROUP)):
            value = self._installed.environ.get(DISABLE_VARIABLE, "")
            raise ProviderUnavailable(
                f"provider {name!r} is disabled by {DISABLE_VARIABLE}={value!r}; "
                "take it out to use it"
            )
        near = did_you_mean(name, self.names()) or "; install the package that brings it"
        raise ProviderNotFound(
            f"no provider named {name!r} is installed (installed: {listed(self.names())}){near}"
        )

    def describe(self, name: str) -> Provider:
        """The descriptor of a provider; imports the `__init__` of that one, no SDK.

        Raises `ProviderNotFound`, or `ProviderUnavailable` when it is disabled, broken, ambiguous,
        or made for a newer antiphon.
        """
        with self._lock:
            item = self.find(name)
            provider = self._described.get(name)
            if provider is None:
                provider = self._described[name] = described(item)
            return provider

    def readiness(self, name: str) -> Readiness:
        """Whether a provider can be used now, and if not, what to do; imports no SDK.

        Raises `ProviderNotFound`; anything else that is wrong is told by the answer.
        """
        try:
            provider = self.describe(name)
        except ProviderNotFound:
            raise
        except ConfigurationError as error:
            return Readiness("broken", str(error))
        missing = missing_packages(provider)
        if missing:
            return Readiness("needs extra", needs_packages(provider, self.find(name), missing))
        if not provider.has_credentials(self._installed.environ):
            return Readiness("needs key", f"{no_key(provider)}, or pass api_key=")
        return Readiness("ready", f"provider {name!r} offers: {offers(provider)}")

    def plugins(self) -> PluginManager:
        """The observers, transports and commands: pluggy's manager of the group `antiphon.plugins`.

        Loaded at the first call, all of them; one that fails costs a warning and is left out.
        """
        with self._lock:
            if self._plugins is not None:
                return self._plugins
            manager, problems = load_plugins(self._installed.enabled(PLUGINS_GROUP))
            for plugin, name in self._added_plugins:
                if manager.has_plugin(name):
                    # What is added goes before what is installed.
                    manager.unregister(name=name)
                register(manager, plugin, name, groups=_BOTH_GROUPS)
            self._plugins = manager
        # At the very end: where warnings are errors, the rest must be there even so.
        for problem in problems:
            warnings.warn(problem, UserWarning, stacklevel=2)
        return manager

    def check(self, model: ModelLike | Sequence[ModelLike], slot: SlotName) -> tuple[Resolved, ...]:
        """Everything short of building: name, slot, variant, settings, packages, credentials.

        Takes one model string or `Model`, or a list of them (fallback order); gives one `Resolved`
        each. Imports no SDK. Raises `ConfigurationError` for the first that cannot be used.
        """
        if isinstance(model, str | Model) or not isinstance(model, Sequence):
            return (self._check(model, slot),)
        if not model:
            raise ConfigurationError(
                f"the list of models for the {SLOT_TITLES[slot]} is empty; "
                "give one model string or more, or None for an agent that has none"
            )
        return tuple(self._check(one, slot) for one in model)

    def resolve(self, model: ModelLike, slot: SlotName) -> Target:
        """What the string means: provider, slot, model and variant. Nothing else is checked."""
        return target(self.describe(parse(model, slot).provider), model, slot)

    def parse_setting(self, model: ModelLike, slot: SlotName, *, name: str, text: str) -> Any:
        """The value that a command line's text means for a setting of this model, as in `--set`."""
        found = self.resolve(model, slot)
        return parse_setting_text(
            found.declared.settings, name, text, owner=found.owner, also=found.also
        )

    def build(
        self,
        model: ModelLike,
        slot: SlotName,
        *,
        shared: bool = True,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> Any:
        """The object that fills the slot, checked and built; imports the SDK.

        On a loop (the running one, or `loop` when called in a thread for it) there is one for each
        model string, settings and key, closed by `aclose`. Without a loop, or with `shared=False`,
        it is the caller's own, to be closed by the caller. A batch STT and a whole-text TTS come
        wrapped. Its `load` is the caller's to run.
        """
        resolved = self._check(model, slot)
        if loop is None:
            loop = _running_loop()
        if not shared or loop is None:
            return self._build(resolved)
        key = resolved.key
        with self._lock:
            for other in [other for other in self._built if other.is_closed()]:
                del self._built[other]
            slots = self._built.setdefault(loop, {})
        if key not in slots:
            # Not under the lock: the import may take long, and the loop must not wait for a thread.
            made = self._build(resolved)
            with self._lock:
                slots.setdefault(key, made)
        return slots[key]

    def origin(self, slot: Any) -> Resolved | None:
        """What a built slot was built from; None for one that this registry has not built."""
        reference, resolved = self._origins.get(id(slot), (None, None))
        return resolved if reference is not None and reference() is slot else None

    def call_settings(self, slot: Any, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of one call of a built slot: those it was built with, under `overrides`.

        For a slot that this registry has not built, the overrides as they are; for one that wraps
        another, those of the other. Raises `SettingError`.
        """
        origin = self.origin(slot)
        if origin is not None and origin.declared.wraps:
            return self.call_settings(slot.unwrap, overrides)
        if origin is None:
            return dict(overrides)
        return call_settings(origin.settings, overrides, owner=origin.owner, variant=origin.variant)

    async def aclose(self) -> None:
        """Closes the shared slots and the resources of the running loop; harmless when repeated.

        The newest first. One that fails, or takes longer than 5 s, is logged and left.
        """
        with self._lock:
            slots = self._built.pop(asyncio.get_running_loop(), {})
        for slot in reversed(list(slots.values())):
            origin = self.origin(slot)
            name = origin.owner if origin is not None else repr(slot)
            await bounded(slot.aclose, f"closing {name}")
        await self.resources.close_all()

    def _check(self, model: ModelLike, slot: SlotName) -> Resolved:
        found = self.resolve(model, slot)
        provider = found.provider
        settings, api_key = checked_settings(found, model)
        if found.declared.wraps:
            self._check(wrapped(found.ref, settings), slot)
        missing = missing_packages(provider)
        if missing:
            item = self.find(provider.name)
            raise ProviderUnavailable(needs_packages(provider, item, missing))
        credentials: Mapping[str, str] | None = {}
        if api_key is not None:
            credentials = key_credentials(provider, api_key)
        elif provider.credentials is not None:
            credentials = provider.credentials.find(self._installed.environ)
        if credentials is None:
            raise ProviderUnavailable(f"{no_key(provider)}, or {self._way_without_key(slot)}")
        return Resolved(
            provider,
            slot,
            found.declared,
            found.ref,
            settings,
            MappingProxyType(dict(credentials)),
        )

    def _build(self, resolved: Resolved) -> Any:
        env = ProviderEnv(
            provider=resolved.provider.name,
            resources=self.resources,
            credentials=resolved.credentials,
            ssl=self._ssl,
            builder=lambda model, slot: self._build(self._check(model, slot)),
        )
        slot = built(resolved, self.find(resolved.provider.name), env)
        origins, key = self._origins, id(slot)
        origins[key] = (weakref.ref(slot, lambda _: origins.pop(key, None)), resolved)
        return slot

    def _way_without_key(self, slot: SlotName) -> str:
        """What to try instead of a provider without a key: asks every installed one, lazily."""
        name = keyless(self._describable(), slot)
        return "pass api_key=" if name is None else f'try one that needs none: {slot}="{name}"'

    def _describable(self) -> Iterator[Provider]:
        for name in self.names():
            try:
                yield self.describe(name)
            except ConfigurationError:
                continue


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


_default: Registry | None = None
_default_lock = threading.Lock()


def default_registry() -> Registry:
    """The registry of this process, used wherever no other is given."""
    global _default
    with _default_lock:
        if _default is None:
            _default = Registry()
        return _default


def build_stt(model: ModelLike, registry: Registry | None = None) -> STT:
    """An STT outside any session, the caller's own: `async with build_stt("acme/x") as stt:`."""
    stt: STT = (registry or default_registry()).build(model, "stt", shared=False)
    return stt


def build_llm(model: ModelLike, registry: Registry | None = None) -> LLM:
    """An LLM outside any session, the caller's own: `async with build_llm("acme/x") as llm:`."""
    llm: LLM = (registry or default_registry()).build(model, "llm", shared=False)
    return llm


def build_tts(model: ModelLike, registry: Registry | None = None) -> TTS:
    """A TTS outside any session, the caller's own: `async with build_tts("acme/x") as tts:`."""
    tts: TTS = (registry or default_registry()).build(model, "tts", shared=False)
    return tts


def build_vad(model: ModelLike, registry: Registry | None = None) -> VAD:
    """A VAD outside any session, the caller's own: `async with build_vad("acme") as vad:`."""
    vad: VAD = (registry or default_registry()).build(model, "vad", shared=False)
    return vad


def build_turn_detector(model: ModelLike, registry: Registry | None = None) -> TurnDetector:
    """A turn detector outside any session, the caller's own, to be closed by the caller."""
    detector: TurnDetector = (registry or default_registry()).build(
        model, "turn_detector", shared=False
    )
    return detector
