"""What Silero says of itself; needs no onnxruntime."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
from types import SimpleNamespace

import pytest

from antiphon.errors import ModelStringError, SettingError
from antiphon.provider import SEAM, Ref
from antiphon.vad import VADCapabilities
from antiphon_providers.silero import VADSettings, antiphon_provider
from antiphon_providers.silero.vad import SileroVAD

ENV = SimpleNamespace(credentials={}, log=logging.getLogger("antiphon.silero"), ssl=None)


def test_the_descriptor():
    provider = antiphon_provider()
    assert (provider.name, provider.seam, list(provider.slots)) == ("silero", SEAM, ["vad"])
    assert provider.requires == ("onnxruntime", "silero-vad")
    slot = provider.slots["vad"]
    assert (slot.default, slot.models, slot.settings) == ("v6", ("v6",), VADSettings)
    assert slot.capabilities == VADCapabilities(sample_rates=(16000, 8000))
    assert SileroVAD.capabilities == slot.capabilities


def test_the_command_installs_what_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert antiphon_provider().install == 'pip install --no-deps "silero-vad>=6.2,<7"'
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert antiphon_provider().install == (
        'pip install "antiphon[silero]" && pip install --no-deps "silero-vad>=6.2,<7"'
    )


@pytest.mark.parametrize("model", [None, "v6"])
def test_the_bare_name_and_its_model_build(model):
    settings = VADSettings(threshold=0.6)
    vad = antiphon_provider().slots["vad"].build(Ref("silero", model), settings, ENV)
    assert isinstance(vad, SileroVAD)
    assert vad.settings == settings


def test_another_model_is_refused():
    with pytest.raises(ModelStringError) as caught:
        antiphon_provider().slots["vad"].build(Ref("silero", "v4"), VADSettings(), ENV)
    assert str(caught.value) == "silero has no model 'v4'; it has one, 'v6': write 'silero'"


def test_thresholds_that_contradict_each_other_are_refused():
    with pytest.raises(SettingError) as caught:
        SileroVAD(VADSettings(threshold=0.5, negative_threshold=0.6))
    assert str(caught.value) == (
        "silero vad: negative_threshold 0.6 is above threshold 0.5; leave it out, or make it lower"
    )


def test_every_setting_says_what_it_does_and_in_which_unit():
    units = {}
    for field in dataclasses.fields(VADSettings):
        assert field.metadata["help"]
        assert None not in (field.metadata["ge"], field.metadata["le"])
        units[field.name] = field.metadata["unit"]
    assert units == {
        "threshold": None,
        "negative_threshold": None,
        "min_speech": "s",
        "min_silence": "s",
        "speech_pad": "s",
    }
