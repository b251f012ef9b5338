"""Secrets: which names are those of keys, and keeping their values out of logs and reports."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

_SECRET_WORDS = frozenset(
    "apikey auth authorization bearer credential credentials key passphrase passwd password secret "
    "token".split()
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SHORTEST = 8
"""Characters from which a value can be told from an ordinary word."""

REDACTED = "***"
"""What stands in the place of a secret."""


def looks_secret(name: str) -> bool:
    """Whether a setting of this name is likely to hold a key: `api_key`, `authToken`, `X-Api-Key`.

    Goes by whole words, so that `max_tokens` and `keyterms` are not hidden.
    """
    return any(word.lower() in _SECRET_WORDS for word in _WORD.findall(name))


def secret_values(more: Iterable[str] = ()) -> tuple[str, ...]:
    """The values of the environment variables that look secret, and of `more`, the longest first;
    short ones are left out."""
    values = {value for name, value in os.environ.items() if looks_secret(name)} | set(more)
    found = [value for value in values if len(value) >= _SHORTEST and not value.isspace()]
    return tuple(sorted(found, key=lambda value: (-len(value), value)))


def redact(value: Any, secrets: tuple[str, ...]) -> Any:
    """`value`, text or JSON-able containers of it, with `***` in the place of every secret."""
    if not secrets:
        return value
    if isinstance(value, str):
        for secret in secrets:
            if secret in value:
                value = value.replace(secret, REDACTED)
        return value
    if isinstance(value, dict):
        return {redact(key, secrets): redact(item, secrets) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item, secrets) for item in value]
    return value
