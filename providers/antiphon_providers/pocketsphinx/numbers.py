"""Numbers in recognised words: "four zero one seven" becomes "4017", and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ONES = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()

_DIGIT = {word: value for value, word in enumerate(ONES)}
_TEEN = {word: value for value, word in enumerate(TEENS, 10)}
_TEN = {word: value * 10 for value, word in enumerate(TENS, 2)}
_SCALE = {"thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_NUMBERED = frozenset(
    "account age case code customer extension gate invoice item line number option order page "
    "platform press reference room step table ticket version".split()
)
"""Words after which a lone "one" is a number: "option one"."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word of the normalised text, and the recognised words that it stands for."""

    text: str
    first: int
    """Index of its first word."""
    last: int
    """Index of its last word, inclusive."""


def normalise(words: Sequence[str]) -> list[Token]:
    """Writes the numbers among `words` in digits; everything else stays as it is.

    * Cardinals: "twenty three" 23, "one hundred and five" 105, "a thousand" 1000. "and" belongs to
      a number only behind a hundred, a thousand and so on.
    * Numbers read out digit by digit or in pairs are joined: "four oh one seven" and "forty
      seventeen" 4017, "nineteen ninety nine" 1999, "twenty oh five" 2005. What may be a time of day
      is not: "seven thirty" 7 30, "ten fifteen" 10 15.
    * "oh" is a zero where another two digits are read out with it, or between two.
    * Decimals: "two point five" 2.5.
    * A lone "one" stays a word ("one moment", "no one") unless it is counted with ("option one",
      "one or two"). Other lone digits become figures.
    * Ordinals stay words.
    """
    tokens: list[Token] = []
    index = 0
    while index < len(words):
        found = _scaled(words, index) or _grouped(words, index)
        if found is None:
            tokens.append(Token(words[index], index, index))
            index += 1
            continue
        for text, length in found:
            tokens.append(Token(text, index, index + length - 1))
            index += length
    return tokens


def _word(words: Sequence[str], index: int) -> str:
    return words[index] if 0 <= index < len(words) else ""


def _below_hundred(words: Sequence[str], index: int) -> tuple[int, int] | None:
    """The value of a number under 100 and how many words it has."""
    word = _word(words, index)
    if word in _TEN:
        unit = _DIGIT.get(_word(words, index + 1), 0)
        return (_TEN[word] + unit, 2) if unit else (_TEN[word], 1)
    value = _DIGIT.get(word, _TEEN.get(word))
    return None if value is None else (value, 1)


def _below_thousand(words: Sequence[str], index: int) -> tuple[int, int, bool] | None:
    """Value, words, and whether it says "hundred"."""
    small = _below_hundred(words, index)
    if small is None and words[index : index + 1] == ["a"]:
        small = (1, 1) if _word(words, index + 1) in ("hundred", *_SCALE) else None
    if small is None:
        return None
    value, length = small
    if _word(words, index + length) != "hundred" or value == 0:
        return value, length, False
    value, length = value * 100, length + 1
    skip = 1 if _word(words, index + length) == "and" else 0
    rest = _below_hundred(words, index + length + skip)
    if rest is not None and rest[0]:
        value, length = value + rest[0], length + skip + rest[1]
    return value, length, True


def _scaled(words: Sequence[str], index: int) -> list[tuple[str, int]] | None:
    """A cardinal that says "hundred" or more, or a decimal."""
    words = list(words)
    total, length, limit, scaled = 0, 0, 10**12, False
    while True:
        skip = 1 if length and _word(words, index + length) == "and" else 0
        part = _below_thousand(words, index + length + skip)
        if part is None or (length and not part[0]):
            break
        value, count, hundred = part
        scale = _SCALE.get(_word(words, index + length + skip + count), 1)
        if scale >= limit:
            break
        total += value * scale
        length += skip + count + (scale > 1)
        limit = scale
        scaled = scaled or hundred or scale > 1
        if scale == 1:
            break
    if not length:
        return None
    decimals = ""
    if _word(words, index + length) == "point":
        while (digit := _DIGIT.get(_word(words, index + length + 1 + len(decimals)))) is not None:
            decimals += str(digit)
    if decimals:
        return [(f"{total}.{decimals}", length + 1 + len(decimals))]
    return [(str(total), length)] if scaled else None


def _groups(words: Sequence[str], index: int) -> list[tuple[str, int]]:
    """Digits and two-digit numbers that follow one another, each with the number of its words."""
    groups: list[tuple[str, int]] = []
    ohs: list[int] = []  # which of them are an "oh"
    while True:
        if _word(words, index) == "oh":
            ohs.append(len(groups))
            found: tuple[int, int] | None = (0, 1)
        else:
            found = _below_hundred(words, index)
        if found is None or _word(words, index + found[1]) in ("hundred", *_SCALE):
            break
        groups.append((str(found[0]), found[1]))
        index += found[1]
    ending = 0
    while len(groups) - 1 - ending in ohs:
        ending += 1
    if ending == len(groups) or (ending == 1 and len(groups) == 2):
        del groups[len(groups) - ending :]
    return [] if 0 in ohs and len(groups) < 3 else groups


def _grouped(words: Sequence[str], index: int) -> list[tuple[str, int]] | None:
    """A number without "hundred": lone, or read out in digits and pairs."""
    groups = _groups(words, index)
    if not groups:
        return None
    if len(groups) == 1:
        text, length = groups[0]
        if text == "1" and not _one_is_a_number(words, index):
            return None
        return [(text, length)]
    if len(groups) == 2 and len(groups[1][0]) == 2:
        hour, minute = (int(text) for text, _ in groups)
        if hour < 10 or (hour <= 12 and minute < 60):
            return groups
    return [("".join(text for text, _ in groups), sum(length for _, length in groups))]


def _one_is_a_number(words: Sequence[str], index: int) -> bool:
    if _word(words, index - 1) in _NUMBERED:
        return True
    for step in (-1, 1):
        if _word(words, index + step) in ("or", "to"):
            if _below_hundred(words, index + 2 * step) is not None:
                return True
    return False


def spoken(figures: str) -> list[list[str]]:
    """The ways to say a number written in figures, likeliest first; none for what is no number.

    "4017" is "four zero one seven", "four oh one seven", "forty seventeen" and "four thousand
    seventeen"; "3rd" is "third".
    """
    figures = figures.replace(",", "")
    ordinal = re.fullmatch(r"(\d+)(?:st|nd|rd|th)", figures)
    if ordinal:
        number = int(ordinal[1])
        return [[_ORDINALS[number - 1]]] if 0 < number <= len(_ORDINALS) else []
    decimal = re.fullmatch(r"(\d{1,9})\.(\d{1,9})", figures)
    if decimal:
        return [[*_cardinal(int(decimal[1])), "point", *(ONES[int(d)] for d in decimal[2])]]
    if not re.fullmatch(r"[0-9]{1,32}", figures):
        return []
    ways: list[list[str]] = []
    plain = len(figures) == 1 or figures[0] != "0"
    digits = [ONES[int(digit)] for digit in figures]
    if plain and len(figures) <= 3:
        ways.append(_cardinal(int(figures)))
    if len(figures) >= 3 or not plain:
        ways.append(digits)
        if "zero" in digits:
            ways.append(["oh" if word == "zero" else word for word in digits])
    pairs = [figures[at : at + 2] for at in range(0, len(figures), 2)]
    if len(figures) == 4 and plain and pairs[0][0] != "0" and pairs[1] != "00":
        second = _cardinal(int(pairs[1]))
        ways.append([*_cardinal(int(pairs[0])), *(["oh"] if pairs[1][0] == "0" else []), *second])
    if plain and 4 <= len(figures) <= 12 and (len(figures) == 4 or figures.endswith("000")):
        ways.append(_cardinal(int(figures)))
    return ways


def _cardinal(number: int) -> list[str]:
    if number < 10:
        return [ONES[number]]
    if number < 20:
        return [TEENS[number - 10]]
    if number < 100:
        return [TENS[number // 10 - 2], *([ONES[number % 10]] if number % 10 else [])]
    for scale, name in (
        (10**9, "billion"),
        (10**6, "million"),
        (1000, "thousand"),
        (100, "hundred"),
    ):
        if number >= scale:
            rest = _cardinal(number % scale) if number % scale else []
            return [*_cardinal(number // scale), name, *rest]
    raise AssertionError(number)
