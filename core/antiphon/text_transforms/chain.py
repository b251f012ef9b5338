"""Transforms one after another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from .transform import DEFAULTS, TextTransform, TextTransformLike, resolve

if TYPE_CHECKING:
    from .rewriter import Rewriter


class Chain:
    """Rewriters one behind the other."""

    __slots__ = ("_rewriters",)

    def __init__(self, rewriters: Iterable[Rewriter]) -> None:
        self._rewriters = tuple(rewriters)

    def push(self, text: str) -> str:
        """Takes the next piece; gives what is certain by now."""
        for rewriter in self._rewriters:
            if not text:
                break
            text = rewriter.push(text)
        return text

    def flush(self) -> str:
        """Gives what is held back."""
        text = ""
        for rewriter in self._rewriters:
            text = (rewriter.push(text) if text else "") + rewriter.flush()
        return text

    def source(self, position: int) -> int:
        """As `Rewriter.source`, through all of them."""
        for rewriter in reversed(self._rewriters):
            position = rewriter.source(position)
        return position


def spoken(text: str, transforms: Iterable[TextTransformLike] | None = DEFAULTS) -> str:
    """What a voice is given for a text, to look at: `spoken("**Hi** 😀")` is `"Hi "`.

    Raises `ConfigurationError` for functions of yours, which only a session can run.
    """
    resolved = resolve(transforms, "spoken(…)")
    for transform in resolved:
        if not isinstance(transform, TextTransform):
            raise ConfigurationError(
                f"spoken(…) cannot run {transform!r}; only a session runs functions"
            )
    chain = Chain(transform.start() for transform in resolved)
    return chain.push(text) + chain.flush()
