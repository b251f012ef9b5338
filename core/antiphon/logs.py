"""The library's log: what every record carries, and what none does unless asked.

Records of the loggers `antiphon…` get the fields of `FIELDS` and those of the job. What was said is
in none of them: see `content_allowed`.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .clock import wall_text
from .errors import AntiphonError, ToolError
from .redaction import redact, secret_values

FIELDS = ("session_id", "agent_id", "turn")
"""What a record of a session has as attributes; None outside of any."""

LEFT_OUT = "(left out; ANTIPHON_LOG_CONTENT=1 shows it)"
"""In the place of the message of an error that user code, or what it uses, has raised."""


class SessionFields:
    """What the log knows of one session; the engine keeps it up to date."""

    __slots__ = ("agent_id", "session_id", "turn")

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.agent_id: str | None = None
        self.turn: int | None = None
        """The last user turn; None before the first."""


session_fields: ContextVar[SessionFields | None] = ContextVar("antiphon_log", default=None)
"""Of the session that the running task, tool or hook belongs to."""

job_fields: ContextVar[Callable[[], Mapping[str, Any]] | None] = ContextVar(
    "antiphon_job_log", default=None
)
"""Gives `ctx.log_context_fields` of the running job."""


@contextmanager
def logged_as(fields: SessionFields) -> Iterator[None]:
    """Records within are those of this session."""
    token = session_fields.set(fields)
    try:
        yield
    finally:
        session_fields.reset(token)


_errors_shown = 0
"""How many `showing_errors` there are."""


@contextmanager
def showing_errors() -> Iterator[None]:
    """Within, the messages of errors are in the log of this process, with `***` for keys: for
    commands with which a developer tries out agents of their own, who see them anyway.

    Nothing else of what is said is; `ANTIPHON_LOG_CONTENT=0` leaves the messages out all the same.
    """
    global _errors_shown
    _errors_shown += 1
    try:
        yield
    finally:
        _errors_shown -= 1


def content_allowed() -> bool:
    """Whether what is said, and the messages of errors that may hold it, may be logged.

    Only with `ANTIPHON_LOG_CONTENT=1`.
    """
    return os.environ.get("ANTIPHON_LOG_CONTENT", "") not in ("", "0")


def may_show(error: BaseException) -> bool:
    """Whether an error's message may be logged: ours hold nothing of what was said, a `ToolError`
    and what others raise may. See `showing_errors`."""
    if content_allowed():
        return True
    if _errors_shown and os.environ.get("ANTIPHON_LOG_CONTENT") != "0":
        return True
    return isinstance(error, AntiphonError) and not isinstance(error, ToolError)


def error_text(error: BaseException) -> str:
    """An error for the log: `ValueError: …`, its message left out where it may not be shown."""
    name = type(error).__name__
    if not may_show(error):
        return f"{name}: {LEFT_OUT}"
    return f"{name}: {error}" if str(error) else name


class ContextFilter(logging.Filter):
    """Adds the fields of the session and the job to every record; drops none.

    Records of the library have them already. Put it on a handler of your own to have them on the
    records of your tools and agents as well: `handler.addFilter(ContextFilter())`.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        if not hasattr(record, "session_id"):
            _add_fields(record)
        return True


def complete(record: logging.LogRecord) -> None:
    """Adds the fields to a record of the library, and leaves out of its traceback the messages that
    may not be shown.

    The handler that `import antiphon` puts on the logger `antiphon` calls it, before any handler
    further up sees the record.
    """
    if not hasattr(record, "session_id"):
        _add_fields(record)
    secrets = secret_values()
    try:
        message = record.getMessage()
    except (TypeError, ValueError):
        message = ""  # arguments that do not fit: whoever prints it tells of that
    shown = redact(message, secrets)
    if shown != message:
        record.msg, record.args = shown, ()
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return
    if all(may_show(each) for each in _chain(error)):
        whole = "".join(traceback.format_exception(error)).rstrip("\n")
    else:
        whole = ""
    text = redact(whole or _bare_traceback(error), secrets)
    if text != whole:
        record.exc_text, record.exc_info = text, None


def _add_fields(record: logging.LogRecord) -> None:
    session = session_fields.get()
    for name in FIELDS:
        setattr(record, name, None if session is None else getattr(session, name))
    job = job_fields.get()
    fields = {} if job is None else job()
    record.job_fields = dict(fields)
    for name, value in fields.items():
        if not hasattr(record, name):  # a record's own attributes are not to be changed
            setattr(record, name, value)


def _chain(error: BaseException) -> list[BaseException]:
    """The error and those that it came from."""
    chain: list[BaseException] = []
    left: BaseException | None = error
    while left is not None and left not in chain:
        chain.append(left)
        left = left.__cause__ or (None if left.__suppress_context__ else left.__context__)
    return chain


def _bare_traceback(error: BaseException) -> str:
    """The traceback of an error and its causes: lines of source, and names of errors."""
    parts = []
    for each in reversed(_chain(error)):
        frames = "".join(traceback.format_tb(each.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{frames}{error_text(each)}")
    return "\n\nwhich led to:\n\n".join(parts)


class TextFormatter(logging.Formatter):
    """`WARNING antiphon.session: message session_id=… turn=2 room='x'`."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message with the fields behind it."""
        fields = _fields_of(record)
        return super().formatMessage(record) + "".join(
            f" {name}={value!r}"
            if isinstance(value, str) and name not in FIELDS
            else f" {name}={value}"
            for name, value in fields.items()
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, the fields of the session
    and the job, and `exception` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        values: dict[str, Any] = {
            "time": wall_text(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in _fields_of(record).items():
            values.setdefault(name, value)
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            values["exception"] = record.exc_text
        return json.dumps(values, ensure_ascii=False, default=str)


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """The fields of a record that are set: the session's, then the job's."""
    values = {name: getattr(record, name, None) for name in FIELDS}
    return {name: value for name, value in values.items() if value is not None} | dict(
        getattr(record, "job_fields", None) or {}
    )
