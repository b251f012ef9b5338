"""Spans: a session as a trace, with the times of its timelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider

from antiphon.redaction import redact, secret_values

from . import attributes
from .attributes import Attributes
from .content import agent_messages, user_messages

if TYPE_CHECKING:
    from antiphon import AgentHandoff, AgentSession, FunctionCall, FunctionCallOutput, Timeline
    from antiphon.chat import ChatItem
    from antiphon.events import CloseEvent, ErrorEvent
    from antiphon.timeline import ModelCall, ToolTime

_KEPT = 64
"""Turns, and tool calls, of which the latest are remembered for what ends after them."""


class Spans:
    """Makes the spans of one session."""

    def __init__(
        self,
        session: AgentSession[Any],
        provider: TracerProvider | None,
        *,
        capture_content: bool,
    ) -> None:
        from . import __version__

        self._session = session
        self._tracer = trace.get_tracer("antiphon_otel", __version__, provider)
        self._content = capture_content
        self._around = contexts.get_current()
        """What was current when the session started: its parent."""
        self._root: Span | None = None
        self._turns: dict[int, Context] = {}
        self._tool_content: dict[str, Attributes] = {}

    # Time

    def _nanoseconds(self, at: float) -> int:
        # The wall clock is read once per session: all its times are relative to that.
        return int((self._session.started_at.timestamp() + at) * 1e9)

    # The session

    @property
    def root(self) -> Span:
        """The span of the session."""
        if self._root is None:
            self._root = self._tracer.start_span(
                "session",
                self._around,
                SpanKind.INTERNAL,
                {attributes.CONVERSATION: self._session.id},
                start_time=self._nanoseconds(0.0),
            )
        return self._root

    def handoff(self, item: AgentHandoff, at: float) -> None:
        """Control has passed."""
        names = {"gen_ai.agent.name": item.new_agent_id}
        if item.old_agent_id is not None:
            names["antiphon.old_agent.name"] = item.old_agent_id
        self.root.add_event("agent_handoff", names, self._nanoseconds(at))

    def error(self, event: ErrorEvent) -> None:
        """Something failed."""
        values: Attributes = {
            "exception.type": type(event.error).__name__,
            "antiphon.error.source": event.source,
            "antiphon.error.recoverable": event.recoverable,
        }
        if self._content:
            values["exception.message"] = _without_keys(str(event.error))
        self.root.add_event("exception", values, self._nanoseconds(event.at))

    def close(self, event: CloseEvent) -> None:
        """The session has ended."""
        self.root.set_attribute("antiphon.close.reason", event.reason)
        if event.error is not None:
            self._failed(self.root, type(event.error).__name__)
        self.root.end(self._nanoseconds(event.at))

    # What belongs to a turn

    def turn(self, turn: Timeline, heard: Sequence[ChatItem]) -> None:
        """A user turn is over; `heard`: the items of its reply."""
        began = turn.speech_started
        if began is None:
            began = turn.last_voiced if turn.last_voiced is not None else turn.committed
        if began is None or turn.done is None:
            return
        values: Attributes = {
            "gen_ai.operation.name": "invoke_agent",
            attributes.CONVERSATION: self._session.id,
            "antiphon.turn": turn.turn,
            "antiphon.turn.interrupted": turn.interrupted,
            **attributes.agent(turn.agent_id),
        }
        figures = {
            "antiphon.turn.latency": turn.latency,
            "antiphon.turn.endpoint_wait": turn.endpoint_wait,
            "antiphon.turn.framework": turn.framework,
        }
        values |= {name: value for name, value in figures.items() if value is not None}
        if self._content:
            values["gen_ai.input.messages"] = _without_keys(user_messages(turn.text))
            values["gen_ai.output.messages"] = _without_keys(agent_messages(heard))
        span = self._start(f"invoke_agent {turn.agent_id}", self._below_root(), began, values)
        for name in ("committed", "first_audio"):
            at = getattr(turn, name)
            if at is not None:
                span.add_event(name, {}, self._nanoseconds(at))
        below = trace.set_span_in_context(span, self._around)
        self._turns[turn.turn] = below
        forget_oldest(self._turns)
        if turn.speech_started is not None and turn.last_voiced is not None:
            self._whole("user_speech", below, turn.speech_started, turn.last_voiced)
        if turn.last_voiced is not None and turn.committed is not None:
            self._whole("endpointing", below, turn.last_voiced, turn.committed)
        span.end(self._nanoseconds(turn.done))

    def model_call(self, call: ModelCall) -> None:
        """A call has ended, and the span of its turn, if it has one, has been made."""
        operation = attributes.OPERATIONS[call.slot]
        model = attributes.operation(call)["gen_ai.request.model"]
        values = attributes.model_call(call)
        values[attributes.CONVERSATION] = self._session.id
        span = self._start(
            f"{operation} {model}", self._below(call.turn), call.started, values, SpanKind.CLIENT
        )
        if call.first_output is not None:
            span.add_event("first_output", {}, self._nanoseconds(call.first_output))
        if call.error is not None:
            self._failed(span, call.error)
        span.end(self._nanoseconds(call.started if call.ended is None else call.ended))

    def tool(self, time: ToolTime) -> None:
        """A tool has ended, and the span of its turn, if it has one, has been made."""
        values = attributes.tool(time) | attributes.agent(time.agent_id)
        values |= {
            attributes.CONVERSATION: self._session.id,
            "gen_ai.tool.call.id": time.call_id,
            **self._tool_content.pop(time.call_id, {}),
        }
        below = self._below(time.turn)
        span = self._start(f"execute_tool {time.name}", below, time.started, values)
        if time.is_error:
            self._failed(span, "tool_error")
        span.end(self._nanoseconds(time.started if time.ended is None else time.ended))

    def tool_item(self, item: FunctionCall | FunctionCallOutput) -> None:
        """Keeps what a tool was given and gave, where that is asked for."""
        if not self._content:
            return
        values = self._tool_content.setdefault(item.call_id, {})
        if item.type == "function_call":
            values["gen_ai.tool.call.arguments"] = _without_keys(item.arguments)
        else:
            values["gen_ai.tool.call.result"] = _without_keys(item.output)
        forget_oldest(self._tool_content)

    # Spans

    def _below_root(self) -> Context:
        return trace.set_span_in_context(self.root, self._around)

    def _below(self, turn: int | None) -> Context:
        context = None if turn is None else self._turns.get(turn)
        return self._below_root() if context is None else context

    def _start(
        self,
        name: str,
        below: Context,
        at: float,
        values: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        return self._tracer.start_span(name, below, kind, values, start_time=self._nanoseconds(at))

    def _whole(self, name: str, below: Context, begin: float, end: float) -> None:
        self._start(name, below, begin, {}).end(self._nanoseconds(max(begin, end)))

    @staticmethod
    def _failed(span: Span, error_type: str) -> None:
        span.set_attribute(attributes.ERROR_TYPE, error_type)
        span.set_status(Status(StatusCode.ERROR, error_type))


def forget_oldest(kept: dict[Any, Any]) -> None:
    """Bounds what is kept."""
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]


def _without_keys(text: str) -> str:
    shown: str = redact(text, secret_values())
    return shown
