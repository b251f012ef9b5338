import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon import Agent, AgentSession, clock, function_tool
from antiphon.audio import AudioFrame, split
from antiphon.errors import TransportError
from antiphon.testing import (
    Call,
    Caller,
    Listener,
    Perceived,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
    is_voiced,
    mumble,
    render,
)
from antiphon.transport import Played, Transport

pytestmark = pytest.mark.virtual_time


class Ear:
    """A sink that keeps what comes."""

    def __init__(self):
        self.frames = []
        self.times = []
        self.others = []

    def audio(self, frame):
        self.frames.append(frame)
        self.times.append(round(now(), 9))

    def text(self, text):
        self.others.append((now(), "text", text))

    def dtmf(self, digit):
        self.others.append((now(), "dtmf", digit))

    def closed(self, reason):
        self.others.append((now(), "closed", reason))

    @property
    def words(self):
        listener = Listener()
        for frame in self.frames:
            listener.feed(frame.data)
        return [(word.text, word.start_sample) for word in listener.words]


def now():
    return round(asyncio.get_running_loop().time(), 9)


async def connect(**options):
    caller, ear = Caller(**options), Ear()
    await caller.start(ear)
    return caller, ear


def push(caller, text, segment, *, seconds, lead=b""):
    data = lead + (render(text, seconds=seconds) if text else mumble(seconds))
    for frame in split(AudioFrame(data, 16000), 320):
        caller.push(frame, segment)


# The microphone


async def test_frames_come_without_end_on_a_fixed_grid():
    await asyncio.sleep(0.333)
    caller, ear = await connect()
    assert isinstance(caller, Transport)
    await caller.wait_until(10.34)
    await caller.aclose()
    await asyncio.sleep(1)
    assert len(ear.frames) == 500
    assert ear.times == [round(0.333 + 0.02 * n, 9) for n in range(1, 501)]
    assert [f.started_at for f in ear.frames] == [round(0.333 + 0.02 * n, 9) for n in range(500)]
    assert {(len(f.data), f.sample_rate, f.channels) for f in ear.frames} == {(640, 16000, 1)}
    assert not any(is_voiced(frame.data) for frame in ear.frames)


async def test_speech_is_sent_to_the_sample():
    caller = Caller()
    ear = Ear()
    assert caller.speak_at(0.5, "one two", seconds=0.8) == 1.3
    caller.mumble_at(2.0, 0.25)
    await caller.start(ear)
    assert caller.speak_at(1.4001875, "three", seconds=0.4) == 1.8001875  # 3 samples into a frame
    await caller.wait_until(3)
    await caller.aclose()
    assert ear.words == [("one", 8000), ("two", 14400), ("three", 22403)]
    assert caller.timeline == [
        Perceived(0.5, 1.3, "caller", "one two"),
        Perceived(1.4001875, 1.8001875, "caller", "three"),
        Perceived(2.0, 2.25, "caller", ""),
    ]


async def test_speak_returns_at_the_end_of_the_speech():
    caller, ear = await connect()
    await caller.wait_until(0.01)
    await caller.speak("one two three")
    assert now() == 1.21
    await asyncio.gather(caller.speak("four", seconds=0.5), caller.speak("five", seconds=0.5))
    assert now() == 2.21
    await caller.mumble(0.3)
    assert now() == 2.51
    await caller.speak("recorded", audio=render("something else", seconds=1.0))
    assert now() == 3.51
    await caller.aclose()
    assert [word for word, _ in ear.words] == ["one", "two", "three", "four", "five", "something"]
    assert [entry.text for entry in caller.timeline] == [
        "one two three",
        "four",
        "five",
        "",
        "recorded",
    ]


async def test_a_caller_who_is_not_continuous_sends_speech_and_a_second_more():
    caller, ear = await connect(continuous=False)
    caller.speak_at(100.005, "one two", seconds=0.8)
    await caller.wait_until(200)
    await caller.speak("three", seconds=0.4)
    await caller.wait_until(300)
    await caller.aclose()
    starts = [frame.started_at for frame in ear.frames]
    assert (starts[0], ear.times[0]) == (100.0, 100.02)
    first = [start for start in starts if start < 150]
    assert first == [round(100 + 0.02 * n, 9) for n in range(len(first))]
    assert first[-1] == pytest.approx(101.8, abs=0.021)
    second = starts[len(first) :]
    assert (second[0], second[-1]) == (200.0, pytest.approx(201.38))
    assert [word for word, _ in ear.words] == ["one", "two", "three"]


async def test_plans_that_cannot_be_kept_are_refused():
    caller = Caller()
    with pytest.raises(TransportError) as caught:
        await caller.speak("hello")
    assert str(caught.value) == (
        "the caller is not on the line yet; start the session first, or plan ahead with speak_at()"
    )
    await caller.start(Ear())
    caller.speak_at(2.0, "one two", seconds=1)
    await caller.wait_until(1)
    with pytest.raises(ValueError) as caught:
        caller.speak_at(0.5, "late")
    assert str(caught.value) == "'late' is planned for 0.5 s, and it is 1 s already"
    with pytest.raises(ValueError) as caught:
        caller.speak_at(2.5, "over")
    assert str(caught.value) == (
        "'over' is planned for 2.5 s, and the caller says 'one two' from 2 s to 3 s"
    )
    with pytest.raises(TransportError) as caught:
        await caller.start(Ear())
    assert str(caught.value) == "this caller has made its call; make another Caller"
    await caller.aclose()
    with pytest.raises(TransportError) as caught:
        caller.type("hello")
    assert str(caught.value) == "the caller has hung up; make another Caller"


async def test_hanging_up_in_the_middle_of_a_word():
    caller, ear = await connect()
    caller.speak_at(0.5, "one two three", seconds=1.2)
    push(caller, "good day to you", "a", seconds=1.6)
    await caller.wait_until(1.4)
    caller.press("4#")
    caller.hang_up()
    caller.hang_up()
    await asyncio.sleep(5)
    push(caller, "anybody there", "b", seconds=1)
    await caller.aclose()
    assert ear.others == [(1.4, "dtmf", "4"), (1.4, "dtmf", "#"), (1.4, "closed", "hung_up")]
    assert len(ear.frames) == 70
    assert caller.timeline == [
        Perceived(0.0, 1.4, "agent", "good day to"),
        Perceived(0.5, 1.4, "caller", "one two"),
    ]
    assert (caller.buffered(), caller.clear()) == (0.0, None)


async def test_typed_lines():
    caller, ear = await connect(audio=False)
    await caller.wait_until(3)
    caller.type("hello")
    assert ear.others == [(3.0, "text", "hello")]
    assert caller.timeline == [Perceived(3.0, 3.0, "caller", "hello")]
    with pytest.raises(TransportError, match=r"^this caller has no microphone \(audio=False\)"):
        await caller.speak("hello")
    await caller.wait_until(5)
    await caller.aclose()
    assert ear.frames == []


# The loudspeaker


async def test_what_is_pushed_is_heard_back_to_back():
    caller, _ = await connect()
    played = []
    caller.on_played = lambda report: played.append((now(), report))
    await caller.wait_until(1.0)
    push(caller, "one two", "a", seconds=1.0)
    assert caller.buffered() == pytest.approx(1.0)
    await caller.wait_until(1.25)
    assert caller.buffered() == pytest.approx(0.75)
    assert caller.played() == Played("a", 4000, True)
    assert caller.silent_since is None
    push(caller, "three", "b", seconds=0.5)
    await caller.wait_until(3.0)
    push(caller, "four", "b", seconds=0.5)
    await caller.wait_until(4.0)
    assert caller.timeline == [
        Perceived(1.0, 2.0, "agent", "one two"),
        Perceived(2.0, 2.5, "agent", "three"),
        Perceived(3.0, 3.5, "agent", "four"),
    ]
    assert played == [
        (2.0, Played("a", 16000, True)),
        (2.5, Played("b", 8000, True)),
        (3.5, Played("b", 16000, True)),
    ]
    assert (caller.heard_text("b"), caller.heard_text()) == ("three four", "one two three four")
    assert caller.silent_since == 3.5
    await caller.aclose()


async def test_cleared_audio_is_not_heard():
    caller, _ = await connect()
    push(caller, "one two three", "a", seconds=1.2)
    await caller.wait_until(0.9001875)
    assert caller.clear() == Played("a", 14403, True)
    assert (caller.buffered(), caller.clear(), caller.played()) == (0.0, None, None)
    await caller.wait_until(2.0)
    push(caller, "four", "b", seconds=0.4)
    await caller.wait_until(3.0)
    assert caller.timeline == [
        Perceived(0.0, 0.9001875, "agent", "one two"),
        Perceived(2.0, 2.4, "agent", "four"),
    ]
    await caller.aclose()


async def test_a_segment_that_ran_dry_is_cleared_as_played():
    caller, _ = await connect()
    push(caller, "one", "a", seconds=0.4)
    await caller.wait_until(0.6)
    assert caller.played() == Played("a", 6400, True)
    assert caller.clear() == Played("a", 6400, True)
    assert caller.clear() is None
    await caller.aclose()


async def test_a_pause_shifts_the_rest_to_the_sample():
    caller, _ = await connect()
    push(caller, "one two three", "a", seconds=1.2)
    await caller.wait_until(0.5000625)
    caller.pause()
    assert caller.silent_since == 0.5000625
    await caller.wait_until(3.0)
    assert (caller.buffered(), caller.played()) == (
        pytest.approx(0.6999375),
        Played("a", 8001, True),
    )
    caller.resume()
    await caller.wait_until(5.0)
    assert caller.timeline == [
        Perceived(0.0, 0.5000625, "agent", "one"),
        Perceived(3.0, 3.6999375, "agent", "two three"),
    ]
    await caller.aclose()


async def test_clearing_while_paused():
    caller, _ = await connect()
    push(caller, "one two three", "a", seconds=1.2)
    await caller.wait_until(0.5)
    caller.pause()
    await caller.wait_until(1.0)
    assert caller.clear() == Played("a", 8000, True)
    caller.resume()
    push(caller, "four", "b", seconds=0.4)
    await caller.wait_until(2.0)
    assert [entry.text for entry in caller.timeline] == ["one", "four"]
    assert caller.timeline[1].start == 1.0
    await caller.aclose()


async def test_other_positions_and_pauses_than_exact_and_native():
    caller, _ = await connect(position="reported", pause="emulated")
    reports = []
    caller.on_played = lambda report: reports.append((now(), report))
    assert (caller.capabilities.position, caller.capabilities.pause) == ("reported", "emulated")
    push(caller, "one two three", "a", seconds=1.2)
    await caller.wait_until(0.5)
    assert caller.clear() == Played("a", 9600, False)
    await caller.wait_until(1.0)
    assert reports == [(0.55, Played("a", 8000, True))]
    with pytest.raises(TransportError, match=r"^this caller was made with pause='emulated'"):
        caller.pause()
    push(caller, "one", "b", seconds=0.4)
    await caller.wait_until(1.35)
    assert caller.clear() == Played("b", 6400, False)  # no more than there was
    await caller.aclose()

    caller, _ = await connect(position="estimated")
    caller.on_played = reports.append
    push(caller, "one two three", "a", seconds=1.2)
    await asyncio.sleep(0.5)
    assert caller.clear() == Played("a", 9600, False)
    await asyncio.sleep(1)
    assert len(reports) == 1
    await caller.aclose()


async def test_an_emulated_pause_loses_no_word():
    caller, _ = await connect(pause="emulated")
    data = render("one two", seconds=0.8)
    caller.push(AudioFrame(data, 16000), "a.0")
    await caller.wait_until(0.3)
    played = caller.clear()
    await caller.wait_until(1.0)
    caller.push(AudioFrame(data[2 * played.samples :], 16000), "a.1")
    await caller.wait_until(2.0)
    assert caller.timeline == [
        Perceived(0.0, 0.3, "agent", ""),
        Perceived(1.0, 1.5, "agent", "one two"),
    ]
    await caller.aclose()


async def test_silence_within_the_audio_is_silence():
    caller, _ = await connect()
    push(caller, "one", "a", seconds=0.4)
    push(caller, "two", "a", seconds=0.4, lead=bytes(2 * 8000))
    await caller.wait_until(0.7)
    assert caller.silent_since == 0.4
    await caller.wait_until(2)
    assert caller.timeline == [
        Perceived(0.0, 0.4, "agent", "one"),
        Perceived(0.9, 1.3, "agent", "two"),
    ]
    await caller.aclose()


async def test_listen_until_the_agent_has_answered():
    caller, _ = await connect()
    loop = asyncio.get_running_loop()
    push(caller, "good day", "a", seconds=0.8)
    assert await caller.listen_until() == "good day"
    assert now() == 1.8
    push(caller, "still talking", "b", seconds=0.8)
    await caller.speak("hello", seconds=1.0)
    loop.call_later(2.0, push_later := lambda: push(caller, "one two", "c", seconds=0.8))
    loop.call_later(2.5, caller.pause)
    loop.call_later(7.0, caller.resume)
    assert await caller.listen_until(silence=0.5) == "one two"
    assert now() == 10.6
    with pytest.raises(TimeoutError) as caught:
        await caller.listen_until(limit=5)
    assert str(caught.value) == "the agent has said nothing within 5 s from 10.6 s on"
    push_later()
    listening = asyncio.create_task(caller.listen_until())
    await asyncio.sleep(0.5)
    caller.hang_up()
    assert await listening == "one"


def push_at(caller, when, text, segment, *, seconds):
    loop = asyncio.get_running_loop()
    loop.call_at(when, lambda: push(caller, text, segment, seconds=seconds))


@pytest.mark.parametrize(
    ("called_at", "planned"),
    [
        *[(called_at, True) for called_at in (0.0, 2.0, 4.9, 5.3, 6.0, 6.5, 7.2)],
        *[(called_at, False) for called_at in (4.9, 5.0, 5.3, 6.0, 7.2)],
    ],
)
async def test_listen_until_is_about_what_begins_after_the_callers_last_words(called_at, planned):
    caller, _ = await connect()
    loop = asyncio.get_running_loop()
    caller.speak_at(0.5, "tell me", seconds=1.0)
    if planned:
        caller.speak_at(5.0, "no wait", seconds=1.0)
    else:
        loop.call_at(5.0, lambda: caller.speak_at(5.0, "no wait", seconds=1.0))
    push_at(caller, 2.1, "a b c d e f g h i j k l", "old", seconds=4.8)
    loop.call_at(5.53, caller.clear)  # in the ninth word; the eighth began at 4.9, before he spoke
    push_at(caller, 7.0, "as you like", "new", seconds=1.2)
    await caller.wait_until(called_at)
    assert await caller.listen_until() == "as you like"
    assert now() == 9.2
    assert caller.heard_text() == "a b c d e f g h as you like"
    await caller.aclose()


async def test_an_old_speech_that_outlasts_the_callers_last_words_is_no_answer():
    caller, _ = await connect()
    push(caller, "this call is recorded", "notice", seconds=4.0)
    await caller.speak("hello", seconds=0.4)
    push_at(caller, 6.0, "good day", "answer", seconds=0.8)
    assert await caller.listen_until() == "good day"
    assert now() == 7.8
    push(caller, "and now the rest of it", "rest", seconds=4.8)
    await caller.wait_until(8.0)
    await caller.speak("mhm", seconds=0.4)
    with pytest.raises(TimeoutError) as caught:
        await caller.listen_until(limit=20)
    assert str(caught.value) == (
        "the agent has begun no answer within 20 s from 8.4 s on; it went on until 12.6 s with "
        "what it had begun before the caller's last words ended; to hear that, use wait_until() "
        "and heard_text()"
    )
    assert caller.heard_text("rest") == "and now the rest of it"
    await caller.aclose()


async def test_a_sound_without_words_wants_no_answer():
    caller, _ = await connect()
    await caller.speak("hello", seconds=0.4)
    push(caller, "good day to you", "a", seconds=2.0)
    await caller.mumble(0.5)
    caller.mumble_at(2.0, 0.3)
    assert await caller.listen_until() == "good day to you"
    assert now() == 3.4
    await caller.aclose()


async def test_an_answer_may_begin_in_the_silence_at_the_end_of_a_recording():
    caller, _ = await connect()
    push_at(caller, 1.5, "good day", "a", seconds=0.8)
    await caller.speak("hello", audio=render("hello", seconds=1.0) + bytes(2 * 16000))
    assert now() == 2.0
    assert await caller.listen_until() == "good day"
    await caller.aclose()


async def test_typed_lines_and_keys_want_an_answer():
    caller, _ = await connect()
    push(caller, "a b c d", "a", seconds=1.6)
    await caller.wait_until(0.9)
    caller.type("no wait")
    caller.clear()
    push_at(caller, 1.5, "yes", "b", seconds=0.4)
    assert await caller.listen_until() == "yes"
    assert now() == 2.9
    push(caller, "a b c d", "c", seconds=1.6)
    await caller.wait_until(3.0)
    caller.press("1")
    caller.clear()
    push_at(caller, 5.0, "one", "d", seconds=0.4)
    assert await caller.listen_until() == "one"
    assert now() == 6.4
    await caller.aclose()


async def test_the_limit_of_listen_until_counts_from_the_callers_last_words():
    caller, _ = await connect()
    caller.speak_at(50.0, "hello", seconds=0.4)
    push_at(caller, 55.0, "good day", "a", seconds=0.8)
    assert await caller.listen_until(limit=7) == "good day"
    assert now() == 56.8
    push(caller, "on and on " * 5, "b", seconds=6.0)
    await caller.wait_until(57.0)
    with pytest.raises(TimeoutError) as caught:
        await caller.listen_until(limit=3)
    assert str(caught.value) == (
        "the agent has answered, but not been silent for 1 s after it, within 3 s from 57 s on; "
        "it said 'on and on on and on on and'"
    )
    await caller.aclose()


TERMS = "Every bill is due within thirty days and after that we charge a fee of five euros."


@pytest.mark.parametrize("seconds", [0.4, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("into", [None, 4.9, 5.2, "end"])
async def test_a_barge_in_of_any_length_is_answered_by_what_follows_it(seconds, into):
    class Billing(Agent):
        async def on_enter(self):
            self.session.say("Billing here, how can I help?")

    class Desk(Agent):
        @function_tool
        async def to_billing(self):
            """Passes the caller on."""
            return Billing()

    caller = Caller()
    caller.speak_at(0.5, "what are the terms", seconds=1.0)
    end = caller.speak_at(5.0, "put me through to billing", seconds=seconds)
    session = AgentSession(
        stt=ScriptedSTT(),
        vad=ScriptedVAD(),
        tts=ScriptedTTS(),
        llm=ScriptedLLM({"terms": TERMS, "billing": Call("to_billing")}),
    )
    async with session:
        await session.start(agent=Desk(), transport=caller)
        await caller.wait_until(end if into == "end" else into or 0.0)
        assert await caller.listen_until() == "Billing here, how can I help?"
        assert now() == pytest.approx(end + 0.5 + 0.3 + 0.2 + 2.4 + 1.0)
        assert session.current_agent.id == "billing"
        first, second = [entry for entry in caller.timeline if entry.who == "agent"]
        messages = [m for m in session.history.messages() if m.role == "assistant"]
        assert [m.text_content for m in messages] == [first.text, second.text]
        assert TERMS.startswith(first.text)
        assert messages[0].interrupted


async def test_words_planned_while_it_listens_want_an_answer_too():
    caller, _ = await connect()
    await caller.speak("hello", seconds=0.4)
    push_at(caller, 1.0, "good day", "a", seconds=0.8)
    asyncio.get_running_loop().call_at(2.0, lambda: caller.speak_at(2.5, "and", seconds=0.4))
    push_at(caller, 4.0, "yes", "b", seconds=0.4)
    assert await caller.listen_until() == "yes"
    await caller.aclose()


async def test_audio_of_another_rate_is_refused():
    caller, _ = await connect()
    with pytest.raises(ValueError, match="24000 Hz"):
        caller.push(AudioFrame(bytes(640), 24000), "a")
    await caller.aclose()


# Whole conversations


DUET = Path(__file__).parent / "duet.py"


def duet(seed):
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, str(DUET)], env=environment, capture_output=True, check=True
    ).stdout.decode()


def test_the_log_of_a_conversation_is_the_same_in_every_process():
    logs = {duet(seed) for seed in ("0", "1", "4711")}
    assert len(logs) == 1
    lines = logs.pop().splitlines()
    assert "0.52 vad speech_started 0.5" in lines
    assert "1.5 typed and a line" in lines
    assert any(line.startswith("8.02 cleared Played(segment='answer 1'") for line in lines)
    perceived = [line for line in lines if line.startswith("Perceived")]
    assert perceived[:4] == [
        "Perceived(start=0.5, end=1.5, who='caller', text='hello machine')",
        "Perceived(start=1.5, end=1.5, who='caller', text='and a line')",
        # final 0.2 after the end, first token 0.1, its first whole word with the second token 0.05
        # later, first byte 0.2
        "Perceived(start=2.05, end=4.05, who='agent', text='Good day to you, caller!')",
        "Perceived(start=5.05, end=7.05, who='caller', text='tell me a long story')",
    ]


@pytest.mark.parametrize("continuous", [True, False])
def test_an_hour_of_talk_takes_seconds(continuous):
    from antiphon.testing import run

    sys.path.insert(0, str(DUET.parent))
    try:
        from duet import converse
    finally:
        sys.path.pop(0)

    async def talk(caller):
        loop = asyncio.get_running_loop()
        while loop.time() < 3600:
            await caller.speak("this is what i have to say about it all", seconds=10)
            heard.append(await caller.listen_until(silence=2.0))

    heard = []
    started = clock.cpu_time()
    answer = "and this is what i have to answer to that for some time more"
    _, caller = run(lambda: converse(talk, {"": answer}, continuous=continuous), until=4000)
    assert clock.cpu_time() - started < 15  # about 3 s alone on one core
    assert len(heard) > 190 and set(heard) == {answer}
    assert len(caller.timeline) == 2 * len(heard)
