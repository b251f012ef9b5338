"""A call from and to WAV files, paced as in real life on the clock of the event loop."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Literal

from ..audio import AudioFrame
from ..errors import AudioError, ConfigurationError, TransportError
from ..transport import BackgroundSource, Played, Sink, Transport, TransportCapabilities
from .playout import Playout
from .script import Script, Utterance
from .stereo import StereoRecording
from .wav_file import WavWriter

_INPUT_RATE = 16000

log = logging.getLogger("antiphon.wav")


class WavTransport(Transport):
    """The caller is a WAV file, or a script of several; both sides are written to another one.

    `input`: what the caller says, from the start. `script`: utterances that wait for the agent
    instead. Any WAV file that `WavReader` takes will do. The session gets mono frames of 16000 Hz
    with silence around and between: frame n, stamped `start + n * period`, is delivered when its
    last sample has been spoken, at `start + (n + 1) * period`. Utterances begin at the sample that
    their condition names, never before the one ahead of them has ended.

    `output`: a 16-bit stereo file, caller left and agent right, where each sample lies at the
    instant when it was heard. It is written as the call goes on and complete after `aclose`,
    however the call ended. `sample_rate` is that of the file and of what the agent has to push.

    When everything has been said, silence goes on until the agent has been silent for `tail`
    seconds, `max_tail` at the most; then the caller hangs up: `closed("input_ended")`. A caller
    whose next utterance waits while the agent says nothing for `max_tail` seconds hangs up too:
    `closed("gave_up")`. What the agent says after that is still recorded, until `aclose`.

    Raises `AudioError` for an input, and `TransportError` for an output, that cannot be used, when
    it is made; `ConfigurationError` for arguments that make no sense.
    """

    def __init__(
        self,
        input: str | PathLike[str] | None = None,
        output: str | PathLike[str] | None = None,
        *,
        script: Sequence[Utterance] = (),
        sample_rate: int = 16000,
        frame_ms: int = 20,
        tail: float = 2.0,
        max_tail: float = 30.0,
    ) -> None:
        if input is not None and script:
            raise ConfigurationError("a WAV call has an input or a script; give one of the two")
        if input is not None:
            script = (Utterance(input, "start", 0.0),)
        if sample_rate <= 0 or frame_ms <= 0 or tail < 0 or max_tail < 0:
            raise ConfigurationError(
                f"a WAV call cannot have sample_rate={sample_rate}, frame_ms={frame_ms}, "
                f"tail={tail}, max_tail={max_tail}; rates and lengths are positive"
            )
        self.capabilities = TransportCapabilities(
            sample_rate=sample_rate,
            frame_ms=frame_ms,
            pause="native",
            position="exact",
            background=True,
        )
        self._caller = Script(script, sample_rate=_INPUT_RATE)
        self._tail = tail
        self._max_tail = max_tail
        self._output = None if output is None else Path(output)
        self._check_output(script)
        self._playout = Playout(
            sample_rate, on_played=self._played, record=self._output is not None
        )
        self._recording: StereoRecording | None = None
        self._failed: TransportError | None = None
        self._sink: Sink | None = None
        self._state: Literal["new", "open", "hung_up", "closed"] = "new"
        self._timer: asyncio.TimerHandle | None = None
        self._start = 0.0
        self._frames = 0
        self._frame_samples = _INPUT_RATE * frame_ms // 1000
        self._silence = bytes(2 * self._frame_samples)
        self._background: BackgroundSource | None = None
        self._mixed = 0
        """Samples of the call for which the background was read, at the rate of the recording."""

    def _check_output(self, script: Sequence[Utterance]) -> None:
        path = self._output
        if path is None:
            return
        if path.is_dir():
            raise TransportError(f"cannot write {str(path)!r}: it is a directory; give a file")
        if not path.parent.is_dir():
            raise TransportError(
                f"cannot write {str(path)!r}: there is no directory {str(path.parent)!r}; create it"
            )
        if path.exists() and any(path.samefile(utterance.path) for utterance in script):
            raise TransportError(
                f"cannot write {str(path)!r}: it is what the caller says; give another output"
            )

    @property
    def underruns(self) -> int:
        """How often a segment of the agent's ran dry and went on later."""
        return self._playout.underruns

    async def start(self, sink: Sink) -> None:
        if self._state != "new":
            raise TransportError("a WAV call can be started once; make a new WavTransport")
        loop = asyncio.get_running_loop()
        if self._output is not None:
            rate = self.capabilities.sample_rate
            self._recording = StereoRecording(
                WavWriter(self._output, sample_rate=rate, channels=2),
                caller_rate=_INPUT_RATE,
                sample_rate=rate,
            )
        self._sink = sink
        self._state = "open"
        self._start = loop.time()
        self._caller.begin(self._start)
        self._timer = loop.call_at(self._due(1), self._tick)

    async def aclose(self) -> None:
        """Completes the output. Raises `TransportError` if it could not be written whole."""
        if self._state == "closed":
            return
        self._state = "closed"
        if self._timer is not None:
            self._timer.cancel()
        self._mix_until(asyncio.get_running_loop().time())
        self._playout.close()
        self._caller.close()
        if self._recording is not None:
            self._record(final=True)
        if self._failed is not None:
            raise self._failed

    def push(self, frame: AudioFrame, segment: str) -> None:
        if self._state == "closed":
            raise TransportError("the WAV call is closed; nothing more can be played")
        self._playout.push(frame, segment)

    def buffered(self) -> float:
        return self._playout.buffered()

    def pause(self) -> None:
        self._playout.pause()

    def resume(self) -> None:
        self._playout.resume()

    def clear(self) -> Played | None:
        return self._playout.clear()

    def played(self) -> Played | None:
        return self._playout.played()

    def background(self, source: BackgroundSource | None) -> None:
        now = asyncio.get_running_loop().time()
        self._mix_until(now)  # up to now it is the one before
        self._background = source
        self._mixed = self._sample(now)

    def _sample(self, when: float) -> int:
        """Samples of the recording before an instant."""
        return math.floor((when - self._start) * self.capabilities.sample_rate + 1e-3)

    def _mix_until(self, when: float) -> None:
        source, until = self._background, self._sample(when)
        if source is None or until <= self._mixed:
            return
        begin, self._mixed = self._mixed, until
        data = source.read(until - begin, self._start + begin / self.capabilities.sample_rate)
        if data and self._recording is not None:
            self._recording.background(begin, data)

    def _played(self, played: Played) -> None:
        if self.on_played is not None:
            self.on_played(played)

    def _due(self, frame: int) -> float:
        return self._start + frame * self._frame_samples / _INPUT_RATE

    def _tick(self) -> None:
        """Delivers what is due: after a time in which the loop was busy, all that was missed."""
        loop = asyncio.get_running_loop()
        try:
            while self._state != "closed" and self._due(self._frames + 1) <= loop.time() + 1e-6:
                self._frames += 1
                self._deliver(self._due(self._frames - 1), self._due(self._frames))
        finally:
            if self._state != "closed":
                self._timer = loop.call_at(self._due(self._frames + 1), self._tick)

    def _deliver(self, begin: float, end: float) -> None:
        data = self._caller_says(begin) if self._state == "open" else self._silence
        if self._background is not None:
            self._mix_until(end)
        if self._recording is not None:
            self._recording.caller(data)
            self._record()
        if self._state == "open" and self._sink is not None:
            self._sink.audio(AudioFrame(data, _INPUT_RATE, 1, begin))
            reason = self._caller.hangs_up(
                end, self._playout, tail=self._tail, max_tail=self._max_tail
            )
            if reason is not None:
                self._hang_up(reason)

    def _caller_says(self, begin: float) -> bytes:
        try:
            return self._caller.speak(begin, self._frame_samples, self._playout)
        except AudioError as error:  # the file was changed under our hands
            log.error("%s; the caller hangs up", error)
            self._hang_up("input_failed")
            return self._silence

    def _hang_up(self, reason: str) -> None:
        if self._state == "open" and self._sink is not None:
            self._state = "hung_up"
            self._sink.closed(reason)

    def _record(self, *, final: bool = False) -> None:
        recording = self._recording
        if recording is None:
            return
        rate = self.capabilities.sample_rate
        try:
            for heard in self._playout.take():
                first = round((heard.run - self._start) * rate) + heard.offset
                recording.agent(first, heard.data)
            if final:
                now = asyncio.get_running_loop().time()
                recording.close(math.floor((now - self._start) * rate))
            else:
                # one frame behind: what is being played in this very sample may come again
                recording.write((self._frames - 1) * self._frame_samples * rate // _INPUT_RATE)
        except TransportError as error:
            log.error("%s; the call goes on without its recording", error)
            self._failed = error
            self._recording = None
