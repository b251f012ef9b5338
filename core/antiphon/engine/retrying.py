"""When core calls a failed provider again. Providers themselves never retry."""

from __future__ import annotations

from typing import Final

RETRY_DELAYS: Final = (0.1, 2.0)
"""Seconds before the second and the third try."""
