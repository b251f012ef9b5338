"""The types of captures: what `{name:type}` accepts in a pattern, and the value it gives."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from antiphon.errors import SettingError, did_you_mean

from .numbers import (
    DIGITS_REGEX,
    NUMBER_REGEX,
    NUMBER_WORDS,
    read_digits,
    read_number,
)
from .words import Utterance, normalise

Value: TypeAlias = str | int | float | bool

YES = "yes|yeah|yep|yup|sure|certainly|correct|exactly|okay|ok|of course|that is right|right|true"
NO = "no|nope|nah|not really|not at all|wrong|false|never"
_YES_WORDS = frozenset(YES.split("|"))

# Words that show that what stands there is no name, or that the name is over.
_NOT_IN_NAMES = frozenset(
    "a about account actually again all also am an and any anything are as at back be because "
    "been but buy by bye call called caller calling can cannot check could customer day did "
    "do does done evening fine for from get give go going good goodbye great had has have he "
    "hello help here hey hi how i idea if in interested invoice is it just know let like "
    "looking make matter may me mean meant might moment morning much must my name need never "
    "nice no nope not nothing of oh ok okay old on one or our out please question ready "
    "really repeat right said say see service she should so some something sorry speak sure "
    "talk tell than thank thanks that the their them then there they thing think this to too "
    "uh um unfortunately us very wait want was way we well were what when where which who why "
    "with wonder would wrong yeah year years yep yes yet you your".split()
) | (NUMBER_WORDS - {"oh"})

_NAME_WORD = rf"(?!(?:{'|'.join(sorted(_NOT_IN_NAMES))}) )[^\W\d_]\S* "


@dataclass(frozen=True, slots=True)
class CaptureType:
    """One type of capture."""

    name: str
    regex: str
    """Matches words, each followed by its space; without groups that capture."""
    read: Callable[[Utterance, int, int], Value | None]
    """The value of `utterance.text[start:end]`; None when these words are of another kind."""
    cost: int
    """How many lengths it may try at one place: bounds the work of a pattern."""
    bare: tuple[str, ...]
    """Patterns of a plain answer, `{x}` standing for the capture."""
    anywhere: bool = False
    """Whether a plain answer may stand anywhere in what was said."""


def _word(said: Utterance, start: int, end: int) -> Value | None:
    return said.original(start, end) or None


def _name(said: Utterance, start: int, end: int) -> Value | None:
    written = said.original(start, end)
    # A recogniser writes no capitals; a person who typed "McDonald" or "van Dyke" meant them.
    if written and written in (written.lower(), written.upper()):
        written = re.sub(r"(?<![^\s'\u2019-])\w", lambda letter: letter[0].upper(), written.lower())
    return written or None


def _digits(said: Utterance, start: int, end: int) -> Value | None:
    words = [word for word in said.text[start:end].split() if word != "a"]
    return None if words in (["oh"], ["o"]) else read_digits(words)


def _number(said: Utterance, start: int, end: int) -> Value | None:
    words = said.text[start:end].split()
    return None if words in (["oh"], ["o"]) else read_number(words)


def _yes_or_no(said: Utterance, start: int, end: int) -> Value | None:
    return said.text[start:end].strip() in _YES_WORDS


TYPES = {
    kind.name: kind
    for kind in (
        CaptureType("word", r"\S+ ", _word, 1, ("^{x}$",)),
        CaptureType(
            "name",
            rf"(?:{_NAME_WORD}){{1,4}}",
            _name,
            4,
            (
                "^{x}$",
                "^(i am|it is|this is|that is|call me|you can call me|they call me) {x}$",
                "name is {x}",
            ),
        ),
        CaptureType("number", NUMBER_REGEX, _number, 24, ("{x}",), True),
        CaptureType("digits", DIGITS_REGEX, _digits, 24, ("{x}",), True),
        CaptureType("text", r"(?:\S+ )+?", _word, 1000, ("^{x}$",)),
        CaptureType(
            "yesno",
            "(?:" + "|".join(f"{words} " for words in f"{YES}|{NO}".split("|")) + ")",
            _yes_or_no,
            1,
            ("^{x}", "{x}$"),
            True,
        ),
    )
}


def capture_type(spec: str) -> CaptureType:
    """The type written as `spec`: one of `TYPES`, or choices such as `small|medium|large`.

    Raises `SettingError`.
    """
    spec = spec.strip()
    if "|" in spec:
        return choices(tuple(choice.strip() for choice in spec.split("|")))
    kind = TYPES.get(spec)
    if kind is None:
        raise SettingError(
            f"no capture is of type {spec!r} (types: {', '.join(TYPES)}, or choices: red|blue)"
            f"{did_you_mean(spec, TYPES)}"
        )
    return kind


def choices(options: tuple[str, ...]) -> CaptureType:
    """A capture of one of `options`; its value is the option as it is written there."""
    plain = {" ".join(normalise(option)[0]) + " ": option for option in options}
    if "" in options or " " in plain:
        raise SettingError(f"the choices {'|'.join(options)!r} include one without a word")
    # The longest first: "large pizza" before "large".
    regex = "|".join(re.escape(words) for words in sorted(plain, key=len, reverse=True))

    def read(said: Utterance, start: int, end: int) -> Value | None:
        return plain.get(said.text[start:end])

    return CaptureType("|".join(options), f"(?:{regex})", read, 1, ("{x}",), True)
