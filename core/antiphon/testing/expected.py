"""What a test expects of an event, and what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from ..agent import Agent
from ..chat import ChatRole
from ..errors import did_you_mean
from ..given import NOT_GIVEN
from ..tools.output import output_text
from .run_events import (
    AgentHandoffEvent,
    ChatMessageEvent,
    FunctionCallEvent,
    FunctionCallOutputEvent,
    RunEvent,
    RunEventType,
    read_arguments,
)

Text: TypeAlias = str | re.Pattern[str]
"""A whole text, or a pattern that is found in it."""

TYPES: dict[str, str] = {
    "message": "a message",
    "function_call": "a function call",
    "function_call_output": "a function call output",
    "agent_handoff": "an agent handoff",
}
_FIELDS: dict[str, tuple[str, ...]] = {
    "message": ("role", "text"),
    "function_call": ("name", "arguments"),
    "function_call_output": ("output", "is_error", "name"),
    "agent_handoff": ("new_agent_type", "new_agent_id"),
}


@dataclass(frozen=True, slots=True)
class Expected:
    """A kind of event, with those of its fields that matter."""

    type: RunEventType
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, kind: str, where: str, **fields: Any) -> Expected:
        """Leaves out what is `NOT_GIVEN`. Raises `ValueError` for an unknown type or role and
        `TypeError` for what the type does not have; `where` is who asks."""
        known = check_type(kind, where)
        given = {name: value for name, value in fields.items() if value is not NOT_GIVEN}
        for name, value in given.items():
            if name not in _FIELDS[known]:
                raise TypeError(
                    f"{where} got {name}={value!r}, which {TYPES[known]} does not have "
                    f"(it has: {', '.join(_FIELDS[known])})"
                )
        roles = get_args(ChatRole)
        if "role" in given and given["role"] not in roles:
            role = given["role"]
            raise ValueError(
                f"{where}: there is no role {role!r} (there are: {', '.join(roles)})"
                + did_you_mean(str(role), roles)
            )
        if "arguments" in given and not isinstance(given["arguments"], Mapping):
            raise TypeError(
                f"{where} got arguments={given['arguments']!r}; give a dict of those that matter"
            )
        agent = given.get("new_agent_type", Agent)
        if not isinstance(agent, type) or not issubclass(agent, Agent):
            hint = f", or new_agent_id={agent!r}" if isinstance(agent, str) else ""
            raise TypeError(f"{where} got new_agent_type={agent!r}; give a class of agents{hint}")
        return cls(known, given)

    def __str__(self) -> str:
        fields = self.fields
        words = [TYPES[self.type]]
        if "role" in fields:
            words.append(f"of the role {fields['role']!r}")
        if "name" in fields:
            words.append(f"of {fields['name']!r}")
        if "new_agent_type" in fields:
            words.append(f"to a {fields['new_agent_type'].__name__}")
        if "new_agent_id" in fields:
            words.append(f"to {fields['new_agent_id']!r}")
        if "arguments" in fields:
            words.append(f"with the arguments {dict(fields['arguments'])!r}")
        if "text" in fields:
            words.append(f"with the text {_shown(fields['text'])}")
        if "output" in fields:
            words.append(f"with the output {_shown(fields['output'])}")
        if "is_error" in fields:
            words.append("that is an error" if fields["is_error"] else "that is no error")
        return " ".join(words)

    def differences(self, event: RunEvent) -> list[str]:
        """What is otherwise with `event`, e.g. `its name is 'bok', not 'book'`; none: it fits."""
        if event.type != self.type:
            return [f"it is {TYPES[event.type]}"]
        if isinstance(event, FunctionCallEvent) and "arguments" in self.fields:
            rest = self._plain({"name": event.item.name})
            return rest + _arguments(event.item.arguments, self.fields["arguments"])
        if isinstance(event, FunctionCallEvent):
            return self._plain({"name": event.item.name})
        if isinstance(event, FunctionCallOutputEvent):
            item = event.item
            found = self._plain({"name": item.name, "is_error": item.is_error})
            return found + self._output(item.output)
        if isinstance(event, AgentHandoffEvent):
            found = self._plain({"new_agent_id": event.item.new_agent_id})
            wanted = self.fields.get("new_agent_type", Agent)
            if not isinstance(event.new_agent, wanted):
                kind = type(event.new_agent).__name__
                found.append(f"its new agent is a {kind}, not a {wanted.__name__}")
            return found
        assert isinstance(event, ChatMessageEvent)
        found = self._plain({"role": event.item.role})
        if "text" in self.fields and not _fits(self.fields["text"], event.item.text_content):
            found.append(f"its text is {event.item.text_content!r}")
        return found

    def _plain(self, values: Mapping[str, Any]) -> list[str]:
        return [
            f"its {name} is {value!r}, not {self.fields[name]!r}"
            for name, value in values.items()
            if name in self.fields and not self.fields[name] == value
        ]

    def _output(self, output: str) -> list[str]:
        if "output" not in self.fields:
            return []
        wanted = self.fields["output"]
        if _fits(wanted, output) or output_text(wanted) == output:
            return []
        if isinstance(wanted, Mapping | list | tuple):
            try:
                if json.loads(output) == json.loads(output_text(wanted)):
                    return []
            except ValueError:
                pass
        return [f"its output is {output!r}"]


def check_type(type: str, where: str) -> RunEventType:
    """Raises `ValueError` for a type of events that there is not."""
    if type not in TYPES:
        raise ValueError(
            f"{where}: there is no type of events {type!r} (there are: {', '.join(TYPES)})"
            + did_you_mean(str(type), TYPES)
        )
    known: RunEventType = type  # type: ignore[assignment]
    return known


def _fits(wanted: Any, text: str) -> bool:
    if isinstance(wanted, re.Pattern):
        return wanted.search(text) is not None
    return bool(wanted == text)


def _shown(wanted: Any) -> str:
    return f"/{wanted.pattern}/" if isinstance(wanted, re.Pattern) else repr(wanted)


def _arguments(arguments: str, wanted: Mapping[str, Any]) -> list[str]:
    values = read_arguments(arguments)
    if values is None:
        return [f"its arguments are no JSON object: {arguments}"]
    found: list[str] = []
    for name, value in wanted.items():
        if name not in values:
            given = ", ".join(values) or "none"
            found.append(
                f"it has no argument {name!r} (it has: {given}){did_you_mean(name, values)}"
            )
        elif not value == values[name]:
            found.append(f"its argument {name!r} is {values[name]!r}, not {value!r}")
    return found
