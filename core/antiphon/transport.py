"""The transport seam: where audio and text come from and go to, and where it is known what was
played."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from .audio import AudioFrame
from .errors import TransportError


@dataclass(frozen=True, kw_only=True, slots=True)
class TransportCapabilities:
    """What a transport can do."""

    audio_in: bool = True
    audio_out: bool = True
    sample_rate: int = 16000
    """Of the frames pushed to it, mono; inward frames may have any rate."""
    frame_ms: int = 20
    """Length of the frames it likes to get; the last of a segment may be shorter."""
    pause: Literal["native", "emulated"] = "emulated"
    """`native`: `pause` and `resume` work. `emulated`: the engine clears and pushes again."""
    position: Literal["exact", "reported", "estimated"] = "estimated"
    """How well `Played.samples` is known: at once, by a later `on_played`, or never better."""
    transcript: bool = False
    """Wants `agent_output_transcribed` by `notify`: the agent's words as they are heard."""
    background: bool = False
    """`background` works: sounds are mixed under what is pushed."""


@dataclass(frozen=True, slots=True)
class Played:
    """How much of a segment has been played."""

    segment: str
    """The segment's id, as given to `push`."""
    samples: int
    """Samples of it that left the loudspeaker (or its best image)."""
    exact: bool
    """False for an estimate that may be corrected."""


class Sink(Protocol):
    """The session, as a transport sees it. All calls are made on the loop and never block."""

    def audio(self, frame: AudioFrame) -> None:
        """A frame from the caller, stamped with the loop time of its first sample."""

    def text(self, text: str) -> None:
        """A typed line: a whole user turn."""

    def dtmf(self, digit: str) -> None:
        """A key of the caller's telephone: one of `0123456789*#ABCD`."""

    def closed(self, reason: str) -> None:
        """The caller is gone, e.g. `"hung_up"`, `"input_ended"`, `"connection_lost"`."""


class BackgroundSource(Protocol):
    """Sounds that go on under the speech, for a transport to mix: see `Transport.background`."""

    def read(self, samples: int, at: float) -> bytes:
        """The next `samples` samples at the transport's rate, mono int16, little-endian.

        `at`: when the first of them is heard, on the clock of the event loop. Silence may be given
        as no bytes at all. Never blocks; may be called in a thread of a device's. What was read is
        taken as heard: so each stretch of time is read once, in order, whether speech is played in
        it or not.
        """


class Transport(ABC):
    """Carries one conversation.

    The engine pushes frames ahead of playout, paced by `buffered`; the transport plays them in
    order and in real time, and tells by `on_played` when a segment's last pushed sample was played.
    """

    capabilities: TransportCapabilities = TransportCapabilities()

    on_played: Callable[[Played], None] | None = None
    """Set by the engine: called on the loop with a better figure after `clear`."""

    @abstractmethod
    async def start(self, sink: Sink) -> None:
        """Connects; from now on the sink gets what comes in. Raises `TransportError` when it
        cannot."""

    @abstractmethod
    async def aclose(self) -> None:
        """Stops and frees everything; harmless when repeated. Writes files, if it has any to
        write."""

    def push(self, frame: AudioFrame, segment: str) -> None:
        """Takes the next frame of a segment to play; never blocks. A new segment id ends the old
        one."""
        raise TransportError("this transport plays no audio")

    def buffered(self) -> float:
        """Seconds that have been pushed and not yet played; counts down on the loop's clock."""
        return 0.0

    def pause(self) -> None:
        """Stops playing within one frame and keeps what is left. Only called when `pause` is
        native."""

    def resume(self) -> None:
        """Goes on from the same sample."""

    def clear(self) -> Played | None:
        """Throws away what has not been played, at once. Returns how far the current segment came,
        by
        best knowledge, or None when nothing was being played. A better figure may follow by
        `on_played`."""
        return None

    def background(self, source: BackgroundSource | None) -> None:
        """Mixes `source` under what is pushed, from now on; None: nothing more.

        Only called when `capabilities.background` says so. The mix must not touch the speech:
        `clear`, `pause` and positions have to do with what was pushed alone. `antiphon.audio.mix`
        adds two pieces of audio.
        """
        raise TransportError("this transport mixes no background sounds")

    def played(self) -> Played | None:
        """How far the current segment has come, or None when nothing is being played."""
        return None

    async def send_dtmf(self, digits: str) -> None:
        """Presses keys at the caller's end, in order, with its own length and pauses of tones.

        `digits` are of `0123456789*#ABCD`, checked, at least one. Raises `TransportError` where it
        cannot.
        """
        raise TransportError(
            f"the transport {type(self).__name__} cannot send keys (DTMF); use one of a telephone "
            "line, or override send_dtmf in your transport"
        )

    def notify(self, event: Any) -> None:
        """Gets every session event (see `antiphon.events`), e.g. to show transcripts; never
        blocks."""
