"""One source, rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import libcst as cst

from .calls import Calls
from .events import CLOSE_REASONS, EVENTS
from .findings import Finding, Findings
from .hanging_up import NOTE, hang_ups, shut_down
from .imports import rewrite_imports
from .models import is_model
from .needs import Needs
from .programs import find_program, userdata_key
from .reading import Reading, owner_kind
from .rows import Row
from .table import LIVEKIT, MEMBER, find, foreign_text, is_agents

_UNKNOWN = "antiphon has nothing of that name; the page on coming from livekit-agents may help"
_EVENT_ROWS = {row.old: row for row in EVENTS}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of a source."""

    text: str
    findings: list[Finding]
    providers: list[str]
    """The providers that its new model strings name, sorted."""


def rewrite(module: cst.Module) -> Rewritten:
    """Rewrites a parsed source. Doing it again changes nothing."""
    findings = Findings()
    reading = Reading(module)
    rewriter = _Rewriter(reading, findings)
    changed = reading.module.visit(rewriter)
    changed = changed.visit(_LastTouch())
    changed = rewrite_imports(changed, rewriter.needs, findings)
    return Rewritten(changed.code, findings.sorted(), sorted(findings.providers))


class _Rewriter(cst.CSTTransformer):
    def __init__(self, reading: Reading, findings: Findings) -> None:
        self.reading = reading
        self.findings = findings
        self.needs = Needs(reading.taken)
        self.program = find_program(reading, findings)
        self.calls = Calls(reading, findings, self.needs, self.program)
        self._hang_ups = hang_ups(reading)
        self._noted: set[str] = set()

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        return False

    def visit_Import(self, node: cst.Import) -> bool:
        return False

    # Names

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self._name(original_node, updated_node)

    def leave_Attribute(
        self, original_node: cst.Attribute, updated_node: cst.Attribute
    ) -> cst.BaseExpression:
        if original_node in self.reading.names:
            reason = self._close_reason(original_node)
            return reason or self._name(original_node, updated_node)
        return self._member(original_node, updated_node)

    def _close_reason(self, node: cst.Attribute) -> cst.BaseExpression | None:
        row = find(self.reading.dotted(node.value) or "")
        if row is not None and row.name == "CloseReason" and node.attr.value in CLOSE_REASONS:
            return cst.SimpleString(f'"{node.attr.value.lower()}"')
        return None

    def _name(
        self, node: cst.Name | cst.Attribute, updated: cst.BaseExpression
    ) -> cst.BaseExpression:
        dotted = self.reading.dotted(node)
        if dotted is None:
            return updated
        above = self.reading.parent(node)
        if self._is_type_of_slot(node, dotted, above):
            return cst.Name("str")  # what was such an object is a model string now
        row = find(dotted)
        inner = isinstance(above, cst.Attribute) and above.value is node
        if row is None:
            if not inner and not self._has_row(node):
                if is_agents(dotted):
                    self._unknown(node, dotted)
                else:
                    self._foreign(node, dotted)
            return updated
        if not row.new.startswith("antiphon."):
            if not inner or row.fate == "missing":
                self._by_hand(node, row, above)
            return updated
        if row.fate == "differs":
            self._note_once(node, row)
        if isinstance(node, cst.Name) and node.value != dotted.rpartition(".")[2]:
            return updated  # imported `as` something: the import keeps the local name
        return self.needs.spell(row.new)

    def _is_type_of_slot(self, node: cst.CSTNode, dotted: str, above: cst.CSTNode | None) -> bool:
        """Whether a provider's class stands in an annotation."""
        plugin = dotted.startswith("livekit.plugins.")
        gateway = dotted.startswith("livekit.agents.inference.")
        if not (plugin or gateway) or not is_model(dotted.split(".")[2:]):
            return False
        if isinstance(above, cst.Attribute | cst.Call):
            return False
        return any(isinstance(up, cst.Annotation) for up in self.reading.above(node))

    def _has_row(self, node: cst.CSTNode) -> bool:
        """Whether a name that this one begins with stands in the table."""
        while isinstance(node, cst.Attribute):
            node = node.value
            if find(self.reading.dotted(node) or "") is not None:
                return True
        return False

    def _unknown(self, node: cst.CSTNode, dotted: str) -> None:
        if isinstance(node, cst.Name) and self.reading.locals.get(node.value) == dotted:
            if dotted.count(".") < 2:
                return  # the bare package
        above = self.reading.parent(node)
        called = isinstance(above, cst.Call) and above.func is node
        if called and is_model(dotted.split(".")[2:]):
            return
        self.findings.left(self.reading.line(node), dotted, _UNKNOWN)

    def _foreign(self, node: cst.CSTNode, dotted: str) -> None:
        """A name of `livekit` itself: what only annotates runs wherever the package is."""
        annotates = any(isinstance(up, cst.Annotation) for up in self.reading.above(node))
        if dotted != LIVEKIT and not annotates and not self._hangs_up(node):
            self.findings.left(self.reading.line(node), dotted, foreign_text(dotted))

    def _hangs_up(self, node: cst.CSTNode) -> bool:
        """Whether a node is a part of what becomes `job.shutdown()`."""
        return any(up in self._hang_ups for up in self.reading.above(node))

    def _by_hand(self, node: cst.CSTNode, row: Row, above: cst.CSTNode | None) -> None:
        """A name that is no name here: what calls make of it is seen by `Calls`."""
        called = isinstance(above, cst.Call) and above.func is node
        if row.name == "log_metrics" and called and self.program.logger is not None:
            return
        annotates = any(isinstance(up, cst.Annotation) for up in self.reading.above(node))
        if row.fate == "missing" or (row.fate == "rewritten" and not called and not annotates):
            if row.name != "CloseReason":
                self.findings.left(self.reading.line(node), row.old, row.text or f"write {row.new}")
        elif row.fate == "rewritten" and annotates and row.name != "JobProcess":
            self.findings.left(self.reading.line(node), row.old, f"write {row.new}")

    def _note_once(self, node: cst.CSTNode, row: Row) -> None:
        if row.old not in self._noted:
            self._noted.add(row.old)
            self.findings.note(self.reading.line(node), row.old, row.text)

    def _member(self, node: cst.Attribute, updated: cst.Attribute) -> cst.BaseExpression:
        kind = self.reading.kind(node.value)
        row = None if kind is None else MEMBER.get(f"{owner_kind(kind)}.{node.attr.value}")
        if row is None and node.attr.value == "rtc_session":
            row = MEMBER["AgentServer.rtc_session"]
        if row is None:
            return updated
        if row.old == "JobContext.proc" and self._is_prewarmed(node):
            return updated
        if row.old == "JobContext.api" and self._hangs_up(node):
            return updated
        if row.fate == "renamed":
            self.findings.note(self.reading.line(node), row.old, row.text)
            return updated.with_changes(attr=updated.attr.with_changes(value=row.new))
        if row.fate == "missing":
            self.findings.left(self.reading.line(node), row.old, row.text)
        elif row.fate == "differs":
            self._note_once(node, row)
        return updated

    def _is_prewarmed(self, node: cst.Attribute) -> bool:
        return any(
            isinstance(up, cst.Subscript) and userdata_key(up) in self.program.prewarmed
            for up in self.reading.above(node)
        )

    def leave_Subscript(
        self, original_node: cst.Subscript, updated_node: cst.Subscript
    ) -> cst.BaseExpression:
        call = self.program.prewarmed.get(userdata_key(original_node) or "")
        if call is not None:
            return self.calls.model(call, quiet=True) or updated_node
        return updated_node

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.BaseExpression:
        if self.reading.dotted(original_node) is None:
            return updated_node
        return self.calls.annotation(updated_node)

    # Calls, and statements that consist of one

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        self._event_name(original_node)
        return self.calls.rewritten(original_node, updated_node)

    def leave_Await(self, original_node: cst.Await, updated_node: cst.Await) -> cst.BaseExpression:
        if original_node in self._hang_ups:
            self.findings.note(self.reading.line(original_node), "DeleteRoomRequest", NOTE)
            return shut_down(updated_node)
        return updated_node

    def _event_name(self, node: cst.Call) -> None:
        if not isinstance(node.func, cst.Attribute) or not node.args:
            return
        name = node.args[0].value
        if node.func.attr.value not in ("on", "once") or not isinstance(name, cst.SimpleString):
            return
        row = _EVENT_ROWS.get(str(name.evaluated_value))
        kind = self.reading.kind(node.func.value)
        if row is not None and row.fate == "missing" and kind in ("AgentSession", None):
            self.findings.left(self.reading.line(node), f'event "{row.old}"', row.text)

    def leave_Arg(
        self, original_node: cst.Arg, updated_node: cst.Arg
    ) -> cst.Arg | cst.RemovalSentinel:
        if self.calls.is_gone(updated_node.value):
            return cst.RemoveFromParent()
        return updated_node

    def leave_DictElement(
        self, original_node: cst.DictElement, updated_node: cst.DictElement
    ) -> cst.DictElement | cst.RemovalSentinel:
        if self.calls.is_gone(updated_node.value):
            return cst.RemoveFromParent()
        return updated_node

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        if len(original_node.body) == 1 and self.calls.is_needless(original_node.body[0]):
            return cst.RemoveFromParent()
        return updated_node

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> cst.If | cst.RemovalSentinel:
        test = original_node.test
        is_main = (
            isinstance(test, cst.Comparison)
            and isinstance(test.left, cst.Name)
            and test.left.value == "__name__"
        )
        empty = isinstance(updated_node.body, cst.IndentedBlock) and not updated_node.body.body
        if is_main and empty and updated_node.orelse is None:
            return cst.RemoveFromParent()
        return updated_node

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.BaseStatement | cst.RemovalSentinel | cst.FlattenSentinel[cst.BaseStatement]:
        if isinstance(self.reading.parent(original_node), cst.Module):
            name = original_node.name.value
            if name == self.program.setup:
                return cst.RemoveFromParent()
            if name == self.program.entry:
                return self.calls.entry_point(updated_node)
        return updated_node


class _LastTouch(cst.CSTTransformer):
    """Puts None where something that is gone was not an argument, and mends commas."""

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return cst.Name("None") if updated_node.value == Calls.GONE else updated_node

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        return updated_node.with_changes(args=_without_last_comma(updated_node.args))

    def leave_Dict(self, original_node: cst.Dict, updated_node: cst.Dict) -> cst.Dict:
        return updated_node.with_changes(elements=_without_last_comma(updated_node.elements))


ItemT = TypeVar("ItemT", cst.Arg, cst.BaseDictElement)


def _without_last_comma(items: Sequence[ItemT]) -> list[ItemT]:
    """Items without the comma that was between the last one and one that has been taken out."""
    kept = list(items)
    if kept and isinstance(kept[-1].comma, cst.Comma):
        after = kept[-1].comma.whitespace_after
        if isinstance(after, cst.SimpleWhitespace) and after.value == " ":
            kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return kept
