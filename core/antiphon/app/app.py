"""`App`: the entry point of a program, the same under every transport."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from ..errors import ConfigurationError
from .job import JobContext

if TYPE_CHECKING:
    from ..agent import Agent
    from ..model import Model

SessionFunction: TypeAlias = Callable[[JobContext], Awaitable[None]]
FunctionT = TypeVar("FunctionT", bound=SessionFunction)


class App:
    """Takes calls: for each, its session function is given a `JobContext` and starts a session.

    `prewarm` names what is loaded before the first call: model strings, `Model`s, agents or agent
    classes (their slots).
    """

    __antiphon_app__ = True

    def __init__(
        self, *, name: str = "", prewarm: Iterable[str | Model | Agent | type[Agent]] = ()
    ) -> None:
        self.name = name
        self.prewarm = tuple(prewarm)
        self.agent_name = name
        """The name under which a server dispatches calls to it."""
        self.on_session_end: Callable[[JobContext], Awaitable[None] | None] | None = None
        self.on_request: Callable[[Any], Awaitable[None] | None] | None = None
        self._function: SessionFunction | None = None

    @overload
    def session(self, function: FunctionT, /) -> FunctionT: ...

    @overload
    def session(
        self,
        function: None = None,
        /,
        *,
        agent_name: str = "",
        on_session_end: Callable[[JobContext], Awaitable[None] | None] | None = None,
        on_request: Callable[[Any], Awaitable[None] | None] | None = None,
    ) -> Callable[[FunctionT], FunctionT]: ...

    def session(
        self,
        function: Any = None,
        /,
        *,
        agent_name: str = "",
        on_session_end: Callable[[JobContext], Awaitable[None] | None] | None = None,
        on_request: Callable[[Any], Awaitable[None] | None] | None = None,
    ) -> Any:
        """Marks the session function, `async def f(ctx)`: bare, or with arguments.

        `agent_name`: see the attribute. `on_session_end(ctx)` runs when a call has ended, before
        the shutdown callbacks. `on_request` decides, on a server, whether a call is taken.

        Raises `ConfigurationError` for a second function, and for one that is not `async def` with
        one parameter.
        """

        def mark(marked: Any) -> Any:
            _check(marked)
            if self._function is not None:
                raise ConfigurationError(
                    f"the app has a session function already, {_name(self._function)!r}; "
                    f"make {_name(marked)!r} that of another App"
                )
            self._function = marked
            self.agent_name = agent_name or self.agent_name
            self.on_session_end = on_session_end
            self.on_request = on_request
            return marked

        return mark if function is None else mark(function)

    @property
    def session_function(self) -> SessionFunction:
        """What `@app.session` has marked. Raises `ConfigurationError` when nothing was."""
        if self._function is None:
            raise ConfigurationError(
                "the app has no session function; put @app.session above an `async def` that takes "
                "the JobContext"
            )
        return self._function

    def __repr__(self) -> str:
        return f"App({self.name!r})" if self.name else "App()"


def app_for_agent(kind: type[Agent]) -> App:
    """An app whose calls are taken by an agent of that class, in a session without own slots.

    Raises `ConfigurationError` when the agent cannot be made without arguments.
    """
    needed = needed_arguments(kind)
    if needed:
        raise ConfigurationError(
            f"agent {kind.__name__!r} cannot be started by itself: its constructor needs "
            f"{', '.join(needed)}; write an App whose session function makes it"
        )
    app = App(name=kind.__name__)

    @app.session
    async def start(ctx: JobContext) -> None:
        from ..session import AgentSession

        session: AgentSession[Any] = AgentSession()
        await session.start(agent=kind(), room=ctx.room)

    return app


def needed_arguments(kind: type[Any]) -> list[str]:
    """The constructor's parameters that have no default."""
    return [
        parameter.name
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]


def _name(function: Any) -> str:
    return getattr(function, "__qualname__", repr(function))


def _check(function: Any) -> None:
    if not inspect.iscoroutinefunction(function):
        raise ConfigurationError(
            f"the session function {_name(function)!r} is no `async def`; write: "
            "async def session(ctx): …"
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise ConfigurationError(
            f"the session function {_name(function)!r} has to take one argument, the JobContext; "
            "write: async def session(ctx): …"
        ) from None
