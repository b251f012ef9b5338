"""What an agent is there to ask for, as its instructions have it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from antiphon.chat import ChatItem, ChatMessage

INSTRUCTIONS_ID = "instructions"
"""The id that core gives to the message with an agent's instructions."""

_MAX_WORDS = 8
_PERSON = r"(?:the |your )?(?:caller|user|customer|guest|patient|client)"
_QUESTION = re.compile(r"\bthe question (['\"])(.+?)\1(?=[\s.,;]|$)")
# An order to the agent, and not what callers do: "when they ask for a refund".
_ORDER = r"(?:^|[.:;,!\n][\s*-]*|\b(?:and|then|first|please|you|must|(?:is|:) to) )(?:to )?"
_WISHES = re.compile(
    rf"{_ORDER}ask (?:(?:{_PERSON}|them|him|her) )?(?:again )?for (?P<asked>[^.,;:!?\n]+)"
    rf"|{_ORDER}(?:get|collect|find out|take down) "
    r"(?P<got>(?:the|their|his|her|your|an?) [^.,;:!?\n]+)",
    re.IGNORECASE,
)
_REST = re.compile(
    r"\s+(?:then|unless|before|if|so that|in order|and (?:then|call|note|record|pass))\b"
)
_THEIRS = re.compile(rf"^(?:{_PERSON}['\u2019]s|their|his|her|your) ", re.IGNORECASE)
_PRONOUNS = frozenset("it them him her this that one more help".split())


def purpose_in(items: Iterable[ChatItem]) -> str | None:
    """What the agent's instructions in a chat context tell it to ask for: "your e-mail address";
    a question that they quote; or None."""
    first = next(iter(items), None)
    if not isinstance(first, ChatMessage) or first.id != INSTRUCTIONS_ID:
        return None
    text = first.text_content
    quoted = _QUESTION.search(text)
    if quoted is not None:
        return f"{quoted[2].rstrip(' .!?')}?"
    for found in _WISHES.finditer(text):
        wish = _REST.split((found["asked"] or found["got"]).strip(), maxsplit=1)[0]
        words = wish.split()
        if words and len(words) <= _MAX_WORDS and words[0].lower() not in _PRONOUNS:
            return _as_asked(wish)
    return None


def question_for(purpose: str) -> str:
    """The question that asks for it."""
    if purpose.endswith("?"):
        return purpose
    several = re.search(r"[^sui]s$", purpose.partition(" of ")[0])
    return f"What {'are' if several else 'is'} {purpose}?"


def _as_asked(wish: str) -> str:
    yours = _THEIRS.sub("your ", wish)
    if yours.startswith(("the ", "your ")):
        return yours
    return "the " + re.sub(r"^(?:an?|the) ", "", yours, flags=re.IGNORECASE)
