"""A group of tasks: steps in order, with a way back to those before."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..errors import ConfigurationError, StopResponse, ToolError
from ..task import AgentTask
from ..tools import FunctionTool, function_tool

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Self, Unpack

    from ..chat import ChatContext, ChatMessage
    from .options import TaskOptions

TaskFactory: TypeAlias = Callable[[], AgentTask[Any]]

_GO_BACK = (
    "Goes back to earlier steps: when the caller wants to change what they have given there, or to "
    "do it again. This step is left, and comes again after them. The steps to go back to: {steps}."
)


@dataclass(frozen=True, slots=True)
class TaskGroupResult:
    """What a `TaskGroup` gives."""

    task_results: Mapping[str, Any]
    """By the id of each step, in the order in which they were added."""


@dataclass(frozen=True, slots=True)
class TaskCompletedEvent:
    """What `on_task_completed` is given when a step has given a value."""

    agent_task: AgentTask[Any]
    task_id: str
    """The id of the step."""
    result: Any


class TaskGroup(AgentTask[TaskGroupResult]):
    """Tasks one after another, with a way back: `await` gives the results of all.

    A step may go back to those that have been done, by a tool that the group adds to it, `go_back`:
    they are done again, by new tasks, then the step that was left.

    * `chat_ctx`: what the first step is shown; each sees what was said in those before it.
    * `return_exceptions`: an exception that a step is completed with is its result; else it ends
      the group, whose await raises it.
    * `on_task_completed`: an `async` function, awaited with a `TaskCompletedEvent` whenever a step
      has given a value. What it raises ends the group.
    * `tools`: offered in every step.
    * Slots and turn-taking given here are those of all steps that don't bring their own.
    """

    def __init__(
        self,
        *,
        return_exceptions: bool = False,
        on_task_completed: Callable[[TaskCompletedEvent], Awaitable[None]] | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(**options)
        self._return_exceptions = return_exceptions
        self._on_task_completed = on_task_completed
        self._steps: dict[str, _Step] = {}
        self._results: dict[str, Any] = {}
        self._started = False
        self._ways_out: tuple[_Way, ...] = ()
        """When it is a step itself: the steps of the groups around it."""

    def add(self, task_factory: TaskFactory, *, id: str, description: str) -> Self:
        """Adds a step; returns the group.

        `task_factory` makes its task, anew each time that it is run. `description` tells the model
        of other steps what this one does, e.g. "collects the e-mail address".

        Raises `ConfigurationError` for an id that is taken and for what is no factory,
        `RuntimeError` once the group has begun.
        """
        if self._started:
            raise RuntimeError(
                f"the task group {self.id!r} has begun; add step {id!r} before it is awaited"
            )
        if not isinstance(id, str) or not id.strip():
            raise ConfigurationError(f"a step needs an id, not {id!r}; give one: id='email'")
        if id in self._steps:
            raise ConfigurationError(
                f"the task group {self.id!r} has a step {id!r} already; give this one another id"
            )
        if isinstance(task_factory, AgentTask) or not callable(task_factory):
            raise ConfigurationError(
                f"step {id!r} got {task_factory!r}; give a function that makes the task, which may "
                "run more than once: lambda: MyTask()"
            )
        self._steps[id] = _Step(task_factory, description)
        return self

    def __await__(self) -> Generator[Any, None, TaskGroupResult]:
        self._check_steps()
        return (yield from super().__await__())

    async def on_enter(self) -> None:
        """Runs the steps."""
        self._started = True
        try:
            self._check_steps()
            await self._lead()
        except Exception as error:
            if not self.done():
                self.complete(error)

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        """What the user says between two steps is shown to the next, which answers it."""
        raise StopResponse

    def _check_steps(self) -> None:
        if not self._steps:
            raise ConfigurationError(
                f"the task group {self.id!r} has no steps; add some: "
                "group.add(lambda: MyTask(), id='email', description='collects the e-mail address')"
            )

    async def _lead(self) -> None:
        pending = deque(self._steps)
        while pending:
            step_id = pending.popleft()
            task = await self._make(step_id)
            try:
                result = await task
            except _GoingBack as back:
                if back.group is not self:
                    raise
                pending = deque(self._order(back.ids, step_id, pending))
                continue
            except Exception as error:
                if not task.done() and isinstance(error, ToolError):
                    return  # It gave way, or the session closes: so does the group.
                if not task.done() or not self._return_exceptions:
                    raise
                self._results[step_id] = error
                continue
            if self.done():
                return
            self._results[step_id] = result
            if self._on_task_completed is not None:
                await self._on_task_completed(TaskCompletedEvent(task, step_id, result))
        if not self.done():
            self.complete(TaskGroupResult({id: self._results[id] for id in self._steps}))

    def _order(self, ids: tuple[str, ...], left: str, pending: deque[str]) -> list[str]:
        """The steps to come: those to go back to, then the one that was left, then the rest."""
        return [*ids, left, *(each for each in pending if each not in ids)]

    async def _make(self, step_id: str) -> AgentTask[Any]:
        task = self._steps[step_id].factory()
        if not isinstance(task, AgentTask):
            raise ConfigurationError(
                f"the factory of step {step_id!r} gave {task!r}, which is no AgentTask"
            )
        done = {id: step.description for id, step in self._steps.items() if id in self._results}
        done.pop(step_id, None)
        ways = (_Way(self, done), *self._ways_out) if done else self._ways_out
        # Not `task.tools`, in which the tools of sets stand without their sets.
        tools = [*task._given_tools, *self._given_tools]
        if isinstance(task, TaskGroup):
            task._ways_out = ways
        elif ways:
            tools.append(_go_back(task, ways))
        if len(tools) > len(task._given_tools):
            await task.update_tools(tools)
        context = task.chat_ctx.copy()
        context.merge(self.chat_ctx.copy(exclude_instructions=True, exclude_handoff=True))
        await task.update_chat_ctx(context)
        return task


@dataclass(frozen=True, slots=True)
class _Step:
    factory: TaskFactory
    description: str


@dataclass(frozen=True, slots=True)
class _Way:
    """The steps of one group that can be gone back to: their descriptions by id."""

    group: TaskGroup
    steps: Mapping[str, str]


class _GoingBack(Exception):
    """What a step is completed with when it is left for earlier ones of `group`."""

    def __init__(self, group: TaskGroup, ids: tuple[str, ...]) -> None:
        super().__init__(f"going back to {', '.join(ids)}")
        self.group = group
        self.ids = ids


def _go_back(task: AgentTask[Any], ways: tuple[_Way, ...]) -> FunctionTool[Any, Any]:
    """The tool of one step. Of two groups with one id the inner one's step is meant."""
    homes: dict[str, _Way] = {}
    for way in ways:
        for step_id in way.steps:
            homes.setdefault(step_id, way)
    listed = "; ".join(f"{id!r} {way.steps[id]}" for id, way in homes.items())

    async def go_back(raw_arguments: dict[str, object]) -> None:
        ids = cast(list[str], raw_arguments["step_ids"])  # checked against the schema
        if not ids:
            raise ToolError(f"name the steps to go back to: {', '.join(map(repr, homes))}")
        if task.done():
            raise ToolError("this step is over already")
        # A step of a group around this one is run again with all that follows it, this one too.
        outermost = max((homes[each] for each in ids), key=ways.index)
        task.complete(
            _GoingBack(
                outermost.group,
                tuple(each for each in outermost.steps if each in ids and homes[each] is outermost),
            )
        )

    return function_tool(
        go_back,
        raw_schema={
            "name": "go_back",
            "description": _GO_BACK.format(steps=listed),
            "parameters": {
                "type": "object",
                "properties": {
                    "step_ids": {
                        "type": "array",
                        "description": "The ids of the steps to do again",
                        "items": {"type": "string", "enum": list(homes)},
                        "minItems": 1,
                    }
                },
                "required": ["step_ids"],
                "additionalProperties": False,
            },
        },
    )
