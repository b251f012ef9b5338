"""When core calls a failed provider again. Providers themselves never retry."""

from __future__ import annotations

from ..conn_options import APIConnectOptions
from ..errors import ProviderError


def retry_delay(options: APIConnectOptions, error: BaseException, attempt: int) -> float | None:
    """Seconds until the next call after the failed one number `attempt` (from 0); None: no more."""
    if not isinstance(error, ProviderError) or not error.retryable:
        return None
    return options.delay(attempt, error.retry_after)
