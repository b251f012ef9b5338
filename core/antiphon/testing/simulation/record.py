"""The record of a simulated call: what it was like for the caller, and what the history says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...chat import AgentHandoff, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from ...redaction import redact, secret_values
from ..caller import Perceived
from .line import Done, Line, TypedLine
from .outcome import Said

if TYPE_CHECKING:
    from ...session import AgentSession


@dataclass(frozen=True, slots=True)
class Failed:
    """An `error` event."""

    at: float
    text: str
    recoverable: bool


class Record:
    """Follows the first session of a call; asked when it is over."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self.session: AgentSession[Any] | None = None
        self.failed: list[Failed] = []
        self.dropped: list[tuple[str, str]] = []
        """Transcripts that came too late, with the reason."""
        self.close: str | None = None
        self.ended_at = 0.0
        self._added: dict[str, float] = {}

    def follow(self, session: AgentSession[Any]) -> None:
        """To be called with each session at its start."""
        if self.session is None:
            self.session = self._line.session = session
            session.on("*", self._note)

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self._line.began

    def _note(self, event: Any) -> None:
        match event.name:
            case "error":
                text = redact(f"{event.source}: {event.error}", secret_values())
                self.failed.append(Failed(self._now(), text, event.recoverable))
            case "close":
                self.close = event.reason
            case "transcript_dropped":
                self.dropped.append((event.transcript, event.reason))
            case "reply_skipped":
                self._line.silences.append((self._now(), event.reason))
            case "conversation_item_added":
                self._added[event.item.id] = self._now()
                is_reply = isinstance(event.item, ChatMessage) and event.item.role == "assistant"
                if is_reply and isinstance(self._line, TypedLine):
                    self._line.read(event.item.text_content)

    # Afterwards

    @property
    def items(self) -> list[ChatItem]:
        """The history."""
        return [] if self.session is None else list(self.session.history)

    def messages(self, role: str) -> list[ChatMessage]:
        """The messages of one side."""
        return [item for item in self.items if isinstance(item, ChatMessage) and item.role == role]

    @property
    def handoffs(self) -> list[str]:
        """The agents, as they became active."""
        return [item.new_agent_id for item in self.items if isinstance(item, AgentHandoff)]

    def at(self, item: ChatItem) -> float:
        """When an item came into the history."""
        if item.id in self._added:
            return self._added[item.id]
        return item.created_at or 0.0

    def calls(self) -> list[tuple[float, FunctionCall]]:
        """The tool calls, with the times at which they were made."""
        return [(self.at(item), item) for item in self.items if isinstance(item, FunctionCall)]

    @property
    def timeline(self) -> list[Perceived]:
        """Who was heard when, from the beginning of the call."""
        began = self._line.began
        return [
            Perceived(each.start - began, each.end - began, each.who, each.text)
            for each in self._line.timeline
        ]

    def spoken(self) -> list[tuple[float, str]]:
        """What the caller heard, or read, of the agents: by ear where words can be heard, else by
        the history, which holds what was heard."""
        heard = self._heard()
        if heard:
            return heard
        return [(self.at(item), item.text_content) for item in self.messages("assistant")]

    def _heard(self) -> list[tuple[float, str]]:
        """By ear; nothing where no word can be heard."""
        if isinstance(self._line, TypedLine):
            return []
        heard = [(each.start, each.text) for each in self.timeline if each.who == "agent"]
        return heard if any(text for _, text in heard) else []

    def during(self, done: Done) -> tuple[float, float]:
        """From the beginning of a step to that of the next."""
        steps = self._line.done
        index = steps.index(done)
        end = steps[index + 1].start if index + 1 < len(steps) else float("inf")
        return done.start, end

    def heard_in(self, done: Done) -> str:
        """What was heard of the agents from a step to the next one."""
        begin, end = self.during(done)
        return " ".join(text for at, text in self.spoken() if begin <= at < end)

    def latency(self, done: Done) -> float | None:
        """Seconds from the end of a step to the first sound of what answers it."""
        _, end = self.during(done)
        if isinstance(self._line, TypedLine):
            starts = [at for at, _ in self.spoken()]
        else:
            starts = [each.start for each in self.timeline if each.who == "agent"]
        answers = [at for at in starts if done.end - 1e-9 <= at < end]
        return answers[0] - done.end if answers else None

    def agent_at(self, when: float) -> str | None:
        """The agent that was active then."""
        agent = None
        for item in self.items:
            if isinstance(item, AgentHandoff) and self.at(item) <= when:
                agent = item.new_agent_id
        return agent

    def transcript(self) -> list[Said]:
        """Everything in order."""
        heard = self._heard()
        lines = self._caller_lines()
        # What comes at the same instant stays in the order of the history.
        lines += self._history_lines(messages=not heard)
        lines += [Said(at, self.agent_at(at) or "agent", text) for at, text in heard if text]
        for failed in self.failed:
            kind = "error, recovered" if failed.recoverable else "error"
            lines.append(Said(failed.at, "error", f"{kind}: {failed.text}"))
        return sorted(lines, key=lambda line: line.at)

    def _history_lines(self, *, messages: bool) -> list[Said]:
        lines = []
        calls = {item.call_id: item for item in self.items if isinstance(item, FunctionCall)}
        for item in self.items:
            if isinstance(item, AgentHandoff):
                text = f"[{item.old_agent_id} -> {item.new_agent_id}]"
                lines.append(Said(self.at(item), "handoff", text))
            elif isinstance(item, FunctionCallOutput):
                call = calls.get(item.call_id)
                name = item.name or (call.name if call else "?")
                mark = "!" if item.is_error else "->"
                arguments = call.arguments if call else ""
                text = f"({name}{arguments} {mark} {item.output})"
                lines.append(Said(self.at(item), "tool", text))
            elif messages and isinstance(item, ChatMessage) and item.role == "assistant":
                lines.append(Said(self.at(item), item.agent_id or "agent", item.text_content))
        return lines

    def _caller_lines(self) -> list[Said]:
        lines = []
        for done in self._line.done:
            step = done.step
            match step.action:
                case "say" | "type" | "backchannel":
                    text = step.text
                case "press":
                    text = f"(presses {step.text})"
                case "hang_up":
                    text = "(hangs up)"
                case "wait":
                    text = f"(is silent for {step.seconds:g} s)"
                case _:
                    text = f"({step.action}, {step.seconds:g} s)"
            lines.append(Said(done.start, "caller", text))
        return lines
