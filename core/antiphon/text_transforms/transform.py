"""Text transforms as users name them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from ..errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from .rewriter import Rewriter

# What rewrites is loaded with the first text: programs without a voice never need it.


class TextTransform:
    """A transform that knows of every piece of its result where it comes from.

    Made by `replace` and `pronounce`, or named by a string.
    """

    __slots__ = ("_start", "name", "passes_plain")

    def __init__(
        self, name: str, start: Callable[[], Rewriter], *, passes_plain: bool = False
    ) -> None:
        self.name = name
        self.passes_plain = passes_plain
        """Whether it leaves alone, and lets through at once, what `is_plain` calls plain."""
        self._start = start

    def __repr__(self) -> str:
        return f"<text transform {self.name}>"

    def start(self) -> Rewriter:
        """A fresh one, for one text."""
        return self._start()


TextTransformLike: TypeAlias = (
    str | TextTransform | Callable[[AsyncIterable[str]], AsyncIterable[str]]
)
"""A name, what `replace` or `pronounce` returned, or a function that takes the text in pieces and
is an async generator of the text to be spoken."""

DEFAULTS: tuple[str, ...] = ("filter_markdown", "filter_emoji")
"""What a session does that was told nothing."""


def _filter_markdown() -> Rewriter:
    from .markdown import MarkdownFilter

    return MarkdownFilter()


def _filter_emoji() -> Rewriter:
    from .emoji import EmojiFilter

    return EmojiFilter()


_NAMED = {
    "filter_markdown": TextTransform("filter_markdown", _filter_markdown, passes_plain=True),
    "filter_emoji": TextTransform("filter_emoji", _filter_emoji, passes_plain=True),
}


def replace(words: Mapping[str, str], *, case_sensitive: bool = False) -> TextTransform:
    """Speaks other words for some: `replace({"GIF": "jif"})`.

    Whole words are replaced, where two begin at one place the longer; in any case, unless
    `case_sensitive`. A key may be several words. What was put in is not looked at again.

    Raises `ConfigurationError` for words that are empty or no text.
    """
    none: dict[str, str] = {}
    return _replacing(
        "replace", none if case_sensitive else words, words if case_sensitive else none
    )


def pronounce(words: Mapping[str, str]) -> TextTransform:
    """Speaks words as they are respelled: `pronounce({"nginx": "engine x", "US": "U S"})`.

    As `replace`, in any case; but a key in capitals only, of two letters or more, is an
    abbreviation: it is meant as it is written, and "us" is left alone.
    """
    exact = {
        word: spoken
        for word, spoken in words.items()
        if isinstance(word, str) and len(word) > 1 and word.isupper()
    }
    others = {word: spoken for word, spoken in words.items() if word not in exact}
    return _replacing("pronounce", others, exact)


def _replacing(name: str, words: Mapping[str, str], exact: Mapping[str, str]) -> TextTransform:
    from .replacing import Replacements, Replacer

    prepared = Replacements(words, exact, f"{name}(…)")
    return TextTransform(name, lambda: Replacer(prepared))


def resolve(transforms: Iterable[TextTransformLike] | None, where: str) -> tuple[Any, ...]:
    """The transforms for a list as users write it; None is the empty list.

    `where` names the argument. Raises `ConfigurationError` for what is none.
    """
    if transforms is None:
        return ()
    if isinstance(transforms, str) or not isinstance(transforms, Iterable):
        raise ConfigurationError(f"{where} got {transforms!r}; give a list: [{transforms!r}]")
    return tuple(_resolve(transform, where) for transform in transforms)


def _resolve(transform: object, where: str) -> Any:
    if isinstance(transform, str):
        found = _NAMED.get(transform)
        if found is None:
            raise ConfigurationError(
                f"{where} has no transform {transform!r} (there are: {', '.join(sorted(_NAMED))})"
                + did_you_mean(transform, _NAMED)
            )
        return found
    if isinstance(transform, TextTransform) or callable(transform):
        return transform
    raise ConfigurationError(
        f"{where} got {transform!r}; give a name, replace({{…}}), pronounce({{…}}), or a function "
        "that takes the text in pieces and is an async generator"
    )
