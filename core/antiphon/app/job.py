"""Jobs: one call that an `App` takes, as its session function sees it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeAlias, overload

from ..clock import new_id
from ..errors import ConfigurationError, TransportError
from ..logs import job_fields
from .local_room import LocalRoom, Participant
from .report import make_report

if TYPE_CHECKING:
    from ..session import AgentSession

ShutdownCallback: TypeAlias = Callable[..., Awaitable[None] | None]

_current: ContextVar[JobContext | None] = ContextVar("antiphon_job", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is known of a call before it begins."""

    id: str = field(default_factory=lambda: new_id("job"))
    metadata: str = ""
    """What whoever dispatched the call has sent along; by custom JSON."""
    agent_name: str = ""
    """The name under which the app takes calls."""


class JobContext:
    """Given to the session function of an `App`: the same under every transport."""

    def __init__(self, *, room: LocalRoom, job: Job | None = None) -> None:
        self.room = room
        self.job = job or Job()
        self.log_context_fields: dict[str, Any] = {}
        """Shown with every log record of this job."""
        self.sessions: list[AgentSession[Any]] = []
        """The sessions that were started in this job, in order."""
        self._callbacks: list[ShutdownCallback] = []
        self._stop: asyncio.Future[tuple[str, bool]] | None = None
        self._early: tuple[str, bool] | None = None

    async def connect(self, **options: Any) -> None:
        """Connects the room: harmless when repeated, and before or after `session.start`.

        Options of servers are accepted and mean nothing here.
        """
        await self.room.connect()

    async def wait_for_participant(self, *, identity: str | None = None) -> Participant:
        """The caller, who is in a local room from the start.

        Raises `TransportError` for another identity: nobody else can come.
        """
        if identity is None:
            return next(iter(self.room.remote_participants.values()))
        return self.room.participant(identity)

    def add_shutdown_callback(self, callback: ShutdownCallback) -> None:
        """Calls `callback()`, or `callback(reason)` if it takes that, when the job has ended.

        Plain or `async`; in the order given; one that fails, or takes longer than 10 s, is logged.
        """
        self._callbacks.append(callback)

    def shutdown(self, reason: str = "job_shutdown", *, drain: bool = True) -> None:
        """Ends the job: the sessions close, what is queued is said if `drain`, callbacks run.

        Returns at once; a second call changes nothing. On the job's loop only.
        """
        if self._stop is None:
            self._early = self._early or (reason, drain)
        elif not self._stop.done():
            self._stop.set_result((reason, drain))

    @property
    def api(self) -> NoReturn:
        """The server's own interface. Raises `TransportError` here: there is no server."""
        raise TransportError(
            "ctx.api needs a server, and this call is a local one; "
            "rooms on a server come with a later release"
        )

    def make_session_report(self, session: AgentSession[Any] | None = None) -> dict[str, Any]:
        """The report of a session of this job, the first one if none is given: see `make_report`.

        Raises `ConfigurationError` when none has been started.
        """
        if session is None:
            if not self.sessions:
                raise ConfigurationError(
                    "no session has been started in this job, so there is nothing to report; "
                    "await session.start(agent=…, room=ctx.room) first"
                )
            session = self.sessions[0]
        return make_report(session, job=self)

    # For whoever runs the job

    def stopped(self) -> asyncio.Future[tuple[str, bool]]:
        """Done when `shutdown` has been called, with its reason and whether to drain."""
        if self._stop is None:
            self._stop = asyncio.get_running_loop().create_future()
            if self._early is not None:
                self._stop.set_result(self._early)
        return self._stop

    async def run_callbacks(self, reason: str, failed: Callable[[str, Exception], None]) -> None:
        """Runs the shutdown callbacks, each once, each for 10 s at most."""
        while self._callbacks:
            callback = self._callbacks.pop(0)
            try:
                async with asyncio.timeout(10.0):
                    result = callback(reason) if _takes_reason(callback) else callback()
                    if inspect.isawaitable(result):
                        await result
            except Exception as error:
                failed(getattr(callback, "__qualname__", repr(callback)), error)


def _takes_reason(callback: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(callback).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return any(
        parameter.kind is inspect.Parameter.VAR_POSITIONAL
        or (parameter.kind in positional and parameter.default is inspect.Parameter.empty)
        for parameter in parameters
    )


@overload
def get_job_context() -> JobContext: ...


@overload
def get_job_context(*, required: Literal[True]) -> JobContext: ...


@overload
def get_job_context(*, required: bool) -> JobContext | None: ...


def get_job_context(*, required: bool = True) -> JobContext | None:
    """The job that the running task belongs to: its session function, agents, tools and hooks.

    Outside of any: raises `LookupError`, or returns None when not `required`.
    """
    job = _current.get()
    if job is None and required:
        raise LookupError(
            "there is no job here; get_job_context() works in an App's session function and in "
            "what it starts"
        )
    return job


def enter_job(job: JobContext) -> None:
    """Makes `job` the one of the running task and of the tasks that it starts."""
    _current.set(job)
    job_fields.set(lambda: job.log_context_fields)
