"""How long core waits for a provider, and how often it calls again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import ConfigurationError
from .options import options_of

FIRST_RETRY = 0.1
"""Seconds before the second call: what failed may have been one connection of a pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class APIConnectOptions:
    """Retries and patience for one slot. Raises `ConfigurationError` for what makes no sense."""

    max_retry: int = 2
    """Calls after the first one that failed, when the error is `retryable`; 0 for none."""
    retry_interval: float = 2.0
    """Seconds before the third call and every later one; the second comes after 0.1 s, or sooner
    where this is less. A vendor that asks for more (`retry_after`) gets up to `timeout`."""
    timeout: float = 10.0
    """Seconds without output after which a call has failed: from its start, connecting included, to
    the first, and from one to the next, while something is owed. Not for an STT: it owes nothing
    while nobody speaks."""

    def __post_init__(self) -> None:
        if self.max_retry < 0 or int(self.max_retry) != self.max_retry:
            raise ConfigurationError(
                f"max_retry is {self.max_retry!r}; give 0 for one call, or how often to call again"
            )
        if not self.retry_interval >= 0:
            raise ConfigurationError(
                f"retry_interval is {self.retry_interval!r}; give seconds, 0 or more"
            )
        if not self.timeout > 0:
            raise ConfigurationError(f"timeout is {self.timeout!r}; give seconds, more than 0")

    def delay(self, attempt: int, retry_after: float | None = None) -> float | None:
        """Seconds to wait after the failed call number `attempt` (from 0), or None: give up."""
        if attempt >= self.max_retry:
            return None
        wait = min(FIRST_RETRY, self.retry_interval) if attempt == 0 else self.retry_interval
        return max(wait, min(retry_after or 0.0, self.timeout))


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConnectOptions:
    """The options of every slot of a session. Each may be given as a dict."""

    stt_conn_options: APIConnectOptions = field(default_factory=APIConnectOptions)
    llm_conn_options: APIConnectOptions = field(default_factory=APIConnectOptions)
    tts_conn_options: APIConnectOptions = field(default_factory=APIConnectOptions)
    max_unrecoverable_errors: int = 3
    """Failures of one kind in a row, retries included, that close the session."""

    def __post_init__(self) -> None:
        for name in ("stt_conn_options", "llm_conn_options", "tts_conn_options"):
            options = options_of(APIConnectOptions, getattr(self, name), name=name)
            object.__setattr__(self, name, options)
        if self.max_unrecoverable_errors < 1:
            raise ConfigurationError(
                f"max_unrecoverable_errors is {self.max_unrecoverable_errors!r}; give 1 or more"
            )

    @classmethod
    def of(cls, value: SessionConnectOptions | Mapping[str, Any] | None) -> SessionConnectOptions:
        """The options as they are, or from a dict. Raises `ConfigurationError`."""
        return options_of(cls, value, name="conn_options")
