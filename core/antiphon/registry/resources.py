"""Shared resources of providers: one per key, process and loop, counted, closed when idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigurationError, ProviderConnectionError
from ..provider import SlotName

_log = logging.getLogger("antiphon.registry.resources")

IDLE_SECONDS = 30.0
"""How long a resource stays open after its last use, by the loop's clock."""

CLOSE_SECONDS = 5.0
"""How long one `close` may take at shutdown before it is abandoned, with a warning."""

_Open = Callable[[], Awaitable[Any]]
_Close = Callable[[Any], Awaitable[None]]


class ResourceLease:
    """A share in a resource; see `antiphon.provider.Lease`."""

    __slots__ = ("_entry", "_pool", "_returned")

    def __init__(self, pool: _Pool, entry: _Entry) -> None:
        self._pool = pool
        self._entry = entry
        self._returned = False

    @property
    def value(self) -> Any:
        """What `open` returned."""
        return self._entry.opened.result()

    def discard(self) -> None:
        """Marks the resource as broken: the next call opens another, the last share closes this."""
        self._pool.forget(self._entry)

    async def aclose(self) -> None:
        """Gives the share back; harmless when repeated.

        Returns at once, except for the last share of a discarded resource: then it waits until that
        is closed.
        """
        if not self._returned:
            self._returned = True
            await self._pool.give_back(self._entry)

    async def __aenter__(self) -> Any:
        return self.value

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


class _Entry:
    """One resource: being opened, in use, idle, or closed."""

    __slots__ = ("close", "closing", "key", "opened", "opening", "timer", "users")

    def __init__(self, key: Hashable, close: _Close, opened: asyncio.Future[Any]) -> None:
        self.key = key
        self.close = close
        self.opened = opened
        self.opening: asyncio.Task[None] | None = None
        self.closing: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.users = 0
        """Leases that were not given back, and calls that wait for one."""


class _Pool:
    """The resources of one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._current: dict[Hashable, _Entry] = {}
        self._alive: list[_Entry] = []
        """In order of creation, discarded ones included until they are closed."""
        self._end: AsyncGenerator[None, None] | None = None

    def __len__(self) -> int:
        return len(self._alive)

    async def acquire(self, key: Hashable, open: _Open, close: _Close) -> ResourceLease:
        if self._end is None:
            # Before a loop is closed, `asyncio.run` and `asyncio.Runner` close every asynchronous
            # generator that has begun on it: so a worker does not outlive its loop.
            self._end = self._close_with_loop()
            await anext(self._end)
        entry = self._current.get(key)
        if entry is None:
            entry = _Entry(key, close, self._loop.create_future())
            self._current[key] = entry
            self._alive.append(entry)
            # A task of its own: the first caller may be cancelled while others wait for the same.
            entry.opening = self._loop.create_task(self._open(entry, open), name=f"open {key}")
        if entry.timer is not None:
            entry.timer.cancel()
            entry.timer = None
        entry.users += 1
        try:
            await asyncio.shield(entry.opened)
        except asyncio.CancelledError:
            entry.users -= 1
            self._check_use(entry)
            raise
        except BaseException:
            entry.users -= 1
            raise
        return ResourceLease(self, entry)

    async def _open(self, entry: _Entry, open: _Open) -> None:
        try:
            value = await open()
        except BaseException as error:
            self.forget(entry)
            self._alive.remove(entry)
            name = _shown(entry.key)
            failure: BaseException = error
            if isinstance(error, asyncio.CancelledError):
                failure = ProviderConnectionError(
                    f"{name} was given up while it was being opened; open it again"
                )
            elif isinstance(error, StopIteration):
                # A future refuses to carry it.
                failure = RuntimeError(f"opening {name} raised StopIteration")
            entry.opened.set_exception(failure)
            entry.opened.exception()  # Seen: nobody may be waiting any more.
            if not isinstance(error, Exception):
                raise
        else:
            entry.opened.set_result(value)
            self._check_use(entry)

    def _check_use(self, entry: _Entry) -> None:
        """Moves an entry on that nobody uses: gives up opening it, or closes it now or later."""
        if entry.users > 0 or entry.closing is not None or self._loop.is_closed():
            return
        if not entry.opened.done():
            self.forget(entry)
            if entry.opening is not None:
                entry.opening.cancel()
        elif entry.opened.exception() is None:
            if self._current.get(entry.key) is entry:
                entry.timer = self._loop.call_later(IDLE_SECONDS, self._start_closing, entry)
            else:
                self._start_closing(entry)

    def forget(self, entry: _Entry) -> None:
        """Lets the next `acquire` of this key open a new one."""
        if self._current.get(entry.key) is entry:
            del self._current[entry.key]

    async def give_back(self, entry: _Entry) -> None:
        entry.users -= 1
        self._check_use(entry)
        if entry.closing is not None and not self._loop.is_closed():
            await asyncio.shield(entry.closing)

    def _start_closing(self, entry: _Entry) -> asyncio.Task[None]:
        if entry.closing is None:
            self.forget(entry)
            if entry.timer is not None:
                entry.timer.cancel()
                entry.timer = None
            entry.closing = self._loop.create_task(self._close(entry), name=f"close {entry.key}")
        return entry.closing

    async def _close(self, entry: _Entry) -> None:
        name = _shown(entry.key)
        try:
            await bounded(lambda: entry.close(entry.opened.result()), f"closing {name}")
        finally:
            self._alive.remove(entry)

    async def _close_with_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self._close_alive()

    async def close_all(self) -> None:
        """Closes everything, used or not, the newest first."""
        await self._close_alive()
        if self._end is not None:
            with suppress(RuntimeError):  # the loop's end is closing it just now
                await self._end.aclose()

    async def _close_alive(self) -> None:
        while self._alive:
            entry = self._alive[-1]
            if not entry.opened.done() and entry.opening is not None:
                entry.opening.cancel()
                await asyncio.wait([entry.opening])
            else:
                await asyncio.shield(self._start_closing(entry))


class Resources:
    """The resources of a registry: a pool for every loop that uses one."""

    def __init__(self) -> None:
        self._pools: dict[asyncio.AbstractEventLoop, _Pool] = {}

    async def acquire(self, key: Hashable, open: _Open, close: _Close) -> ResourceLease:
        """A share in the resource of this key on the running loop, opened if there is none.

        Callers who come while it is being opened wait for the same `open`; its error is raised to
        all of them and not kept. Cancelling one of them leaves the others waiting. It is closed by
        `close(value)` of the caller who opened it, `IDLE_SECONDS` after the last share was given
        back, in `close_all`, or at the end of `asyncio.run` (of any loop that has its
        asynchronous generators shut down).
        """
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            for other in [other for other in self._pools if other.is_closed()]:
                del self._pools[other]
            pool = self._pools[loop] = _Pool(loop)
        return await pool.acquire(key, open, close)

    def count(self) -> int:
        """How many are open, or being opened or closed, on the running loop."""
        return len(self._pools.get(asyncio.get_running_loop(), ()))

    async def close_all(self) -> None:
        """Closes all of the running loop, used or not, the newest first; returns when it is done.

        Those who wait for one to open get a `ProviderConnectionError`.
        """
        pool = self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close_all()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEnv:
    """What a slot's `build` gets: the `BuildEnv` of core."""

    provider: str
    """The provider's name."""
    resources: Resources = field(repr=False)
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Environment variables that were found, by name, or the `api_key=` in their place."""
    ssl: Any = field(default=None, repr=False)
    """An `ssl.SSLContext` to use, or None for the SDK's own."""
    builder: Callable[[Any, SlotName], Any] | None = field(default=None, repr=False)
    """What builds the slots that the provider wraps."""

    def build(self, model: Any, slot: SlotName) -> Any:
        """What another model string stands for, the caller's own; see `BuildEnv.build`."""
        if self.builder is None:
            raise ConfigurationError(
                f"provider {self.provider!r} was built without a registry; nothing can be wrapped"
            )
        return self.builder(model, slot)

    @property
    def log(self) -> logging.Logger:
        """The logger `antiphon.<provider>`."""
        return logging.getLogger(f"antiphon.{self.provider}")

    async def resource(self, key: str, open: _Open, close: _Close) -> ResourceLease:
        """A shared object of this provider and these credentials; see `BuildEnv.resource`.

        Two tenants with keys of their own never share one.
        """
        credentials = frozenset(self.credentials.items())
        name = _Key((self.provider, key, credentials))
        return await self.resources.acquire(name, open, close)


class _Key(tuple[Any, ...]):
    """A resource's key; prints without the credentials that are part of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"resource {self[1]!r} of {self[0]!r}"

    __str__ = __repr__


def _shown(key: Hashable) -> str:
    return str(key) if isinstance(key, _Key) else f"resource {key!r}"


async def bounded(close: Callable[[], Awaitable[None]], what: str) -> None:
    """Awaits `close()` for `CLOSE_SECONDS` at most; a failure or delay is logged, not raised."""
    timeout = asyncio.timeout(CLOSE_SECONDS)
    try:
        async with timeout:
            await close()
    except Exception as error:
        if timeout.expired():
            _log.warning("%s took longer than %g s; it was abandoned", what, CLOSE_SECONDS)
        else:
            _log.warning("%s failed: %s: %s", what, type(error).__name__, error)
