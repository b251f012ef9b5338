"""Settings of a slot, checked against the dataclass that its provider declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from antiphon.errors import SettingError
from antiphon.provider import NoSettings, setting
from antiphon.settings import (
    build_settings,
    call_settings,
    listed,
    parse_setting_text,
    setting_types,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MouthSettings:
    """Every kind of setting."""

    speed: float = setting(1.0, ge=0.5, le=2.0, unit="x", live=True)
    pause: float = setting(0.1, ge=0.0, unit="s")
    volume: float = setting(0.0, le=6.0, unit="dB")
    offset: float = setting(0.0, unit="s")
    beams: int = setting(1, ge=1)
    emotion: Literal["calm", "glad"] | None = setting(None)
    style: str = setting("plain")
    cached: bool = setting(False)
    words: tuple[str, ...] = setting(())
    range_hz: tuple[float, float] = setting((80.0, 300.0), ge=20.0)
    retries: int | None = setting(None, ge=0)
    pin: str = setting("", secret=True)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NeedySettings:
    """One without a default."""

    region: str = setting()


def built(**values: Any) -> MouthSettings:
    made = build_settings(MouthSettings, values, owner="acme tts", also=("api_key", "voice"))
    assert isinstance(made, MouthSettings)
    return made


def refusal(**values: Any) -> str:
    with pytest.raises(SettingError) as caught:
        built(**values)
    assert isinstance(caught.value, ValueError)
    return str(caught.value)


def test_values_are_taken_and_converted() -> None:
    made = built(speed=2, words=["a", "b"], range_hz=[100, 200], emotion="glad", retries=3)
    assert made == MouthSettings(
        speed=2.0, words=("a", "b"), range_hz=(100.0, 200.0), emotion="glad", retries=3
    )
    assert type(made.speed) is float
    assert built() == MouthSettings()
    assert built(emotion=None, retries=None) == MouthSettings()


def test_an_unknown_setting_is_named_with_the_near_miss() -> None:
    assert refusal(sped=1.0) == (
        "acme tts has no setting 'sped' (it has: beams, cached, emotion, extra, offset, pause, "
        "pin, range_hz, retries, speed, style, voice, …); did you mean 'speed'?"
    )
    assert refusal(zzz=1).endswith(
        "(it has: beams, cached, emotion, extra, offset, pause, pin, "
        "range_hz, retries, speed, style, voice, …)"
    )
    assert refusal(apikey="x").endswith("; did you mean 'api_key'?")


def test_a_slot_without_settings_says_so() -> None:
    with pytest.raises(SettingError) as caught:
        build_settings(NoSettings, {"speed": 1}, owner="acme vad", also=("api_key",))
    assert str(caught.value) == "acme vad has no setting 'speed' (it has none)"


def test_names_are_listed_in_order_and_cut() -> None:
    assert listed(["b", "a", "b"]) == "a, b"
    assert listed([]) == "none"
    assert listed("abcdefghijklm") == "a, b, c, d, e, f, g, h, i, j, k, l, …"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"speed": 3.0}, "acme tts setting 'speed' takes a number from 0.5 to 2 x, not 3.0"),
        ({"speed": "fast"}, "acme tts setting 'speed' takes a number from 0.5 to 2 x, not 'fast'"),
        ({"speed": True}, "acme tts setting 'speed' takes a number from 0.5 to 2 x, not True"),
        ({"speed": None}, "acme tts setting 'speed' takes a number from 0.5 to 2 x, not None"),
        (
            {"speed": float("nan")},
            "acme tts setting 'speed' takes a number from 0.5 to 2 x, not nan",
        ),
        ({"pause": -1}, "acme tts setting 'pause' takes a number of 0 s or more, not -1"),
        ({"volume": 7}, "acme tts setting 'volume' takes a number of 6 dB or less, not 7"),
        ({"offset": "x"}, "acme tts setting 'offset' takes a number (in s), not 'x'"),
        ({"beams": 0}, "acme tts setting 'beams' takes a whole number of 1 or more, not 0"),
        ({"beams": 1.5}, "acme tts setting 'beams' takes a whole number of 1 or more, not 1.5"),
        ({"beams": True}, "acme tts setting 'beams' takes a whole number of 1 or more, not True"),
        (
            {"emotion": "gald"},
            "acme tts setting 'emotion' takes one of 'calm', 'glad' or None, not 'gald'; "
            "did you mean 'glad'?",
        ),
        ({"style": 1}, "acme tts setting 'style' takes text, not 1"),
        ({"cached": 1}, "acme tts setting 'cached' takes True or False, not 1"),
        ({"words": "abc"}, "acme tts setting 'words' takes a tuple, each item text, not 'abc'"),
        ({"words": [1]}, "acme tts setting 'words' takes a tuple, each item text, not [1]"),
        (
            {"range_hz": (1.0,)},
            "acme tts setting 'range_hz' takes a tuple of 2 items, "
            "each a number of 20 or more, not (1.0,)",
        ),
        (
            {"range_hz": (10, 90)},
            "acme tts setting 'range_hz' takes a tuple of 2 items, "
            "each a number of 20 or more, not (10, 90)",
        ),
        (
            {"retries": -1},
            "acme tts setting 'retries' takes a whole number of 0 or more or None, not -1",
        ),
        ({"extra": [1]}, "acme tts setting 'extra' takes a mapping, not [1]"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused(
    values: dict[str, Any], message: str
) -> None:
    assert refusal(**values) == message


def test_a_secret_that_is_refused_is_not_shown() -> None:
    assert refusal(pin=["1234"]) == (
        "acme tts setting 'pin' takes text; the value given, which is not shown, is of type list"
    )
    assert "1234" not in repr(built(pin="1234"))


def test_a_setting_without_default_must_be_given() -> None:
    with pytest.raises(SettingError) as caught:
        build_settings(NeedySettings, {}, owner="acme stt")
    assert str(caught.value) == (
        "acme stt needs the setting 'region'; give it with the model: Model('…', region=…)"
    )
    assert build_settings(NeedySettings, {"region": "eu"}, owner="acme stt").region == "eu"


def test_what_the_dataclass_itself_refuses_is_a_setting_error() -> None:
    @dataclass(frozen=True)
    class Pair:
        low: float = setting(0.0)
        high: float = setting(1.0)

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low must not be above high")

    with pytest.raises(SettingError) as caught:
        build_settings(Pair, {"low": 2}, owner="acme vad")
    assert str(caught.value) == (
        "acme vad does not take these settings: low must not be above high"
    )


def test_settings_must_be_a_frozen_dataclass() -> None:
    @dataclass
    class Loose:
        speed: float = 1.0

    for wrong in (Loose, dict):
        with pytest.raises(TypeError) as caught:
            setting_types(wrong)
        assert str(caught.value) == f"the settings {wrong.__name__} must be a frozen dataclass"


@dataclass(frozen=True)
class MixedSettings:
    """Annotations that overlap, and kinds that are the provider's own business."""

    either: float | int = setting(0.0)
    anything: Any = setting(None)
    names: list[str] = field(default_factory=list)
    nested: NoSettings = setting(NoSettings())
    any_tuple: tuple = setting(())  # type: ignore[type-arg]


def test_what_needs_no_conversion_is_kept() -> None:
    nested = NoSettings()
    made = build_settings(
        MixedSettings,
        {"either": 1, "anything": {1}, "names": ("a",), "nested": nested, "any_tuple": [1, "b"]},
        owner="acme vad",
    )
    assert type(made.either) is int
    assert (made.anything, made.names, made.any_tuple) == ({1}, ["a"], (1, "b"))
    assert made.nested is nested
    with pytest.raises(SettingError) as caught:
        build_settings(MixedSettings, {"nested": 1}, owner="acme vad")
    assert str(caught.value) == "acme vad setting 'nested' takes a NoSettings, not 1"


def test_the_settings_of_a_call_go_over_those_of_the_build() -> None:
    base = built(speed=1.5, extra={"a": 1, "b": 2}, pin="1234")
    merged = call_settings(
        base, {"speed": 2, "voice": "bob", "extra": {"b": 3}}, owner="acme tts", variant="voice"
    )
    assert merged == {
        "speed": 2.0,
        "pause": 0.1,
        "volume": 0.0,
        "offset": 0.0,
        "beams": 1,
        "emotion": None,
        "style": "plain",
        "cached": False,
        "words": (),
        "range_hz": (80.0, 300.0),
        "retries": None,
        "extra": {"a": 1, "b": 3},
        "voice": "bob",
    }
    assert base.speed == 1.5


def test_a_vocabulary_is_passed_on_as_it_is() -> None:
    vocabulary = object()
    merged = call_settings(NoSettings(), {"vocabulary": vocabulary}, owner="acme stt")
    assert merged == {"vocabulary": vocabulary}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"speed": 9}, "acme tts setting 'speed' takes a number from 0.5 to 2 x, not 9"),
        ({"voice": ""}, "acme tts setting 'voice' takes text that is not empty, not ''"),
        (
            {"api_key": "sk-1"},
            "acme tts takes 'api_key' when it is built, not for one call; "
            "give it with the model: Model('…', api_key=…)",
        ),
        (
            {"pin": "1234"},
            "acme tts takes 'pin' when it is built, not for one call; "
            "give it with the model: Model('…', pin=…)",
        ),
        (
            {"voic": "x"},
            "acme tts has no setting 'voic' (it has: beams, cached, emotion, extra, offset, pause, "
            "pin, range_hz, retries, speed, style, voice, …); did you mean 'voice'?",
        ),
    ],
)
def test_the_settings_of_a_call_are_checked(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        call_settings(built(), overrides, owner="acme tts", variant="voice")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("speed", "1.1", 1.1),
        ("speed", "1", 1.0),
        ("beams", "4", 4),
        ("emotion", "glad", "glad"),
        ("emotion", "none", None),
        ("style", "none", "none"),
        ("style", "12", "12"),
        ("cached", "true", True),
        ("cached", "Off", False),
        ("cached", "1", True),
        ("words", "a, b", ("a", "b")),
        ("words", "", ()),
        ("range_hz", "100,200", (100.0, 200.0)),
        ("retries", "None", None),
        ("retries", "2", 2),
        ("extra", '{"seed": 3}', {"seed": 3}),
        ("voice", "6f84:x", "6f84:x"),
    ],
)
def test_text_of_the_command_line_becomes_a_value(name: str, text: str, value: Any) -> None:
    found = parse_setting_text(MouthSettings, name, text, owner="acme tts", also=("voice",))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("speed", "fast", "acme tts setting 'speed' takes a number from 0.5 to 2 x, not 'fast'"),
        ("speed", "5", "acme tts setting 'speed' takes a number from 0.5 to 2 x, not 5.0"),
        ("beams", "1.5", "acme tts setting 'beams' takes a whole number of 1 or more, not '1.5'"),
        ("cached", "maybe", "acme tts setting 'cached' takes True or False, not 'maybe'"),
        (
            "range_hz",
            "1",
            "acme tts setting 'range_hz' takes a tuple of 2 items, "
            "each a number of 20 or more, not '1'",
        ),
        (
            "emotion",
            "sad",
            "acme tts setting 'emotion' takes one of 'calm', 'glad' or None, not 'sad'",
        ),
        ("extra", "[1]", "acme tts setting 'extra' takes a mapping, not '[1]'"),
        ("extra", "{", "acme tts setting 'extra' takes a mapping, not '{'"),
        ("voice", "", "acme tts setting 'voice' takes text that is not empty, not ''"),
        (
            "sped",
            "1",
            "acme tts has no setting 'sped' (it has: beams, cached, emotion, extra, offset, pause, "
            "pin, range_hz, retries, speed, style, voice, …); did you mean 'speed'?",
        ),
    ],
)
def test_text_that_does_not_fit_is_refused(name: str, text: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        parse_setting_text(MouthSettings, name, text, owner="acme tts", also=("voice",))
    assert str(caught.value) == message
