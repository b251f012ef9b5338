"""`Transcript`: a conversation as it happens, in lines, in colour or as JSON."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

from ..chat import (
    AgentHandoff,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ProviderNote,
    report_item,
)
from ..events import (
    AgentFalseInterruption,
    CloseEvent,
    ConversationItemAdded,
    ConversationItemUpdated,
    ErrorEvent,
    FunctionToolsExecuted,
    MetricsCollected,
    ModelCallEnded,
    ReplySkipped,
    SpeechCreated,
    SpeechDiscarded,
    ToolEnded,
    TranscriptDropped,
)
from ..redaction import redact, secret_values
from .output import is_terminal

if TYPE_CHECKING:
    from ..session import AgentSession

Style: TypeAlias = Literal["auto", "plain", "rich", "json"]
Line: TypeAlias = tuple[str, str]
"""The text of a line, and the rich style it has on a terminal."""

_CUT = 200
"""Characters of a tool's arguments or output that are shown."""


class Transcript:
    """Prints what happens in a session, one line each, while it happens.

    Who speaks and what (the agent's words as they were heard), tools with their arguments and
    outputs, hand-offs, the latency of each turn, errors. `style`: `"plain"` lines, `"rich"` ones
    with colours, `"json"` with every event as one object per line, `"auto"`: rich on a terminal,
    else plain.

        transcript = Transcript()
        transcript.attach(session)      # before session.start, or in `antiphon_session_started`
    """

    def __init__(
        self, file: IO[str] | None = None, *, style: Style = "auto", caller: str = "you"
    ) -> None:
        self._file = sys.stdout if file is None else file
        if style == "auto":
            style = "rich" if is_terminal(self._file) else "plain"
        self.style: Literal["plain", "rich", "json"] = style
        self._caller = caller
        self._painter = _Painter(self._file) if style == "rich" else None
        self._shown: deque[str] = deque(maxlen=100)
        """Lines of the caller's that stand there already."""

    def attach(self, session: AgentSession[Any]) -> None:
        """Listens to a session from now on."""
        session.on("*", self.show)

    def show(self, event: Any) -> None:
        """Prints an event, if this style shows it, with `***` in the place of keys. Never raises
        for a file that was closed."""
        if self.style == "json":
            shown = redact(event_to_dict(event), secret_values())
            self._print(json.dumps(shown, ensure_ascii=False, default=str), "")
            return
        for text, style in self._lines(event):
            line = plain_line(redact(text, secret_values()))
            self._print(f"[{event.at:5.2f}] {line}", style)

    def has_shown(self, text: str) -> None:
        """The caller has typed this where the transcript is read: it is not printed again."""
        self._shown.append(text)

    def note(self, text: str) -> None:
        """Prints a remark that is no part of the conversation; as JSON, `{"event": "note", …}`."""
        if self.style == "json":
            self._print(json.dumps({"event": "note", "text": text}, ensure_ascii=False), "")
        else:
            self._print(text, "dim")

    def _print(self, text: str, style: str) -> None:
        try:
            painted = text if self._painter is None else self._painter.paint(text, style)
            print(painted, file=self._file, flush=True)
        except (BrokenPipeError, ValueError):
            pass  # whoever read it has gone; the call goes on

    def _lines(self, event: Any) -> list[Line]:
        if isinstance(event, ConversationItemAdded):
            return self._item(event.item)
        if isinstance(event, ConversationItemUpdated):
            return [(f"(corrected) {text}", style) for text, style in self._item(event.item)]
        if isinstance(event, MetricsCollected):
            return _latency(event.metrics)
        if isinstance(event, ErrorEvent):
            going_on = " (going on)" if event.recoverable else ""
            detail = f" ({event.detail})" if event.detail else ""
            what = str(event.error) or type(event.error).__name__
            return [(f"! {event.source}{detail}: {what}{going_on}", "red")]
        if isinstance(event, ReplySkipped):
            return [(f"(no reply: {event.reason})", "dim")]
        if isinstance(event, AgentFalseInterruption) and event.resumed:
            return [("(no interruption after all: goes on)", "dim")]
        if isinstance(event, TranscriptDropped):
            return [(f"(dropped {event.transcript!r}: {event.reason})", "dim")]
        if isinstance(event, SpeechDiscarded):
            return [(f"(not said: {event.reason})", "dim")]
        if isinstance(event, CloseEvent):
            return [(f"(the call has ended: {event.reason.replace('_', ' ')})", "dim")]
        return []

    def _item(self, item: ChatItem) -> list[Line]:
        if isinstance(item, AgentHandoff):
            return [(f"{item.old_agent_id or ''} → {item.new_agent_id}".strip(), "bold magenta")]
        if isinstance(item, FunctionCall):
            return [(f"→ tool {item.name}({_arguments(item)})", "yellow")]
        if isinstance(item, FunctionCallOutput):
            if not item.output and not item.is_error:
                return []  # it only handed over, or has nothing to say: what follows tells
            said = _shortened(item.output)
            return [(f"← {item.name}: {said}", "red" if item.is_error else "yellow")]
        if isinstance(item, ProviderNote) or item.role in ("system", "developer"):
            return []
        return self._message(item)

    def _message(self, message: ChatMessage) -> list[Line]:
        text = message.text_content
        if message.role == "user":
            if text in self._shown:
                self._shown.remove(text)
                return []
            return [(f"{self._caller}: {text}", "bold cyan")]
        unheard = ""
        whole = message.generated_text
        if message.interrupted:
            rest = whole[len(text) :].strip() if whole and whole.startswith(text) else ""
            unheard = f" … (interrupted; unheard: {rest!r})" if rest else " … (interrupted)"
        return [(f"{message.agent_id or 'agent'}: {text}{unheard}", "green")]


class _Painter:
    """Colours for a terminal, worked out beforehand: the loop must not wait for rich's layout."""

    def __init__(self, file: IO[str]) -> None:
        from rich.color import ColorSystem
        from rich.console import Console
        from rich.style import Style as RichStyle

        console = Console(file=file)
        plain = console.no_color or console.legacy_windows or console.color_system is None
        styles = ("dim", "red", "yellow", "green", "bold cyan", "bold magenta")
        self._ends: dict[str, tuple[str, str]] = {}
        for style in () if plain else styles:
            rendered = RichStyle.parse(style).render("|", color_system=ColorSystem.STANDARD)
            begin, _, end = rendered.partition("|")
            self._ends[style] = (begin, end)

    def paint(self, text: str, style: str) -> str:
        """The text with the codes of one of the styles around it."""
        begin, end = self._ends.get(style, ("", ""))
        return f"{begin}{text}{end}"


def event_to_dict(event: Any) -> dict[str, Any]:
    """An event of a session as JSON-able values: `event` (its name), `at`, and its fields."""
    out: dict[str, Any] = {"event": event.name, "at": round(event.at, 6)}
    if isinstance(event, ConversationItemAdded | ConversationItemUpdated):
        out["item"] = report_item(event.item)
    elif isinstance(event, FunctionToolsExecuted):
        out["calls"] = [
            {"call": report_item(call), "output": report_item(output)}
            for call, output in event.zipped()
        ]
    elif isinstance(event, MetricsCollected):
        out["turn"] = event.metrics.to_dict()
    elif isinstance(event, ModelCallEnded):
        out["call"] = event.call.to_dict()
    elif isinstance(event, ToolEnded):
        out["tool"] = event.tool.to_dict()
    elif isinstance(event, SpeechCreated | SpeechDiscarded):
        out["speech"] = event.speech_handle.id
        if isinstance(event, SpeechCreated):
            out |= {"source": event.source, "user_initiated": event.user_initiated}
        else:
            out["reason"] = event.reason
    else:
        for name in _fields(event):
            value = getattr(event, name)
            out[name] = f"{type(value).__name__}: {value}" if _is_error(value) else value
    return out


def _fields(event: Any) -> list[str]:
    from dataclasses import fields

    return [field.name for field in fields(event) if field.name != "at"]


def _is_error(value: Any) -> bool:
    return isinstance(value, BaseException)


def _latency(turn: Any) -> list[Line]:
    if turn is None or turn.latency is None:
        return []
    wait = turn.endpoint_wait
    endpoint = "" if wait is None else f", of which {wait:.2f} s is the endpoint wait"
    return [(f"  turn {turn.turn}: answered after {turn.latency:.2f} s{endpoint}", "dim")]


def _arguments(call: FunctionCall) -> str:
    arguments: Mapping[str, Any] = report_item(call)["arguments"]
    shown = ", ".join(
        f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()
    )
    return _shortened(shown)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CUT else f"{text[: _CUT - 1]}…"


def plain_line(text: str) -> str:
    """One line without control characters: what is said may not move the cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
