"""MCP servers, as the tool sets that they are here."""

from __future__ import annotations

import libcst as cst

from .findings import Findings
from .needs import Needs, plain
from .turns import tidied

_NAMES = {
    "transport_type": "transport",
    "timeout": "connect_timeout",
    "client_session_timeout_seconds": "timeout",
}
_POSITIONAL = {
    "MCPServerHTTP": ("url", "transport_type", "allowed_tools", "headers"),
    "MCPServerStdio": ("command", "args", "env", "cwd"),
}
_SERVER = "mcp_server="


def server(name: str, call: cst.Call, needs: Needs, findings: Findings, line: int) -> cst.Call:
    """`MCPServerHTTP(url=…)` as `MCPToolset(id="mcp", url=…)`."""
    args: list[cst.Arg] = []
    for place, arg in enumerate(call.args):
        old = arg.keyword.value if arg.keyword is not None else _POSITIONAL[name][place]
        if old == "sse_read_timeout":
            findings.note(line, f"{name}({old}=)", "`timeout` counts from each word of progress")
        elif old == "tool_result_resolver":
            findings.left(
                line, f"{name}({old}=)", "wrap the tool: a `@function_tool` that calls the server"
            )
            args.append(arg)
        else:
            args.append(
                arg.with_changes(
                    keyword=cst.Name(_NAMES.get(old, old)),
                    equal=plain(arg.value, old).equal,
                )
            )
    made = cst.Arg(
        cst.SimpleString('"mcp"'),
        keyword=cst.Name("id"),
        equal=plain(cst.Name("x"), "id").equal,
        comma=_first_comma(args, call),
    )
    return call.with_changes(
        func=needs.spell("antiphon.MCPToolset"), args=tidied([made, *args], list(call.args))
    )


def _first_comma(args: list[cst.Arg], call: cst.Call) -> cst.Comma | cst.MaybeSentinel:
    """The white space before the first argument is that of the one which comes before it now."""
    if not args:
        return cst.MaybeSentinel.DEFAULT
    before = call.whitespace_before_args
    if isinstance(before, cst.ParenthesizedWhitespace):
        return cst.Comma(whitespace_after=before)
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def toolset(call: cst.Call, findings: Findings, line: int) -> cst.Call:
    """`MCPToolset(id="x", mcp_server=MCPServerHTTP(…))`, its server rewritten already, as one."""
    args: list[cst.Arg] = []
    for arg in call.args:
        name = arg.keyword.value if arg.keyword is not None else ""
        if name == "mcp_server" and isinstance(arg.value, cst.Call):
            inner = [
                each
                for each in arg.value.args
                if each.keyword is None or each.keyword.value != "id"
            ]
            args += [
                each.with_changes(
                    comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=arg.whitespace_after_arg
                )
                for each in inner
            ]
        elif name == "mcp_server":
            findings.left(line, f"MCPToolset({_SERVER})", "give it command= or url= itself")
            args.append(arg)
        elif name == "tool_options":
            findings.left(
                line,
                "MCPToolset(tool_options=)",
                "flags= and on_duplicate= are for all its tools",
            )
            args.append(arg)
        else:
            args.append(arg)
    return call.with_changes(args=tidied(args, list(call.args)))


def as_tools(args: list[cst.Arg]) -> list[cst.Arg]:
    """`mcp_servers=[…]` as a part of `tools=[…]`."""
    servers = _named(args, "mcp_servers")
    if servers is None:
        return args
    value = _numbered(servers.value)
    tools = _named(args, "tools")
    if tools is None:
        return [
            arg.with_changes(keyword=cst.Name("tools"), value=value) if arg is servers else arg
            for arg in args
        ]
    if isinstance(tools.value, cst.List) and isinstance(value, cst.List):
        elements = [*tools.value.elements, *value.elements]
        both: cst.BaseExpression = tools.value.with_changes(
            elements=[each.with_changes(comma=cst.MaybeSentinel.DEFAULT) for each in elements]
        )
    else:
        both = cst.List([cst.StarredElement(tools.value), cst.StarredElement(value)])
    kept = [arg for arg in args if arg is not servers]
    return [arg.with_changes(value=both) if arg is tools else arg for arg in kept]


def _numbered(value: cst.BaseExpression) -> cst.BaseExpression:
    """The tool sets of one list under ids of their own."""
    if not isinstance(value, cst.List) or len(value.elements) < 2:
        return value
    elements = []
    for number, element in enumerate(value.elements, 1):
        call = element.value
        if isinstance(call, cst.Call):
            args = [
                arg.with_changes(value=cst.SimpleString(f'"mcp_{number}"'))
                if arg.keyword is not None and arg.keyword.value == "id"
                else arg
                for arg in call.args
            ]
            element = element.with_changes(value=call.with_changes(args=args))
        elements.append(element)
    return value.with_changes(elements=elements)


def _named(args: list[cst.Arg], name: str) -> cst.Arg | None:
    return next(
        (arg for arg in args if arg.keyword is not None and arg.keyword.value == name), None
    )
