"""The Silero VAD and its streams: from probabilities of speech to its start and its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import numpy as np

from antiphon.audio import AudioFrame
from antiphon.errors import AudioError, ProviderError, SettingError
from antiphon.vad import VAD, VADCapabilities, VADEvent, VADStream

from . import VADSettings
from .detector import Detector, detector_of
from .model import CONTEXT, STATE_SIZE, WINDOW, Floats, Model, shared_model

MAX_BACKLOG = 60.0
"""Seconds of audio that a stream stores for the detector; beyond them it fails."""

_FRESH: Floats = np.zeros((2, 1, STATE_SIZE), np.float32)
_FRESH.flags.writeable = False


class SileroVAD(VAD):
    """Silero's detection of speech. All instances of a process share one ONNX session."""

    capabilities = VADCapabilities(sample_rates=(16000, 8000))

    def __init__(self, settings: VADSettings | None = None) -> None:
        """Raises `SettingError` when the two thresholds contradict each other."""
        settings = settings or VADSettings()
        negative = settings.negative_threshold
        if negative is not None and negative > settings.threshold:
            raise SettingError(
                f"silero vad: negative_threshold {negative} is above threshold "
                f"{settings.threshold}; leave it out, or make it lower"
            )
        self.settings = settings
        self._model: Model | None = None

    def load(self) -> None:
        """Reads the model file, about 30 ms and 40 MB for the first of the process.

        Raises `ProviderUnavailable` when onnxruntime or the model file is missing.
        """
        if self._model is None:
            self._model = shared_model()

    async def prewarm(self) -> None:
        """Judges one silent window of either rate: the first run of a session is its slowest."""
        model = self._loaded()
        for rate in WINDOW:
            silence = np.zeros((1, CONTEXT[rate] + WINDOW[rate]), np.float32)
            model.run(silence, _FRESH, rate)

    def stream(self, on_event: Callable[[VADEvent], None]) -> SileroStream:
        """Starts a detection; must be called on the running loop."""
        model = self._loaded()
        return SileroStream(self.settings, detector_of(asyncio.get_running_loop(), model), on_event)

    async def aclose(self) -> None:
        """Lets go of the model: the last instance to do so frees it. Open streams go on."""
        self._model = None

    def _loaded(self) -> Model:
        self.load()
        assert self._model is not None
        return self._model


class SileroStream(VADStream):
    """One caller's audio: what is not judged yet, the model's state, and whether there is speech.

    A window is voiced from `threshold` up, silent below `negative_threshold`, and in between what
    the one before it was: the hysteresis of Silero's own streaming iterator. `min_speech` of voiced
    windows in a row start the speech, dated back to the first of them; `min_silence` without a
    window that reaches `threshold` ends it, dated back to the end of the last voiced one.
    """

    sample_rate = 0
    """That of the first frame; 0 before."""

    def __init__(
        self, settings: VADSettings, detector: Detector, on_event: Callable[[VADEvent], None]
    ) -> None:
        self._settings = settings
        self._threshold = settings.threshold
        negative = settings.negative_threshold
        if negative is None:
            # Silero's own default is 0.15 lower, but that is out of reach when `threshold` is low:
            # silence itself is judged at 0.01 to 0.03, and speech would never end.
            negative = max(settings.threshold - 0.15, settings.threshold / 2)
        self._negative = negative
        self._detector = detector
        self._on_event = on_event
        self._closed = False
        self._hears = True
        self.queued = False
        """Whether it waits for the detector, who sets this."""
        self._clear()
        detector.join()

    def _clear(self) -> None:
        self.sample_rate = 0
        self.audio = bytearray()
        """int16 samples: the context of the next window, then all that is not judged yet."""
        self.state = _FRESH
        """The model's memory, float32 [2, 1, 128]."""
        self.in_flight = False
        """Whether a window is being judged; `reset` and `close` clear it: its verdict is void."""
        self.voiced_until = None
        self._stamps: deque[tuple[int, float]] = deque()
        self._received = 0
        self._judged = 0
        self._in_speech = False
        self._streak = 0
        """Samples in a row that speak for a change: voiced before speech, silent in it."""
        self._streak_started_at = 0.0

    def push(self, frame: AudioFrame) -> None:
        """Stores a mono frame of 16000 or 8000 Hz and any length; `started_at` dates the events.

        A frame of another shape, or of another rate than those before it, ends the stream with a
        `failed` event on the next turn of the loop.
        """
        if not self._hears:
            return
        fits = frame.sample_rate == self.sample_rate and frame.channels == 1
        if not fits and not self._adopt(frame):
            return
        index, at = self._stamps[-1]
        drift = frame.started_at - at - (self._received - index) * self._period
        if not -self._tolerance < drift < self._tolerance:
            self._stamps.append((self._received, frame.started_at))
        self.audio += frame.data
        self._received += len(frame.data) // 2
        if not self.queued:
            if len(self.audio) >= self._need:
                self._detector.enqueue(self)
        elif len(self.audio) > self._limit:
            self._fail_soon(
                ProviderError(
                    f"silero fell behind: more than {MAX_BACKLOG:.0f} s of audio wait to be judged",
                    provider="silero",
                ),
                frame.started_at,
            )

    def _adopt(self, frame: AudioFrame) -> bool:
        """Takes the shape of the first frame; says whether `frame` fits."""
        if frame.channels != 1 or frame.sample_rate not in WINDOW:
            self._fail_soon(
                AudioError(
                    f"silero takes mono audio of 16000 or 8000 Hz, not {frame.channels} "
                    f"channel{'s' if frame.channels > 1 else ''} of {frame.sample_rate} Hz"
                ),
                frame.started_at,
            )
            return False
        if self.sample_rate:
            self._fail_soon(
                AudioError(
                    f"the audio of a silero stream changed from {self.sample_rate} to "
                    f"{frame.sample_rate} Hz; reset it first, or open another"
                ),
                frame.started_at,
            )
            return False
        rate = self.sample_rate = frame.sample_rate
        self._window = WINDOW[rate]
        self._need = 2 * (CONTEXT[rate] + self._window)
        self._limit = self._need + int(2 * MAX_BACKLOG * rate)
        self._period = 1.0 / rate
        # Stamps that differ by less come from rounding, not from a gap in the audio.
        self._tolerance = 0.5 / rate
        self._min_speech = self._settings.min_speech * rate
        self._min_silence = self._settings.min_silence * rate
        self.audio += bytes(2 * CONTEXT[rate])
        self._stamps.append((0, frame.started_at))
        self._not_before = frame.started_at
        return True

    def reset(self) -> None:
        """Forgets all state, stored audio and the sample rate included; no event tells of it."""
        if not self._closed:
            self._clear()

    def close(self) -> None:
        """Stops; no event comes afterwards. Harmless when repeated."""
        if not self._closed:
            self._closed = True
            self._hears = False
            self.in_flight = False
            self.audio = bytearray()
            self._detector.leave()

    def has_window(self) -> bool:
        """Whether a whole window is stored."""
        return self.sample_rate != 0 and len(self.audio) >= self._need

    def heard(self, probability: float) -> None:
        """Takes the detector's verdict on the next window, and drops that window from the store."""
        start = self._judged
        end = self._judged = start + self._window
        del self.audio[: 2 * self._window]
        if self._in_speech:
            unbroken = not self._streak and probability >= self._negative
            if unbroken or probability >= self._threshold:
                self._streak = 0
                self.voiced_until = self._time_of(end - 1) + self._period
                return
            self._streak += self._window
            if probability < self._negative and self._streak >= self._min_silence:
                self._in_speech = False
                self._streak = 0
                assert self.voiced_until is not None
                self._not_before = self.voiced_until
                self._on_event(
                    VADEvent(type="speech_ended", at=self.voiced_until, probability=probability)
                )
        elif probability >= self._threshold or (self._streak and probability >= self._negative):
            if not self._streak:
                self._streak_started_at = self._time_of(start)
            self._streak += self._window
            if self._streak >= self._min_speech:
                self._in_speech = True
                self._streak = 0
                self.voiced_until = self._time_of(end - 1) + self._period
                at = max(self._streak_started_at - self._settings.speech_pad, self._not_before)
                self._on_event(VADEvent(type="speech_started", at=at, probability=probability))
        else:
            self._streak = 0

    def fail(self, error: BaseException, at: float | None = None) -> None:
        """Ends the stream with a `failed` event, dated at the next window unless `at` is given."""
        if not self._closed:
            if at is None:
                at = self._time_of(self._judged)
            self.close()
            self._on_event(VADEvent(type="failed", at=at, error=error))

    def _fail_soon(self, error: BaseException, at: float) -> None:
        """Fails when the loop goes round: `push` calls nobody back."""
        self._hears = False
        asyncio.get_running_loop().call_soon(self.fail, error, at)

    def _time_of(self, sample: int) -> float:
        """When `sample` was heard. Later calls must not ask for earlier samples."""
        stamps = self._stamps
        while len(stamps) > 1 and stamps[1][0] <= sample:
            stamps.popleft()
        index, at = stamps[0]
        return at + (sample - index) * self._period
