"""What every built slot has besides its seam: a life from loading to closing."""

from __future__ import annotations

from typing import TypeVar

SelfT = TypeVar("SelfT", bound="BuiltSlot")


class BuiltSlot:
    """An object that fills a slot. It is shared: one per model string, settings and key.

    Used as `async with build_llm("…") as llm:` outside a session, it is loaded and closed there.
    """

    def load(self) -> None:
        """Imports and model files; may run in a thread. Called once before first use."""

    async def prewarm(self) -> None:
        """Opens sockets, starts workers or runs the model once, ahead of need."""

    async def aclose(self) -> None:
        """Frees what `load` and `prewarm` took; harmless when repeated."""

    async def __aenter__(self: SelfT) -> SelfT:
        self.load()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
