"""Tasks: agents that a tool or a hook awaits, and that give a result."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .agent import Agent, own_names
from .errors import ToolError
from .given import NOT_GIVEN, Maybe
from .scopes import current_scope
from .turn_handling import TurnHandling

if TYPE_CHECKING:
    from .chat import ChatContext
    from .slot_values import LLMLike, STTLike, TTSLike, TurnDetectorLike, VADLike
    from .text_transforms import TextTransformLike

T = TypeVar("T")


class AgentTask(Agent, Generic[T]):
    """An agent with a job: it takes over the conversation, and gives back a result.

    Awaited once, inside a tool, `on_enter` or `on_exit`. The agent that awaits it is paused,
    without `on_exit`, and the user talks to the task until that calls `complete`. Then the agent
    goes on where it was, without `on_enter`, with what was said in its context. Slots and
    turn-taking that the task does not bring itself are those of the agent that awaits it.

    `preserve_function_call_history`: its tool calls go into that context too.

    The await raises what the task was completed with, if that is an exception, and `ToolError` when
    the session closes or another agent takes over meanwhile. A session that is started with a task
    closes, with the reason `task_completed`, when the task is complete.
    """

    __antiphon_task__ = True

    def __init__(
        self,
        *,
        instructions: str = "",
        id: str | None = None,
        chat_ctx: ChatContext | None = None,
        tools: Iterable[Any] | None = None,
        stt: Maybe[STTLike] = NOT_GIVEN,
        llm: Maybe[LLMLike] = NOT_GIVEN,
        tts: Maybe[TTSLike] = NOT_GIVEN,
        vad: Maybe[VADLike] = NOT_GIVEN,
        turn_detector: Maybe[TurnDetectorLike] = NOT_GIVEN,
        turn_handling: TurnHandling | Mapping[str, Any] | None = None,
        examples: Iterable[str] = (),
        tts_text_transforms: Maybe[Iterable[TextTransformLike] | None] = NOT_GIVEN,
        max_tool_steps: Maybe[int] = NOT_GIVEN,
        tool_timeout: Maybe[float | None] = NOT_GIVEN,
        preserve_function_call_history: bool = False,
    ) -> None:
        super().__init__(
            instructions=instructions,
            id=id,
            chat_ctx=chat_ctx,
            tools=tools,
            stt=stt,
            llm=llm,
            tts=tts,
            vad=vad,
            turn_detector=turn_detector,
            turn_handling=turn_handling,
            examples=examples,
            tts_text_transforms=tts_text_transforms,
            max_tool_steps=max_tool_steps,
            tool_timeout=tool_timeout,
        )
        self.preserve_function_call_history = preserve_function_call_history
        self._outcome: _Outcome[T] | None = None
        self._awaited = False

    def complete(self, result: T | BaseException) -> None:
        """Ends the task with its result, or with the exception that the await is to raise.

        What the task is saying is played to its end first. May be called anywhere, in threads too.
        Raises `RuntimeError` when the task is complete already.
        """
        if self._outcome is not None:
            raise RuntimeError(f"the task {self.id!r} is complete already")
        self._outcome = _Outcome(result)
        if self._runtime is not None:
            self._runtime.task_completed(self)

    def done(self) -> bool:
        """Whether it is complete."""
        return self._outcome is not None

    def cancel(self) -> bool:
        """Completes it with a `ToolError` that says so. False when it was complete already."""
        if self._outcome is not None:
            return False
        self.complete(ToolError(f"the task {self.id!r} was cancelled"))
        return True

    def result(self) -> T:
        """What it was completed with. Raises that, if it is an exception, and `RuntimeError` when
        it is not complete."""
        if self._outcome is None:
            raise RuntimeError(f"the task {self.id!r} is not complete yet")
        if isinstance(self._outcome.value, BaseException):
            raise self._outcome.value
        return self._outcome.value

    def __await__(self) -> Generator[Any, None, T]:
        scope = current_scope.get()
        if self._awaited:
            raise RuntimeError(
                f"the task {self.id!r} has been awaited already; make a new one: "
                f"{type(self).__name__}(…)"
            )
        if scope is None or scope.runtime is None or scope.kind == "on_user_turn_completed":
            where = "outside of any tool or hook" if scope is None else f"in {scope}"
            raise RuntimeError(
                f"the task {self.id!r} was awaited {where}; await it in a tool, `on_enter` or "
                "`on_exit`"
            )
        self._awaited = True
        yield from scope.runtime.run_task(self, scope).__await__()
        return self.result()


AgentTask._own_names = ("task", own_names(AgentTask))


class _Outcome(Generic[T]):
    __slots__ = ("value",)

    def __init__(self, value: T | BaseException) -> None:
        self.value = value
