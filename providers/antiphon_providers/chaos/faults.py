"""The faults of one call, drawn from a seed and the number of the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from antiphon.clock import Chance, loop_seed
from antiphon.errors import ProviderConnectionError, ProviderRateLimited, ProviderRejected
from antiphon.slot import BuiltSlot
from antiphon.streams import Stream

from . import CommonSettings

T = TypeVar("T")

KINDS = (
    "reject",
    "rate_limit",
    "slow",
    "stall",
    "drop",
    "truncate",
    "garble",
    "corrupt",
)
"""In the order in which chance is asked: a new kind goes to the end, or every seed would change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong in one call; several things may."""

    what: str
    """The wrapped model string and the number of the call, for messages."""
    kinds: frozenset[str]
    after: int
    """Outputs given before a drop or a truncation."""
    stall_after: int
    stall_for: float
    slow_by: float
    chance: Chance
    """For what else is to be drawn: where to cut, what to damage."""

    def refuse(self) -> None:
        """Raises what a vendor answers in place of a stream, if that is what happens."""
        if "reject" in self.kinds:
            raise ProviderRejected(f"chaos: {self.what} was rejected", status=400)
        if "rate_limit" in self.kinds:
            raise ProviderRateLimited(f"chaos: {self.what} met a rate limit", status=429)

    def lost(self, given: int) -> ProviderConnectionError:
        """The error of a connection that breaks after so many outputs."""
        outputs = "1 output" if given == 1 else f"{given} outputs"
        return ProviderConnectionError(
            f"chaos: the connection of {self.what} broke after {outputs}"
        )

    async def disturb(
        self,
        stream: Stream[T],
        *,
        is_output: Callable[[T], bool],
        cut: Callable[[T], Iterable[T]],
        is_end: Callable[[T], bool] = lambda event: False,
        lose_last: bool = False,
    ) -> AsyncGenerator[T, None]:
        """Gives what a stream gives, with these faults, and closes it.

        `is_output` says which events count; `cut` what becomes of one; `is_end` which one is the
        end marker, that a stream which is cut off does not come to. With `lose_last` one that has
        too few outputs to be cut off loses its last one.
        """
        given = 0
        ends = "drop" in self.kinds or "truncate" in self.kinds
        lose_last = lose_last and "truncate" in self.kinds
        kept: list[T] = []  # the latest output, while it may turn out to be the last one
        try:
            async for event in stream:
                if ends and is_end(event):
                    break
                for piece in cut(event):
                    if not is_output(piece):
                        yield piece
                        continue
                    if given == 0 and "slow" in self.kinds:
                        await asyncio.sleep(self.slow_by)
                    if given == self.stall_after and "stall" in self.kinds:
                        await asyncio.sleep(self.stall_for)
                    if ends and given >= self.after:
                        if "drop" in self.kinds:
                            raise self.lost(given)
                        for last in kept:
                            yield last
                        return
                    given += 1
                    if not lose_last:
                        yield piece
                        continue
                    kept.append(piece)
                    if len(kept) > 1:
                        yield kept.pop(0)
            if "drop" in self.kinds:
                raise self.lost(given)
        finally:
            await stream.aclose()


class Disturbed(BuiltSlot):
    """What all wrappers have in common: the slot they stand around, and a count of the calls."""

    unwrap: Any

    def __init__(self, wrapped: Any, string: str, settings: CommonSettings) -> None:
        self.unwrap = wrapped
        self._string = string
        self._settings = settings
        self.calls = 0
        """How many calls were begun."""

    def load(self) -> None:
        self.unwrap.load()

    async def prewarm(self) -> None:
        await self.unwrap.prewarm()

    async def aclose(self) -> None:
        await self.unwrap.aclose()

    def __getattr__(self, name: str) -> Any:
        # what only the wrapped slot has
        if name == "unwrap" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.unwrap, name)

    def next_faults(self) -> Faults:
        """The faults of the next call: the same for the same seed, string and number."""
        self.calls += 1
        settings = self._settings
        seed = settings.seed
        if seed is None:
            seed = loop_seed() or 0
        chance = Chance("chaos", seed, type(self).__name__, self._string, self.calls)
        # All is drawn, whatever is asked for, so that one setting does not change another's fate.
        drawn = {kind for kind in KINDS if chance.share() < getattr(settings, kind, 0.0)}
        after, stall_after = chance.whole(1, 5), chance.whole(0, 5)
        script: tuple[str, ...] = getattr(settings, "script", ())
        if self.calls <= len(script):
            drawn = {script[self.calls - 1]} - {"ok"}
        fixed: int | None = getattr(settings, "after", None)
        return Faults(
            what=f"{self._string!r} (call {self.calls})",
            kinds=frozenset(drawn),
            after=after if fixed is None else fixed,
            stall_after=stall_after if fixed is None else fixed,
            stall_for=settings.stall_for,
            slow_by=settings.slow_by,
            chance=chance,
        )
