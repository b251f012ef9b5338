"""Patterns: what a user may say, in words, alternatives, optional words and captures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from antiphon.errors import SettingError

from .captures import TYPES, CaptureType, Value, capture_type
from .words import MAX_CHARS, Utterance, normalise

_TOKEN = re.compile(r"\s+|[()\[\]|^$*]|\{[^{}]*\}|[^\s()\[\]|^$*{}]+|[{}]")
_NAME = re.compile(r"[a-z_][a-z0-9_]*\Z")
_MAX_COST = 20_000
_MAX_OPTIONALS = 16
_GAP = r"(?:\S+ ){0,6}?"


@dataclass(frozen=True, slots=True)
class Match:
    """Where and how a pattern was found."""

    values: Mapping[str, Value]
    """What was captured, by name."""
    words: int
    """How many words were matched as such, captures not counted: what makes a match specific."""
    captured: int = 0
    """How many words were captured."""


class Pattern:
    """A pattern such as `[please] (look up|check) invoice {invoice:digits}`.

    Words are matched whole, anywhere in what was said, in any case and punctuation, contractions
    and full forms alike. `(a|b)` alternatives, `[a]` optional, `*` up to six words of any kind,
    `^` and `$` the beginning and the end of what was said, `{name:type}` a capture. `types` gives
    the types of captures that are written without one; else a capture named as a type is of it,
    and any other is a word.

    The pattern becomes one regular expression whose work is bounded: captures have bounded lengths,
    and a pattern with too many open parts is refused. Raises `SettingError`.
    """

    __slots__ = ("_names", "_regex", "captures", "source")

    def __init__(self, source: str, types: Mapping[str, CaptureType] | None = None) -> None:
        self.source = source
        self._names: list[tuple[str, CaptureType]] = []
        reader = _Reader(source, types or {}, self._names)
        regex = reader.read()
        self._regex = re.compile(rf"(?:^|(?<= )){regex}")
        self.captures: dict[str, CaptureType] = dict(self._names)
        """The types of what it captures, by name."""

    def __repr__(self) -> str:
        return f"Pattern({self.source!r})"

    def search(self, said: Utterance) -> Match | None:
        """The first place where the pattern matches, or None."""
        return next(self.matches(said), None)

    def matches(self, said: Utterance) -> Iterator[Match]:
        """All places where the pattern matches, from the beginning, not overlapping."""
        for found in self._regex.finditer(said.text):
            values: dict[str, Value] = {}
            captured = 0
            for number, (name, kind) in enumerate(self._names):
                start, end = found.span(f"c{number}")
                if start < 0:
                    continue
                value = kind.read(said, start, end)
                if value is None:
                    break
                values[name] = value
                captured += said.text.count(" ", start, end)
            else:
                yield Match(values, found[0].count(" ") - captured, captured)


class _Reader:
    """Turns the source of a pattern into a regular expression, once."""

    def __init__(
        self,
        source: str,
        types: Mapping[str, CaptureType],
        names: list[tuple[str, CaptureType]],
    ) -> None:
        self._source = source
        self._types = types
        self._names = names
        self._tokens = [token for token in _TOKEN.findall(source) if not token.isspace()]
        self._at = 0
        self._optionals = 0

    def read(self) -> str:
        regex, cost, least = self._alternatives(None)
        if not least:
            raise self._error("matches without a word being said", "write at least one word in it")
        if cost > _MAX_COST or self._optionals > _MAX_OPTIONALS:
            raise self._error("has too many open parts", "split it into several patterns")
        return regex

    def _error(self, fact: str, way_out: str) -> SettingError:
        return SettingError(f"the pattern {self._source!r} {fact}; {way_out}")

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _alternatives(self, closing: str | None) -> tuple[str, int, int]:
        """The regex up to `closing`, its cost, and the least number of words it needs."""
        branches: list[str] = []
        cost, least = 1, MAX_CHARS
        while True:
            regex, branch_cost, words = self._sequence(closing)
            branches.append(regex)
            cost, least = max(cost, branch_cost), min(least, words)
            token = self._peek()
            self._at += 1
            if token == "|":
                continue
            if token != closing:
                if token is None:
                    raise self._error(f"lacks a {closing!r}", "close what is open")
                raise self._error(
                    f"has a {token!r} too many", "take it out: punctuation is not matched"
                )
            return f"(?:{'|'.join(branches)})", cost, least

    def _sequence(self, closing: str | None) -> tuple[str, int, int]:
        parts: list[str] = []
        cost, least = 1, 0
        while (token := self._peek()) is not None and token not in ("|", ")", "]"):
            self._at += 1
            if token == "(":
                regex, part, words = self._alternatives(")")
            elif token == "[":
                regex, part, _ = self._alternatives("]")
                regex, words = f"{regex}?", 0
                self._optionals += 1
            elif token == "*":
                regex, part, words = _GAP, 7, 0
            elif token == "^":
                regex, part, words = r"\A", 1, 0
            elif token == "$":
                regex, part, words = r"\Z", 1, 0
            elif token.startswith("{"):
                regex, part, words = self._capture(token)
            else:
                plain = normalise(token)[0]
                regex, part, words = "".join(f"{re.escape(word)} " for word in plain), 1, len(plain)
            parts.append(regex)
            cost, least = cost * part, least + words
        if not parts:
            raise self._error("has an empty part", "write words in it, or take it out")
        # Text at the very end takes all there is.
        if closing is None and self._peek() is None and parts[-1].endswith(r"(?:\S+ )+?)"):
            parts.append(r"\Z")
        return "".join(parts), cost, least

    def _capture(self, token: str) -> tuple[str, int, int]:
        if not token.endswith("}") or token == "{}":
            raise self._error(f"has a {token!r} that is no capture", "write '{name:type}'")
        name, colon, spec = token[1:-1].partition(":")
        name = name.strip()
        if not _NAME.match(name):
            raise self._error(
                f"has a capture named {name!r}", "use lower-case letters, digits and '_'"
            )
        try:
            if colon:
                kind = capture_type(spec)
            else:
                kind = self._types.get(name) or TYPES.get(name) or TYPES["word"]
        except SettingError as error:
            raise SettingError(f"in the pattern {self._source!r}: {error}") from None
        number = len(self._names)
        self._names.append((name, kind))
        return f"(?P<c{number}>{kind.regex})", kind.cost, 1


def _nested_repeat(source: str) -> bool:
    """Whether a group that repeats without bound stands inside another that does: `(a+)+`.

    Such an expression can take time exponential in the length of what was said.
    """
    depth: list[bool] = [False]
    index, in_class = 0, False
    while index < len(source):
        letter = source[index]
        if letter == "\\":
            index += 2
            continue
        if in_class:
            in_class = letter != "]"
        elif letter == "[":
            in_class = True
            if source[index + 1 : index + 2] == "]" or source[index + 1 : index + 3] == "^]":
                index += 1 + (source[index + 1] == "^")
        elif letter == "(":
            depth.append(False)
        elif letter == ")" and len(depth) > 1:
            inner = depth.pop()
            repeated = bool(re.match(r"[*+]|\{\d*,\}", source[index + 1 :]))
            if inner and repeated:
                return True
            depth[-1] |= inner or repeated
        elif letter in "*+" or re.match(r"\{\d*,\}", source[index:]):
            depth[-1] = True
        index += 1
    return False


class Regex:
    """The way out where a `Pattern` does not reach: a regular expression over the text as written.

    Case is ignored; the named groups are the captures, as text. One with a repeat inside a repeat
    is refused. Raises `SettingError`.
    """

    __slots__ = ("_regex", "captures", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            self._regex = re.compile(source, re.IGNORECASE)
        except re.error as error:
            raise SettingError(
                f"the regex {source!r} cannot be read: {error}; it follows Python's re module"
            ) from None
        if _nested_repeat(source):
            raise SettingError(
                f"the regex {source!r} repeats a group that itself repeats, which can take "
                "for ever; write it without the inner or the outer repeat"
            )
        self.captures: dict[str, CaptureType] = dict.fromkeys(self._regex.groupindex, TYPES["text"])

    def search(self, text: str) -> Match | None:
        """The first place in `text` where it matches, or None."""
        found = self._regex.search(text[:MAX_CHARS].strip())
        if found is None:
            return None
        values = {name: value for name, value in found.groupdict().items() if value is not None}
        return Match(values, found[0].count(" ") + 1)
