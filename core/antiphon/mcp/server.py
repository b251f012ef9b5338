"""Where an MCP server is: a command to run, or an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias, get_args
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from ..errors import ConfigurationError, did_you_mean
from ..redaction import hide, redact, secret_values, secrets_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MCPTransport: TypeAlias = Literal["stdio", "streamable_http", "sse"]
"""How a server is talked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MCPServer:
    """A server, as the arguments of `MCPToolset` describe it. Raises `ConfigurationError`."""

    command: str | None = None
    args: Sequence[str] = ()
    env: Mapping[str, str] | None = field(default=None, repr=False)
    cwd: str | None = None
    url: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    transport: MCPTransport | None = None

    def __post_init__(self) -> None:
        if (self.command is None) == (self.url is None):
            what = "both a command and a url" if self.command else "neither a command nor a url"
            raise ConfigurationError(
                f"the MCP server has {what}; give one: "
                'MCPToolset(id="…", command="…", args=[…]) or MCPToolset(id="…", url="…")'
            )
        known = get_args(MCPTransport)
        if self.transport is not None and self.transport not in known:
            raise ConfigurationError(
                f"transport={self.transport!r} is none of {', '.join(known)}"
                f"{did_you_mean(str(self.transport), known)}"
            )
        if (self.url is None) != (self.kind == "stdio"):
            place = "a command" if self.url is None else "a url"
            raise ConfigurationError(f"transport={self.transport!r} does not go with {place}")
        if isinstance(self.args, str):
            raise ConfigurationError(f"args={self.args!r} is one text; give a list of arguments")

    @property
    def kind(self) -> MCPTransport:
        """The transport given; else by the place: a URL that ends in `/sse` speaks SSE."""
        if self.transport is not None:
            return self.transport
        if self.url is None:
            return "stdio"
        return "sse" if urlsplit(self.url).path.rstrip("/").endswith("/sse") else "streamable_http"

    @property
    def place(self) -> str:
        """The command, or the address without user, query and fragment, which may be secret."""
        if self.url is None:
            return f"the command {self.command!r}"
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))

    def shown(self, text: str) -> str:
        """What an error says, without the secrets of the address, the headers and the environment,
        which the SDK's messages quote: it goes to the LLM."""
        if self.url is not None:
            text = text.replace(self.url, self.place)
        redacted: str = redact(text, secret_values())
        return redacted

    def _secrets(self) -> list[str]:
        found = secrets_in({"headers": self.headers, "env": self.env})
        if self.url is not None:
            parts = urlsplit(self.url)
            given = [value for _, value in parse_qsl(parts.query)]
            found += [parts.query, parts.password or "", *given]
        return found

    def open(self, errors: TextIO) -> AbstractAsyncContextManager[Any]:
        """The SDK's transport; `errors` takes what a command writes to its standard error."""
        hide(self._secrets())
        if self.kind == "stdio":
            from mcp.client.stdio import StdioServerParameters, stdio_client

            assert self.command is not None
            parameters = StdioServerParameters(
                command=self.command,
                args=list(self.args),
                env=None if self.env is None else dict(self.env),
                cwd=self.cwd,
            )
            return stdio_client(parameters, errlog=errors)
        assert self.url is not None
        headers = None if self.headers is None else dict(self.headers)
        if self.kind == "sse":
            from mcp.client.sse import sse_client

            return sse_client(self.url, headers=headers)
        return _streamable(self.url, headers)


@asynccontextmanager
async def _streamable(url: str, headers: dict[str, str] | None) -> AsyncIterator[Any]:
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    async with (
        create_mcp_http_client(headers=headers) as client,
        streamable_http_client(url, http_client=client) as streams,
    ):
        yield streams
