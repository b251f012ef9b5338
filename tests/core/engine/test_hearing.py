import asyncio
import logging
import math
from array import array

import pytest

from antiphon import Agent
from antiphon.audio import AudioFrame
from antiphon.errors import AudioError
from antiphon.stt import STT, Final, STTCapabilities
from antiphon.testing import (
    Caller,
    ScriptedBatchSTT,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
    render,
)
from antiphon.vad import VAD, VADEvent, VADStream

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
WORDS = {"": "very well then"}


class Recorder(STT):
    """Keeps the audio that it gets."""

    def __init__(self, rate=16000):
        self.capabilities = STTCapabilities(sample_rates=(rate,))
        self.frames = []

    async def transcribe(self, audio, settings=None):
        async for item in audio:
            if isinstance(item, AudioFrame):
                self.frames.append(item)
        return
        yield

    @property
    def seconds(self):
        return sum(frame.duration for frame in self.frames)


def tone(rate, seconds, *, channels=1, hertz=440.0, loudness=8000):
    """Sine waves, the second channel at half the loudness of the first."""
    samples = array("h")
    for index in range(round(rate * seconds)):
        value = math.sin(2 * math.pi * hertz * index / rate)
        for channel in range(channels):
            samples.append(round(loudness * value / (1 + channel)))
    return samples.tobytes()


class Line(Caller):
    """A caller whose frames are of any shape: `send` gives them to the session."""

    def __init__(self):
        super().__init__(continuous=False)

    def send(self, data, rate, channels, *, frame=0.02):
        loop = asyncio.get_running_loop()
        step = round(rate * frame) * 2 * channels
        for number in range(0, len(data) // step):
            piece = data[number * step : (number + 1) * step]
            at = loop.time() + number * frame
            made = AudioFrame(piece, rate, channels, at)
            loop.call_at(at + frame, self._sink.audio, made)
        return len(data) / (2 * channels * rate)


# The shapes of frames


async def test_stereo_at_48_khz_reaches_the_stt_mono_at_its_own_rate(talk):
    stt = Recorder()
    async with talk(caller=Line(), stt=stt, vad=None) as t:
        t.caller.send(tone(48000, 1.0, channels=2), 48000, 2)
        await t.until(2)
    assert {(frame.sample_rate, frame.channels) for frame in stt.frames} == {(16000, 1)}
    # The filter of the conversion may hold back its own length at the end.
    assert stt.seconds == pytest.approx(1.0, abs=0.03)
    heard = array("h", b"".join(frame.data for frame in stt.frames))
    # The mean of 8000 and 4000.
    assert max(heard[4000:12000]) == pytest.approx(6000, rel=0.05)


async def test_converted_frames_keep_the_time_at_which_they_were_spoken(talk):
    stt = Recorder()
    async with talk(caller=Line(), stt=stt, vad=None) as t:
        await t.until(3.0)
        t.caller.send(tone(48000, 1.0), 48000, 1)
        await t.until(5)
    assert stt.frames[0].started_at == pytest.approx(3.0, abs=0.04)
    assert stt.frames[-1].started_at == pytest.approx(3.98, abs=0.04)


async def test_the_rate_of_the_caller_may_change_during_the_call(talk):
    stt = Recorder()
    async with talk(caller=Line(), stt=stt, vad=None) as t:
        t.caller.send(tone(48000, 1.0), 48000, 1)
        await t.until(2)
        t.caller.send(tone(8000, 1.0), 8000, 1)
        await t.until(4)
        t.caller.send(tone(16000, 1.0), 16000, 1)
        await t.until(6)
    assert {frame.sample_rate for frame in stt.frames} == {16000}
    assert stt.seconds == pytest.approx(3.0, abs=0.1)


async def test_audio_of_the_right_shape_reaches_the_stt_as_it_is(talk):
    stt = Recorder()
    async with talk(caller=Line(), stt=stt, vad=None) as t:
        data = tone(16000, 1.0)
        t.caller.send(data, 16000, 1)
        await t.until(2)
    assert b"".join(frame.data for frame in stt.frames) == data


async def test_a_vad_of_another_rate_hears_speech_in_time(talk):
    class Narrow(ScriptedVAD):
        capabilities = type(ScriptedVAD.capabilities)(sample_rates=(8000,))

    async with talk(caller=Line(), vad=Narrow(), stt=None) as t:
        await t.until(1.0)
        t.caller.send(tone(48000, 1.0) + bytes(2 * 48000), 48000, 1)
        await t.until(4)
    assert t.user_states == [
        (pytest.approx(1.02, abs=0.06), "speaking"),
        (pytest.approx(2.5, abs=0.06), "listening"),
    ]


@pytest.mark.parametrize("size", [0, 1, 641])
def test_a_frame_with_half_a_sample_is_refused(size):
    with pytest.raises(AudioError) as caught:
        AudioFrame(bytes(size), 16000)
    assert str(caught.value) == (
        f"an audio frame holds {size} bytes; it needs a positive multiple of 2 (16-bit samples, "
        "1 channel)"
    )


@pytest.mark.parametrize("frame", [0.01, 0.02, 0.06, 0.1])
async def test_frames_may_have_any_length(talk, frame):
    async with talk(caller=Line(), replies=WORDS) as t:
        await t.until(0.5)
        speech = render("hello there", seconds=1.2) + bytes(2 * 16000 * 2)
        t.caller.send(speech, 16000, 1, frame=frame)
        await t.until(8)
    assert t.said[0] == ("user", "hello there")


# The streams


async def test_one_call_of_the_stt_hears_the_whole_conversation(talk):
    async with talk(replies=WORDS) as t:
        for start in (0.5, 6.0, 12.0):
            t.caller.speak_at(start, "hello there", seconds=1.0)
        await t.until(20)
    assert t.stt.calls == 1
    assert t.stt.heard == ["hello there"] * 3


async def test_no_task_is_made_for_a_frame(talk, monkeypatch):
    async with talk(replies=WORDS) as t:
        await t.until(1.0)
        loop = asyncio.get_running_loop()
        made = []
        create = loop.create_task
        monkeypatch.setattr(loop, "create_task", lambda *a, **k: made.append(a) or create(*a, **k))
        await t.until(11.0)
        monkeypatch.undo()
    assert made == []


async def test_an_agent_without_an_stt_says_once_that_it_does_not_listen(talk, caplog):
    agent = Agent(instructions="x", id="deaf")
    with caplog.at_level(logging.WARNING, "antiphon.session"):
        async with talk(agent, replies=WORDS, stt=None, vad=None) as t:
            t.caller.speak_at(0.5, "hello there", seconds=1.0)
            await t.until(5)
    assert [record.getMessage() for record in caplog.records] == [
        "agent 'deaf' has no stt: the caller's audio is not listened to"
    ]
    assert t.said == []


async def test_an_agent_without_an_stt_can_still_speak(talk):
    async with talk(replies=WORDS, stt=None, vad=None) as t:
        await t.until(0.5)
        t.session.say("hello")
        await t.until(3)
    assert t.heard == "hello"


async def test_an_agent_without_an_stt_can_be_typed_to(talk):
    async with talk(replies=WORDS, stt=None, vad=None) as t:
        await t.until(0.5)
        t.caller.type("hello")
        await t.until(4)
    assert t.said == [("user", "hello"), ("assistant", "very well then")]


async def test_an_stt_that_reads_nothing_loses_the_oldest_audio_and_says_so(talk):
    class Stuck(STT):
        capabilities = STTCapabilities()

        async def transcribe(self, audio, settings=None):
            await asyncio.get_running_loop().create_future()
            yield

    async with talk(replies=WORDS, stt=Stuck(), vad=None, user_away_timeout=None) as t:
        await t.until(59)
        assert t.errors == []
        await t.until(63.5)
    assert {(e.source, e.recoverable, e.detail, str(e.error)) for e in t.events("error")} == {
        (
            "stt",
            True,
            "audio_lost",
            "the stt is 60 s behind; the oldest second of audio was dropped",
        )
    }
    lost = [when for when in t.at("error") if when <= 63.5]
    assert lost == [pytest.approx(60 + number, abs=0.15) for number in range(len(lost))]
    assert len(lost) == 4


async def test_an_own_stt_node_may_change_what_is_heard(talk):
    class Corrected(Agent):
        async def stt_node(self, audio, model_settings):
            async for event in super().stt_node(audio, model_settings):
                if isinstance(event, Final):
                    event = Final(event.text.replace("teh", "the"), event.words)
                yield event

    async with talk(Corrected(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(0.5, "teh shop", seconds=1.0)
        await t.until(6)
    assert t.said[0] == ("user", "the shop")


async def test_an_own_stt_node_that_gives_none_makes_the_agent_deaf(talk):
    class Deaf(Agent):
        async def stt_node(self, audio, model_settings):
            return None

    async with talk(Deaf(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
        handle = t.session.say("can anybody hear me")
        await t.until(12)
        assert handle.done()
    assert t.said == [("assistant", "can anybody hear me")]
    assert t.errors == []


# The VAD


class Fragile(VAD):
    """A scripted VAD whose streams fail at given loop times."""

    capabilities = ScriptedVAD.capabilities

    def __init__(self, *fail_at):
        self.fail_at = list(fail_at)
        self.streams = 0

    def stream(self, on_event):
        self.streams += 1
        return FragileStream(self, on_event)


class FragileStream(VADStream):
    def __init__(self, vad, on_event):
        self.vad = vad
        self.on_event = on_event
        self.inner = ScriptedVAD().stream(on_event)
        self.failed = False

    @property
    def voiced_until(self):
        return self.inner.voiced_until

    def push(self, frame):
        if self.failed:
            return
        if self.vad.fail_at and frame.ended_at >= self.vad.fail_at[0]:
            self.vad.fail_at.pop(0)
            self.failed = True
            self.inner.close()
            error = RuntimeError("the detector is gone")
            self.on_event(VADEvent(type="failed", at=frame.ended_at, error=error))
        else:
            self.inner.push(frame)

    def close(self):
        self.inner.close()


async def test_a_vad_that_fails_in_silence_is_started_again(talk):
    vad = Fragile(1.0)
    async with talk(replies=WORDS, vad=vad) as t:
        t.caller.speak_at(2.0, "hello there", seconds=1.0)
        await t.until(8)
    assert t.errors == [("vad", RuntimeError, True)]
    assert vad.streams == 2
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_vad_that_fails_while_the_user_speaks_loses_no_word(talk):
    async with talk(replies=WORDS, vad=Fragile(1.0)) as t:
        t.caller.speak_at(0.5, "hello there old friend", seconds=2.0)
        await t.until(8)
    assert t.said == [("user", "hello there old friend"), ("assistant", "very well then")]


async def test_a_vad_that_fails_as_the_user_falls_silent_does_not_silence_the_agent(talk):
    async with talk(replies=WORDS, vad=Fragile(1.7)) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
        assert t.session.user_state == "listening"
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_failures_of_a_vad_far_apart_do_not_close_the_session(talk):
    async with talk(replies=WORDS, vad=Fragile(1, 3, 5, 7, 9, 11)) as t:
        await t.until(12)
        assert t.events("close") == []
        handle = t.session.say("hello")
        await t.until(15)
        assert handle.done()
    assert {error[2] for error in t.errors} == {True}


async def test_a_vad_that_always_fails_ends_the_session_instead_of_failing_for_ever(talk):
    async with talk(replies=WORDS, vad=Fragile(*[1.0] * 100)) as t:
        await t.until(5)
        assert [event.reason for event in t.events("close")] == ["error"]
    assert len(t.errors) <= 5


# Hand-offs


async def test_two_agents_with_the_same_stt_share_its_stream(talk):
    async with talk(Agent(instructions="x", id="one"), replies=WORDS) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
        await t.session.update_agent(Agent(instructions="y", id="two"))
        t.caller.speak_at(7.0, "and again", seconds=1.0)
        await t.until(14)
    assert t.stt.calls == 1
    assert [text for role, text in t.said if role == "user"] == ["hello there", "and again"]


async def test_no_word_is_lost_when_the_caller_speaks_across_a_switch(talk):
    llm = ScriptedLLM(WORDS)
    async with talk(Agent(instructions="x", id="one"), llm=llm) as t:
        t.caller.speak_at(1.0, "this goes on and on until the end", seconds=3.2)
        await t.until(2.0)
        await t.session.update_agent(Agent(instructions="y", id="two"))
        assert t.now == 2.0
        await t.until(10)
    assert t.stt.calls == 1
    assert [text for role, text in t.said if role == "user"] == [
        "this goes on and on until the end"
    ]
    assert t.session.turns[0].agent_id == "two"
    assert llm.requests[0].texts[0] == ("system", "y")


async def test_an_agent_with_another_stt_is_listened_to_by_it(talk):
    other = ScriptedSTT()
    async with talk(Agent(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
        await t.session.update_agent(Agent(instructions="y", stt=other))
        t.caller.speak_at(7.0, "and again", seconds=1.0)
        await t.until(14)
    assert (t.stt.heard, other.heard) == (["hello there"], ["and again"])
    assert [text for role, text in t.said if role == "user"] == ["hello there", "and again"]


async def test_a_change_of_stt_waits_for_the_end_of_the_utterance(talk):
    other = ScriptedSTT()
    async with talk(Agent(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(1.0, "this goes on and on until the end", seconds=3.2)
        t.caller.speak_at(9.0, "and again", seconds=1.0)
        await t.until(2.0)
        await t.session.update_agent(Agent(instructions="y", stt=other))
        await t.until(15)
    assert t.stt.heard == ["this goes on and on until the end"]
    assert other.heard == ["and again"]
    assert [text for role, text in t.said if role == "user"] == [
        "this goes on and on until the end",
        "and again",
    ]


async def test_a_change_of_stt_in_an_utterance_of_more_than_five_seconds_loses_no_word(talk):
    other = ScriptedSTT()
    words = " ".join(f"word{number}" for number in range(20))
    async with talk(Agent(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(1.0, words, seconds=9.0)
        await t.until(2.0)
        await t.session.update_agent(Agent(instructions="y", stt=other))
        await t.until(18)
    assert [text for role, text in t.said if role == "user"] == [words]
    assert other.calls == 1


async def test_a_change_to_an_stt_of_another_rate_loses_no_audio(talk):
    other = Recorder(8000)
    async with talk(Agent(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(1.0, "one two three four five six seven eight", seconds=9.0)
        await t.until(2.0)
        await t.session.update_agent(Agent(instructions="y", stt=other))
        await t.until(11)
    assert {frame.sample_rate for frame in other.frames} == {8000}
    # The change comes at 7.0; the new one gets the utterance from its beginning.
    assert other.frames[0].started_at <= 1.0
    starts = [frame.started_at for frame in other.frames]
    assert starts == sorted(starts)


async def test_a_change_from_a_deaf_agent_begins_to_listen(talk):
    async with talk(Agent(instructions="x", stt=None), replies=WORDS) as t:
        t.caller.speak_at(0.5, "nobody hears this", seconds=1.0)
        t.caller.speak_at(4.0, "hello there", seconds=1.0)
        await t.until(3.0)
        await t.session.update_agent(Agent(instructions="y"))
        await t.until(10)
    assert [text for role, text in t.said if role == "user"] == ["hello there"]


async def test_an_agent_that_overrides_the_node_gets_a_stream_of_its_own(talk):
    class Other(Agent):
        async def stt_node(self, audio, model_settings):
            async for event in super().stt_node(audio, model_settings):
                yield event

    async with talk(Agent(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(6)
        await t.session.update_agent(Other(instructions="y"))
        t.caller.speak_at(7.0, "and again", seconds=1.0)
        await t.until(13)
    assert t.stt.calls == 2
    assert [text for role, text in t.said if role == "user"] == ["hello there", "and again"]


async def test_two_agents_of_one_class_with_an_own_node_share_the_stream(talk):
    class Own(Agent):
        async def stt_node(self, audio, model_settings):
            async for event in super().stt_node(audio, model_settings):
                yield event

    async with talk(Own(instructions="x", id="one"), replies=WORDS) as t:
        await t.until(1.0)
        await t.session.update_agent(Own(instructions="y", id="two"))
        t.caller.speak_at(2.0, "hello there", seconds=1.0)
        await t.until(8)
    assert t.stt.calls == 1
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_hand_off_to_another_vad_takes_it(talk):
    async with talk(Agent(instructions="x"), replies=WORDS) as t:
        await t.until(1.0)
        await t.session.update_agent(Agent(instructions="y", vad=ScriptedVAD(min_silence=1.5)))
        t.caller.speak_at(2.0, "hello there", seconds=1.0)
        await t.until(9)
        assert t.session.turns[0].vad_end == pytest.approx(4.5, abs=FRAME)


async def test_a_hand_off_to_another_vad_in_mid_speech_does_not_silence_the_agent(talk):
    async with talk(Agent(instructions="x"), replies=WORDS) as t:
        t.caller.speak_at(1.0, "hello there", seconds=1.0)
        await t.until(2.1)
        await t.session.update_agent(Agent(instructions="y", vad=ScriptedVAD()))
        await t.until(10)
        assert t.session.user_state == "listening"
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_a_batch_stt_hears_the_beginning_of_speech_that_the_vad_noticed_late(talk):
    stt = ScriptedBatchSTT()
    async with talk(replies=WORDS, stt=stt, vad=ScriptedVAD(min_speech=0.5)) as t:
        t.caller.speak_at(1.0, "hello there old friend", seconds=2.0)
        await t.until(9)
    assert stt.heard == ["hello there old friend"]
    assert t.said == [("user", "hello there old friend"), ("assistant", "very well then")]


async def test_a_batch_stt_is_given_utterances_only(talk):
    stt = ScriptedBatchSTT()
    async with talk(replies=WORDS, stt=stt, tts=ScriptedTTS(seconds=0.5)) as t:
        t.caller.speak_at(20.0, "hello there", seconds=1.0)
        t.caller.speak_at(40.0, "and again", seconds=1.0)
        await t.until(50)
        usage = t.session.usage["ScriptedBatchSTT"]
    assert stt.heard == ["hello there", "and again"]
    assert usage.audio_seconds < 6
