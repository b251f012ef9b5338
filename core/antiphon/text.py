"""Text cut into sentences, for speech, and at words, for what was heard of it."""

# ruff: noqa: RUF001 - the punctuation of other scripts is what this module is about

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_TERMINATORS = ".!?…。！？｡．।॥۔؟։።៕။\n\r\x85\u2028\u2029"
_TERMINATOR = re.compile(f"[{re.escape(_TERMINATORS)}]")
_ENDS_WITH_TERMINATOR = re.compile(f"[{re.escape(_TERMINATORS)}]\\W*\\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
# A clause ends at punctuation that is followed by a space (so that "1,000" and "12:30" stay whole),
# or at one that needs no space after it.
_CLAUSE_END = re.compile(r"[,;:)\]–—][\"'”’»]*\s+|[—，、；：]\s*")
# What the next sentence may begin with. A sentence is over for certain only if it is over before
# each of these: "at 5 p.m. " before "Anna" is, but before "and" it is not.
_PROBES = ("Anna", "and", "1")

UNSPACED = (
    "\u3041-\u3096\u30a1-\u30ff\u31f0-\u31ff\uff66-\uff9f\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff"
)
"""For a class of a regular expression: scripts written without spaces (kana, Han, Thai, Lao,
Myanmar, Khmer)."""
_OPENING = "(\\[{¿¡“‘«‹「『（【《〈〔"
_WORD = re.compile(
    # one character of an unspaced script, with the marks and the punctuation that belong to it
    f"[{_OPENING}]{{0,4}}[{UNSPACED}][^\\w\\s{_OPENING}]*"
    # or a run up to a space, to such a character, or to a dash or ellipsis inside it
    f"|[^\\s{UNSPACED}]+?(?:(?<=[—…])|(?=\\s|\\Z|[{_OPENING}]{{0,4}}[{UNSPACED}]))"
)


class SentenceSplitter:
    """Cuts a stream of text pieces, which may break anywhere, into sentences to be spoken.

    Joined, the results are exactly the text that was pushed: spaces stay with the sentence before
    them. Where a sentence ends is judged by `sentencex`, so that "Dr. Smith" and "3.50" stay
    whole; one of more than `max_chars` is cut after a clause, or else after a word, so that its
    first audio need not wait for its end.

    `min_chars`: a shorter sentence is joined to the next; so is one without a letter, such as the
    "1. " of a list. `language`: a BCP 47 tag, for its abbreviations; unknown ones do no harm.
    """

    def __init__(self, min_chars: int = 1, language: str = "en", *, max_chars: int = 200) -> None:
        if min_chars < 1 or max_chars < 2 or min_chars > max_chars:
            raise ValueError(
                f"sentences of {min_chars} to {max_chars} characters cannot be made; "
                "give 1 <= min_chars <= max_chars, and max_chars of 2 or more"
            )
        self.min_chars = min_chars
        """May be changed between two calls."""
        self._max_chars = max_chars
        self._language = language.partition("-")[0].lower() or "en"
        self._segment: Callable[[str, str], list[str]] | None = None
        self._rest = ""

    @property
    def pending(self) -> str:
        """What has been pushed and not yet been given."""
        return self._rest

    def push(self, piece: str) -> list[str]:
        """Takes the next piece of text; gives the sentences that are certainly complete by now.

        A sentence is complete when something follows its terminator: a space, or more text. What
        waits is looked at anew only when that may have changed, and is never long.
        """
        looked = _ENDS_WITH_TERMINATOR.search(self._rest) or _TERMINATOR.search(piece)
        self._rest += piece
        sentences: list[str] = []
        if looked:
            *sentences, self._rest = self._sentences(self._rest)
            if self._rest and self._over_for_certain(self._rest):
                sentences.append(self._rest)
                self._rest = ""
        sentences = [part for sentence in sentences for part in self._parts(sentence)]
        if len(self._rest) > self._max_chars:
            *parts, self._rest = self._parts(self._rest)
            sentences += parts
        return sentences

    def flush(self) -> list[str]:
        """Gives all the rest, complete or not; the splitter can be used again afterwards."""
        rest, self._rest = self._rest, ""
        return [
            part for sentence in self._sentences(rest) if sentence for part in self._parts(sentence)
        ]

    def _sentences(self, text: str) -> list[str]:
        """The text in sentences; the last one may be incomplete, or empty."""
        sentences: list[str] = []
        current = ""
        for segment in self._segments(text):
            if current and self._may_end(current, segment):
                sentences.append(current)
                current = ""
            current += segment
        return [*sentences, current]

    def _segments(self, text: str) -> list[str]:
        if self._segment is None:
            import sentencex

            self._segment = sentencex.segment
        try:
            segments = self._segment(self._language, text)
        except UnicodeEncodeError:
            # half of a surrogate pair, from JSON cut in the middle
            segments = self._segment(self._language, _SURROGATE.sub("\ufffd", text))
        start = 0
        exact = []
        for segment in segments:
            exact.append(text[start : start + len(segment)])
            start += len(segment)
        if start < len(text):
            exact.append(text[start:])
        return exact

    def _may_end(self, sentence: str, following: str) -> bool:
        """Whether the boundary that `sentencex` saw is one to pause at."""
        if following.isspace():
            return False
        last = sentence[-1]
        if last.isascii() and not last.isspace() and not following[0].isspace():
            return False  # "Node.JS", "what?!Yes"
        return self._worth_speaking(sentence)

    def _worth_speaking(self, sentence: str) -> bool:
        return len(sentence.strip()) >= self.min_chars and any(map(str.isalpha, sentence))

    def _over_for_certain(self, text: str) -> bool:
        if not text[-1].isspace() or not self._worth_speaking(text):
            return False
        return all(self._segments(text + probe)[-1] == probe for probe in _PROBES)

    def _parts(self, sentence: str) -> Iterator[str]:
        """The sentence in parts of at most `max_chars`, cut where the voice may rest."""
        start = 0
        while len(sentence) - start > self._max_chars:
            # one more than fits, to see whether the word goes on
            window = sentence[start : start + self._max_chars + 1]
            cut = 0
            for clause in _CLAUSE_END.finditer(window, 0, self._max_chars):
                cut = clause.end()
            if cut < self.min_chars:
                cut = cut_at_word(window, self._max_chars)
            if cut < self.min_chars:
                cut = self._max_chars
            yield sentence[start : start + cut]
            start += cut
        yield sentence[start:]


def word_boundaries(text: str) -> list[int]:
    """The positions in `text` after each word and its punctuation, rising.

    Words are what spaces separate; in scripts written without spaces each character is one, with
    the marks and the punctuation that follow it. Spaces belong to no word, so the last boundary is
    the length of the text without its trailing spaces.
    """
    return [word.end() for word in _WORD.finditer(text)]


def cut_at_word(text: str, position: int) -> int:
    """The largest word boundary that is not beyond `position`, or 0."""
    cut = 0
    for word in _WORD.finditer(text):
        if word.end() > position:
            break
        cut = word.end()
    return cut
