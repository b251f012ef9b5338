"""The table, last part: events, by name, by class and by field."""

from __future__ import annotations

from .rows import AGENTS, Row

EVENTS: tuple[Row, ...] = (
    *(
        Row(old=name, fate="moves", new=new)
        for name, new in {
            "user_state_changed": "UserStateChanged",
            "agent_state_changed": "AgentStateChanged",
            "user_input_transcribed": "UserInputTranscribed",
            "conversation_item_added": "ConversationItemAdded",
            "function_tools_executed": "FunctionToolsExecuted",
            "speech_created": "SpeechCreated",
            "agent_false_interruption": "AgentFalseInterruption",
            "error": "ErrorEvent",
            "close": "CloseEvent",
            "metrics_collected": "MetricsCollected",
        }.items()
    ),
    Row(
        old="overlapping_speech",
        fate="missing",
        text="`turn_decision` says pause, interrupt or ignore",
    ),
    Row(
        old="session_usage_updated",
        fate="missing",
        text="`metrics_collected`, then `session.usage`",
    ),
    Row(
        old="tool_execution_updated", fate="missing", text="`tool_ended`, `function_tools_executed`"
    ),
    Row(
        old="user_transcription_timeout",
        fate="missing",
        text="`turn_decision` and `transcript_dropped`",
    ),
    Row(old="debug_message", fate="missing", text='`session.on("*", …)` gets every event'),
)
"""By the name that `session.on` takes."""

EVENT_CLASSES: dict[str, str] = {
    "UserStateChangedEvent": "UserStateChanged",
    "AgentStateChangedEvent": "AgentStateChanged",
    "UserInputTranscribedEvent": "UserInputTranscribed",
    "ConversationItemAddedEvent": "ConversationItemAdded",
    "FunctionToolsExecutedEvent": "FunctionToolsExecuted",
    "SpeechCreatedEvent": "SpeechCreated",
    "AgentFalseInterruptionEvent": "AgentFalseInterruption",
    "ErrorEvent": "ErrorEvent",
    "CloseEvent": "CloseEvent",
    "MetricsCollectedEvent": "MetricsCollected",
    "UserTurnExceededEvent": "UserTurnExceeded",
}
"""livekit-agents' class of an event, and ours, in antiphon.events."""

EVENT_FIELDS: tuple[Row, ...] = (
    *(
        Row(
            old=f"{kind}.created_at",
            fate="renamed",
            new="at",
            text="seconds from the start of the session",
        )
        for kind in EVENT_CLASSES
    ),
    *(Row(old=f"{kind}.type", fate="renamed", new="name") for kind in EVENT_CLASSES),
    Row(
        old="UserInputTranscribedEvent.speaker_id",
        fate="missing",
        text="speakers are not told apart",
    ),
    Row(
        old="UserInputTranscribedEvent.item_id",
        fate="missing",
        text="`conversation_item_added` has the item",
    ),
    Row(
        old="AgentFalseInterruptionEvent.message",
        fate="missing",
        text="the agent goes on from the same sample by itself",
    ),
    Row(
        old="AgentFalseInterruptionEvent.extra_instructions",
        fate="missing",
        text="the agent goes on from the same sample by itself",
    ),
    Row(
        old="ErrorEvent.source",
        fate="differs",
        text='it is text: "stt", "llm", "tts", "tool", "hook", …; `ev.recoverable` is the '
        "event's own",
    ),
    Row(
        old="MetricsCollectedEvent.metrics",
        fate="differs",
        text="a Timeline: one per user turn, with all its stages",
    ),
)
"""`EventClass.field`; what is not here is the same."""

CLOSE_REASONS = "ERROR JOB_SHUTDOWN PARTICIPANT_DISCONNECTED USER_INITIATED TASK_COMPLETED".split()
"""Members of livekit-agents' `CloseReason`: here a reason is text, the name in lower case."""

EVENT_NAMES: tuple[Row, ...] = (
    *(
        Row(
            old=f"{AGENTS}.{old}",
            fate="renamed" if old != new else "moves",
            new=f"antiphon.events.{new}",
        )
        for old, new in EVENT_CLASSES.items()
    ),
    Row(
        old=f"{AGENTS}.CloseReason",
        fate="rewritten",
        new='"error", "job_shutdown", …',
        text="a reason is text",
    ),
)
"""The classes of events as names to import."""
