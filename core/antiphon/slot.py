"""What every built slot has besides its seam: a life from loading to closing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

SelfT = TypeVar("SelfT", bound="BuiltSlot")


class BuiltSlot:
    """An object that fills a slot. It is shared: one per model string, settings and key.

    Used as `async with build_llm("…") as llm:` outside a session, it is loaded and closed there.
    """

    def load(self) -> None:
        """Imports and model files; may run in a thread. Called once before first use."""

    async def prewarm(self) -> None:
        """Opens sockets, starts workers or runs the model once, ahead of need."""

    async def reconfigure(self, settings: Mapping[str, Any], *, stream: object) -> None:
        """Has an open stream of this slot take on other settings: all of them, as a call gets them.

        Optional, for an STT or a TTS whose settings are marked `live=True`. Called when a session
        changes nothing but these, in place of building another slot; `stream` is the very object
        that `transcribe` or `synthesize` returned. What is being heard or spoken is finished as it
        began. Other sessions share the slot: change nothing but the stream. Raises `ProviderError`
        when the stream cannot be changed: it goes on as it was, and the next has the settings.
        """
        raise NotImplementedError

    async def aclose(self) -> None:
        """Frees what `load` and `prewarm` took; harmless when repeated."""

    async def __aenter__(self: SelfT) -> SelfT:
        self.load()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
