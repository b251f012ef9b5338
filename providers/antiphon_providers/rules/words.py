"""Utterances: a user's words in the plain form that patterns are held against."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

MAX_CHARS = 2000
"""What is read of one user message; a spoken turn has some hundred."""

# A number with its thousands and decimals, a number, or a word with its apostrophes.
_PIECE = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*")
_ENDS = re.compile(r"^[^\w'\u2019]+|[^\w]+$")

_FULL_FORMS = {
    "am": ("i",),
    "are": ("you", "we", "they"),
    "is": (
        "it",
        "he",
        "she",
        "that",
        "this",
        "what",
        "who",
        "where",
        "how",
        "name",
        "there",
        "here",
    ),
}
_CONTRACTIONS: dict[str, tuple[str, ...]] = {
    "cannot": ("can", "not"),
    "can't": ("can", "not"),
    "won't": ("will", "not"),
    "let's": ("let", "us"),
    "gonna": ("going", "to"),
    "wanna": ("want", "to"),
    "gimme": ("give", "me"),
    "i'm": ("i", "am"),
    **{f"{word}'re": (word, "are") for word in _FULL_FORMS["are"]},
    **{f"{word}'s": (word, "is") for word in _FULL_FORMS["is"]},
    **{f"{word}'ll": (word, "will") for word in ("i", "you", "we", "it", "they", "that")},
    **{f"{word}'ve": (word, "have") for word in ("i", "you", "we", "they")},
    **{f"{word}'d": (word, "would") for word in ("i", "you", "we", "they")},
    **{
        f"{word}n't": (word, "not")
        for word in "do does did is are was were has have had could would should".split()
    },
}

_LEADING = frozenset(
    "um umm uh er erm ah hm hmm mm well so oh okay ok right and but please yes yeah yep no".split()
)
_TRAILING = frozenset("please thanks um uh".split())
_CORRECTION = re.compile(
    r"(?:^|(?<= ))(?:(?:(?:no|sorry) )?(?:i (?:meant|mean) |actually |rather |make (?:that|it) "
    r"|scratch that |correction )|no (?:wait|sorry) |wait no |not that )+"
)


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said, as words."""

    text: str
    """The words in lower case, contractions written out, no punctuation; a space after each."""
    raw: tuple[str, ...]
    """The words as they were written, without the punctuation around them."""
    owners: tuple[int, ...]
    """For each word of `text`, the index in `raw` of what it comes from."""

    @property
    def words(self) -> list[str]:
        """The words of `text`."""
        return self.text.split()

    def __len__(self) -> int:
        return len(self.owners)

    def original(self, start: int, end: int) -> str:
        """What was written for `text[start:end]`, which begins and ends at words."""
        first = self.text.count(" ", 0, start)
        last = first + self.text.count(" ", start, end)
        owners = dict.fromkeys(self.owners[first:last])
        return " ".join(self.raw[owner] for owner in owners)

    def part(self, first: int, last: int) -> Utterance:
        """The words from index `first` to before `last`."""
        words = self.words[first:last]
        return Utterance("".join(f"{word} " for word in words), self.raw, self.owners[first:last])

    def stripped(self) -> Utterance:
        """Without the fillers at either end ("um", "well", "please" ...); may be empty."""
        words = self.words
        first, last = 0, len(words)
        while first < last and words[first] in _LEADING:
            first += 1
        while last > first and words[last - 1] in _TRAILING:
            last -= 1
        return self if (first, last) == (0, len(words)) else self.part(first, last)

    def corrected(self) -> Utterance | None:
        """What follows the last "no wait", "I meant" or the like; None when nothing does."""
        ends = [found.end() for found in _CORRECTION.finditer(self.text)]
        if not ends or ends[-1] == len(self.text):
            return None
        return self.part(self.text.count(" ", 0, ends[-1]), len(self.owners))


def normalise(text: str) -> tuple[list[str], list[str], list[int]]:
    """The plain words of `text`, its words as written, and the index of each plain one in these."""
    words: list[str] = []
    raw: list[str] = []
    owners: list[int] = []
    plain = unicodedata.normalize("NFKC", text)
    for written in plain.split():
        pieces = _PIECE.findall(written.replace("\u2019", "'").casefold())
        if not pieces:
            continue
        for piece in pieces:
            for word in _CONTRACTIONS.get(piece, (piece.replace(",", ""),)):
                words.append(word)
                owners.append(len(raw))
        raw.append(_ENDS.sub("", written))
    return words, raw, owners


@lru_cache(maxsize=1024)
def utterance(text: str) -> Utterance:
    """Reads a user message; what is beyond `MAX_CHARS` is left out."""
    words, raw, owners = normalise(text[:MAX_CHARS])
    return Utterance("".join(f"{word} " for word in words), tuple(raw), tuple(owners))
