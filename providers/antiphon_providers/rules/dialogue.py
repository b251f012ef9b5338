"""The dialogue as values: a `Dialogue`, its rules, and its forms with their questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from antiphon.errors import SettingError, did_you_mean

from .captures import CaptureType, capture_type, choices
from .checks import problems
from .patterns import Pattern, Regex
from .small_talk import KINDS, SMALL_TALK
from .templates import Template

Texts: TypeAlias = str | Sequence[str]
"""One text, or several: patterns are alternatives, things to say take turns."""
Argument: TypeAlias = str | int | float | bool
Calls: TypeAlias = "str | Call | Mapping[str, Mapping[str, Argument]] | Sequence[Any]"
"""`"tool"`, `Call(...)`, `{"tool": {"parameter": "{capture}"}}`, or several of these."""


def _set(target: object, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(target, name, value)


def _texts(key: str, value: object) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, Sequence) or not all(isinstance(text, str) for text in texts):
        raise SettingError(f"{key!r} takes a text or a list of texts, not {value!r}")
    if any(not text.strip() for text in texts):
        raise SettingError(f"{key!r} holds an empty text; write words, or leave it out")
    return tuple(texts)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the dialogue makes."""

    tool: str
    arguments: Mapping[str, Argument] | tuple[tuple[str, Argument], ...] | None = None
    """By parameter: a literal, or a text with references; `"{age}"` alone keeps the type of the
    capture. None: every parameter that bears the name of a capture gets it."""
    templates: Mapping[str, Template] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.tool, str) or not self.tool:
            raise SettingError(f"'call' names a tool, not {self.tool!r}")
        pairs = self.arguments
        if pairs is not None:
            if not isinstance(pairs, Mapping | tuple):
                raise SettingError(
                    f"the arguments of the call of {self.tool!r} are a table, not {pairs!r}; "
                    'write call = { tool = { parameter = "{capture}" } }'
                )
            pairs = tuple(dict(pairs).items())
            for name, value in pairs:
                if not isinstance(value, str | int | float | bool):
                    raise SettingError(
                        f"the argument {name!r} of {self.tool!r} is a text, a number or a boolean, "
                        f"not {value!r}"
                    )
        templates = {name: Template(value) for name, value in pairs or () if isinstance(value, str)}
        _set(self, arguments=pairs, templates=templates)


def _calls(value: Calls) -> tuple[Call, ...]:
    if isinstance(value, str):
        return (Call(value),)
    if isinstance(value, Call):
        return (value,)
    if isinstance(value, Mapping):
        return tuple(Call(tool, arguments) for tool, arguments in value.items())
    if isinstance(value, Sequence):
        return tuple(call for each in value for call in _calls(each))
    raise SettingError(f"'call' takes a tool's name or {{ tool = {{ ... }} }}, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When something happens, say this and call that.

    Exactly one of `when`/`regex`, `on`, `instructions` and `after` says when. The first rule that
    applies is taken.
    """

    name: str = ""
    """What messages and `follows` call it."""
    when: Texts = ()
    """Patterns over what the user said; within a rule the most specific match counts."""
    regex: Texts = ()
    """Regular expressions over what the user said, as written."""
    on: str | None = None
    """A kind of small talk, or a situation: `small_talk.KINDS`."""
    instructions: Texts = ()
    """Patterns over the instructions of a reply that was asked for."""
    after: str | None = None
    """The tool whose output is to be answered."""
    follows: str | None = None
    """The rule applies only if the agent has just said what the rule of this name says."""
    where: Mapping[str, Any] | tuple[tuple[str, Any], ...] = ()
    """Conditions: `{"output.status": "overdue"}`; a list holds alternatives."""
    say: Texts = ()
    """What is said; before the call, if there is one. Several take turns."""
    error: Texts = ()
    """With `after`: what is said when the tool failed."""
    call: Calls = ()
    """The tools to call."""
    patterns: tuple[Pattern | Regex, ...] = field(init=False, compare=False, repr=False)
    says: tuple[Template, ...] = field(init=False, compare=False, repr=False)
    errors: tuple[Template, ...] = field(init=False, compare=False, repr=False)
    calls: tuple[Call, ...] = field(init=False, compare=False, repr=False)
    conditions: tuple[tuple[str, Any], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        when, regex = _texts("when", self.when), _texts("regex", self.regex)
        instructions = _texts("instructions", self.instructions)
        triggers = [
            key
            for key, given in (
                ("when", when or regex),
                ("on", self.on),
                ("instructions", instructions),
                ("after", self.after),
            )
            if given
        ]
        if len(triggers) != 1:
            raise SettingError(
                f"a rule has exactly one of 'when' (or 'regex'), 'on', 'instructions' and 'after', "
                f"not {' and '.join(map(repr, triggers)) or 'none'}"
            )
        if self.on is not None and self.on not in KINDS:
            raise SettingError(
                f"'on' takes one of {', '.join(KINDS)}, not {self.on!r}"
                f"{did_you_mean(self.on, KINDS)}"
            )
        if not self.after and self.error:
            raise SettingError("'error' belongs to a rule with 'after'; name the tool there")
        if self.follows and not (when or regex):
            raise SettingError("'follows' belongs to a rule with 'when'; say what the user answers")
        if not isinstance(self.where, Mapping | tuple):
            raise SettingError(f"'where' takes a table of conditions, not {self.where!r}")
        calls = _calls(self.call)
        where = tuple((path, _frozen(value)) for path, value in dict(self.where).items())
        if not (self.say or self.error or calls):
            raise SettingError("a rule needs something to do; give it 'say' or 'call'")
        _set(
            self,
            when=when,
            regex=regex,
            instructions=instructions,
            where=where,
            conditions=where,
            say=_texts("say", self.say),
            error=_texts("error", self.error),
            call=calls,
            patterns=(*map(Pattern, when or instructions), *map(Regex, regex)),
            says=tuple(map(Template, _texts("say", self.say))),
            errors=tuple(map(Template, _texts("error", self.error))),
            calls=calls,
        )

    @property
    def captures(self) -> dict[str, CaptureType]:
        """What the patterns capture, by name."""
        return {name: kind for each in self.patterns for name, kind in each.captures.items()}


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One thing that a form needs to know."""

    name: str
    """The answer goes by this name in templates and calls."""
    ask: Texts
    """How it is asked; several take turns."""
    type: str = "text"
    """The type of the answer, as in a capture."""
    choices: Sequence[str] = ()
    """The possible answers, instead of a type."""
    when: Texts = ()
    """Patterns that answer it unasked: `"my name is {name}"`."""
    again: Texts = ()
    """How it is asked after an answer that was not understood; else the fallback, then `ask`."""
    call: Calls = ()
    """Called with each answer."""
    kind: CaptureType = field(init=False, compare=False, repr=False)
    patterns: tuple[Pattern, ...] = field(init=False, compare=False, repr=False)
    bare: tuple[Pattern, ...] = field(init=False, compare=False, repr=False)
    asks: tuple[Template, ...] = field(init=False, compare=False, repr=False)
    agains: tuple[Template, ...] = field(init=False, compare=False, repr=False)
    calls: tuple[Call, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        options = _texts("choices", self.choices)
        if options and self.type != "text":
            raise SettingError("a question has either 'type' or 'choices'; leave out one")
        if not self.ask:
            raise SettingError("a question needs 'ask': the words that ask it")
        kind = choices(options) if options else capture_type(self.type)
        when = _texts("when", self.when)
        patterns = tuple(Pattern(source, {self.name: kind}) for source in when)
        for pattern in patterns:
            if self.name not in pattern.captures:
                raise SettingError(
                    f"the pattern {pattern.source!r} answers the question {self.name!r} without "
                    f"capturing it; write '{{{self.name}}}' in it"
                )
        bare = (source.replace("{x}", f"{{{self.name}}}") for source in kind.bare)
        _set(
            self,
            ask=_texts("ask", self.ask),
            choices=options,
            when=when,
            again=_texts("again", self.again),
            call=_calls(self.call),
            kind=kind,
            patterns=patterns,
            bare=tuple(Pattern(source, {self.name: kind}) for source in bare),
            asks=tuple(map(Template, _texts("ask", self.ask))),
            agains=tuple(map(Template, _texts("again", self.again))),
            calls=_calls(self.call),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Questions that are asked one after another until all are answered."""

    name: str
    questions: Sequence[Question]
    when: Texts = ()
    """Patterns over what the user said that begin the form."""
    on: str | None = None
    """`"enter"`: the form has begun when the agent enters."""
    say: Texts = ()
    """What is said once it is complete; before the call, if there is one."""
    call: Calls = ()
    """Called once it is complete, and again when an answer is corrected."""
    keywords: Sequence[tuple[str, int]] = ()
    """Words that begin the form when nothing else was understood, each with its weight; they must
    weigh 2 together."""
    patterns: tuple[Pattern, ...] = field(init=False, compare=False, repr=False)
    says: tuple[Template, ...] = field(init=False, compare=False, repr=False)
    calls: tuple[Call, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.on not in (None, "enter"):
            raise SettingError(f"'on' of a form takes 'enter', not {self.on!r}")
        if not (self.when or self.on or self.keywords):
            raise SettingError("a form needs 'when' (or on = \"enter\"): what begins it")
        questions = tuple(self.questions)
        names = [question.name for question in questions]
        for name in names:
            if names.count(name) > 1:
                raise SettingError(f"two questions are named {name!r}; give one another name")
        if not (questions or self.call):
            raise SettingError("a form needs questions: [[form.question]]")
        _set(
            self,
            questions=questions,
            when=_texts("when", self.when),
            say=_texts("say", self.say),
            call=_calls(self.call),
            keywords=tuple(self.keywords),
            patterns=tuple(map(Pattern, _texts("when", self.when))),
            says=tuple(map(Template, _texts("say", self.say))),
            calls=_calls(self.call),
        )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Dialogue:
    """A scripted dialogue: rules, forms, and how much small talk there is.

    A value: compared by content, hashable. Raises `SettingError` for what cannot work, a reference
    to what nothing captures included.
    """

    name: str = ""
    rules: Sequence[Rule] = ()
    """In the order of their priority."""
    forms: Sequence[Form] = ()
    examples: Sequence[str] = ()
    """What a caller may say; the first three are offered as help."""
    small_talk: bool | Sequence[str] = True
    """Whether there is small talk, or which kinds of it."""
    from_tools: bool = False
    """Whether forms for the agent's tools, made from their descriptions, are added."""

    kinds: tuple[str, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        kinds = self.small_talk
        if isinstance(kinds, bool):
            kinds = tuple(SMALL_TALK) if kinds else ()
        for kind in _texts("small_talk", kinds):
            if kind not in SMALL_TALK:
                raise SettingError(
                    f"'small_talk' has no kind {kind!r} (it has: {', '.join(SMALL_TALK)})"
                    f"{did_you_mean(kind, SMALL_TALK)}"
                )
        _set(
            self,
            rules=tuple(self.rules),
            forms=tuple(self.forms),
            examples=_texts("examples", self.examples),
            small_talk=_texts("small_talk", kinds),
            kinds=_texts("small_talk", kinds),
        )
        for problem in problems(self):
            raise SettingError(str(problem))

    def __repr__(self) -> str:
        # Short, because a `Model` prints its settings.
        name = f"{self.name!r}, " if self.name else ""
        return f"<Dialogue {name}{len(self.rules)} rules, {len(self.forms)} forms>"

    @classmethod
    def from_toml(cls, path: str | Path, *, section: str | None = None) -> Dialogue:
        """Reads a dialogue file, or the section `[dialogue.SECTION]` of one.

        Raises `SettingError`, or `ConfigurationError` when there is no such file or section.
        """
        from .dialogue_file import read_file

        return read_file(Path(path)).dialogue(section)
