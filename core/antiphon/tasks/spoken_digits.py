"""Digits as people say them and models write them down."""

from __future__ import annotations

import re

_WORDS = {
    word: str(value)
    for value, word in enumerate("zero one two three four five six seven eight nine".split())
} | {"oh": "0", "o": "0", "nought": "0"}
_TIMES = {"double": 2, "triple": 3}
_SEPARATORS = re.compile(r"[\s\-‐-―−.,/()]+")  # noqa: RUF001


def digits_in(text: str) -> tuple[str, str]:
    """The digits of `text`, and the first piece of it that is none, or "".

    Separators are left out; `five`, `oh`, `double five` count. Digits of other scripts are digits.
    """
    found = ""
    times, multiplier = 1, ""
    for piece in filter(None, _SEPARATORS.split(text.lower())):
        if piece in _TIMES and times == 1:
            times, multiplier = _TIMES[piece], piece
            continue
        digits = _WORDS.get(piece, piece)
        if not digits.isdecimal() or (times > 1 and len(digits) > 1):
            return found, piece
        found += "".join(str(int(digit)) for digit in digits) * times
        times, multiplier = 1, ""
    return found, multiplier
