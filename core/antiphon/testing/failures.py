"""Failures on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fail:
    """An error that a scripted provider raises."""

    error: BaseException
    """What is raised, e.g. `ProviderConnectionError("the line broke")`."""
    call: int | None = 1
    """In which call of the provider, counted from 1; None: in every one."""
    after: float = 0.0
    """STT: seconds of audio heard in that call. TTS: seconds of audio given. LLM: events given."""


def due_failure(fail_at: Fail | Sequence[Fail], call: int) -> Fail | None:
    """The failure that is meant for the `call`-th call, or None."""
    fails = (fail_at,) if isinstance(fail_at, Fail) else fail_at
    return next((fail for fail in fails if fail.call is None or fail.call == call), None)
