"""A voice activity detection with faults."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from antiphon.audio import AudioFrame
from antiphon.vad import VAD, VADCapabilities, VADEvent, VADStream

from .faults import Disturbed, Faults


class ChaosVAD(Disturbed, VAD):
    """Has another VAD listen, and passes on its events with the faults of each stream."""

    unwrap: VAD

    @property
    def capabilities(self) -> VADCapabilities:  # type: ignore[override]
        return self.unwrap.capabilities

    def stream(self, on_event: Callable[[VADEvent], None]) -> ChaosVADStream:
        return ChaosVADStream(self.unwrap, on_event, self.next_faults())


class ChaosVADStream(VADStream):
    """One detection: its events come late, stay away for a while, or end with a failure."""

    def __init__(self, wrapped: VAD, on_event: Callable[[VADEvent], None], faults: Faults) -> None:
        self._on_event = on_event
        self._faults = faults
        self._events = 0
        self._late: deque[tuple[float, VADEvent]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False
        self._stream = wrapped.stream(self._heard)

    @property
    def voiced_until(self) -> float | None:  # type: ignore[override]
        return self._stream.voiced_until

    def push(self, frame: AudioFrame) -> None:
        if not self._ended:
            self._stream.push(frame)

    def reset(self) -> None:
        self._stream.reset()

    def close(self) -> None:
        self._ended = True
        self._late.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stream.close()

    def _heard(self, event: VADEvent) -> None:
        faults = self._faults
        if self._ended:
            return
        given, self._events = self._events, self._events + 1
        if "drop" in faults.kinds and given >= faults.after:
            self.close()
            self._on_event(VADEvent(type="failed", at=event.at, error=faults.lost(given)))
            return
        delay = 0.0
        if given == 0 and "slow" in faults.kinds:
            delay += faults.slow_by
        if given == faults.stall_after and "stall" in faults.kinds:
            delay += faults.stall_for
        if not delay and not self._late:
            self._on_event(event)
            return
        # The order stays: what comes behind a late event waits for it.
        due = asyncio.get_running_loop().time() + delay
        self._late.append((max(due, self._late[-1][0]) if self._late else due, event))
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._late:
            self._timer = asyncio.get_running_loop().call_at(self._late[0][0], self._tell)

    def _tell(self) -> None:
        self._timer = None
        _, event = self._late.popleft()
        self._arm()
        self._on_event(event)
