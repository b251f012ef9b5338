"""The observer of one session: from its events to spans and measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antiphon import AgentHandoff, FunctionCall, FunctionCallOutput
from antiphon.events import (
    CloseEvent,
    ConversationItemAdded,
    ErrorEvent,
    MetricsCollected,
    ModelCallEnded,
    SpeechCreated,
    ToolEnded,
)
from antiphon.timeline import ModelCall, ToolTime

from .tracing import forget_oldest

if TYPE_CHECKING:
    from antiphon import AgentSession, SpeechHandle

    from .measuring import Instruments
    from .tracing import Spans


class Observer:
    """Listens to a session.

    The span of a turn can be made only when the turn is over; what has ended within it waits until
    then, so that it comes below it.
    """

    def __init__(self, session: AgentSession[Any], spans: Spans, instruments: Instruments) -> None:
        self._session = session
        self._spans = spans
        self._instruments = instruments
        self._waiting: dict[int, list[ModelCall | ToolTime]] = {}
        """By turn, until that is over."""
        self._over: set[int] = set()
        self._speeches: dict[str, SpeechHandle] = {}
        self._counted = False

    def attach(self) -> None:
        """Subscribes."""
        self._session.on("*", self._on_event)

    def _on_event(self, event: Any) -> None:
        if not self._counted:
            self._counted = True
            self._instruments.sessions.add(1)
        if isinstance(event, ModelCallEnded):
            self._instruments.model_call(event.call)
            self._ended(event.call)
        elif isinstance(event, ToolEnded):
            self._instruments.tool(event.tool)
            self._ended(event.tool)
        elif isinstance(event, ConversationItemAdded):
            self._item(event)
        elif isinstance(event, SpeechCreated):
            self._speeches[event.speech_handle.id] = event.speech_handle
            forget_oldest(self._speeches)
        elif isinstance(event, MetricsCollected):
            self._turn(event)
        elif isinstance(event, ErrorEvent):
            self._instruments.errors.add(
                1, {"error.type": type(event.error).__name__, "antiphon.error.source": event.source}
            )
            self._spans.error(event)
        elif isinstance(event, CloseEvent):
            for turn in list(self._waiting):
                self._flush(turn)
            self._spans.close(event)
            self._instruments.sessions.add(-1)

    def _item(self, event: ConversationItemAdded) -> None:
        item = event.item
        if isinstance(item, AgentHandoff):
            self._spans.handoff(item, event.at)
            if item.old_agent_id is not None:
                names = {
                    "antiphon.old_agent.name": item.old_agent_id,
                    "gen_ai.agent.name": item.new_agent_id,
                }
                self._instruments.handoffs.add(1, names)
        elif isinstance(item, FunctionCall | FunctionCallOutput):
            self._spans.tool_item(item)

    def _ended(self, what: ModelCall | ToolTime) -> None:
        if what.turn is None or what.turn in self._over:
            self._emit(what)
        else:
            self._waiting.setdefault(what.turn, []).append(what)

    def _turn(self, event: MetricsCollected) -> None:
        turn = event.metrics
        handle = self._speeches.pop(turn.speech_id or "", None)
        self._spans.turn(turn, [] if handle is None else handle.chat_items)
        self._instruments.turn(turn)
        self._over.add(turn.turn)
        self._flush(turn.turn)

    def _flush(self, turn: int) -> None:
        for what in self._waiting.pop(turn, ()):
            self._emit(what)

    def _emit(self, what: ModelCall | ToolTime) -> None:
        if isinstance(what, ModelCall):
            self._spans.model_call(what)
        else:
            self._spans.tool(what)
