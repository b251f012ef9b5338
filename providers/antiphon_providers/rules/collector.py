"""The collector: an agent's one tool that takes a value, and how a caller answers for it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .captures import NO, YES
from .dialogue import Form
from .patterns import Pattern
from .templates import Template
from .words import Utterance, normalise

Act: TypeAlias = Literal["confirm", "decline", "again", "value"]

READ_BACK = Template("I have {output.noted}. Is that right?")
"""Said when the tool has noted a value that the caller has still to confirm."""

_YES_WORDS = f"{YES} confirm confirmed perfect fine good great".replace("|", " ").split()
_AGREEING = frozenset(_YES_WORDS) - {"course", "is", "of", "that"}
_AROUND = frozenset("all course is it of please so thank thanks that the this you".split())
_REFUSING = frozenset({*NO.replace("not really|not at all|", "").split("|"), "incorrect", "not"})
_ARTICLES = frozenset("a an another down me my new one".split())
_FILLERS = frozenset("ah er hm hmm mm so uh um well".split())
_REFUSALS = tuple(
    map(
        Pattern,
        (
            "^(no|nope|nah) [thanks|thank you]$",
            "^[no] (never mind|forget it|skip (it|that))$",
            "^[no] [sorry] i would rather not",
            "^[no] [sorry] i (do|would|will|can) not (want|like|wish|say|tell|give|share|have)",
        ),
    )
)
_LEAD_IN = re.compile(
    r"(?:(?:my|the|our) (?P<about>(?:\S+ ){1,5}?)(?:is|would be) "
    r"|(?:note|take|use|write down) (?:my|the|our) (?P<named>(?:\S+ )*)"
    r"|(?:it|that|this) (?:is|should be|would be) |(?:put|write|note) down )"
)

_ORDER = re.compile(r"; (?:ask|call|give|leave|name|read|tell|try|use|wait|write)\b")


def for_callers(error: str) -> str:
    """The error of a tool that takes a value, without what it tells a model to do about it."""
    return _ORDER.split(error, maxsplit=1)[0].strip().rstrip(".!")


@dataclass(frozen=True, slots=True)
class Collector:
    """An agent's only tool with values to ask for, with its tools of the same noun."""

    form: Form
    confirm: Form | None
    """Calls `confirm_…`."""
    decline: Form | None
    """Calls `decline_…`."""
    topic: frozenset[str]
    """Words that say what is asked for."""

    @property
    def tool(self) -> str:
        """The tool that takes the value."""
        return self.form.calls[0].tool

    @property
    def asks(self) -> bool:
        """Whether the agent is there to ask for it: its instructions say so."""
        return self.form.on == "enter"

    def asked_in(self, text: str, *, first: bool) -> bool:
        """Whether the words, which the agent's code had said, ask for the value.

        They end with a question. It has a word of the topic; or the agent has taken over from
        another (not `first`), and does not just offer its help.
        """
        last = re.split(r"(?<=[.!?])\s+", text.strip())[-1]
        if not last.endswith("?"):
            return False
        words = set(normalise(last)[0])
        return bool(words & self.topic) or not (first or words & {"help", "do", "how"})

    def only_named_in(self, said: Utterance) -> bool:
        """Whether the words call for the tool, and hold nothing that could be its value."""
        spare = self.topic | _AROUND | _FILLERS | _ARTICLES
        return len(said.words) > 1 and set(said.words) <= spare

    def act(self, said: Utterance, *, noted: bool) -> tuple[Act, Utterance] | None:
        """What the words do, and those of them that can be the value; None: nothing of that kind.

        `noted`: a value has been read back, and waits for the caller's yes.
        """
        yes_or_no = self.form.questions[0].kind.name == "yesno"
        words = said.words
        first = next((at for at, word in enumerate(words) if word not in _FILLERS), len(words))
        agreeing = _AGREEING | _AROUND | _FILLERS | self.topic
        if noted:
            if _AGREEING & set(words) and set(words) <= agreeing:
                return "confirm", said
            if first < len(words) and words[first] in _REFUSING:
                rest = self._value(said.part(first + 1, len(words)))
                told = rest.words
                is_value = told and not {*told} & (_REFUSING | _AGREEING) and self._single
                return ("value", rest) if is_value else ("again", said)
            if {"wrong", "incorrect"} & set(words) or "not right" in said.text:
                return "again", said
        elif self.decline is not None and not yes_or_no:
            if any(pattern.search(said) for pattern in _REFUSALS):
                return "decline", said
        return ("value", self._value(said)) if self._single or not noted else None

    @property
    def _single(self) -> bool:
        return len(self.form.questions) == 1

    def _value(self, said: Utterance) -> Utterance:
        """The words without fillers, and without "my ... is" before them."""
        said = said.stripped() or said
        lead = _LEAD_IN.match(said.text)
        if lead is None or (lead["about"] and not self.topic & set(lead["about"].split())):
            return said
        start = lead[0].count(" ")
        if lead["named"] is not None:
            named = lead["named"].split()
            about = next((at for at, word in enumerate(named) if word not in self.topic), 0)
            if not about:
                return said
            start = start - len(named) + about
        return said.part(start, len(said)) or said
