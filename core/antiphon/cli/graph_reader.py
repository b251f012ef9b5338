"""Reading the graph of a file: its agents, and who hands over to whom, as far as the source shows.

An edge is drawn for every agent that a method makes or keeps and passes on, helpers included, and
for every agent that a tool's annotation names.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import ModuleType

from ..agent import Agent
from ..app.app import App
from .graph import END, START, Edge, Graph, Node
from .sources import FunctionNode, Source, Sources, call_name, is_ready_made, methods

_ENDS = ("shutdown", "aclose", "EndCallTool", "end_call", "hangup", "delete_room")
"""What ends a call, by the name that is called."""
_PLAIN = ("staticmethod", "classmethod", "property")
"""Decorators of a helper; any other makes a tool."""
_GENERIC = ("Agent", "Handoff", "AgentTask")
"""Annotations that say that an agent comes, but not which."""


def graph_of(module: ModuleType) -> Graph:
    """The graph of a loaded file, and of the modules of the user's from which its agents come."""
    reader = _Reader()
    reader.read(module)
    return reader.graph


class _Reader:
    def __init__(self) -> None:
        self.graph = Graph()
        self._sources = Sources()
        self._names: dict[type[Agent], str] = {}
        self._kept: dict[tuple[type[Agent], str], set[type[Agent]]] = {}
        """Agents that are kept in `self.…`, by class and attribute."""
        self._todo: list[type[Agent]] = []

    def read(self, module: ModuleType) -> None:
        source = self._sources.of(module)
        if source is None:
            return
        for value in list(vars(module).values()):
            if isinstance(value, type) and issubclass(value, Agent) and not is_ready_made(value):
                self._node(value)
        self._starts(source)
        while self._todo:  # twice: what a class is given may be known only when all were read
            self._methods_of(self._todo.pop(0))
        for kind in list(self._names):
            self._methods_of(kind)
        self._direct_agents(source)

    def _node(self, kind: type[Agent]) -> Node | None:
        """The node of a class of the user's, or of a ready-made task; None for a base (`_Base`) and
        for others of the library."""
        name = self._names.get(kind)
        if name is not None:
            return self.graph.nodes[name]
        ready = is_ready_made(kind)
        if (not ready and self._sources.class_node(kind) is None) or kind.__name__.startswith("_"):
            return None
        name = kind.__name__
        if name in self.graph.nodes:
            name = f"{kind.__module__}.{name}"
        self._names[kind] = name
        node = Node(name, is_task=_is_task(kind))
        node.opaque = any(
            self._sources.class_node(base) is None
            and base.__module__.partition(".")[0] != "antiphon"
            for base in kind.__mro__[:-1]
            if issubclass(base, Agent)
        )
        # Ready-made tasks complete by themselves.
        node.is_complete = node.opaque or any(
            base.__module__.startswith("antiphon.") and base.__name__ not in _GENERIC
            for base in kind.__mro__[:-1]
            if issubclass(base, Agent)
        )
        self.graph.nodes[name] = node
        self._todo.append(kind)
        return node

    # Where a call begins

    def _starts(self, source: Source) -> None:
        found = False
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            name = call_name(
                node.func if not isinstance(node.func, ast.Subscript) else node.func.value
            )
            if name not in ("start", "AgentSession"):
                continue
            given = [each.value for each in node.keywords if each.arg == "agent"]
            if name == "start" and not given:
                given = node.args[:1]
            for expression in given:
                found |= self._start(source, expression)
        if not found and not any(isinstance(each, App) for each in vars(source.module).values()):
            own = [kind for kind in self._names if kind.__module__ == source.module.__name__]
            if len(own) == 1:  # what `antiphon talk` starts
                self.graph.add(Edge(START, self._names[own[0]], ""))

    def _start(self, source: Source, expression: ast.expr) -> bool:
        found = False
        for node in ast.walk(expression):
            if isinstance(node, ast.Call):
                kind = self._sources.agent_class(source, node.func)
                made = None if kind is None else self._node(kind)
                if made is not None:
                    self.graph.add(Edge(START, made.name, ""))
                    found = True
            elif isinstance(node, ast.Name):
                value = vars(source.module).get(node.id)
                if isinstance(value, Agent):
                    self.graph.add(Edge(START, self._direct(node.id, value), ""))
                    found = True
                else:
                    found |= self._assigned(source, node.id)
        return found

    def _assigned(self, source: Source, name: str) -> bool:
        """A local variable of the session function: `agent = Desk()`."""
        found = False
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in node.targets
            ):
                for each in _calls(node.value):
                    kind = self._sources.agent_class(source, each.func)
                    made = None if kind is None else self._node(kind)
                    if made is not None:
                        self.graph.add(Edge(START, made.name, ""))
                        found = True
        return found

    # Agents made of `Agent(…)` itself

    def _direct(self, name: str, agent: Agent) -> str:
        if type(agent) in self._names:
            return self._names[type(agent)]
        self.graph.nodes.setdefault(name, Node(name))
        return name

    def _direct_agents(self, source: Source) -> None:
        for name, value in vars(source.module).items():
            if not isinstance(value, Agent) or type(value) is not Agent:
                continue
            self._direct(name, value)
            assigned = source.top(name)
            if isinstance(assigned, ast.Assign):
                for call in _calls(assigned.value):
                    self._given_tools(name, source, call)

    # Methods

    def _methods_of(self, kind: type[Agent]) -> None:
        found: dict[str, tuple[Source, FunctionNode]] = {}
        for base in reversed(kind.__mro__):
            placed = self._sources.class_node(base)
            if placed is not None:
                for name, node in methods(placed[1]).items():
                    found[name] = (placed[0], node)
        for name, (source, function) in found.items():
            if name == "__init__":
                self._init(kind, source, function)
        called = {
            each.func.attr
            for _, function in found.values()
            for each in _calls(function)
            if isinstance(each.func, ast.Attribute) and _is_self(each.func.value)
        }
        for name, (source, function) in found.items():
            plain = all(call_name(each) in _PLAIN for each in function.decorator_list)
            is_helper = name in called and plain
            if name != "__init__" and not is_helper:
                walk = _Walk(self, kind, self._names[kind], found)
                walk.function(source, function, name)

    def _init(self, kind: type[Agent], source: Source, function: FunctionNode) -> None:
        for node in ast.walk(function):
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Attribute) and _is_self(target.value):
                        self._keep(kind, target.attr, source, node.value, function)
            elif isinstance(node, ast.Call):
                self._given_tools(self._names[kind], source, node)
                for made in self.steps(source, node):
                    self.edge(self._names[kind], made, "__init__")

    def _keep(
        self,
        kind: type[Agent],
        attribute: str,
        source: Source,
        value: ast.expr,
        function: FunctionNode,
    ) -> None:
        kept = self._kept.setdefault((kind, attribute), set())
        for node in ast.walk(value):
            if isinstance(node, ast.Call):
                made = self._sources.agent_class(source, node.func)
                if made is not None:
                    kept.add(made)
            elif isinstance(node, ast.Name):
                kept |= self._kept.get((kind, f"({node.id})"), set())

    def given(self, kind: type[Agent], call: ast.Call, origin: type[Agent] | None) -> None:
        """Notes that `kind(back_to=self)` gives it the agent that makes it."""
        if origin is None:
            return
        placed = self._sources.class_node(kind)
        init = None if placed is None else methods(placed[1]).get("__init__")
        names = [] if init is None else [argument.arg for argument in init.args.args[1:]]
        pairs = [(each.arg, each.value) for each in call.keywords]
        pairs += list(zip(names, call.args, strict=False))
        for name, value in pairs:
            if isinstance(value, ast.Name) and value.id == "self" and name is not None:
                self._kept.setdefault((kind, f"({name})"), set()).add(origin)

    def kept(self, kind: type[Agent], attribute: str) -> set[type[Agent]]:
        """The agents that may be in `self.…`."""
        return self._kept.get((kind, attribute), set())

    def _given_tools(self, owner: str, source: Source, call: ast.Call) -> None:
        """Functions in `tools=[…]`."""
        for keyword in call.keywords:
            if keyword.arg != "tools":
                continue
            for entry in ast.walk(keyword.value):
                if isinstance(entry, ast.Call) and call_name(entry.func) in _ENDS:
                    self.graph.add(Edge(owner, END, call_name(entry.func)))
                elif isinstance(entry, ast.Name):
                    found = self._sources.function(source, entry.id)
                    if found is not None:
                        _Walk(self, None, owner, {}).function(*found, entry.id)

    def steps(self, source: Source, call: ast.Call) -> list[type[Agent]]:
        """The tasks of `group.add(lambda: Name(), id=…)`, or `group.add(Name, id=…)`."""
        if call_name(call.func) != "add" or not any(each.arg == "id" for each in call.keywords):
            return []
        factories = [*call.args[:1], *(e.value for e in call.keywords if e.arg == "task_factory")]
        names: list[ast.expr] = []
        for factory in factories:
            names += [made.func for made in _calls(factory)] or [factory]
        found = [self._sources.agent_class(source, name) for name in names]
        return [kind for kind in found if kind is not None]

    def edge(self, owner: str, kind: type[Agent], label: str) -> None:
        """From an agent to one of a class."""
        node = self._node(kind)
        if node is not None:
            self.graph.add(Edge(owner, node.name, label, awaited=node.is_task))

    @property
    def sources(self) -> Sources:
        """What names stand for."""
        return self._sources


class _Walk:
    """One tool or hook of an agent, with the helpers that it calls."""

    def __init__(
        self,
        reader: _Reader,
        kind: type[Agent] | None,
        owner: str,
        methods: dict[str, tuple[Source, FunctionNode]],
    ) -> None:
        self._reader = reader
        self._kind = kind
        self._owner = owner
        self._methods = methods
        self._seen: set[FunctionNode] = set()

    def function(self, source: Source, function: FunctionNode, label: str) -> None:
        """Draws what one tool or hook leads to."""
        graph = self._reader.graph
        before = len(graph.edges)
        self._body(source, function, label)
        generic = False
        if function.returns is not None:
            for node in _annotation(function.returns):
                kind = self._reader.sources.agent_class(source, node)
                if kind is not None:
                    self._reader.edge(self._owner, kind, label)
                generic |= call_name(node) in _GENERIC
        drawn = any(edge.origin == self._owner and edge.label == label for edge in graph.edges)
        if generic and len(graph.edges) == before and not drawn:
            unseen = graph.nodes[self._owner].unseen
            if label not in unseen:
                unseen.append(label)

    def _body(self, source: Source, function: FunctionNode, label: str) -> None:
        if function in self._seen:
            return
        self._seen.add(function)
        reader = self._reader
        for node in _nodes(function):
            if isinstance(node, ast.Attribute) and _is_self(node.value) and self._kind is not None:
                for kind in reader.kept(self._kind, node.attr):
                    reader.edge(self._owner, kind, label)
            if not isinstance(node, ast.Call):
                continue
            made = reader.sources.agent_class(source, node.func)
            name = call_name(node.func)
            for step in reader.steps(source, node):
                reader.edge(self._owner, step, label)
            if made is not None:
                reader.edge(self._owner, made, label)
                reader.given(made, node, self._kind)
            elif name in _ENDS:
                reader.graph.add(Edge(self._owner, END, label))
            elif name == "complete" and self._kind is not None:
                reader.graph.nodes[self._owner].is_complete = True
            elif isinstance(node.func, ast.Attribute) and _is_self(node.func.value):
                if name in self._methods:
                    self._body(*self._methods[name], label)
            elif isinstance(node.func, ast.Name):
                found = reader.sources.function(source, name)
                if found is not None:
                    self._body(*found, label)


def _is_task(kind: type[Agent]) -> bool:
    return any(getattr(base, "__antiphon_task__", False) for base in kind.__mro__)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _nodes(function: FunctionNode) -> Iterator[ast.AST]:
    """What a function does; its decorators and annotations are no part of that."""
    for statement in function.body:
        yield from ast.walk(statement)


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield each


def _annotation(node: ast.expr) -> Iterator[ast.expr]:
    """The names in an annotation, those in quotes included."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute):
            yield each
        elif isinstance(each, ast.Constant) and isinstance(each.value, str):
            try:
                yield from _annotation(ast.parse(each.value, mode="eval").body)
            except SyntaxError:
                continue
