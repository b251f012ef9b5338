"""Forms made from the agent's tools, for an agent that has no dialogue of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from antiphon.errors import SettingError
from antiphon.tools import Tool

from .arguments import Unfit, arguments_of, variants
from .captures import Value
from .checks import AFTER_A_TOOL, ANYWHERE
from .collector import Collector
from .dialogue import Call, Dialogue, Form, Question
from .purpose import question_for
from .templates import Lookup, joined, spoken
from .understanding import keyword_weight, volunteered
from .words import normalise, utterance

_COMMON = frozenset(
    "a about after all also an and any are as at be before by call called caller can customer "
    "do does for from function get give given has have her his how if in is it its me my new "
    "of on one only or our out returns set should so some that the their them then they this "
    "to tool up use used user using want wants what when where which who will with would you "
    "your".split()
)
_DIGITS = frozenset("number phone telephone pin zip postcode invoice".split())
_NOT_OFFERS = frozenset(
    "a an called call invoked must never note only returns should the this to use used when".split()
)
_MAX_WORDS = 8
_EXAMPLE = re.compile(r"[\s,;:(]+(?:e\.\s?g\.|i\.\s?e\.|for example\b|such as\b)", re.IGNORECASE)
# Not after "Dr.", "No." and the like, nor after a single letter.
_END = re.compile(r"(?<!\b[A-Za-z]\.)(?<!\b(?:Dr|Mr|Ms|No|St)\.)(?<!\bMrs\.)(?<=[.!?])\s|\n\n")


def with_tools(
    dialogue: Dialogue, tools: Sequence[Tool], purpose: str | None = None
) -> tuple[Dialogue, Collector | None]:
    """The dialogue with a form for every tool whose arguments can be asked for; and its collector,
    if exactly one of the tools takes values. `purpose`: what the agent is to ask for."""
    forms = {tool.name: form for tool in tools if (form := form_of(tool)) is not None}
    takers = [tool for tool in tools if _takes_values(tool)]
    collector = None
    if len(takers) == 1 and takers[0].name in forms:
        collector = _collector(takers[0], forms, purpose, enters=_enters(dialogue))
        forms[takers[0].name] = collector.form
        for form in filter(None, (collector.confirm, collector.decline)):
            forms[form.calls[0].tool] = form
    return replace(dialogue, forms=(*dialogue.forms, *forms.values())), collector


def _takes_values(tool: Tool) -> bool:
    """Whether it has parameters that must be given, all of them plain values."""
    properties = tool.parameters.get("properties") or {}
    required = [properties.get(each) or {} for each in tool.parameters.get("required") or ()]
    plain = [kind for each in required for kind in variants(each, tool.parameters)]
    return bool(required) and not any(each.get("type") in ("array", "object") for each in plain)


def _enters(dialogue: Dialogue) -> bool:
    """Whether the dialogue itself has what the agent does when it enters."""
    return "enter" in (
        *(rule.on for rule in dialogue.rules),
        *(form.on for form in dialogue.forms),
    )


def _collector(
    tool: Tool, forms: Mapping[str, Form], purpose: str | None, *, enters: bool
) -> Collector:
    form = forms[tool.name]
    questions = list(form.questions)
    if purpose is not None:
        if len(questions) == 1 and not questions[0].choices:
            questions[0] = replace(questions[0], ask=_escaped(question_for(purpose)))
        form = replace(form, questions=tuple(questions), on=None if enters else "enter")
    noun = tool.name.partition("_")[2]
    told = [_plain(each) for each in (purpose or "", *(each.name for each in questions))]
    topic = {word for words in told for word in words} | {word for word, _ in form.keywords}
    return Collector(
        form,
        _unasked(forms.get(f"confirm_{noun}")),
        _unasked(forms.get(f"decline_{noun}")),
        frozenset(topic - _COMMON),
    )


def _unasked(form: Form | None) -> Form | None:
    """The form of a tool that the caller does not name: what they answer begins it."""
    if form is None or form.questions:
        return None
    return replace(form, keywords=((form.name, 1),))


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
    """The words by which a caller may mean the tool: those of its name weigh 2, others 1."""
    named = [word for word in _plain(tool.name) if word not in _COMMON]
    told = [word for word in _plain(_first_sentence(tool)) if len(word) > 3 and word not in _COMMON]
    weights = {**dict.fromkeys(told, 1), **dict.fromkeys(named, 2)}
    return list(weights.items())


def offer(tool: Tool) -> str:
    """What the tool does, as the end of "I can ..."."""
    sentence = _first_sentence(tool)
    words = sentence.split()
    if words and words[0].lower() not in _NOT_OFFERS and len(words) <= 2 * _MAX_WORDS:
        return " ".join([_infinitive(words[0]), *words[1:]])
    return " ".join(_plain(tool.name))


def _infinitive(verb: str) -> str:
    """`"Looks"` as "look": descriptions are written in either form."""
    verb = verb.lower()
    if len(verb) < 4 or not verb.endswith("s") or verb.endswith(("ss", "us")):
        return verb
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    return verb[:-2] if verb.endswith(("sses", "shes", "ches", "xes", "zzes")) else verb[:-1]


def required_call(
    tools: Sequence[Tool], text: str, values: Mapping[str, Value]
) -> tuple[str, dict[str, Any]] | None:
    """The tool that fits the words best, with its arguments; None when none fits.

    An only tool fits whenever its arguments are known, be the words what they may.
    """
    said = utterance(text)
    found: list[tuple[int, str, dict[str, Any]]] = []
    for tool in tools:
        form = form_of(tool)
        if form is None:
            continue
        told = {each.question.name: each.value for each in volunteered(form, said)}
        for question in form.questions:
            if question.kind.name == "text" and text.strip():
                told.setdefault(question.name, values.get(question.name, text.strip()))
        known = {**values, **told}
        try:
            arguments = arguments_of(form.calls[0], tool.parameters, _lookup_in(known))
        except Unfit:
            continue
        weight = len(told) + keyword_weight(form, set(said.words))
        if weight or len(tools) == 1:
            found.append((weight, tool.name, arguments))
    if not found:
        return None
    _, name, arguments = max(found, key=lambda each: each[0])
    return name, arguments


def _lookup_in(values: Mapping[str, Value]) -> Lookup:
    return lambda path: values.get(path[0])


def _question(name: str, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Question | None:
    """The question for a parameter; None when its type cannot be said in a sentence."""
    plain = variants(schema, root)
    if not plain:
        return None
    words = " ".join(_plain(name)) or name
    described = _phrase(str(schema.get("description") or "")) or f"the {words}"
    key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "value"
    if key in ANYWHERE + AFTER_A_TOOL or not key[0].isalpha():
        key = f"the_{key}"
    kind = plain[0].get("type")
    options = plain[0].get("enum")
    if options:
        spoken_options = tuple(spoken(option) for option in options)
        ask = f"What is {described}: {joined(list(spoken_options), 'or')}?"
        return Question(name=key, ask=_escaped(ask), choices=spoken_options)
    if kind == "boolean":
        return Question(name=key, ask=_escaped(f"Yes or no: {words}?"), type="yesno")
    if kind == "object":
        return None
    ask = _escaped(f"What is {described}?")
    if kind in ("integer", "number"):
        return Question(name=key, ask=ask, type="number")
    named = set(_plain(name))
    if "name" in named:
        return Question(name=key, ask=ask, type="name")
    return Question(name=key, ask=ask, type="digits" if named & _DIGITS else "text")


def _phrase(description: str) -> str:
    """The description of a parameter as what stands after "What is"; "" when it does not fit."""
    plain = _EXAMPLE.split(description.strip(), maxsplit=1)[0]
    first = re.split(r"(?<!\b[A-Za-z])\.(?=\s|$)|[;:(\n]", plain, maxsplit=1)[0].strip()
    words = first.split()
    if not words or len(words) > _MAX_WORDS or "?" in first:
        return ""
    if words[0].lower() in ("the", "a", "an"):
        words = words[1:]
    elif words[0].lower() in ("whether", "if", "optional", "how", "what", "which", "when", "where"):
        return ""
    if not words:
        return ""
    if not words[0].isupper():
        words[0] = words[0][0].lower() + words[0][1:]
    owned = words[0].lower() in ("your", "their", "his", "her", "our", "my")
    return " ".join(words if owned else ["the", *words])


def _first_sentence(tool: Tool) -> str:
    plain = re.split(_END, tool.description.strip(), maxsplit=1)[0]
    return _EXAMPLE.split(plain, maxsplit=1)[0].rstrip(".!? ")


def _plain(name: str) -> list[str]:
    """The words of a name in any of the usual spellings, or of a sentence."""
    return normalise(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_.]", " ", name))[0]


def _escaped(text: str) -> str:
    return re.sub(r"([{}\[\]])", r"\1\1", text)
