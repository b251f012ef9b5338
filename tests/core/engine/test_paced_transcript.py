import asyncio
import itertools

import pytest

from antiphon import Agent
from antiphon.testing import Caller, ScriptedLLM, ScriptedTTS
from antiphon.transport import TransportCapabilities

pytestmark = pytest.mark.virtual_time

TEN = "one two three four five six seven eight nine ten"
NAME = "agent_output_transcribed"


class Reader:
    """Listens by the event's name."""

    def __init__(self, t):
        self.told = []
        t.session.on(NAME, lambda event: self.told.append((t.now, event)))

    @property
    def lines(self):
        return [(round(when, 2), e.transcript, e.is_final) for when, e in self.told]


def timers():
    """Timers of the running loop that are not cancelled."""
    return [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]


async def test_each_word_is_told_when_it_has_been_heard(talk):
    async with talk() as t:
        reader = Reader(t)
        await t.until(1.0)
        t.session.say("one two *three*")
        await t.until(5)
    assert reader.lines == [
        (1.6, "one", False),
        (2.0, "one two", False),
        (2.4, "one two *three*", True),
    ]
    events = [event for _, event in reader.told]
    assert [event.delta for event in events] == ["one", " two", " *three*"]
    assert len({event.segment_id for event in events}) == 1
    assert {event.agent_id for event in events} == {t.agent.id}
    assert not any(event.interrupted for event in events)


@pytest.mark.parametrize("stop", [0.1, 0.61, 0.99, 1.4, 1.41, 2.77])
@pytest.mark.parametrize("position", ["exact", "reported"])
@pytest.mark.parametrize("pause", ["native", "emulated"])
async def test_it_stops_at_the_word_at_which_the_speech_was_cut(talk, stop, position, pause):
    async with talk(caller=Caller(position=position, pause=pause)) as t:
        reader = Reader(t)
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(1.0 + stop)
        handle.interrupt()
        await t.until(6)
        heard = t.heard
    if not heard:
        assert reader.told == []
        return
    *earlier, (_, last) = reader.told
    assert (last.transcript, last.is_final, last.interrupted) == (heard, True, True)
    for _, event in earlier:
        assert heard.startswith(event.transcript)
        assert not event.is_final


@pytest.mark.parametrize("voice", [{"word_times": False}, {"word_times": False, "voicing": True}])
async def test_without_word_times_it_is_estimated(talk, voice):
    async with talk(tts=ScriptedTTS(**voice)) as t:
        reader = Reader(t)
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(8)
    shown = [text for _, text, _ in reader.lines]
    assert 5 <= len(shown) <= 25
    assert all(later.startswith(text) for text, later in itertools.pairwise(shown))
    assert shown[-1] == TEN
    for when, text, _ in reader.lines[:-1]:
        assert abs(len(text.split()) - (when - 1.2) * 2.5) <= 2


async def test_what_is_shown_never_runs_ahead_of_what_was_heard(talk):
    async with talk(tts=ScriptedTTS(realtime_factor=0.8)) as t:
        ahead = []

        def compare(event):
            ahead.append((event.transcript, t.heard))

        t.session.on(NAME, compare)
        t.session.say(TEN)
        await t.session.wait_for_idle()
    assert len(ahead) >= 10
    assert all(heard.startswith(shown) for shown, heard in ahead)


async def test_a_pause_holds_it_and_it_goes_on_with_the_voice(talk):
    async with talk(replies=[TEN]) as t:
        reader = Reader(t)
        t.caller.type("hi")
        t.caller.mumble_at(2.0, 0.8)
        await t.until(12)
    assert t.at("agent_false_interruption", resumed=True)
    (paused,) = t.at("turn_decision", decision="pause")
    (resumed,) = t.at("turn_decision", decision="resume")
    assert not [when for when, _, _ in reader.lines if paused + 0.01 < when < resumed]
    assert [when for when, _, _ in reader.lines if when > resumed]
    assert reader.lines[-1][1:] == (TEN, True)


async def test_it_goes_through_the_transcription_node(talk):
    class Capital(Agent):
        async def transcription_node(self, text, model_settings):
            async for piece in text:
                yield piece.upper()

    async with talk(Capital()) as t:
        reader = Reader(t)
        await t.until(1.0)
        handle = t.session.say("one two three four")
        await t.until(2.3)
        handle.interrupt()
        await t.until(4)
    assert [text for _, text, _ in reader.lines] == ["ONE", "ONE TWO", "ONE TWO"]
    assert t.messages[0].display_text == "ONE TWO"


async def test_the_final_one_waits_for_a_slow_transcription_node(talk):
    class Slow(Agent):
        async def transcription_node(self, text, model_settings):
            async for piece in text:
                await asyncio.sleep(3.0)
                yield piece

    async with talk(Slow()) as t:
        reader = Reader(t)
        t.session.say("one two")
        await t.until(6)
    assert reader.lines == [(3.0, "one two", True)]


async def test_text_without_a_voice_is_told_as_it_is_written(talk):
    llm = ScriptedLLM([["one ", "two ", "three"]], first_token=0.1, total=0.3)
    async with talk(llm=llm, tts=None) as t:
        reader = Reader(t)
        t.caller.type("hi")
        await t.until(3)
    assert [event.delta for _, event in reader.told if event.delta]
    assert "".join(event.delta for _, event in reader.told) == "one two three"
    assert [event.is_final for _, event in reader.told][-1] is True
    assert sum(event.is_final for _, event in reader.told) == 1


async def test_a_session_without_a_transport_tells_it_too():
    from antiphon import AgentSession

    told = []
    session = AgentSession(llm=ScriptedLLM(["one two"]))
    session.on(NAME, told.append)
    await session.start(Agent())
    await session.generate_reply(user_input="hi")
    await session.aclose()
    assert told[-1].transcript == "one two"
    assert told[-1].is_final


async def test_who_begins_to_listen_in_the_middle_gets_the_text_so_far(talk):
    async with talk() as t:
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(3.0)
        reader = Reader(t)
        await t.until(8)
    first = reader.told[0][1]
    assert first.transcript == first.delta
    assert first.transcript.startswith("one two three four")
    assert 3.0 < reader.lines[0][0] <= 3.3
    assert reader.lines[-1][1:] == (TEN, True)


async def test_who_stops_listening_is_told_nothing_more(talk):
    async with talk() as t:
        told = []
        t.session.on(NAME, told.append)
        t.session.say(TEN)
        await t.until(1.5)
        t.session.off(NAME, told.append)
        count = len(told)
        await t.until(8)
    assert 0 < count == len(told)


async def test_nobody_asks_and_nothing_is_done(talk):
    # The log of every test listens to "*": that is not asking for it.
    async with talk() as t:
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(1.3)
        quiet = len(timers())
        await t.session.wait_for_idle()
        assert t.events(NAME) == []
        reader = Reader(t)
        t.session.say(TEN)
        await t.until(t.now + 0.3)
        assert len(timers()) == quiet + 1
        await t.session.wait_for_idle()
        assert t.events(NAME) == [event for _, event in reader.told]


async def test_a_transport_that_wants_it_gets_it(talk):
    class Screen(Caller):
        def __init__(self):
            super().__init__()
            given = self.capabilities
            self.capabilities = TransportCapabilities(
                sample_rate=given.sample_rate,
                frame_ms=given.frame_ms,
                pause=given.pause,
                position=given.position,
                transcript=True,
            )
            self.shown = []

        def notify(self, event):
            if event.name == NAME:
                self.shown.append(event.transcript)

    async with talk(caller=Screen()) as t:
        t.session.say("one two")
        await t.session.wait_for_idle()
    assert t.caller.shown == ["one", "one two"]


async def test_speech_that_is_not_for_the_history_is_shown(talk):
    async with talk() as t:
        reader = Reader(t)
        t.session.say("one", add_to_chat_ctx=False)
        await t.session.wait_for_idle()
    assert [text for _, text, _ in reader.lines][-1] == "one"
    assert t.messages == []


async def test_every_segment_has_its_own(talk):
    async with talk() as t:
        reader = Reader(t)
        t.session.say("one")
        t.session.say("two")
        await t.session.wait_for_idle()
    finals = [event for _, event in reader.told if event.is_final]
    assert [event.transcript for event in finals] == ["one", "two"]
    assert len({event.segment_id for event in finals}) == 2
