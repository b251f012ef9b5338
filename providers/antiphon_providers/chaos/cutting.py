"""Cutting what a model gives into awkward pieces, and damaging it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from antiphon.clock import Chance

_ODD = (1, 3, 7, 33, 161, 333, 799)
"""Samples of an awkward piece of audio: none is a frame of any usual length."""


def cut_text(text: str, chance: Chance) -> Iterator[str]:
    """The text in pieces of one to three code points: letters lose their accents, and emoji are
    taken apart."""
    start = 0
    while start < len(text):
        end = start + chance.whole(1, 3)
        yield text[start:end]
        start = end


def cut_audio(data: bytes, chance: Chance) -> Iterator[bytes]:
    """16-bit audio in pieces of odd sizes; every sample stays whole."""
    start = 0
    while start < len(data):
        end = start + 2 * chance.pick(_ODD)
        yield data[start:end]
        start = end


def damage(arguments: str, chance: Chance) -> str:
    """JSON as models get it wrong: some of it can be repaired, and some cannot."""
    match chance.whole(0, 4):
        case 0:
            return arguments[:-1]
        case 1:
            return arguments.rstrip().removesuffix("}") + ",}"
        case 2:
            return arguments.replace('"', "'")
        case 3:
            return f"```json\n{arguments}\n```"
        case _:
            # a whole value, of the wrong kind
            return json.dumps([arguments])
