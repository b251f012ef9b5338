from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError, ConfigurationError, TransportError
from antiphon.transport import Played
from antiphon.transports.microphone import MicrophoneTransport

pytestmark = pytest.mark.virtual_time

BLOCK = 320
LATENCY = 0.05


def samples(count: int, value: int) -> bytes:
    return bytes(np.full(count, value, "<i2").tobytes())


def frame(milliseconds: float, value: int = 1) -> AudioFrame:
    return AudioFrame(samples(round(milliseconds * 16), value), 16000)


class Devices:
    """A sound system whose callbacks come every 20 ms of the loop's clock."""

    def __init__(self) -> None:
        self.requested: dict[str, Any] = {}
        self.sounded: list[tuple[float, int]] = []
        """When each block is heard, and the value of its first sample."""
        self.closed = False
        self.timer: asyncio.TimerHandle | None = None
        self.jitter = 0.0

    def open(
        self,
        *,
        heard: Callable[[bytes, float], None],
        fill: Callable[[int, float], bytes],
        lost: Callable[[], None],
        **requested: Any,
    ) -> Devices:
        self.requested = requested
        self.heard, self.fill, self.lost = heard, fill, lost
        return self

    def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        self.count = 0
        self.beat()

    def beat(self) -> None:
        data = np.frombuffer(self.fill(BLOCK, LATENCY), "<i2")
        self.sounded.append((round(self.loop.time() + LATENCY, 6), int(data[0])))
        if self.count:
            self.jitter = -self.jitter
            self.heard(samples(BLOCK, 7), 0.02 + self.jitter)
        self.count += 1
        self.timer = self.loop.call_at(self.began + self.count * 0.02, self.beat)

    def close(self) -> None:
        self.closed = True
        if self.timer is not None:
            self.timer.cancel()


class Listening:
    def __init__(self) -> None:
        self.frames: list[AudioFrame] = []
        self.ends: list[str] = []

    def audio(self, frame: AudioFrame) -> None:
        self.frames.append(frame)

    def text(self, text: str) -> None:
        raise AssertionError(text)

    def dtmf(self, digit: str) -> None:
        raise AssertionError(digit)

    def closed(self, reason: str) -> None:
        self.ends.append(reason)


async def opened() -> tuple[MicrophoneTransport, Devices, Listening, list[tuple[float, Played]]]:
    devices, sink = Devices(), Listening()
    transport = MicrophoneTransport(open_streams=devices.open)
    told: list[tuple[float, Played]] = []
    loop = asyncio.get_running_loop()
    transport.on_played = lambda played: told.append((round(loop.time(), 6), played))
    await transport.start(sink)
    return transport, devices, sink, told


async def test_what_the_microphone_hears_comes_with_the_time_of_its_first_sample() -> None:
    transport, devices, sink, _ = await opened()
    devices.jitter = 0.004
    await asyncio.sleep(0.11)
    await transport.aclose()
    assert devices.closed
    assert {(frame.sample_rate, frame.channels, frame.samples) for frame in sink.frames} == {
        (16000, 1, BLOCK)
    }
    # the first stamp is believed, jitter and all; from there on samples are counted
    assert [round(frame.started_at, 6) for frame in sink.frames] == [
        0.004,
        0.024,
        0.044,
        0.064,
        0.084,
    ]
    assert devices.requested == {
        "input_rate": 16000,
        "output_rate": 16000,
        "frame_ms": 20,
        "input_device": None,
        "output_device": None,
    }


async def test_a_gap_in_the_stamps_is_believed() -> None:
    transport, devices, sink, _ = await opened()
    await asyncio.sleep(0.05)
    devices.close()
    await asyncio.sleep(0.95)
    devices.heard(samples(BLOCK, 7), 0.02)
    await asyncio.sleep(0)
    await transport.aclose()
    assert [round(frame.started_at, 6) for frame in sink.frames] == [0.0, 0.02, 0.98]


async def test_the_position_is_what_was_taken_less_the_latency() -> None:
    transport, _, _, told = await opened()
    await asyncio.sleep(0.01)
    for value in range(1, 6):
        transport.push(frame(20, value), "a")
    assert transport.buffered() == pytest.approx(0.1)
    assert transport.played() == Played("a", 0, exact=True)
    # taken by the callbacks from 0.02 on, and heard 0.05 s later
    await asyncio.sleep(0.0725)
    assert transport.played() == Played("a", 200, exact=True)
    assert transport.buffered() == pytest.approx(0.0875)
    await asyncio.sleep(1)
    assert told == [(0.17, Played("a", 1600, exact=True))]
    assert (transport.played(), transport.buffered()) == (None, 0.0)
    await transport.aclose()


async def test_clear_drops_what_the_device_has_not_taken() -> None:
    transport, devices, _, told = await opened()
    for _ in range(50):
        transport.push(frame(20, 3), "a")
    await asyncio.sleep(0.19)
    # the first block was taken at 0.02
    assert transport.clear() == Played("a", round((0.19 - 0.02 - LATENCY) * 16000), exact=True)
    assert (transport.clear(), transport.played()) == (None, None)
    transport.push(frame(20, 4), "b")
    await asyncio.sleep(1)
    assert [value for _, value in devices.sounded if value] == [3] * 9 + [4]
    assert told == [(0.27, Played("b", 320, exact=True))]
    await transport.aclose()


async def test_clear_while_the_last_samples_are_inside_the_device_tells_once() -> None:
    transport, _, _, told = await opened()
    transport.push(frame(20), "a")
    await asyncio.sleep(0.08)  # taken at 0.02, heard from 0.07 to 0.09
    assert transport.clear() == Played("a", 160, exact=True)
    assert (transport.clear(), transport.played()) == (None, None)
    await asyncio.sleep(1)
    assert told == []
    await transport.aclose()


async def test_pause_goes_on_with_the_sample_that_the_device_would_have_taken() -> None:
    transport, devices, _, told = await opened()
    for value in range(1, 11):
        transport.push(frame(20, value), "a")
    await asyncio.sleep(0.09)  # four blocks are taken
    transport.pause()
    await asyncio.sleep(1)
    assert transport.played() == Played("a", 4 * BLOCK, exact=True)
    assert transport.buffered() == pytest.approx(0.12)
    transport.resume()
    await asyncio.sleep(1)
    assert [value for _, value in devices.sounded if value] == list(range(1, 11))
    assert told == [(1.27, Played("a", 3200, exact=True))]
    await transport.aclose()


async def test_segments_are_told_in_order_each_at_its_last_sample() -> None:
    transport, _, _, told = await opened()
    transport.push(frame(30), "a")
    transport.push(frame(25), "b")
    await asyncio.sleep(0.5)
    transport.push(frame(5), "b")
    await asyncio.sleep(0.5)
    await transport.aclose()
    assert told == [
        (0.1, Played("a", 480, exact=True)),
        (0.125, Played("b", 880 - 480, exact=True)),
        (0.575, Played("b", 480, exact=True)),
    ]


async def test_a_device_that_goes_away_ends_the_call(caplog: pytest.LogCaptureFixture) -> None:
    transport, devices, sink, _ = await opened()
    devices.lost()
    devices.lost()
    await asyncio.sleep(0.1)
    assert sink.ends == ["connection_lost"] and sink.frames == []
    assert [record.getMessage() for record in caplog.records] == [
        "the sound device has gone; the call ends"
    ]
    await transport.aclose()


async def test_callbacks_from_another_thread_reach_the_loop_in_order() -> None:
    transport, devices, sink, _ = await opened()
    devices.close()
    loop = asyncio.get_running_loop()

    def device() -> None:
        for value in range(100):
            devices.heard(samples(BLOCK, value), 0.02)
            devices.fill(BLOCK, LATENCY)

    transport.push(frame(1000, 5), "a")
    await loop.run_in_executor(None, device)
    await asyncio.sleep(0)
    assert [frame.data[0] for frame in sink.frames] == list(range(100))
    await transport.aclose()


async def test_it_starts_once_and_plays_nothing_after_its_end() -> None:
    transport, devices, sink, _ = await opened()
    with pytest.raises(TransportError) as caught:
        await transport.start(sink)
    assert str(caught.value) == ("a microphone can be started once; make a new MicrophoneTransport")
    await transport.aclose()
    await transport.aclose()
    with pytest.raises(TransportError) as caught:
        transport.push(frame(20), "a")
    assert str(caught.value) == "the microphone is closed; nothing more can be played"
    devices.heard(samples(BLOCK, 1), 0.02)
    devices.lost()
    assert devices.fill(BLOCK, LATENCY) == bytes(2 * BLOCK)
    await asyncio.sleep(0.1)
    assert (sink.frames, sink.ends) == ([], [])


async def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError) as caught:
        MicrophoneTransport(frame_ms=0)
    assert str(caught.value) == (
        "a microphone cannot have sample_rate=16000, frame_ms=0; both are positive"
    )
    transport, *_ = await opened()
    with pytest.raises(AudioError) as refused:
        transport.push(AudioFrame(bytes(960), 24000), "a")
    assert str(refused.value) == (
        "audio of 24000 Hz with 1 channel was pushed to be played at 16000 Hz mono; "
        "resample it first"
    )
    await transport.aclose()


# Without sound


async def started() -> str:
    transport = MicrophoneTransport(sample_rate=24000)
    with pytest.raises(TransportError) as caught:
        await transport.start(Listening())
    await transport.aclose()
    return str(caught.value)


async def test_without_the_package_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert await started() == (
        "no microphone: type instead (antiphon talk --text), or run: "
        'pip install "antiphon[console]"'
    )


NO_PORTAUDIO = (
    "no microphone: type instead (antiphon talk --text), or install PortAudio "
    "(apt install libportaudio2)"
)


async def test_without_portaudio_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Finder:
        def find_spec(self, name: str, path: object = None, target: object = None) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    assert await started() == NO_PORTAUDIO


def portaudio_is_missing() -> bool:
    if importlib.util.find_spec("sounddevice") is None:
        return False
    try:
        import sounddevice  # noqa: F401
    except OSError:
        return True
    return False


@pytest.mark.skipif(not portaudio_is_missing(), reason="this machine has PortAudio")
async def test_the_real_package_without_portaudio_gives_the_same_error() -> None:
    assert await started() == NO_PORTAUDIO


class PortAudioError(Exception):
    pass


def sounddevice(refuse: str | None = None) -> tuple[ModuleType, list[Any]]:
    """What we use of sounddevice, without a sound system below it."""
    streams: list[Any] = []

    class Stream:
        def __init__(self, **options: Any) -> None:
            if type(self).__name__ == refuse:
                raise PortAudioError("Error querying device -1")
            if options["device"] == "nonsense":
                raise ValueError("No input device matching\n'nonsense'")
            self.options = options
            self.calls: list[str] = []
            streams.append(self)

        def start(self) -> None:
            self.calls.append("start")

        def close(self, ignore_errors: bool) -> None:
            self.calls.append("close")
            self.options["finished_callback"]()

    module = ModuleType("sounddevice")
    module.__dict__.update(
        PortAudioError=PortAudioError,
        RawInputStream=type("RawInputStream", (Stream,), {}),
        RawOutputStream=type("RawOutputStream", (Stream,), {}),
    )
    return module, streams


@pytest.mark.parametrize(
    ("refuse", "message"),
    [
        (
            "RawInputStream",
            "no microphone: type instead (antiphon talk --text), or plug in one that can do "
            "16000 Hz mono (Error querying device -1)",
        ),
        (
            "RawOutputStream",
            "no loudspeaker: type instead (antiphon talk --text), or plug in one that can do "
            "24000 Hz mono (Error querying device -1)",
        ),
    ],
)
async def test_without_a_device_the_error_says_which(
    refuse: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, streams = sounddevice(refuse)
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    assert await started() == message
    assert all(stream.calls == ["close"] for stream in streams)


async def test_a_device_of_an_unknown_name_is_a_transport_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", sounddevice()[0])
    with pytest.raises(TransportError) as caught:
        await MicrophoneTransport(input_device="nonsense").start(Listening())
    assert str(caught.value) == (
        "no microphone: type instead (antiphon talk --text), or plug in one that can do 16000 Hz "
        "mono (No input device matching 'nonsense')"
    )


async def test_the_devices_of_the_package_are_driven_by_its_callbacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, streams = sounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    sink = Listening()
    transport = MicrophoneTransport(input_device=3, output_device="Jabra")
    await transport.start(sink)
    microphone, loudspeaker = streams
    wanted = {"blocksize": 320, "channels": 1, "dtype": "int16", "samplerate": 16000}
    assert microphone.options | wanted == microphone.options
    assert loudspeaker.options | wanted == loudspeaker.options
    assert (microphone.options["device"], loudspeaker.options["device"]) == (3, "Jabra")
    await asyncio.sleep(1)

    times = SimpleNamespace(currentTime=100.0, inputBufferAdcTime=99.96, outputBufferDacTime=100.03)
    microphone.options["callback"](samples(320, 7), 320, times, None)
    none = SimpleNamespace(currentTime=100.0, inputBufferAdcTime=0.0, outputBufferDacTime=0.0)
    await asyncio.sleep(0.1)
    microphone.options["callback"](samples(320, 8), 320, none, None)
    transport.push(frame(20, 9), "a")
    out = bytearray(640)
    loudspeaker.options["callback"](memoryview(out), 320, times, None)
    assert bytes(out) == samples(320, 9)
    await asyncio.sleep(0.04)
    assert transport.played() == Played("a", 160, exact=True)
    loudspeaker.options["callback"](memoryview(out), 320, none, None)
    assert bytes(out) == bytes(640)
    assert [(round(frame.started_at, 6), frame.data[0]) for frame in sink.frames] == [
        (0.96, 7),
        (1.08, 8),
    ]
    await transport.aclose()
    assert [stream.calls for stream in streams] == [["start", "close"], ["start", "close"]]
    assert sink.ends == []


async def test_a_stream_that_finishes_by_itself_is_a_lost_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module, streams = sounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    sink = Listening()
    transport = MicrophoneTransport()
    await transport.start(sink)
    streams[0].options["finished_callback"]()
    await asyncio.sleep(0)
    assert sink.ends == ["connection_lost"]
    await transport.aclose()
