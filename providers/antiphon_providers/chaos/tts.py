"""A voice with faults."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping
from typing import Any

from antiphon.streams import Flush
from antiphon.tts import TTS, Audio, TTSCapabilities, TTSEvent

from .cutting import cut_audio
from .faults import Disturbed, Faults


class ChaosTTS(Disturbed, TTS):
    """Has another TTS speak, and passes on its audio with the faults of each call."""

    unwrap: TTS

    @property
    def capabilities(self) -> TTSCapabilities:  # type: ignore[override]
        return self.unwrap.capabilities

    async def synthesize(
        self, text: AsyncIterable[str | Flush], settings: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[TTSEvent, None]:
        faults = self.next_faults()
        faults.refuse()
        halves = _Halves(faults)
        disturbed = faults.disturb(
            self.unwrap.synthesize(text, settings),
            is_output=lambda event: isinstance(event, Audio),
            cut=halves.cut,
            lose_last=True,
        )
        try:
            async for event in disturbed:
                yield event
        finally:
            await disturbed.aclose()


class _Halves:
    """What becomes of the audio of one call."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._pieces = 0

    def cut(self, event: TTSEvent) -> Iterator[TTSEvent]:
        kinds, chance = self._faults.kinds, self._faults.chance
        if not isinstance(event, Audio):
            yield event
            return
        self._pieces += 1
        data = event.data
        if "corrupt" in kinds and self._pieces == 1:
            data = data[:-1]
        for piece in cut_audio(data, chance) if "garble" in kinds else (data,):
            yield Audio(piece, event.sample_rate)
