from __future__ import annotations

import asyncio
import wave
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError, ConfigurationError, TransportError
from antiphon.transport import Played
from antiphon.transports.script import Utterance
from antiphon.transports.wav import WavTransport

pytestmark = pytest.mark.virtual_time


def samples(count: int, value: int) -> bytes:
    return bytes(np.full(count, value, "<i2").tobytes())


def say(path: Path, seconds: float, value: int, *, rate: int = 16000) -> Path:
    """A WAV file in which every sample has one value, to be found again on the other side."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples(round(seconds * rate), value))
    return path


def frame(milliseconds: float, value: int, *, rate: int = 16000) -> AudioFrame:
    return AudioFrame(samples(round(milliseconds * rate / 1000), value), rate)


class Listening:
    """A session that only listens."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, AudioFrame]] = []
        self.end: tuple[float, str] | None = None
        self.ended = asyncio.Event()

    def audio(self, frame: AudioFrame) -> None:
        assert self.end is None, "audio after the caller has hung up"
        self.frames.append((asyncio.get_running_loop().time(), frame))

    def text(self, text: str) -> None:
        raise AssertionError(text)

    def dtmf(self, digit: str) -> None:
        raise AssertionError(digit)

    def closed(self, reason: str) -> None:
        assert self.end is None, "hung up twice"
        self.end = (round(asyncio.get_running_loop().time(), 6), reason)
        self.ended.set()

    def utterances(self) -> Stretches:
        """Begin and end, on the loop's clock, and value of each stretch that is not silence."""
        heard = np.frombuffer(b"".join(frame.data for _, frame in self.frames), "<i2")
        return stretches(heard.tolist(), offset=self.frames[0][1].started_at)


Stretches: TypeAlias = list[tuple[float, float, int]]
"""Begin and end in seconds, and the value of all samples between."""


def stretches(samples: list[int], *, rate: int = 16000, offset: float = 0.0) -> Stretches:
    found: Stretches = []
    begin = 0
    for index in range(1, len(samples) + 1):
        if index == len(samples) or samples[index] != samples[begin]:
            if samples[begin]:
                found.append(
                    (
                        round(offset + begin / rate, 6),
                        round(offset + index / rate, 6),
                        samples[begin],
                    )
                )
            begin = index
    return found


def sides(
    path: Path,
) -> tuple[list[tuple[float, float, int]], list[tuple[float, float, int]], float]:
    """What is on the left and on the right of a recording, and how long it is."""
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    left, right = (stretches(both[:, side].tolist(), rate=rate) for side in (0, 1))
    return left, right, len(both) / rate


async def test_frames_come_at_the_instants_of_their_last_samples(tmp_path: Path) -> None:
    transport = WavTransport(say(tmp_path / "in.wav", 0.05, 7), tail=0.1)
    sink = Listening()
    await asyncio.sleep(3)
    await transport.start(sink)
    await sink.ended.wait()
    await transport.aclose()
    assert [round(at, 9) for at, _ in sink.frames] == [
        round(3 + 0.02 * count, 9) for count in range(1, 9)
    ]
    assert [round(frame.started_at, 9) for _, frame in sink.frames] == [
        round(3 + 0.02 * count, 9) for count in range(8)
    ]
    assert {(frame.sample_rate, frame.channels, frame.samples) for _, frame in sink.frames} == {
        (16000, 1, 320)
    }
    assert sink.utterances() == [(3.0, 3.05, 7)]
    assert sink.end == (3.16, "input_ended")  # 3.05, the tail of 0.1, and the frame begun then


async def test_a_loop_that_was_busy_gets_all_that_it_missed(tmp_path: Path) -> None:
    transport = WavTransport(say(tmp_path / "in.wav", 0.5, 7), tail=0.1)
    sink = Listening()
    await transport.start(sink)
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0.1)
    assert len(sink.frames) == 5 and transport._timer is not None
    transport._timer.cancel()
    punctual = loop.time
    loop.time = lambda: punctual() + 0.31  # type: ignore[method-assign]
    transport._tick()  # as it would be after 0.31 s of somebody else's work
    loop.time = punctual  # type: ignore[method-assign]
    assert len(sink.frames) == 20
    await sink.ended.wait()
    await transport.aclose()
    assert sink.utterances() == [(0.0, 0.5, 7)]


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
async def test_input_of_any_rate_keeps_its_length(rate: int, tmp_path: Path) -> None:
    transport = WavTransport(say(tmp_path / "in.wav", 1.0, 8000, rate=rate), tail=0.2)
    sink = Listening()
    await transport.start(sink)
    await sink.ended.wait()
    await transport.aclose()
    heard = np.frombuffer(b"".join(frame.data for _, frame in sink.frames), "<i2").astype(int)
    assert np.abs(heard[400:15600] - 8000).max() < 20
    assert not heard[16400:].any()


async def test_silence_goes_on_until_the_agent_has_finished(tmp_path: Path) -> None:
    transport = WavTransport(say(tmp_path / "in.wav", 1.0, 7))
    sink = Listening()
    await transport.start(sink)
    await asyncio.sleep(2.5)
    transport.push(frame(3000, 9), "a")
    await sink.ended.wait()
    assert sink.end == (7.5, "input_ended")
    await transport.aclose()


async def test_an_agent_that_never_stops_is_left_after_max_tail(tmp_path: Path) -> None:
    transport = WavTransport(say(tmp_path / "in.wav", 1.0, 7), max_tail=5.0)
    sink = Listening()
    await transport.start(sink)
    transport.push(frame(60_000, 9), "a")
    await sink.ended.wait()
    assert sink.end == (6.0, "input_ended")
    await transport.aclose()


async def test_a_caller_who_says_nothing_hangs_up_after_the_tail(tmp_path: Path) -> None:
    transport = WavTransport(output=tmp_path / "out.wav")
    sink = Listening()
    await transport.start(sink)
    await sink.ended.wait()
    assert sink.end == (2.0, "input_ended")
    await transport.aclose()
    assert sides(tmp_path / "out.wav") == ([], [], 2.0)


async def test_both_sides_lie_in_the_recording_where_they_were_heard(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.5, 7), out)
    sink = Listening()
    await asyncio.sleep(1.0)
    await transport.start(sink)
    told: list[tuple[float, Played]] = []
    loop = asyncio.get_running_loop()
    transport.on_played = lambda played: told.append((round(loop.time(), 6), played))

    await asyncio.sleep(0.7)
    transport.push(frame(100, 1), "a")
    transport.push(frame(50, 2), "a")
    assert transport.buffered() == pytest.approx(0.15)
    await asyncio.sleep(0.3)
    transport.push(frame(100, 3), "a")  # an underrun: the gap must stay a gap
    transport.push(frame(40, 4), "b")
    await sink.ended.wait()
    await transport.aclose()

    left, right, length = sides(out)
    assert left == [(0.0, 0.5, 7)]
    assert right == [(0.7, 0.8, 1), (0.8, 0.85, 2), (1.0, 1.1, 3), (1.1, 1.14, 4)]
    assert length == pytest.approx(3.14, abs=0.021)
    assert transport.underruns == 1
    assert told == [
        (1.85, Played("a", 2400, exact=True)),
        (2.1, Played("a", 4000, exact=True)),
        (2.14, Played("b", 640, exact=True)),
    ]


async def test_audio_that_begins_between_two_samples_is_recorded_without_a_hole(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.1, 7), out)
    sink = Listening()
    await transport.start(sink)
    await asyncio.sleep(0.1 + 0.4 / 16000)
    transport.push(frame(500, 3), "a")
    await sink.ended.wait()
    await transport.aclose()
    assert sides(out)[1] == [(0.1, 0.6, 3)]


async def test_clear_cuts_the_recording_at_the_exact_sample(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.1, 7), out)
    sink = Listening()
    await transport.start(sink)
    transport.push(frame(1000, 3), "a")
    await asyncio.sleep(0.333)
    assert transport.played() == Played("a", 5328, exact=True)
    assert transport.clear() == Played("a", 5328, exact=True)
    assert (transport.clear(), transport.buffered()) == (None, 0.0)
    await asyncio.sleep(0.0005)
    transport.push(frame(10, 4), "b")
    await sink.ended.wait()
    await transport.aclose()
    assert sides(out)[1] == [(0.0, 0.333, 3), (0.3335, 0.3435, 4)]


async def test_pause_leaves_a_gap_and_resume_goes_on_with_the_next_sample(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.1, 7), out)
    assert transport.capabilities.pause == "native"
    assert transport.capabilities.position == "exact"
    sink = Listening()
    await transport.start(sink)
    for value in range(1, 11):
        transport.push(frame(20, value), "a")
    await asyncio.sleep(0.071)
    transport.pause()
    await asyncio.sleep(0.4)
    assert transport.buffered() == pytest.approx(0.129)
    transport.resume()
    await sink.ended.wait()
    await transport.aclose()
    right = sides(out)[1]
    assert right[3:6] == [(0.06, 0.071, 4), (0.471, 0.48, 4), (0.48, 0.5, 5)]
    assert right[-1] == (0.58, 0.6, 10)


async def test_the_recording_can_have_another_rate(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.5, 7000), out, sample_rate=24000)
    assert transport.capabilities.sample_rate == 24000
    sink = Listening()
    await transport.start(sink)
    await asyncio.sleep(0.25)
    transport.push(frame(500, 9, rate=24000), "a")
    with pytest.raises(AudioError) as caught:
        transport.push(frame(20, 9), "a")
    assert str(caught.value) == (
        "audio of 16000 Hz with 1 channel was pushed to be played at 24000 Hz mono; "
        "resample it first"
    )
    await sink.ended.wait()
    await transport.aclose()
    assert sides(out)[1] == [(0.25, 0.75, 9)]
    with wave.open(str(out)) as file:
        left = np.frombuffer(file.readframes(file.getnframes()), "<i2")[0::2].astype(int)
    assert np.abs(left[600:11400] - 7000).max() < 20
    assert np.abs(left[12600:]).max() <= 1


async def test_a_call_that_is_cut_short_has_its_recording(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 60, 7), out)
    sink = Listening()

    async def call() -> None:
        try:
            await transport.start(sink)
            transport.push(frame(20_000, 3), "a")
            await sink.ended.wait()
        finally:
            await transport.aclose()

    task = asyncio.create_task(call())
    await asyncio.sleep(1.25)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left, right, length = sides(out)
    assert left == [(0.0, 1.24, 7)]  # whole frames were delivered
    assert right == [(0.0, 1.25, 3)]
    assert length == 1.25
    assert sink.end is None
    assert not (tmp_path / "out.wav.part").exists()


async def test_what_is_said_after_the_caller_hung_up_is_still_recorded(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.5, 7), out)
    sink = Listening()
    await transport.start(sink)
    await sink.ended.wait()
    transport.push(frame(500, 5), "goodbye")
    await asyncio.sleep(0.6)
    await transport.aclose()
    assert sides(out)[1] == [(2.5, 3.0, 5)]


async def test_a_long_call_is_written_as_it_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.5, 7), out, tail=300, max_tail=300)
    sink = Listening()
    await transport.start(sink)
    await asyncio.sleep(120)
    part = tmp_path / "out.wav.part"
    assert part.stat().st_size > 115 * 64000
    recording = transport._recording
    assert recording is not None
    assert len(recording._left) + len(recording._right) < 2 * 64000 * 0.04
    await transport.aclose()


# Scripts


async def test_an_utterance_waits_until_the_agent_has_finished(tmp_path: Path) -> None:
    script = [
        Utterance(say(tmp_path / "1.wav", 0.5, 1), after="start", delay=0.25),
        Utterance(say(tmp_path / "2.wav", 0.5, 2), after="agent_silent", delay=0.6),
        Utterance(say(tmp_path / "3.wav", 0.3, 3)),
    ]
    transport = WavTransport(script=script)
    sink = Listening()
    await transport.start(sink)
    await asyncio.sleep(1.5)
    transport.push(frame(1003, 9), "a")
    await asyncio.sleep(1.103)
    transport.push(frame(200, 9), "a")  # a breath: it has not finished
    await asyncio.sleep(2)
    transport.push(frame(100, 9), "b")
    await sink.ended.wait()
    await transport.aclose()
    assert sink.utterances() == [(0.25, 0.75, 1), (3.403, 3.903, 2), (5.303, 5.603, 3)]
    assert sink.end is not None and sink.end[1] == "input_ended"


async def test_a_barge_in_comes_at_its_instant_in_the_agents_speech(tmp_path: Path) -> None:
    script = [
        Utterance(say(tmp_path / "1.wav", 0.5, 1), after="start", delay=0.0),
        Utterance(say(tmp_path / "2.wav", 0.7, 2), after="agent_speaking", delay=1.2),
        Utterance(say(tmp_path / "3.wav", 0.1, 3), after="agent_silent", delay=0.5),
    ]
    transport = WavTransport(script=script, output=tmp_path / "out.wav")
    sink = Listening()
    await transport.start(sink)
    await asyncio.sleep(1.0)
    transport.push(frame(800, 7), "short")  # over before the caller has made up their mind
    await asyncio.sleep(2.0071)
    transport.push(frame(5000, 8), "long")
    await asyncio.sleep(1.7)
    assert transport.clear() == Played("long", 27200, exact=True)
    await asyncio.sleep(1.0)  # silent since before the caller had finished: no answer yet
    transport.push(frame(300, 9), "answer")
    await sink.ended.wait()
    await transport.aclose()
    assert sink.utterances() == [
        (0.0, 0.5, 1),
        (4.207125, 4.907125, 2),
        (6.507125, 6.607125, 3),
    ]
    left, right, _ = sides(tmp_path / "out.wav")
    assert left == sink.utterances()
    assert right == [(1.0, 1.8, 7), (3.007125, 4.707125, 8), (5.707125, 6.007125, 9)]


async def test_utterances_from_the_start_follow_one_another(tmp_path: Path) -> None:
    script = [
        Utterance(say(tmp_path / "1.wav", 1.0, 1), after="start", delay=0.0),
        Utterance(tmp_path / "1.wav", after="start", delay=0.5),
        Utterance(say(tmp_path / "2.wav", 0.02, 2), after="start", delay=3.0),
    ]
    transport = WavTransport(script=script, tail=0.1)
    sink = Listening()
    await transport.start(sink)
    await sink.ended.wait()
    await transport.aclose()
    assert sink.utterances() == [(0.0, 2.0, 1), (3.0, 3.02, 2)]


@pytest.mark.parametrize("after", ["agent_silent", "agent_speaking"])
async def test_a_caller_whom_nobody_answers_gives_up(after: str, tmp_path: Path) -> None:
    script = [
        Utterance(say(tmp_path / "1.wav", 0.5, 1), after="start", delay=0.0),
        Utterance(tmp_path / "1.wav", after=after),  # type: ignore[arg-type]
    ]
    transport = WavTransport(script=script, max_tail=10.0)
    sink = Listening()
    await transport.start(sink)
    await sink.ended.wait()
    assert sink.end == (10.5, "gave_up")
    transport.push(frame(2000, 9), "too late")
    await asyncio.sleep(5)
    assert sink.utterances() == [(0.0, 0.5, 1)]
    await transport.aclose()


# What cannot be


async def test_inputs_are_checked_when_the_transport_is_made(tmp_path: Path) -> None:
    with pytest.raises(AudioError) as caught:
        WavTransport(tmp_path / "none.wav")
    assert str(caught.value) == (
        f"there is no file {str(tmp_path / 'none.wav')!r}; give the path of a WAV file"
    )
    with pytest.raises(AudioError):
        WavTransport(script=[Utterance(tmp_path)])


async def test_outputs_are_checked_when_the_transport_is_made(tmp_path: Path) -> None:
    path = say(tmp_path / "in.wav", 0.1, 1)
    cases = {
        tmp_path: f"cannot write {str(tmp_path)!r}: it is a directory; give a file",
        tmp_path / "no" / "out.wav": (
            f"cannot write {str(tmp_path / 'no' / 'out.wav')!r}: there is no directory "
            f"{str(tmp_path / 'no')!r}; create it"
        ),
        tmp_path / "in.wav": (
            f"cannot write {str(path)!r}: it is what the caller says; give another output"
        ),
    }
    for output, message in cases.items():
        with pytest.raises(TransportError) as caught:
            WavTransport(path, output)
        assert str(caught.value) == message


async def test_arguments_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    path = say(tmp_path / "in.wav", 0.1, 1)
    with pytest.raises(ConfigurationError) as caught:
        WavTransport(path, script=[Utterance(path)])
    assert str(caught.value) == "a WAV call has an input or a script; give one of the two"
    with pytest.raises(ConfigurationError) as caught:
        WavTransport(script=[Utterance(path, after="agent_silence")])  # type: ignore[arg-type]
    assert str(caught.value) == (
        "an utterance cannot wait for 'agent_silence' (it can for: start, agent_silent, "
        "agent_speaking); did you mean 'agent_silent'?"
    )
    with pytest.raises(ConfigurationError) as caught:
        WavTransport(script=[Utterance(path, delay=-1)])
    assert str(caught.value) == "an utterance cannot wait for -1 seconds; give 0 or more"
    with pytest.raises(ConfigurationError) as caught:
        WavTransport(path, frame_ms=0)
    assert str(caught.value) == (
        "a WAV call cannot have sample_rate=16000, frame_ms=0, tail=2.0, max_tail=30.0; "
        "rates and lengths are positive"
    )


async def test_a_call_starts_once_and_plays_nothing_after_its_end(tmp_path: Path) -> None:
    transport = WavTransport(say(tmp_path / "in.wav", 0.1, 1))
    sink = Listening()
    await transport.start(sink)
    with pytest.raises(TransportError) as caught:
        await transport.start(sink)
    assert str(caught.value) == ("a WAV call can be started once; make a new WavTransport")
    await transport.aclose()
    await transport.aclose()
    with pytest.raises(TransportError) as caught:
        transport.push(frame(20, 1), "a")
    assert str(caught.value) == "the WAV call is closed; nothing more can be played"
    assert (transport.clear(), transport.played(), transport.buffered()) == (None, None, 0.0)
    await asyncio.sleep(5)
    assert sink.frames == []


async def test_closing_before_the_start_is_harmless(tmp_path: Path) -> None:
    transport = WavTransport(say(tmp_path / "in.wav", 0.1, 1), tmp_path / "out.wav")
    await transport.aclose()
    assert not (tmp_path / "out.wav").exists()
    with pytest.raises(TransportError):
        await transport.start(Listening())


async def test_an_input_that_is_cut_in_mid_call_ends_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = say(tmp_path / "in.wav", 5, 7)
    out = tmp_path / "out.wav"
    transport = WavTransport(path, out)
    sink = Listening()
    await transport.start(sink)
    await asyncio.sleep(0.1)
    say(path, 1, 7)
    await sink.ended.wait()
    assert sink.end == (1.02, "input_failed")
    await asyncio.sleep(1)
    await transport.aclose()
    assert [record.getMessage() for record in caplog.records] == [
        f"{str(path)!r} became shorter while it was read; give a copy; the caller hangs up"
    ]
    assert sides(out)[2] == 2.02


async def test_a_full_disk_loses_the_recording_and_not_the_call(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out.wav"
    transport = WavTransport(say(tmp_path / "in.wav", 0.5, 7), out)
    sink = Listening()
    await transport.start(sink)
    assert transport._recording is not None
    file = transport._recording._writer._file
    assert file is not None

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

    transport._recording._writer._file = Full()  # type: ignore[assignment]
    await sink.ended.wait()
    assert sink.end == (2.5, "input_ended")
    with pytest.raises(TransportError) as caught:
        await transport.aclose()
    file.close()
    message = (
        f"cannot write {str(out)!r} (no space left on device); give another path, or make room"
    )
    assert str(caught.value) == message
    assert [record.getMessage() for record in caplog.records] == [
        f"{message}; the call goes on without its recording"
    ]
    await transport.aclose()
