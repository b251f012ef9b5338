"""The sources of the user's modules, as syntax trees, and what a name in them stands for."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

from ..agent import Agent

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, eq=False)
class Source:
    """A module of the user's: itself and its tree."""

    module: ModuleType
    tree: ast.Module

    def top(self, name: str) -> ast.stmt | None:
        """The statement at module level that defines a name: a function, a class, an assignment."""
        for node in self.tree.body:
            if isinstance(node, FunctionNode | ast.ClassDef) and node.name == name:
                return node
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in node.targets
            ):
                return node
        return None

    def imported(self, name: str) -> tuple[ModuleType, str] | None:
        """Where a name comes from, by an import anywhere in the module, if that is loaded."""
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.ImportFrom):
                continue
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    module = self._module(node)
                    return None if module is None else (module, alias.name)
        return None

    def _module(self, node: ast.ImportFrom) -> ModuleType | None:
        name = node.module or ""
        if node.level:
            package = self.module.__package__ or ""
            try:
                name = importlib.util.resolve_name("." * node.level + name, package)
            except ImportError:
                return None
        return sys.modules.get(name)


class Sources:
    """Reads each module once."""

    def __init__(self) -> None:
        self._known: dict[str, Source | None] = {}

    def of(self, module: ModuleType) -> Source | None:
        """The source of a module; None for what is not the user's: installed or of the library."""
        name = module.__name__
        if name not in self._known:
            self._known[name] = self._read(module)
        return self._known[name]

    @staticmethod
    def _read(module: ModuleType) -> Source | None:
        file = getattr(module, "__file__", None)
        if file is None or not file.endswith(".py") or _is_ours(module):
            return None
        path = Path(file).resolve()
        if any(path.is_relative_to(folder) for folder in _foreign()):
            return None
        try:
            return Source(module, ast.parse(path.read_bytes()))
        except (OSError, SyntaxError, ValueError):
            return None

    def class_node(self, kind: type[Any]) -> tuple[Source, ast.ClassDef] | None:
        """Where a class of the user's is defined, if at module level."""
        module = sys.modules.get(kind.__module__)
        source = None if module is None else self.of(module)
        if source is None:
            return None
        node = source.top(kind.__name__)
        return (source, node) if isinstance(node, ast.ClassDef) else None

    def function(self, source: Source, name: str) -> tuple[Source, FunctionNode] | None:
        """A function of the user's that a name in a module stands for."""
        node = source.top(name)
        if isinstance(node, FunctionNode):
            return source, node
        found = source.imported(name)
        if found is None:
            return None
        other = self.of(found[0])
        if other is None or other is source:
            return None
        return self.function(other, found[1])

    @staticmethod
    def value(source: Source, node: ast.expr) -> Any:
        """What `name` or `module.name` is at run time; None for anything else."""
        if isinstance(node, ast.Subscript):  # Collect[int](…)
            node = node.value
        if isinstance(node, ast.Name):
            found = vars(source.module).get(node.id)
            if found is None:
                imported = source.imported(node.id)
                found = None if imported is None else getattr(imported[0], imported[1], None)
            return found
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            holder = vars(source.module).get(node.value.id)
            return getattr(holder, node.attr, None) if isinstance(holder, ModuleType) else None
        return None

    def agent_class(self, source: Source, node: ast.expr) -> type[Agent] | None:
        """The subclass of `Agent` that an expression names, the user's or a ready-made task; else
        None."""
        value = self.value(source, node)
        if not isinstance(value, type) or not issubclass(value, Agent):
            return None
        kind: type[Agent] = value
        ours = kind.__module__.partition(".")[0] == "antiphon"
        return None if ours and not is_ready_made(kind) else kind


def is_ready_made(kind: type[Agent]) -> bool:
    """Whether it is a task of the library that is done as it is, as `GetEmailTask` is."""
    home, _, rest = kind.__module__.partition(".")
    is_task = rest.partition(".")[0] == "tasks" and getattr(kind, "__antiphon_task__", False)
    return home == "antiphon" and is_task and kind.__name__ != "TaskGroup"


def _is_ours(module: ModuleType) -> bool:
    """Of the library itself, which a checkout does not have among what is installed."""
    return module.__name__.partition(".")[0] == "antiphon"


def _foreign() -> Iterator[Path]:
    for name in ("stdlib", "purelib", "platlib"):
        yield Path(sysconfig.get_path(name)).resolve()


def methods(node: ast.ClassDef) -> dict[str, FunctionNode]:
    """The methods of a class, by name."""
    return {each.name: each for each in node.body if isinstance(each, FunctionNode)}


def call_name(node: ast.expr) -> str:
    """The last part of what is called: `shutdown` of `self.session.shutdown`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
