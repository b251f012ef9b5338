"""What follows from one user turn that a test gives."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_origin

from ..chat import AgentHandoff, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from ..errors import AntiphonError, SessionClosed
from .expectations import RunAssert
from .run_events import (
    AgentHandoffEvent,
    ChatMessageEvent,
    FunctionCallEvent,
    FunctionCallOutputEvent,
    RunEvent,
    show_error,
    show_events,
)

if TYPE_CHECKING:
    from ..engine.run_watch import RunWatch
    from ..events import ErrorEvent
    from ..registry import Registry

T = TypeVar("T")


class RunFailed(AntiphonError):
    """Something failed for good while a run was in progress; the cause is the original error."""


class RunResult(Generic[T]):
    """A run: `result = await session.run(user_input="…")`.

    It begins at once. Awaiting it returns it, when everything that follows from the turn has
    settled. It raises

    * what a tool, hook or node raised, where that is an `AssertionError` or `pytest.fail`;
    * `RunFailed` from the error, where one came that the session could not recover from;
    * `SessionClosed` when the session closed before all had been said;
    * `AssertionError` when the final output is not of the type that was asked for.

    The events are there to be looked at in each case.
    """

    def __init__(
        self, watch: RunWatch, *, output_type: type[T] | None = None, registry: Registry | None
    ) -> None:
        self._watch = watch
        self._output_type = output_type
        self._expect: RunAssert | None = None
        self.registry = registry
        """Where a judge's model string is looked up; None: the default registry."""

    def __repr__(self) -> str:
        state = f"{len(self.events)} events" if self.done() else "in progress"
        return f"RunResult({self.user_input!r}, {state})"

    @property
    def user_input(self) -> str:
        """What the user said."""
        return self._watch.user_input

    def done(self) -> bool:
        """Whether everything has settled."""
        return self._watch.ended.done()

    @property
    def events(self) -> list[RunEvent]:
        """What followed from the turn, in the order of the history; so far, while it goes on."""
        found = [self._event(item) for item in self._watch.items]
        return [event for event in found if event is not None]

    @property
    def errors(self) -> list[ErrorEvent]:
        """What failed meanwhile, recovered from or not."""
        return list(self._watch.errors)

    @property
    def expect(self) -> RunAssert:
        """Expectations about the events. Raises `RuntimeError` while the run goes on."""
        if not self.done():
            raise RuntimeError(
                f"the run of {self.user_input!r} is still in progress; await it first: "
                "`result = await session.run(…)`"
            )
        if self._expect is None:
            self._expect = RunAssert(self)
        return self._expect

    @property
    def final_output(self) -> T:
        """What the task was completed with that ended last during the run.

        Raises the exception, if that is what it was completed with, and `RuntimeError` when no task
        was completed.
        """
        if not self._watch.tasks:
            raise RuntimeError(
                f"the run of {self.user_input!r} has no final output: no task was completed"
            )
        return cast(T, self._watch.tasks[-1].result())

    def shown(self) -> str:
        """The run as text: the user's words, the events, what failed."""
        return show_events(self.user_input, self.events, self._watch.errors)

    def __await__(self) -> Generator[Any, None, RunResult[T]]:
        __tracebackhide__ = True
        yield from asyncio.shield(self._watch.ended).__await__()
        self._raise_failure()
        if self._output_type is not None:
            self._check_output(self._output_type)
        return self

    def _event(self, item: ChatItem) -> RunEvent | None:
        if isinstance(item, ChatMessage):
            return ChatMessageEvent(item)
        if isinstance(item, FunctionCall):
            return FunctionCallEvent(item)
        if isinstance(item, FunctionCallOutput):
            return FunctionCallOutputEvent(item)
        if isinstance(item, AgentHandoff):
            return AgentHandoffEvent(item, *self._watch.agents_of(item))
        return None

    def _raise_failure(self) -> None:
        __tracebackhide__ = True
        errors = self._watch.errors
        for event in errors:
            # A test's own failure, wherever it happened, is the failure of the test.
            if isinstance(event.error, AssertionError) or not isinstance(event.error, Exception):
                raise event.error
        failed = next((event for event in errors if not event.recoverable), None)
        cause = None if failed is None else failed.error
        closed = self._watch.closed
        if closed is not None and self._watch.cut:
            raise SessionClosed(
                f"the session closed ({closed.reason}) before the run of {self.user_input!r} had "
                f"ended\n\n{self.shown()}"
            ) from (cause or closed.error)
        if failed is not None:
            raise RunFailed(
                f"the run of {self.user_input!r} failed: {show_error(failed)}\n\n{self.shown()}"
            ) from cause

    def _check_output(self, wanted: type[T]) -> None:
        __tracebackhide__ = True
        if not self._watch.tasks:
            problem = "but no task was completed"
        else:
            task = self._watch.tasks[-1]
            try:
                output = task.result()
            except Exception as error:
                raise RunFailed(
                    f"the run of {self.user_input!r} has no final output: the task {task.id!r} was "
                    f"completed with {type(error).__name__}: {error}\n\n{self.shown()}"
                ) from error
            if isinstance(output, get_origin(wanted) or wanted):
                return
            problem = f"but the task {task.id!r} was completed with {output!r}"
        name = getattr(wanted, "__name__", str(wanted))
        raise AssertionError(f"expected a final output of type {name}, {problem}\n\n{self.shown()}")
