import asyncio

import pytest

from antiphon.testing import Caller, ScriptedLLM, ScriptedTTS
from antiphon.transport import Played

pytestmark = pytest.mark.virtual_time

TEN = "one two three four five six seven eight nine ten"


class Telling(Caller):
    """Guesses 0.1 s too much when it is cleared, and tells better figures by a plan.

    `plan`: seconds after `clear`, samples too many, whether exact.
    """

    def __init__(self, *plan, **options):
        super().__init__(position="reported", position_error=0.0, reported_after=1000, **options)
        self.plan = plan

    def clear(self):
        played = super().clear()
        if played is None:
            return None
        loop = asyncio.get_running_loop()
        for after, surplus, exact in self.plan:
            better = Played(played.segment, played.samples + surplus, exact)
            loop.call_later(after, lambda better=better: self.on_played(better))
        return Played(played.segment, played.samples + 1600, False)


async def say_and_cut(t, at):
    await t.until(1.0)
    handle = t.session.say(TEN)
    await t.until(at)
    handle.interrupt()
    return handle


async def test_a_report_settles_what_was_heard(talk):
    async with talk(caller=Telling((0.1, 0, True))) as t:
        handle = await say_and_cut(t, 2.35)  # 1.15 s: two words; with the guess, three
        assert not handle.done()
        await t.until(2.46)
        assert handle.done()
    assert [m.text_content for m in t.messages] == ["one two"]


async def test_without_a_report_the_guess_is_taken_after_250_ms(talk):
    async with talk(caller=Telling()) as t:
        handle = await say_and_cut(t, 2.35)
        await t.until(2.59)
        assert not handle.done() and t.messages == []
        await t.until(2.61)
        assert handle.done()
    assert [m.text_content for m in t.messages] == ["one two three"]


async def test_a_report_that_is_not_exact_does_not_settle_but_betters_the_guess(talk):
    async with talk(caller=Telling((0.1, 100, False))) as t:
        handle = await say_and_cut(t, 2.35)
        await t.until(2.5)
        assert not handle.done()
        await t.until(2.61)
        assert handle.done()
    assert [m.text_content for m in t.messages] == ["one two"]


async def test_the_exact_report_wins_over_one_before_it(talk):
    async with talk(caller=Telling((0.05, 1500, False), (0.15, 0, True))) as t:
        await say_and_cut(t, 2.35)
        await t.until(2.51)
    assert [m.text_content for m in t.messages] == ["one two"]


async def test_an_llm_request_waits_until_it_is_known_what_was_heard(talk):
    llm = ScriptedLLM(["very well"])
    async with talk(llm=llm, caller=Telling((0.2, 0, True))) as t:
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(2.35)
        t.caller.type("stop")
        await t.until(2.54)
        assert llm.calls == 0
        await t.until(6)
        (turn,) = t.session.turns
    assert turn.llm_request == pytest.approx(2.55, abs=1e-3)
    assert llm.requests[0].texts == [
        ("system", "be brief"),
        ("assistant", "one two"),
        ("user", "stop"),
    ]


async def test_the_record_keeps_its_place_before_the_turn_that_interrupted(talk):
    async with talk(replies=["very well"], caller=Telling((0.2, 0, True))) as t:
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(2.35)
        t.caller.type("stop")
        await t.until(8)
    assert t.said == [("assistant", "one two"), ("user", "stop"), ("assistant", "very well")]
    assert [item.content for item in t.agent.chat_ctx.messages()][1:] == [
        "one two",
        "stop",
        "very well",
    ]


async def test_nobody_is_idle_while_it_is_not_known_what_was_heard(talk):
    async with talk(caller=Telling((0.2, 0, True))) as t:
        await say_and_cut(t, 2.35)
        await t.session.wait_for_idle()
        assert t.now == pytest.approx(2.55)


async def test_a_speech_cut_just_after_an_emulated_pause_waits_for_its_report(talk):
    caller = Telling((0.2, 0, True), pause="emulated")
    async with talk(replies=["very well"], caller=caller) as t:
        t.caller.mumble_at(1.84, 0.8)
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(2.38)  # paused at 2.35: two words, with the guess three
        assert t.session.agent_state == "listening"
        t.caller.type("stop")
        assert handle.interrupted and not handle.done()
        await t.until(8)
    assert t.said == [("assistant", "one two"), ("user", "stop"), ("assistant", "very well")]


@pytest.mark.parametrize("surplus", [1600, 700, -500])
async def test_an_emulated_pause_goes_on_from_where_the_report_says(talk, surplus):
    class Guessing(Telling):
        def clear(self):
            played = super().clear()
            return played and Played(played.segment, played.samples - 1600 + surplus, False)

    async with talk(caller=Guessing((0.1, 0, True), pause="emulated")) as t:
        t.caller.mumble_at(2.0, 0.8)
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(14)
        assert handle.done()
    assert t.heard == TEN


async def test_a_report_that_comes_after_the_resumption_changes_nothing(talk):
    late = Telling((2.6, 0, True), pause="emulated")
    async with talk(
        caller=late, turn_handling={"interruption": {"false_interruption_timeout": 0.5}}
    ) as t:
        t.caller.mumble_at(2.0, 0.8)
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(14)
        assert handle.done() and not handle.interrupted
    assert [m.text_content for m in t.messages] == [TEN]


class Forgetful(Caller):
    """Says None, as it may, when it is cleared while nothing plays."""

    def clear(self):
        playing = self.buffered() > 0
        played = super().clear()
        return played if playing else None


@pytest.mark.parametrize("pause", ["native", "emulated"])
async def test_a_speech_cut_while_the_transport_has_run_dry_was_heard_as_far_as_it_was_pushed(
    talk, pause
):
    # Each word takes twice its length to make: from 1.2 a word, then 0.4 s of silence.
    async with talk(caller=Forgetful(pause=pause), tts=ScriptedTTS(realtime_factor=2.0)) as t:
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(3.3)  # words at 1.2, 2.0, 2.8; silence from 3.2
        handle.interrupt()
        await t.until(6)
    assert t.heard == "one two three"
    assert [m.text_content for m in t.messages] == ["one two three"]


@pytest.mark.parametrize("pause", ["native", "emulated"])
async def test_a_pause_while_the_transport_has_run_dry_repeats_nothing(talk, pause):
    async with talk(caller=Forgetful(pause=pause), tts=ScriptedTTS(realtime_factor=2.0)) as t:
        t.caller.mumble_at(2.8, 0.7)  # the pause comes at 3.3, in the silence
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(25)
    assert t.heard == TEN


async def test_a_transport_with_longer_frames_gets_them(talk):
    class Slow(Caller):
        def __init__(self):
            super().__init__()
            self.capabilities = type(self.capabilities)(
                sample_rate=16000, frame_ms=60, pause="native", position="exact"
            )
            self.sizes = []

        def push(self, frame, segment):
            self.sizes.append(frame.samples)
            super().push(frame, segment)

    async with talk(caller=Slow()) as t:
        await t.until(1.0)
        t.session.say("one two three")
        await t.until(5)
    assert set(t.caller.sizes[:-1]) == {960}
    assert sum(t.caller.sizes) == 19200
    assert t.heard == "one two three"


@pytest.mark.parametrize("rate", [8000, 24000, 48000])
async def test_frames_have_the_rate_of_the_transport(talk, rate):
    class Checking(Caller):
        def __init__(self, **options):
            super().__init__(**options)
            self.rates = set()

        def push(self, frame, segment):
            self.rates.add(frame.sample_rate)
            super().push(frame, segment)

    async with talk(
        caller=Checking(sample_rate=rate), stt=None, vad=None, tts=ScriptedTTS(sample_rate=16000)
    ) as t:
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(8)
        ((start, end, _),) = t.agent_heard
    assert t.caller.rates == {rate}
    assert (start, end) == (pytest.approx(1.2, abs=0.02), pytest.approx(5.2, abs=0.02))


async def test_every_segment_is_pushed_under_its_own_name(talk):
    names = []

    class Noting(Caller):
        def push(self, frame, segment):
            if not names or names[-1] != segment:
                names.append(segment)
            super().push(frame, segment)

    async with talk(caller=Noting()) as t:
        await t.until(1.0)
        t.session.say("one two")
        t.session.say("three four")
        await t.until(8)
    assert len(names) == 2


@pytest.mark.parametrize("at", [1.3, 1.55, 1.65, 2.05, 3.3])
async def test_a_caller_who_hangs_up_has_heard_what_was_played_until_then(talk, at):
    # A transport whose line is gone says None; 0.4 s of audio were on their way.
    async with talk() as t:
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(at)
        t.caller.hang_up()
        await t.session.wait_closed()
    assert " ".join(message.text_content for message in t.messages) == t.heard


async def test_a_caller_who_hangs_up_during_a_pause_has_heard_what_came_before_it(talk):
    async with talk(caller=Caller()) as t:
        t.caller.mumble_at(2.0, 0.8)
        await t.until(1.0)
        t.session.say(TEN)
        await t.until(4.0)
        t.caller.hang_up()
        await t.session.wait_closed()
    assert [message.text_content for message in t.messages] == ["one two three"]
    assert t.heard == "one two three"
