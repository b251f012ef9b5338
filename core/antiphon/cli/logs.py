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


class LogFormat(StrEnum):
    """What a record looks like."""

    text = "text"
    json = "json"


def show_logs(level: LogLevel, format: LogFormat = LogFormat.text) -> None:
    """Shows records of the logger `antiphon` on stderr, from `level` on; again: changes it."""
    logger = logging.getLogger("antiphon")
    for handler in logger.handlers:
        if isinstance(handler, _Handler):
            logger.removeHandler(handler)
    if level is LogLevel.silent:
        logger.addHandler(logging.NullHandler())
        return
    from ..logs import JsonFormatter, TextFormatter

    number = logging.getLevelNamesMapping()[level.upper()]
    handler = _Handler()
    handler.setLevel(number)
    handler.setFormatter(JsonFormatter() if format is LogFormat.json else TextFormatter())
    logger.addHandler(handler)
    logger.setLevel(number)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]
    """Ours: to be found again."""
