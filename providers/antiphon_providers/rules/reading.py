"""Reading a chat context: where the dialogue stands, from nothing but what was said and called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from antiphon.chat import AgentHandoff, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput

from .captures import Value
from .dialogue import Call, Form, Question, Rule
from .patterns import Match
from .purpose import INSTRUCTIONS_ID
from .templates import spoken
from .understanding import Meaning, Script, Situation

_STILL_RUNNING = "still running"
"""What core shows as the output of a call that has not ended."""
_NEVER = -2
_AT_THE_START = -1


@dataclass(slots=True)
class FormState:
    """How far a form has come."""

    form: Form
    began: int | None = None
    """Index of the item that began it; None: it has not begun."""
    answers: dict[str, tuple[Value, int]] = field(default_factory=dict)
    """By question: the answer, and the index of the message that gave it."""
    order: int = 0
    """Grows with every start: the form begun last is the one that asks."""

    @property
    def missing(self) -> list[Question]:
        """The questions that are open."""
        return [each for each in self.form.questions if each.name not in self.answers]

    @property
    def open(self) -> Question:
        """The first question that is open; the first of all when none is."""
        return (self.missing or self.form.questions)[0]

    @property
    def values(self) -> dict[str, Value]:
        """The answers by question."""
        return {name: value for name, (value, _) in self.answers.items()}


class Reading:
    """What a chat context says about the dialogue: built for one step, from the items alone."""

    def __init__(self, script: Script, items: Iterable[ChatItem]) -> None:
        self._script = script
        self.values: dict[str, Value] = {}
        """The latest value of every capture and answer."""
        self.forms = {form.name: FormState(form) for form in script.dialogue.forms}
        self.uses: Counter[str] = Counter()
        """How often each rule and kind of small talk was used, by the key of `Script.use_of`."""
        self.missed: Counter[str] = Counter()
        """How often the answer to each question was not understood, in a row."""
        self.turn: Meaning | None = None
        """What the user has said and nobody has answered."""
        self.turn_text = ""
        self.outputs: list[tuple[FunctionCall | None, FunctionCallOutput]] = []
        """Outputs that wait for an answer."""
        self.unsaid: list[tuple[FunctionCall | None, FunctionCallOutput]] = []
        """Outputs whose answer the user cut off before a word of it was heard."""
        self.instructions: str | None = None
        """The instructions of the reply that is asked for."""
        self.entering = True
        """Whether the agent has neither spoken nor been spoken to since it entered."""
        self.entries = 0
        """How often this agent entered before."""
        self.first = True
        """Whether no other agent spoke before this one."""
        self.last_said: str | None = None
        """The agent's last words, the unheard ones included."""
        self._put: str | None = None  # what the agent's code has said, until the next call
        self._noted = False  # whether a collected value waits for the caller's yes
        self._to_tasks: set[int] = set()  # what was said to the tasks of this agent's tools
        self._last: Meaning | None = None  # the last turn that was understood
        self._latest: Meaning | None = None  # the last turn
        self._heard: list[str] = []
        self._acted = False  # whether this agent has spoken or called since it entered
        self._mine = True  # whether the items being read are of this agent's time
        self._entered = 0  # index of the last hand-off
        self._elsewhere: list[FormState] = []  # forms begun by what was said to another agent
        self._calls: dict[str, FunctionCall] = {}
        self._called: dict[str, int] = {}
        self._steps: set[str] = set()
        self._group: list[tuple[int, str]] = []
        self._begun = 0
        for state in self.forms.values():
            if state.form.on == "enter":
                self._begin(state, _AT_THE_START)
        self._read(list(items))

    def _read(self, items: Sequence[ChatItem]) -> None:
        handoffs = [item for item in items if isinstance(item, AgentHandoff)]
        me = handoffs[-1].new_agent_id if handoffs else None
        self._mine = me is None
        entered: Counter[str] = Counter()
        self._to_tasks = _said_to_tasks(items)
        for index, item in enumerate(items):
            if isinstance(item, ChatMessage):
                if item.role in ("user", "assistant"):
                    self._message(index, item)
                elif item.id != INSTRUCTIONS_ID and (index or len(items) == 1):
                    # The first message is the agent's own instructions, unless it is all there is.
                    self.instructions = item.text_content
            elif isinstance(item, FunctionCall):
                self._close_turn()
                self._calls[item.call_id] = item
                self._called[item.name] = index
                self._acted, self._noted, self._put = True, False, None
                self.instructions = None
                self.unsaid = []
                if item.step_id is not None:
                    self._steps.add(item.step_id)
            elif isinstance(item, FunctionCallOutput):
                self._output(item)
            elif isinstance(item, AgentHandoff):
                self.outputs, self.unsaid, self._heard = [], [], []
                self.instructions = None
                self.entering, self._acted = True, False
                self._noted, self._put = False, None
                self._mine, self._entered = item.new_agent_id == me, index
                self.first = item.old_agent_id is None
                self.entries = entered[item.new_agent_id]
                entered[item.new_agent_id] += 1
        collector = self._script.collector
        if collector is not None and collector.asks and self._group:
            if self._group[-1][0] < self._entered:
                self._group = []  # said to another agent, which has called this one for it
        if self._group:
            self.turn_text = self._group[-1][1]
            self.turn = self._understand_group()
        self._find_late_outputs(items)

    def _find_late_outputs(self, items: Sequence[ChatItem]) -> None:
        """Opens outputs that came after everything else: core puts them behind their calls."""
        others = [each for each in items if not isinstance(each, FunctionCallOutput)]
        latest = max((each.created_at or 0.0 for each in others), default=0.0)
        known = [id(output) for _, output in self.outputs]
        for item in items:
            if (
                isinstance(item, FunctionCallOutput)
                and (item.created_at or 0.0) > latest
                and id(item) not in known
                and item.output != _STILL_RUNNING
            ):
                self.outputs.append((self._calls.get(item.call_id), item))

    def _message(self, index: int, item: ChatMessage) -> None:
        text = item.text_content
        if item.role == "user":
            if index in self._to_tasks:
                return
            self._group.append((index, text))
            self.unsaid += self.outputs
            self.outputs = []
        else:
            self._close_turn()
            if item.step_id is None or item.step_id not in self._steps:
                # Else it was said before a call of its own step, and only recorded after it.
                self.outputs, self.unsaid = [], []
            self.entering, self._acted = False, True
            self.instructions = None
            self.last_said = item.generated_text or text
            if item.step_id is None:
                self._put = self.last_said
            self._heard.append(self.last_said)

    def _output(self, item: FunctionCallOutput) -> None:
        call = self._calls.get(item.call_id)
        if item.output == _STILL_RUNNING and not item.is_error:
            return
        self.outputs.append((call, item))
        name = call.name if call else item.name
        collector = self._script.collector
        if collector is not None and collector.confirm is not None and name == collector.tool:
            self._noted = not item.is_error
        if item.is_error:
            self._withdraw(name, item.output)

    def _withdraw(self, tool: str, error: str) -> None:
        """Takes back the answers that a tool refused, so that they are asked for again."""
        for state in self.forms.values():
            if state.began is None:
                continue
            questions = list(state.form.questions)
            refused = [each for each in questions if _names(each.calls, tool)]
            if _names(state.form.calls, tool):
                # Of several answers only those that the error speaks of: the rest may be right.
                told = error.replace(" ", "_")  # "the last name" is "last_name"
                mentioned = [each for each in questions if each.name in told]
                refused += questions if len(questions) == 1 else mentioned
            for question in refused:
                state.answers.pop(question.name, None)

    def _close_turn(self) -> None:
        if self._group:
            self._understand_group()
            self._group = []
            self.entering = False

    def _understand_group(self) -> Meaning:
        """What the user's messages since the agent's last act mean, taken together.

        Several come when the user spoke on before a word of the reply was heard. The newest counts.
        If it says nothing by itself, they are read as one; if that fails too, the last of the
        others that says something is answered.
        """
        if not self._mine or self._group[0][0] < self._entered:
            # Of what was said to other agents only the last turn may still wait to be dealt with.
            for state in self._elsewhere:
                state.began = None
            self._elsewhere = []
        index = self._group[-1][0]
        texts = [text for _, text in self._group]
        situation = self._situation()
        meanings = [self._script.understand(text, situation) for text in texts]
        meaning = meanings[-1]
        if len(texts) > 1:
            if not meaning.understood:
                joined = self._script.understand(" ".join(texts), situation)
                earlier = [each for each in meanings if each.understood]
                meaning = joined if joined.understood else (earlier or meanings)[-1]
            for other in meanings[:-1]:
                if other.understood and other is not meaning:
                    self._absorb(other, index, starts=False)
        self._absorb(meaning, index, starts=True)
        self.uses[self._script.use_of(meaning)] += 1
        asked = situation.asked
        if asked is not None:
            if meaning.kind in ("fallback", "empty"):
                self.missed[asked[1].name] += 1
            elif meaning.understood:
                self.missed[asked[1].name] = 0
        if meaning.understood:
            self._last = meaning
        self._latest = meaning
        self._heard = []
        return meaning

    def _situation(self) -> Situation:
        heard = list(self._heard)

        def applies(rule: Rule, match: Match) -> bool:
            if rule.follows and not any(self._script.says(rule.follows, text) for text in heard):
                return False
            values: Mapping[str, Any] = {**self.values, **match.values}
            return holds(rule, lambda path: values.get(path[0]) if len(path) == 1 else None)

        return Situation(self._asked(), self._last, applies, self._noted)

    def _asked(self) -> tuple[Form, Question] | None:
        """The question that is open: the one last asked for in words, else the next of the form.

        The next of the form counts only once this agent has acted since it entered, for only then
        can it have been asked: a context that was handed over holds other agents' turns as well.
        """
        active = self.active
        for text in reversed(self._heard):
            candidates = self._script.asked_in(text)
            for form, question in candidates:
                if active is not None and form is active.form:
                    return form, question
            if candidates:
                return candidates[0]
        if active is not None and self._acted and self._mine:
            return active.form, active.missing[0]
        collector = self._script.collector
        if collector is not None and self._mine and self._put is not None:
            if collector.asked_in(self._put, first=self.first):
                return collector.form, self.forms[collector.form.name].open
        return None

    def _absorb(self, meaning: Meaning, index: int, *, starts: bool) -> None:
        if meaning.match is not None:
            self.values.update(meaning.match.values)
        if meaning.kind == "cancel" and (active := self.active) is not None and not active.form.on:
            active.began = None
            active.answers.clear()
        for form in meaning.started:
            state = self.forms[form.name]
            if state.began is not None and not state.missing and not meaning.corrected:
                state.answers.clear()  # it was complete: a new round
                self._begin(state, index)
            elif state.began is None:
                self._begin(state, index)
            else:
                self._begin(state, state.began)  # no new round, but now it is its turn to ask
        for answer in meaning.answers:
            state = self.forms[answer.form.name]
            state.answers[answer.question.name] = (answer.value, index)
            self.values[answer.question.name] = answer.value
            if starts and state.began is None and meaning.kind == "answer":
                self._begin(state, index)

    def _begin(self, state: FormState, index: int) -> None:
        self._begun += 1
        state.began, state.order = index, self._begun
        if not self._mine:
            self._elsewhere.append(state)

    @property
    def active(self) -> FormState | None:
        """The form that has something to ask: of several, the one begun last."""
        states = [each for each in self.forms.values() if each.began is not None and each.missing]
        return max(states, key=lambda each: each.order, default=None)

    def due(self) -> list[tuple[FormState, Call]]:
        """The calls that the forms have the answers for and have not made with them."""
        due: list[tuple[FormState, Call]] = []
        for state in sorted(self.forms.values(), key=lambda each: each.order):
            if state.began is None:
                continue
            for question in state.form.questions:
                if question.name in state.answers:
                    since = state.answers[question.name][1]
                    due += [(state, call) for call in question.calls if self._waits(call, since)]
            if not state.missing:
                since = max((at for _, at in state.answers.values()), default=state.began)
                since = max(since, state.began)
                due += [(state, call) for call in state.form.calls if self._waits(call, since)]
        return due

    def _waits(self, call: Call, since: int) -> bool:
        return self._called.get(call.tool, _NEVER) < since

    def completed(self) -> list[FormState]:
        """The forms that the user's last turn has completed."""
        latest = self._latest
        if latest is None:
            return []
        given = [
            *(answer.form.name for answer in latest.answers),
            *(f.name for f in latest.started),
        ]
        states = [self.forms[name] for name in dict.fromkeys(given)]
        return [each for each in states if each.began is not None and not each.missing]


def _names(calls: Iterable[Call], tool: str) -> bool:
    return any(call.tool == tool for call in calls)


def _said_to_tasks(items: Sequence[ChatItem]) -> set[int]:
    """The indices of what users said between a call and its output: to the task that it awaited.

    The output of any other call stands right behind it.
    """
    called: dict[str, int] = {}
    said: set[int] = set()
    for index, item in enumerate(items):
        if isinstance(item, FunctionCall):
            called[item.call_id] = index
        elif isinstance(item, FunctionCallOutput) and item.call_id in called:
            said.update(range(called.pop(item.call_id), index))
    return said


def holds(rule: Rule, lookup: Any) -> bool:
    """Whether the conditions of `where` hold; values compare as they are spoken, in any case."""
    for path, wanted in rule.conditions:
        value = lookup(tuple(path.split(".")))
        options = wanted if isinstance(wanted, tuple) else (wanted,)
        if value is None or spoken(value).casefold() not in (
            spoken(each).casefold() for each in options
        ):
            return False
    return True
