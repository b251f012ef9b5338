"""The times of one user turn, from the last voiced sample to the first one played."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class ToolTime:
    """When one tool ran."""

    name: str
    started: float
    ended: float | None = None


@dataclass(slots=True, kw_only=True)
class Timeline:
    """One user turn. All times are seconds from the start of the session; None: it did not
    happen."""

    turn: int
    """Counts from 1."""
    agent_id: str
    speech_id: str | None = None
    text: str = ""
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
    framework: float = 0.0
    """Seconds of CPU that the engine itself spent in the commands of the turn."""

    @property
    def endpoint_wait(self) -> float | None:
        """Seconds from the last voiced sample to the endpoint."""
        return _gap(self.last_voiced, self.committed)

    @property
    def latency(self) -> float | None:
        """Seconds from the last voiced sample (or the text) to the first sample played: what a
        caller
        waits."""
        return _gap(
            self.last_voiced if self.last_voiced is not None else self.committed, self.first_audio
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields and the two figures derived from them, rounded to microseconds."""
        values: dict[str, Any] = {}
        for spec in fields(self):
            value = getattr(self, spec.name)
            values[spec.name] = round(value, 6) if isinstance(value, float) else value
        values["tools"] = [
            {
                "name": tool.name,
                "started": round(tool.started, 6),
                "ended": None if tool.ended is None else round(tool.ended, 6),
            }
            for tool in self.tools
        ]
        for name in ("endpoint_wait", "latency"):
            value = getattr(self, name)
            values[name] = None if value is None else round(value, 6)
        return values


def _gap(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin
