"""Tools that a test puts in the place of an agent's own."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from contextvars import Token
from typing import Any

from ..agent import Agent
from ..engine.stand_ins import AnyTool, StandInSet, entered, visible
from ..errors import did_you_mean
from ..tools import FunctionTool, find_tools


class mock_tools:
    """`with mock_tools(Desk, {"book": lambda room: f"room {room} is yours"}):` runs these in place
    of the tools of those names, for agents of the class made before or after.

    A mock is

    * a function, `async` or not, that takes any of the tool's parameters by name, and a parameter
      annotated `RunContext`: what it returns, agents and hand-offs included, or raises, counts as
      the tool's own;
    * an exception, or a class of them: it is raised;
    * any other value: it is returned.

    The model sees the real tool, and arguments are checked against it before the mock runs. It runs
    on the event loop. Where mocks for one tool are nested, the inner one holds.

    It holds for the sessions that this task has started, and for those that are started or given a
    run inside of it. Tests that run at the same time do not meet.

    Raises `TypeError` for what is no class of agents and for a mock with a parameter that the tool
    does not have, `ValueError` for a tool that the class does not have: at once where that can be
    told from the class, else at the end of the block.
    """

    def __init__(self, agent: type[Agent], tools: Mapping[str, Any]) -> None:
        if not isinstance(agent, type) or not issubclass(agent, Agent):
            raise TypeError(f"mock_tools(…) got {agent!r}; give a class of agents")
        if not isinstance(tools, Mapping):
            raise TypeError(
                f"mock_tools({agent.__name__}, …) got {tools!r}; give a dict of names and mocks"
            )
        self._agent = agent
        self._mocks = dict(tools)
        self._token: Token[tuple[StandInSet, ...]] | None = None
        self._problems: list[Exception] = []
        own = _tools_of(agent)
        for name, mock in self._mocks.items():
            if name in own:
                _check_parameters(own[name], mock)
            elif own and (hint := did_you_mean(name, own)):
                raise self._unknown(name, own, hint)
        self._set = StandInSet(
            agent,
            {name: functools.partial(self._stand_in, mock) for name, mock in self._mocks.items()},
        )

    def __enter__(self) -> mock_tools:
        if self._token is not None:
            raise RuntimeError("these mocks are in force already; make others for another block")
        try:
            self._set.task = asyncio.current_task()
        except RuntimeError:  # no event loop runs: it holds for what is started inside
            self._set.task = None
        self._token = visible.set((*visible.get(), self._set))
        entered.append(self._set)
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        entered.remove(self._set)
        assert self._token is not None
        with contextlib.suppress(ValueError):  # left in another context than it was entered in
            visible.reset(self._token)
        self._token = None
        if kind is not None:
            return
        if self._problems:
            raise self._problems[0]
        offered = self._set.offered
        for name in self._mocks:
            if offered and name not in offered and name not in _tools_of(self._agent):
                raise self._unknown(name, offered, did_you_mean(name, offered))

    def _unknown(self, name: str, known: Iterable[str], hint: str) -> ValueError:
        return ValueError(
            f"mock_tools({self._agent.__name__}, …) names {name!r}, which is no tool of "
            f"{self._agent.__name__} (it has: {', '.join(known)}){hint}"
        )

    def _stand_in(self, mock: Any, tool: AnyTool) -> AnyTool:
        try:
            _check_parameters(tool, mock)
        except TypeError as error:
            self._problems.append(error)
            mock = error
        return _StandIn(tool, mock)


class _StandIn(FunctionTool[Any, Any]):
    """A tool that runs a mock in place of its function."""

    __slots__ = ("_mock",)

    def __init__(self, tool: AnyTool, mock: Any) -> None:
        super().__init__(tool._definition, tool._instance)
        self._mock = mock

    @property
    def is_async(self) -> bool:
        return True

    @property
    def wants_context(self) -> bool:
        return True

    @property
    def where(self) -> str:
        return f"a mock of {super().where}"

    def call_sync(self, kwargs: Mapping[str, Any], context: object) -> Any:
        mock = self._mock
        if isinstance(mock, BaseException) or _is_error_class(mock):
            raise mock
        if not callable(mock) or isinstance(mock, Agent):
            return mock
        if isinstance(mock, type) and issubclass(mock, Agent):
            return mock()
        values = _values(self, kwargs)
        parameters = _parameters(mock)
        if parameters is None:
            return mock(**values)
        for parameter in parameters:
            if _wants_context(self, parameter):
                values[parameter.name] = context
        names = {each.name for each in parameters}
        if not any(each.kind is each.VAR_KEYWORD for each in parameters):
            values = {name: value for name, value in values.items() if name in names}
        defaults = _defaults(self)
        for each in parameters:
            if each.default is each.empty and each.name in defaults:
                values.setdefault(each.name, defaults[each.name])
        return mock(**values)


def _is_error_class(mock: Any) -> bool:
    return isinstance(mock, type) and issubclass(mock, BaseException)


def _tools_of(agent: type[Agent]) -> dict[str, AnyTool]:
    """The `@function_tool` methods of a class, by the names of the tools."""
    # Bound to an agent that is never made, so that `self` is not among their parameters.
    return {tool.name: tool for tool in find_tools(object.__new__(agent))}


def _parameters(mock: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """What a mock takes; None where that cannot be told."""
    try:
        return [
            parameter
            for parameter in inspect.signature(mock).parameters.values()
            if parameter.kind is not parameter.VAR_POSITIONAL
        ]
    except ValueError:
        return None


def _values(tool: AnyTool, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments by name; those of a raw schema under their own names too."""
    raw = kwargs.get("raw_arguments") if tool.raw else None
    return {**raw, **kwargs} if isinstance(raw, dict) else dict(kwargs)


def _defaults(tool: AnyTool) -> dict[str, Any]:
    """What the tool's own function takes for arguments that are left out."""
    parameters = _parameters(tool.__wrapped__) or ()
    return {each.name: each.default for each in parameters if each.default is not each.empty}


def _names(tool: AnyTool) -> list[str]:
    """The names that a mock's parameters may have."""
    names = list(tool.parameters.get("properties", {}))
    return [*names, "raw_arguments"] if tool.raw else names


def _wants_context(tool: AnyTool, parameter: inspect.Parameter) -> bool:
    return "RunContext" in str(parameter.annotation) or (
        parameter.name in tool._schema().context_names
    )


def _check_parameters(tool: AnyTool, mock: Any) -> None:
    """Raises `TypeError` for a mock that needs an argument which the tool does not get."""
    if not callable(mock) or isinstance(mock, type | Agent):
        return
    known = _names(tool)
    for parameter in _parameters(mock) or ():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(
                f"the mock of {tool.name!r} takes {parameter.name!r} by position; arguments come "
                "by name: leave out the '/'"
            )
        needed = parameter.default is parameter.empty and parameter.kind is not (
            parameter.VAR_KEYWORD
        )
        if needed and parameter.name not in known and not _wants_context(tool, parameter):
            has = ", ".join(known) or "none"
            raise TypeError(
                f"the mock of {tool.name!r} takes {parameter.name!r}, which the tool does not "
                f"have (it has: {has}){did_you_mean(parameter.name, known)}"
            )
