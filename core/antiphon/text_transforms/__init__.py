"""Text transforms: what is done to an agent's words before its voice gets them.

`AgentSession(tts_text_transforms=["filter_markdown", replace({"GIF": "jif"}), my_own])`. They hold
for what is spoken; the history and the transcript keep the words as they were written.
"""

from __future__ import annotations

from .chain import Chain, spoken
from .transform import (
    DEFAULTS,
    TextTransform,
    TextTransformLike,
    pronounce,
    replace,
    resolve,
)

__all__ = [
    "DEFAULTS",
    "Chain",
    "TextTransform",
    "TextTransformLike",
    "pronounce",
    "replace",
    "resolve",
    "spoken",
]
