"""A conversation over the microphone and the loudspeaker of this machine."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from typing import Any

from ..audio import AudioFrame, mix
from ..errors import AudioError, ConfigurationError, TransportError
from ..transport import BackgroundSource, Played, Sink, Transport, TransportCapabilities
from .loudspeaker import Ending, Loudspeaker
from .sound_devices import OpenStreams, SoundDevices, SoundStreams

_INPUT_RATE = 16000
_DRIFT = 0.05
"""Seconds by which the device's stamps may stray from its count of samples: it wins until then."""

log = logging.getLogger("antiphon.microphone")


class MicrophoneTransport(Transport):
    """Microphone at 16000 Hz, loudspeaker at `sample_rate`, both mono, by the package sounddevice.

    There is no echo cancellation: with a loudspeaker instead of headphones the agent hears itself.
    Devices are numbers or parts of names, None the system's own choice. The position counts the
    samples that the device has taken, less the ones it has not yet made audible; what it has taken
    is still heard for a moment (about 50 ms) after `clear` and `pause`.

    `start` raises `TransportError` when there is no microphone or loudspeaker. A device that goes
    away ends the call: `closed("connection_lost")`.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 16000,
        frame_ms: int = 20,
        input_device: int | str | None = None,
        output_device: int | str | None = None,
        open_streams: OpenStreams | None = None,
    ) -> None:
        if sample_rate <= 0 or frame_ms <= 0:
            raise ConfigurationError(
                f"a microphone cannot have sample_rate={sample_rate}, frame_ms={frame_ms}; "
                "both are positive"
            )
        self.capabilities = TransportCapabilities(
            sample_rate=sample_rate,
            frame_ms=frame_ms,
            pause="native",
            position="exact",
            background=True,
        )
        self._devices = (input_device, output_device)
        self._open_streams = open_streams or SoundDevices
        self._streams: SoundStreams | None = None
        self._loudspeaker = Loudspeaker(sample_rate)
        self._background: BackgroundSource | None = None
        self._sink: Sink | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        self._next_at = -math.inf

    async def start(self, sink: Sink) -> None:
        if self._closed or self._loop is not None:
            raise TransportError("a microphone can be started once; make a new MicrophoneTransport")
        loop = asyncio.get_running_loop()
        self._streams = self._open_streams(
            input_rate=_INPUT_RATE,
            output_rate=self.capabilities.sample_rate,
            frame_ms=self.capabilities.frame_ms,
            input_device=self._devices[0],
            output_device=self._devices[1],
            heard=self._heard,
            fill=self._fill,
            lost=self._lost,
        )
        self._loop = loop
        self._sink = sink
        self._streams.start()

    async def aclose(self) -> None:
        self._closed = True
        self._sink = None
        if self._streams is not None:
            self._streams.close()
        self._loudspeaker.clear(0.0)

    def push(self, frame: AudioFrame, segment: str) -> None:
        if self._closed:
            raise TransportError("the microphone is closed; nothing more can be played")
        rate = self.capabilities.sample_rate
        if frame.sample_rate != rate or frame.channels != 1:
            raise AudioError(
                f"audio of {frame.sample_rate} Hz with {frame.channels} channel"
                f"{'s' if frame.channels > 1 else ''} was pushed to be played at {rate} Hz mono; "
                "resample it first"
            )
        self._loudspeaker.push(frame.data, segment)

    def buffered(self) -> float:
        return self._loudspeaker.buffered(self._now())

    def pause(self) -> None:
        self._loudspeaker.paused = True

    def resume(self) -> None:
        self._loudspeaker.paused = False

    def clear(self) -> Played | None:
        return self._loudspeaker.clear(self._now())

    def background(self, source: BackgroundSource | None) -> None:
        self._background = source

    def played(self) -> Played | None:
        return self._loudspeaker.played(self._now())

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # What follows up to _on_loop is called on the device's threads.

    def _heard(self, data: bytes, age: float) -> None:
        if self._loop is not None:
            self._on_loop(self._deliver, data, self._loop.time() - age)

    def _fill(self, samples: int, latency: float) -> bytes:
        if self._loop is None:
            return bytes(2 * samples)
        at = self._loop.time() + latency
        data, ended = self._loudspeaker.take(samples, at)
        background = self._background
        if background is not None:
            data = mix(data, background.read(samples, at))
        for ending in ended:
            self._on_loop(self._await_end, ending)
        return data

    def _lost(self) -> None:
        self._on_loop(self._hang_up)

    def _on_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        if self._loop is not None and not self._closed:
            try:
                self._loop.call_soon_threadsafe(call, *arguments)
            except RuntimeError:  # the loop has been closed without us
                self._closed = True

    def _deliver(self, data: bytes, stamp: float) -> None:
        if self._sink is None:
            return
        # Stamps jitter with the device's callbacks; samples do not.
        started_at = self._next_at if abs(stamp - self._next_at) < _DRIFT else stamp
        frame = AudioFrame(data, _INPUT_RATE, 1, started_at)
        self._next_at = frame.ended_at
        self._sink.audio(frame)

    def _await_end(self, ending: Ending) -> None:
        asyncio.get_running_loop().call_at(ending.at, self._tell, ending)

    def _tell(self, ending: Ending) -> None:
        played = self._loudspeaker.settle(ending)
        if played is not None and self.on_played is not None and not self._closed:
            self.on_played(played)

    def _hang_up(self) -> None:
        if self._sink is not None:
            log.error("the sound device has gone; the call ends")
            sink, self._sink = self._sink, None
            sink.closed("connection_lost")
