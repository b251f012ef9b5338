"""A VAD that goes by the samples themselves, exactly."""

from __future__ import annotations

from collections.abc import Callable

from ..audio import AudioFrame
from ..vad import VAD, VADCapabilities, VADEvent, VADStream
from .speech import voiced_span

_ROUNDING = 1e-9


class ScriptedVAD(VAD):
    """Hears a voice wherever a sample is loud, and nothing else; calls back inside `push`.

    Made for synthetic speech and digital silence, whose starts and ends it gives to the sample.
    """

    capabilities = VADCapabilities(sample_rates=(16000, 8000, 24000, 48000))

    def __init__(self, *, min_speech: float = 0.0, min_silence: float = 0.5) -> None:
        """`min_speech`: seconds of voice until a start is announced; shorter ones never are.
        `min_silence`: seconds of silence until an end is announced; shorter ones are speech."""
        self.min_speech = min_speech
        self.min_silence = min_silence

    def stream(self, on_event: Callable[[VADEvent], None]) -> ScriptedVADStream:
        return ScriptedVADStream(on_event, self.min_speech, self.min_silence)


class ScriptedVADStream(VADStream):
    """One detection of a `ScriptedVAD`."""

    def __init__(
        self, on_event: Callable[[VADEvent], None], min_speech: float, min_silence: float
    ) -> None:
        self._on_event = on_event
        self._min_speech = min_speech - _ROUNDING
        self._min_silence = min_silence - _ROUNDING
        self._closed = False
        self.reset()

    def reset(self) -> None:
        self.voiced_until: float | None = None
        self._voiced_from: float | None = None
        self._announced = False

    def close(self) -> None:
        self._closed = True

    def push(self, frame: AudioFrame) -> None:
        if self._closed:
            return
        span = voiced_span(frame.data)
        rate = frame.sample_rate
        if span is None:
            if self._voiced_from is not None:
                self._silent_until(frame.started_at + len(frame.data) / (2 * rate))
            return
        started = frame.started_at + span[0] / rate
        if self._voiced_from is not None:
            self._silent_until(started)
        if self._voiced_from is None:
            self._voiced_from = started
        self.voiced_until = until = frame.started_at + span[1] / rate
        if not self._announced and until - self._voiced_from >= self._min_speech:
            self._announced = True
            self._on_event(VADEvent(type="speech_started", at=self._voiced_from))
        if 2 * span[1] < len(frame.data):
            self._silent_until(frame.started_at + len(frame.data) / (2 * rate))

    def _silent_until(self, time: float) -> None:
        """Takes note that nothing was voiced since `voiced_until`."""
        until = self.voiced_until
        if until is None or self._voiced_from is None or time - until < self._min_silence:
            return
        self._voiced_from = None
        if self._announced and not self._closed:
            self._announced = False
            self._on_event(VADEvent(type="speech_ended", at=until))
