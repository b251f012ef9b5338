"""Many streams of Silero on one loop: batches, turns, the timer, and whose error is whose."""

from __future__ import annotations

import asyncio
import gc
import weakref

import numpy as np
import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import ProviderError, ProviderUnavailable
from antiphon.testing.virtual_time import Deadlock, VirtualTimeLoop
from antiphon_providers.silero import VADSettings
from antiphon_providers.silero.detector import MAX_WINDOWS, TICK, Detector, detector_of
from antiphon_providers.silero.model import Model, find_model, shared_model
from antiphon_providers.silero.vad import SileroStream, SileroVAD

try:
    shared_model()
except ProviderUnavailable as missing:
    pytest.skip(str(missing), allow_module_level=True)

POISON = 12345
"""A sample that `Recorder` refuses, when it begins the audio."""


class Recorder(Model):
    """The real model, writing down what it is asked."""

    def __init__(self) -> None:
        super().__init__(find_model())
        self.calls: list[tuple[float, int, int]] = []
        self.first_samples: list[list[int]] = []

    def run(self, windows, state, sample_rate):
        self.calls.append((asyncio.get_running_loop().time(), len(windows), sample_rate))
        context = 64 if sample_rate == 16000 else 32
        firsts = (windows[:, context] * 32768).round().astype(int).tolist()
        self.first_samples.append(firsts)
        if POISON in firsts:
            raise RuntimeError("no such luck")
        return super().run(windows, state, sample_rate)


def _facts(events):
    return [(e.type, round(e.at, 6), e.probability) for e in events]


@pytest.mark.virtual_time
async def test_a_stream_hears_the_same_in_a_batch_as_alone(clip):
    loop = asyncio.get_running_loop()
    recorder = Recorder()
    names = ["two_sentences_16k", "no_8k", "yes_16k", "two_sentences_8k", "no_16k"] * 4

    async def play(detector, name, size, began):
        events = []
        stream = SileroStream(VADSettings(), detector, events.append)
        recording = clip(name)
        for frame in recording.frames((size * recording.rate // 1000,)):
            await asyncio.sleep(began + frame.started_at + frame.duration - loop.time())
            stream.push(frame)
        await asyncio.sleep(0.02)
        stream.close()
        return _facts(events)

    detector = Detector(recorder)
    together = await asyncio.gather(
        *(
            play(detector, name, (10, 20, 32)[number % 3], 0.003 * number)
            for number, name in enumerate(names)
        )
    )
    assert max(size for _, size, _ in recorder.calls) >= 4
    assert {rate for _, _, rate in recorder.calls} == {8000, 16000}
    alone = {name: await play(Detector(recorder), name, 20, loop.time()) for name in set(names)}
    assert together == [alone[name] for name in names]
    assert all(len(facts) in (2, 4) for facts in together)


@pytest.mark.virtual_time
async def test_windows_that_come_due_within_a_tick_share_one_call(noise):
    recorder = Recorder()
    detector = Detector(recorder)
    streams = [SileroStream(VADSettings(), detector, print) for _ in range(20)]
    frame = noise(0.032, 0.01).frames((512,))[0]
    for number, stream in enumerate(streams):
        if number == 10:
            await asyncio.sleep(0.004)
        stream.push(frame)
    assert recorder.calls == []
    await asyncio.sleep(TICK)
    assert recorder.calls == [(TICK, 20, 16000)]
    for stream in streams:
        stream.close()


@pytest.mark.virtual_time
async def test_a_backlog_is_worked_off_in_turns_of_at_most_32_windows(clip):
    loop = asyncio.get_running_loop()
    recorder = Recorder()
    detector = Detector(recorder)
    runs = []
    original = loop.call_soon

    def call_soon(callback, *arguments, context=None):
        if getattr(callback, "__self__", None) is detector:
            runs.append(len(recorder.calls))
        return original(callback, *arguments, context=context)

    loop.call_soon = call_soon
    events = {"long": [], "short": []}
    streams = [
        SileroStream(VADSettings(), detector, events[name].append) for name in ("long", "short")
    ]
    recordings = [clip("two_sentences_16k"), clip("no_16k")]
    for stream, recording in zip(streams, recordings, strict=True):
        stream.push(recording.frames((len(recording.samples),))[0])
    long, short = [len(recording.samples) // 512 for recording in recordings]
    await asyncio.sleep(TICK)
    await asyncio.sleep(0.0001)
    loop.call_soon = original
    sizes = [size for _, size, _ in recorder.calls]
    assert sum(sizes) == long + short
    per_run = [
        sum(sizes[start:end]) for start, end in zip([0, *runs], [*runs, len(sizes)], strict=True)
    ]
    assert set(per_run[:-1]) == {MAX_WINDOWS}
    assert 0 < per_run[-1] <= MAX_WINDOWS
    # While both have windows, each call judges one of either.
    assert sizes == [2] * short + [1] * (long - short)
    assert {at for at, _, _ in recorder.calls} == {TICK}
    assert [len(events["long"]), len(events["short"])] == [4, 2]
    for stream in streams:
        stream.close()


@pytest.mark.virtual_time
async def test_more_streams_than_a_run_holds_take_turns(noise):
    recorder = Recorder()
    detector = Detector(recorder)
    streams = [SileroStream(VADSettings(), detector, print) for _ in range(50)]
    samples = noise(0.064, 0.01).samples
    for number, stream in enumerate(streams):
        mine = samples.copy()
        mine[0] = mine[512] = number + 1
        stream.push(AudioFrame(mine.tobytes(), 16000))
    await asyncio.sleep(TICK + 0.0001)
    order = [first for firsts in recorder.first_samples for first in firsts]
    assert order == [*range(1, 51), *range(1, 51)]
    assert max(size for _, size, _ in recorder.calls) == MAX_WINDOWS
    for stream in streams:
        stream.close()


@pytest.mark.virtual_time
async def test_one_timer_serves_all_streams_and_none_is_set_without_audio(noise):
    loop = asyncio.get_running_loop()
    timers = []
    original = loop.call_at

    def call_at(when, callback, *arguments, context=None):
        handle = original(when, callback, *arguments, context=context)
        timers.append(handle)
        return handle

    loop.call_at = call_at
    vads = [SileroVAD() for _ in range(5)]
    streams = [vad.stream(print) for vad in vads for _ in range(4)]
    assert timers == []
    frame = noise(0.032, 0.01).frames((512,))[0]
    for stream in streams:
        stream.push(frame)
    assert [timer.when() for timer in timers] == [TICK]
    for stream in streams[1:]:
        stream.close()
    assert not timers[0].cancelled()
    streams[0].close()
    assert timers[0].cancelled()
    loop.call_at = original


def test_nothing_is_left_on_the_loop_after_the_last_stream_is_closed(clip):
    loop = VirtualTimeLoop()
    events = []

    async def main():
        stream = SileroVAD().stream(events.append)
        for frame in clip("yes_16k").frames((320,)):
            await asyncio.sleep(0.02)
            stream.push(frame)
        stream.close()
        await loop.create_future()

    # The loop says so when something waits and no timer is left to wake it.
    try:
        with pytest.raises(Deadlock):
            loop.run_until_complete(main())
        for task in asyncio.all_tasks(loop):
            task.cancel()
        assert loop.time() == pytest.approx(0.02 * len(clip("yes_16k").frames((320,))))
        assert [event.type for event in events] == ["speech_started", "speech_ended"]
    finally:
        loop.close()


@pytest.mark.virtual_time
async def test_an_error_belongs_to_the_stream_that_caused_it(clip):
    detector = Detector(Recorder())
    events = [[], [], []]
    streams = [SileroStream(VADSettings(), detector, mine.append) for mine in events]
    for number, frame in enumerate(clip("yes_16k").frames((512,))):
        bad = np.frombuffer(frame.data, np.int16).copy()
        bad[0] = POISON
        streams[0].push(frame)
        streams[1].push(
            AudioFrame(bad.tobytes(), 16000, 1, frame.started_at) if number == 10 else frame
        )
        streams[2].push(frame)
        await asyncio.sleep(0.032)
    for stream in streams:
        stream.close()
    assert [event.type for event in events[0]] == ["speech_started", "speech_ended"]
    assert events[0] == events[2]
    (failed,) = events[1]
    assert (failed.type, failed.at) == ("failed", pytest.approx(10 * 0.032))
    assert isinstance(failed.error, ProviderError)
    assert str(failed.error) == "silero could not judge a window: no such luck"
    assert failed.error.provider == "silero"
    assert isinstance(failed.error.__cause__, RuntimeError)


@pytest.mark.virtual_time
async def test_a_listener_that_raises_costs_the_others_nothing(clip):
    loop = asyncio.get_running_loop()
    reported, heard = [], []
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reported.append(context))

    def clumsy(event):
        raise LookupError(event.type)

    detector = detector_of(loop, shared_model())
    streams = [SileroStream(VADSettings(), detector, each) for each in (clumsy, heard.append)]
    for frame in clip("yes_16k").frames((320,)):
        for stream in streams:
            stream.push(frame)
    await asyncio.sleep(0.1)
    for stream in streams:
        stream.close()
    loop.set_exception_handler(handler)
    assert [event.type for event in heard] == ["speech_started", "speech_ended"]
    assert [str(context["exception"]) for context in reported] == ["speech_started", "speech_ended"]
    assert {context["message"] for context in reported} == {
        "the listener of a silero stream raised"
    }


@pytest.mark.virtual_time
async def test_a_listener_may_close_other_streams_of_its_batch(clip):
    first, second = [], []
    vad = SileroVAD()

    def close_the_other(event):
        first.append(event.type)
        other.close()

    one, other = vad.stream(close_the_other), vad.stream(second.append)
    for frame in clip("yes_16k").frames((320,)):
        one.push(frame)
        other.push(frame)
    await asyncio.sleep(0.1)
    one.close()
    assert (first, second) == (["speech_started", "speech_ended"], [])


@pytest.mark.virtual_time
async def test_instances_and_loops_share_one_session_that_goes_with_the_last(clip, hear):
    one, other = SileroVAD(), SileroVAD(VADSettings(threshold=0.6))
    one.load()
    await other.prewarm()
    model = shared_model()
    assert one.stream(print).__class__ is SileroStream
    reference = weakref.ref(model)
    del model
    await one.aclose()
    gc.collect()
    assert reference() is not None
    assert len(await hear(other, clip("no_16k"))) == 2
    await other.aclose()
    await other.aclose()
    gc.collect()
    assert reference() is None
    assert len(await hear(other, clip("no_16k"))) == 2


def test_a_detector_goes_with_its_last_stream():
    async def main():
        vad = SileroVAD()
        stream, twin = vad.stream(print), vad.stream(print)
        loop = asyncio.get_running_loop()
        reference = weakref.ref(detector_of(loop, shared_model()))
        stream.close()
        del stream
        gc.collect()
        assert reference() is not None
        twin.close()
        del twin
        gc.collect()
        return reference()

    assert asyncio.run(main()) is None
