"""The detector of one event loop: it runs the windows of all its streams in batches."""

from __future__ import annotations

import asyncio
import math
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from antiphon.errors import ProviderError

from .model import CONTEXT, STATE_SIZE, WINDOW, Model

if TYPE_CHECKING:
    from .vad import SileroStream

T = TypeVar("T")

TICK = 0.010
"""Seconds between runs. Windows that come due within one tick share a batch, which costs less than
half of what they would one by one. Events carry sample times, so the wait adds nothing to them."""
MAX_WINDOWS = 32
"""Windows of one run, so that it holds the loop up for a few milliseconds at the most."""

_SCALE = np.float32(1 / 32768)


class Detector:
    """Streams queue here when they hold a whole window; a timer, set only then, runs what is due.

    A run judges at most `MAX_WINDOWS` windows, the streams taking turns, one window of a stream per
    ONNX call. What is left over is run as soon as the loop has gone round once.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._due: deque[SileroStream] = deque()
        self._handle: asyncio.Handle | None = None
        self._running = False
        self._streams = 0
        self._windows = {
            rate: np.zeros((MAX_WINDOWS, CONTEXT[rate] + WINDOW[rate]), np.float32)
            for rate in WINDOW
        }
        self._states = np.zeros(2 * MAX_WINDOWS * STATE_SIZE, np.float32)

    def join(self) -> None:
        """One more stream is open."""
        self._streams += 1

    def leave(self) -> None:
        """One stream fewer is open; with the last one the timer goes."""
        self._streams -= 1
        if not self._streams:
            self._due.clear()
            if self._handle is not None:
                self._handle.cancel()
                self._handle = None

    def enqueue(self, stream: SileroStream) -> None:
        """`stream` holds a whole window, and is not queued yet."""
        stream.queued = True
        self._due.append(stream)
        if self._handle is None and not self._running:
            loop = asyncio.get_running_loop()
            # A grid of the loop's clock: calls on their own phases meet in one batch.
            due_at = (math.floor(loop.time() / TICK) + 1) * TICK
            self._handle = loop.call_at(due_at, self._run)

    def _run(self) -> None:
        self._handle = None
        self._running = True
        left = MAX_WINDOWS
        try:
            while left and self._due:
                left -= self._round(left)
        finally:
            self._running = False
            if self._due:
                self._handle = asyncio.get_running_loop().call_soon(self._run)

    def _round(self, limit: int) -> int:
        """Judges one window of each of the next `limit` streams, and returns how many that were."""
        batches: dict[int, list[SileroStream]] = {}
        count = min(limit, len(self._due))
        for _ in range(count):
            stream = self._due.popleft()
            stream.queued = False
            if stream.has_window():
                batches.setdefault(stream.sample_rate, []).append(stream)
        for batch in batches.values():
            for stream in batch:
                stream.queued = stream.in_flight = True
            self._judge(batch)
            for stream in batch:
                stream.queued = False
                if stream.has_window():
                    self.enqueue(stream)
        return count

    def _judge(self, batch: list[SileroStream]) -> None:
        try:
            probabilities = self._infer(batch)
        except Exception as error:
            if len(batch) > 1:
                # One stream's trouble must not be the others': find whose it is.
                for stream in batch:
                    if stream.in_flight:
                        self._judge([stream])
                return
            failure = ProviderError(f"silero could not judge a window: {error}", provider="silero")
            failure.__cause__ = error
            _call(batch[0].fail, failure)
            return
        for stream, probability in zip(batch, probabilities, strict=True):
            # A listener called before this one may have closed or reset the stream.
            if stream.in_flight:
                stream.in_flight = False
                _call(stream.heard, probability)

    def _infer(self, batch: list[SileroStream]) -> list[float]:
        count = len(batch)
        rate = batch[0].sample_rate
        windows = self._windows[rate][:count]
        for row, stream in zip(windows, batch, strict=True):
            # The view goes at once: while it lives, the bytearray cannot change its size.
            row[:] = np.frombuffer(stream.audio, "<i2", len(row))
        np.multiply(windows, _SCALE, out=windows)
        states = self._states[: 2 * count * STATE_SIZE].reshape(2, count, STATE_SIZE)
        np.concatenate([stream.state for stream in batch], axis=1, out=states)
        probabilities, states = self.model.run(windows, states, rate)
        result: list[float] = probabilities.ravel().tolist()
        for index, stream in enumerate(batch):
            stream.state = states[:, index : index + 1]
        return result


def detector_of(loop: asyncio.AbstractEventLoop, model: Model) -> Detector:
    """The detector that the streams of `loop` share; it goes with the last of them."""
    reference = _detectors.get(loop)
    detector = reference() if reference is not None else None
    if detector is None or detector.model is not model:
        detector = Detector(model)
        _detectors[loop] = weakref.ref(detector)
    return detector


_detectors: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, weakref.ReferenceType[Detector]
] = weakref.WeakKeyDictionary()


def _call(listener: Callable[[T], None], value: T) -> None:
    """Calls out of the batch: what a listener raises is reported, and the other streams go on."""
    try:
        listener(value)
    except Exception as error:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "the listener of a silero stream raised", "exception": error}
        )
