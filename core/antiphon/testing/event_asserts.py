"""Expectations about one event of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..given import NOT_GIVEN, Maybe
from .expected import Expected
from .run_events import (
    AgentHandoffEvent,
    ChatMessageEvent,
    FunctionCallEvent,
    FunctionCallOutputEvent,
    RunEvent,
    show_event,
    show_events,
)

if TYPE_CHECKING:
    from ..agent import Agent
    from ..chat import ChatRole
    from .expected import Text
    from .judging import JudgeLike
    from .run_result import RunResult

AssertT = TypeVar("AssertT", bound="EventAssert")


class EventAssert:
    """One event of a run: what it is expected to be."""

    def __init__(self, result: RunResult[Any], index: int) -> None:
        self._result = result
        self._index = index

    def event(self) -> RunEvent:
        """The event itself."""
        return self._result.events[self._index]

    def is_message(
        self, *, role: Maybe[ChatRole] = NOT_GIVEN, text: Maybe[Text] = NOT_GIVEN
    ) -> ChatMessageAssert:
        """It is a message; `text` is the whole text, or a compiled pattern that is found in it."""
        __tracebackhide__ = True
        return self._is(ChatMessageAssert, "message", "is_message()", role=role, text=text)

    def is_function_call(
        self,
        *,
        name: Maybe[str] = NOT_GIVEN,
        arguments: Maybe[Mapping[str, Any]] = NOT_GIVEN,
    ) -> FunctionCallAssert:
        """It is a call; it may have more arguments than those given."""
        __tracebackhide__ = True
        return self._is(
            FunctionCallAssert,
            "function_call",
            "is_function_call()",
            name=name,
            arguments=arguments,
        )

    def is_function_call_output(
        self,
        *,
        output: Maybe[Any] = NOT_GIVEN,
        is_error: Maybe[bool] = NOT_GIVEN,
        name: Maybe[str] = NOT_GIVEN,
    ) -> FunctionCallOutputAssert:
        """It is an output. `output` is its text, a compiled pattern that is found in it, or the
        value that the tool returned; `name` that of the tool."""
        __tracebackhide__ = True
        return self._is(
            FunctionCallOutputAssert,
            "function_call_output",
            "is_function_call_output()",
            output=output,
            is_error=is_error,
            name=name,
        )

    def is_agent_handoff(
        self,
        *,
        new_agent_type: Maybe[type[Agent]] = NOT_GIVEN,
        new_agent_id: Maybe[str] = NOT_GIVEN,
    ) -> AgentHandoffAssert:
        """It is a hand-off, to an agent of that class, or of that id."""
        __tracebackhide__ = True
        return self._is(
            AgentHandoffAssert,
            "agent_handoff",
            "is_agent_handoff()",
            new_agent_type=new_agent_type,
            new_agent_id=new_agent_id,
        )

    def _is(self, kind: type[AssertT], type: str, where: str, **fields: Any) -> AssertT:
        __tracebackhide__ = True
        wanted = Expected.of(type, where, **fields)
        differences = wanted.differences(self.event())
        if differences:
            lines = [f"expected event {self._index} to be {wanted}", *differences]
            raise AssertionError("\n  ".join(lines) + f"\n\n{self._shown()}")
        return kind(self._result, self._index)

    def _shown(self) -> str:
        result = self._result
        return show_events(result.user_input, result.events, result.errors, marked=[self._index])


class ChatMessageAssert(EventAssert):
    """A message."""

    def event(self) -> ChatMessageEvent:
        return cast(ChatMessageEvent, super().event())

    async def judge(self, llm: JudgeLike, *, intent: str) -> ChatMessageAssert:
        """Has a model judge whether the message does what `intent` says; returns itself.

        `llm` is a model string, a `Model`, or a built LLM. Fails when the model says no; raises
        `NoVerdict` when it says neither yes nor no, and `ProviderError` when it fails.
        """
        __tracebackhide__ = True
        from .judging import judge

        result = self._result
        before = [f"user: {result.user_input}"]
        before += [f"{event.type} {show_event(event)}" for event in result.events[: self._index]]
        verdict = await judge(
            llm,
            self.event().item.text_content,
            intent=intent,
            before="\n".join(before),
            registry=result.registry,
        )
        if not verdict.passed:
            raise AssertionError(
                f"the judge says that event {self._index} does not fit the intent\n"
                f"  intent: {intent}\n"
                f"  reason: {verdict.reason}\n\n{self._shown()}"
            )
        return self


class FunctionCallAssert(EventAssert):
    """A tool call."""

    def event(self) -> FunctionCallEvent:
        return cast(FunctionCallEvent, super().event())


class FunctionCallOutputAssert(EventAssert):
    """The output of a tool call."""

    def event(self) -> FunctionCallOutputEvent:
        return cast(FunctionCallOutputEvent, super().event())


class AgentHandoffAssert(EventAssert):
    """A hand-off."""

    def event(self) -> AgentHandoffEvent:
        return cast(AgentHandoffEvent, super().event())


_KINDS: dict[str, type[EventAssert]] = {
    "message": ChatMessageAssert,
    "function_call": FunctionCallAssert,
    "function_call_output": FunctionCallOutputAssert,
    "agent_handoff": AgentHandoffAssert,
}


def assert_for(result: RunResult[Any], index: int) -> EventAssert:
    """The expectations for the event at `index`, by its type."""
    return _KINDS[result.events[index].type](result, index)
