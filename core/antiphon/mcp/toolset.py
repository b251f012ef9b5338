"""The tools of an MCP server."""

from __future__ import annotations

import asyncio
import functools
import importlib
import importlib.util
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, ProviderUnavailable, ToolDefinitionError, ToolError
from ..errors import did_you_mean as near
from ..run_context import RunContext
from ..tools import FunctionTool, OnDuplicate, ToolFlag, Toolset, function_tool
from .connection import Connection
from .results import result_value
from .server import MCPServer, MCPTransport

if TYPE_CHECKING:
    from mcp_types import Tool as RemoteTool

_MISSING = "MCP servers need the package 'mcp', 2.0 or newer; run: pip install \"antiphon[mcp]\""

log = logging.getLogger("antiphon.mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class MCPProgress:
    """How far a call has come, as the server says."""

    progress: float
    """Grows; in units of `total`, or of the server's own where that is None."""
    total: float | None = None
    message: str | None = None


class MCPToolset(Toolset):
    """The tools of an MCP server: a command that is started, or an address that is called.

    `MCPToolset(id="files", command="npx", args=["-y", "…"])` speaks over the command's standard
    input and output; `MCPToolset(id="crm", url="https://…/mcp")` over streamable HTTP, or SSE where
    the URL ends in `/sse` or `transport="sse"` says so.

    The session connects when it sets the set up, lists the tools, lists them again when the server
    says they have changed, and ends the connection, and the process, when it closes. When the
    server is gone a call fails with a `ToolError`, and the next one connects anew.

    * `allowed_tools`, `blocked_tools`: names, as the server has them.
    * `prefix`: put before every name, so that those of two servers do not clash.
    * `timeout`: seconds for a call; every word of progress begins them anew.
    * `connect_timeout`: seconds to start or reach the server and list its tools.
    * `on_progress(ctx, progress)`: called with every word of progress: e.g. `ctx.update(…)`.
    * `env`: added to a few harmless variables (`PATH`, `HOME`, …), not to all of this process's.
    * `flags`, `on_duplicate`, `cancel_on_interruption`: as for `function_tool`, for all its tools.

    Raises `ConfigurationError`; `ProviderUnavailable` when the extra `mcp` is not installed.
    """

    def __init__(
        self,
        *,
        id: str,
        command: str | None = None,
        args: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        url: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: MCPTransport | None = None,
        allowed_tools: Iterable[str] | None = None,
        blocked_tools: Iterable[str] = (),
        prefix: str = "",
        timeout: float = 30.0,
        connect_timeout: float = 30.0,
        on_progress: Callable[[RunContext[Any], MCPProgress], object] | None = None,
        flags: ToolFlag = ToolFlag.NONE,
        on_duplicate: OnDuplicate = "allow",
        cancel_on_interruption: bool = False,
    ) -> None:
        super().__init__(id=id)
        self.server = MCPServer(
            command=command,
            args=tuple(args) if not isinstance(args, str) else args,
            env=env,
            cwd=cwd,
            url=url,
            headers=headers,
            transport=transport,
        )
        if importlib.util.find_spec("mcp") is None:
            raise ProviderUnavailable(_MISSING)
        for name, seconds in (("timeout", timeout), ("connect_timeout", connect_timeout)):
            if not seconds > 0:
                raise ConfigurationError(f"{name} is {seconds!r}; give seconds, more than 0")
        if re.fullmatch(r"[A-Za-z0-9_-]*", prefix) is None:
            raise ConfigurationError(
                f"prefix={prefix!r} cannot begin a tool's name; "
                "use the letters a to z, digits, '_' and '-'"
            )
        self._allowed = None if allowed_tools is None else tuple(allowed_tools)
        self._blocked = tuple(blocked_tools)
        self._prefix = prefix
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._on_progress = on_progress
        self._options: dict[str, Any] = {
            "flags": flags,
            "on_duplicate": on_duplicate,
            "cancel_on_interruption": cancel_on_interruption,
        }
        self._connection: Connection | None = None
        self._connecting = asyncio.Lock()
        self._remote: dict[str, tuple[Any, FunctionTool[Any, Any]]] = {}
        """By the server's name: what it was made of, and the tool."""

    def __repr__(self) -> str:
        return f"MCPToolset({self.id!r}, {self.server.place})"

    async def setup(self) -> None:
        """Connects, and lists the tools. Raises `ToolError` when the server cannot be reached."""
        await self._connected()

    async def aclose(self) -> None:
        """Ends the connection, and the process that was started."""
        async with self._connecting:
            connection, self._connection = self._connection, None
            if connection is not None:
                await connection.aclose()

    # The connection

    async def _connected(self) -> Connection:
        async with self._connecting:
            connection = self._connection
            if connection is not None and connection.alive:
                return connection
            if connection is not None:
                self._connection = None
                await connection.aclose()
            await asyncio.get_running_loop().run_in_executor(None, _load)
            connection = Connection(self.server, changed=self._list)
            try:
                await connection.open(self._connect_timeout)
            except TimeoutError:
                raise ToolError(
                    f"the MCP server {self.id!r} ({self.server.place}) did not answer within "
                    f"{self._connect_timeout:g} s; see that it runs, or give it a longer "
                    "connect_timeout"
                ) from None
            except Exception as error:
                raise self._unreachable(error) from error
            self._connection = connection
            return connection

    def _unreachable(self, error: Exception) -> ToolError:
        way = "see that it is installed" if self.server.url is None else "see that it runs"
        why = self.server.shown(str(error)).partition("\n")[0]
        failed = ToolError(
            f"the MCP server {self.id!r} ({self.server.place}) cannot be reached; {way}: {why}"
        )
        for note in getattr(error, "__notes__", ()):
            failed.add_note(self.server.shown(note))
        return failed

    # The tools

    def _list(self, remote: list[RemoteTool]) -> None:
        names = [tool.name for tool in remote]
        for asked in (*(self._allowed or ()), *self._blocked):
            if asked not in names:
                log.warning(
                    "the MCP server %r has no tool %r (it has: %s)%s",
                    self.id,
                    asked,
                    ", ".join(names) or "none",
                    near(asked, names),
                )
        known, self._remote = self._remote, {}
        for tool in remote:
            if self._allowed is not None and tool.name not in self._allowed:
                continue
            if tool.name in self._blocked:
                continue
            made_of = (tool.description, tool.title, tool.input_schema)
            before = known.get(tool.name)
            if before is not None and before[0] == made_of:
                self._remote[tool.name] = before
                continue
            try:
                self._remote[tool.name] = (made_of, self._tool(tool))
            except ToolDefinitionError as error:
                log.warning("a tool of the MCP server %r is left out: %s", self.id, error)
        self.tools = [made for _, made in self._remote.values()]

    def _tool(self, tool: RemoteTool) -> FunctionTool[Any, Any]:
        name = re.sub(r"[^A-Za-z0-9_-]", "_", f"{self._prefix}{tool.name}")[:64]

        async def call(raw_arguments: dict[str, object], context: RunContext[Any]) -> Any:
            return await self._call(tool.name, raw_arguments, context)

        return function_tool(
            call,
            name=name,
            raw_schema={
                "description": tool.description or tool.title or "",
                "parameters": {"type": "object", **tool.input_schema},
            },
            **self._options,
        )

    # A call

    async def _call(self, name: str, arguments: dict[str, object], context: RunContext[Any]) -> Any:
        from mcp.shared.exceptions import MCPError
        from mcp_types import CONNECTION_CLOSED

        connection = await self._connected()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout) as limit:

                async def progress(done: float, total: float | None, message: str | None) -> None:
                    if not limit.expired():
                        limit.reschedule(loop.time() + self._timeout)
                    if self._on_progress is not None:
                        told = MCPProgress(progress=done, total=total, message=message)
                        self._on_progress(context, told)

                result = await connection.call(name, arguments, progress)
        except TimeoutError:
            raise ToolError(
                f"the MCP server {self.id!r} gave no result within {self._timeout:g} s"
            ) from None
        except MCPError as error:
            if error.code == CONNECTION_CLOSED or not connection.alive:
                connection.lost()
                raise self._gone(name) from error
            raise ToolError(error.message) from error
        except (OSError, ConnectionError) as error:
            connection.lost()
            raise self._gone(name) from error
        return result_value(result)

    def _gone(self, name: str) -> ToolError:
        return ToolError(
            f"the MCP server {self.id!r} went away while {name!r} ran, so it is not known whether "
            "it was done; calling a tool of it connects anew"
        )


@functools.cache
def _load() -> None:
    """Imports the SDK, which takes a second: in a thread, once."""
    try:
        for module in ("client.client", "client.sse", "client.stdio", "client.streamable_http"):
            importlib.import_module(f"mcp.{module}")
    except ImportError as error:
        raise ProviderUnavailable(f"{_MISSING} ({error})") from error
