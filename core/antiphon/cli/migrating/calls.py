"""Calls of livekit-agents' classes and methods, as they are written here."""

from __future__ import annotations

import re

import libcst as cst

from . import toolsets, turns
from .findings import Findings
from .models import gateway_model, plugin_model
from .needs import Needs, plain
from .programs import KEYS, Program, dropped
from .reading import Reading, dotted_text, owner_kind
from .rooms import merged_room_options, part_as_dict, room_options
from .table import find

_SESSIONS = ("AgentSession", "Agent")
_KEYS = "dtmf_timeout"
_NO_OPTIONS = "options of the older form of fallback are not taken over"


class Calls:
    """Rewrites the calls of one source."""

    GONE = "__gone__"
    """Stands for an object that is not there, until the option that held it is taken out."""

    def __init__(
        self, reading: Reading, findings: Findings, needs: Needs, program: Program
    ) -> None:
        self._reading = reading
        self._findings = findings
        self._needs = needs
        self._program = program
        self.in_agent = False
        """Whether the call at hand stands in a method of an agent."""

    def is_gone(self, node: cst.BaseExpression) -> bool:
        """Whether a value stands for an object that is not there."""
        return isinstance(node, cst.Name) and node.value == self.GONE

    def rewritten(self, node: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        """What becomes of a call: `updated` has its parts rewritten already."""
        line = self._reading.line(node)
        self.in_agent = self._reading.enclosing_agent(node) is not None
        dotted = self._reading.dotted(node.func)
        if dotted is not None:
            special = self._special(dotted, updated, line)
            if special is not None:
                return special
        ours = self._reading.names.get(node.func, "")
        if ours in turns.PARTS:  # of a source that has been rewritten already
            return turns.converted_call(updated, turns.PARTS[ours], self._findings, line)
        kind = self._constructed(node)
        if kind is not None:
            return self._constructor(kind, updated, line)
        if isinstance(node.func, cst.Attribute):
            return self._method(node.func, updated, line)
        return updated

    def model(self, call: cst.Call, *, quiet: bool = False) -> cst.BaseExpression | None:
        """The model string of a call that makes a slot; None when it makes none."""
        dotted = self._reading.dotted(call.func) or ""
        findings = Findings() if quiet else self._findings
        return self._model(dotted, call, self._reading.line(call), findings)

    def _model(
        self, dotted: str, call: cst.Call, line: int, findings: Findings
    ) -> cst.BaseExpression | None:
        made: cst.BaseExpression | None = None
        if dotted.startswith("livekit.plugins."):
            made = plugin_model(dotted.split(".")[2:], call, findings, line)
        elif dotted.startswith("livekit.agents.inference."):
            made = gateway_model(dotted.rpartition(".")[2], call, findings, line)
        if isinstance(made, cst.Call):
            return made.with_changes(func=self._needs.spell("antiphon.Model"))
        return made

    def _special(self, dotted: str, call: cst.Call, line: int) -> cst.BaseExpression | None:
        """What becomes of a call of a name that is no name here."""
        made = self._model(dotted, call, line, self._findings)
        if made is not None:
            return made
        row = find(dotted)
        if row is None:
            return None
        if row.fate == "dropped":
            self._findings.note(line, dotted, row.text)
            return cst.Name(self.GONE)
        if row.name == "log_metrics" and self._program.logger is not None:
            log = cst.Attribute(cst.Name(self._program.logger), cst.Name("info"))
            return call.with_changes(
                func=log, args=[cst.Arg(cst.SimpleString('"%s"')), *call.args[:1]]
            )
        if row.name == "FallbackAdapter" and call.args:
            if len(call.args) > 1:
                self._findings.note(line, row.old, _NO_OPTIONS)
            return call.args[0].value
        if row.name == "StreamAdapter" and call.args:
            self._findings.note(line, row.old, row.text)
            named = {arg.keyword.value: arg for arg in call.args if arg.keyword is not None}
            chosen = named.get("stt") or named.get("tts") or call.args[0]
            return chosen.value
        if row.old == "livekit.agents.AgentServer":
            return self._server(call, line)
        if row.new in turns.PARTS:
            return turns.converted_call(call, turns.PARTS[row.new], self._findings, line)
        if row.name == "PreemptiveGenerationOptions":
            return turns.preemptive(call, self._findings, line)
        if row.old.startswith("livekit.agents.room_io.") and row.fate == "rewritten":
            return part_as_dict(call, self._findings, line)
        if row.name in ("RoomInputOptions", "RoomOutputOptions"):
            return room_options(row.name, call, self._needs, self._findings, line)
        if row.name in ("MCPServerHTTP", "MCPServerStdio"):
            return toolsets.server(row.name, call, self._needs, self._findings, line)
        if row.name == "MCPToolset":
            return toolsets.toolset(call, self._findings, line)
        if row.old == "livekit.agents.function_tool":
            args = dropped("function_tool", list(call.args), self._findings, line)
            return call.with_changes(args=turns.tidied(args, list(call.args)))
        return None

    def _server(self, call: cst.Call, line: int) -> cst.Call:
        """`AgentServer(…)` as `App(…)`."""
        for arg in call.args:
            name = arg.keyword.value if arg.keyword is not None else "…"
            if name != "setup_fnc":
                self._findings.note(
                    line, f"AgentServer({name}=)", "it belongs to a server's worker"
                )
        return call.with_changes(args=self._prewarm())

    def _prewarm(self) -> list[cst.Arg]:
        values = [self.model(call) for call in self._program.prewarmed.values()]
        elements = [cst.Element(value) for value in values if value is not None]
        return [plain(cst.List(elements), "prewarm")] if elements else []

    def entry_point(self, function: cst.FunctionDef) -> cst.FlattenSentinel[cst.BaseStatement]:
        """The entry point as `@app.session`, behind `app = App()`."""
        app = self._program.app
        made = cst.Assign(
            [cst.AssignTarget(cst.Name(app))],
            cst.Call(self._needs.spell("antiphon.App"), self._prewarm()),
        )
        decorator: cst.BaseExpression = cst.Attribute(cst.Name(app), cst.Name("session"))
        if self._program.entry_options:
            options = [
                plain(arg.value, arg.keyword.value)
                for arg in self._program.entry_options
                if arg.keyword is not None
            ]
            decorator = cst.Call(decorator, options)
        blank = cst.EmptyLine(indent=False)
        return cst.FlattenSentinel(
            [
                cst.SimpleStatementLine([made], leading_lines=function.leading_lines),
                function.with_changes(
                    leading_lines=[blank, blank],
                    decorators=[cst.Decorator(decorator), *function.decorators],
                ),
            ]
        )

    def _constructed(self, node: cst.Call) -> str | None:
        """The class that a call makes, `super().__init__(…)` included."""
        func = node.func
        if isinstance(func, cst.Attribute) and func.attr.value == "__init__":
            return self._reading.enclosing_agent(node)
        if isinstance(func, cst.Name | cst.Subscript | cst.Attribute):
            return self._reading.class_kind(func)
        return None

    def _constructor(self, kind: str, call: cst.Call, line: int) -> cst.Call:
        args = dropped(kind, list(call.args), self._findings, line)
        base = owner_kind(kind)
        if base is not None and base != kind:
            args = dropped(base, args, self._findings, line)
        if base in _SESSIONS:
            args = toolsets.as_tools(args)
            args = turns.gather(args, self._needs, self._findings, line)
            args = [
                arg.with_changes(value=turns.convert_option(arg.value, self._findings, line))
                if arg.keyword is not None and arg.keyword.value == "turn_handling"
                else arg
                for arg in args
            ]
        if kind == "AgentSession" and self._program.takes_keys:
            # Only who listens to a key learns of it there; here keys are a user turn as well.
            if not any(arg.keyword is not None and arg.keyword.value == _KEYS for arg in args):
                args = [*args, plain(cst.Name("None"), _KEYS)]
        return call.with_changes(args=turns.tidied(args, list(call.args)))

    def _method(self, func: cst.Attribute, call: cst.Call, line: int) -> cst.BaseExpression:
        name = func.attr.value
        owner = owner_kind(self._reading.kind(func.value))
        if owner is None and name == "rtc_session":
            owner = "AgentServer"
        if isinstance(func.value, cst.Name) and func.value.value in self._program.collectors:
            return self._usage(name, call)
        if owner == "Room":
            return self._room_event(name, call, line)
        if owner is None:
            return call
        args = dropped(f"{owner}.{name}", list(call.args), self._findings, line)
        if (owner, name) == ("AgentSession", "start"):
            args = merged_room_options(args)
        if len(args) == len(call.args) and all(
            a is b for a, b in zip(args, call.args, strict=True)
        ):
            return call
        return call.with_changes(args=turns.tidied(args, list(call.args)))

    def _room_event(self, name: str, call: cst.Call, line: int) -> cst.BaseExpression:
        """`ctx.room.on("sip_dtmf_received", …)` as the session's own event."""
        event = call.args[0].value if call.args else None
        if name not in ("on", "once") or not isinstance(event, cst.SimpleString):
            return call
        if event.evaluated_value != KEYS:
            return call
        session = self.session_at(line)
        if session is None:
            self._findings.left(line, f'event "{KEYS}"', 'session.on("dtmf_received", …)')
            return call
        first = call.args[0].with_changes(value=cst.SimpleString('"dtmf_received"'))
        return call.with_changes(
            func=cst.Attribute(session, cst.Name(name)), args=[first, *call.args[1:]]
        )

    def session_at(self, line: int) -> cst.BaseExpression | None:
        """How the session is called in a line: `self.session` in an agent, else its variable."""
        if self.in_agent:
            return cst.Attribute(cst.Name("self"), cst.Name("session"))
        name = self._program.session
        if name is None or self._program.session_line >= line:
            return None
        return cst.Name(name)

    def _usage(self, name: str, call: cst.Call) -> cst.BaseExpression:
        if self._program.session is not None and name in ("get_summary", "flatten"):
            return cst.Attribute(cst.Name(self._program.session), cst.Name("usage"))
        return call

    def is_needless(self, node: cst.BaseSmallStatement) -> bool:
        """Whether a statement has nothing left to do: running a worker, its set-up, a collector."""
        if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
            func = node.value.func
            row = find(self._reading.dotted(func) or "")
            if row is not None and row.old == "livekit.agents.cli.run_app":
                self._findings.note(self._reading.line(node), row.old, row.text)
                return True
            return (
                self._program.session is not None
                and isinstance(func, cst.Attribute)
                and func.attr.value == "collect"
                and isinstance(func.value, cst.Name)
                and func.value.value in self._program.collectors
            )
        if isinstance(node, cst.Assign) and len(node.targets) == 1:
            target = node.targets[0].target
            if isinstance(target, cst.Attribute) and target.attr.value == "setup_fnc":
                return isinstance(node.value, cst.Name) and node.value.value == self._program.setup
            return (
                self._program.session is not None
                and isinstance(target, cst.Name)
                and target.value in self._program.collectors
                and isinstance(node.value, cst.Call)
            )
        return False

    def annotation(self, node: cst.SimpleString) -> cst.SimpleString:
        """A type in quotes, with the names that it has here."""

        def renamed(match: re.Match[str]) -> str:
            first, dot, rest = match[0].partition(".")
            base = self._reading.locals.get(first)
            row = find(f"{base}{dot}{rest}") if base is not None else None
            if row is None or not row.new.startswith("antiphon."):
                return match[0]
            if not dot and base is not None and first != base.rpartition(".")[2]:
                return match[0]
            return dotted_text(self._needs.spell(row.new))

        return node.with_changes(value=re.sub(r"[A-Za-z_][\w.]*", renamed, node.value))
