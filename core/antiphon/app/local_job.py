"""`LocalJob`: one call of an `App`, taken in this process."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..errors import ConfigurationError
from ..hookspecs import hookimpl
from ..overriding import SlotOverride, slot_override
from ..provider import SlotName
from ..registry import Registry, default_registry
from ..registry.resolved import ModelLike
from .app import App, needed_arguments
from .job import Job, JobContext, enter_job, get_job_context
from .local_room import LocalRoom

if TYPE_CHECKING:
    from ..session import AgentSession

GRACE = 5.0
"""Seconds that a session function may go on after its last session has closed."""
CLOSE = 50.0
"""Seconds after which a session that does not close is left; its own bounds are shorter."""

log = logging.getLogger("antiphon.app.job")


class _Watcher:
    """The plugin by which jobs learn of the sessions that are started in them."""

    @hookimpl
    def antiphon_session_started(self, session: AgentSession[Any]) -> None:
        """Tells the job of the running task."""
        context = get_job_context(required=False)
        job = _running.get(id(context)) if context is not None else None
        if job is not None:
            job._session_started(session)


_watcher = _Watcher()
_running: dict[int, LocalJob] = {}
"""The jobs that run now, by the id of their context."""


class LocalJob:
    """Runs the session function of an app for one call, and what belongs to the end of it.

    `override` changes what the slots of its agents are filled with, for this call. `on_session` is
    called with each session at its start, before anything of it has happened: to subscribe.
    """

    def __init__(
        self,
        app: App,
        *,
        room: LocalRoom,
        metadata: str = "",
        registry: Registry | None = None,
        override: SlotOverride | None = None,
        on_session: Callable[[AgentSession[Any]], None] | None = None,
    ) -> None:
        self.app = app
        self.context = JobContext(room=room, job=Job(metadata=metadata, agent_name=app.agent_name))
        self._registry = registry or default_registry()
        self._override = override
        self._on_session = on_session
        self._following: dict[AgentSession[Any], asyncio.Task[None]] = {}
        self._ended: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Returns when the call is over and everything of it is closed.

        It ends when the session function has returned and its sessions have closed, or by
        `context.shutdown`. Raises what the session function raises, and `ConfigurationError` when
        that returns without having started a session.
        """
        function = self.app.session_function
        plugins = self._registry.plugins()
        if not plugins.is_registered(_watcher):
            plugins.register(_watcher, "antiphon.app.local_job")
        self._ended = asyncio.get_running_loop().create_future()
        _running[id(self.context)] = self
        try:
            enter = asyncio.create_task(self._enter(function), name="session function")
            await self._until_over(enter)
            reason, drain = self._reason()
            await self._close_sessions(reason, drain)
            await self._close_function(enter)
            await self._after(reason)
            if not enter.cancelled():
                error = enter.exception()
                if error is not None:
                    raise error
                if not self.context.sessions and not self.context.stopped().done():
                    raise ConfigurationError(
                        f"the session function {function.__qualname__!r} has started no session; "
                        "write: await session.start(agent=…, room=ctx.room)"
                    )
        finally:
            _running.pop(id(self.context), None)
            for task in self._following.values():
                task.cancel()

    async def _enter(self, function: Callable[[JobContext], Any]) -> None:
        enter_job(self.context)
        slot_override.set(self._override)
        await self._prewarm()
        await function(self.context)
        carrier = self.context.room.transport
        carried = [each._conversation for each in self.context.sessions]
        if carrier is None or not self._open_sessions():
            return
        if all(each is not None and each.transport is not carrier for each in carried):
            raise ConfigurationError(
                f"the session function {function.__qualname__!r} has started its session without "
                "the room, so nobody can talk to it; write: "
                "await session.start(agent=…, room=ctx.room)"
            )

    async def _prewarm(self) -> None:
        from ..engine.slots import make_ready

        models = prewarm_models(self.app.prewarm, self._registry)
        if self._override is not None:
            # What takes the place of another may be an object, which is made ready with its agent.
            filled = [(slot, self._override(slot, model)) for slot, model in models]
            models = [(slot, model) for slot, model in filled if isinstance(model, ModelLike)]
        await make_ready((self._registry.build(model, slot), str(model)) for slot, model in models)

    async def _until_over(self, enter: asyncio.Task[None]) -> None:
        assert self._ended is not None
        stopped: asyncio.Future[Any] = self.context.stopped()
        ended: asyncio.Future[Any] = self._ended
        await asyncio.wait({enter, stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        if enter.done() and (enter.cancelled() or enter.exception() is not None):
            return
        if self._open_sessions() and not stopped.done():
            await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not enter.done() and not stopped.done():
            await asyncio.wait({enter, stopped}, timeout=GRACE, return_when=asyncio.FIRST_COMPLETED)
            if not enter.done() and not stopped.done():
                log.warning(
                    "the session function was still running %g s after its session had closed; "
                    "it was cancelled",
                    GRACE,
                )

    def _reason(self) -> tuple[str, bool]:
        stopped = self.context.stopped()
        return stopped.result() if stopped.done() else ("job_shutdown", False)

    def _session_started(self, session: AgentSession[Any]) -> None:
        self.context.sessions.append(session)
        if self._on_session is not None:
            self._on_session(session)
        self._following[session] = asyncio.create_task(self._follow(session), name="job's session")

    async def _follow(self, session: AgentSession[Any]) -> None:
        try:
            await session.wait_closed()
        except RuntimeError:
            return  # `start` has raised, and says so to the session function
        del self._following[session]
        if not self._open_sessions() and self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _open_sessions(self) -> list[AgentSession[Any]]:
        """Those that run. One whose `start` has raised is forgotten: it never began."""
        for session, task in list(self._following.items()):
            if not _has_begun(session):
                task.cancel()
                del self._following[session]
                self.context.sessions.remove(session)
        return list(self._following)

    async def _close_sessions(self, reason: str, drain: bool) -> None:
        for session in self._open_sessions():
            session.shutdown(drain=drain, reason=reason)
        if self._following:
            _, late = await asyncio.wait(self._following.values(), timeout=CLOSE)
            if late:
                log.warning("a session did not close within %g s; it was left", CLOSE)

    async def _close_function(self, enter: asyncio.Task[None]) -> None:
        if not enter.done():
            enter.cancel()
            await asyncio.wait({enter}, timeout=GRACE)
        if not enter.done():
            log.warning("the session function did not stop within %g s; it was left", GRACE)

    async def _after(self, reason: str) -> None:
        on_end = self.app.on_session_end
        if on_end is not None:
            try:
                result = on_end(self.context)
                if inspect.isawaitable(result):
                    await result
            except Exception as error:
                _failed("on_session_end", error)
        await self.context.run_callbacks(reason, _failed)
        await self.context.room.disconnect()


def _has_begun(session: AgentSession[Any]) -> bool:
    try:
        return session.current_agent is not None
    except RuntimeError:
        return False


def _failed(name: str, error: Exception) -> None:
    log.error("%s failed", name, exc_info=error)


def prewarm_models(
    entries: tuple[Any, ...], registry: Registry
) -> list[tuple[SlotName, ModelLike]]:
    """What `App(prewarm=[…])` asks for, as slots and models.

    A string stands for every slot of its provider that knows the model, or for all of them if none
    says so. Raises `ConfigurationError` for what is none of these.
    """
    found: list[tuple[SlotName, ModelLike]] = []
    for entry in entries:
        if isinstance(entry, type) and issubclass(entry, Agent):
            needed = needed_arguments(entry)
            if needed:
                raise ConfigurationError(
                    f"prewarm=[…] cannot make agent {entry.__name__!r}: its constructor needs "
                    f"{', '.join(needed)}; give its model strings instead"
                )
            entry = entry()
        if isinstance(entry, Agent):
            found += named_models(entry)
        else:
            found += [(slot, entry) for slot in _slots_of(entry, registry)]
    return found


def named_models(agent: Agent) -> list[tuple[SlotName, ModelLike]]:
    """The model strings of an agent's own slots, with those of lists one by one."""
    found: list[tuple[SlotName, ModelLike]] = []
    for slot, value in agent._slots.items():
        for entry in value if isinstance(value, list | tuple) else [value]:
            if isinstance(entry, ModelLike):
                found.append((slot, entry))
    return found


def _slots_of(entry: Any, registry: Registry) -> list[SlotName]:
    if not isinstance(entry, ModelLike):
        raise ConfigurationError(
            f"prewarm=[…] takes model strings, Models, agents and agent classes, not {entry!r}"
        )
    name, _, model = str(entry).partition("/")
    provider = registry.describe(name)
    model = model.partition(":")[0]
    offered: list[SlotName] = [slot for slot in provider.slots if slot != "transport"]
    knowing = [slot for slot in offered if model in provider.slots[slot].models]
    return knowing or offered
