"""Tools of MCP servers: real ones, in processes of their own, over pipes and loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from antiphon import Agent, AgentSession, MCPToolset, ToolError, redaction
from antiphon.errors import ConfigurationError
from antiphon.testing import Call, Caller, ScriptedLLM

from .following import Talk, instant, talk

pytestmark = pytest.mark.real_time

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="looks at POSIX processes")

SERVER = Path(__file__).with_name("mcp_server.py")


def shop(told: Path | None = None, **options: Any) -> MCPToolset:
    """The tools of a server that is started for them."""
    arguments = [str(SERVER), "stdio", *([] if told is None else [str(told)])]
    return MCPToolset(id="shop", command=sys.executable, args=arguments, **options)


@contextlib.asynccontextmanager
async def listening(kind: str, told: Path, port: int = 0) -> AsyncIterator[int]:
    """A server on a loopback port, until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SERVER), kind, str(told), str(port), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(when: Any) -> None:
    """Lets things happen until `when()` is so; the test's own timeout bounds it."""
    while not when():
        await asyncio.sleep(0.01)


def lines(told: Path) -> list[str]:
    return told.read_text(encoding="utf-8").splitlines() if told.exists() else []


@contextlib.asynccontextmanager
async def shopping(tools: MCPToolset, replies: Any, **agent: Any) -> AsyncIterator[Talk]:
    async with talk(Agent(id="desk", tools=[tools], **agent), replies) as t:
        yield t


@posix_only
async def test_a_session_starts_the_server_offers_its_tools_and_ends_it(tmp_path: Path) -> None:
    told = tmp_path / "told"
    before = asyncio.all_tasks()
    tools = shop(told, allowed_tools=["echo", "order", "fail"])
    replies = [[Call("echo", text="hi"), Call("order", number=3), Call("fail")], "There."]
    async with shopping(tools, replies) as t:
        await t.hear("go")
        assert t.llm.requests[0].tool_names == ("echo", "order", "fail")
        echo = t.llm.requests[0].tools[0]
        assert echo.raw and echo.description == "Says it again."
        assert echo.parameters["properties"]["text"]["type"] == "string"
        assert t.outputs == [
            "output echo: hi!",
            'output order: {\n  "number": 3,\n  "paid": true\n}',
            "error fail: Error executing tool fail",
        ]
        assert t.history[-1] == "desk: There."
        pid = int(lines(told)[0].removeprefix("pid "))
        assert alive(pid)
    assert not alive(pid)
    assert asyncio.all_tasks() == before


async def test_arguments_are_checked_before_the_server_is_asked() -> None:
    async with shopping(shop(), [Call("order", number="three"), "No."]) as t:
        await t.hear("go")
        assert t.outputs == [
            "error order: the arguments of 'order' are not valid: "
            "'number' must be integer, not 'three'"
        ]


@pytest.mark.parametrize("images", [True, False])
async def test_a_picture_is_shown_to_a_model_that_sees_and_named_to_one_that_does_not(
    images: bool,
) -> None:
    from antiphon.chat import ImageContent
    from antiphon.llm import LLMCapabilities

    llm = instant([Call("picture"), "There."])
    llm.capabilities = LLMCapabilities(images=images)
    async with shopping(shop(), llm) as t:
        await t.hear("show me")
        seen = t.llm.requests[1].chat_ctx
        shown = [part for m in seen.messages() for part in m.content if not isinstance(part, str)]
        if images:
            assert t.outputs == ["output picture: [a picture: see the next message]"]
            (picture,) = shown
            assert isinstance(picture, ImageContent) and picture.mime_type == "image/png"
            assert seen[-1].content[0] == "[what the tool 'picture' shows]"
        else:
            assert t.outputs == ["output picture: [a picture, which you cannot be shown]"]
            assert shown == []


async def test_names_are_chosen_and_prefixed(caplog: pytest.LogCaptureFixture) -> None:
    tools = shop(prefix="shop_", blocked_tools=["die", "wait", "fial"])
    async with shopping(tools, [Call("shop_echo", text="hi"), "There."]) as t:
        await t.hear("go")
        names = t.llm.requests[0].tool_names
        assert all(name.startswith("shop_") for name in names)
        assert {"shop_die", "shop_wait"}.isdisjoint(names) and "shop_fail" in names
        assert t.outputs == ["output shop_echo: hi!"]
    assert any(
        m.startswith("the MCP server 'shop' has no tool 'fial' (it has: echo, ")
        and m.endswith("; did you mean 'fail'?")
        for m in caplog.messages
    )


async def test_two_servers_with_the_same_names_live_beside_each_other_by_prefix() -> None:
    one, two = (
        shop(prefix="a_"),
        MCPToolset(id="other", command=sys.executable, args=[str(SERVER), "stdio"], prefix="b_"),
    )
    replies = [[Call("a_echo", text="one"), Call("b_echo", text="two")], "There."]
    async with talk(Agent(tools=[one, two]), replies) as t:
        await t.hear("go")
        assert t.outputs == ["output a_echo: one!", "output b_echo: two!"]


async def test_the_tools_are_listed_again_when_the_server_says_so() -> None:
    async with shopping(shop(), [Call("grow"), "Grown.", Call("extra"), "There."]) as t:
        tools = t.session.current_agent.tools[0]
        await t.hear("grow")
        await until(lambda: len(t.session.current_agent.tools) == 10)
        assert t.session.current_agent.tools[0] is tools  # what has not changed is the same
        await t.hear("go")
        assert "extra" in t.llm.requests[2].tool_names
        assert t.outputs[-1] == "output extra: more"


async def test_variables_reach_the_server_and_those_of_this_process_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOP_SECRET", "planted")
    tools = shop(env={"SHOP": "open"})
    calls = [Call("environment", name="SHOP"), Call("environment", name="SHOP_SECRET")]
    async with shopping(tools, [calls, "There."]) as t:
        await t.hear("go")
        assert t.outputs == ["output environment: open", "output environment: not set"]
    assert "open" not in repr(tools)


async def test_progress_is_told_and_begins_the_timeout_anew() -> None:
    told: list[str] = []

    def note(ctx: Any, progress: Any) -> None:
        told.append(f"{ctx.function_call.name} {progress.progress:g}/{progress.total:g}")

    tools = shop(timeout=2, on_progress=note)
    async with shopping(tools, [Call("count", to=3), "There."]) as t:
        await t.hear("count")
        assert t.outputs == ["output count: counted to 3"]
    assert told == ["count 1/3", "count 2/3", "count 3/3"]


async def test_a_call_that_takes_too_long_is_an_error_and_the_server_is_told(
    tmp_path: Path,
) -> None:
    told = tmp_path / "told"
    async with shopping(shop(told, timeout=0.3), [Call("wait"), "No."]) as t:
        await t.hear("wait")
        assert t.outputs == ["error wait: the MCP server 'shop' gave no result within 0.3 s"]
        await until(lambda: lines(told)[1:] == ["waiting", "cancelled"])


async def test_a_call_that_is_cancelled_is_cancelled_at_the_server(tmp_path: Path) -> None:
    told = tmp_path / "told"
    tools = shop(told, cancel_on_interruption=True)
    async with shopping(tools, [Call("wait"), "Stopped."]) as t:
        t.caller.type("wait")
        await until(lambda: lines(told)[1:] == ["waiting"])
        await t.hear("stop")
        await until(lambda: lines(told)[1:] == ["waiting", "cancelled"])
        assert t.outputs == ["error wait: the tool was cancelled before it ended"]


@posix_only
async def test_a_server_that_dies_is_an_error_and_is_started_again_at_the_next_call(
    tmp_path: Path,
) -> None:
    told = tmp_path / "told"
    replies = [Call("die"), "It is gone.", Call("echo", text="hi"), "Back."]
    async with shopping(shop(told), replies) as t:
        await t.hear("die")
        assert t.outputs == [
            "error die: the MCP server 'shop' went away while 'die' ran, so it is not known "
            "whether it was done; calling a tool of it connects anew"
        ]
        await t.hear("and now?")
        assert t.outputs[-1] == "output echo: hi!"
        pids = [line for line in lines(told) if line.startswith("pid ")]
        assert len(set(pids)) == 2
    assert not any(alive(int(pid.removeprefix("pid "))) for pid in pids)


@posix_only
async def test_a_server_that_dies_between_two_calls_is_not_noticed_by_the_model(
    tmp_path: Path,
) -> None:
    told = tmp_path / "told"
    tools = shop(told)
    async with shopping(tools, [Call("echo", text="hi"), "There."]) as t:
        (first,) = lines(told)
        os.kill(int(first.removeprefix("pid ")), 9)
        connection = tools._connection
        assert connection is not None
        await until(lambda: not connection.alive)
        await t.hear("go")
        assert t.outputs == ["output echo: hi!"]


async def test_a_command_that_does_not_exist_makes_start_raise() -> None:
    tools = MCPToolset(id="shop", command="no-such-command-here")
    session = AgentSession[None](llm=instant([]))
    with pytest.raises(
        ToolError,
        match=r"^the MCP server 'shop' \(the command 'no-such-command-here'\) cannot be reached; "
        "see that it is installed: ",
    ):
        await session.start(Agent(tools=[tools]), transport=Caller(audio=False))


async def test_a_command_that_ends_at_once_says_its_last_words() -> None:
    tools = MCPToolset(
        id="shop", command=sys.executable, args=["-c", "raise SystemExit('no licence')"]
    )
    with pytest.raises(ToolError, match="cannot be reached; see that it is installed") as raised:
        await tools.setup()
    assert "the server's last words were: no licence" in raised.value.__notes__
    await tools.aclose()


async def test_a_command_that_says_nothing_is_given_up(tmp_path: Path) -> None:
    tools = MCPToolset(
        id="shop",
        command=sys.executable,
        args=["-c", "import sys; sys.stdin.read()"],
        connect_timeout=0.5,
    )
    before = asyncio.all_tasks()
    with pytest.raises(
        ToolError,
        match=r"did not answer within 0\.5 s; see that it runs, or give it a longer connect_",
    ):
        await tools.setup()
    await tools.aclose()
    assert asyncio.all_tasks() == before


async def test_a_server_is_set_up_beside_the_conversation_for_a_later_agent() -> None:
    clerk = Agent(id="clerk", tools=[shop()])
    replies = ScriptedLLM({"no tools": "Not yet.", "echo": Call("echo", text="hi"), "hi!": "Done."})
    async with talk(Agent(id="desk"), replies) as t:
        await t.session.update_agent(clerk)
        await t.hear("no tools yet")
        assert t.llm.requests[0].tool_names == ()
        await until(lambda: len(t.session.current_agent.tools) == 9)
        await t.hear("echo")
        assert t.outputs == ["output echo: hi!"]


@pytest.mark.parametrize(("kind", "path"), [("http", "/mcp"), ("sse", "/sse")])
async def test_a_server_over_http_is_called_by_its_url(
    kind: str, path: str, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    before = asyncio.all_tasks()
    async with listening(kind, told) as port:
        tools = MCPToolset(id="shop", url=f"http://127.0.0.1:{port}{path}", headers={"X-A": "b"})
        assert tools.server.kind == {"http": "streamable_http", "sse": "sse"}[kind]
        replies = [[Call("echo", text="hi"), Call("count", to=2)], "There.", Call("grow"), "Grown."]
        async with shopping(tools, replies) as t:
            await t.hear("go")
            assert t.outputs == ["output echo: hi!", "output count: counted to 2"]
            await t.hear("grow")
            await until(lambda: len(t.session.current_agent.tools) == 10)
    assert asyncio.all_tasks() - before == set()


async def test_a_call_over_http_is_cancelled_at_the_server(tmp_path: Path) -> None:
    told = tmp_path / "told"
    async with listening("http", told) as port:
        tools = MCPToolset(id="shop", url=f"http://127.0.0.1:{port}/mcp", timeout=0.5)
        async with shopping(tools, [Call("wait"), "No."]) as t:
            await t.hear("wait")
            assert t.outputs == ["error wait: the MCP server 'shop' gave no result within 0.5 s"]
            await until(lambda: lines(told)[1:] == ["waiting", "cancelled"])


async def test_a_server_over_http_that_goes_away_is_an_error_and_is_found_again(
    tmp_path: Path,
) -> None:
    told = tmp_path / "told"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    replies = [Call("echo", text="one"), "One.", Call("echo", text="two"), "Gone.",
               Call("echo", text="three"), "Back."]  # fmt: skip
    tools = MCPToolset(id="shop", url=f"http://127.0.0.1:{port}/mcp")
    async with contextlib.AsyncExitStack() as stack:
        async with listening("http", told, port):
            t = await stack.enter_async_context(shopping(tools, replies))
            await t.hear("one")
        await t.hear("two")
        assert t.outputs[1].startswith("error echo: the MCP server 'shop' ")
        async with listening("http", told, port):
            await t.hear("three")
            assert t.outputs[2] == "output echo: three!"
            await stack.aclose()


async def test_nobody_at_the_address_makes_start_raise() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    tools = MCPToolset(id="shop", url=f"http://me:secret@127.0.0.1:{port}/mcp?key=secret")
    with pytest.raises(
        ToolError,
        match=rf"^the MCP server 'shop' \(http://127.0.0.1:{port}/mcp\) cannot be reached; "
        "see that it runs: ",
    ) as raised:
        await tools.setup()
    assert "secret" not in str(raised.value)


class _Refuses(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


async def test_a_refusal_tells_nothing_secret_of_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redaction, "_hidden", {})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Refuses) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            address = f"127.0.0.1:{server.server_port}/mcp"
            tools = MCPToolset(
                id="shop",
                url=f"http://me:planted-password@{address}?code=planted-code",
                transport="sse",
                headers={"X-Api-Key": "planted-header"},
            )
            with pytest.raises(ToolError) as raised:
                await tools.setup()
            await tools.aclose()
        finally:
            server.shutdown()
    assert str(raised.value) == (
        f"the MCP server 'shop' (http://{address}) cannot be reached; see that it runs: "
        f"Client error '401 Unauthorized' for url 'http://{address}'"
    )
    hidden = redaction.secret_values()
    assert {"planted-password", "planted-code", "planted-header"} <= set(hidden)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "the MCP server has neither a command nor a url; give one: "),
        ({"command": "x", "url": "http://y"}, "the MCP server has both a command and a url; give"),
        ({"command": "x", "transport": "sse"}, "transport='sse' does not go with a command"),
        ({"url": "http://y", "transport": "stdio"}, "transport='stdio' does not go with a url"),
        (
            {"url": "http://y", "transport": "see"},
            "transport='see' is none of stdio, streamable_http, sse; did you mean 'sse'?",
        ),
        ({"command": "x", "args": "-y z"}, "args='-y z' is one text; give a list of arguments"),
        ({"command": "x", "timeout": 0}, "timeout is 0; give seconds, more than 0"),
        ({"command": "x", "prefix": "a b"}, "prefix='a b' cannot begin a tool's name; use the "),
    ],
)
def test_a_server_that_cannot_be_is_refused_where_it_is_written(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        MCPToolset(id="shop", **given)
    assert str(raised.value).startswith(message)
