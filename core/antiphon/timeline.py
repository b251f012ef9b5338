"""The times of one user turn, of the model calls and of the tools in it, and what they used."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias

from .streams import Usage

CallSlot: TypeAlias = Literal["stt", "llm", "tts"]
CallOutcome: TypeAlias = Literal["running", "done", "cancelled", "failed"]


@dataclass(slots=True, kw_only=True)
class ModelCall:
    """One use of a model: an LLM request, the voicing of one LLM step or `say`, an STT stream.

    Retries are part of it. All times are seconds from the start of the session.
    """

    slot: CallSlot
    model: str
    """The model string, or the name of the class of an object."""
    agent_id: str
    speech_id: str | None = None
    """What it was made for; None for an STT."""
    turn: int | None = None
    """The user turn that it answers; None for a greeting, a `say`, an STT."""
    started: float
    """LLM: it was asked. TTS: it was given the first text. STT: the stream was opened."""
    first_output: float | None = None
    """The first token, audio or transcript came."""
    ended: float | None = None
    outcome: CallOutcome = "running"
    """`"cancelled"`: nobody wanted the rest, e.g. after a barge-in."""
    error: str | None = None
    """The name of the error's class, where it failed."""
    discarded: bool = False
    """A speculative run that was thrown away: the user went on speaking."""
    usage: Usage | None = None
    """What the provider has reported; None when it reports nothing."""

    @property
    def wait(self) -> float | None:
        """Seconds to the first output."""
        return _gap(self.started, self.first_output)

    @property
    def duration(self) -> float | None:
        """Seconds to the end."""
        return _gap(self.started, self.ended)

    def to_dict(self) -> dict[str, Any]:
        """All fields, rounded to microseconds."""
        values = _rounded(self)
        values["usage"] = None if self.usage is None else usage_counts(self.usage)
        return values


@dataclass(slots=True)
class ToolTime:
    """When one tool ran. Times are seconds from the start of the session."""

    name: str
    started: float
    ended: float | None = None
    call_id: str = ""
    """The model's own id of the call: its items in the history have the same."""
    agent_id: str = ""
    speech_id: str | None = None
    turn: int | None = None
    """The user turn in whose reply it was called."""
    is_error: bool = False
    """The call's output is an error, or it was cancelled."""

    @property
    def duration(self) -> float | None:
        """Seconds that it ran."""
        return _gap(self.started, self.ended)

    def to_dict(self) -> dict[str, Any]:
        """All fields, rounded to microseconds."""
        return _rounded(self)


@dataclass(slots=True, kw_only=True)
class Timeline:
    """One user turn. All times are seconds from the start of the session; None: it did not
    happen.

    A tool that runs on after an interruption, and what a provider reports late, are added after the
    turn is done.
    """

    turn: int
    """Counts from 1."""
    agent_id: str
    speech_id: str | None = None
    text: str = field(default="", repr=False)
    """What the user said; not in the repr, which programs put into their logs."""
    speech_started: float | None = None
    """The user began to speak; None for a typed turn."""
    last_voiced: float | None = None
    """The end of the user's last voiced sample."""
    vad_end: float | None = None
    """The VAD said that the speech had ended."""
    stt_final: float | None = None
    """The last final transcript of the turn came."""
    committed: float | None = None
    """The endpoint: the floor passed to the agent."""
    llm_request: float | None = None
    llm_first_token: float | None = None
    first_sentence: float | None = None
    """The first text was given to the TTS."""
    tts_first_byte: float | None = None
    first_audio: float | None = None
    """The first sample was given to the transport to be played."""
    done: float | None = None
    """The last sample was played, or the reply was over otherwise."""
    interrupted: bool = False
    tools: list[ToolTime] = field(default_factory=list)
    """In the order in which they were started."""
    calls: list[ModelCall] = field(default_factory=list)
    """LLM and TTS calls, in the order in which they were made."""
    usage: dict[str, Usage] = field(default_factory=dict)
    """By model string: of its calls, and of the STT since the turn before."""
    framework: float = 0.0
    """Seconds that the engine itself spent in the commands of the turn; 0 until it is
    done."""

    @property
    def endpoint_wait(self) -> float | None:
        """Seconds from the last voiced sample to the endpoint."""
        return _gap(self.last_voiced, self.committed)

    @property
    def llm_wait(self) -> float | None:
        """Seconds from the first request to the LLM to its first token."""
        return _gap(self.llm_request, self.llm_first_token)

    @property
    def tts_wait(self) -> float | None:
        """Seconds from the first text for the TTS to its first audio."""
        return _gap(self.first_sentence, self.tts_first_byte)

    @property
    def latency(self) -> float | None:
        """Seconds from the last voiced sample (or the text) to the first sample played: what a
        caller waits."""
        return _gap(
            self.last_voiced if self.last_voiced is not None else self.committed, self.first_audio
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields and the four figures derived from them, rounded to microseconds."""
        values = _rounded(self)
        values["tools"] = [tool.to_dict() for tool in self.tools]
        values["calls"] = [call.to_dict() for call in self.calls]
        values["usage"] = {model: usage_counts(usage) for model, usage in self.usage.items()}
        for name in ("endpoint_wait", "llm_wait", "tts_wait", "latency"):
            value = getattr(self, name)
            values[name] = None if value is None else round(value, 6)
        return values


def usage_counts(usage: Usage) -> dict[str, int | float]:
    """The counts of a `Usage` by name, seconds rounded to microseconds."""
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in asdict(usage).items()
    }


def _rounded(times: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for spec in fields(times):
        value = getattr(times, spec.name)
        values[spec.name] = round(value, 6) if isinstance(value, float) else value
    return values


def _gap(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin
