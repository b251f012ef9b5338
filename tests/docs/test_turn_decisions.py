"""The table of `turn_decision` has what the code gives, no less and no more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import get_args, get_type_hints

from antiphon.events import TurnDecision

from .pages import ROOT

ENGINE = ROOT / "core" / "antiphon" / "engine"
_BY_NAME = {"_commit": "commit", "_interrupt": "interrupt", "yield_thinking": "interrupt"}


def template(node: ast.expr) -> str:
    """A literal as it is; of an f-string what changes is `…`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.JoinedStr), ast.dump(node)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
    )


def decisions(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The decision and the reason of every place that makes one."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        if name == "_decide":
            yield node.args[0], node.args[1]
        elif name == "TurnDecision":
            given = {word.arg: word.value for word in node.keywords}
            yield given["decision"], given["reason"]
        elif name in _BY_NAME:
            yield ast.Constant(_BY_NAME[name]), node.args[0]


def in_code() -> set[tuple[str, str]]:
    found = set()
    for path in sorted(ENGINE.glob("*.py")):
        for decision, reason in decisions(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(reason, ast.Name):
                assert reason.id == "reason", f"{path.name}: give the reason where it is decided"
                continue
            found.add((template(decision), template(reason)))
    return found


def in_docs() -> set[tuple[str, str]]:
    page = (ROOT / "docs" / "turns-and-interruption.md").read_text(encoding="utf-8")
    table = page.partition("\n## Decisions\n")[2]
    return set(re.findall(r"^\| `(\w+)` \| ([^|`]+?) \| [^|]*\|$", table, re.M))


def test_the_table_of_decisions_has_every_reason_that_the_code_gives() -> None:
    assert in_docs() == in_code()


def test_every_kind_of_decision_is_made_somewhere() -> None:
    kinds = set(get_args(get_type_hints(TurnDecision)["decision"]))
    assert {decision for decision, _ in in_code()} == kinds
