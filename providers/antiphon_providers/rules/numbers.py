"""Numbers in words: "thirty four" is 34, "four zero one eight" is "4018"."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {"oh": 0, "o": 0, "nought": 0}
_TENS = {
    word: value * 10
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
} | {"fourty": 40}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_TIMES = {"double": 2, "triple": 3}
_POINT = ("point", "dot")

NUMBER_WORDS = frozenset(_UNITS) | frozenset(_TENS) | frozenset(_SCALES) - {"o"}

_NUMERAL = r"\d+(?:\.\d+)?"
_COUNT = "|".join(sorted(set(_UNITS) | set(_TENS), key=len, reverse=True))
_SCALE = "|".join(_SCALES)
_ONE = rf"(?:{_NUMERAL}|{_COUNT}|(?:{'|'.join(_TIMES)}) (?={_NUMERAL} |(?:{_COUNT}) )|{_SCALE})"
_REST = rf"(?:(?:{_SCALE}) and (?=(?:{_NUMERAL}|{_COUNT}) )|{_ONE} )"

DIGITS_REGEX = rf"(?:a (?=(?:{_SCALE}) ))?(?:{_REST}){{1,24}}"
"""Words that may be a number, each with its space; greedy."""
NUMBER_REGEX = (
    rf"(?:(?:minus|negative) (?=(?:a )?{_ONE} ))?{DIGITS_REGEX}"
    rf"(?:(?:point|dot) (?={_ONE} )(?:{_ONE} ){{1,12}})?"
)
"""The same with a sign and decimals."""


def read_digits(words: Sequence[str]) -> str | None:
    """The digits that the words spell, leading zeros kept; None when they spell none.

    Runs of numbers are set side by side: "forty eighteen" is "4018", "double five" is "55". With
    "hundred" or "thousand" in them they are one number: "four thousand and eighteen" is "4018".
    """
    if any(word in _SCALES for word in words):
        value = _cardinal(words)
        return None if value is None else str(value)
    out: list[str] = []
    times = 1
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if word in _TIMES:
            times = _TIMES[word]
            continue
        if word in _TENS:
            value = _TENS[word]
            if index < len(words) and 0 < _UNITS.get(words[index], 0) < 10:
                value += _UNITS[words[index]]
                index += 1
            piece = str(value)
        elif word in _UNITS:
            piece = str(_UNITS[word])
        elif word.isascii() and word.isdigit():
            piece = word
        else:
            return None
        out.append(piece * times)
        times = 1
    return "".join(out) or None


def read_number(words: Sequence[str]) -> int | float | None:
    """The number that the words mean, or None: "minus two point five" is -2.5.

    What is no number as a whole is read digit by digit: "nineteen eighty four" is 1984.
    """
    words = list(words)
    negative = bool(words) and words[0] in ("minus", "negative")
    if negative:
        words = words[1:]
    fraction = ""
    for index, word in enumerate(words):
        if word in _POINT:
            digits = read_digits(words[index + 1 :])
            if digits is None:
                return None
            fraction = digits
            words = words[:index]
            break
    if len(words) == 1 and "." in words[0] and not fraction:
        return -float(words[0]) if negative else float(words[0])
    whole = _cardinal(words)
    if whole is None:
        digits = read_digits(words)
        if digits is None:
            return None
        whole = int(digits)
    value: int | float = float(f"{whole}.{fraction}") if fraction else whole
    return -value if negative else value


def _cardinal(words: Sequence[str]) -> int | None:
    """The value of a well-formed number such as "two thousand and thirty four", else None."""
    total = 0  # what a thousand or more has closed
    group = 0  # the hundreds in progress
    room = 0  # the next word must be worth less than this: 0 at the start of a group
    ceiling = 10**12  # scales must fall: "two million one thousand", never the other way round
    seen = False
    for index, word in enumerate(words):
        if word == "and":
            if not seen or words[index - 1] not in _SCALES:
                return None
        elif word == "a":
            if index or len(words) < 2 or words[1] not in _SCALES:
                return None
            group, room, seen = 1, 1, True
        elif word in _SCALES:
            scale = _SCALES[word]
            if scale == 100:
                if group >= 100:
                    return None
                group, room = (group if seen and group else 1) * 100, 100
            else:
                if scale >= ceiling:
                    return None
                total += (group or 1) * scale
                ceiling, group, room = scale, 0, 0
            seen = True
        else:
            value = _simple(word)
            if value is None or (room and value >= room) or (value == 0 and len(words) > 1):
                return None
            if seen and not room and value >= ceiling:
                return None
            group += value
            room = 10 if word in _TENS else 1
            seen = True
    return total + group if seen else None


def _simple(word: str) -> int | None:
    if word.isascii() and word.isdigit():
        return int(word)
    value = _TENS.get(word)
    return _UNITS.get(word) if value is None else value
