"""Words as they are compared: without upper case and punctuation."""

from __future__ import annotations

import re

_APOSTROPHE = "\u2019"
_WORD = re.compile(rf"[^\W_]+(?:['{_APOSTROPHE}][^\W_]+)*")


def words_of(text: str) -> list[str]:
    """The words of a text, in order."""
    return [word.replace(_APOSTROPHE, "'") for word in _WORD.findall(text.casefold())]


def contains(text: str, part: str) -> bool:
    """Whether the words of `part` stand in `text`, one behind the other."""
    whole, sought = words_of(text), words_of(part)
    length = len(sought)
    return any(whole[at : at + length] == sought for at in range(len(whole) - length + 1))
