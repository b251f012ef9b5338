"""Heard truth: which part of a text the caller has heard, given how much of its audio was
played."""

from __future__ import annotations

from dataclasses import dataclass

from ..text import cut_at_word, word_boundaries
from ..tts import TimedText
from .rewriting import Rewriting

CHARACTERS_PER_SECOND = 14.0
"""Of English speech at a usual pace (about 150 words a minute): used only where a TTS gives no word
times and has not finished its audio, and nothing that it has finished tells its own pace."""

_REACH = 40
"""How many characters ahead a timed word is looked for in the text, at the least."""
_SPOKEN_OUT = 20
"""How many more for each word that was not found before it: "1999" is spoken in three."""


@dataclass(slots=True)
class _Span:
    """A stretch of text and the stretch of audio that voices it."""

    start: int
    end: int | None
    """None while text may still be added."""
    began: float
    ended: float | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What of a text was heard."""

    text: str
    """A slice of the generated text from its start, ending at a word boundary."""
    estimated: bool
    """No word times told the split: it was made by proportion."""


class Ledger:
    """The account of one segment: generated, spoken, synthesised, played.

    Spans and words lie in the spoken text: the generated one as the transforms have left it, which
    is what the TTS is given. Only what was heard is told in terms of the generated text.
    """

    __slots__ = (
        "_cursor",
        "_floor",
        "_linked",
        "_origin",
        "_pace",
        "_rewriting",
        "_spans",
        "_unfound",
        "_words",
        "complete",
        "generated",
        "seconds",
    )

    def __init__(
        self, rewriting: Rewriting | None = None, *, pace: float = CHARACTERS_PER_SECOND
    ) -> None:
        """`pace`: characters a second that the voice is expected to speak."""
        self.generated = ""
        """All text so far."""
        self._rewriting = rewriting
        """What makes the spoken text; None: it is the generated one."""
        self._pace = pace
        self.seconds = 0.0
        """All audio so far."""
        self.complete = False
        """Whether all text has its audio."""
        self._origin = 0.0
        self._cursor = 0
        self._floor = 0
        self._unfound = 0
        """Timed words in a row that do not stand in the text."""
        self._linked = True
        self._spans: list[_Span] = []
        self._words: list[tuple[float, float, int]] = []

    def add_text(self, text: str) -> None:
        """More text has been generated."""
        self.generated += text
        if self._rewriting is not None:
            self._rewriting.push(text)

    @property
    def spoken(self) -> str:
        """All text so far that the voice may have."""
        rewriting = self._rewriting
        return self.generated if rewriting is None else rewriting.text

    def add_audio(self, seconds: float) -> None:
        """More audio has been made."""
        if not self._spans:
            self._spans.append(_Span(0, None, 0.0))
        self.seconds += seconds

    def voicing(self, text: str) -> None:
        """The audio that follows speaks `text`, which stands somewhere after the last one."""
        text = text.strip()
        if not text:
            return
        self._end_span()
        start = self.spoken.find(text, self._cursor)
        if start < 0:
            self._linked = False
            return
        self._cursor = start + len(text)
        self._spans.append(_Span(start, self._cursor, self.seconds))

    def word(self, timed: TimedText) -> None:
        """A word's times, relative to the first sample of the present call."""
        text = timed.text.strip()
        if not text:
            return
        floor = max(self._words[-1][2] if self._words else 0, self._floor)
        if self._spans and self._spans[-1].end is not None:
            floor = max(floor, self._spans[-1].start)
        start = self._find(text, floor)
        if start is None:
            self._unfound += 1
            return
        self._unfound = 0
        begin = self._origin + timed.start
        self._words.append((begin, max(begin, self._origin + timed.end), start + len(text)))

    def _find(self, word: str, floor: int) -> int | None:
        """Where a spoken word stands in the text.

        Words that are written otherwise than spoken ("12th", "the twelfth") are not found; so one
        that is may follow after as many others as were not found before it, and one more.
        """
        end = floor + len(word) + _REACH + _SPOKEN_OUT * self._unfound
        window = self.spoken[floor:end]
        if word not in window:
            window, word = window.lower(), word.lower()
        start = window.find(word)
        while start >= 0:
            between = window[:start]
            skipped = len(word_boundaries(between))
            if not any(map(str.isalnum, between)):
                return floor + start  # the next one: it need not end where the written word does
            if skipped > 2 * self._unfound + 1:
                return None
            after = window[start + len(word) : start + len(word) + 1]
            if not window[start - 1].isalnum() and not after.isalnum():
                return floor + start
            start = window.find(word, start + 1)
        return None

    def finish(self) -> None:
        """All text has been voiced."""
        self._end_span()
        if self._spans and self._spans[-1].end is None:
            self._spans[-1].end = len(self.spoken)
        self.complete = True

    def restart(self) -> int:
        """The TTS failed and is called again: the position in the spoken text from which it owes
        audio."""
        spoken = self.spoken
        self._end_span()
        position = 0
        # What the failed call has announced and not made is not going to be heard.
        self._words = [word for word in self._words if word[1] <= self.seconds + 0.001]
        if self._words:
            position = self._past_punctuation(self._words[-1][2])
        for span in self._spans[:-1]:
            if span.end is not None:
                position = max(position, span.end)
        if self._spans and not self._words and self._spans[-1].end is None:
            last = self._spans[-1]
            guess = last.start + int((self.seconds - last.began) * self._pace)
            position = max(position, cut_at_word(spoken, min(guess, len(spoken))))
        if self._spans:
            last = self._spans[-1]
            last.end = max(last.start, min(position, len(spoken)))
        while position < len(spoken) and spoken[position].isspace():
            position += 1
        self._origin = self.seconds
        self._cursor = self._floor = position
        self._unfound = 0
        self._spans.append(_Span(position, None, self.seconds))
        return position

    def heard(self, seconds: float) -> Heard:
        """What was heard when `seconds` of the audio have been played."""
        if self.complete and seconds >= self.seconds - 0.0005:
            return self.all_text()
        span = None
        for candidate in self._spans:
            if candidate.began <= seconds + 1e-9:
                span = candidate
        if span is None or seconds <= 0:
            return Heard("", False)
        last = 0
        known = False
        for begin, ended, end in self._words:
            if ended > seconds + 1e-6:
                known = True
                break
            last = end
            known = begin >= span.began - 1e-6
        if known and self._linked:
            position = max(last, self._before(span))
            position = self._past_punctuation(position)
            return self._heard(cut_at_word(self.spoken, position), estimated=False)
        share = self._proportion(span, seconds)
        return self._heard(self._cut_before_space(share, span.start), estimated=True)

    @property
    def pace(self) -> float | None:
        """Characters a second that were spoken; None while that is not known, or too little."""
        if not self.complete or self.seconds < 1.0:
            return None
        return len(self.spoken.strip()) / self.seconds

    def next_word(self, seconds: float) -> float | None:
        """When the word that is being heard then ends, or None when no times tell."""
        for _, ended, _ in self._words:
            if ended > seconds + 1e-6:
                return ended
        return None

    def all_text(self) -> Heard:
        """Everything generated so far, for a segment without a voice."""
        return Heard(self.generated, False)

    def _heard(self, end: int, *, estimated: bool) -> Heard:
        """What was heard, by where it ends in the spoken text."""
        text, rewriting = self.generated, self._rewriting
        if rewriting is None or not end:
            return Heard(text[:end], estimated)
        if rewriting.done and not rewriting.text[end:].strip():
            return Heard(text, estimated)  # what follows was not to be spoken
        position, certain = rewriting.source(end)
        position = _past_punctuation(text, position)
        return Heard(text[: cut_at_word(text, position)], estimated or not certain)

    def _past_punctuation(self, position: int) -> int:
        return _past_punctuation(self.spoken, position)

    def _before(self, span: _Span) -> int:
        position = 0
        for candidate in self._spans:
            if candidate is span:
                break
            if candidate.end is not None:
                position = max(position, candidate.end)
        return position

    def _proportion(self, span: _Span, seconds: float) -> float:
        """A position in the text, the pause after each word counted as one character of it."""
        if not self._linked and self.complete:
            # A node changed the text: only the whole can be compared with the whole.
            return (len(self.spoken) + 1) * seconds / max(self.seconds, 1e-9)
        if span.ended is not None and span.end is not None:
            share = (seconds - span.began) / max(span.ended - span.began, 1e-9)
            return span.start + (span.end - span.start + 1) * min(share, 1.0)
        length = (span.end if span.end is not None else len(self.spoken)) - span.start
        guess = (seconds - span.began) * self._pace
        return span.start + min(length, guess)

    def _cut_before_space(self, position: float, least: int) -> int:
        """The word boundary before; but a word beyond `least` counts only when the space after it
        is past too."""
        text = self.spoken
        end = cut_at_word(text, int(position + 1e-6))
        spaced = text[end : end + 1].isspace() or end == len(text)
        if end > least and spaced and position + 1e-6 < end + 1:
            end = cut_at_word(text, end - 1)
        return end

    def _end_span(self) -> None:
        if self._spans and self._spans[-1].ended is None:
            self._spans[-1].ended = self.seconds


def _past_punctuation(text: str, position: int) -> int:
    while position < len(text) and not text[position].isspace() and not text[position].isalnum():
        position += 1
    return position
