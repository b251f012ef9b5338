"""A graph of agents: who hands over to whom, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

START = "start"
END = "end"
DEAD_END = "dead end: "


@dataclass(eq=False)
class Node:
    """An agent."""

    name: str
    is_task: bool = False
    unseen: list[str] = field(default_factory=list)
    """Tools that give an agent of which the source does not show which it is."""
    is_complete: bool = False
    """For a task: that it completes, or may do so where the source cannot be seen."""
    opaque: bool = False
    """Its class, or a base of it, is not the user's: it may do what cannot be seen."""


@dataclass(frozen=True)
class Edge:
    """A way from one agent to another."""

    origin: str
    target: str
    label: str
    awaited: bool = False
    """To a task, which gives control back."""


@dataclass
class Graph:
    """What is drawn."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def add(self, edge: Edge) -> None:
        """Adds an edge once."""
        if edge not in self.edges:
            self.edges.append(edge)

    def reached(self) -> set[str]:
        """The names of those that can be reached from the start."""
        found, new = {START}, [START]
        while new:
            name = new.pop()
            for edge in self.edges:
                if edge.origin == name and edge.target not in found:
                    found.add(edge.target)
                    new.append(edge.target)
        return found

    def problems(self) -> list[str]:
        """Dead ends, tasks that never complete, and agents that nobody can reach, in sentences."""
        found = [sentence for _, sentence in self._wrong()]
        if self.nodes and not any(edge.origin == START for edge in self.edges):
            found.append("no session.start(agent=…) shows which agent is the first")
        return found

    def failures(self) -> list[str]:
        """Those of them that cannot be meant: a dead end may be one, the caller can hang up."""
        return [problem for problem in self.problems() if not problem.startswith(DEAD_END)]

    def wrong(self) -> list[str]:
        """The names of those agents, each once."""
        return list(dict.fromkeys(name for name, _ in self._wrong()))

    def _wrong(self) -> Iterator[tuple[str, str]]:
        starts = any(edge.origin == START for edge in self.edges)
        reached = self.reached()
        alone = sum(not node.is_task for node in self.nodes.values()) == 1
        for node in self.nodes.values():
            ways = [edge for edge in self.edges if edge.origin == node.name]
            out = any(not edge.awaited for edge in ways) or bool(node.unseen) or node.opaque
            if node.is_task and not (node.is_complete or out):
                yield node.name, f"task {node.name} never completes: it does not call complete(…)"
            elif not (node.is_task or out or alone):
                what = "hands over to nobody and does not end the call"
                yield node.name, f"{DEAD_END}{node.name} {what}"
            if starts and node.name not in reached:
                yield node.name, f"nobody can reach {node.name}: no agent hands over to it"
