"""Plugins of the group `antiphon.plugins`, and plugins that are added by hand."""

from __future__ import annotations

import warnings
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from antiphon.errors import ConfigurationError
from antiphon.hookspecs import hookimpl
from antiphon.provider import SEAM, Provider
from antiphon.registry import Registry


class EntryPoint:
    """An entry point of the group `antiphon.plugins`."""

    group = "antiphon.plugins"

    def __init__(self, name: str, plugin: Any, distribution: str = "acme-watch") -> None:
        self.name = name
        self.plugin = plugin
        self.dist = SimpleNamespace(name=distribution, version="2.0")
        self.loads = 0

    def load(self) -> Any:
        self.loads += 1
        if isinstance(self.plugin, Exception):
            raise self.plugin
        return self.plugin


class Observer:
    """Writes down the sessions it is told of."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    @hookimpl
    def antiphon_session_started(self, session: object) -> None:
        self.seen.append(session)


class Carrier:
    """Makes a transport of a string."""

    @hookimpl
    def antiphon_transport(self, target: object) -> object | None:
        return f"transport for {target}" if isinstance(target, str) else None


class Everything(Observer):
    """A provider and an observer in one."""

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return Provider("acme", seam=SEAM)


class Misspelt:
    @hookimpl
    def antiphon_session_start(self, session: object) -> None: ...


def session_started(registry: Registry, session: object) -> None:
    registry.plugins().hook.antiphon_session_started(session=session)


def test_plugins_are_loaded_once_and_only_when_asked_for() -> None:
    observer = EntryPoint("watch", Observer())
    carrier = EntryPoint("carry", Carrier())
    registry = Registry([observer, carrier], {})
    assert registry.names() == ()
    assert (observer.loads, carrier.loads) == (0, 0)
    manager = registry.plugins()
    assert registry.plugins() is manager
    assert (observer.loads, carrier.loads) == (1, 1)
    session_started(registry, "session")
    assert observer.plugin.seen == ["session"]
    assert manager.hook.antiphon_transport(target="room") == "transport for room"
    assert manager.hook.antiphon_transport(target=1) is None


def test_a_plugin_that_fails_costs_a_warning_and_nothing_else() -> None:
    observer = EntryPoint("watch", Observer())
    registry = Registry(
        [
            EntryPoint("broken", ImportError("no room"), "acme-rooms"),
            EntryPoint("misspelt", Misspelt()),
            EntryPoint("provider", Everything()),
            EntryPoint("same", observer.plugin),
            observer,
            EntryPoint("empty", ModuleType("empty")),
        ],
        {},
    )
    with pytest.warns(UserWarning) as caught:
        registry.plugins()
    assert [str(warning.message) for warning in caught] == [
        "plugin 'broken' (acme-rooms 2.0) is left out: ImportError: no room",
        "plugin 'empty' (acme-watch 2.0) is left out: it implements none of the hooks "
        "antiphon_session_started, antiphon_transport, antiphon_cli",
        "plugin 'misspelt' (acme-watch 2.0) is left out: there is no hook "
        "'antiphon_session_start'; did you mean 'antiphon_session_started'?",
        "plugin 'provider' (acme-watch 2.0) is left out: the hook 'antiphon_provider' belongs in "
        "the entry-point group 'antiphon.providers'",
        "plugin 'watch' (acme-watch 2.0) is left out: it is registered already, as 'same'",
    ]
    session_started(registry, "session")
    assert observer.plugin.seen == ["session"]


def test_where_warnings_are_errors_the_other_plugins_are_there_even_so() -> None:
    observer = EntryPoint("watch", Observer())
    registry = Registry([EntryPoint("broken", ImportError("no room")), observer], {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning):
            registry.plugins()
        session_started(registry, "session")
    assert observer.plugin.seen == ["session"]


def test_disabled_plugins_are_not_loaded() -> None:
    one, two = EntryPoint("watch", Observer()), EntryPoint("watch", Observer(), "Other.Watch")
    registry = Registry([one, two], {"ANTIPHON_DISABLE": "other-watch:watch"})
    registry.plugins()
    assert (one.loads, two.loads) == (1, 0)


def test_two_plugins_may_have_one_name() -> None:
    one, two = EntryPoint("watch", Observer()), EntryPoint("watch", Observer(), "other-watch")
    registry = Registry([one, two], {})
    session_started(registry, "session")
    assert one.plugin.seen == two.plugin.seen == ["session"]


def test_what_is_added_is_there_before_and_after_loading() -> None:
    early, late = Observer(), Observer()
    installed = EntryPoint("early", Observer())
    registry = Registry([installed], {})
    registry.add(early, "early")
    registry.plugins()
    registry.add(late, "late")
    session_started(registry, "session")
    assert early.seen == late.seen == ["session"]
    assert installed.plugin.seen == []


def test_one_object_may_be_added_as_provider_and_observer() -> None:
    registry = Registry([], {})
    everything = Everything()
    registry.add(everything, "acme")
    assert registry.names() == ("acme",)
    assert registry.describe("acme").name == "acme"
    session_started(registry, "session")
    assert everything.seen == ["session"]


def test_a_module_is_a_plugin_too() -> None:
    module = ModuleType("acme")
    module.antiphon_provider = hookimpl(lambda: Provider("acme", seam=SEAM))  # type: ignore[attr-defined]
    registry = Registry([], {})
    registry.add(module, "acme")
    assert registry.describe("acme").name == "acme"


def test_what_is_added_goes_before_what_is_installed() -> None:
    installed = EntryPoint("acme", ImportError("the real one"))
    installed.group = "antiphon.providers"
    registry = Registry([installed], {})
    registry.add(Everything(), "acme")
    assert [item.source for item in registry.installed()] == ["added by hand"]
    assert registry.describe("acme").name == "acme"
    assert installed.loads == 0


def test_what_cannot_be_added_is_refused_where_it_is_added() -> None:
    registry = Registry([], {})
    registry.add(Everything(), "acme")
    refused: list[tuple[object, str, str]] = [
        (Everything(), "acme", "a plugin named 'acme' was added before; add each name once"),
        (
            Misspelt(),
            "other",
            "plugin 'other' cannot be added: there is no hook 'antiphon_session_start'; "
            "did you mean 'antiphon_session_started'?",
        ),
        (
            ModuleType("empty"),
            "other",
            "plugin 'other' cannot be added: it implements none of the hooks antiphon_provider, "
            "antiphon_session_started, antiphon_transport, antiphon_cli",
        ),
    ]
    for plugin, name, text in refused:
        with pytest.raises(ConfigurationError) as caught:
            registry.add(plugin, name)
        assert str(caught.value) == text
    assert registry.names() == ("acme",)
