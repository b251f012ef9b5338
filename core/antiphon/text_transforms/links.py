"""The brackets and addresses of Markdown's links, found in text that may not be whole yet."""

from __future__ import annotations

BRACKET = 100
"""Characters up to the closing bracket; of more, the bracket is text."""
ADDRESS = 500
"""Characters of an address, with its title."""


def bracket_end(text: str, at: int) -> int | None:
    """Where the bracket that opens at `at` has been closed.

    0 when it is not: by the end of the line, another bracket or the limit. None: not known yet.
    """
    stop = at + 1 + BRACKET
    for index in range(at + 1, min(len(text), stop)):
        letter = text[index]
        if letter == "]":
            return index + 1
        if letter in "[\n":
            return 0
    return 0 if len(text) >= stop else None


def url_end(text: str, at: int) -> int | None:
    """Where an address that begins at `at` has been closed by its bracket; 0 when it is none.

    An address has no spaces, but for those before a title in quotes; brackets within it are paired.
    """
    stop = at + ADDRESS
    depth = 0
    index = at
    limit = min(len(text), stop)
    while index < limit:
        letter = text[index]
        if letter in " \t":
            return _title_end(text, index, stop)
        if letter == "\n":
            return 0
        if letter == "(":
            depth += 1
        elif letter == ")":
            if not depth:
                return index + 1
            depth -= 1
        index += 1
    return 0 if len(text) >= stop else None


def _title_end(text: str, at: int, stop: int) -> int | None:
    """As `url_end`, for the spaces, the title and the bracket that are left."""
    quote = ""
    closed = False
    for index in range(at, min(len(text), stop)):
        letter = text[index]
        if letter == "\n":
            return 0
        if quote and not closed:
            closed = letter == quote
        elif letter == ")":
            return index + 1
        elif letter in "\"'" and not quote:
            quote = letter
        elif letter not in " \t":
            return 0
    return 0 if len(text) >= stop else None
