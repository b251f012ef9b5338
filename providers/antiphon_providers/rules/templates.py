"""Templates: what the dialogue says, with references to what was said, captured and looked up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from antiphon.errors import SettingError, did_you_mean

from .words import normalise

Path: TypeAlias = tuple[str, ...]
Lookup: TypeAlias = Callable[[Path], Any]
"""Gives the value at a path such as `("output", "amount")`, or None when there is none."""

_TOKEN = re.compile(r"\{\{|\}\}|\[\[|\]\]|[{}\[\]]|[^{}\[\]]+")
_PATH = re.compile(r"[A-Za-z_][\w-]*(?:\.[\w-]+)*\Z")
_ANYTHING = r"(?:\S+ ){0,12}?"
_MARK = "qzreferenceqz"  # stands for a reference while a template is turned into words
_MONTHS = (
    "January February March April May June July August September October November December".split()
)


def spoken(value: Any) -> str:
    """A value as a voice would say it: 42.0 is "42", true is "yes", a list ends with "and"."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, dict):
        return ", ".join(
            f"{str(key).replace('_', ' ')} {spoken(each)}" for key, each in value.items()
        )
    if isinstance(value, list | tuple):
        return joined([spoken(each) for each in value], "and")
    return str(value)


def joined(parts: list[str], last: str) -> str:
    """`"a, b or c"`."""
    return f" {last} ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _date(text: str) -> str:
    """`2026-11-30` as "30 November 2026"; anything else as it is."""
    found = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)(?:T.*)?", text)
    if found is None or not 1 <= int(found[2]) <= 12:
        return text
    return f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}"


FILTERS: dict[str, Callable[[str], str]] = {
    "date": _date,
    "lower": str.lower,
    "spell": lambda text: " ".join(text.replace(" ", "")),
    "title": str.title,
    "upper": str.upper,
}


class _Reference:
    __slots__ = ("filter", "path")

    def __init__(self, path: Path, filter: str | None) -> None:
        self.path = path
        self.filter = filter

    def render(self, lookup: Lookup) -> str | None:
        value = lookup(self.path)
        if value is None:
            return None
        text = spoken(value)
        return FILTERS[self.filter](text) if self.filter else text


_Node: TypeAlias = "str | _Reference | list[_Node]"


class Template:
    """Text with references: `Thank you[, {name}]. Your balance is {output.balance}.`

    `{path}` is replaced by what is found there, `{path:filter}` after a filter of `FILTERS`. What
    stands in `[...]` is left out when a reference in it has nothing. `{{`, `}}`, `[[`, `]]` are the
    brackets themselves. Raises `SettingError`.
    """

    __slots__ = ("_heard", "_nodes", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        tokens = _TOKEN.findall(source)
        self._nodes, _ = self._read(tokens, 0, nested=False)
        self._heard: tuple[re.Pattern[str], ...] | None = None

    def _error(self, fact: str, way_out: str) -> SettingError:
        return SettingError(f"the text {self.source!r} {fact}; {way_out}")

    def _read(self, tokens: list[str], at: int, nested: bool) -> tuple[list[_Node], int]:
        nodes: list[_Node] = []
        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token in ("{{", "}}", "[[", "]]"):
                nodes.append(token[0])
            elif token == "{":
                if at + 1 >= len(tokens) or tokens[at + 1] != "}":
                    raise self._error("has a '{' that is not closed", "write '{{' for the bracket")
                nodes.append(self._reference(tokens[at]))
                at += 2
            elif token == "[":
                inner, at = self._read(tokens, at, nested=True)
                nodes.append(inner)
            elif token == "]" and nested:
                return nodes, at
            elif token in ("}", "]"):
                raise self._error(
                    f"has a {token!r} that closes nothing", f"write {token * 2!r} for the bracket"
                )
            else:
                nodes.append(token)
        if nested:
            raise self._error("has a '[' that is not closed", "write '[[' for the bracket")
        return nodes, at

    def _reference(self, text: str) -> _Reference:
        path, colon, name = (part.strip() for part in text.partition(":"))
        if not _PATH.match(path):
            raise self._error(f"has a reference {text!r}", "write '{name}' or '{output.field}'")
        if colon and name not in FILTERS:
            raise self._error(
                f"has a reference with the unknown filter {name!r}",
                f"the filters are {', '.join(FILTERS)}{did_you_mean(name, FILTERS)}",
            )
        return _Reference(tuple(path.split(".")), name or None)

    @property
    def paths(self) -> list[Path]:
        """All references, in their order."""
        return [node.path for node in _references(self._nodes)]

    @property
    def whole(self) -> Path | None:
        """The path, when the template is one reference and nothing else."""
        if len(self._nodes) == 1 and isinstance(node := self._nodes[0], _Reference):
            return None if node.filter else node.path
        return None

    def render(self, lookup: Lookup) -> str | None:
        """The text, or None when a reference outside `[...]` has nothing."""
        text = _render(self._nodes, lookup)
        return None if text is None else " ".join(text.split())

    def found_in(self, words: str) -> int | None:
        """Where the plain `words` hold this text, whatever its references were; None: nowhere."""
        if self._heard is None:
            flat = (_flat(self._nodes, optional) for optional in (False, True))
            found = {regex: re.compile(regex) for text in flat if (regex := _as_regex(text))}
            self._heard = tuple(found.values())
        places = [place.start() for regex in self._heard if (place := regex.search(words))]
        return min(places, default=None)


def _references(nodes: list[_Node]) -> Iterator[_Reference]:
    for node in nodes:
        if isinstance(node, _Reference):
            yield node
        elif isinstance(node, list):
            yield from _references(node)


def _render(nodes: list[_Node], lookup: Lookup) -> str | None:
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, list):
            parts.append(_render(node, lookup) or "")
        else:
            text = node.render(lookup)
            if text is None:
                return None
            parts.append(text)
    return "".join(parts)


def _flat(nodes: list[_Node], optional: bool) -> str:
    parts: list[str] = []
    for node in nodes:
        if isinstance(node, str):
            parts.append(node)
        elif isinstance(node, _Reference):
            parts.append(_MARK)
        elif optional:
            parts.append(_flat(node, optional))
    return "".join(parts)


def _as_regex(text: str) -> str | None:
    words = normalise(text)[0]
    if all(_MARK in word for word in words):
        return None
    return r"(?:^|(?<= ))" + "".join(
        _ANYTHING if _MARK in word else f"{re.escape(word)} " for word in words
    )
