"""Every rule of `rules.toml` is shown by tests that exist and run."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from .rules import TESTS, Rule, read_rules

RULES = read_rules()


@cache
def marks_by_test(path: str) -> dict[str, tuple[str, ...]]:
    """The tests of a file, each with its decorators and the marks of the module."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    shared = [
        ast.unparse(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    return {
        node.name: (*shared, *(ast.unparse(decorator) for decorator in node.decorator_list))
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def problems(rule: Rule) -> list[str]:
    """What is wrong with the tests of a rule."""
    found = [] if rule.tests else ["no test"]
    for test in rule.tests:
        path, _, name = test.partition("::")
        if not (TESTS / path).is_file():
            found.append(f"there is no tests/{path}")
        elif name not in marks_by_test(path) or not name.startswith("test_"):
            found.append(f"tests/{path} has no test {name}")
        elif any("skip" in mark or "xfail" in mark for mark in marks_by_test(path)[name]):
            found.append(f"{test} is skipped, or expected to fail")
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.text[:60])
def test_a_rule_is_shown_by_tests_that_run(rule: Rule) -> None:
    assert problems(rule) == []


def test_a_rule_stands_once() -> None:
    texts = [(rule.section, rule.text) for rule in RULES]
    assert len(texts) == len(set(texts))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    here = "core/semantics/test_rules.py"
    other = tmp_path / "test_other.py"
    other.write_text("@pytest.mark.skip\ndef test_x():\n    pass\n", encoding="utf-8")
    assert problems(Rule("s", "r", ())) == ["no test"]
    assert problems(Rule("s", "r", ("core/none.py::test_x", f"{here}::test_x"))) == [
        "there is no tests/core/none.py",
        f"tests/{here} has no test test_x",
    ]
    assert problems(Rule("s", "r", (f"{other}::test_x",))) == [
        f"{other}::test_x is skipped, or expected to fail"
    ]
