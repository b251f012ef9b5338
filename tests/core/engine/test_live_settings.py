"""Live settings: changed without another slot, and told to the streams that are open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import Agent, Model, Registry
from antiphon.errors import ProviderConnectionError
from antiphon.hookspecs import hookimpl
from antiphon.provider import Provider, Slot, setting
from antiphon.stt import STT
from antiphon.testing import ScriptedSTT, ScriptedTTS, ScriptedVAD
from antiphon.tts import TTS

pytestmark = pytest.mark.virtual_time


@dataclass(frozen=True)
class VoiceSettings:
    speed: float = setting(1.0, ge=0.5, le=2.0, live=True)
    emotion: str = setting("calm", live=True)
    format: str = setting("pcm")
    voice: str = setting("anna", live=True)


@dataclass(frozen=True)
class EarSettings:
    endpointing: float = setting(0.5, live=True)
    language: str = setting("en")


class Acme:
    """A provider whose slots are scripted, and which remembers those it has built."""

    def __init__(self, tts: type[ScriptedTTS] = ScriptedTTS) -> None:
        self.tts: list[Any] = []
        self.stt: list[Any] = []
        self._tts = tts

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return Provider(
            name="acme",
            seam=1,
            tts=Slot(self._build_tts, settings=VoiceSettings, default="mouth"),
            stt=Slot(self._build_stt, settings=EarSettings, default="ear"),
        )

    def _build_tts(self, ref: Any, settings: Any, env: Any) -> TTS:
        self.tts.append(self._tts(first_byte=0))
        return self.tts[-1]  # type: ignore[no-any-return]

    def _build_stt(self, ref: Any, settings: Any, env: Any) -> STT:
        self.stt.append(ScriptedSTT())
        return self.stt[-1]  # type: ignore[no-any-return]


@pytest.fixture
def acme() -> Acme:
    return Acme()


def registry_with(acme: Acme) -> Registry:
    registry = Registry(entry_points=(), environ={})
    registry.add(acme, "acme")
    return registry


def line(talk: Any, acme: Acme, agent: Agent | None = None, **slots: Any) -> Any:
    slots = {"tts": "acme/mouth", "stt": "acme/ear", "vad": ScriptedVAD(), **slots}
    return talk(agent, registry=registry_with(acme), replies={"": "Well."}, **slots)


ALL = {"speed": 1.5, "emotion": "calm", "format": "pcm", "voice": "anna"}


async def test_a_live_setting_makes_no_other_slot_and_reaches_the_next_call(
    talk: Any, acme: Acme
) -> None:
    async with line(talk, acme) as t:
        built = t.session.tts
        await t.session.say("One.")
        await t.agent.update_options(tts=Model("acme/mouth", speed=1.5))
        await t.session.say("Two.")
        assert t.session.tts is built
        assert len(acme.tts) == 1
        assert acme.tts[0].settings == [None, ALL]
        assert acme.tts[0].reconfigured == []  # no stream was open


async def test_an_open_stream_is_reconfigured_and_what_is_spoken_goes_on(
    talk: Any, acme: Acme
) -> None:
    async with line(talk, acme) as t:
        handle = t.session.say(_slowly())
        await t.until(1)
        await t.agent.update_options(tts=Model("acme/mouth", speed=1.5))
        assert acme.tts[0].reconfigured == [ALL]
        await handle
        assert acme.tts[0].calls == 1
        assert t.heard == "One two three four."


async def _slowly() -> Any:
    import asyncio

    for word in ("One ", "two ", "three ", "four."):
        yield word
        await asyncio.sleep(1)


async def test_the_stream_of_an_stt_stays_open_and_is_reconfigured(talk: Any, acme: Acme) -> None:
    async with line(talk, acme) as t:
        t.caller.speak_at(2.0, "can you hear me", seconds=1.5)
        await t.until(1)
        await t.agent.update_options(stt=Model("acme/ear", endpointing=0.3))
        assert acme.stt[0].reconfigured == [{"endpointing": 0.3, "language": "en"}]
        await t.until(6)
        assert acme.stt[0].calls == len(acme.stt) == 1
        assert t.said[0] == ("user", "can you hear me")


async def test_settings_that_go_back_to_what_they_were_are_told_too(talk: Any, acme: Acme) -> None:
    async with line(talk, acme) as t:
        await t.until(1)
        await t.agent.update_options(stt=Model("acme/ear", endpointing=0.3))
        await t.agent.update_options(stt="acme/ear")
        assert [each["endpointing"] for each in acme.stt[0].reconfigured] == [0.3, 0.5]
        assert acme.stt[0].calls == 1


async def test_the_settings_of_one_call_go_before_the_live_ones(talk: Any, acme: Acme) -> None:
    async with line(talk, acme) as t:
        await t.agent.update_options(tts=Model("acme/mouth", speed=1.5, emotion="glad"))
        await t.session.say("One.", tts={"speed": 0.8})
        assert acme.tts[0].settings == [{**ALL, "speed": 0.8, "emotion": "glad"}]


@pytest.mark.parametrize(
    "other",
    [
        Model("acme/mouth", format="mp3"),
        Model("acme/mouth", format="mp3", speed=1.5),
        "acme/throat",
    ],
)
async def test_what_is_not_live_needs_another_slot(talk: Any, acme: Acme, other: Any) -> None:
    async with line(talk, acme) as t:
        await t.agent.update_options(tts=other)
        await t.session.say("One.")
        assert [each.calls for each in acme.tts] == [0, 1]
        assert acme.tts[0].reconfigured == []


async def test_a_voice_that_is_live_is_changed_in_the_string_or_by_name(
    talk: Any, acme: Acme
) -> None:
    async with line(talk, acme) as t:
        for other in ("acme/mouth:bert", Model("acme/mouth", voice="carl")):
            await t.agent.update_options(tts=other)
            await t.session.say("One.")
        assert len(acme.tts) == 1
        assert [each["voice"] for each in acme.tts[0].settings] == ["bert", "carl"]


async def test_a_slot_that_cannot_be_reconfigured_is_built_anew(talk: Any) -> None:
    class Plain(ScriptedTTS):
        reconfigure = TTS.reconfigure

    acme = Acme(Plain)
    async with line(talk, acme) as t:
        await t.agent.update_options(tts=Model("acme/mouth", speed=1.5))
        assert len(acme.tts) == 2


async def test_a_stream_that_fails_to_change_is_an_error_event_and_goes_on(talk: Any) -> None:
    class Stubborn(ScriptedTTS):
        async def reconfigure(self, settings: Any, *, stream: Any) -> None:
            raise ProviderConnectionError("no")

    acme = Acme(Stubborn)
    async with line(talk, acme) as t:
        handle = t.session.say(_slowly())
        await t.until(1)
        await t.agent.update_options(tts=Model("acme/mouth", speed=1.5))
        await handle
        assert t.errors == [("tts", ProviderConnectionError, True)]
        assert t.heard == "One two three four."


async def test_another_session_that_shares_the_slot_is_not_touched(talk: Any, acme: Acme) -> None:
    registry = registry_with(acme)
    slots = {"tts": "acme/mouth", "stt": "acme/ear", "registry": registry}
    async with talk(replies=[], **slots) as one, talk(replies=[], **slots) as two:
        await one.agent.update_options(tts=Model("acme/mouth", speed=1.5))
        await one.session.say("One.")
        await two.session.say("Two.")
        assert len(acme.tts) == 1
        assert acme.tts[0].settings == [ALL, None]


async def test_an_agent_that_takes_over_the_stream_has_its_own_settings(
    talk: Any, acme: Acme
) -> None:
    async with line(talk, acme) as t:
        await t.until(1)
        await t.agent.update_options(stt=Model("acme/ear", endpointing=0.3))
        await t.session.update_agent(Agent(id="other"))
        await t.until(2)
        assert [each["endpointing"] for each in acme.stt[0].reconfigured] == [0.3, 0.5]
        assert acme.stt[0].calls == 1
