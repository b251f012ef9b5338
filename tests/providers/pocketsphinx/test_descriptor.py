"""What pocketsphinx says of itself; needs no pocketsphinx."""

from __future__ import annotations

import logging
import platform
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from antiphon.errors import ConfigurationError
from antiphon.provider import SEAM, Ref
from antiphon.stt import STTCapabilities
from antiphon_providers.pocketsphinx import STTSettings, antiphon_provider
from antiphon_providers.pocketsphinx.stt import PocketSphinxSTT

ENV: Any = SimpleNamespace(credentials={}, log=logging.getLogger("antiphon.pocketsphinx"), ssl=None)


def build(ref: Ref, **settings: Any) -> Any:
    return antiphon_provider().slots["stt"].build(ref, STTSettings(**settings), ENV)


def test_the_descriptor() -> None:
    provider = antiphon_provider()
    assert (provider.name, provider.seam) == ("pocketsphinx", SEAM)
    assert (list(provider.slots), provider.requires) == (["stt"], ("pocketsphinx",))
    slot = provider.slots["stt"]
    assert (slot.default, slot.models, slot.settings) == ("en-us", ("en-us",), STTSettings)
    assert slot.capabilities(Ref("pocketsphinx"), STTSettings(partials=False)) == STTCapabilities(
        interim=False, word_times=True, vocabulary=True, languages=("en-US",)
    )


@pytest.mark.parametrize(
    ("version", "machine", "command"),
    [
        ((3, 11, 9), "x86_64", 'pip install "antiphon[pocketsphinx]"'),
        ((3, 13, 1), "arm64", 'pip install "antiphon[pocketsphinx]"'),
        ((3, 12, 4), "x86_64", 'pip install "pocketsphinx>=5.1.1,<6"'),
        ((3, 13, 1), "ARM64", 'pip install "pocketsphinx>=5.1.1,<6"'),
    ],
)
def test_the_command_installs_it_where_there_is_a_wheel_and_where_not(
    monkeypatch: Any, version: tuple[int, ...], machine: str, command: str
) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert antiphon_provider().install == command


@pytest.mark.parametrize("ref", [Ref("pocketsphinx"), Ref("pocketsphinx", "en-us", "en_US")])
def test_the_bare_name_its_model_and_its_language_build(ref: Ref) -> None:
    assert isinstance(build(ref), PocketSphinxSTT)


def test_another_model_is_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        build(Ref("pocketsphinx", "large"))
    assert str(caught.value) == (
        "pocketsphinx has no model 'large'; it has one, 'en-us': write 'pocketsphinx'"
    )


@pytest.mark.parametrize(
    ("ref", "settings"),
    [(Ref("pocketsphinx", "en-us", "de"), {}), (Ref("pocketsphinx"), {"language": "de"})],
)
def test_another_language_is_refused(ref: Ref, settings: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        build(ref, **settings)
    assert str(caught.value) == (
        "pocketsphinx recognises American English ('en-us'), not 'de'; "
        "for other languages take an STT of another provider (antiphon providers lists them)"
    )
