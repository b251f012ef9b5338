"""Reading a source: which of its names are livekit-agents', and what its variables are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import libcst as cst
from libcst.metadata import (
    Assignment,
    BaseAssignment,
    ImportAssignment,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    Scope,
    ScopeProvider,
)

from .events import EVENT_CLASSES
from .table import LIVEKIT, find

KINDS = {
    "Agent",
    "AgentServer",
    "AgentSession",
    "AudioConfig",
    "AudioFrame",
    "BackgroundAudioPlayer",
    "ChatContext",
    "ChatMessage",
    "EndCallTool",
    "JobContext",
    "JobProcess",
    "RunContext",
    "RunResult",
    "SpeechHandle",
}
TASKS = {
    "AgentTask",
    "GetAddressTask",
    "GetDOBTask",
    "GetDtmfTask",
    "GetEmailTask",
    "GetNameTask",
    "GetPhoneNumberTask",
    "TaskGroup",
}
"""Kinds of agents."""
"""Classes whose members the table knows; the classes of events come to them."""
_HERE = {"App": "AgentServer"}
"""Ours, for sources that have been rewritten already."""
_ATTRIBUTES = {
    ("Agent", "session"): "AgentSession",
    ("Agent", "chat_ctx"): "ChatContext",
    ("AgentSession", "current_agent"): "Agent",
    ("AgentSession", "history"): "ChatContext",
    ("AgentSession", "current_speech"): "SpeechHandle",
    ("RunContext", "session"): "AgentSession",
    ("RunContext", "speech_handle"): "SpeechHandle",
    ("JobContext", "proc"): "JobProcess",
    ("JobContext", "room"): "Room",
    ("Room", "local_participant"): "LocalParticipant",
}
_RETURNS = {
    ("AgentSession", "say"): "SpeechHandle",
    ("AgentSession", "generate_reply"): "SpeechHandle",
    ("AgentSession", "run"): "RunResult",
    ("ChatContext", "copy"): "ChatContext",
    ("ChatContext", "truncate"): "ChatContext",
    ("ChatContext", "merge"): "ChatContext",
    ("ChatContext", "empty"): "ChatContext",
    ("ChatContext", "add_message"): "ChatMessage",
}
_HOOKS = {
    "on_user_turn_completed": {1: "ChatContext", 2: "ChatMessage"},
    "llm_node": {1: "ChatContext"},
}


class Reading:
    """A parsed source with its scopes: nodes are those of `module`."""

    def __init__(self, module: cst.Module) -> None:
        wrapper = MetadataWrapper(module)
        self.module = wrapper.module
        self._positions = wrapper.resolve(PositionProvider)
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._scopes = wrapper.resolve(ScopeProvider)
        self.names: dict[cst.CSTNode, str] = {}
        """What a name or dotted name stands for: a dotted name of livekit's, or of antiphon's."""
        self.locals: dict[str, str] = {}
        """What the imports of livekit bind: by the local name."""
        self.taken: set[str] = set()
        """Names that the source binds to something else."""
        self._read_scopes()

    def line(self, node: cst.CSTNode) -> int:
        """The line that a node begins in."""
        return self._positions[node].start.line

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """What a node is in."""
        return self._parents.get(node)

    def above(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """What a node is in, from the inside out."""
        parent = self.parent(node)
        while parent is not None:
            yield parent
            parent = self.parent(parent)

    def scope(self, node: cst.CSTNode) -> Scope | None:
        """The scope that a node stands in."""
        return self._scopes.get(node)

    def dotted(self, node: cst.CSTNode) -> str | None:
        """What a name stands for, or None when it is none of livekit's."""
        name = self.names.get(node)
        return name if name is not None and name.startswith(LIVEKIT) else None

    def _read_scopes(self) -> None:
        scopes: dict[int, Scope] = {}
        for scope in self._scopes.values():
            if isinstance(scope, Scope):
                scopes.setdefault(id(scope), scope)
        for scope in scopes.values():
            for assignment in scope.assignments:
                if isinstance(assignment, ImportAssignment):
                    base = _imported(assignment)
                    if base is None:
                        self.taken.add(assignment.name.partition(".")[0])
                        continue
                    self.locals.setdefault(assignment.name, base)
                    for access in assignment.references:
                        self._name_chain(access.node, assignment, base)
                elif isinstance(assignment, Assignment):
                    self.taken.add(assignment.name.partition(".")[0])

    def _name_chain(self, node: cst.CSTNode, by: ImportAssignment, base: str) -> None:
        """Notes what an access, and each dotted name that it begins, stands for."""
        root: cst.CSTNode = node
        while isinstance(root, cst.Attribute):
            root = root.value
        whole = isinstance(by.node, cst.Import) and "." in by.name
        dotted = base.partition(".")[0] if whole or by.name == LIVEKIT else base
        current: cst.CSTNode | None = root
        while current is not None:
            self.names[current] = dotted
            above = self.parent(current)
            if not (isinstance(above, cst.Attribute) and above.value is current):
                return
            current, dotted = above, f"{dotted}.{above.attr.value}"

    # Kinds

    def kind(self, node: cst.CSTNode, depth: int = 0) -> str | None:
        """The class of a value, by its livekit-agents name, as far as the source says it."""
        if depth > 8:
            return None
        if isinstance(node, cst.Await):
            return self.kind(node.expression, depth + 1)
        if isinstance(node, cst.Name):
            return self._kind_of_name(node, depth)
        if isinstance(node, cst.Attribute):
            owner = _base(self.kind(node.value, depth + 1))
            return None if owner is None else _ATTRIBUTES.get((owner, node.attr.value))
        if isinstance(node, cst.Call):
            return self._kind_of_call(node, depth)
        return None

    def class_kind(self, node: cst.CSTNode | None, depth: int = 0) -> str | None:
        """The class that a name, a subscript or an annotation stands for."""
        if node is None or depth > 8:
            return None
        if isinstance(node, cst.Annotation):
            return self.class_kind(node.annotation, depth + 1)
        if isinstance(node, cst.Subscript):
            return self.class_kind(node.value, depth + 1)
        if isinstance(node, cst.BinaryOperation):  # X | None
            left = self.class_kind(node.left, depth + 1)
            return left or self.class_kind(node.right, depth + 1)
        if isinstance(node, cst.SimpleString):
            last = str(node.evaluated_value).partition("[")[0].rpartition(".")[2]
            return _known(last)
        name = self.names.get(node)
        if name is not None:
            row = find(name)
            return _known((row.old if row is not None else name).rpartition(".")[2])
        if isinstance(node, cst.Name):
            for definition in self._definitions(node):
                if isinstance(definition, cst.ClassDef):
                    for base in definition.bases:
                        kind = self.class_kind(base.value, depth + 1)
                        if kind is not None:
                            return kind
        return None

    def _definitions(self, node: cst.Name) -> list[cst.CSTNode]:
        scope = self.scope(node)
        if scope is None:
            return []
        found: Sequence[BaseAssignment] = sorted(
            scope[node.value], key=lambda each: getattr(each, "index", 0)
        )
        return [each.node for each in found if isinstance(each, Assignment)]

    def _kind_of_name(self, node: cst.Name, depth: int) -> str | None:
        for definition in self._definitions(node):
            kind = self._kind_of_definition(definition, depth + 1)
            if kind is not None:
                return kind
        return None

    def _kind_of_definition(self, node: cst.CSTNode, depth: int) -> str | None:
        if isinstance(node, cst.Param):
            return self._kind_of_parameter(node)
        above = self.parent(node)
        if isinstance(above, cst.AnnAssign):
            return self.class_kind(above.annotation)
        if isinstance(above, cst.AsName):
            item = self.parent(above)
            return self.kind(item.item, depth) if isinstance(item, cst.WithItem) else None
        if isinstance(above, cst.AssignTarget):
            assign = self.parent(above)
            return self.kind(assign.value, depth) if isinstance(assign, cst.Assign) else None
        return None

    def _kind_of_parameter(self, node: cst.Param) -> str | None:
        if node.annotation is not None:
            return self.class_kind(node.annotation)
        function = next((up for up in self.above(node) if isinstance(up, cst.FunctionDef)), None)
        if function is None:
            return None
        home = next(
            (up for up in self.above(function) if isinstance(up, cst.ClassDef | cst.FunctionDef)),
            None,
        )
        kind = self._class_of(home) if isinstance(home, cst.ClassDef) else None
        if kind is None:
            return None
        place = next((i for i, param in enumerate(function.params.params) if param is node), -1)
        return kind if place == 0 else _HOOKS.get(function.name.value, {}).get(place)

    def _class_of(self, node: cst.ClassDef) -> str | None:
        for base in node.bases:
            kind = self.class_kind(base.value)
            if kind is not None:
                return kind
        return None

    def enclosing_agent(self, node: cst.CSTNode) -> str | None:
        """The kind of the class that a node stands in, e.g. for `super().__init__(…)`."""
        home = next((up for up in self.above(node) if isinstance(up, cst.ClassDef)), None)
        return None if home is None else self._class_of(home)

    def _kind_of_call(self, node: cst.Call, depth: int) -> str | None:
        kind = self.class_kind(node.func, depth + 1)
        if kind is not None:
            return kind
        if self.names.get(node.func, "").endswith(".get_job_context"):
            return "JobContext"
        if isinstance(node.func, cst.Attribute):
            owner = _base(self.kind(node.func.value, depth + 1)) or self.class_kind(node.func.value)
            return None if owner is None else _RETURNS.get((owner, node.func.attr.value))
        return None


def _base(kind: str | None) -> str | None:
    return "Agent" if kind in TASKS else kind


def owner_kind(kind: str | None) -> str | None:
    """The kind under which the table lists the members of a class."""
    return _base(kind)


def _known(name: str) -> str | None:
    if name in KINDS or name in TASKS or name in EVENT_CLASSES:
        return name
    for old, new in EVENT_CLASSES.items():
        if name == new:
            return old
    return _HERE.get(name)


def _imported(assignment: ImportAssignment) -> str | None:
    """The dotted name that an import of livekit's, or of ours, binds; None for other imports."""
    node: Any = assignment.node
    if isinstance(node, cst.ImportFrom):
        if node.relative or node.module is None or isinstance(node.names, cst.ImportStar):
            return None
        module = dotted_text(node.module)
        for alias in node.names:
            if alias.evaluated_alias == assignment.name or (
                alias.asname is None and alias.evaluated_name == assignment.name
            ):
                name = f"{module}.{alias.evaluated_name}"
                return name if _ours(name) else None
        return None
    for alias in node.names:
        name = alias.evaluated_name
        bound = alias.evaluated_alias or name
        if bound == assignment.name or name.startswith(f"{assignment.name}."):
            return name if _ours(name) else None
    return None


def _ours(name: str) -> bool:
    return name.partition(".")[0] in (LIVEKIT, "antiphon")


def dotted_text(node: cst.BaseExpression) -> str:
    """`a.b.c` of a name or a chain of attributes."""
    if isinstance(node, cst.Attribute):
        return f"{dotted_text(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def root_name(node: cst.CSTNode) -> str:
    """The first name of a chain of attributes; "" for a type in quotes."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return node.value if isinstance(node, cst.Name) else ""
