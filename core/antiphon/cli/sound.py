"""Whether this machine has a microphone and a loudspeaker."""

from __future__ import annotations


def why_no_microphone() -> str | None:
    """None when both can be opened, else the sentence that says what to do. Nothing is recorded."""
    from ..errors import TransportError
    from ..transports.sound_devices import SoundDevices

    try:
        streams = SoundDevices(
            input_rate=16000,
            output_rate=16000,
            frame_ms=20,
            input_device=None,
            output_device=None,
            heard=lambda data, age: None,
            fill=lambda samples, latency: bytes(2 * samples),
            lost=lambda: None,
        )
    except TransportError as error:
        return str(error)
    streams.close()
    return None
