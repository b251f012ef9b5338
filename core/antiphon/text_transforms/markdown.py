"""`filter_markdown`: what a voice would read out of Markdown's marks is left out, the words
stay."""

from __future__ import annotations

import re

from .links import bracket_end, url_end
from .rewriter import Rewriter

_MARK = re.compile(r"[*_~`\[\]\\\n]|(?<!\S)!")
"""What may be a mark within a line; an image's `!` only where no word ends."""
_MARK_IN_ROW = re.compile(r"[*_~`\[\]\\\n|]|(?<!\S)!")
_LINE_MARKS = frozenset("#>-+*•|=_~` \t\n")
"""What a line begins with that is more than text."""
_RULE = {mark: re.compile(f"(?:{re.escape(mark)}[ \\t]*)+") for mark in "-*_="}
_ROW_OF_RULES = re.compile(r"[|:\- \t]+")
_BOX = re.compile(r"\[[ xX]\](?=[ \t])")
_ESCAPABLE = frozenset("\\`*_{}[]()#+-.!|~>")
_RUN = 8
"""Marks of one kind that are looked at together."""
_WINDOW = 120
"""Characters that are waited for, at the most, to know what a line is that has no letter yet."""


class MarkdownFilter(Rewriter):
    """Leaves out the marks of Markdown: emphasis, code, headings, lists, quotes, links' addresses,
    rules and the frames of tables.

    A mark is judged by the characters on both sides of it, not by its partner, so that one never
    holds back more than itself: `2 * 3`, `2*3` and `snake_case` stay. What has brackets is held
    back to the closing one, 100 characters at the most, and an address to its end. Code is passed
    on as it is, without its backticks.
    """

    __slots__ = (
        "_code",
        "_fence",
        "_held",
        "_in_link",
        "_in_row",
        "_line_starts",
        "_previous",
        "_skipped",
    )

    def __init__(self) -> None:
        super().__init__()
        self._held = ""
        self._line_starts = True
        """Nothing but marks and spaces has come in this line."""
        self._previous = " "
        """The character before, as it is given."""
        self._skipped = ""
        """What is being left out: `"spaces"`, or the rest of a `"line"`."""
        self._fence = ""
        """The mark of the code block that is open."""
        self._code = 0
        """The backticks that close the code that is open."""
        self._in_link = False
        """The next `](` belongs to a bracket that was left out."""
        self._in_row = False
        """The line is a row of a table."""

    def push(self, text: str) -> str:
        if not text:
            return ""
        if (
            not self._held
            and not (self._code or self._fence or self._in_link or self._in_row or self._skipped)
            and _MARK.search(text) is None
            and (not self._line_starts or text[0] not in _LINE_MARKS)
        ):
            self._line_starts = False
            self._previous = text[-1]
            self.read += len(text)
            self.written += len(text)
            return text
        self._scan(self._held + text, final=False)
        return self._take()

    def flush(self) -> str:
        if self._held:
            self._scan(self._held, final=True)
        return self._take()

    def _scan(self, text: str, *, final: bool) -> None:
        at, end = 0, len(text)
        while at < end:
            if self._skipped:
                step: int | None = self._skip(text, at)
            elif self._line_starts:
                step = self._begin_line(text, at, final)
            else:
                step = self._go_on(text, at, final)
            if step is None:
                break
            at = step
        self._held = text[at:]

    # Each of these takes a mark, or a stretch without any, and returns where it ends; None when
    # that cannot be known yet.

    def _skip(self, text: str, at: int) -> int:
        if self._skipped == "line":
            stop = text.find("\n", at)
            stop = len(text) if stop < 0 else stop
        else:
            stop = _past(text, at, " \t")
        self._drop(stop - at)
        if stop < len(text):
            self._skipped = ""
        return stop

    def _begin_line(self, text: str, at: int, final: bool) -> int | None:
        mark = text[at]
        if mark == "\n":
            return self._end_line(text, at)
        if mark in " \t":
            return self._pass(text, at, _past(text, at, " \t"))
        if self._fence:
            return self._may_close_fence(text, at, final)
        if mark in _RULE or mark in "+•":
            return self._rule_or_item(text, at, final)
        if mark == "#":
            return self._heading(text, at, final)
        if mark in "`~":
            run = _run(text, at, 3)
            if run < 3 and at + run == len(text) and not final:
                return None
            if run == 3:
                self._fence = mark
                return self._leave_line(at, at + run)
        if mark == ">":
            self._drop(1)
            self._skipped = "spaces"
            return at + 1
        if mark == "|":
            return self._begin_row(text, at, final)
        self._line_starts = False
        return at

    def _may_close_fence(self, text: str, at: int, final: bool) -> int | None:
        run = _run(text, at, 3) if text[at] == self._fence else 0
        if run == 3:
            self._fence = ""
            return self._leave_line(at, at + run)
        if run and at + run == len(text) and not final:
            return None
        self._line_starts = False
        return at

    def _leave_line(self, at: int, stop: int) -> int:
        self._drop(stop - at)
        self._skipped = "line"
        return stop

    def _heading(self, text: str, at: int, final: bool) -> int | None:
        stop = at + _run(text, at, 7)
        if stop == len(text) and stop - at < 7 and not final:
            return None
        self._line_starts = False
        if stop - at < 7 and (stop == len(text) or text[stop].isspace()):
            self._drop(stop - at)
            self._skipped = "spaces"
            return stop
        return self._pass(text, at, stop)

    def _rule_or_item(self, text: str, at: int, final: bool) -> int | None:
        mark, end = text[at], len(text)
        rule = _RULE.get(mark)
        if rule is not None:
            match = rule.match(text, at, at + _WINDOW)
            assert match is not None
            stop = match.end()
            if stop - at < _WINDOW and stop == end and not final:
                return None
            long = stop - at == _WINDOW
            if long or (match[0].count(mark) > 2 and (stop == end or text[stop] == "\n")):
                self._drop(stop - at)
                return stop
        elif at + 1 == end and not final:
            return None
        if mark not in "_=" and at + 1 < end and text[at + 1] in " \t":
            after = _past(text, at + 1, " \t", at + _WINDOW)
            box = _BOX.match(text, after)
            if box is None and not final and end - after < 4 and _could_be_box(text[after:]):
                return None
            stop = after if box is None else box.end()
            self._drop(stop - at)
            self._skipped = "spaces"
            return stop
        self._line_starts = False
        return at

    def _begin_row(self, text: str, at: int, final: bool) -> int | None:
        match = _ROW_OF_RULES.match(text, at, at + _WINDOW)
        assert match is not None
        stop = match.end()
        if stop == len(text) and stop - at < _WINDOW and not final:
            return None
        self._line_starts = False
        self._in_row = True
        if "-" in match[0] and (stop == len(text) or text[stop] == "\n"):
            self._drop(stop - at)
            return stop
        self._drop(1)
        self._skipped = "spaces"
        return at + 1

    def _go_on(self, text: str, at: int, final: bool) -> int | None:
        if self._fence:
            stop = text.find("\n", at)
            return self._end_line(text, stop, at) if stop >= 0 else self._pass(text, at, len(text))
        if self._code:
            return self._go_on_in_code(text, at, final)
        found = (_MARK_IN_ROW if self._in_row else _MARK).search(text, at)
        if found is None:
            return self._pass(text, at, len(text))
        if found.start() > at:
            return self._pass(text, at, found.start())
        mark = found[0]
        if mark == "\n":
            return self._end_line(text, at)
        if mark in "*_~`":
            return self._run_of_marks(text, at, final)
        if mark == "\\":
            return self._escape(text, at, final)
        if mark == "|":
            return self._end_cell(text, at, final)
        if mark == "]":
            return self._close_bracket(text, at, final)
        return self._open_bracket(text, at, final)

    def _go_on_in_code(self, text: str, at: int, final: bool) -> int | None:
        if text[at] == "\n":
            return self._end_line(text, at)
        if text[at] != "`":
            stop = at
            while stop < len(text) and text[stop] not in "`\n":
                stop += 1
            return self._pass(text, at, stop)
        run = _run(text, at, _RUN)
        if at + run == len(text) and run < _RUN and not final:
            return None
        if run == self._code:
            self._code = 0
            self._drop(run)
            return at + run
        return self._pass(text, at, at + run)

    def _run_of_marks(self, text: str, at: int, final: bool) -> int | None:
        mark = text[at]
        run = _run(text, at, _RUN)
        stop = at + run
        if stop == len(text) and run < _RUN and not final:
            return None
        before = self._previous
        after = text[stop] if stop < len(text) else " "
        if mark == "`" and not (run == 1 and _joined(before, after)):
            self._code = run
            self._drop(run)
            return stop
        if run < _RUN and _is_text(mark, run, before, after):
            return self._pass(text, at, stop)
        self._drop(run)
        return stop

    def _escape(self, text: str, at: int, final: bool) -> int | None:
        if at + 1 == len(text) and not final:
            return None
        if at + 1 < len(text) and text[at + 1] in _ESCAPABLE:
            self._drop(1)
            return self._pass(text, at + 1, at + 2)
        return self._pass(text, at, at + 1)

    def _end_cell(self, text: str, at: int, final: bool) -> int | None:
        stop = _past(text, at + 1, " \t", at + _WINDOW)
        if stop == len(text) and stop - at < _WINDOW and not final:
            return None
        if stop == len(text) or text[stop] == "\n":
            self._drop(1)
        else:
            self._put(",", 1)
            self._previous = ","
        return at + 1

    def _open_bracket(self, text: str, at: int, final: bool) -> int | None:
        begin = at
        if text[at] == "!":
            if not self._previous.isspace():
                return self._pass(text, at, at + 1)
            begin += 1
            if begin == len(text) and not final:
                return None
            if begin == len(text) or text[begin] != "[":
                return self._pass(text, at, begin)
        close = bracket_end(text, begin)
        if close is None and not final:
            return None
        if not close:
            return self._pass(text, at, begin + 1)
        if close == len(text) and not final:
            return None
        if text[begin + 1] == "^":
            self._drop(close - at)  # the number of a footnote
            return close
        if close < len(text) and text[close] == "(":
            self._in_link = True
            self._drop(begin + 1 - at)
            return begin + 1
        return self._pass(text, at, begin + 1)

    def _close_bracket(self, text: str, at: int, final: bool) -> int | None:
        if not self._in_link:
            return self._pass(text, at, at + 1)
        if at + 1 == len(text) and not final:
            return None
        if text[at + 1 : at + 2] != "(":
            return self._pass(text, at, at + 1)
        stop = url_end(text, at + 2)
        if stop is None and not final:
            return None
        self._in_link = False
        stop = stop or at + 1
        self._drop(stop - at)
        return stop

    def _end_line(self, text: str, newline: int, at: int | None = None) -> int:
        self._pass(text, newline if at is None else at, newline + 1)
        self._line_starts = True
        self._in_row = self._in_link = False
        self._code = 0
        return newline + 1

    def _pass(self, text: str, start: int, stop: int) -> int:
        if stop > start:
            self._keep(text[start:stop])
            self._previous = text[stop - 1]
        return stop


def _run(text: str, at: int, most: int) -> int:
    """How often the character at `at` stands there in a row."""
    mark, stop = text[at], min(len(text), at + most)
    run = 1
    while at + run < stop and text[at + run] == mark:
        run += 1
    return run


def _past(text: str, at: int, characters: str, most: int | None = None) -> int:
    stop = len(text) if most is None else min(len(text), most)
    while at < stop and text[at] in characters:
        at += 1
    return at


def _could_be_box(text: str) -> bool:
    """Whether a list item that begins so may begin with `[ ]`, to be ticked off."""
    return not text or (text[0] == "[" and text[1:2] in ("", " ", "x", "X") and len(text) < 4)


def _is_text(mark: str, run: int, before: str, after: str) -> bool:
    """Whether a run of marks between these characters is no emphasis."""
    if before.isspace() and after.isspace():
        return True
    if mark == "~":
        return run != 2
    if mark == "_":
        return before.isalnum() and after.isalnum()
    if mark == "`":
        return True  # an apostrophe, as some write it
    return _joined(before, after) and (run == 1 or (run == 2 and after.isdigit()))


def _joined(before: str, after: str) -> bool:
    # In scripts without spaces emphasis stands between letters.
    return before.isascii() and before.isalnum() and after.isascii() and after.isalnum()
