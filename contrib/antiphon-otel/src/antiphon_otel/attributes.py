"""Attributes: those of the GenAI semantic conventions, and ours.

https://github.com/open-telemetry/semantic-conventions-genai, in development; read in November 2026.
The names stand here, and not in an import of the incubating package, which moves them about.
"""

from __future__ import annotations

from typing import TypeAlias

from antiphon.timeline import CallSlot, ModelCall, ToolTime

Attributes: TypeAlias = dict[str, str | int | float | bool]

OPERATIONS: dict[CallSlot, str] = {
    "llm": "chat",
    "tts": "text_to_speech",
    "stt": "speech_to_text",
}
"""`gen_ai.operation.name`; the conventions have only the first of them yet."""

CONVERSATION = "gen_ai.conversation.id"
ERROR_TYPE = "error.type"


def agent(agent_id: str) -> Attributes:
    """Who did it."""
    return {"gen_ai.agent.id": agent_id, "gen_ai.agent.name": agent_id}


def operation(call: ModelCall) -> Attributes:
    """What was asked of which model: for spans and metrics."""
    provider, slash, model = call.model.partition("/")
    found: Attributes = {
        "gen_ai.operation.name": OPERATIONS[call.slot],
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": model if slash else call.model,
    }
    if call.error is not None:
        found[ERROR_TYPE] = call.error
    return found


def model_call(call: ModelCall) -> Attributes:
    """A call, with what it used: for its span."""
    found = operation(call) | agent(call.agent_id)
    found["gen_ai.request.stream"] = True
    found["gen_ai.output.type"] = "speech" if call.slot == "tts" else "text"
    found["antiphon.outcome"] = call.outcome
    if call.wait is not None and call.slot != "stt":
        found["gen_ai.response.time_to_first_chunk"] = call.wait
    if call.discarded:
        found["antiphon.discarded"] = True
    usage = call.usage
    if usage is not None:
        counts = {
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
            "antiphon.usage.characters": usage.characters,
            "antiphon.usage.audio": usage.audio_seconds,
        }
        found |= {name: value for name, value in counts.items() if value}
    return found


def tool(time: ToolTime) -> Attributes:
    """A tool: for its span and its metric."""
    found: Attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": time.name,
        "gen_ai.tool.type": "function",
    }
    if time.is_error:
        found[ERROR_TYPE] = "tool_error"
    return found
