"""What the command line shows of the library's log, which is silent by itself."""

from __future__ import annotations

import logging
from enum import StrEnum


class LogLevel(StrEnum):
    """How much of the log is shown."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"
    silent = "silent"


def show_logs(level: LogLevel) -> None:
    """Shows records of the logger `antiphon` on stderr, from `level` on; again: changes it."""
    logger = logging.getLogger("antiphon")
    for handler in logger.handlers:
        if isinstance(handler, _Handler):
            logger.removeHandler(handler)
    if level is LogLevel.silent:
        logger.addHandler(logging.NullHandler())
        return
    number = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler()
    handler.setLevel(number)
    handler.addFilter(_add_fields)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s%(job_fields)s"))
    logger.addHandler(handler)
    logger.setLevel(number)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Ours: to be found again."""


def _add_fields(record: logging.LogRecord) -> bool:
    from ..app.job import get_job_context

    job = get_job_context(required=False)
    fields = {} if job is None else job.log_context_fields
    record.job_fields = "".join(f" {name}={value!r}" for name, value in fields.items())
    return True
