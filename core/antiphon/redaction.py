"""Secrets: which names are those of keys, and keeping their values out of logs and reports."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
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

_MOST_HIDDEN = 1000
_hidden: dict[str, None] = {}
"""Keys that were given in code, the latest last."""


def hide(values: Iterable[str]) -> None:
    """Keeps these values out of all logs and reports of this process from now on: keys that a
    provider was built with, wherever they came from. Of the 1000 latest only, so that a server with
    a key for each of many tenants does not grow."""
    for value in values:
        _hidden.pop(value, None)
        _hidden[value] = None
    for value in list(_hidden)[:-_MOST_HIDDEN]:
        _hidden.pop(value, None)


def looks_secret(name: str) -> bool:
    """Whether a setting of this name is likely to hold a key: `api_key`, `authToken`, `X-Api-Key`.

    Goes by whole words, so that `max_tokens` and `keyterms` are not hidden.
    """
    return any(word.lower() in _SECRET_WORDS for word in _WORD.findall(name))


def secrets_in(value: Any, *, secret: bool = False) -> list[str]:
    """The texts in a setting that are keys: all of them where it is `secret`, else those in
    mappings under names that look so. `"Bearer abc"` is two, since a message may quote either."""
    if isinstance(value, str):
        return [value, *value.split()] if secret else []
    if isinstance(value, Mapping):
        return [
            text
            for name, each in value.items()
            for text in secrets_in(each, secret=secret or looks_secret(str(name)))
        ]
    if isinstance(value, list | tuple):
        return [text for each in value for text in secrets_in(each, secret=secret)]
    return []


def secret_values(more: Iterable[str] = ()) -> tuple[str, ...]:
    """The values of the environment variables that look secret, those of `hide`, and `more`, the
    longest first; short ones are left out."""
    values = {value for name, value in os.environ.items() if looks_secret(name)}
    values |= {*list(_hidden), *more}
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
