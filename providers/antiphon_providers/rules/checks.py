"""What can be wrong between the parts of a dialogue, each of which is right by itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from antiphon.errors import did_you_mean

if TYPE_CHECKING:
    from .dialogue import Call, Dialogue
    from .templates import Template

ANYWHERE = ("examples", "offers")
"""References that hold in every text: what a caller may say, what the tools can do."""
AFTER_A_TOOL = ("output", "error", "call")
"""References that hold where the output of a tool is answered."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that cannot work, and where."""

    part: Literal["rule", "form"]
    index: int
    name: str
    message: str

    def __str__(self) -> str:
        name = f" ({self.name!r})" if self.name else ""
        return f"{self.part} {self.index + 1}{name}: {self.message}"


def problems(dialogue: Dialogue) -> Iterator[Problem]:
    """Everything that is wrong, in the order of the parts."""
    known = {question.name for form in dialogue.forms for question in form.questions}
    for rule in dialogue.rules:
        known.update(rule.captures)
    for name in sorted(known.intersection(ANYWHERE + AFTER_A_TOOL)):
        yield from _taken(dialogue, name)
    names = {rule.name for rule in dialogue.rules if rule.name}
    for index, rule in enumerate(dialogue.rules):
        extra: tuple[str, ...] = ANYWHERE
        if rule.after or rule.on == "error":
            extra += AFTER_A_TOOL
        if rule.follows and rule.follows not in names:
            yield Problem(
                "rule",
                index,
                rule.name,
                f"'follows' names no rule {rule.follows!r} "
                f"(named rules: {', '.join(sorted(names)) or 'none'})"
                f"{did_you_mean(rule.follows, names)}",
            )
        heads = _in_texts(rule.says + rule.errors) + _in_calls(rule.calls)
        heads += [(path, path.partition(".")[0]) for path, _ in rule.conditions]
        for source, head in heads:
            if head not in known and head not in extra:
                yield Problem("rule", index, rule.name, _unknown(source, head, known, extra))
    seen: set[str] = set()
    for index, form in enumerate(dialogue.forms):
        if form.name in seen:
            yield Problem("form", index, form.name, "another form has this name; give it its own")
        seen.add(form.name)
        heads = _in_texts(form.says) + _in_calls(form.calls)
        for question in form.questions:
            heads += _in_texts(question.asks + question.agains) + _in_calls(question.calls)
        for source, head in heads:
            if head not in known and head not in ANYWHERE:
                yield Problem("form", index, form.name, _unknown(source, head, known, ANYWHERE))


def _in_texts(templates: tuple[Template, ...]) -> list[tuple[str, str]]:
    return [(template.source, path[0]) for template in templates for path in template.paths]


def _in_calls(calls: tuple[Call, ...]) -> list[tuple[str, str]]:
    return [pair for call in calls for pair in _in_texts(tuple(call.templates.values()))]


def _unknown(source: str, head: str, known: set[str], extra: tuple[str, ...]) -> str:
    if head in AFTER_A_TOOL:
        return f"{source!r} refers to {head!r}, which only a rule with 'after' has; use it there"
    names = sorted(known) + list(extra)
    return (
        f"{source!r} refers to {head!r}, which nothing captures (known: {', '.join(names)})"
        f"{did_you_mean(head, names)}"
    )


def _taken(dialogue: Dialogue, name: str) -> Iterator[Problem]:
    message = f"a capture cannot be named {name!r}, which has a meaning of its own; rename it"
    for index, rule in enumerate(dialogue.rules):
        if name in rule.captures:
            yield Problem("rule", index, rule.name, message)
    for index, form in enumerate(dialogue.forms):
        if any(question.name == name for question in form.questions):
            yield Problem("form", index, form.name, message)
