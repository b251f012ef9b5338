"""The rules of a conversation, as `rules.toml` has them, and the page that is made of them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, and what shows it."""

    section: str
    text: str
    tests: tuple[str, ...]
    """`path under tests/::name` each."""


def read_rules() -> list[Rule]:
    """All rules, in order."""
    data = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    return [
        Rule(section["title"], text, tuple(tests))
        for section in data["section"]
        for text, *tests in section["rules"]
    ]


def rules_page(text: str) -> str:
    """docs/semantics.md: its introduction as it is, then the rules by section."""
    lines = [text.partition("\n## ")[0].rstrip()]
    section = ""
    for rule in read_rules():
        if rule.section != section:
            section = rule.section
            lines += ["", f"## {section}", "", "| rule | shown by |", "|---|---|"]
        shown = ", ".join(_link(test) for test in rule.tests)
        lines.append(f"| {rule.text.replace('|', chr(92) + '|')} | {shown} |")
    return "\n".join(lines) + "\n"


def _link(test: str) -> str:
    path, _, name = test.partition("::")
    return f"[{name.removeprefix('test_').replace('_', ' ')}](../tests/{path})"
