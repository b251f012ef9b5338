"""The sound devices of this machine, by the package sounddevice, which brings in PortAudio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ..errors import TransportError

_LATENCY = 0.05
"""Seconds of audio that the device is asked to hold. Less would stutter: its callback is Python and
has to wait for its turn."""


class SoundStreams(Protocol):
    """An open microphone and loudspeaker, as `open_streams` returns it."""

    def start(self) -> None:
        """Begins to call `heard` and `fill`."""

    def close(self) -> None:
        """Stops; neither is called afterwards. Harmless when repeated."""


class OpenStreams(Protocol):
    """Opens the devices; replaced in tests, and by whoever has another sound system.

    `heard(data, age)` takes what the microphone gave: int16 mono at `input_rate`, the first sample
    `age` seconds old. `fill(samples, latency)` returns that many samples at `output_rate` as int16,
    to be heard `latency` seconds from now on. `lost()` says that a device has gone. All three may
    be called on any thread. Raises `TransportError` when there is no such device.
    """

    def __call__(
        self,
        *,
        input_rate: int,
        output_rate: int,
        frame_ms: int,
        input_device: int | str | None,
        output_device: int | str | None,
        heard: Callable[[bytes, float], None],
        fill: Callable[[int, float], bytes],
        lost: Callable[[], None],
    ) -> SoundStreams: ...


class SoundDevices:
    """`OpenStreams` by sounddevice."""

    def __init__(
        self,
        *,
        input_rate: int,
        output_rate: int,
        frame_ms: int,
        input_device: int | str | None,
        output_device: int | str | None,
        heard: Callable[[bytes, float], None],
        fill: Callable[[int, float], bytes],
        lost: Callable[[], None],
    ) -> None:
        self._closing = False
        self._opened: list[Any] = []
        sounddevice = _import_sounddevice()

        def take_in(data: Any, samples: int, time: Any, status: Any) -> None:
            age = time.currentTime - time.inputBufferAdcTime
            if not time.inputBufferAdcTime or age < 0:  # some sound systems give no times
                age = samples / input_rate
            heard(bytes(data), age)

        def give_out(data: Any, samples: int, time: Any, status: Any) -> None:
            latency = time.outputBufferDacTime - time.currentTime
            if not time.outputBufferDacTime or latency < 0:
                latency = _LATENCY
            data[:] = fill(samples, latency)

        def finished() -> None:
            if not self._closing:
                lost()

        for what, kind, device, rate, callback in (
            ("microphone", sounddevice.RawInputStream, input_device, input_rate, take_in),
            ("loudspeaker", sounddevice.RawOutputStream, output_device, output_rate, give_out),
        ):
            try:
                stream = kind(
                    samplerate=rate,
                    blocksize=rate * frame_ms // 1000,
                    device=device,
                    channels=1,
                    dtype="int16",
                    latency=_LATENCY,
                    callback=callback,
                    finished_callback=finished,
                )
            except (sounddevice.PortAudioError, ValueError) as error:
                self.close()
                raise TransportError(
                    f"no {what}: type instead (antiphon talk --text), or plug in one that can do "
                    f"{rate} Hz mono ({_told(error)})"
                ) from error
            self._opened.append(stream)

    def start(self) -> None:
        for stream in self._opened:
            stream.start()

    def close(self) -> None:
        self._closing = True
        for stream in self._opened:
            stream.close(ignore_errors=True)
        self._opened.clear()


def _import_sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise TransportError(
            "no microphone: type instead (antiphon talk --text), or run: "
            'pip install "antiphon[console]"'
        ) from error
    except OSError as error:  # the package is there, the library it needs is not
        raise TransportError(
            "no microphone: type instead (antiphon talk --text), or install PortAudio "
            "(apt install libportaudio2)"
        ) from error
    return sounddevice


def _told(error: BaseException) -> str:
    """What the sound system said, in one line."""
    return " ".join(str(error).split())
