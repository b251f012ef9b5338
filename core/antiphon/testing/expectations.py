"""Expectations about what follows from a user turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar, overload

from ..given import NOT_GIVEN, Maybe
from .event_asserts import (
    AgentHandoffAssert,
    ChatMessageAssert,
    EventAssert,
    FunctionCallAssert,
    FunctionCallOutputAssert,
    assert_for,
)
from .expected import Expected, check_type
from .run_events import RunEvent, RunEventType, show_events

if TYPE_CHECKING:
    from ..agent import Agent
    from ..chat import ChatRole
    from .expected import Text
    from .run_result import RunResult

AssertT = TypeVar("AssertT", bound=EventAssert)


class EventRangeAssert:
    """Events of a run, one after another: `result.expect[1:3]`."""

    def __init__(self, result: RunResult[Any], indices: range) -> None:
        self._result = result
        self._indices = indices

    @property
    def events(self) -> list[RunEvent]:
        """The events of the range."""
        return [self._result.events[index] for index in self._indices]

    def contains_message(
        self, *, role: Maybe[ChatRole] = NOT_GIVEN, text: Maybe[Text] = NOT_GIVEN
    ) -> ChatMessageAssert:
        """The first message like that; `text` is the whole text, or a compiled pattern that is
        found in it."""
        __tracebackhide__ = True
        wanted = Expected.of("message", "contains_message()", role=role, text=text)
        return self._contains(wanted, ChatMessageAssert)

    def contains_function_call(
        self,
        *,
        name: Maybe[str] = NOT_GIVEN,
        arguments: Maybe[Mapping[str, Any]] = NOT_GIVEN,
    ) -> FunctionCallAssert:
        """The first call like that; it may have more arguments than those given."""
        __tracebackhide__ = True
        wanted = Expected.of(
            "function_call", "contains_function_call()", name=name, arguments=arguments
        )
        return self._contains(wanted, FunctionCallAssert)

    def contains_function_call_output(
        self,
        *,
        output: Maybe[Any] = NOT_GIVEN,
        is_error: Maybe[bool] = NOT_GIVEN,
        name: Maybe[str] = NOT_GIVEN,
    ) -> FunctionCallOutputAssert:
        """The first output like that: as `EventAssert.is_function_call_output`."""
        __tracebackhide__ = True
        wanted = Expected.of(
            "function_call_output",
            "contains_function_call_output()",
            output=output,
            is_error=is_error,
            name=name,
        )
        return self._contains(wanted, FunctionCallOutputAssert)

    def contains_agent_handoff(
        self,
        *,
        new_agent_type: Maybe[type[Agent]] = NOT_GIVEN,
        new_agent_id: Maybe[str] = NOT_GIVEN,
    ) -> AgentHandoffAssert:
        """The first hand-off like that."""
        __tracebackhide__ = True
        wanted = Expected.of(
            "agent_handoff",
            "contains_agent_handoff()",
            new_agent_type=new_agent_type,
            new_agent_id=new_agent_id,
        )
        return self._contains(wanted, AgentHandoffAssert)

    def _contains(self, wanted: Expected, kind: type[AssertT]) -> AssertT:
        __tracebackhide__ = True
        events = self._result.events
        near: dict[int, str] = {}
        for index in self._indices:
            differences = wanted.differences(events[index])
            if not differences:
                return kind(self._result, index)
            if events[index].type == wanted.type:
                near[index] = "; ".join(differences)
        where = "" if len(self._indices) == len(events) else f" {self._where()}"
        self._fail(f"expected {wanted}{where}, but there is none", near)

    def _where(self) -> str:
        if not self._indices:
            return "among no events at all"
        first, last = self._indices[0], self._indices[-1]
        return f"at event {first}" if first == last else f"among the events {first} to {last}"

    def _fail(self, message: str, marked: Mapping[int, str] | Sequence[int]) -> NoReturn:
        __tracebackhide__ = True
        result = self._result
        shown = show_events(result.user_input, result.events, result.errors, marked=marked)
        raise AssertionError(f"{message}\n\n{shown}")


class RunAssert(EventRangeAssert):
    """`result.expect`: goes through the events one after another, or looks among them all.

    `expect[2]` and `expect[-1]` are single events, `expect[0:2]` a range of them. `next_event` and
    what begins with `skip` go on from where the last of them has come to.
    """

    def __init__(self, result: RunResult[Any]) -> None:
        super().__init__(result, range(len(result.events)))
        self._next = 0

    @overload
    def next_event(self, *, type: None = None) -> EventAssert: ...
    @overload
    def next_event(self, *, type: Literal["message"]) -> ChatMessageAssert: ...
    @overload
    def next_event(self, *, type: Literal["function_call"]) -> FunctionCallAssert: ...
    @overload
    def next_event(self, *, type: Literal["function_call_output"]) -> FunctionCallOutputAssert: ...
    @overload
    def next_event(self, *, type: Literal["agent_handoff"]) -> AgentHandoffAssert: ...
    def next_event(self, *, type: RunEventType | None = None) -> EventAssert:
        """The next event, or with `type` the next one of that type: others before it are
        skipped."""
        __tracebackhide__ = True
        if type is not None:
            check_type(type, "next_event()")
        begin = self._next
        while self._next < len(self._indices):
            event = self._at(self._next)
            self._next += 1
            if type is None or event.event().type == type:
                return event
        self._next = begin
        what = "another event" if type is None else f"an event of the type {type!r}"
        place = "" if type is None else f" from event {begin} on"
        self._fail(f"expected {what}{place}, but there is none", [len(self._indices)])

    def skip_next(self, count: int = 1) -> RunAssert:
        """Skips events; fails when there are fewer."""
        __tracebackhide__ = True
        left = len(self._indices) - self._next
        if count > left:
            more = "1 more event" if count == 1 else f"{count} more events"
            self._fail(f"expected {more} to skip, but there {_count(left)}", [self._next])
        self._next += count
        return self

    def skip_next_event_if(
        self,
        *,
        type: RunEventType,
        role: Maybe[ChatRole] = NOT_GIVEN,
        text: Maybe[Text] = NOT_GIVEN,
        name: Maybe[str] = NOT_GIVEN,
        arguments: Maybe[Mapping[str, Any]] = NOT_GIVEN,
        output: Maybe[Any] = NOT_GIVEN,
        is_error: Maybe[bool] = NOT_GIVEN,
        new_agent_type: Maybe[type[Agent]] = NOT_GIVEN,
        new_agent_id: Maybe[str] = NOT_GIVEN,
    ) -> EventAssert | None:
        """Skips the next event if it is like that, and returns it; else None, and nothing is
        skipped."""
        wanted = Expected.of(
            type,
            "skip_next_event_if()",
            role=role,
            text=text,
            name=name,
            arguments=arguments,
            output=output,
            is_error=is_error,
            new_agent_type=new_agent_type,
            new_agent_id=new_agent_id,
        )
        if self._next == len(self._indices):
            return None
        event = self._at(self._next)
        if wanted.differences(event.event()):
            return None
        self._next += 1
        return event

    def no_more_events(self) -> None:
        """Fails unless the events have been gone through to the end."""
        __tracebackhide__ = True
        if self._next < len(self._indices):
            left = len(self._indices) - self._next
            self._fail(f"expected no more events, but there {_count(left)}", [self._next])

    @overload
    def __getitem__(self, index: int) -> EventAssert: ...
    @overload
    def __getitem__(self, index: slice) -> EventRangeAssert: ...
    def __getitem__(self, index: int | slice) -> EventAssert | EventRangeAssert:
        __tracebackhide__ = True
        if isinstance(index, slice):
            return EventRangeAssert(self._result, self._indices[index])
        count = len(self._indices)
        if not -count <= index < count:
            self._fail(f"expected an event {index}, but there {_count(count)}", [count])
        return self._at(self._indices[index])

    def _at(self, index: int) -> EventAssert:
        return assert_for(self._result, index)


def _count(number: int) -> str:
    return "is none" if number == 0 else "is 1" if number == 1 else f"are {number}"
