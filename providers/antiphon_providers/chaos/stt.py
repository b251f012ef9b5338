"""A speech recognition with faults."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Mapping
from typing import Any

from antiphon.audio import AudioFrame
from antiphon.streams import Flush
from antiphon.stt import STT, Final, Partial, STTCapabilities, STTEvent

from .faults import Disturbed, Faults


class ChaosSTT(Disturbed, STT):
    """Has another STT listen, and passes on what it hears with the faults of each call.

    A call lasts as long as a session, unless something goes wrong.
    """

    unwrap: STT

    @property
    def capabilities(self) -> STTCapabilities:  # type: ignore[override]
        return self.unwrap.capabilities

    async def transcribe(
        self,
        audio: AsyncIterable[AudioFrame | Flush],
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[STTEvent, None]:
        faults = self.next_faults()
        faults.refuse()
        disturbed = faults.disturb(
            self.unwrap.transcribe(audio, settings),
            is_output=lambda event: isinstance(event, Partial | Final),
            cut=lambda event: _cut(event, faults),
        )
        try:
            async for event in disturbed:
                yield event
        finally:
            await disturbed.aclose()


def _cut(event: STTEvent, faults: Faults) -> Iterator[STTEvent]:
    """A partial transcript may end anywhere, in the middle of a letter too; a final one is true."""
    if isinstance(event, Partial) and "garble" in faults.kinds:
        yield Partial(event.text[: faults.chance.whole(0, len(event.text))])
    else:
        yield event
