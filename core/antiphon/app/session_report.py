"""`SessionReport`: the shape of a session report, and reading one back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import ConfigurationError
from ..timeline import CallOutcome, CallSlot

NAME = "antiphon.session_report"
VERSION = 1
"""Of the shape. New fields do not raise it; a field that goes or changes its meaning does."""
SCHEMA = f"{NAME}/{VERSION}"

_Options: TypeAlias = dict[str, Any]
_DOCUMENTED: _Options = {"use_attribute_docstrings": True, "allow_inf_nan": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedUsage:
    """What was used of one model, in the provider's own counts."""

    __pydantic_config__ = _DOCUMENTED

    input_tokens: int
    """LLM: tokens of the prompts, cached ones included."""
    output_tokens: int
    """LLM: tokens of the answers, reasoning included."""
    cached_tokens: int
    """LLM: tokens of the prompts that were read from the vendor's cache."""
    characters: int
    """TTS: characters that were voiced."""
    audio_seconds: float
    """STT: seconds heard. TTS: seconds made."""
    requests: int
    """Requests, or utterances of a batch STT."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedSession:
    """The session itself."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    """As in logs and traces, e.g. `session_k3v0q8ze`."""
    started_at: str
    """The wall clock when the session's own time was 0: ISO 8601, UTC."""
    duration: float
    """Seconds from the start to the end, or to now."""
    options: dict[str, Any]
    """What `AgentSession(…)` was given, as far as it is plain values: `max_tool_steps`, …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedJob:
    """The job that the session ran in."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    agent_name: str
    """The name under which the app takes calls."""
    room: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedAgent:
    """An agent that was active."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    type: str
    """The name of its class."""
    active_since: float
    """When it was first active, in seconds from the start."""
    tools: list[str]
    """What it could call, the session's tools included, when it was last active."""
    models: dict[str, str]
    """What filled its slots, by slot: model strings, or names of classes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedMessage:
    """What somebody said, or the instructions."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    type: Literal["message"]
    role: Literal["system", "developer", "user", "assistant"]
    text: str
    """Of an agent: as the caller heard it."""
    interrupted: bool
    agent_id: str | None = None
    """Of an agent: whose words."""
    generated_text: str | None = None
    """Of an agent: the whole of what was to be said."""
    estimated: bool | None = None
    """Of an agent: whether the split between heard and unheard is an estimate."""
    created_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedCall:
    """A tool call."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: dict[str, Any]
    """Under `raw_arguments`, as text, what was no JSON object."""
    created_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedOutput:
    """What a tool call gave."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    type: Literal["function_call_output"]
    call_id: str
    output: str
    is_error: bool
    created_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedHandoff:
    """Control passed to another agent; the first one has no old agent."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    type: Literal["agent_handoff"]
    old_agent_id: str | None
    new_agent_id: str
    created_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedNote:
    """A provider's own note; its content stays out of the report."""

    __pydantic_config__ = _DOCUMENTED

    id: str
    type: Literal["provider_note"]
    provider: str
    created_at: float | None


ReportedItem: TypeAlias = (
    ReportedMessage | ReportedCall | ReportedOutput | ReportedHandoff | ReportedNote
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedModelCall:
    """An LLM or TTS call of a turn; the fields are those of `antiphon.timeline.ModelCall`."""

    __pydantic_config__ = _DOCUMENTED

    slot: CallSlot
    model: str
    agent_id: str
    speech_id: str | None
    turn: int | None
    started: float
    first_output: float | None
    ended: float | None
    outcome: CallOutcome
    error: str | None
    discarded: bool
    usage: ReportedUsage | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTool:
    """When a tool ran; the fields are those of `antiphon.timeline.ToolTime`."""

    __pydantic_config__ = _DOCUMENTED

    name: str
    started: float
    ended: float | None
    call_id: str
    agent_id: str
    speech_id: str | None
    turn: int | None
    is_error: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTurn:
    """A user turn; the fields are those of `antiphon.Timeline`, times in seconds from the start."""

    __pydantic_config__ = _DOCUMENTED

    turn: int
    agent_id: str
    speech_id: str | None
    text: str
    speech_started: float | None
    last_voiced: float | None
    vad_end: float | None
    stt_final: float | None
    committed: float | None
    llm_request: float | None
    llm_first_token: float | None
    first_sentence: float | None
    tts_first_byte: float | None
    first_audio: float | None
    done: float | None
    interrupted: bool
    tools: list[ReportedTool]
    calls: list[ReportedModelCall]
    usage: dict[str, ReportedUsage]
    framework: float
    endpoint_wait: float | None
    llm_wait: float | None
    tts_wait: float | None
    latency: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedError:
    """Something that failed."""

    __pydantic_config__ = _DOCUMENTED

    at: float
    source: str
    """As in the `error` event: `stt`, `llm`, `tts`, `tool`, `hook`, …"""
    type: str
    """The name of the error's class."""
    message: str
    recoverable: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedClose:
    """How the session ended."""

    __pydantic_config__ = _DOCUMENTED

    at: float
    reason: str
    error: str | None
    """The class and the message of the error that ended it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReport:
    """A report as `ctx.make_session_report()` gives it, with types: for reading one back.

    Times are seconds from the start of the session.
    """

    __pydantic_config__ = _DOCUMENTED

    schema: str
    """`antiphon.session_report/1`."""
    versions: dict[str, str]
    """Of `antiphon`, `python` and `platform`."""
    session: ReportedSession
    job: ReportedJob | None
    """None for a session outside of any job."""
    agents: list[ReportedAgent]
    """Who was active, in the order of their first time."""
    history: list[ReportedItem]
    """What was said and done, in order, as it was heard."""
    turns: list[ReportedTurn]
    usage: dict[str, ReportedUsage]
    """All that was used, by model string."""
    discarded_usage: dict[str, ReportedUsage]
    """The part of it that went into speculative runs that were thrown away."""
    errors: list[ReportedError]
    """In order, the first 200."""
    errors_left_out: int
    """How many more there were."""
    close: ReportedClose | None
    """None while the session runs."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str = "this") -> SessionReport:
        """Reads a report; fields that this version does not know are passed over.

        Raises `ConfigurationError` that names `where` for what is no report, is damaged, or has a
        later shape.
        """
        schema = data.get("schema") if isinstance(data, Mapping) else None
        name, _, version = str(schema).partition("/")
        if name != NAME or re.fullmatch("[0-9]{1,9}", version) is None:
            raise ConfigurationError(
                f"{where} is no session report: its 'schema' is {schema!r}, not {SCHEMA!r}"
            )
        if int(version) != VERSION:
            raise ConfigurationError(
                f"{where} has the schema {schema!r}, and this antiphon reads {SCHEMA!r}; "
                "run: pip install --upgrade antiphon"
            )
        from pydantic import TypeAdapter, ValidationError

        try:
            report: SessionReport = TypeAdapter(cls).validate_python(dict(data))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(
                f"{where} is a damaged session report: {place}: {first['msg'].lower()}"
            ) from error
        return report


def read_report(path: str | Path) -> dict[str, Any]:
    """The report in a JSON file, checked, as `make_report` made it.

    Raises `ConfigurationError` when there is no such file, or no report in it.
    """
    file = Path(path)
    shown = repr(str(path))
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no file {shown}; antiphon talk --report FILE writes one"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {shown}: {(error.strerror or str(error)).lower()}"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{shown} is not JSON: {error}") from error
    except RecursionError:
        raise ConfigurationError(f"{shown} is no session report: it is nested too deeply") from None
    SessionReport.from_dict(data, where=shown)
    found: dict[str, Any] = data
    return found


def report_schema() -> dict[str, Any]:
    """The shape as a JSON Schema (2020-12)."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(SessionReport).json_schema()
    schema["title"] = SCHEMA
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
