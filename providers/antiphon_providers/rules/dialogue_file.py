"""Dialogue files: TOML, checked when it is read, with the line of what is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from antiphon.errors import ConfigurationError, SettingError, did_you_mean

from .checks import problems
from .dialogue import Dialogue, Form, Question, Rule

T = TypeVar("T")

_OPTIONS = ("examples", "small_talk", "from_tools")
DIALOGUE_KEYS = ("rule", "form", *_OPTIONS)
RULE_KEYS = (
    *("name", "when", "regex", "on", "instructions", "after"),
    *("follows", "where", "say", "error", "call"),
)
FORM_KEYS = ("name", "when", "on", "say", "call", "question")
QUESTION_KEYS = ("name", "type", "choices", "ask", "when", "again", "call")


@dataclass(frozen=True, slots=True)
class DialogueFile:
    """What a file holds: one dialogue, or several under `[dialogue.NAME]`."""

    title: str
    """What messages call the file."""
    sections: Mapping[str, Dialogue]
    """By name; the one dialogue of a file without sections is named `""`."""

    def dialogue(self, section: str | None = None) -> Dialogue:
        """The dialogue of that section; None: the only one.

        Raises `ConfigurationError` when there is none, or several to choose from.
        """
        names = [name for name in self.sections if name]
        if section is None:
            if len(self.sections) == 1:
                return next(iter(self.sections.values()))
            raise ConfigurationError(
                f"{self.title} holds several dialogues ({', '.join(names)}); "
                f"name one: '#{names[0]}' after the path, or section={names[0]!r}"
            )
        if section not in names:
            held = ", ".join(names) or "one, without a name"
            raise ConfigurationError(
                f"{self.title} holds no dialogue {section!r} (dialogues: {held})"
                f"{did_you_mean(section, names)}"
            )
        return self.sections[section]


def read_file(path: Path) -> DialogueFile:
    """Reads a dialogue file. Raises `SettingError`, `ConfigurationError` when it is not there."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        near = [each.name for each in _siblings(path)]
        raise ConfigurationError(
            f"no dialogue file {str(path)!r} (looked for {path.absolute()})"
            f"{did_you_mean(path.name, near)}"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"the dialogue file {str(path)!r} cannot be read: {error.strerror}; check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingError(
            f"the dialogue file {str(path)!r} is not UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error
    return read_text(text, title=path.name)


def _siblings(path: Path) -> Iterable[Path]:
    try:
        return sorted(path.parent.glob("*.toml"))
    except OSError:
        return ()


def read_text(text: str, *, title: str = "the dialogue") -> DialogueFile:
    """Reads the text of a dialogue file; messages call it `title`. Raises `SettingError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(
            f"{title} is not TOML: {str(error)[:1].lower()}{str(error)[1:]}"
        ) from None
    return _Reader(title, text).read(data)


class _Reader:
    """Reads one file; knows where each table of it begins."""

    def __init__(self, title: str, text: str) -> None:
        self._title = title
        self._text = text

    def read(self, data: dict[str, Any]) -> DialogueFile:
        sections = data.pop("dialogue", {})
        if not isinstance(sections, dict) or not all(
            isinstance(x, dict) for x in sections.values()
        ):
            raise SettingError(
                f"{self._title}: 'dialogue' holds named tables; write [dialogue.NAME]"
            )
        if not sections:
            return DialogueFile(self._title, {"": self._dialogue("", data, {})})
        # What stands above all sections is read by itself too, so that its mistakes are its own.
        self._keys(f"{self._title}", data, (*DIALOGUE_KEYS, "dialogue"))
        return DialogueFile(
            self._title,
            {name: self._dialogue(name, table, data) for name, table in sections.items()},
        )

    def _dialogue(self, name: str, table: dict[str, Any], shared: dict[str, Any]) -> Dialogue:
        where = f"{self._title}, dialogue {name!r}" if name else self._title
        self._keys(where, table, DIALOGUE_KEYS)
        parts: dict[str, list[tuple[str, Any]]] = {"rule": [], "form": []}
        readers: dict[str, Callable[[str, dict[str, Any]], Any]] = {
            "rule": self._rule,
            "form": self._form,
        }
        # A section's own parts come before those at the top of the file, which all sections share.
        for source, prefix in ((table, f"dialogue.{name}." if name else ""), (shared, "")):
            for part, read in readers.items():
                for index, entry in enumerate(self._tables(where, part, source.get(part, []))):
                    place = self._place(prefix, part, index, entry)
                    parts[part].append((place, read(place, entry)))
        options = {
            key: source[key] for source in (shared, table) for key in _OPTIONS if key in source
        }
        rules = [rule for _, rule in parts["rule"]]
        forms = [form for _, form in parts["form"]]
        # Checked here first, because here the lines are known.
        for problem in problems(_Parts(tuple(rules), tuple(forms))):  # type: ignore[arg-type]
            place, _ = parts[problem.part][problem.index]
            raise SettingError(f"{place}: {problem.message}")
        return self._made(where, lambda: Dialogue(name=name, rules=rules, forms=forms, **options))

    def _rule(self, place: str, entry: dict[str, Any]) -> Rule:
        self._keys(place, entry, RULE_KEYS)
        self._strings(place, entry, ("name", "on", "after", "follows"))
        return self._made(place, lambda: Rule(**entry))

    def _form(self, place: str, entry: dict[str, Any]) -> Form:
        self._keys(place, entry, FORM_KEYS)
        self._strings(place, entry, ("name", "on"))
        if "name" not in entry:
            raise SettingError(f"{place}: a form needs 'name'")
        questions = []
        tables = self._tables(place, "question", entry.get("question", []))
        for index, table in enumerate(tables):
            inner = f"{place}, question {index + 1}"
            if isinstance(table.get("name"), str):
                inner += f" ({table['name']!r})"
            self._keys(inner, table, QUESTION_KEYS)
            self._strings(inner, table, ("name", "type"))
            for key in ("name", "ask"):
                if key not in table:
                    raise SettingError(f"{inner}: a question needs {key!r}")
            questions.append(self._made(inner, lambda table=table: Question(**table)))  # type: ignore[misc]
        rest = {key: value for key, value in entry.items() if key != "question"}
        return self._made(place, lambda: Form(questions=questions, **rest))

    def _made(self, place: str, make: Callable[[], T]) -> T:
        try:
            return make()
        except SettingError as error:
            raise SettingError(f"{place}: {error}") from None

    def _keys(self, place: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                raise SettingError(
                    f"{place}: unknown key {key!r} (known: {', '.join(known)})"
                    f"{did_you_mean(key, known)}"
                )

    def _strings(self, place: str, table: Mapping[str, Any], keys: tuple[str, ...]) -> None:
        for key in keys:
            if key in table and not isinstance(table[key], str):
                raise SettingError(f"{place}: {key!r} takes a text, not {table[key]!r}")

    def _tables(self, where: str, part: str, entries: Any) -> list[dict[str, Any]]:
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise SettingError(
                f"{where}: {part!r} is a list of tables; write [[{part}]], in double brackets"
            )
        return entries

    def _place(self, prefix: str, part: str, index: int, entry: Mapping[str, Any]) -> str:
        """E.g. `intake.toml line 12, rule 3 ('invoice')`; without the line for an inline table."""
        dots = r"\s*\.\s*".join(
            rf"[\"']?{re.escape(name)}[\"']?" for name in f"{prefix}{part}".split(".")
        )
        headers = re.finditer(rf"^[ \t]*\[\[\s*{dots}\s*\]\]", self._text, re.MULTILINE)
        found = next((header for i, header in enumerate(headers) if i == index), None)
        line = f" line {self._text.count(chr(10), 0, found.end()) + 1}" if found else ""
        name = entry.get("name")
        return (
            f"{self._title}{line}, {part} {index + 1}"
            f"{f' ({name!r})' if isinstance(name, str) and name else ''}"
        )


@dataclass(frozen=True, slots=True)
class _Parts:
    """As much of a dialogue as `problems` looks at."""

    rules: tuple[Rule, ...]
    forms: tuple[Form, ...]
