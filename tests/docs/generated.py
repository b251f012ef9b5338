"""The parts of the pages that are made from the sources; run as a program, it writes them.

python tests/docs/generated.py
"""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from antiphon import events
from antiphon.cli.migrating import page
from antiphon.cli.migrating.events import EVENT_CLASSES

DOCS = Path(__file__).parents[2] / "docs"
_HEAD = "| name | class | fields | when | in livekit-agents |"
_ROW = re.compile(r"^\| `([a-z_]+)` \| `\w+` \| [^|]* \| ((?:\\\||[^|])*?) \|.*$", re.M)
_TABLE = re.compile(r"^\| name \| class \| fields \| when \|[^\n]*\n(?:\|[^\n]*\n)+", re.M)


def events_page(text: str) -> str:
    """docs/events.md with names, classes and fields as they are in `antiphon.events`.

    When an event comes is kept as the page has it; that of a new one is its docstring.
    """
    table = _TABLE.search(text)
    if table is None:
        raise ValueError("docs/events.md has no table of events")
    told = {name: when.strip() for name, when in _ROW.findall(table[0])}
    theirs = {ours: old for old, ours in EVENT_CLASSES.items()}
    lines = [_HEAD, "|---|---|---|---|---|"]
    for kind in events.EVENTS:
        names = [field.name for field in dataclasses.fields(kind) if field.name != "at"]
        fields = ", ".join(f"`{name}`" for name in names)
        there = f"`{theirs[kind.__name__]}`" if kind.__name__ in theirs else "-"
        when = told.get(kind.name) or _docstring(kind)
        lines.append(f"| `{kind.name}` | `{kind.__name__}` | {fields} | {when} | {there} |")
    return text[: table.start()] + "\n".join(lines) + "\n" + text[table.end() :]


def _docstring(kind: type) -> str:
    text = " ".join((kind.__doc__ or "").split()).rstrip(".")
    return (text[:1].lower() + text[1:]).replace("|", "\\|")


def semantics_page(text: str) -> str:
    """docs/semantics.md with the rules of `tests/core/semantics/rules.toml`."""
    made: str = _beside("core/semantics/rules.py").rules_page(text)
    return made


def _beside(path: str) -> Any:
    # By its path: this file is run as a program too, which has no package to import from.
    name = "antiphon_tests_" + re.sub(r"\W", "_", path)
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PAGES: dict[str, Callable[[str], str]] = {
    "coming-from-livekit-agents.md": page.filled,
    "events.md": events_page,
    "semantics.md": semantics_page,
}
"""By page: what it should be, given what it is."""


def main() -> None:
    for name, generate in PAGES.items():
        path = DOCS / name
        text = path.read_text(encoding="utf-8")
        path.write_text(generate(text), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
