"""The floors of core (DESIGN, The house), checked on the syntax trees of its modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "antiphon"
PROVIDERS = ROOT / "providers" / "antiphon_providers"

MAX_LINES = 400

FLOORS: dict[int, tuple[str, ...]] = {
    0: (
        "_version",
        "audio",
        "clock",
        "conn_options",
        "dtmf",
        "errors",
        "given",
        "holding",
        "instructions",
        "logs",
        "options",
        "redaction",
        "slot",
        "text",
        "text_transforms",
    ),
    1: ("chat", "events", "listeners", "streams", "subprocesses", "timeline", "tools"),
    2: ("adapters", "llm", "stt", "transport", "tts", "turn_detector", "vad"),
    3: ("hookspecs", "model", "overriding", "provider", "registry", "settings"),
    4: (
        "agent",
        "end_call",
        "handoffs",
        "mcp",
        "nodes",
        "room_options",
        "run_context",
        "scopes",
        "session_options",
        "slot_values",
        "speech",
        "task",
        "tasks",
        "turn_handling",
    ),
    5: ("engine",),
    6: ("built_slots", "session", "session_runs", "session_view"),
    7: ("app", "background", "transports"),
    8: ("__main__", "cli", "testing"),
}
"""A module, or a package with all that is in it, imports from its own floor and those below."""

UPWARD: dict[tuple[str, str], str] = {
    ("session_runs", "testing.run_result"): "`session.run` gives what only tests ask for",
}
"""Imports inside functions that go up, (importer, imported): the reason."""


@dataclass(frozen=True)
class Edge:
    """`importer` imports `imported`, both as dotted names below `antiphon`."""

    importer: str
    imported: str
    line: int
    local: bool
    """Inside a function: made when that runs."""

    def __str__(self) -> str:
        path = MODULES[self.importer].relative_to(ROOT).as_posix()
        return f"{path}:{self.line} imports {self.imported or 'antiphon itself'}"


def _name(path: Path) -> str:
    parts = path.relative_to(CORE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(CORE.rglob("*.py"))}
"""By dotted name below `antiphon`; that itself is ""."""


def _imports(tree: ast.AST, local: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Import statements, but for those under TYPE_CHECKING, and whether they are in a function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, local
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield from _imports(ast.Module([other], []), local)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(node, local or function)


def _targets(node: ast.AST, importer: str, is_package: bool) -> set[str]:
    """The modules of core that an import statement names."""
    if isinstance(node, ast.Import):
        names = {each.name for each in node.names}
        return {
            name.partition(".")[2] for name in names if name.partition(".")[0] == "antiphon"
        } & set(MODULES)
    assert isinstance(node, ast.ImportFrom)
    if node.level:
        package = importer.split(".") if importer else []
        up = node.level - (1 if is_package else 0)
        base = package[: len(package) - up] if up else package
        base = base + (node.module.split(".") if node.module else [])
    else:
        first, *base = (node.module or "").split(".")
        if first != "antiphon":
            return set()
    module = ".".join(base)
    found = set()
    for each in node.names:
        child = f"{module}.{each.name}" if module else each.name
        found.add(child if child in MODULES else module)
    return found & set(MODULES)


def _edges() -> list[Edge]:
    edges = []
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for node, local in _imports(tree):
            for target in sorted(_targets(node, name, path.name == "__init__.py")):
                if target != name:
                    edges.append(Edge(name, target, getattr(node, "lineno", 0), local))
    return edges


EDGES = _edges()


def _floor(name: str) -> int | None:
    top = name.partition(".")[0]
    for floor, members in FLOORS.items():
        if top in members:
            return floor
    # The package itself shows what is public; only the command line may need it whole.
    return 9 if name == "" else None


def test_every_module_is_on_a_floor():
    homeless = sorted({name.partition(".")[0] for name in MODULES if _floor(name) is None})
    assert not homeless, f"add to FLOORS: {homeless}"


def test_there_is_no_import_cycle():
    graph: dict[str, list[str]] = {name: [] for name in MODULES}
    for edge in EDGES:
        if not edge.local:
            graph[edge.importer].append(edge.imported)
    done: set[str] = set()
    cycles: list[str] = []

    def visit(name: str, trail: list[str]) -> None:
        if name in trail:
            cycles.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in done:
            for other in graph[name]:
                visit(other, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    assert not cycles, "\n" + "\n".join(cycles)


def _upward(local: bool) -> list[Edge]:
    found = []
    for edge in EDGES:
        mine, theirs = _floor(edge.importer), _floor(edge.imported)
        if edge.local is local and mine is not None and theirs is not None and theirs > mine:
            found.append(edge)
    return found


def test_no_module_imports_from_a_floor_above():
    found = [str(edge) for edge in _upward(local=False)]
    assert not found, "\n" + "\n".join(found)


def test_imports_in_functions_go_up_only_where_it_is_documented():
    undocumented = [
        str(edge) for edge in _upward(local=True) if (edge.importer, edge.imported) not in UPWARD
    ]
    assert not undocumented, "\n" + "\n".join(undocumented)
    used = {(edge.importer, edge.imported) for edge in _upward(local=True)}
    assert set(UPWARD) - used == set(), "these exceptions are no longer needed"


def test_no_module_is_longer_than_400_lines():
    long = []
    for path in [*CORE.rglob("*.py"), *PROVIDERS.rglob("*.py")]:
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > MAX_LINES:
            long.append(f"{path.relative_to(ROOT).as_posix()} has {count} lines")
    assert not long, "look for the second noun:\n" + "\n".join(long)


def test_no_module_is_a_drawer_for_anything():
    assert [
        path.relative_to(ROOT).as_posix()
        for folder in (CORE, PROVIDERS)
        for path in folder.rglob("*.py")
        if path.stem in {"utils", "util", "helpers", "common", "misc"}
    ] == []
