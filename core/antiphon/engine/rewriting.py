"""Rewriting: a segment's words on their way from the model to its voice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..streams import Channel
from ..text_transforms import Chain, TextTransform
from ..text_transforms.plain import is_plain


class Own:
    """A function of the user's that changes the text; nobody knows which part came from where.

    As far as its result begins with the very text that it was given, the two are the same; from
    there on only their lengths can be compared.
    """

    __slots__ = ("_given", "_made", "channel", "done", "function", "same")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.channel: Channel[str] = Channel()
        self.done = False
        self.same = 0
        """How many characters its result has in common with what it was given."""
        self._given = ""
        self._made = ""

    @property
    def name(self) -> str:
        """How the user calls it."""
        return getattr(self.function, "__qualname__", repr(self.function))

    def give(self, text: str) -> None:
        """More text for it."""
        self._given += text
        self.channel.offer(text)

    def made(self, text: str) -> None:
        """More text from it."""
        aligned = self.same == len(self._made)
        self._made += text
        if aligned:
            most = min(len(self._made), len(self._given))
            while self.same < most and self._made[self.same] == self._given[self.same]:
                self.same += 1

    def untouched(self) -> list[str]:
        """What was given to it and that it has not read."""
        rest = []
        while self.channel:
            piece = self.channel.drop_oldest()
            if piece is not None:
                rest.append(piece)
        return rest

    def source(self, position: int) -> int:
        """The place in what was given that stands for one in the result."""
        if position <= self.same:
            return position
        made, given = len(self._made) - self.same, len(self._given) - self.same
        return self.same + (position - self.same) * given // max(made, 1)


class Rewriting:
    """The text of one segment as its voice gets it, and where each part of it was generated."""

    __slots__ = ("_links", "_transforms", "done", "flushed", "own", "text")

    def __init__(self, transforms: Sequence[Any]) -> None:
        self.text = ""
        """All that the voice may have by now."""
        self.done = False
        """Nothing will be added."""
        self.flushed = False
        """A flush was asked for while functions of the user's were at work: what they still give
        is to be spoken at once."""
        self._transforms = transforms
        self._links: list[Chain | Own] | None = None
        """None while all text was plain, and nothing has been needed."""
        self.own: list[Own] = []
        """The functions of the user's, to be run by whoever has tasks."""
        for transform in transforms:
            if not isinstance(transform, TextTransform) or not transform.passes_plain:
                self._link()
                break

    def _link(self) -> list[Chain | Own]:
        links = self._links = []
        rewriters = []
        for transform in self._transforms:
            if isinstance(transform, TextTransform):
                rewriters.append(transform.start())
                continue
            if rewriters:
                links.append(Chain(rewriters))
                rewriters = []
            links.append(Own(transform))
        if rewriters:
            links.append(Chain(rewriters))
        self.own = [link for link in links if isinstance(link, Own)]
        if self.text:
            # The plain text so far, which passes as it is: they have to know what went before.
            plain, self.text = self.text, ""
            self._pass(0, plain)
        return links

    def push(self, text: str) -> None:
        """More generated text."""
        if self._links is None:
            if is_plain(text, begins=not self.text):
                self.text += text
                return
            self._link()
        self.flushed = False
        self._pass(0, text)

    def flush(self) -> None:
        """Nothing follows for a while: what is held back is let go."""
        if self._links is not None:
            self.flushed = bool(self.own)
            self._flush(0)

    def end(self) -> None:
        """All text has been generated."""
        self._end(0)

    def made(self, own: Own, text: str) -> None:
        """A function of the user's has given text."""
        own.made(text)
        after = self._after(own)
        self._pass(after, text)
        if self.flushed:
            self._flush(after)

    def ended(self, own: Own, *, complete: bool) -> None:
        """One of them has ended; `complete`: all text had been generated."""
        own.done = True
        if own.channel.closed or complete:
            self._end(self._after(own))

    def _after(self, own: Own) -> int:
        assert self._links is not None
        return self._links.index(own) + 1

    def source(self, position: int) -> tuple[int, bool]:
        """The end, in the generated text, of what the first `position` characters were made from;
        and whether that is certain."""
        certain = True
        for link in reversed(self._links or ()):
            if isinstance(link, Own) and position > link.same:
                certain = False
            position = link.source(position)
        return position, certain

    def _pass(self, index: int, text: str) -> None:
        assert self._links is not None
        for link in self._links[index:] if index else self._links:
            if not text:
                return
            if isinstance(link, Own):
                if not link.done:
                    link.give(text)
                    return
                # It has ended before its text: from there on nothing is changed.
                link.give(text)
                link.made(text)
            else:
                text = link.push(text)
        self.text += text

    def _flush(self, index: int) -> None:
        assert self._links is not None
        for place in range(index, len(self._links)):
            link = self._links[place]
            if isinstance(link, Own):
                return
            self._pass(place + 1, link.flush())

    def _end(self, index: int) -> None:
        links = self._links or []
        for place in range(index, len(links)):
            link = links[place]
            if isinstance(link, Own):
                if not link.done:
                    link.channel.close()
                    return
            else:
                self._pass(place + 1, link.flush())
        self.done = True
