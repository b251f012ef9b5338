"""`replace` and `pronounce`: words that are spoken otherwise than they are written."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import ConfigurationError
from ..text import UNSPACED
from .rewriter import Rewriter

_LETTER = re.compile(f"[^\\W{UNSPACED}]")
"""What a word is made of; in scripts without spaces every character is a word of its own."""


class Replacements:
    """What is replaced by what, prepared once for all texts.

    Raises `ConfigurationError` for words that are empty or no text.
    """

    __slots__ = ("by_word", "exact", "longest", "pattern", "prefixes")

    def __init__(self, words: Mapping[str, str], exact: Mapping[str, str], what: str) -> None:
        """`words` in any case, `exact` only as they are written."""
        for word, spoken in (*words.items(), *exact.items()):
            if not isinstance(word, str) or not isinstance(spoken, str):
                raise ConfigurationError(
                    f"{what} got {word!r}: {spoken!r}; both are texts, as in {{'GIF': 'jif'}}"
                )
            if not word.strip():
                raise ConfigurationError(
                    f"{what} got the word {word!r}; give at least one character that is no space"
                )
        self.exact = dict(exact)
        self.by_word = {folded(word): spoken for word, spoken in words.items()}
        known = sorted({*self.by_word, *map(folded, exact)}, key=lambda word: (-len(word), word))
        self.longest = max(map(len, known), default=0)
        self.pattern = re.compile("|".join(map(_whole, known)) or r"(?!)")
        self.prefixes = frozenset(
            word[:length]
            for word in known
            # the whole word too, where the character behind it decides
            for length in range(1, len(word) + (1 if _LETTER.match(word[-1]) else 0))
        )

    def spoken(self, word: str) -> str | None:
        """What is said for a word as it stands in the text; None: as it is."""
        spoken = self.exact.get(word)
        return self.by_word.get(folded(word)) if spoken is None else spoken


class Replacer(Rewriter):
    """Replaces whole words. Holds back no more than what may become one of them."""

    __slots__ = ("_before", "_held", "_words")

    def __init__(self, words: Replacements) -> None:
        super().__init__()
        self._words = words
        self._held = ""
        self._before = ""
        """The character of the source before what is held."""

    def push(self, text: str) -> str:
        self._scan(self._held + text, final=False)
        return self._take()

    def flush(self) -> str:
        self._scan(self._held, final=True)
        return self._take()

    def _scan(self, text: str, *, final: bool) -> None:
        words = self._words
        context = self._before + text
        low = folded(context)
        lead = at = len(self._before)
        end = len(context)
        while at < end:
            hold = end if final else self._hold(low, at)
            match = words.pattern.search(low, at)
            if match is None or match.start() >= hold:
                self._keep(context[at:hold])
                at = hold
                break
            self._keep(context[at : match.start()])
            word = context[match.start() : match.end()]
            spoken = words.spoken(word)
            if spoken is None or spoken == word:
                self._keep(word)
            else:
                self._put(spoken, len(word))
            at = match.end()
        self._held = context[at:]
        if at > lead:
            self._before = context[at - 1]

    def _hold(self, low: str, at: int) -> int:
        """Where the text begins that may still become a word."""
        prefixes, end = self._words.prefixes, len(low)
        for start in range(max(at, end - self._words.longest), end):
            if low[start:] in prefixes and (
                start == 0 or not _LETTER.match(low[start]) or not _LETTER.match(low[start - 1])
            ):
                return start
        return end


def folded(text: str) -> str:
    """The text in small letters, character by character: each keeps its place."""
    if text.isascii():
        return text.lower()
    return "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)


def _whole(word: str) -> str:
    letter = _LETTER.pattern
    before = f"(?<!{letter})" if _LETTER.match(word[0]) else ""
    after = f"(?!{letter})" if _LETTER.match(word[-1]) else ""
    return before + re.escape(word) + after
