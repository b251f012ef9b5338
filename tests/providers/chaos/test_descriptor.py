"""What `chaos/…` means, and what is wrong with it."""

from __future__ import annotations

import pytest

from antiphon import Model, build_llm
from antiphon.cli.choosing import choose
from antiphon.errors import ConfigurationError, ModelStringError, ProviderNotFound, SettingError
from antiphon.model import parse
from antiphon.provider import Slot
from antiphon.registry.resources import ProviderEnv, Resources


def test_all_behind_the_first_slash_is_the_string_that_is_wrapped(registry, acme):
    for slot in ("stt", "llm", "tts", "vad", "turn_detector"):
        registry.build("chaos/acme/big/one", slot, shared=False)
        assert acme.built[-1][1].model == "big/one"
    registry.build("chaos/acme/mouth-1:anna", "tts", shared=False)
    assert str(acme.built[-1][1]) == "acme/mouth-1:anna"
    assert acme.built[-1][1].variant == "anna"
    registry.build("chaos/acme", "llm", shared=False)
    assert acme.built[-1][1].model == "one"


def test_the_string_of_a_wrapped_voice_reads_as_it_is_written():
    text = "chaos/acme/mouth-1:anna"
    assert str(parse(text, "tts")) == text


def test_settings_of_the_wrapped_model_go_into_settings(registry, acme):
    settings = {"speed": 1.5, "voice": "anna"}
    registry.build(Model("chaos/acme/one", drop=0.5, settings=settings), "tts", shared=False)
    _, ref, built = acme.built[-1]
    assert built.speed == 1.5
    assert ref.variant == "anna"


def test_chaos_can_wrap_chaos(registry):
    outer = registry.build("chaos/chaos/acme", "llm", shared=False)
    assert type(outer.unwrap) is type(outer)


@pytest.mark.parametrize(
    ("model", "kind", "message"),
    [
        (
            "chaos",
            ModelStringError,
            "model string 'chaos' names nothing to wrap; write 'chaos/' and a whole model string, "
            "e.g. 'chaos/acme/model-1'",
        ),
        (
            "chaos/acne/one",
            ProviderNotFound,
            "no provider named 'acne' is installed (installed: acme, chaos, whole); did you mean "
            "'acme'?",
        ),
        (
            "chaos/whole/one",
            ProviderNotFound,
            "provider 'whole' has no LLM; it offers: stt, tts",
        ),
        (
            Model("chaos/acme", dorp=0.1),
            SettingError,
            "chaos llm has no setting 'dorp' (it has: after, corrupt, drop, garble, rate_limit, "
            "reject, script, seed, settings, slow, slow_by, stall, …); did you mean 'drop'?",
        ),
        (
            Model("chaos/acme", drop=2),
            SettingError,
            "chaos llm setting 'drop' takes a number from 0 to 1, not 2",
        ),
        (
            Model("chaos/acme", script=("ok", "dorp")),
            SettingError,
            "chaos llm setting 'script' takes a tuple, each item one of 'ok', 'drop', 'stall', "
            "'slow', 'rate_limit', 'reject', 'truncate', 'garble', 'corrupt', not ('ok', 'dorp')",
        ),
        (
            Model("chaos/acme", settings={"sped": 1.5}),
            SettingError,
            "acme llm has no setting 'sped' (it has: speed, voice); did you mean 'speed'?",
        ),
        (
            Model("chaos/acme", api_key="x"),
            SettingError,
            "chaos llm takes no 'api_key': it needs none; leave it out",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str | Model) else "",
)
def test_what_cannot_be_used_is_told_before_anything_is_built(registry, acme, model, kind, message):
    with pytest.raises(kind) as told:
        registry.check(model, "llm")
    assert str(told.value) == message
    assert acme.built == []


def test_a_fault_that_a_slot_cannot_have_is_no_setting_of_it(registry):
    with pytest.raises(SettingError) as told:
        registry.check(Model("chaos/acme", rate_limit=0.1), "vad")
    assert str(told.value) == (
        "chaos vad has no setting 'rate_limit' (it has: after, drop, script, seed, settings, slow, "
        "slow_by, stall, stall_for)"
    )


@pytest.mark.virtual_time
async def test_capabilities_and_threshold_are_those_of_the_wrapped_slot(build):
    for slot in ("stt", "llm", "tts", "vad"):
        outer = build(slot)
        assert outer.capabilities is outer.unwrap.capabilities
    assert build("turn_detector").threshold == 0.7
    assert build("stt", "chaos/whole").capabilities.streaming is False


@pytest.mark.virtual_time
async def test_load_prewarm_aclose_and_the_rest_are_passed_through(build):
    outer, done = build("llm"), []

    class Inner:
        name = "inner"

        def load(self):
            done.append("load")

        async def prewarm(self):
            done.append("prewarm")

        async def aclose(self):
            done.append("aclose")

    outer.unwrap = Inner()
    outer.load()
    await outer.prewarm()
    await outer.aclose()
    assert done == ["load", "prewarm", "aclose"]
    assert outer.name == "inner"
    with pytest.raises(AttributeError):
        outer.nothing_of_that_name  # noqa: B018


def test_settings_of_one_call_are_those_of_the_wrapped_model(registry):
    outer = registry.build(
        Model("chaos/acme", drop=0.5, settings={"speed": 1.5, "api_key": "sk-planted"}),
        "tts",
        shared=False,
    )
    assert registry.call_settings(outer, {"voice": "ben"}) == {"speed": 1.5, "voice": "ben"}
    with pytest.raises(SettingError, match="acme tts has no setting 'drop'"):
        registry.call_settings(outer, {"drop": 0.1})


def test_a_key_of_the_wrapped_model_is_never_printed(registry):
    model = Model("chaos/acme", settings={"api_key": "sk-planted"})
    assert "sk-planted" not in repr(model)
    assert "sk-planted" not in repr(registry.check(model, "llm"))


@pytest.mark.virtual_time
async def test_chaos_is_never_chosen_by_itself(registry):
    choice = await choose(registry, ("stt", "llm", "tts", "vad"), {})
    assert all(not model.startswith("chaos") for model in choice.models.values())
    assert set(choice.models) == {"stt", "llm", "tts", "vad"}


def test_a_slot_that_wraps_has_no_variant():
    assert Slot(lambda ref, settings, env: None, wraps=True).variant is None


def test_build_llm_builds_a_wrapped_one(registry):
    assert build_llm("chaos/acme", registry).unwrap.calls == 0


def test_without_a_registry_nothing_can_be_wrapped():
    env = ProviderEnv(provider="acme", resources=Resources())
    with pytest.raises(ConfigurationError) as told:
        env.build("other", "llm")
    assert str(told.value) == (
        "provider 'acme' was built without a registry; nothing can be wrapped"
    )
