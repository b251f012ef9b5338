"""What the command line lays over a program's slots and settings."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from antiphon import ConfigurationError, Model
from antiphon.cli.overrides import Overrides, read_settings
from antiphon.errors import SettingError
from antiphon.provider import Provider, Slot, setting


@dataclass(frozen=True)
class _Settings:
    speed: float = setting(1.0, ge=0.5, le=2.0)


@pytest.fixture
def registry(make_registry):
    slot = Slot(lambda *_: None, settings=_Settings, default="mouth-1")
    return make_registry(Provider("acme", seam=1, tts=slot), Provider("bell", seam=1, tts=slot))


def test_a_slot_is_replaced_filled_or_left_alone(registry):
    took: list[tuple[str, str]] = []
    overrides = Overrides(
        registry,
        replace={"tts": "bell"},
        defaults={"llm": "acme/x", "tts": "acme"},
        silenced=("vad",),
        took_default=lambda slot, model: took.append((slot, model)),
    )
    assert overrides("tts", "acme") == "bell"
    assert overrides("tts", None) == "bell"
    assert overrides("llm", None) == "acme/x"
    assert overrides("llm", None) == "acme/x"
    assert overrides("llm", "bell/own") == "bell/own"
    assert overrides("stt", None) is None
    assert overrides("vad", "acme") is None
    assert took == [("llm", "acme/x")]


def test_settings_are_put_on_whatever_string_it_comes_to(registry):
    overrides = Overrides(registry, settings={"tts": {"speed": "1.5", "voice": "anna"}})
    expected = Model("acme/mouth-1", speed=1.5, voice="anna")
    assert overrides("tts", "acme/mouth-1") == expected
    assert overrides("tts", Model("acme/mouth-1", speed=0.7)) == expected
    assert overrides("tts", ["acme", "bell"]) == [
        Model("acme", speed=1.5, voice="anna"),
        Model("bell", speed=1.5, voice="anna"),
    ]
    assert overrides("tts", None) is None


def test_settings_that_cannot_be_say_so(registry):
    with pytest.raises(SettingError) as unknown:
        Overrides(registry, settings={"tts": {"sped": "1"}})("tts", "acme")
    assert str(unknown.value) == (
        "acme tts has no setting 'sped' (it has: speed, voice); did you mean 'speed'?"
    )
    with pytest.raises(ConfigurationError) as made:
        Overrides(registry, settings={"tts": {"speed": "1"}})("tts", object())
    assert str(made.value) == (
        "--set tts.speed: the tts is an object that the program has made (object), not a model "
        "string; change it there, or give --tts STRING"
    )


def test_settings_are_read_from_the_command_line():
    assert read_settings(["tts.speed=1.1", "tts.voice=a=b", "llm.x="]) == {
        "tts": {"speed": "1.1", "voice": "a=b"},
        "llm": {"x": ""},
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed=1", "--set 'speed=1' is not SLOT.NAME=VALUE, e.g. tts.speed=1.1"),
        ("tts.speed", "--set 'tts.speed' is not SLOT.NAME=VALUE, e.g. tts.speed=1.1"),
        (
            "ttss.speed=1",
            "--set 'ttss.speed=1' names no slot 'ttss' (slots: stt, llm, tts, vad, turn_detector); "
            "did you mean 'tts'?",
        ),
    ],
)
def test_settings_that_cannot_be_read_say_so(text, message):
    with pytest.raises(ConfigurationError) as error:
        read_settings([text])
    assert str(error.value) == message
