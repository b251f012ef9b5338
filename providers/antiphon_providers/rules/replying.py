"""The reply: what is said and called next, given where the dialogue stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon.chat import FunctionCall, FunctionCallOutput
from antiphon.errors import did_you_mean
from antiphon.llm import ToolChoice
from antiphon.tools import Tool

from .arguments import Unfit, arguments_of
from .captures import Value
from .collector import READ_BACK, for_callers
from .dialogue import Call, Question, Rule
from .reading import FormState, Reading, holds
from .small_talk import QUIET, SITUATIONS, SMALL_TALK
from .templates import Lookup, Path, Template, joined, spoken
from .tool_forms import offer, required_call
from .understanding import Script, best_match
from .words import normalise, utterance

Warn = Callable[[str], None]
Pair = tuple[FunctionCall | None, FunctionCallOutput]

_DEFAULTS: dict[str, tuple[Template, ...]] = {
    **{kind: tuple(map(Template, texts)) for kind, texts in SITUATIONS.items()},
    **{kind: tuple(map(Template, talk.say)) for kind, talk in SMALL_TALK.items()},
}
_HELLO = (Template("Hello!"),)
_OFFERING = (Template("Hello![ I can {offers}.] How can I help?"),)
_HONEST = (
    Template("Hello! I am a script, not a language model.[ I can {offers}.] How can I help?"),
)
_MOST_OFFERS = 4


@dataclass(slots=True)
class Reply:
    """What the dialogue does next."""

    parts: list[str] = field(default_factory=list)
    """What is said, in order."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Tools and their arguments as JSON."""

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(part for part in self.parts if part)


class Replying:
    """Composes one reply. `warn` takes sentences for the log about what the dialogue lacks."""

    def __init__(
        self,
        script: Script,
        reading: Reading,
        *,
        tools: Sequence[Tool],
        tool_choice: ToolChoice,
        warn: Warn,
    ) -> None:
        self._script = script
        self._reading = reading
        self._collector = collector = script.collector
        # An agent that is there for one thing asks for it, and offers nothing.
        self._offers = [] if collector and collector.asks else list(tools)[:_MOST_OFFERS]
        self._offered = list(tools)
        self._tools = {tool.name: tool for tool in tools}
        self._must_call = False
        if tool_choice == "none":
            self._tools = {}
        elif tool_choice != "auto":
            # Once there are outputs the wish has been met.
            self._must_call = not reading.outputs
            if tool_choice != "required":
                self._tools = {n: tool for n, tool in self._tools.items() if n == tool_choice}
        self._tools_off = tool_choice == "none" or not tools
        self._warn = warn
        self._reply = Reply()
        self._quiet = False

    def compose(self) -> Reply:
        """The reply: never without a word or a call."""
        reading, reply = self._reading, self._reply
        self._answer_instructions()
        for pair in reading.outputs:
            self._answer_output(pair)
        self._answer_turn()
        self._make_due_calls()
        if self._must_call and not reply.calls:
            self._call_something()
        if not reply.calls:
            self._complete_forms()
            self._ask()
            if not reply.text:
                self._say_something()
        return reply

    def _answer_instructions(self) -> None:
        reading = self._reading
        if any(output.output.strip() for _, output in reading.outputs):
            return  # they stand in the context of every step of their reply: it has begun with them
        if reading.instructions is not None:
            said = utterance(reading.instructions)
            for rule in self._script.dialogue.rules:
                if not rule.instructions:
                    continue
                match = best_match(rule.patterns, said, reading.instructions)
                lookup = _overlaid(match.values, self._lookup) if match is not None else None
                if lookup is not None and holds(rule, lookup):
                    self._follow(rule, reading.entries, lookup, last_stays=True)
                    return
            if not reading.entering:
                self._warn(
                    f"no rule is for the instructions {reading.instructions!r}; "
                    'give the dialogue one: instructions = "..."'
                )
        elif reading.turn is not None:
            return
        if reading.entering and (reading.turn is None or reading.turn.kind == "fallback"):
            self._enter()

    def _enter(self) -> None:
        rule = self._rule_on("enter")
        if rule is not None:
            self._follow(rule, self._reading.entries, last_stays=True)
        elif self._reading.active is not None:
            if self._reading.first or not (self._collector and self._collector.asks):
                self._say(_HELLO, 0)  # a question follows
        elif self._script.dialogue.from_tools:
            self._say(_HONEST if self._reading.first else _OFFERING, 0)
        else:
            self._say(_DEFAULTS["enter"], 0)

    def _answer_output(self, pair: Pair) -> None:
        call, output = pair
        tool = call.name if call else output.name
        lookup = _output_lookup(self._lookup, pair)
        rules = [each for each in self._script.dialogue.rules if each.after == tool]
        count = len(self._reply.parts)
        collecting = self._collector is not None and tool == self._collector.tool
        if output.is_error:
            for rule in rules:
                if rule.errors:
                    self._say(rule.errors, 0, lookup)
                    return
            if collecting:
                lookup = _overlaid({"error": for_callers(output.output)}, lookup)
            self._say_kind("error", lookup)
            return
        for rule in rules:
            if (rule.says or rule.calls) and holds(rule, lookup):
                self._follow(rule, count, lookup)
                return
        if collecting and READ_BACK.render(lookup) is not None:
            self._say((READ_BACK,), 0, lookup)
        elif not self._asked_by_form(tool):
            self._reply.parts.append(_sentence(spoken(_parsed(output.output))))

    def _asked_by_form(self, tool: str) -> bool:
        """Whether the tool only takes an answer down, so that its output is not for the caller."""
        return any(
            call.tool == tool
            for form in self._script.dialogue.forms
            for question in form.questions
            for call in question.calls
        )

    def _answer_turn(self) -> None:
        reading = self._reading
        turn = reading.turn
        if turn is None:
            return
        self._quiet = turn.kind in QUIET
        if not turn.understood and reading.unsaid and turn.kind not in ("goodbye", "cancel"):
            for pair in reading.unsaid:
                self._answer_output(pair)
        elif turn.rule is not None:
            self._follow(turn.rule, reading.uses[self._script.use_of(turn)] - 1)
        elif turn.kind == "repeat" and reading.last_said:
            self._reply.parts.append(reading.last_said)
        elif turn.kind == "repeat":
            self._quiet = False
            self._say_kind(turn.kind)
        elif turn.kind == "fallback":
            # Whoever has just been greeted or told something need not hear this as well.
            if not self._reply.parts and not (self._open and self._open.agains):
                self._say_kind("fallback")
        elif not turn.understood:
            self._say_kind(turn.kind)

    def _make_due_calls(self) -> None:
        for state, call in self._reading.due():
            made = self._call(call, self._lookup_in(state))
            if made and call in state.form.calls:
                self._say(state.form.says, 0, self._lookup_in(state), before_calls=True)
            elif not made and not self._reply.parts:
                self._say_kind("unavailable")

    def _complete_forms(self) -> None:
        for state in self._reading.completed():
            if not state.form.calls and state.form.says:
                self._say(state.form.says, 0, self._lookup_in(state))

    @property
    def _open(self) -> Question | None:
        active = self._reading.active
        return active.missing[0] if active is not None else None

    def _ask(self) -> None:
        """Asks the open question, unless the reply already ends with one."""
        question = self._open
        if question is None or self._quiet or self._reply.text.endswith("?"):
            return
        turn, outputs = self._reading.turn, self._reading.outputs
        if outputs and self._tools_off:
            return  # the last words before a hand-off: what is open is the next agent's
        missed = self._reading.missed[question.name]
        refused = any(output.is_error for _, output in outputs)
        if question.agains and (refused or (turn is not None and turn.kind == "fallback")):
            self._say(question.agains, missed - 1)
        else:
            self._say(question.asks, missed)

    def _say_something(self) -> None:
        turn = self._reading.turn
        outputs = self._reading.outputs
        tools = [call.name if call else output.name for call, output in outputs]
        if outputs and not all(map(self._asked_by_form, tools)):
            self._say_kind("done")
        elif outputs:
            self._say_kind("noted")
        elif turn is not None and turn.kind in ("answer", "form"):
            self._say_kind("noted")
        elif turn is not None:
            self._say_kind("fallback")
        else:
            self._say_kind("idle")
        if not self._reply.text:
            # A text that only refers to what is not there leaves nothing: say something anyhow.
            self._say(_DEFAULTS["idle"], 0)

    def _call_something(self) -> None:
        """Meets `tool_choice="required"` by the likeliest tool whose arguments are known."""
        found = required_call(
            list(self._tools.values()), self._reading.turn_text, self._reading.values
        )
        if found is not None:
            self._reply.calls.append((found[0], _json(found[1])))
        else:
            self._warn(
                "a tool call is required, but no tool fits what was said "
                f"({', '.join(self._tools) or 'there are no tools'}); answered in words"
            )

    def _follow(
        self,
        rule: Rule,
        count: int,
        lookup: Lookup | None = None,
        *,
        last_stays: bool = False,
    ) -> None:
        """Says and calls what the rule has; `count` says which of its texts is due."""
        lookup = lookup or self._lookup
        if rule.calls:
            # What is said before a call promises it: only if one is made.
            if not any([self._call(call, lookup) for call in rule.calls]):
                self._say_kind("unavailable")
                return
        if rule.says:
            self._say(rule.says, min(count, len(rule.says) - 1) if last_stays else count, lookup)

    def _say_kind(self, kind: str, lookup: Lookup | None = None) -> None:
        """Says what the dialogue says on `kind`, or what is said by default."""
        count = self._reading.uses[kind] - 1 if kind in self._reading.uses else 0
        rule = self._rule_on(kind, lookup)
        if rule is None:
            self._say(_DEFAULTS[kind], count, lookup)
        else:
            self._follow(rule, count, lookup)

    def _rule_on(self, kind: str, lookup: Lookup | None = None) -> Rule | None:
        for rule in self._script.dialogue.rules:
            if rule.on == kind and holds(rule, lookup or self._lookup):
                return rule
        return None

    def _say(
        self,
        texts: Sequence[Template],
        count: int,
        lookup: Lookup | None = None,
        *,
        before_calls: bool = False,
    ) -> None:
        """Says the text whose turn it is; one whose references have nothing is passed over."""
        for step in range(len(texts)):
            template = texts[(max(count, 0) + step) % len(texts)]
            text = template.render(lookup or self._lookup)
            if text is not None:
                self._reply.parts.append(text)
                return
        if texts:
            self._warn(f"{texts[0].source!r} was not said: what it refers to is not known yet")

    def _call(self, call: Call, lookup: Lookup) -> bool:
        """Makes the call if the tool is at hand and its arguments fit; says whether."""
        tool = self._tools.get(call.tool)
        if tool is None:
            if not self._tools_off:
                names = [each.name for each in self._offered]
                self._warn(
                    f"the dialogue calls {call.tool!r}, which is not among the agent's tools "
                    f"({', '.join(names)}){did_you_mean(call.tool, names)}"
                )
            return False
        try:
            arguments = arguments_of(call, tool.parameters, lookup)
        except Unfit as unfit:
            self._warn(f"the tool {call.tool!r} was not called: {unfit}")
            return False
        made = (call.tool, _json(arguments))
        if made not in self._reply.calls:
            self._reply.calls.append(made)
        return True

    def _lookup(self, path: Path) -> Any:
        head, *rest = path
        if head == "examples" and not rest:
            examples = [f'"{example}"' for example in self._script.dialogue.examples[:3]]
            return joined(examples, "or") or None
        if head == "offers" and not rest:
            offers = [offer(tool) for tool in self._offers]
            return joined(offers, "or") or None
        return None if rest else self._reading.values.get(head)

    def _lookup_in(self, state: FormState) -> Lookup:
        """Looks in the answers of a form first: two forms may ask for things of one name."""
        return _overlaid(state.values, self._lookup)


def _overlaid(values: Mapping[str, Value], outer: Lookup) -> Lookup:
    return lambda path: values[path[0]] if len(path) == 1 and path[0] in values else outer(path)


def _output_lookup(outer: Lookup, pair: Pair) -> Lookup:
    call, output = pair
    roots: dict[str, Any] = {
        "output": _parsed(output.output),
        # As the end of a sentence, which the text around it closes.
        "error": output.output.strip().rstrip(".!") or None if output.is_error else None,
        "call": _parsed(call.arguments) if call else None,
    }

    def lookup(path: Path) -> Any:
        if path[0] not in roots:
            return outer(path)
        value = roots[path[0]]
        for step in path[1:]:
            if isinstance(value, Mapping):
                value = value.get(step)
            elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
                value = value[int(step)]
            else:
                return None
        return value

    return lookup


def _parsed(text: str) -> Any:
    """What the text is as JSON when it is an object or a list, else the text."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _sentence(text: str) -> str:
    text = text.strip()
    if not normalise(text)[0]:
        return ""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _json(arguments: Mapping[str, Any]) -> str:
    return json.dumps(arguments, ensure_ascii=False)
