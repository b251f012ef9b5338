"""What a session tells its listeners: one class per event, its name in `name`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from .chat import ChatItem, FunctionCall, FunctionCallOutput
    from .speech import SpeechHandle

AgentState: TypeAlias = Literal["initializing", "listening", "thinking", "speaking"]
UserState: TypeAlias = Literal["listening", "speaking", "away"]
CloseReason: TypeAlias = str
"""`"user_initiated"`, `"error"`, `"task_completed"`, `"job_shutdown"`, or what the transport
says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events."""

    name: ClassVar[str] = ""

    at: float = 0.0
    """Seconds from the start of the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStateChanged(Event):
    """The user has begun or stopped speaking, or is away."""

    name: ClassVar[str] = "user_state_changed"
    old_state: UserState
    new_state: UserState


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateChanged(Event):
    """The agent listens, thinks or speaks."""

    name: ClassVar[str] = "agent_state_changed"
    old_state: AgentState
    new_state: AgentState


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInputTranscribed(Event):
    """The STT has heard something of the user."""

    name: ClassVar[str] = "user_input_transcribed"
    transcript: str
    is_final: bool
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationItemAdded(Event):
    """An item has come into the history; what the agent said comes as it was heard."""

    name: ClassVar[str] = "conversation_item_added"
    item: ChatItem


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationItemUpdated(Event):
    """An item has been corrected, e.g. by a better playout position or a late transcript."""

    name: ClassVar[str] = "conversation_item_updated"
    item: ChatItem


@dataclass(slots=True, kw_only=True)
class FunctionToolsExecuted:
    """All tools of a step have given their outputs. Listeners are called before anything
    follows."""

    name: ClassVar[str] = "function_tools_executed"
    at: float = 0.0
    function_calls: Sequence[FunctionCall] = ()
    function_call_outputs: Sequence[FunctionCallOutput] = ()
    has_tool_reply: bool = False
    """The agent is about to answer the outputs."""
    has_agent_handoff: bool = False
    """Another agent is about to take over."""

    def cancel_tool_reply(self) -> None:
        """Keeps the agent from answering the outputs."""
        self.has_tool_reply = False

    def cancel_agent_handoff(self) -> None:
        """Keeps the agent active; the output of the call that asked for the hand-off becomes an
        error."""
        self.has_agent_handoff = False

    def zipped(self) -> list[tuple[FunctionCall, FunctionCallOutput]]:
        """Calls with their outputs."""
        return list(zip(self.function_calls, self.function_call_outputs, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechCreated(Event):
    """Something has been queued to be voiced."""

    name: ClassVar[str] = "speech_created"
    speech_handle: SpeechHandle
    source: str
    user_initiated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFalseInterruption(Event):
    """The user's sound was no interruption after all."""

    name: ClassVar[str] = "agent_false_interruption"
    resumed: bool
    """Whether the agent went on from the same sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplySkipped(Event):
    """A declared silence: the turn gets no reply, for this reason."""

    name: ClassVar[str] = "reply_skipped"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnDecision(Event):
    """A decision about the floor, with its reason."""

    name: ClassVar[str] = "turn_decision"
    decision: Literal["wait", "commit", "pause", "resume", "interrupt", "ignore", "hold"]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptDropped(Event):
    """Words that came too late to belong to a turn."""

    name: ClassVar[str] = "transcript_dropped"
    transcript: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechDiscarded(Event):
    """Something that was asked for and will not be voiced, e.g. by an agent that has been left."""

    name: ClassVar[str] = "speech_discarded"
    speech_handle: SpeechHandle
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent(Event):
    """Something failed. Recoverable: core goes on by itself."""

    name: ClassVar[str] = "error"
    error: BaseException
    source: str
    """`"stt"`, `"llm"`, `"tts"`, `"vad"`, `"turn_detector"`, `"transport"`, `"tool"`, `"hook"`,
    `"listener"`."""
    recoverable: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsCollected(Event):
    """The timeline of a user turn is complete."""

    name: ClassVar[str] = "metrics_collected"
    metrics: Any = field(default=None)
    """A `Timeline`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseEvent(Event):
    """The session has ended; nothing follows."""

    name: ClassVar[str] = "close"
    reason: CloseReason
    error: BaseException | None = None


EVENTS: tuple[type[Any], ...] = (
    UserStateChanged,
    AgentStateChanged,
    UserInputTranscribed,
    ConversationItemAdded,
    ConversationItemUpdated,
    FunctionToolsExecuted,
    SpeechCreated,
    AgentFalseInterruption,
    ReplySkipped,
    TurnDecision,
    TranscriptDropped,
    SpeechDiscarded,
    ErrorEvent,
    MetricsCollected,
    CloseEvent,
)
"""Every class of event; `session.on` takes their names."""
