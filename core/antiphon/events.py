"""What a session tells its listeners: one class per event, its name in `name`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

if TYPE_CHECKING:
    from .chat import ChatItem, FunctionCall, FunctionCallOutput
    from .speech import SpeechHandle
    from .timeline import ModelCall, Timeline, ToolTime

AgentState: TypeAlias = Literal["initializing", "listening", "thinking", "speaking"]
UserState: TypeAlias = Literal["listening", "speaking", "away"]
CloseReason: TypeAlias = str
"""`"user_initiated"`, `"error"`, `"max_duration"`, `"task_completed"`, `"job_shutdown"`, or what
the transport says."""


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
class AgentOutputTranscribed(Event):
    """The caller has heard more of what the agent says.

    For those only who ask for it by its name (`"*"` is not enough), and for transports that declare
    `transcript`.
    """

    name: ClassVar[str] = "agent_output_transcribed"
    segment_id: str
    """The same for all events of one step's words, or of one `say`."""
    agent_id: str
    transcript: str
    """The text so far, as people are to see it; when it is final, what the history says."""
    delta: str
    """What has come since the last event of this segment."""
    is_final: bool
    interrupted: bool = False
    """The speech was cut short behind these words; told with the final one."""


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
class UserTurnExceeded(Event):
    """The user has said more than `user_turn_limit` allows without the agent being heard.

    The turn in progress goes on and is recorded whole; told again when as much has been said once
    more."""

    name: ClassVar[str] = "user_turn_exceeded"
    transcript: str
    """The words of the turn in progress, interim ones included."""
    accumulated_transcript: str
    """Those of the turns before it that found no answer, too."""
    accumulated_word_count: int
    duration: float
    """Seconds of these turns, with the pauses in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DtmfReceived(Event):
    """The user has pressed a key of the telephone."""

    name: ClassVar[str] = "dtmf_received"
    digit: str
    """One of `0123456789*#ABCD`."""


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
    metrics: Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCallEnded(Event):
    """An LLM or TTS call, or an STT stream, has ended, whichever way."""

    name: ClassVar[str] = "model_call_ended"
    call: ModelCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnded(Event):
    """A tool has returned, failed or been cancelled."""

    name: ClassVar[str] = "tool_ended"
    tool: ToolTime


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
    AgentOutputTranscribed,
    ConversationItemAdded,
    ConversationItemUpdated,
    FunctionToolsExecuted,
    SpeechCreated,
    AgentFalseInterruption,
    ReplySkipped,
    TurnDecision,
    UserTurnExceeded,
    DtmfReceived,
    TranscriptDropped,
    SpeechDiscarded,
    ErrorEvent,
    MetricsCollected,
    ModelCallEnded,
    ToolEnded,
    CloseEvent,
)
"""Every class of event; `session.on` takes their names."""
