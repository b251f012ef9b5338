"""A small trigram model and dictionary, built from what callers are likely to say."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from .numbers import ONES, TEENS, TENS, spoken
from .pronunciation import guess

PHRASE_WEIGHT = 3.0
"""How often a whole utterance counts. Between 1 and 30 the recognition of phrases does not change;
higher values leave less room for their words in another order."""
TEXT_WEIGHT = 0.02
"""How often a sentence of prose counts: enough to make its words possible."""
_LITERAL = 0.5
"""Share of a phrase's weight that stays with the very number in it; the rest goes to all numbers of
the same shape, because a caller has another invoice than the one in the example."""

GAP = ""
"""Stands in a sentence for a word that is not known."""

_CLASSES: dict[str, dict[str, float]] = {
    "<digit>": {word: 0.1 for word in ONES} | {"zero": 0.07, "oh": 0.03},
    "<unit>": {word: 1 / 9 for word in ONES[1:]},
    "<teen>": {word: 0.1 for word in TEENS},
    "<ten>": {word: 1 / 8 for word in TENS},
}
_SHAPES = ((72 / 90, ("<ten>", "<unit>")), (10 / 90, ("<teen>",)), (8 / 90, ("<ten>",)))
"""How the numbers from 10 to 99 are said, with their shares."""


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """What a decoder for one vocabulary needs."""

    arpa: str
    """The trigram in ARPA format."""
    dictionary: str
    """A line for each pronunciation: the word and its phones."""
    guessed: tuple[str, ...]
    """Words of the phrases whose pronunciation was guessed from their letters."""
    left_out: tuple[str, ...]
    """Words of the texts that the dictionary lacks: they cannot be recognised."""


def build(
    phrases: Iterable[str], texts: Iterable[str], pronounce: Callable[[str], Sequence[str]]
) -> LanguageModel | None:
    """Builds the model; None when the phrases hold no word.

    `pronounce(word)` gives the phones of each pronunciation that the dictionary has. A word of a
    phrase that it lacks is guessed (it may be a name, and the phrase is worthless without it); one
    of a text is left out. `{placeholders}` in either are gaps: any known word may stand there.
    """
    entries: dict[str, Sequence[str]] = {}
    guessed: list[str] = []
    left_out: list[str] = []
    sentences: list[tuple[float, tuple[str, ...]]] = []
    for phrase in phrases:
        for share, said in _ways_to_say(phrase):
            for word in said:
                if word not in entries and word != GAP:
                    entries[word] = pronounce(word) or _guessed(word, guessed)
            known = tuple(word if entries.get(word) else GAP for word in said)
            if any(known):
                sentences.append((PHRASE_WEIGHT * share, known))
    if not sentences:
        return None
    for text in texts:
        for share, said in _ways_to_say(text):
            for word in said:
                if word not in entries and word != GAP:
                    entries[word] = pronounce(word)
                    if not entries[word]:
                        left_out.append(word)
            known = tuple(word if entries.get(word) else GAP for word in said)
            sentences.append((TEXT_WEIGHT * share, known))
    counts = _Counts()
    for weight, sentence in sentences:
        for share, shaped in _shapes(sentence):
            counts.add(shaped, weight * share)
    counts.spread_classes(entries, pronounce)
    words = sorted(word for word, phones in entries.items() if phones)
    lines = [
        f"{word}({number}) {phones}" if number > 1 else f"{word} {phones}"
        for word in words
        for number, phones in enumerate(entries[word], 1)
    ]
    return LanguageModel(
        arpa=_arpa(counts, words),
        dictionary="\n".join([*lines, ""]),
        guessed=tuple(dict.fromkeys(guessed)),
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _guessed(word: str, guessed: list[str]) -> Sequence[str]:
    phones = guess(word)
    if phones is None:
        return ()
    guessed.append(word)
    return (phones,)


_TOKEN = re.compile(r"\{[^{}]*\}|\d[\d,.]*(?:st|nd|rd|th)?|[^\W\d_]+(?:'[^\W\d_]+)*|[.!?;:\n]")


def _ways_to_say(text: str) -> Iterator[tuple[float, tuple[str, ...]]]:
    """The sentences of a text as lower-case words, in every way to say their numbers.

    With each its share: those of one sentence add up to 1.
    """
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'").replace("&", " and ").lower())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    sentence: list[list[list[str]]] = []
    for token in [*_TOKEN.findall(plain), "."]:
        if token in ".!?;:\n":
            # Only two numbers are said in all their ways: the number of sentences is bounded.
            free = 2
            for at, ways in enumerate(sentence):
                if len(ways) > 1:
                    free -= 1
                    sentence[at] = ways if free >= 0 else ways[:1]
            if sentence:
                for choice in product(*map(_likeliest_first, sentence)):
                    share = math.prod(share for share, _ in choice)
                    yield share, tuple(word for _, part in choice for word in part)
            sentence = []
        elif token.startswith("{"):
            sentence.append([[GAP]])
        elif token[0].isdigit():
            sentence.append(spoken(token.rstrip(".,")) or [[GAP]])
        else:
            sentence.append([[token]])


def _likeliest_first(ways: list[list[str]]) -> list[tuple[float, list[str]]]:
    """Gives each way half the share of the one before."""
    whole = sum(0.5**rank for rank in range(len(ways)))
    return [(0.5**rank / whole, way) for rank, way in enumerate(ways)]


def _shapes(sentence: tuple[str, ...]) -> Iterator[tuple[float, tuple[str, ...]]]:
    """The sentence itself, and its shapes with classes in place of numbers, with their shares."""
    parts: list[Sequence[tuple[float, tuple[str, ...]]]] = []
    index = 0
    numbers = 0
    while index < len(sentence):
        word, *rest = sentence[index:]
        digits = index
        while digits < len(sentence) and sentence[digits] in _CLASSES["<digit>"]:
            digits += 1
        if digits - index >= 2:
            parts.append([(1.0, ("<digit>",) * (digits - index))])
            index = digits
        elif word in (*TENS, *TEENS) and numbers < 3:
            parts.append(_SHAPES)
            numbers += 1
            index += 2 if word in TENS and rest and rest[0] in ONES[1:] else 1
        else:
            parts.append([(1.0, (word,))])
            index += 1
    if all(part[0][1][0] not in _CLASSES for part in parts):
        yield 1.0, sentence
        return
    yield _LITERAL, sentence
    for choice in product(*parts):
        share = math.prod(share for share, _ in choice)
        yield (1 - _LITERAL) * share, tuple(word for _, words in choice for word in words)


class _Counts:
    """Weighted counts of sequences of one, two and three words."""

    def __init__(self) -> None:
        self.of: dict[tuple[str, ...], float] = defaultdict(float)
        self.types: dict[tuple[str, ...], float] = defaultdict(float)
        """How many different words were seen behind a history; a class counts as one word."""

    def add(self, sentence: Sequence[str], weight: float) -> None:
        padded = ("<s>", *sentence, "</s>")
        for length in (1, 2, 3):
            for start in range(len(padded) - length + 1):
                gram = padded[start : start + length]
                if GAP not in gram and gram != ("<s>",):
                    self.of[gram] += weight

    def spread_classes(
        self, entries: dict[str, Sequence[str]], pronounce: Callable[[str], Sequence[str]]
    ) -> None:
        """Replaces classes by all of their words, which join `entries`; call it once, last."""
        for gram, count in self.of.items():
            self.types[gram[:-1]] += min(1.0, count)
        used = {word for gram in self.of for word in gram if word in _CLASSES}
        for name in used:
            for word in _CLASSES[name]:
                if not entries.get(word):
                    entries[word] = pronounce(word)
        for weights in (self.of, self.types):
            for gram in [gram for gram in weights if not used.isdisjoint(gram)]:
                weight = weights.pop(gram)
                for words, share in _members(gram):
                    weights[words] += weight * share


def _members(gram: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    """What a sequence with classes stands for, with shares."""
    choices = [_CLASSES.get(word, {word: 1.0}).items() for word in gram]
    for choice in product(*choices):
        yield tuple(word for word, _ in choice), math.prod(share for _, share in choice)


def _arpa(counts: _Counts, words: Sequence[str]) -> str:
    """The back-off form of an interpolated model in the manner of Witten and Bell (1991).

    The share that a history leaves to the shorter one is T / (C + T), with C what was counted
    behind it and T how many different words were; counts below 1 count as that part of a word.
    Every word was counted at least once, so single words need no such share.
    """
    vocabulary = [*words, "</s>"]
    types = counts.types
    total: dict[tuple[str, ...], float] = defaultdict(float)
    for gram, count in counts.of.items():
        total[gram[:-1]] += count
    probability: dict[tuple[str, ...], float] = {}
    for word in vocabulary:
        probability[(word,)] = counts.of[(word,)] / total[()]
    by_length: list[list[tuple[str, ...]]] = [[], [], []]
    for gram in sorted(counts.of, key=lambda gram: (len(gram), gram)):
        by_length[len(gram) - 1].append(gram)
        if len(gram) > 1:
            history = gram[:-1]
            lower = types[history] * probability[gram[1:]]
            probability[gram] = (counts.of[gram] + lower) / (total[history] + types[history])

    def line(gram: tuple[str, ...]) -> str:
        rest = types[gram] / (total[gram] + types[gram]) if total.get(gram) else 1.0
        likely = f"{math.log10(probability[gram]):.4f}" if gram in probability else "-99"
        return f"{likely} {' '.join(gram)} {math.log10(rest):.4f}"

    first = sorted([("<s>",), *((word,) for word in vocabulary)])
    sections = [
        [line(gram) for gram in first],
        [line(gram) for gram in by_length[1]],
        [line(gram).rpartition(" ")[0] for gram in by_length[2]],
    ]
    head = [f"ngram {length}={len(lines)}" for length, lines in enumerate(sections, 1)]
    body = [
        text
        for length, lines in enumerate(sections, 1)
        for text in ("", f"\\{length}-grams:", *lines)
    ]
    return "\n".join(["\\data\\", *head, *body, "", "\\end\\", ""])
