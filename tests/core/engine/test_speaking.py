import asyncio
from collections import Counter

import pytest

from antiphon import Agent
from antiphon.testing import Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, render
from antiphon.tts import TTS, Audio, TTSCapabilities

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
LONG = " ".join(["one two three four five six seven eight nine ten"] * 5)
"""20 s of speech."""


class Watching(Caller):
    """Notes how far ahead of playout it is given audio."""

    def __init__(self, **options):
        super().__init__(**options)
        self.ahead = []
        self.pushes = []

    def push(self, frame, segment):
        super().push(frame, segment)
        self.ahead.append(self.buffered())
        self.pushes.append(asyncio.get_running_loop().time())


class Chunked(TTS):
    """Gives a whole text in pieces of 20 ms, each `factor` times its length after the other."""

    capabilities = TTSCapabilities(sample_rates=(16000,))

    def __init__(self, factor=0.0):
        self.factor = factor
        self.given = 0.0
        self.log = []

    async def synthesize(self, text, settings=None):
        whole = "".join([piece async for piece in text if isinstance(piece, str)])
        data = render(whole, words_per_second=2.5)
        loop = asyncio.get_running_loop()
        for start in range(0, len(data), 640):
            if self.factor:
                await asyncio.sleep(0.02 * self.factor)
            self.given += 0.02
            self.log.append((loop.time(), self.given))
            yield Audio(data[start : start + 640], 16000)


async def say(t, text, until):
    await t.until(1.0)
    handle = t.session.say(text)
    await t.until(until)
    return handle


async def test_at_most_400_ms_and_a_frame_are_given_to_the_transport_ahead(talk):
    async with talk(caller=Watching()) as t:
        await say(t, LONG, 25)
    assert max(t.caller.ahead) <= 0.4 + FRAME
    assert t.heard == LONG


@pytest.mark.parametrize("factor", [0.0, 0.3, 0.9])
async def test_a_tts_in_small_pieces_is_played_without_a_gap(talk, factor):
    async with talk(caller=Watching(), tts=Chunked(factor)) as t:
        await say(t, LONG, 30)
        ((start, end, text),) = t.agent_heard
    assert text == LONG
    assert end - start == pytest.approx(20.0, abs=FRAME)
    assert max(t.caller.ahead) <= 0.4 + FRAME


async def test_audio_is_given_in_bursts_and_not_frame_by_frame(talk):
    async with talk(caller=Watching()) as t:
        await say(t, LONG, 25)
    instants = Counter(t.caller.pushes)
    assert len(instants) <= 20 * 5 + 3
    assert sum(instants.values()) == 1000


@pytest.mark.parametrize("tts", [ScriptedTTS(), Chunked(), Chunked(0.5)])
async def test_no_timer_runs_per_frame(talk, monkeypatch, tts):
    # The caller's microphone and the TTS have timers of their own: count the engine's.
    async with talk(caller=Watching(continuous=False), tts=tts) as t:
        await t.until(1.0)
        loop = asyncio.get_running_loop()
        timers = []
        call_at = loop.call_at

        def counted(when, callback, *args, **kwargs):
            if "antiphon.engine" in str(getattr(callback, "__module__", "")) or (
                getattr(callback, "__self__", None).__class__.__module__.startswith(
                    "antiphon.engine"
                )
            ):
                timers.append(callback)
            return call_at(when, callback, *args, **kwargs)

        monkeypatch.setattr(loop, "call_at", counted)
        t.session.say(LONG)
        await t.until(25)
        monkeypatch.undo()
    assert t.heard == LONG
    # 20 s of speech: five looks per second, and a few at its beginning and end.
    assert len(timers) <= 20 * 6 + 20


async def test_the_tts_is_read_about_five_seconds_ahead(talk):
    tts = Chunked()
    async with talk(tts=tts) as t:
        await say(t, LONG, 25)
    for when, given in tts.log:
        played = max(0.0, when - 1.0)
        assert given - played <= 5.0 + 0.4 + 0.2 + FRAME, when
    assert max(given - max(0.0, when - 1.0) for when, given in tts.log) > 4.0


async def test_a_tts_that_is_slower_than_playout_is_heard_whole(talk):
    async with talk(tts=ScriptedTTS(realtime_factor=1.7)) as t:
        handle = await say(t, "one two three four five six", 12)
        assert handle.done()
    assert t.heard == "one two three four five six"


async def test_the_end_of_a_speech_is_the_end_of_its_last_sample(talk):
    ended = []
    async with talk() as t:
        await t.until(1.0)
        handle = t.session.say("one two three")
        handle.add_done_callback(lambda _: ended.append(t.now))
        await t.until(5)
    assert ended == [pytest.approx(2.4, abs=1e-3)]


async def test_two_speeches_follow_one_another_without_a_gap_when_the_tts_is_ahead(talk):
    async with talk() as t:
        await t.until(1.0)
        t.session.say("one two three")
        t.session.say("four five six")
        await t.until(6)
        (_, first_end, _), (second, _, _) = t.agent_heard
    assert second == pytest.approx(first_end, abs=1e-3)


async def test_the_last_frame_may_be_shorter_and_is_played(talk):
    class Uneven(TTS):
        capabilities = TTSCapabilities(sample_rates=(16000,))

        async def synthesize(self, text, settings=None):
            async for _ in text:
                pass
            yield Audio(render("hello", seconds=0.5) + render("you", seconds=0.30331), 16000)

    async with talk(tts=Uneven()) as t:
        handle = await say(t, "hello you", 4)
        assert handle.done()
    assert t.heard == "hello you"


async def test_pieces_of_any_length_are_joined_to_frames(talk):
    class Ragged(TTS):
        capabilities = TTSCapabilities(sample_rates=(16000,))

        async def synthesize(self, text, settings=None):
            whole = "".join([piece async for piece in text if isinstance(piece, str)])
            data, at = render(whole, seconds=2.0), 0
            for size in [2, 638, 10, 1000, 6, 4242] * 100:
                if at < len(data):
                    yield Audio(data[at : at + size], 16000)
                at += size

    async with talk(caller=Watching(), tts=Ragged()) as t:
        await say(t, "one two three four five", 5)
    assert t.heard == "one two three four five"
    assert len(t.caller.pushes) == 100


async def test_a_flush_between_text_and_a_tool_lets_the_words_be_heard_while_it_runs(talk):
    from antiphon import function_tool
    from antiphon.testing import Call

    class Clerk(Agent):
        @function_tool
        async def look(self) -> str:
            """Looks."""
            await asyncio.sleep(4)
            return "found"

    llm = ScriptedLLM([["let me look", Call("look")], "here it is"])
    async with talk(Clerk(instructions="x"), llm=llm, tts=ScriptedTTS(seconds=1.0)) as t:
        await t.until(1.0)
        t.caller.type("look")
        await t.until(4.0)
        assert t.heard == "let me look"
        await t.until(12)
    assert t.heard == "let me look here it is"


# States


async def test_the_agent_listens_thinks_speaks_and_listens(talk):
    async with talk(replies=["one two", "three four"]) as t:
        await t.until(1.0)
        t.caller.type("a")
        await t.until(5)
        t.caller.type("b")
        await t.until(10)
    assert [state for _, state in t.states] == [
        "listening",
        *["thinking", "speaking", "listening"] * 2,
    ]


async def test_what_is_said_needs_no_thought(talk):
    async with talk() as t:
        await say(t, "hello", 4)
    assert [state for _, state in t.states] == ["listening", "speaking", "listening"]


async def test_between_two_speeches_in_a_row_the_agent_goes_on_speaking(talk):
    async with talk() as t:
        await t.until(1.0)
        t.session.say("one two three")
        t.session.say("four five six")
        await t.until(6)
    assert [state for _, state in t.states] == ["listening", "speaking", "listening"]


async def test_the_speech_that_has_the_floor_can_be_asked_for(talk):
    async with talk() as t:
        await t.until(1.0)
        assert t.session.current_speech is None
        first = t.session.say("one two three")
        second = t.session.say("four five six")
        await t.until(2.0)
        assert t.session.current_speech is first
        await t.until(3.0)
        assert t.session.current_speech is second
        await t.until(6)
        assert t.session.current_speech is None


async def test_waiting_for_idle_ends_with_the_last_sample(talk):
    async with talk() as t:
        await t.until(1.0)
        t.session.say("one two three")
        await t.session.wait_for_idle()
        assert t.now == pytest.approx(2.4, abs=1e-3)


# What a conversation costs


async def counted_work(talk, turns, monkeypatch):
    """Tasks, timers and callbacks of the last five turns of a conversation."""
    llm = ScriptedLLM({"": "very well then"}, record=False)
    async with talk(
        llm=llm, caller=Caller(continuous=False), stt=ScriptedSTT(), user_away_timeout=None
    ) as t:
        loop = asyncio.get_running_loop()
        work = Counter()
        for name in ("create_task", "call_at", "call_soon"):
            original = getattr(loop, name)

            def count(*args, _original=original, _name=name, **kwargs):
                work[_name] += 1
                return _original(*args, **kwargs)

            monkeypatch.setattr(loop, name, count)
        for number in range(turns):
            if number == turns - 5:
                work.clear()
            t.caller.type("hello")
            await t.session.wait_for_idle()
        monkeypatch.undo()
        assert len(t.session.turns) == turns
    return dict(work)


@pytest.mark.virtual_time(limit=100_000)
async def test_the_last_of_a_thousand_turns_cost_what_the_last_of_ten_cost(talk, monkeypatch):
    few = await counted_work(talk, 10, monkeypatch)
    many = await counted_work(talk, 1000, monkeypatch)
    assert many == few
    # The reply, and its voice; the scripted TTS and LLM make none.
    assert many["create_task"] == 5 * 2
