"""Model strings and `Model`."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.errors import ConfigurationError, ModelStringError, SettingError
from antiphon.model import Model, parse, variant_name
from antiphon.provider import SLOT_NAMES, Ref, Slot, SlotName
from antiphon.redaction import looks_secret


def declared(variant: str | None) -> Slot:
    """A slot declaration whose variant is this."""
    return Slot(lambda ref, settings, env: None, variant=variant)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "slot", "ref"),
    [
        ("acme", "tts", Ref("acme")),
        ("acme/mouth-1", "tts", Ref("acme", "mouth-1")),
        ("acme/mouth-1:anna", "tts", Ref("acme", "mouth-1", "anna")),
        ("acme/ear-1:de-CH", "stt", Ref("acme", "ear-1", "de-CH")),
        ("acme/org/mouth:8b:anna", "tts", Ref("acme", "org/mouth:8b", "anna")),
        ("acme/mind3.2:1b", "llm", Ref("acme", "mind3.2:1b")),
        ("acme/mind3.2:1b", "vad", Ref("acme", "mind3.2:1b")),
        ("acme/mind3.2:1b", "turn_detector", Ref("acme", "mind3.2:1b")),
        ("acme/room:8080", "transport", Ref("acme", "room:8080")),
        ("acme//models/mind.gguf", "llm", Ref("acme", "/models/mind.gguf")),
        ("acme/größe:Zoë", "tts", Ref("acme", "größe", "Zoë")),
    ],
)
def test_a_model_string_is_read_by_the_rules_of_its_slot(
    text: str, slot: SlotName, ref: Ref
) -> None:
    assert parse(text, slot) == ref
    assert str(parse(text, slot)) == text


part = st.text(st.sampled_from("aB1-_./:ü"), min_size=1, max_size=12)


@given(
    provider=st.text(st.sampled_from("ab1-_."), min_size=1, max_size=8),
    rest=st.none() | part,
    slot=st.sampled_from(SLOT_NAMES),
)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_nothing_of_a_model_string_is_lost(provider: str, rest: str | None, slot: SlotName) -> None:
    text = provider if rest is None else f"{provider}/{rest}"
    try:
        ref = parse(text, slot)
    except ModelStringError:
        # Only an empty variant, or one without a model, may be refused here.
        assert slot in ("stt", "tts")
        assert rest is not None and (rest.endswith(":") or rest.rpartition(":")[0] == "")
    else:
        assert str(ref) == text
        assert ref.provider == provider


@pytest.mark.parametrize(
    ("text", "slot", "message"),
    [
        (
            "",
            "tts",
            "model string '' is empty; write provider[/model[:variant]], e.g. 'acme/mouth-1'",
        ),
        (" ", "tts", "model string ' ' contains white space; write it without"),
        (
            "acme/mouth 1",
            "tts",
            "model string 'acme/mouth 1' contains white space; write it without",
        ),
        ("acme\n", "llm", r"model string 'acme\n' contains white space; write it without"),
        ("acme\x00", "llm", r"model string 'acme\x00' contains white space; write it without"),
        (
            "/mouth-1",
            "tts",
            "model string '/mouth-1' names no provider; "
            "write provider[/model[:variant]], e.g. 'acme/mouth-1'",
        ),
        (
            ":anna",
            "tts",
            "model string ':anna' names no provider; "
            "write provider[/model[:variant]], e.g. 'acme/mouth-1'",
        ),
        (
            "acme/",
            "llm",
            "model string 'acme/' has no model after '/'; "
            "write 'acme' for its default model, or 'acme/MODEL'",
        ),
        (
            "acme/:anna",
            "tts",
            "model string 'acme/:anna' has no model after '/'; "
            "write 'acme' for its default model, or 'acme/MODEL'",
        ),
        (
            "acme/mouth-1:",
            "tts",
            "model string 'acme/mouth-1:' has no voice after ':'; "
            "write 'acme/mouth-1' for the default one, or 'acme/mouth-1:VOICE'",
        ),
        (
            "acme/ear-1:",
            "stt",
            "model string 'acme/ear-1:' has no language after ':'; "
            "write 'acme/ear-1' for the default one, or 'acme/ear-1:LANGUAGE'",
        ),
        (
            "acme:mind-1",
            "llm",
            "model string 'acme:mind-1' has ':' before any '/'; the provider ends at '/': "
            "write 'acme/mind-1'",
        ),
        (
            "acme:anna",
            "tts",
            "model string 'acme:anna' has ':' before any '/'; the provider ends at '/': "
            "write 'acme/anna', or 'acme/MODEL:anna' if 'anna' is the voice",
        ),
        (
            "acme:mouth-1/anna",
            "tts",
            "model string 'acme:mouth-1/anna' has ':' before any '/'; the provider ends at '/': "
            "write 'acme/mouth-1/anna'",
        ),
    ],
)
def test_a_model_string_that_cannot_be_read_says_how_to_write_it(
    text: str, slot: SlotName, message: str
) -> None:
    with pytest.raises(ModelStringError) as caught:
        parse(text, slot)
    assert str(caught.value) == message
    assert isinstance(caught.value, ValueError)


def test_what_is_no_string_is_refused() -> None:
    with pytest.raises(ModelStringError) as caught:
        parse(None, "tts")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "a model string is text or a Model, not NoneType; "
        "write provider[/model[:variant]], e.g. 'acme/mouth-1'"
    )


def test_an_unknown_slot_is_refused_with_the_near_miss() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse("acme", "tss")  # type: ignore[arg-type]
    assert str(caught.value) == (
        "no slot is named 'tss' (slots: stt, llm, tts, vad, turn_detector, transport); "
        "did you mean 'tts'?"
    )


def test_a_provider_may_say_that_the_colon_belongs_to_the_model() -> None:
    text = "acme/mouth:8b"
    assert parse(text, "tts", declared(None)) == Ref("acme", "mouth:8b")
    assert parse(text, "tts", declared("auto")) == Ref("acme", "mouth", "8b")
    assert variant_name("tts", declared("language")) == "language"
    # The other slots never split, whatever is declared.
    assert parse(text, "llm", declared("voice")) == Ref("acme", "mouth:8b")


def test_voice_and_language_are_the_variant_by_another_name() -> None:
    assert parse(Model("acme/m", voice="a:b/c"), "tts") == Ref("acme", "m", "a:b/c")
    assert parse(Model("acme", voice="anna"), "tts") == Ref("acme", None, "anna")
    assert parse(Model("acme/m", language="fr"), "stt") == Ref("acme", "m", "fr")
    # Elsewhere they are ordinary settings.
    assert parse(Model("acme/m", voice="anna"), "llm") == Ref("acme", "m")
    assert parse(Model("acme/m:x", voice="anna"), "tts", declared(None)) == Ref("acme", "m:x")


def test_a_variant_in_both_places_is_an_error_once_the_provider_is_known() -> None:
    model = Model("acme/m:anna", voice="bob")
    # Until then the ':' may belong to the model.
    assert parse(model, "tts").provider == "acme"
    with pytest.raises(ModelStringError) as caught:
        parse(model, "tts", declared("auto"))
    assert str(caught.value) == (
        "model string 'acme/m:anna' already names the voice 'anna'; leave out voice='bob'"
    )


@pytest.mark.parametrize("voice", ["", None, 7])
def test_a_variant_by_keyword_is_a_name(voice: object) -> None:
    with pytest.raises(SettingError) as caught:
        parse(Model("acme/m", voice=voice), "tts")
    assert str(caught.value) == (
        f"voice= of 'acme/m' takes the name of a voice, not {voice!r}; "
        "leave it out for the default one"
    )


def test_a_model_is_a_value_compared_by_content() -> None:
    one = Model("acme/m", voice="anna", extra={"a": [1, {"b": 2}], "c": 3})
    same = Model("acme/m", extra={"c": 3, "a": [1, {"b": 2}]}, voice="anna")
    assert one == same
    assert hash(one) == hash(same)
    assert len({one, same, Model("acme/m", voice="bob")}) == 2
    assert one != Model("acme/m", voice="anna", extra={"a": [1, {"b": 3}], "c": 3})
    assert Model("acme/m", cached=True) != Model("acme/m", cached=1)
    assert one != "acme/m"
    assert copy.deepcopy(one) == one
    assert str(one) == "acme/m"


def test_a_model_cannot_be_changed() -> None:
    extra = {"list": [1]}
    model = Model("acme/m", extra=extra)
    extra["list"].append(2)
    model.settings["extra"]["list"].append(3)
    model.settings["speed"] = 2.0
    assert model.settings == {"extra": {"list": [1]}}
    with pytest.raises(AttributeError):
        model.string = "acme/other"  # type: ignore[misc]


def test_settings_are_added_to_a_copy() -> None:
    model = Model("acme/m", speed=1.0)
    assert model.with_settings(speed=2.0, voice="anna") == Model("acme/m", speed=2.0, voice="anna")
    assert model == Model("acme/m", speed=1.0)


def test_a_model_checks_its_string_where_it_is_made() -> None:
    with pytest.raises(ModelStringError) as caught:
        Model("acme/", speed=1.0)
    assert str(caught.value) == (
        "model string 'acme/' has no model after '/'; "
        "write 'acme' for its default model, or 'acme/MODEL'"
    )


def test_the_repr_of_a_model_holds_no_secret() -> None:
    model = Model(
        "acme/m",
        api_key="sk-1",
        voice="anna",
        max_tokens=400,
        auth_token="sk-2",
        extra={"seed": 3, "headers": [{"X-Api-Key": "sk-3"}], "password": "sk-4"},
        pair=("a",),
    )
    assert repr(model) == (
        "Model('acme/m', api_key='***', voice='anna', max_tokens=400, auth_token='***', "
        "extra={'seed': 3, 'headers': [{'X-Api-Key': '***'}], 'password': '***'}, pair=('a',))"
    )
    assert "sk-" not in f"{model} {model!r} {[model]}"


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("apikey", True),
        ("APIKey", True),
        ("accessToken", True),
        ("client_secret", True),
        ("Authorization", True),
        ("max_tokens", False),
        ("keyterms", False),
        ("monkey", False),
        ("author", False),
    ],
)
def test_names_that_look_like_keys_are_told_by_whole_words(name: str, secret: bool) -> None:
    assert looks_secret(name) is secret
