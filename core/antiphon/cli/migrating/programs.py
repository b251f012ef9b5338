"""The frame of a program: its server, what it loads beforehand, and how it is run."""

from __future__ import annotations

from dataclasses import dataclass, field

import libcst as cst

from .findings import Findings
from .models import is_model
from .reading import Reading, dotted_text
from .table import OPTION, find

KEYS = "sip_dtmf_received"
"""A room's event of a key; here it is the session's `dtmf_received`."""
_SERVER = "it belongs to a server's worker"


@dataclass(slots=True)
class Program:
    """What was found of the frame. Nodes are the source's own."""

    prewarmed: dict[str, cst.Call] = field(default_factory=dict)
    """What the set-up function puts into `proc.userdata`, by key, if that is all it does."""
    setup: str | None = None
    """The name of the set-up function, if it is all taken over by `prewarmed`."""
    entry: str | None = None
    """The entry point that `WorkerOptions` names."""
    entry_options: list[cst.Arg] = field(default_factory=list)
    """Its options that `@app.session` takes."""
    app: str = "app"
    """The name for the `App` that is made for it."""
    session: str | None = None
    """The variable that holds the one session of the source."""
    session_line: int = 0
    takes_keys: bool = False
    """Whether it listens to the keys of a telephone by an event."""
    logger: str | None = None
    """A logger at module level."""
    collectors: set[str] = field(default_factory=set)
    """Variables that hold a collector of usage."""


def find_program(reading: Reading, findings: Findings) -> Program:
    """Looks for the frame of a program in a source."""
    program = Program()
    search = _Search(reading)
    reading.module.visit(search)
    if len(search.sessions) == 1:
        program.session, program.session_line = next(iter(search.sessions.items()))
    program.collectors = search.collectors
    program.logger = next((name for name in ("logger", "log") if name in search.loggers), None)
    program.takes_keys = search.takes_keys
    if search.worker is not None:
        _read_worker(search, program, findings, reading)
        if "app" in reading.taken:
            program.app = "antiphon_app"
    for name in search.setups:
        function = search.functions.get(name)
        if function is None:
            continue
        values = _userdata(function, reading)
        if values is None:
            findings.left(
                reading.line(function),
                name,
                "App(prewarm=[…]) loads model strings before the first call; "
                "make anything else at module level",
            )
        else:
            program.setup, program.prewarmed = name, values
    return program


def _read_worker(search: _Search, program: Program, findings: Findings, reading: Reading) -> None:
    assert search.worker is not None
    for arg in search.worker.args:
        name = arg.keyword.value if arg.keyword is not None else "entrypoint_fnc"
        if name == "entrypoint_fnc" and isinstance(arg.value, cst.Name):
            if arg.value.value in search.functions:
                program.entry = arg.value.value
        elif name == "prewarm_fnc" and isinstance(arg.value, cst.Name):
            search.setups.append(arg.value.value)
        elif name == "agent_name":
            program.entry_options.append(arg)
        elif name == "request_fnc":
            program.entry_options.append(arg.with_changes(keyword=cst.Name("on_request")))
        else:
            findings.note(reading.line(arg), f"WorkerOptions({name}=)", _SERVER)
    if program.entry is None:
        findings.left(
            reading.line(search.worker),
            "WorkerOptions",
            "app = App(), and @app.session above the function that takes a call",
        )


class _Search(cst.CSTVisitor):
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.functions: dict[str, cst.FunctionDef] = {}
        self.setups: list[str] = []
        self.worker: cst.Call | None = None
        self.sessions: dict[str, int] = {}
        self.collectors: set[str] = set()
        self.loggers: set[str] = set()
        self.takes_keys = False

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        self.takes_keys = self.takes_keys or node.evaluated_value == KEYS

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        if isinstance(self.reading.parent(node), cst.Module):
            self.functions[node.name.value] = node

    def visit_Call(self, node: cst.Call) -> None:
        row = find(self.reading.dotted(node.func) or "")
        if row is None:
            return
        if row.old == "livekit.agents.WorkerOptions":
            above = self.reading.parent(node)
            call = self.reading.parent(above) if isinstance(above, cst.Arg) else None
            if isinstance(call, cst.Call) and self._runs(call):
                self.worker = node
        elif row.old == "livekit.agents.AgentServer":
            for arg in node.args:
                if arg.keyword is not None and arg.keyword.value == "setup_fnc":
                    self._setup(arg.value)

    def _runs(self, call: cst.Call) -> bool:
        row = find(self.reading.dotted(call.func) or "")
        return row is not None and row.old == "livekit.agents.cli.run_app"

    def _setup(self, value: cst.BaseExpression) -> None:
        if isinstance(value, cst.Name):
            self.setups.append(value.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        target = node.targets[0].target
        if isinstance(target, cst.Attribute) and target.attr.value == "setup_fnc":
            self._setup(node.value)
        if isinstance(target, cst.Name) and isinstance(node.value, cst.Call):
            if self.reading.kind(node.value) == "AgentSession":
                self.sessions[target.value] = self.reading.line(node)
            row = find(self.reading.dotted(node.value.func) or "")
            if row is not None and row.new == "session.usage":
                self.collectors.add(target.value)
            if dotted_text(node.value.func).endswith("getLogger"):
                self.loggers.add(target.value)


def _userdata(function: cst.FunctionDef, reading: Reading) -> dict[str, cst.Call] | None:
    """What the function puts into `userdata`; None when it does anything else."""
    if not function.params.params or not isinstance(function.body, cst.IndentedBlock):
        return None
    parameter = function.params.params[0].name.value
    values: dict[str, cst.Call] = {}
    for statement in function.body.body:
        if not isinstance(statement, cst.SimpleStatementLine):
            return None
        for small in statement.body:
            if isinstance(small, cst.Pass) or (
                isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString)
            ):
                continue
            if not isinstance(small, cst.Assign) or not isinstance(small.value, cst.Call):
                return None
            key = userdata_key(small.targets[0].target, parameter)
            dotted = reading.dotted(small.value.func) or ""
            parts = dotted.removeprefix("livekit.plugins.").split(".")
            gateway = dotted.startswith("livekit.agents.inference.")
            if key is None or not (gateway or (len(parts) > 1 and is_model(parts))):
                return None
            values[key] = small.value
    return values


def userdata_key(node: cst.BaseExpression, owner: str | None = None) -> str | None:
    """`k` of `owner.userdata["k"]`, or of `ctx.proc.userdata["k"]` without an owner."""
    if not isinstance(node, cst.Subscript) or len(node.slice) != 1:
        return None
    value, index = node.value, node.slice[0].slice
    if not (isinstance(value, cst.Attribute) and value.attr.value == "userdata"):
        return None
    holder = value.value
    if owner is not None:
        fits = isinstance(holder, cst.Name) and holder.value == owner
    else:
        fits = isinstance(holder, cst.Attribute) and holder.attr.value == "proc"
    key = index.value if fits and isinstance(index, cst.Index) else None
    if isinstance(key, cst.SimpleString) and isinstance(key.evaluated_value, str):
        return key.evaluated_value
    return None


def dropped(owner: str, args: list[cst.Arg], findings: Findings, line: int) -> list[cst.Arg]:
    """The arguments of a call, without those that mean nothing here."""
    kept = []
    for arg in args:
        name = f"{owner}({arg.keyword.value}=)" if arg.keyword is not None else ""
        row = OPTION.get(name)
        if row is not None and row.fate == "dropped":
            findings.note(line, name, row.text)
            continue
        if row is not None and row.fate == "missing":
            findings.left(line, name, row.text)
        if row is not None and row.fate == "renamed":
            arg = arg.with_changes(keyword=cst.Name(row.new))
        kept.append(arg)
    return kept
