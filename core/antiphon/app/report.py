"""The report of a session: what was said, when, and what it cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..chat import report_item

if TYPE_CHECKING:
    from ..session import AgentSession
    from ..streams import Usage

VERSION = 1
"""Of the report's shape; additions do not raise it."""


def make_report(session: AgentSession[Any]) -> dict[str, Any]:
    """The session as JSON-able values, while it runs or afterwards.

    `version`; `history`, the items in order, the agent's text as it was heard; `turns`, one
    timeline per user turn, in seconds from the start of the session; `usage`, counts by model
    string.

    Raises `RuntimeError` for a session that has not been started.
    """
    return {
        "version": VERSION,
        "history": [report_item(item) for item in session.history],
        "turns": [turn.to_dict() for turn in session.turns],
        "usage": {model: _counts(usage) for model, usage in session.usage.items()},
    }


def _counts(usage: Usage) -> dict[str, int | float]:
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in asdict(usage).items()
    }
