"""Finding and describing providers, and what is said when one cannot be used."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import pytest

from antiphon import __version__
from antiphon.errors import (
    ConfigurationError,
    ModelStringError,
    ProviderNotFound,
    ProviderUnavailable,
    SettingError,
)
from antiphon.hookspecs import hookimpl
from antiphon.model import Model
from antiphon.provider import SEAM, Credentials, Env, Provider, Ref, Slot, setting
from antiphon.registry import Readiness, Registry, default_registry


@dataclass
class FakeEntryPoint:
    """An entry point that counts how often it is loaded."""

    name: str
    plugin: Any = None
    distribution: str = "acme-voice"
    version: str = "1.2"
    group: str = "antiphon.providers"
    error: Exception | None = None
    loads: int = 0

    @property
    def value(self) -> str:
        return f"{self.name}_plugin"

    @property
    def dist(self) -> Any:
        return SimpleNamespace(name=self.distribution, version=self.version)

    def load(self) -> Any:
        self.loads += 1
        if self.error is not None:
            raise self.error
        return self.plugin


class Plugin:
    """A plugin object whose one hook gives `result`."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.calls = 0

    @hookimpl
    def antiphon_provider(self) -> Any:
        self.calls += 1
        return self.result


@dataclass(frozen=True)
class MouthSettings:
    speed: float = setting(1.0, ge=0.5, le=2.0, unit="x")
    emotion: Literal["calm", "glad"] = setting("calm")
    voice: str | None = setting(None)


def never(ref: Ref, settings: Any, env: Any) -> Any:
    raise AssertionError("nothing is built here")


def slot(**declared: Any) -> Slot:
    return Slot(never, **{"default": "one", **declared})


def entry(
    name: str = "acme", *, distribution: str = "acme-voice", **described: Any
) -> FakeEntryPoint:
    """The entry point of a whole provider, with an STT and a TTS unless it says what it has."""
    if not {"stt", "llm", "tts", "vad"} & set(described):
        described |= {"stt": slot(), "tts": slot(default="mouth-1", settings=MouthSettings)}
    provider = Provider(described.pop("called", name), **{"seam": SEAM, **described})
    return FakeEntryPoint(name, Plugin(provider), distribution)


def registry(*entry_points: FakeEntryPoint, **environ: str) -> Registry:
    return Registry(entry_points, environ)


def message(error: type[Exception], action: Callable[[], object]) -> str:
    with pytest.raises(error) as caught:
        action()
    return str(caught.value)


def test_listing_imports_nothing() -> None:
    zeta, acme = entry("zeta"), entry("acme")
    found = registry(zeta, acme)
    assert found.names() == ("acme", "zeta")
    assert [(item.name, item.distribution, item.version) for item in found.installed()] == [
        ("acme", "acme-voice", "1.2"),
        ("zeta", "acme-voice", "1.2"),
    ]
    assert zeta.loads == acme.loads == 0


def test_describing_loads_the_one_that_is_named_once() -> None:
    zeta, acme = entry("zeta"), entry("acme")
    found = registry(zeta, acme)
    assert found.describe("acme") is found.describe("acme")
    assert (acme.loads, acme.plugin.calls, zeta.loads) == (1, 1, 0)


def test_entry_points_are_looked_up_once_for_each_group(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib_metadata

    looked_up = []

    def entry_points(*, group: str) -> list[FakeEntryPoint]:
        looked_up.append(group)
        return [entry("acme")] if group == "antiphon.providers" else []

    monkeypatch.setattr(importlib_metadata, "entry_points", entry_points)
    found = Registry()
    found.describe("acme")
    assert found.names() == ("acme",)
    found.plugins()
    found.plugins()
    assert looked_up == ["antiphon.providers", "antiphon.plugins"]


def test_importing_the_registry_loads_nothing_heavy() -> None:
    code = """
        import sys
        import antiphon.registry
        heavy = ("pluggy", "importlib_metadata", "pydantic", "numpy", "typer", "rich", "soxr")
        print([name for name in heavy if name in sys.modules])
        antiphon.registry.default_registry()
        print([name for name in heavy if name in sys.modules])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.splitlines() == ["[]", "[]"]


def test_there_is_one_default_registry() -> None:
    assert default_registry() is default_registry()


def test_an_unknown_name_is_answered_with_the_near_miss() -> None:
    found = registry(entry("cartesia"), entry("deepgram"))
    assert message(ProviderNotFound, lambda: found.check("cartesa/sonic-3", "tts")) == (
        "no provider named 'cartesa' is installed (installed: cartesia, deepgram); "
        "did you mean 'cartesia'?"
    )


def test_an_unknown_name_without_a_near_one_says_what_to_do() -> None:
    assert message(ProviderNotFound, lambda: registry(entry()).describe("zzz")) == (
        "no provider named 'zzz' is installed (installed: acme); install the package that brings it"
    )
    assert message(ProviderNotFound, lambda: registry().describe("acme")) == (
        "no provider named 'acme' is installed (installed: none); "
        "install the package that brings it"
    )


def test_a_long_list_of_names_is_cut() -> None:
    found = registry(*(entry(f"voice{letter}") for letter in "abcdefghijklmn"))
    assert message(ProviderNotFound, lambda: found.describe("voicf")) == (
        "no provider named 'voicf' is installed (installed: voicea, voiceb, voicec, voiced, "
        "voicee, voicef, voiceg, voiceh, voicei, voicej, voicek, voicel, …); did you mean 'voicef'?"
    )


def test_two_distributions_of_one_name_are_an_error_only_when_it_is_used() -> None:
    one = entry("acme", distribution="acme-one")
    two = entry("acme", distribution="acme-two")
    found = registry(two, one, entry("other"))
    assert found.names() == ("acme", "other")
    assert len(found.installed()) == 3
    assert found.describe("other").name == "other"
    text = (
        "two distributions offer a provider named 'acme': acme-one 1.2 and acme-two 1.2; "
        "uninstall one, or set ANTIPHON_DISABLE=acme-two:acme"
    )
    assert message(ProviderUnavailable, lambda: found.describe("acme")) == text
    assert found.readiness("acme") == Readiness("broken", text)
    assert one.loads == two.loads == 0


def test_the_environment_chooses_between_two_of_one_name() -> None:
    one = entry("acme", distribution="acme-one")
    two = entry("acme", distribution="Acme_Two")
    found = registry(one, two, ANTIPHON_DISABLE="zeta, acme-two:acme")
    assert found.describe("acme").name == "acme"
    assert (one.loads, two.loads) == (1, 0)


def test_a_disabled_name_is_neither_listed_nor_used() -> None:
    found = registry(entry("acme"), entry("other"), ANTIPHON_DISABLE="acme,zeta")
    assert found.names() == ("other",)
    assert message(ProviderUnavailable, lambda: found.describe("acme")) == (
        "provider 'acme' is disabled by ANTIPHON_DISABLE='acme,zeta'; take it out to use it"
    )


def test_a_broken_import_gives_the_original_error_and_its_distribution() -> None:
    broken = FakeEntryPoint("acme", error=ModuleNotFoundError("No module named 'acmee'"))
    found = registry(broken, entry("other"))
    with pytest.raises(ProviderUnavailable) as caught:
        found.describe("acme")
    assert str(caught.value) == (
        "provider 'acme' (acme-voice 1.2) is broken: ModuleNotFoundError: No module named 'acmee'"
    )
    assert caught.value.__cause__ is broken.error
    assert isinstance(caught.value, ImportError)
    assert found.describe("other").name == "other"


def test_a_distribution_with_damaged_metadata_is_still_named() -> None:
    broken = FakeEntryPoint("acme", error=SyntaxError("bad"), distribution="", version="")
    assert message(ProviderUnavailable, lambda: registry(broken).describe("acme")) == (
        "provider 'acme' (unknown distribution) is broken: SyntaxError: bad"
    )


class Misspelt:
    @hookimpl
    def antiphon_provder(self) -> Provider:
        return Provider("acme", seam=SEAM)


class WrongGroup(Plugin):
    @hookimpl
    def antiphon_session_started(self, session: object) -> None: ...


class Unmarked:
    def antiphon_provider(self) -> Provider:
        return Provider("acme", seam=SEAM)


class WrongArgument:
    @hookimpl
    def antiphon_provider(self, name: str) -> Provider:
        return Provider(name, seam=SEAM)


class Raising:
    @hookimpl
    def antiphon_provider(self) -> Provider:
        raise KeyError("mouth")


@pytest.mark.parametrize(
    ("plugin", "what"),
    [
        (Misspelt(), "there is no hook 'antiphon_provder'; did you mean 'antiphon_provider'?"),
        (
            WrongGroup(None),
            "the hook 'antiphon_session_started' belongs in the entry-point group "
            "'antiphon.plugins'",
        ),
        (Unmarked(), "its 'antiphon_provider' is not marked; put @hookimpl above it"),
        (ModuleType("empty"), "it does not implement 'antiphon_provider'"),
        (
            WrongArgument(),
            "Argument(s) {'name'} are declared in the hookimpl "
            "but can not be found in the hookspec",
        ),
        (Raising(), "antiphon_provider failed: KeyError: 'mouth'"),
        (Plugin("acme"), "antiphon_provider returned a str, not a Provider"),
        (Plugin(None), "antiphon_provider returned a NoneType, not a Provider"),
        (
            Plugin(Provider("acmee", seam=SEAM)),
            "it describes itself as 'acmee'; give both the same name",
        ),
        (
            Plugin(Provider("acme", seam="1")),  # type: ignore[arg-type]
            "its seam is '1', not a number; write seam=1",
        ),
        (
            Plugin(Provider("acme", seam=SEAM, requires=("acme-sdk>=2",))),
            "requires= takes names of distributions, not 'acme-sdk>=2'",
        ),
        (
            Plugin(Provider("acme", seam=SEAM, tts=Slot(never, settings=dict))),
            "TypeError: the settings dict must be a frozen dataclass",
        ),
    ],
)
def test_a_plugin_that_is_not_right_is_told_what_to_change(plugin: Any, what: str) -> None:
    found = registry(FakeEntryPoint("acme", plugin))
    text = f"provider 'acme' (acme-voice 1.2) is broken: {what}"
    assert message(ProviderUnavailable, lambda: found.describe("acme")) == text
    assert found.readiness("acme") == Readiness("broken", text)


def test_a_hook_that_its_author_marked_as_optional_is_let_be() -> None:
    class Ahead(Plugin):
        @hookimpl(optionalhook=True)
        def antiphon_of_tomorrow(self) -> None: ...

    plugin = Ahead(Provider("acme", seam=SEAM, tts=slot()))
    assert registry(FakeEntryPoint("acme", plugin)).describe("acme") is plugin.result


def test_a_higher_seam_gives_the_command_that_upgrades() -> None:
    found = registry(entry("acme", seam=SEAM + 1))
    assert message(ProviderUnavailable, lambda: found.describe("acme")) == (
        f"provider 'acme' (acme-voice 1.2) is made for seam 2, and antiphon {__version__} has "
        "seam 1; run: pip install --upgrade antiphon"
    )


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("llm", "LLM"),
        ("vad", "VAD"),
        ("turn_detector", "turn detector"),
        ("transport", "transport"),
    ],
)
def test_a_slot_that_a_provider_does_not_fill_is_named(name: Any, title: str) -> None:
    found = registry(entry("deepgram"))
    assert message(ProviderNotFound, lambda: found.check("deepgram/x", name)) == (
        f"provider 'deepgram' has no {title}; it offers: stt, tts"
    )


def test_the_default_model_is_filled_in_with_its_variant() -> None:
    found = registry(entry(tts=slot(default="mouth-1:anna"), llm=slot(default="mind:1b")))
    assert found.resolve("acme", "tts").ref == Ref("acme", "mouth-1", "anna")
    assert found.resolve(Model("acme", voice="bob"), "tts").ref == Ref("acme", "mouth-1", "bob")
    assert found.resolve("acme/mouth-2", "tts").ref == Ref("acme", "mouth-2")
    assert found.resolve("acme", "llm").ref == Ref("acme", "mind:1b")


def test_a_model_must_be_named_where_there_are_several_and_no_default() -> None:
    found = registry(entry(llm=slot(default=None, models=("mind-1", "mind-2"))))
    assert message(ModelStringError, lambda: found.check("acme", "llm")) == (
        "model string 'acme' names no model, and acme llm has no default one; "
        "write 'acme/mind-1' (known models: mind-1, mind-2)"
    )
    assert found.check("acme/mind-9", "llm")[0].ref == Ref("acme", "mind-9")
    bare = registry(entry(vad=slot(default=None)))
    assert bare.check("acme", "vad")[0].ref == Ref("acme")


def test_a_provider_may_keep_the_colon_in_its_models() -> None:
    found = registry(entry(tts=slot(variant=None, settings=MouthSettings)))
    resolved = found.check(Model("acme/mouth:8b", voice="anna"), "tts")[0]
    assert resolved.ref == Ref("acme", "mouth:8b")
    assert resolved.settings.voice == "anna"


def test_the_variant_also_fills_the_field_of_its_name() -> None:
    found = registry(entry())
    assert found.check("acme/m:anna", "tts")[0].settings == MouthSettings(voice="anna")
    assert found.check(Model("acme", voice="bob"), "tts")[0].settings.voice == "bob"
    assert found.check("acme", "tts")[0].settings.voice is None


def test_settings_are_checked_without_building() -> None:
    found = registry(entry("cartesia"))
    assert found.check(Model("cartesia/sonic-3", speed=2), "tts")[0].settings.speed == 2.0
    assert message(
        SettingError, lambda: found.check(Model("cartesia/sonic-3", sped=1.1), "tts")
    ) == (
        "cartesia tts has no setting 'sped' (it has: emotion, speed, voice); did you mean 'speed'?"
    )
    assert message(SettingError, lambda: found.check(Model("cartesia", speed=3), "tts")) == (
        "cartesia tts setting 'speed' takes a number from 0.5 to 2 x, not 3"
    )
    assert message(SettingError, lambda: found.check(Model("cartesia", speed=3), "stt")) == (
        "cartesia stt has no setting 'speed' (it has: language)"
    )


def test_both_places_for_a_variant_are_an_error() -> None:
    found = registry(entry())
    assert (
        message(ModelStringError, lambda: found.check(Model("acme/m:anna", voice="bob"), "tts"))
        == "model string 'acme/m:anna' already names the voice 'anna'; leave out voice='bob'"
    )


def test_a_list_is_checked_whole() -> None:
    found = registry(entry("acme"), entry("other"))
    refs = [one.ref for one in found.check(["acme/a", Model("other/b", speed=2)], "tts")]
    assert refs == [Ref("acme", "a"), Ref("other", "b")]
    assert message(ProviderNotFound, lambda: found.check(["acme/a", "othr/b"], "tts")) == (
        "no provider named 'othr' is installed (installed: acme, other); did you mean 'other'?"
    )
    assert message(ConfigurationError, lambda: found.check([], "tts")) == (
        "the list of models for the TTS is empty; give one model string or more, "
        "or None for an agent that has none"
    )


def test_text_of_the_command_line_is_read_as_the_provider_declares() -> None:
    found = registry(entry())
    assert found.parse_setting("acme/m", "tts", name="speed", text="1.1") == 1.1
    assert found.parse_setting("acme/m", "tts", name="voice", text="anna") == "anna"
    assert found.parse_setting("acme/m", "stt", name="language", text="de") == "de"
    assert (
        message(SettingError, lambda: found.parse_setting("acme", "tts", name="sped", text="1"))
        == "acme tts has no setting 'sped' (it has: emotion, speed, voice); did you mean 'speed'?"
    )


ABSENT = "antiphon-no-such-package"


@pytest.mark.parametrize(
    ("described", "distribution", "text"),
    [
        (
            {"requires": (ABSENT,)},
            "antiphon",
            f"provider 'acme' needs the package '{ABSENT}'; run: pip install \"antiphon[acme]\"",
        ),
        (
            {"requires": (ABSENT, "pluggy", f"{ABSENT}-2")},
            "antiphon",
            f"provider 'acme' needs the packages '{ABSENT}' and '{ABSENT}-2'; "
            'run: pip install "antiphon[acme]"',
        ),
        (
            {"requires": (ABSENT,), "install": 'pip install "acme-voice[sdk]"'},
            "acme-voice",
            f"provider 'acme' needs the package '{ABSENT}'; "
            'run: antiphon setup acme (or: pip install "acme-voice[sdk]")',
        ),
        (
            {"requires": (ABSENT,)},
            "acme-voice",
            f"provider 'acme' needs the package '{ABSENT}'; run: pip install {ABSENT}",
        ),
    ],
)
def test_a_missing_package_comes_with_the_command_that_installs_it(
    described: dict[str, Any], distribution: str, text: str
) -> None:
    found = registry(entry("acme", distribution=distribution, **described))
    assert message(ProviderUnavailable, lambda: found.check("acme", "tts")) == text
    assert found.readiness("acme") == Readiness("needs extra", text)


def test_a_missing_key_names_its_variable_and_a_provider_that_needs_none() -> None:
    found = registry(
        entry("cartesia", credentials=Env("CARTESIA_API_KEY")),
        entry("abc", credentials=Env("ABC_KEY")),
        entry("beep", stand_in="a beep"),
        entry("cello", requires=(ABSENT,)),
        entry("dummy", stt=slot()),
        FakeEntryPoint("aaa", error=ImportError("broken")),
        entry("espeak"),
    )
    assert message(ProviderUnavailable, lambda: found.check("cartesia", "tts")) == (
        "provider 'cartesia' found no API key; set CARTESIA_API_KEY, "
        'or try one that needs none: tts="espeak"'
    )
    assert message(ProviderUnavailable, lambda: found.check("cartesia", "stt")) == (
        "provider 'cartesia' found no API key; set CARTESIA_API_KEY, "
        'or try one that needs none: stt="dummy"'
    )
    assert found.readiness("cartesia") == Readiness(
        "needs key",
        "provider 'cartesia' found no API key; set CARTESIA_API_KEY, or pass api_key=",
    )


def test_a_stand_in_or_a_local_server_is_suggested_when_there_is_nothing_else() -> None:
    async def probe() -> bool:
        return True

    keyed = entry("cartesia", credentials=Env("CARTESIA_API_KEY"))
    server, stand_in = entry("aserver", probe=probe), entry("beep", stand_in="a beep")
    for others, name in (([server, stand_in], "beep"), ([server], "aserver")):
        found = registry(keyed, *others)
        assert message(ProviderUnavailable, lambda found=found: found.check("cartesia", "tts")) == (  # type: ignore[misc]
            "provider 'cartesia' found no API key; set CARTESIA_API_KEY, "
            f'or try one that needs none: tts="{name}"'
        )


def test_a_missing_key_without_an_alternative_can_be_passed() -> None:
    either = Credentials.any_of(Env("ACME_KEY"), Env("ACME_ID", "ACME_SECRET"))
    found = registry(entry(credentials=either), ACME_ID="x")
    assert message(ProviderUnavailable, lambda: found.check("acme", "tts")) == (
        "provider 'acme' found no API key; set ACME_KEY, or ACME_ID and ACME_SECRET, "
        "or pass api_key="
    )


def test_other_providers_are_described_only_when_the_key_is_missing() -> None:
    other = entry("other")
    found = registry(entry(credentials=Env("ACME_KEY")), other, ACME_KEY="sk-1")
    resolved = found.check("acme", "tts")[0]
    assert dict(resolved.credentials) == {"ACME_KEY": "sk-1"}
    assert found.readiness("acme") == Readiness("ready", "provider 'acme' offers: stt, tts")
    assert other.loads == 0
    assert "sk-1" not in repr(resolved)


def test_a_key_that_is_passed_takes_the_place_of_the_environment() -> None:
    either = Credentials.any_of(Env("ACME_ID", "ACME_SECRET"), Env("ACME_KEY"))
    found = registry(entry(credentials=either), ACME_ID="x", ACME_SECRET="y")
    resolved = found.check(Model("acme", api_key="sk-1"), "tts")[0]
    assert dict(resolved.credentials) == {"ACME_KEY": "sk-1"}
    assert dict(found.check("acme", "tts")[0].credentials) == {"ACME_ID": "x", "ACME_SECRET": "y"}


@pytest.mark.parametrize(
    ("credentials", "api_key", "text"),
    [
        (None, "sk-1", "acme tts takes no 'api_key': it needs none; leave it out"),
        (
            Env("ACME_ID", "ACME_SECRET"),
            "sk-1",
            "provider 'acme' takes no 'api_key': its credentials have several parts; "
            "set ACME_ID and ACME_SECRET",
        ),
        (
            Env("ACME_KEY"),
            ["sk-1"],
            "acme tts setting 'api_key' takes text that is not empty; "
            "leave it out to use the environment's",
        ),
        (
            Env("ACME_KEY"),
            "",
            "acme tts setting 'api_key' takes text that is not empty; "
            "leave it out to use the environment's",
        ),
    ],
)
def test_a_key_that_has_no_place_is_refused_unseen(
    credentials: Env | None, api_key: object, text: str
) -> None:
    found = registry(entry(credentials=credentials))
    model = Model("acme", api_key=api_key)
    assert message(SettingError, lambda: found.check(model, "tts")) == text


def test_a_provider_that_declares_the_key_as_a_setting_gets_it() -> None:
    @dataclass(frozen=True)
    class Keyed:
        api_key: str | None = setting(None, secret=True)

    found = registry(entry(tts=slot(settings=Keyed)))
    resolved = found.check(Model("acme", api_key="sk-1"), "tts")[0]
    assert resolved.settings.api_key == "sk-1"
    assert dict(resolved.credentials) == {}
    assert "sk-1" not in f"{resolved!r} {resolved.settings!r}"


def test_the_environment_is_read_when_it_is_needed() -> None:
    environ: dict[str, str] = {}
    found = Registry([entry(credentials=Env("ACME_KEY"))], environ)
    assert found.readiness("acme").state == "needs key"
    environ["ACME_KEY"] = "sk-1"
    assert found.readiness("acme").state == "ready"


def test_readiness_of_what_is_not_installed_is_an_error() -> None:
    assert message(ProviderNotFound, lambda: registry(entry("acme")).readiness("acm")) == (
        "no provider named 'acm' is installed (installed: acme); did you mean 'acme'?"
    )


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package, as pip leaves it, whose SDK cannot be imported."""
    package = tmp_path / "antiphon_temporary"
    package.mkdir()
    (package / "__init__.py").write_text(
        textwrap.dedent(
            """
            from antiphon.hookspecs import hookimpl
            from antiphon.provider import SEAM, Provider, Slot

            def build(ref, settings, env):
                from . import vad
                return vad.Detector()

            @hookimpl
            def antiphon_provider():
                return Provider("temporary", seam=SEAM, vad=Slot(build, default="one"))
            """
        ),
        encoding="utf-8",
    )
    (package / "vad.py").write_text("import temporary_sdk\n", encoding="utf-8")
    info = tmp_path / "antiphon_temporary-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: antiphon-temporary\nVersion: 0.3\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        "[antiphon.providers]\ntemporary = antiphon_temporary\n"
        "gone = antiphon_temporary.not_there\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("antiphon_temporary")]:
        del sys.modules[name]


def test_a_distribution_on_the_path_is_found_described_and_reported(distribution: Path) -> None:
    found = Registry()
    assert "temporary" in found.names()
    assert "antiphon_temporary" not in sys.modules
    item = found.find("temporary")
    assert (item.distribution, item.version) == ("antiphon-temporary", "0.3")
    assert list(found.describe("temporary").slots) == ["vad"]
    assert "antiphon_temporary.vad" not in sys.modules
    assert message(ProviderUnavailable, lambda: found.build("temporary", "vad")) == (
        "provider 'temporary' needs the package 'temporary_sdk'; "
        "run: pip install antiphon-temporary"
    )
    assert message(ProviderUnavailable, lambda: found.describe("gone")) == (
        "provider 'gone' (antiphon-temporary 0.3) is broken: ModuleNotFoundError: "
        "No module named 'antiphon_temporary.not_there'"
    )
