"""`filter_emoji`: emoji are left out, since a voice would name each of them."""

from __future__ import annotations

import re

from .rewriter import Rewriter

# Extended_Pictographic of Unicode's emoji-data.txt (15.1), without what is text in most fonts and
# is read out well or means something: (c), (r), TM, arrows, notes and accidentals, CJK marks.
_PICTURES = (
    "\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe"
    "\u2600-\u2605\u2607-\u2612\u2614-\u2668\u2670-\u2685\u2690-\u2705\u2708-\u2712\u2714\u2716"
    "\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767"
    "\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\U0001f000-\U0001faff"  # flags' letters and skin tones among them
)
_SELECTORS = "\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"  # variation, keycap, tags of flags
_JOINER = "\u200d"  # between emoji; between letters of some scripts it means something
_RUN = re.compile(f"[{_PICTURES}{_SELECTORS}{_JOINER}]+")


class EmojiFilter(Rewriter):
    """Leaves out emoji, with the space behind one that stands between spaces. Holds nothing
    back."""

    __slots__ = ("_dropped", "_last")

    def __init__(self) -> None:
        super().__init__()
        self._last = " "
        """The last character that was given; before the first one as good as a space."""
        self._dropped = False
        """The last character of the source was left out."""

    def push(self, text: str) -> str:
        if text.isascii() and not self._dropped:
            if text:
                self._last = text[-1]
                self.read += len(text)
                self.written += len(text)
            return text
        at = 0
        for run in _RUN.finditer(text):
            self._pass(text[at : run.start()])
            self._leave_out(run[0])
            at = run.end()
        self._pass(text[at:])
        return self._take()

    def flush(self) -> str:
        return ""

    def _pass(self, text: str) -> None:
        if not text:
            return
        if self._dropped and text[0] == " " and self._last.isspace():
            self._drop(1)
            text = text[1:]
        self._dropped = False
        if text:
            self._keep(text)
            self._last = text[-1]

    def _leave_out(self, run: str) -> None:
        if not self._dropped and run[0] == _JOINER:
            rest = run.lstrip(_JOINER)
            self._pass(run[: len(run) - len(rest)])
            run = rest
        if run:
            self._drop(len(run))
            self._dropped = True
