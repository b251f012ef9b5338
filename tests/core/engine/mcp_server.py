"""An MCP server for the tests, run as a program: `mcp_server.py stdio|http|sse [FILE [PORT]]`.

Over HTTP it prints its port. What befalls its calls is written to FILE, line by line.
"""

import asyncio
import base64
import os
import socket
import sys
from pathlib import Path

import uvicorn
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp_types import ToolAnnotations
from pydantic import BaseModel

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

server = MCPServer("shop", log_level="ERROR")
told = Path(sys.argv[2]) if len(sys.argv) > 2 else None


def tell(line: str) -> None:
    if told is not None:
        with told.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class Order(BaseModel):
    number: int
    paid: bool


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def echo(text: str) -> str:
    """Says it again."""
    return f"{text}!"


@server.tool()
def order(number: int) -> Order:
    """Looks up an order."""
    return Order(number=number, paid=True)


@server.tool()
def picture() -> Image:
    """Shows it."""
    return Image(data=PIXEL, format="png")


@server.tool()
def fail() -> str:
    """Fails."""
    raise ValueError("out of stock")


@server.tool()
def environment(name: str) -> str:
    """Reads a variable."""
    return os.environ.get(name, "not set")


@server.tool()
async def count(to: int, ctx: Context) -> str:
    """Counts, and tells how far it is."""
    for number in range(1, to + 1):
        await asyncio.sleep(0.1)
        await ctx.report_progress(number, to, f"at {number}")
    return f"counted to {to}"


@server.tool()
async def wait() -> str:
    """Waits for ever."""
    tell("waiting")
    try:
        await asyncio.sleep(3600)
    except BaseException:
        tell("cancelled")
        raise
    return "waited"


@server.tool()
async def grow(ctx: Context) -> str:
    """Learns another tool."""

    def extra() -> str:
        """One more."""
        return "more"

    server.add_tool(extra)
    await ctx.notify_tools_changed()
    await ctx.session.send_tool_list_changed()
    return "grown"


@server.tool()
def die() -> str:
    """Ends the process."""
    tell("dying")
    os._exit(3)


def main() -> None:
    tell(f"pid {os.getpid()}")
    if sys.argv[1] == "stdio":
        server.run("stdio")
        return
    app = server.streamable_http_app() if sys.argv[1] == "http" else server.sse_app()
    port = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    listening = socket.create_server(("127.0.0.1", port))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="error", lifespan="on")
    asyncio.run(uvicorn.Server(config).serve([listening]))


if __name__ == "__main__":
    main()
