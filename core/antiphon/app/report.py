"""The report of a session: what was said, when, by whom, what failed, and what it cost."""

from __future__ import annotations

import platform
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..chat import report_item
from ..model import Model
from ..redaction import looks_secret, redact, secret_values
from ..timeline import usage_counts
from .session_report import SCHEMA

if TYPE_CHECKING:
    from ..events import CloseEvent, ErrorEvent
    from ..session import AgentSession
    from ..session_options import SessionOptions
    from ..streams import Usage
    from .job import JobContext


def make_report(session: AgentSession[Any], *, job: JobContext | None = None) -> dict[str, Any]:
    """The session as JSON-able values, while it runs or afterwards: see `SessionReport`.

    What was said is in it; keys are not: the values of environment variables and of settings whose
    names look secret are replaced by `***`, wherever they occur.

    Raises `RuntimeError` for a session that has not been started.
    """
    live = session._live
    journal = live.journal
    report = {
        "schema": SCHEMA,
        "versions": {
            "antiphon": __version__,
            "python": platform.python_version(),
            "platform": platform.system(),
        },
        "session": {
            "id": session.id,
            "started_at": session.started_at.isoformat(timespec="milliseconds"),
            "duration": round(live.now() if journal.closed is None else journal.closed.at, 6),
            "options": _options(live.options),
        },
        "job": None
        if job is None
        else {"id": job.job.id, "agent_name": job.job.agent_name, "room": job.room.name},
        "agents": [
            {**agent, "active_since": round(agent["active_since"], 6)}
            for agent in journal.agents.values()
        ],
        "history": [report_item(item) for item in session.history],
        "turns": [turn.to_dict() for turn in session.turns],
        "usage": _by_model(session.usage),
        "discarded_usage": _by_model(session.discarded_usage),
        "errors": [_error(event) for event in journal.errors],
        "errors_left_out": journal.unlisted_errors,
        "close": None if journal.closed is None else _close(journal.closed),
    }
    redacted: dict[str, Any] = redact(report, secret_values(_keys(session)))
    return redacted


def _options(options: SessionOptions) -> dict[str, Any]:
    """The options that are plain values."""
    values = {spec.name: getattr(options, spec.name) for spec in fields(options)}
    return {
        name: value
        for name, value in values.items()
        if value is None or type(value) in (bool, int, float, str)
    }


def _by_model(usage: dict[str, Usage]) -> dict[str, Any]:
    return {model: usage_counts(used) for model, used in usage.items()}


def _error(event: ErrorEvent) -> dict[str, Any]:
    return {
        "at": round(event.at, 6),
        "source": event.source,
        "type": type(event.error).__name__,
        "message": str(event.error),
        "recoverable": event.recoverable,
        "detail": event.detail,
    }


def _close(event: CloseEvent) -> dict[str, Any]:
    error = event.error
    return {
        "at": round(event.at, 6),
        "reason": event.reason,
        "error": None if error is None else f"{type(error).__name__}: {error}",
    }


def _keys(session: AgentSession[Any]) -> list[str]:
    """The keys that were given in the settings of a `Model`."""
    values = [*session._slots.values(), *session.current_agent._slots.values()]
    entries = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return [
        text
        for entry in entries
        if isinstance(entry, Model)
        for name, text in entry.settings.items()
        if looks_secret(name) and isinstance(text, str)
    ]
