"""What one user turn means within a dialogue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from .captures import CaptureType, Value
from .collector import Collector
from .dialogue import Dialogue, Form, Question, Rule
from .patterns import Match, Pattern, Regex
from .small_talk import SMALL_TALK
from .words import Utterance, normalise, utterance

_ELLIPSIS = "^[(what|how) about|and|it is|is|to] {x}$"
# Only these may be said alone to change what was asked before: "and four zero one eight?"
_ELLIPTICAL = ("number", "digits")
_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """A question of a form, answered."""

    form: Form
    question: Question
    value: Value


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a user turn was taken to mean."""

    kind: str
    """`"rule"`, `"answer"`, `"form"`, a kind of small talk, `"empty"`, or `"fallback"` for a turn
    that was not understood."""
    rule: Rule | None = None
    match: Match | None = None
    answers: tuple[Answer, ...] = ()
    started: tuple[Form, ...] = ()
    """Forms that the words begin."""
    corrected: bool = False
    """Whether the user took something back: "no wait, I meant ..."."""

    @property
    def understood(self) -> bool:
        """Whether it is more than small talk."""
        return self.kind in ("rule", "answer", "form")


@dataclass(frozen=True, slots=True)
class Situation:
    """What the words are held against: where the dialogue stands when they are said."""

    asked: tuple[Form, Question] | None = None
    """The question that is open."""
    last: Meaning | None = None
    """The user turn before that was understood."""
    applies: Callable[[Rule, Match], bool] = lambda rule, match: True
    """Whether the conditions of a rule hold."""
    noted: bool = False
    """Whether a value that was collected waits for the caller's yes."""


@dataclass(frozen=True, slots=True)
class Scan:
    """All that can be found in some words, whatever the situation."""

    said: Utterance
    rules: tuple[tuple[Rule, Match], ...]
    starts: tuple[Form, ...]
    answers: tuple[Answer, ...]
    whole: str | None
    """The small talk that the words are."""
    within: str | None
    """The small talk that the words hold."""


class Script:
    """A dialogue, ready to be held against words. What was found in a text is remembered."""

    def __init__(self, dialogue: Dialogue, collector: Collector | None = None) -> None:
        self.dialogue = dialogue
        self.collector = collector
        self._numbers = {id(rule): number for number, rule in enumerate(dialogue.rules)}
        self._scans: dict[str, tuple[Scan, Scan | None]] = {}
        self._asked: dict[str, tuple[tuple[Form, Question], ...]] = {}

    def understand(self, text: str, situation: Situation) -> Meaning:
        """What the words mean."""
        scan, after = self._scan(text)
        if not scan.said:
            return Meaning("empty")
        collected = self._collected(scan, after, text, situation)
        if collected is not None:
            return collected if after is None else replace(collected, corrected=True)
        if after is not None:
            meaning = _meaning(after, situation, corrected=True)
            if meaning is not None:
                return replace(meaning, corrected=True)
        meaning = _meaning(scan, situation, corrected=False)
        if meaning is None:
            form = self._by_keywords(scan.said)
            if form is None:
                return Meaning(scan.within or "fallback")
            meaning = Meaning("form", started=(form,), answers=volunteered(form, scan.said))
        return meaning if after is None else replace(meaning, corrected=True)

    def _collected(
        self, scan: Scan, after: Scan | None, text: str, situation: Situation
    ) -> Meaning | None:
        """What the words mean to an agent that collects a value; None: what they mean to any."""
        collector, asked = self.collector, situation.asked
        if collector is None or any(situation.applies(*each) for each in scan.rules):
            return None
        if not situation.noted and (asked is None or asked[0] is not collector.form):
            return None
        found = collector.act(scan.said, noted=situation.noted)
        if after is not None and (found is None or found[0] != "decline"):
            scan, found = after, collector.act(after.said, noted=situation.noted)
        act, said = found or (None, scan.said)
        form = {"confirm": collector.confirm, "decline": collector.decline}.get(act or "")
        if form is not None or act == "again":
            return Meaning("form", started=(form or collector.form,))
        if scan.whole:
            return Meaning(scan.whole)
        other = self._by_keywords(scan.said)
        if other is not None and other is not collector.form:
            return Meaning("form", started=(other,))
        if other is not None and not situation.noted and collector.only_named_in(scan.said):
            return Meaning("form", started=(other,))  # "write a note": which, is still to be said
        question = asked[1] if asked is not None else collector.form.questions[0]
        if question.kind.name == "text" and text.rstrip().endswith("?"):
            return Meaning(scan.within or "fallback")
        answer = _bare(collector.form, question, said) if act == "value" else None
        return None if answer is None else Meaning("answer", answers=(answer,))

    def asked_in(self, text: str) -> tuple[tuple[Form, Question], ...]:
        """The questions that the agent's words ask last: several if forms ask in the same words."""
        if text not in self._asked:
            if len(self._asked) >= _KEPT:
                self._asked.clear()
            self._asked[text] = self._questions_in(_words(text))
        return self._asked[text]

    def says(self, rule_name: str, text: str) -> bool:
        """Whether the agent's words are those of the rule of that name."""
        words = _words(text)
        return any(
            template.found_in(words) is not None
            for rule in self.dialogue.rules
            if rule.name == rule_name
            for template in (*rule.says, *rule.errors)
        )

    def use_of(self, meaning: Meaning) -> str:
        """The key under which the uses of what answers `meaning` are counted."""
        if meaning.rule is None:
            return meaning.kind
        return f"rule {self._numbers[id(meaning.rule)]}"

    def _questions_in(self, words: str) -> tuple[tuple[Form, Question], ...]:
        found = [
            (at, form, question)
            for form in self.dialogue.forms
            for question in form.questions
            for template in (*question.asks, *question.agains)
            if (at := template.found_in(words)) is not None
        ]
        last = max((at for at, _, _ in found), default=0)
        return tuple((form, question) for at, form, question in found if at == last)

    def _scan(self, text: str) -> tuple[Scan, Scan | None]:
        """What is in the text, and in what follows a "no wait" or the like, if one is in it."""
        found = self._scans.get(text)
        if found is None:
            if len(self._scans) >= _KEPT:
                self._scans.clear()
            said = utterance(text)
            after = said.corrected()
            found = self._look(said, text), self._look(after, "") if after is not None else None
            self._scans[text] = found
        return found

    def _look(self, said: Utterance, text: str) -> Scan:
        rules: list[tuple[Rule, Match]] = []
        for rule in self.dialogue.rules:
            if not rule.instructions and (match := best_match(rule.patterns, said, text)):
                rules.append((rule, match))
        starts: list[Form] = []
        answers: list[Answer] = []
        for form in self.dialogue.forms:
            if best_match(form.patterns, said, text):
                starts.append(form)
            for question in form.questions:
                match = best_match(question.patterns, said, text)
                if match is not None:
                    answers.append(Answer(form, question, match.values[question.name]))
        kinds = self.dialogue.kinds
        bare = said.stripped()
        return Scan(
            said,
            tuple(rules),
            tuple(starts),
            tuple(answers),
            next((kind for kind in kinds if _is_talk(kind, said) or _is_talk(kind, bare)), None),
            next((kind for kind in kinds if _holds_talk(kind, said)), None),
        )

    def _by_keywords(self, said: Utterance) -> Form | None:
        words = set(said.words)
        best, weight = None, 1
        for form in self.dialogue.forms:
            total = keyword_weight(form, words)
            if total > weight:
                best, weight = form, total
        return best


def _meaning(scan: Scan, situation: Situation, corrected: bool) -> Meaning | None:
    for rule, match in scan.rules:
        if situation.applies(rule, match):
            return Meaning("rule", rule, match, scan.answers)
    asked = situation.asked
    if asked is not None and asked[1].kind.name == "text" and not (corrected or scan.whole):
        answer = _bare(*asked, scan.said)
        if answer is not None:
            return Meaning("answer", answers=(answer,))
    if scan.answers or scan.starts:
        kind = "answer" if scan.answers else "form"
        return Meaning(kind, answers=scan.answers, started=scan.starts)
    if scan.whole:
        return Meaning(scan.whole)
    if corrected and (meaning := _again(situation.last, scan.said, corrected)) is not None:
        return meaning
    if asked is not None and (answer := _bare(*asked, scan.said)) is not None:
        return Meaning("answer", answers=(answer,))
    return _again(situation.last, scan.said, corrected)


def best_match(patterns: Iterable[Pattern | Regex], said: Utterance, text: str) -> Match | None:
    """The match with the most words of its own; the earlier pattern when two have as many.

    Regular expressions see `text`, and nothing when it is empty.
    """
    best: Match | None = None
    for pattern in patterns:
        if isinstance(pattern, Pattern):
            match = pattern.search(said)
        else:
            match = pattern.search(text) if text else None
        if match is not None and (best is None or match.words > best.words):
            best = match
    return best


def _bare(form: Form, question: Question, said: Utterance) -> Answer | None:
    """The plain answer to a question that was asked."""
    for each in (said, said.stripped()):
        matches = [match for pattern in question.bare for match in pattern.matches(each)]
        if matches:
            # The longest: "the second one is four zero one seven".
            match = max(matches, key=lambda match: match.captured)
            return Answer(form, question, match.values[question.name])
    return None


def volunteered(form: Form, said: Utterance) -> tuple[Answer, ...]:
    """The answers that the words hold, for a form that nobody has written patterns for."""
    return tuple(
        answer
        for question in form.questions
        if question.kind.anywhere and (answer := _bare(form, question, said)) is not None
    )


def _again(last: Meaning | None, said: Utterance, corrected: bool) -> Meaning | None:
    """What was meant before, with another value: "and four zero one eight?"."""
    if last is None:
        return None
    if last.rule is not None and last.match is not None and len(last.match.values) == 1:
        name = next(iter(last.match.values))
        value = _alone(last.rule.captures[name], said, corrected)
        if value is not None:
            return Meaning("rule", last.rule, Match({name: value}, last.match.words))
    elif len(last.answers) == 1:
        answer = last.answers[0]
        value = _alone(answer.question.kind, said, corrected)
        if value is not None:
            return Meaning("answer", answers=(replace(answer, value=value),))
    return None


def _alone(kind: CaptureType, said: Utterance, corrected: bool) -> Value | None:
    if not corrected and kind.name not in _ELLIPTICAL:
        return None
    for each in (said, said.stripped()):
        match = _ellipsis(kind).search(each)
        if match is not None:
            return match.values["x"]
    return None


@lru_cache(maxsize=256)
def _ellipsis(kind: CaptureType) -> Pattern:
    return Pattern(_ELLIPSIS, {"x": kind})


def _patterns(sources: Sequence[str]) -> tuple[Pattern, ...]:
    return tuple(map(Pattern, sources))


_WHOLE = {kind: _patterns(talk.whole) for kind, talk in SMALL_TALK.items()}
_WITHIN = {kind: _patterns(talk.within) for kind, talk in SMALL_TALK.items()}


def _is_talk(kind: str, said: Utterance) -> bool:
    return any(pattern.search(said) for pattern in _WHOLE[kind])


def _holds_talk(kind: str, said: Utterance) -> bool:
    return any(pattern.search(said) for pattern in _WITHIN[kind])


def keyword_weight(form: Form, words: set[str]) -> int:
    """What the keywords of the form that are among the words weigh together."""
    return sum(weight for word, weight in form.keywords if _has(words, word))


def _has(words: set[str], keyword: str) -> bool:
    """Whether a word is the keyword, or begins it or with it ("bill", "billing")."""
    return keyword in words or any(
        min(len(word), len(keyword)) >= 4 and (word.startswith(keyword) or keyword.startswith(word))
        for word in words
    )


def _words(text: str) -> str:
    return "".join(f"{word} " for word in normalise(text)[0])
