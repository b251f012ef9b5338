"""What one stream of Silero makes of recorded speech, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError, ProviderError, ProviderUnavailable
from antiphon.model import Model
from antiphon.registry import build_vad
from antiphon_providers.silero import VADSettings
from antiphon_providers.silero.detector import TICK
from antiphon_providers.silero.model import shared_model
from antiphon_providers.silero.vad import SileroVAD

try:
    shared_model()
except ProviderUnavailable as missing:
    pytest.skip(str(missing), allow_module_level=True)

pytestmark = pytest.mark.virtual_time

PAD = VADSettings().speech_pad


@pytest.mark.parametrize(
    "name", ["two_sentences_16k", "two_sentences_8k", "no_16k", "no_8k", "yes_16k"]
)
async def test_speech_is_found_where_it_is_loud(name, clip, hear):
    recording = clip(name)
    events = await hear(SileroVAD(), recording)
    truth = [time for span in recording.loud_spans() for time in span]
    assert [event.type for event in events] == ["speech_started", "speech_ended"] * (
        2 if name.startswith("two") else 1
    )
    assert [event.at for event in events] == pytest.approx(truth, abs=0.064 + PAD)


async def test_its_model_string_is_enough(clip, hear):
    async with build_vad("silero") as vad:
        assert vad.capabilities.sample_rates == (16000, 8000)
        events = await hear(vad, clip("yes_16k"))
    assert [event.type for event in events] == ["speech_started", "speech_ended"]
    async with build_vad(Model("silero/v6", threshold=1.0)) as vad:
        assert await hear(vad, clip("yes_16k")) == []


async def test_silence_and_noise_are_no_speech(noise, hear):
    assert await hear(SileroVAD(), noise(3.0, 0.0)) == []
    assert await hear(SileroVAD(), noise(3.0, 0.003)) == []
    assert await hear(SileroVAD(), noise(3.0, 0.03)) == []


@pytest.mark.parametrize("name", ["two_sentences_16k", "two_sentences_8k"])
async def test_the_size_of_frames_changes_nothing(name, clip, hear):
    recording = clip(name)
    ms = recording.rate // 1000
    expected = _facts(await hear(SileroVAD(), recording, (20 * ms,)))
    assert len(expected) == 4
    for sizes in [(10 * ms,), (32 * ms,), (37,), (1000, 1, 333), (100 * ms,)]:
        assert _facts(await hear(SileroVAD(), recording, sizes)) == expected


async def test_a_whole_recording_in_one_frame_gives_the_same_events(clip, hear):
    recording = clip("two_sentences_16k")
    whole = await hear(SileroVAD(), recording, (len(recording.samples),))
    began = 0.0
    paced = [(e.type, e.at - began) for e in await hear(SileroVAD(), recording)]
    offset = whole[0].at - paced[0][1]
    assert [(e.type, round(e.at - offset, 6)) for e in whole] == [
        (kind, round(at, 6)) for kind, at in paced
    ]


async def test_an_event_comes_within_a_tick_of_the_window_that_decides_it(clip):
    loop = asyncio.get_running_loop()
    arrivals = []
    stream = SileroVAD().stream(lambda event: arrivals.append((event, loop.time())))
    for frame in clip("no_16k").frames((160,)):
        await asyncio.sleep(frame.started_at + frame.duration - loop.time())
        stream.push(frame)
    stream.close()
    (started, start_seen), (ended, end_seen) = arrivals
    # min_speech 0.1 s is four windows, min_silence 0.44 s fourteen; frames here last 10 ms.
    assert 0 <= start_seen - (started.at + PAD + 4 * 0.032) <= TICK + 0.010 + 1e-9
    assert 0 <= end_seen - (ended.at + 14 * 0.032) <= TICK + 0.010 + 1e-9


async def test_voiced_until_follows_the_voice(clip):
    loop = asyncio.get_running_loop()
    events, seen = [], []
    stream = SileroVAD().stream(events.append)
    assert stream.voiced_until is None
    for frame in clip("yes_16k").frames((512,)):
        await asyncio.sleep(frame.started_at + frame.duration + TICK - loop.time())
        stream.push(frame)
        seen.append((len(events), stream.voiced_until))
    before = {until for count, until in seen if count == 0}
    during = [until for count, until in seen if count == 1]
    assert before == {None}
    assert during == sorted(during)
    assert len(set(during)) >= 8
    assert stream.voiced_until == events[1].at == during[-1]
    stream.close()


async def test_padding_moves_the_start_only(clip, hear):
    recording = clip("no_16k")
    began = asyncio.get_running_loop().time()
    plain = await hear(SileroVAD(VADSettings(speech_pad=0.0)), recording)
    again = asyncio.get_running_loop().time()
    padded = await hear(SileroVAD(VADSettings(speech_pad=0.1)), recording)
    assert plain[0].at - began == pytest.approx(padded[0].at - again + 0.1)
    assert plain[1].at - began == pytest.approx(padded[1].at - again)


async def test_the_start_is_never_before_the_audio_nor_before_the_end_of_other_speech(clip, hear):
    recording = clip("two_sentences_16k")
    began = asyncio.get_running_loop().time()
    first, end, second, _ = await hear(SileroVAD(VADSettings(speech_pad=1.0)), recording)
    assert first.at == began
    assert second.at == end.at


async def test_min_silence_joins_and_min_speech_drops(clip, hear):
    recording = clip("two_sentences_16k")
    joined = await hear(SileroVAD(VADSettings(min_silence=1.5)), recording)
    assert [event.type for event in joined] == ["speech_started"]
    long_only = await hear(SileroVAD(VADSettings(min_speech=1.0)), recording)
    # The hesitation after "hello" breaks it off; only the rest of that sentence lasts a second.
    assert [event.type for event in long_only] == ["speech_started", "speech_ended"]
    assert 1.0 < long_only[0].at - (long_only[1].at - 3.2) < 1.3


async def test_thresholds_decide(clip, hear):
    recording = clip("no_16k")
    assert await hear(SileroVAD(VADSettings(threshold=1.0)), recording) == []
    easy = await hear(SileroVAD(VADSettings(threshold=0.1)), recording)
    normal = await hear(SileroVAD(), recording)
    strict = await hear(SileroVAD(VADSettings(threshold=0.9, negative_threshold=0.9)), recording)
    lengths = [run[1].at - run[0].at for run in (strict, normal, easy)]
    assert lengths[0] < lengths[1] < lengths[2]


async def test_times_follow_the_stamps_over_a_gap(clip):
    loop = asyncio.get_running_loop()
    recording = clip("two_sentences_16k")
    events = []
    stream = SileroVAD().stream(events.append)
    for frame in recording.frames((320,)):
        late = 10.0 if frame.started_at > 3.75 else 0.0
        stream.push(AudioFrame(frame.data, 16000, 1, frame.started_at + late))
    await asyncio.sleep(0.1)
    stream.close()
    (a, b), (c, d) = recording.loud_spans()
    assert [event.at for event in events] == pytest.approx([a, b, c + 10, d + 10], abs=0.064 + PAD)
    assert loop.time() < 0.2


async def test_reset_is_as_good_as_a_new_stream(clip, hear):
    recording = clip("two_sentences_16k")
    expected = [(e.type, e.at, e.probability) for e in await hear(SileroVAD(), recording)]
    events = []
    stream = SileroVAD().stream(events.append)
    frames = recording.frames((320,))
    for frame in frames[:100]:
        stream.push(frame)
    await asyncio.sleep(0.02)
    assert [event.type for event in events] == ["speech_started"]
    stream.push(frames[100])
    stream.reset()
    assert stream.voiced_until is None
    events.clear()
    for frame in frames:
        stream.push(frame)
    await asyncio.sleep(0.1)
    stream.close()
    assert [(e.type, e.at, e.probability) for e in events] == expected


async def test_after_a_reset_the_rate_may_change(clip):
    events = []
    stream = SileroVAD().stream(events.append)
    for frame in clip("no_16k").frames((320,))[:40]:
        stream.push(frame)
    stream.reset()
    for frame in clip("no_8k").frames((160,)):
        stream.push(frame)
    await asyncio.sleep(0.1)
    stream.close()
    assert [event.type for event in events] == ["speech_started", "speech_ended"]


async def test_a_closed_stream_is_silent(clip):
    events = []
    stream = SileroVAD().stream(events.append)
    for frame in clip("yes_16k").frames((320,)):
        stream.push(frame)
    stream.close()
    stream.close()
    stream.push(clip("yes_16k").frames((320,))[0])
    stream.reset()
    await asyncio.sleep(1.0)
    assert events == []


async def test_a_listener_may_close_or_reset_its_stream(clip):
    closed, again = [], []

    def close(event):
        closed.append(event.type)
        closing.close()

    def reset(event):
        again.append(event.type)
        resetting.reset()

    closing, resetting = SileroVAD().stream(close), SileroVAD().stream(reset)
    for frame in clip("two_sentences_16k").frames((320,)):
        closing.push(frame)
        resetting.push(frame)
    await asyncio.sleep(0.1)
    resetting.close()
    assert closed == again == ["speech_started"]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (
            [AudioFrame(bytes(640), 16000, 2)],
            "silero takes mono audio of 16000 or 8000 Hz, not 2 channels of 16000 Hz",
        ),
        (
            [AudioFrame(bytes(640), 44100, 1)],
            "silero takes mono audio of 16000 or 8000 Hz, not 1 channel of 44100 Hz",
        ),
        (
            [AudioFrame(bytes(640), 16000), AudioFrame(bytes(640), 8000, 1, 0.02)],
            "the audio of a silero stream changed from 16000 to 8000 Hz; "
            "reset it first, or open another",
        ),
    ],
)
async def test_frames_of_the_wrong_shape_end_the_stream(frames, message):
    events = []
    stream = SileroVAD().stream(events.append)
    for frame in [*frames, *frames]:
        stream.push(frame)
    assert events == []
    await asyncio.sleep(0.1)
    (failed,) = events
    assert (failed.type, failed.at) == ("failed", frames[-1].started_at)
    assert isinstance(failed.error, AudioError)
    assert str(failed.error) == message


async def test_a_backlog_of_a_minute_ends_the_stream(noise):
    events = []
    stream = SileroVAD().stream(events.append)
    second = noise(1.0, 0.0)
    for number in range(62):
        stream.push(AudioFrame(second.samples.tobytes(), 16000, 1, float(number)))
    await asyncio.sleep(0.1)
    (failed,) = events
    assert isinstance(failed.error, ProviderError)
    assert str(failed.error) == "silero fell behind: more than 60 s of audio wait to be judged"
    assert len(stream.audio) == 0


def _facts(events):
    """Events relative to the first of them: runs at different virtual times can be compared."""
    return [(e.type, round(e.at - events[0].at, 6), e.probability) for e in events]
