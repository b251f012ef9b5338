import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from antiphon import (
    Agent,
    AgentSession,
    AudioConfig,
    AudioFrame,
    BackgroundAudioPlayer,
    BuiltinAudioClip,
)
from antiphon.audio import mix
from antiphon.background import synthesis
from antiphon.errors import AudioError, ConfigurationError, TransportError
from antiphon.registry import Registry
from antiphon.testing import Caller, ScriptedLLM, ScriptedTTS
from antiphon.transport import BackgroundSource, Transport, TransportCapabilities
from antiphon.transports import MicrophoneTransport, WavTransport
from antiphon.transports.wav_file import WavReader, WavWriter

pytestmark = pytest.mark.virtual_time

RATE = 16000
CLICK = BuiltinAudioClip.HOLD_TONE


def tone(path, seconds, value, rate=RATE):
    """A WAV file of one value."""
    writer = WavWriter(path, sample_rate=rate, channels=1)
    writer.write(np.full(round(seconds * rate), value, "<i2").tobytes())
    writer.close()
    return path


def agent_side(path):
    """The right channel of a recording."""
    import wave

    with wave.open(str(path)) as file:
        data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return data.reshape(-1, 2)[:, 1].astype(int)


class Call:
    """A call into a WAV file, in which nobody speaks but the agent."""

    def __init__(self, path, *, transport=None, **session):
        self.path = path
        self.transport = transport or WavTransport(output=path, tail=999, max_tail=999)
        session.setdefault("llm", ScriptedLLM(["one two three four five six"], first_token=1.0))
        session.setdefault("tts", ScriptedTTS())
        self.session = AgentSession(
            registry=Registry(entry_points=(), environ={}), seed=7, **session
        )
        self.players = []

    async def __aenter__(self):
        await self.session.start(Agent(), transport=self.transport)
        return self

    async def player(self, **sounds):
        player = BackgroundAudioPlayer(**sounds)
        await player.start(session=self.session)
        self.players.append(player)
        return player

    async def __aexit__(self, *exc):
        await self.session.aclose()
        for player in self.players:
            await player.aclose()

    @property
    def heard(self):
        return agent_side(self.path)


@pytest.fixture
def call(tmp_path):
    def make(**options):
        return Call(tmp_path / "call.wav", **options)

    return make


async def until(when):
    await asyncio.sleep(when - asyncio.get_running_loop().time())


async def test_a_sound_lies_in_the_recording_from_the_sample_at_which_it_was_played(call, tmp_path):
    sound = tone(tmp_path / "sound.wav", 0.5, 1000)
    async with call() as c:
        player = await c.player()
        await until(0.5031)
        handle = player.play(sound)
        assert not handle.done()
        assert await handle is handle
        await until(1.5)
    begin = round(0.5031 * RATE)
    expected = np.zeros(len(c.heard), int)
    expected[begin : begin + RATE // 2] = 1000
    first = np.flatnonzero(c.heard)[0]
    assert begin <= first <= begin + 320  # the file is read first, in a thread
    assert list(c.heard[first : first + RATE // 2]) == [1000] * (RATE // 2)
    assert not c.heard[first + RATE // 2 :].any()
    assert not c.heard[:first].any()


async def test_volume_multiplies_and_sounds_add_up_and_stop_at_the_limit(call, tmp_path):
    loud = tone(tmp_path / "loud.wav", 1.0, 20000)
    async with call() as c:
        player = await c.player()
        player.play(AudioConfig(loud, volume=0.5))
        await until(0.5)
        player.play(loud)
        await until(0.75)
        player.play(loud)
        await until(3.0)
    values = set(c.heard)
    assert values == {0, 10000, 30000, 32767, 20000}


async def test_a_looped_sound_goes_on_until_it_is_stopped_and_fades(call, tmp_path):
    sound = tone(tmp_path / "sound.wav", 0.25, 1000)
    async with call() as c:
        player = await c.player()
        handle = player.play(sound, loop=True)
        await until(1.0)
        assert not handle.done()
        handle.stop()
        await handle
        await until(2.0)
    heard = c.heard
    assert list(heard[4000:16000]) == [1000] * 12000
    fading = heard[16000:17600]
    assert list(fading) == sorted(fading, reverse=True)
    assert 0 < fading[800] < 600
    assert not heard[17600:].any()


async def test_the_ambience_is_mixed_under_the_speech_and_touches_nothing_of_it(tmp_path):
    async def hold(name, **sounds):
        async with Call(tmp_path / name) as c:
            player = await c.player(**sounds)
            del player
            c.session.generate_reply(user_input="hi")
            await until(2.53)
            c.session.interrupt()
            await until(4.0)
            records.append([(m.text_content, m.interrupted) for m in c.session.history.messages()])
        return c.heard

    records = []
    start = asyncio.get_running_loop().time()
    assert start == 0
    ambient = AudioConfig(BuiltinAudioClip.OFFICE_AMBIENCE, volume=0.5)
    with_room = await hold("room.wav", ambient_sound=ambient)
    room = synthesis.render(BuiltinAudioClip.OFFICE_AMBIENCE, RATE)
    room = np.rint(room.astype(np.float32) * np.float32(0.5)).astype(int)
    speech = with_room - room[: len(with_room)]
    clipped = np.abs(with_room) >= 32767
    assert not speech[: int(1.19 * RATE)].any()
    assert np.abs(speech[int(1.2 * RATE) : int(2.52 * RATE)]).max() > 20000
    # A barge-in silences the agent and not the room.
    cut = int(2.53 * RATE) + 1
    assert not (speech[cut:] * ~clipped[cut:]).any()
    assert records == [[("hi", False), ("one two three", True)]]


async def test_the_sound_of_thinking_plays_while_the_agent_thinks(call, tmp_path):
    sound = tone(tmp_path / "sound.wav", 0.2, 1000)
    async with call() as c:
        await c.player(thinking_sound=sound)
        await until(1.0)
        c.session.generate_reply(user_input="hi")
        await until(4.6)
    heard = c.heard
    assert not heard[: 1 * RATE].any()
    assert 0 < heard[RATE + 160] < 1000  # fades in
    assert list(heard[RATE + 900 : int(2.19 * RATE)]) == [1000] * (int(2.19 * RATE) - RATE - 900)
    assert not heard[int(4.61 * RATE) :].any()


async def test_thinking_that_is_cut_short_ends_the_sound(call, tmp_path):
    sound = tone(tmp_path / "sound.wav", 0.2, 1000)
    async with call() as c:
        await c.player(thinking_sound=sound)
        c.session.generate_reply(user_input="hi")
        await until(0.5)
        c.session.interrupt()
        await until(2.0)
    heard = c.heard
    assert heard[: RATE // 2].any()
    assert not heard[round(0.81 * RATE) :].any()


async def test_a_session_that_is_paused_keeps_its_room(call, tmp_path):
    sound = tone(tmp_path / "sound.wav", 0.5, 1000)
    async with call() as c:
        await c.player(ambient_sound=sound)
        c.session.say("one two three four")
        await until(1.0)
        c.transport.pause()
        await until(1.5)
        c.transport.resume()
        await until(3.0)
    assert set(c.heard[RATE + 16 : RATE + RATE // 2 - 16]) == {1000}


async def test_frames_of_any_rate_can_be_played(call):
    async def frames():
        for _ in range(50):
            yield AudioFrame(np.full(480, 1000, "<i2").tobytes(), 24000)

    async with call() as c:
        player = await c.player()
        handle = player.play(frames())
        await handle
        end = asyncio.get_running_loop().time()
        await until(2.0)
    assert end == pytest.approx(1.0, abs=0.05)
    assert np.mean(c.heard[1600:14000]) == pytest.approx(1000, abs=5)


async def test_a_stream_without_end_is_read_a_second_ahead_and_closed_when_it_is_stopped(call):
    state = {"given": 0, "closed": False}

    async def frames():
        try:
            while True:
                state["given"] += 1
                yield AudioFrame(bytes(3200), RATE)
        finally:
            state["closed"] = True

    async with call() as c:
        player = await c.player()
        handle = player.play(frames())
        await until(5.0)
        assert 50 <= state["given"] <= 65
        handle.stop()
        await handle
        await until(5.5)
        assert state["closed"]


async def test_a_stream_that_fails_ends_its_sound_with_the_error(call, caplog):
    async def frames():
        yield AudioFrame(bytes(3200), RATE)
        raise OSError("the disk is gone")

    async with call() as c:
        player = await c.player()
        handle = player.play(frames())
        await handle
        assert str(handle.exception()) == "the disk is gone"
    assert "a background sound failed" in caplog.text


async def test_of_several_sounds_one_is_chosen_by_its_probability(call, tmp_path):
    often = AudioConfig(tone(tmp_path / "often.wav", 0.1, 1000), probability=0.6)
    seldom = AudioConfig(tone(tmp_path / "seldom.wav", 0.1, 2000), probability=0.2)
    llm = ScriptedLLM(["", *[""] * 99], first_token=1.0, total=1.0)
    async with call(llm=llm) as c:
        await c.player(thinking_sound=[often, seldom])
        for number in range(100):
            await until(2.0 * number + 0.1)
            c.session.generate_reply(user_input="hi")
        await until(200)
    heard = c.heard
    chosen = [int(heard[int((2.0 * n + 0.6) * RATE)]) for n in range(100)]
    assert 45 <= chosen.count(1000) <= 75
    assert 8 <= chosen.count(2000) <= 35
    assert chosen.count(1000) + chosen.count(2000) + chosen.count(0) == 100
    assert chosen.count(0) >= 5


async def test_a_call_with_sounds_is_the_same_every_time(tmp_path):
    async def hold(name):
        async with Call(tmp_path / name) as c:
            await c.player(
                ambient_sound=BuiltinAudioClip.CITY_AMBIENCE,
                thinking_sound=[
                    AudioConfig(BuiltinAudioClip.KEYBOARD_TYPING, probability=0.5),
                    AudioConfig(BuiltinAudioClip.KEYBOARD_TYPING2, probability=0.5),
                ],
            )
            c.session.generate_reply(user_input="hi")
            await asyncio.sleep(3.0)
        return c.path.read_bytes()

    assert await hold("one.wav") == await hold("two.wav")


async def test_the_end_of_the_session_ends_the_sounds(call, tmp_path):
    sound = tone(tmp_path / "sound.wav", 0.5, 1000)
    async with call() as c:
        player = await c.player(ambient_sound=sound)
        handle = player.play(sound, loop=True)
        await until(1.0)
        await c.session.aclose()
        assert handle.done()
        with pytest.raises(RuntimeError):
            player.play(sound)


async def test_sounds_are_read_only_while_they_play(call, tmp_path, monkeypatch):
    attached = []
    sound = tone(tmp_path / "sound.wav", 0.5, 1000)
    async with call() as c:
        given = c.transport.background
        monkeypatch.setattr(
            c.transport,
            "background",
            lambda source: (attached.append(source is not None), given(source)),
        )
        player = await c.player(thinking_sound=sound)
        assert attached == []
        await player.play(sound)
        await until(1.0)
        assert attached == [True, False]


async def test_without_a_recording_sounds_end_as_well(tmp_path):
    sound = tone(tmp_path / "sound.wav", 0.5, 1000)
    async with Call(None, transport=WavTransport(tail=999, max_tail=999)) as c:
        player = await c.player()
        await player.play(sound)
        assert asyncio.get_running_loop().time() == pytest.approx(0.52, abs=0.04)


async def test_a_transport_that_cannot_mix_warns_once_and_plays_nothing(tmp_path, caplog):
    sound = tone(tmp_path / "sound.wav", 0.5, 1000)
    async with Call(None, transport=Caller()) as c:
        player = await c.player(ambient_sound=sound, thinking_sound=CLICK)
        handle = player.play(sound)
        assert handle.done()
        await handle
        player.play(CLICK)
        c.session.generate_reply(user_input="hi")
        await c.session.wait_for_idle()
    assert [r.getMessage() for r in caplog.records if r.name == "antiphon.background"] == [
        "Caller mixes no background sounds, so none will be heard; use a transport that does "
        "(`TransportCapabilities(background=True)`), such as WavTransport or MicrophoneTransport"
    ]


async def test_a_transport_of_a_third_party_mixes_by_public_names():
    class Speaker(Transport):
        capabilities = TransportCapabilities(sample_rate=RATE, background=True)

        def __init__(self):
            self.source = None

        async def start(self, sink):
            self.sink = sink

        async def aclose(self):
            pass

        def background(self, source: BackgroundSource | None):
            self.source = source

        def play(self, speech, at):
            return mix(speech, self.source.read(len(speech) // 2, at))

    speaker = Speaker()
    session = AgentSession()
    await session.start(Agent(), transport=speaker)
    player = BackgroundAudioPlayer()
    await player.start(session)
    player.play(CLICK, loop=True)
    await asyncio.sleep(0.2)
    speech = np.full(1600, 100, "<i2").tobytes()
    clip = synthesis.render(CLICK, RATE).astype(int)
    assert list(np.frombuffer(speaker.play(speech, 0.2), "<i2")) == list(clip[:1600] + 100)
    assert list(np.frombuffer(speaker.play(speech, 0.3), "<i2")) == list(clip[1600:3200] + 100)
    await session.aclose()
    assert speaker.source is None


async def test_a_transport_that_declares_nothing_refuses():
    with pytest.raises(TransportError, match="this transport mixes no background sounds"):
        Caller().background(None)


async def test_the_microphone_mixes_what_its_device_plays():
    streams = []

    class Devices:
        def __init__(self, **given):
            self.fill = given["fill"]
            streams.append(self)

        def start(self):
            pass

        def close(self):
            pass

    transport = MicrophoneTransport(open_streams=Devices)
    session = AgentSession()
    await session.start(Agent(), transport=transport)
    player = BackgroundAudioPlayer()
    await player.start(session)
    handle = player.play(CLICK)
    await asyncio.sleep(0.1)
    transport.push(AudioFrame(np.full(320, 100, "<i2").tobytes(), RATE), "a")
    clip = synthesis.render(CLICK, RATE).astype(int)
    got = []

    def device():
        for _ in range(250):
            got.append(np.frombuffer(streams[0].fill(320, 0.02), "<i2"))

    thread = threading.Thread(target=device)
    thread.start()
    thread.join()
    assert list(got[0]) == list(clip[:320] + 100)
    assert list(got[1]) == list(clip[320:640])
    assert transport.played() is not None
    await handle
    assert not got[-1].any()
    await session.aclose()


# The built-in clips


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
@pytest.mark.parametrize("clip", BuiltinAudioClip)
def test_every_clip_can_be_repeated_without_a_seam(clip, rate):
    samples = synthesis.render(clip, rate).astype(int)
    assert len(samples) >= 4 * rate
    assert 3000 < np.abs(samples).max() < 12000
    steps = np.abs(np.diff(samples))
    assert abs(samples[0] - samples[-1]) <= steps.max()
    assert abs(samples.mean()) < 100


def test_clips_are_the_same_samples_every_time():
    first = synthesis.render(BuiltinAudioClip.KEYBOARD_TYPING, 16000)
    synthesis._made.clear()
    again = synthesis.render(BuiltinAudioClip.KEYBOARD_TYPING, 16000)
    assert first is not again
    assert (first == again).all()


def test_the_clips_differ():
    loudness = {clip: synthesis.render(clip, 8000).tobytes() for clip in BuiltinAudioClip}
    assert len(set(loudness.values())) == len(BuiltinAudioClip)


def test_every_clip_is_on_the_page():
    page = Path(__file__).parents[2] / "docs" / "speech-and-sound.md"
    text = page.read_text(encoding="utf-8")
    assert [clip.name for clip in BuiltinAudioClip if f"`{clip.name}`" not in text] == []


def test_typing_is_silent_between_the_keys():
    samples = np.abs(synthesis.render(BuiltinAudioClip.KEYBOARD_TYPING, 16000).astype(int))
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).max(axis=1)
    assert 0.2 < np.mean(frames < 30) < 0.9


# Mixing


def test_two_pieces_of_audio_are_added_and_held_at_the_limit():
    a = np.array([1, 30000, -30000], "<i2").tobytes()
    b = np.array([2, 30000, -30000, 7], "<i2").tobytes()
    assert list(np.frombuffer(mix(a, b), "<i2")) == [3, 32767, -32768, 7]
    assert list(np.frombuffer(mix(b, a), "<i2")) == [3, 32767, -32768, 7]
    assert mix(a, b"") == mix(b"", a) == a


# Errors


def test_what_is_no_sound_is_refused_at_once(tmp_path):
    with pytest.raises(ConfigurationError) as raised:
        BackgroundAudioPlayer(ambient_sound=3)
    assert str(raised.value) == (
        "ambient_sound got 3; give the path of a WAV file, a BuiltinAudioClip, an async iterable "
        "of AudioFrame, or AudioConfig(…) of one of them"
    )
    with pytest.raises(AudioError):
        BackgroundAudioPlayer(thinking_sound=tmp_path / "none.wav")

    async def frames():
        yield AudioFrame(bytes(320), RATE)

    with pytest.raises(ConfigurationError, match="is a stream, which cannot be repeated; give"):
        BackgroundAudioPlayer(thinking_sound=frames())
    with pytest.raises(ConfigurationError) as raised:
        AudioConfig(CLICK, volume=11)
    assert str(raised.value) == "AudioConfig(volume=11); give a number 0 to 10"
    with pytest.raises(ConfigurationError) as raised:
        AudioConfig(CLICK, probability=2)
    assert str(raised.value) == "AudioConfig(probability=2); give a number 0 to 1"


async def test_a_player_is_started_once_with_a_session_that_runs(call):
    player = BackgroundAudioPlayer()
    with pytest.raises(RuntimeError) as raised:
        player.play(CLICK)
    assert str(raised.value) == (
        "the player is not running; await player.start(session=…) first, and play before aclose()"
    )
    with pytest.raises(ConfigurationError) as raised:
        await player.start()
    assert str(raised.value) == (
        "the player needs the session: await player.start(session=session)"
    )
    with pytest.raises(RuntimeError, match="the session has not been started"):
        await player.start(session=AgentSession())
    async with call() as c:
        await player.start(agent_session=c.session, room=object())
        with pytest.raises(RuntimeError) as raised:
            await player.start(session=c.session)
        assert str(raised.value) == "a player is started once; make a new BackgroundAudioPlayer"
        await player.aclose()
        await player.aclose()


def test_a_wav_file_of_another_rate_is_resampled(tmp_path):
    from antiphon.background.player import _read_file

    samples = _read_file(tone(tmp_path / "a.wav", 0.5, 1000, rate=44100), RATE)
    assert len(samples) == RATE // 2
    assert WavReader(tmp_path / "a.wav").format.sample_rate == 44100


async def test_a_player_closed_while_it_starts_plays_nothing(call):
    synthesis._made.clear()
    async with call() as c:
        player = BackgroundAudioPlayer(ambient_sound=CLICK)
        starting = asyncio.ensure_future(player.start(session=c.session))
        await asyncio.sleep(0)
        await player.aclose()
        await starting
        await until(1.0)
    assert not c.heard.any()
