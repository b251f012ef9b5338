"""How espeak describes itself, and what it says of settings and voices that it does not have."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from antiphon.errors import ModelStringError, SettingError
from antiphon.model import Model
from antiphon.registry import Registry

pytest.importorskip("espeakng_loader", reason='needs pip install "antiphon[espeak]"')


def test_it_is_found_by_its_entry_point() -> None:
    provider = Registry().describe("espeak")
    assert (provider.name, provider.seam, list(provider.slots)) == ("espeak", 1, ["tts"])
    assert provider.requires == ("espeakng-loader",)
    assert provider.install == 'pip install "antiphon[espeak]"'
    assert provider.credentials is None
    assert provider.stand_in == "a synthetic voice"
    assert provider.slots["tts"].default == "en-us"


def test_its_capabilities_are_those_it_declares() -> None:
    tts = Registry().build("espeak/de:f3", "tts")
    assert tts.capabilities.streaming_text
    assert tts.capabilities.word_times
    assert tts.capabilities.sample_rates == (22050,)
    assert {"f3", "m2", "klatt2"} <= set(tts.capabilities.voices)


def test_describing_it_does_not_load_the_library() -> None:
    code = (
        "import sys, antiphon_providers.espeak as e; e.antiphon_provider(); "
        "print([m for m in ('espeakng_loader', 'ctypes', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"speed": 79},
            "espeak tts setting 'speed' takes a whole number from 80 to 450 words per minute, "
            "not 79",
        ),
        (
            {"speed": 451},
            "espeak tts setting 'speed' takes a whole number from 80 to 450 words per minute, "
            "not 451",
        ),
        ({"pitch": 100}, "espeak tts setting 'pitch' takes a whole number from 0 to 99, not 100"),
        (
            {"volume": -1},
            "espeak tts setting 'volume' takes a whole number from 0 to 200 %, not -1",
        ),
        ({"word_gap": 1.5}, "espeak tts setting 'word_gap' takes a number from 0 to 1 s, not 1.5"),
        (
            {"sped": 200},
            "espeak tts has no setting 'sped' (it has: pitch, speed, voice, volume, word_gap); "
            "did you mean 'speed'?",
        ),
    ],
)
def test_a_setting_that_it_does_not_take_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        Registry().build(Model("espeak", **settings), "tts")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (
            "espeak/en-uk",
            ModelStringError,
            "espeak has no language 'en-uk'; did you mean 'en-us', 'en-gb' or 'uk'?",
        ),
        (
            "espeak/f3",
            ModelStringError,
            "espeak has no language 'f3', but a voice of that name; write 'espeak/en-us:f3'",
        ),
        (
            "espeak/en-us:f33",
            SettingError,
            "espeak has no voice 'f33'; did you mean 'f3'?",
        ),
        (
            "espeak/en-us:clat2",
            SettingError,
            "espeak has no voice 'clat2'; did you mean 'klatt2', 'klatt' or 'klatt6'?",
        ),
        (
            "espeak/../../../!:f3",
            ModelStringError,
            "espeak has no language '../../../!'; it has: "
            "af, am, an, ar, as, az, ba, be, bg, bn, bpy, bs, …",
        ),
        (
            "espeak/en-us:../x",
            SettingError,
            "espeak has no voice '../x'; it has: f1, f2, f3, f4, f5, m1, m2, m3, m4, m5, m6, m7, …",
        ),
    ],
)
def test_a_voice_that_it_does_not_have_is_named_with_the_near_miss(
    model: str, error: type[Exception], message: str
) -> None:
    tts = Registry().build(model, "tts")
    with pytest.raises(error) as caught:
        tts.load()
    assert str(caught.value) == message


@pytest.mark.real_time
async def test_an_unknown_voice_starts_no_worker_and_speaks_no_word(feed: Any) -> None:
    registry = Registry()
    tts = registry.build("espeak/en-us:nobody", "tts")
    for attempt in (tts.prewarm(), anext(tts.synthesize(feed(["Hello."])))):
        with pytest.raises(SettingError, match=r"^espeak has no voice 'nobody'"):
            await attempt
    assert registry.resources.count() == 0
    await registry.aclose()
