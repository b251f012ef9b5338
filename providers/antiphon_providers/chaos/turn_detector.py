"""A turn detector with faults."""

from __future__ import annotations

import asyncio
import math

from antiphon.audio import AudioFrame
from antiphon.chat import ChatContext
from antiphon.turn_detector import TurnDetector

from .faults import Disturbed

_IMPOSSIBLE = (math.nan, -1.0, 2.0, math.inf)


class ChaosTurnDetector(Disturbed, TurnDetector):
    """Asks another turn detector, and passes on its judgement with the faults of each call."""

    unwrap: TurnDetector

    @property
    def threshold(self) -> float:  # type: ignore[override]
        return self.unwrap.threshold

    async def end_of_turn(self, chat_ctx: ChatContext, audio: AudioFrame | None) -> float:
        faults = self.next_faults()
        faults.refuse()
        if "drop" in faults.kinds:
            raise faults.lost(0)
        late = faults.slow_by if "slow" in faults.kinds else 0.0
        late += faults.stall_for if "stall" in faults.kinds else 0.0
        if late:
            await asyncio.sleep(late)
        probability = await self.unwrap.end_of_turn(chat_ctx, audio)
        return faults.chance.pick(_IMPOSSIBLE) if "corrupt" in faults.kinds else probability
