"""Content: what was said, in the shape of the conventions, where it is asked for."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from antiphon import ChatMessage
from antiphon.chat import ChatItem

VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def capture_asked_for() -> bool:
    """Whether the environment asks for what was said on the spans."""
    return os.environ.get(VARIABLE, "").strip().lower() in ("true", "span_only", "span_and_event")


def user_messages(text: str) -> str:
    """`gen_ai.input.messages` of a turn, as JSON."""
    return _messages([("user", text)])


def agent_messages(items: Iterable[ChatItem]) -> str:
    """`gen_ai.output.messages`: what the caller heard, as JSON."""
    return _messages(
        ("assistant", item.text_content)
        for item in items
        if isinstance(item, ChatMessage) and item.role == "assistant"
    )


def _messages(said: Iterable[tuple[str, str]]) -> str:
    return json.dumps(
        [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said],
        ensure_ascii=False,
    )
