"""Forms made from the agent's tools, for an agent that has no dialogue of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from antiphon.errors import SettingError
from antiphon.tools import Tool

from .arguments import Unfit, arguments_of, variants
from .captures import Value
from .checks import AFTER_A_TOOL, ANYWHERE
from .dialogue import Call, Dialogue, Form, Question
from .patterns import Match
from .templates import joined, spoken
from .understanding import Script, Situation
from .words import normalise

_COMMON = frozenset(
    "a about after all also an and any are as at be before by call called caller can customer do does "
    "for from function get give given has have her his how if in is it its me my new of on one only or "
    "our out returns set should so some that the their them then they this to tool up use used user "
    "using want wants what when where which who will with would you your".split()
)
_DIGITS = frozenset("number phone telephone pin zip postcode invoice".split())
_NOT_OFFERS = frozenset(
    "a an called call invoked must never note only returns should the this to use used when".split()
)
_MAX_WORDS = 8


def with_tools(dialogue: Dialogue, tools: Sequence[Tool]) -> Dialogue:
    """The dialogue with a form for every tool whose arguments can be asked for."""
    forms = [form for tool in tools if (form := form_of(tool)) is not None]
    return replace(dialogue, forms=(*dialogue.forms, *forms), from_tools=False)


def form_of(tool: Tool) -> Form | None:
    """A form that asks for the tool's required parameters and calls it; None when it cannot ask."""
    parameters = tool.parameters
    properties: Mapping[str, Any] = parameters.get("properties") or {}
    questions: list[Question] = []
    arguments: dict[str, str] = {}
    for parameter in parameters.get("required") or ():
        try:
            question = _question(parameter, properties.get(parameter) or {}, parameters)
        except SettingError:
            return None
        if question is None or question.name in (each.name for each in questions):
            return None
        questions.append(question)
        arguments[parameter] = f"{{{question.name}}}"
    return Form(
        name=f"tool {tool.name}",
        questions=tuple(questions),
        call=Call(tool.name, arguments),
        keywords=tuple(keywords(tool)) or ((tool.name.lower(), 2),),
    )


def keywords(tool: Tool) -> list[tuple[str, int]]:
    """The words by which a caller may mean the tool, with their weights: 2 from its name, else 1."""
    named = [word for word in _plain(tool.name) if word not in _COMMON]
    told = [word for word in _plain(_first_sentence(tool)) if len(word) > 3 and word not in _COMMON]
    weights = {**dict.fromkeys(told, 1), **dict.fromkeys(named, 2)}
    return list(weights.items())


def offer(tool: Tool) -> str:
    """What the tool does, as the end of "I can ..."."""
    sentence = _first_sentence(tool)
    words = sentence.split()
    if words and words[0].lower() not in _NOT_OFFERS and len(words) <= 2 * _MAX_WORDS:
        return sentence[0].lower() + sentence[1:] if not words[0].isupper() else sentence
    return " ".join(_plain(tool.name))


def required_call(
    tools: Sequence[Tool], text: str, values: Mapping[str, Value]
) -> tuple[str, dict[str, Any]] | None:
    """The tool that fits the words best and whose required arguments are known, with these."""
    found: list[tuple[int, str, dict[str, Any]]] = []
    said = set(_plain(text))
    for tool in tools:
        form = form_of(tool)
        if form is None:
            continue
        # Its own name makes the form begin whatever the words are.
        script = Script(Dialogue(forms=(form,), small_talk=False))
        known = dict(values)
        for question in form.questions:
            meaning = script.understand(text, Situation(asked=(form, question)))
            for answer in meaning.answers:
                if answer.question is question and question.kind.anywhere:
                    known[question.name] = answer.value
        call = form.calls[0]
        try:
            arguments = arguments_of(
                call, tool.parameters, lambda path, known=known: known.get(path[0])
            )
        except Unfit:
            continue
        weight = sum(weight for word, weight in keywords(tool) if word in said)
        found.append((weight, tool.name, arguments))
    if not found:
        return None
    _, name, arguments = max(found, key=lambda each: each[0])
    return name, arguments
