"""One connection to an MCP server, and the task that owns it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TextIO, cast

from .server import MCPServer

if TYPE_CHECKING:
    from mcp import Client
    from mcp_types import CallToolResult, Tool

PAGES = 100
"""Pages of a list of tools: a server that never ends it must not keep a call waiting."""
CLOSE = 10.0
"""Seconds that the SDK may take to end a server: it asks, waits, and kills."""

log = logging.getLogger("antiphon.mcp")


class Connection:
    """Opened once, closed once; a lost one is replaced by another.

    The SDK's transports are anyio task groups, which must be left in the task that entered them:
    so one task of its own opens the connection, keeps it and closes it. Requests may come from any
    task.
    """

    def __init__(self, server: MCPServer, *, changed: Callable[[list[Tool]], None]) -> None:
        self._server = server
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._wake = asyncio.Event()
        self._closing = False
        self._ended = False
        self._stale = False
        self._client: Client | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether requests may be made."""
        return self._client is not None and not self._ended and not self._closing

    async def open(self, timeout: float) -> None:
        """Connects, lists the tools. Raises what went wrong, `TimeoutError` after `timeout` s."""
        # Not in the context of whoever needs it first: it may outlive them.
        self._task = self._loop.create_task(
            self._serve(), name=f"mcp {self._server.place}", context=contextvars.Context()
        )
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(self._ready)
        except BaseException:
            self._closing = True
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE)
            raise

    async def call(self, name: str, arguments: dict[str, Any], progress: Any) -> CallToolResult:
        """Calls a tool. Cancelled, it tells the server so."""
        assert self._client is not None
        return await self._client.call_tool(name, arguments, progress_callback=progress)

    def lost(self) -> None:
        """A request has failed in a way that says nobody is there any more."""
        self._ended = True
        self._wake.set()

    async def aclose(self) -> None:
        """Ends the connection, and the process that serves it."""
        self._closing = True
        self._wake.set()
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=CLOSE)

    # The task

    async def _serve(self) -> None:
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            try:
                await self._keep(errors)
            except asyncio.CancelledError:
                if not self._ready.done():
                    self._ready.cancel()
                raise
            except Exception as error:
                cause = _first(error)
                said = _tail(errors)
                if self._ready.done():
                    log.warning("the connection to %s broke: %s", self._server.place, cause)
                else:
                    if said:
                        cause.add_note(f"the server's last words were: {said}")
                    self._ready.set_exception(cause)
            finally:
                self._ended = True

    async def _keep(self, errors: TextIO) -> None:
        from mcp import Client

        client = Client(
            cast("Any", _Watched(self._server.open(errors), self.lost)),
            message_handler=self._on_message,
            cache=None,
        )
        async with client:
            self._client = client
            self._changed(await self._list(client))
            listening = self._loop.create_task(self._listen(client), name="mcp listen")
            if not self._ready.done():
                self._ready.set_result(None)
            try:
                while not self._closing and not self._ended:
                    await self._wake.wait()
                    self._wake.clear()
                    if self._stale and not self._closing and not self._ended:
                        self._stale = False
                        self._changed(await self._list(client))
            finally:
                listening.cancel()
                await asyncio.wait({listening})

    async def _list(self, client: Client) -> list[Tool]:
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(PAGES):
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        return tools

    async def _listen(self, client: Client) -> None:
        """Since the protocol of 2026-07-28 a client has to ask for news; before, they just come."""
        from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
        from mcp.shared.exceptions import MCPError

        try:
            async with client.listen(tools_list_changed=True) as news:
                async for _ in news:
                    self._list_again()
        except ListenNotSupportedError:
            return
        except (MCPError, SubscriptionLost) as error:
            log.debug("%s tells no news: %s", self._server.place, error)

    async def _on_message(self, message: Any) -> None:
        if getattr(message, "method", None) == "notifications/tools/list_changed":
            self._list_again()

    def _list_again(self) -> None:
        self._stale = True
        self._wake.set()


class _Watched:
    """A transport that tells when the server's side of it has ended."""

    def __init__(self, transport: AbstractAsyncContextManager[Any], ended: Callable[[], None]):
        self._transport = transport
        self._ended = ended

    async def __aenter__(self) -> Any:
        reading, writing = await self._transport.__aenter__()
        return _Reading(reading, self._ended), writing

    async def __aexit__(self, *exc: Any) -> bool | None:
        return await self._transport.__aexit__(*exc)


class _Reading:
    """The server's messages, as they come."""

    def __init__(self, stream: Any, ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended = ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __aiter__(self) -> _Reading:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._ended()
            raise

    async def __aenter__(self) -> _Reading:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> bool | None:
        closed: bool | None = await self._stream.__aexit__(*exc)
        return closed


def _first(error: BaseException) -> BaseException:
    """What really failed: anyio wraps it in groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _tail(errors: TextIO) -> str:
    """The last line that the server wrote to its standard error."""
    errors.flush()
    errors.seek(0)
    lines = [line.strip() for line in errors.read()[-2000:].splitlines() if line.strip()]
    return lines[-1] if lines else ""
