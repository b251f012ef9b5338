"""Choosing models from what is installed and what the environment allows."""

from __future__ import annotations

import asyncio
import os

from antiphon import Registry
from antiphon.cli.choosing import Choice, choose
from antiphon.cli.environment import read_dotenv
from antiphon.provider import Env, Provider, Slot

AUDIO = ("stt", "llm", "tts", "vad")


def _slot(model: str | None = None, **fields) -> Slot:
    return Slot(lambda *_: None, default=model, **fields)


def _stand_ins() -> list[Provider]:
    return [
        Provider("ear", seam=1, stt=_slot("small"), stand_in="a small recogniser"),
        Provider("mouth", seam=1, tts=_slot("tin"), stand_in="a tin voice"),
        Provider("script", seam=1, llm=_slot(), stand_in="scripted rules"),
        Provider("gate", seam=1, vad=_slot("v6")),
    ]


def _big(name: str = "big", **fields) -> Provider:
    return Provider(
        name,
        seam=1,
        credentials=Env(f"{name.upper()}_KEY"),
        stt=_slot("ear-1"),
        llm=_slot("brain-1"),
        tts=_slot("mouth-1"),
        **fields,
    )


def _choose(registry: Registry, environ: dict[str, str], *slots: str) -> Choice:
    return asyncio.run(choose(registry, slots or AUDIO, environ))


def test_without_keys_the_stand_ins_are_taken_and_named_honestly(make_registry):
    choice = _choose(make_registry(_big(), *_stand_ins()), {})
    assert choice.models == {
        "stt": "ear/small",
        "llm": "script",
        "tts": "mouth/tin",
        "vad": "gate/v6",
    }
    assert choice.strings() == ('stt="ear/small", llm="script", tts="mouth/tin", vad="gate/v6"')
    assert choice.honest_sentence() == (
        "built-in stand-ins: a small recogniser, a tin voice, scripted rules; "
        "set BIG_KEY for real ones"
    )
    assert choice.missing == ()


def test_where_nothing_with_a_key_is_installed_nothing_is_recommended(make_registry):
    choice = _choose(make_registry(*_stand_ins()), {}, "llm")
    assert choice.models == {"llm": "script"}
    assert choice.honest_sentence() == "built-in stand-ins: scripted rules"


def test_one_key_gives_everything_that_its_provider_has(make_registry):
    environ = {"BIG_KEY": "k"}
    choice = _choose(make_registry(_big(), *_stand_ins(), environ=environ), environ)
    assert choice.models == {
        "stt": "big/ear-1",
        "llm": "big/brain-1",
        "tts": "big/mouth-1",
        "vad": "gate/v6",
    }
    assert choice.honest_sentence() == ""


def test_the_provider_that_fills_most_comes_first_then_the_name(make_registry):
    environ = {"BIG_KEY": "k", "ALSO_KEY": "k", "ONLY_KEY": "k"}
    only = Provider("only", seam=1, credentials=Env("ONLY_KEY"), llm=_slot("x"))
    registry = make_registry(only, _big(), _big("also"), environ=environ)
    choice = _choose(registry, environ, "llm", "tts")
    assert choice.models == {"llm": "also/brain-1", "tts": "also/mouth-1"}


def test_a_local_server_that_answers_goes_before_stand_ins_and_one_that_does_not_is_left(
    make_registry,
):
    async def yes() -> bool:
        return True

    async def no() -> bool:
        return False

    async def never() -> bool:
        await asyncio.Event().wait()
        return True

    async def broken() -> bool:
        raise ConnectionError("refused")

    for probe, expected in ((yes, "home/m"), (no, "script"), (never, "script"), (broken, "script")):
        home = Provider("home", seam=1, llm=_slot("m"), probe=probe)
        choice = _choose(make_registry(home, *_stand_ins()), {}, "llm")
        assert choice.models == {"llm": expected}, probe


def test_what_lacks_its_package_or_is_broken_is_passed_over(make_registry):
    environ = {"BIG_KEY": "k"}
    registry = make_registry(_big(requires=("acme-nothing",)), *_stand_ins(), environ=environ)

    class Broken:
        name = "aaa"
        group = "antiphon.providers"

        def load(self):
            raise ImportError("no")

    registry._installed._given = (Broken(),)
    assert _choose(registry, environ, "llm").models == {"llm": "script"}


def test_slots_that_nothing_fills_are_missing(make_registry):
    choice = _choose(make_registry(_big(), *_stand_ins()[2:]), {})
    assert choice.missing == ("stt", "tts")
    assert choice.wanted_keys == ("BIG_KEY",)


def test_a_provider_without_default_gives_its_first_model(make_registry):
    registry = make_registry(Provider("many", seam=1, llm=_slot(models=("b", "a"))))
    assert _choose(registry, {}, "llm").models == {"llm": "many/b"}


def test_dotenv_adds_to_the_environment_and_overrides_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("ANTIPHON_TEST_GIVEN", "before")
    monkeypatch.setenv("ANTIPHON_TEST_FRESH", "")
    monkeypatch.delenv("ANTIPHON_TEST_FRESH")
    (tmp_path / ".env").write_text(
        "ANTIPHON_TEST_GIVEN=after\nANTIPHON_TEST_FRESH=now\n", encoding="utf-8"
    )
    read_dotenv(tmp_path / ".env")
    read_dotenv(tmp_path / "nothing")
    assert os.environ["ANTIPHON_TEST_GIVEN"] == "before"
    assert os.environ.pop("ANTIPHON_TEST_FRESH") == "now"
