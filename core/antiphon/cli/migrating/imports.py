"""The import lines of a rewritten source."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

import libcst as cst

from .findings import Findings
from .needs import Needs
from .reading import Reading, dotted_text, root_name
from .table import LIVEKIT, find, is_agents, is_foreign

_WIDTH = 88
_STAR = "a star import hides what is used; import by name, then run this again"
_FOREIGN = "the package `livekit` itself: antiphon needs it for rooms on a server only"


def rewrite_imports(module: cst.Module, needs: Needs, findings: Findings) -> cst.Module:
    """Takes out the imports that nothing needs any more, and adds those that are needed now.

    The new ones stand where the first import of livekit-agents stood.
    """
    reading = Reading(module)
    used = {
        (root_name(node), dotted)
        for node, dotted in reading.names.items()
        if dotted.startswith(LIVEKIT)
    }
    written = _words(reading.module)
    for dotted in [each for each in needs.names if each.rpartition(".")[2] not in written]:
        del needs.names[dotted]
    rewriter = _Imports(reading, needs, findings, used)
    changed = reading.module.visit(rewriter)
    lines = _new_lines(rewriter.wanted(), rewriter.wanted_modules())
    if not lines:
        return changed
    place = rewriter.place if rewriter.place is not None else _behind_head(changed)
    body = list(changed.body)
    leading = rewriter.leading
    lines[0] = lines[0].with_changes(leading_lines=leading)
    return changed.with_changes(body=[*body[:place], *lines, *body[place:]])


class _Imports(cst.CSTTransformer):
    def __init__(
        self, reading: Reading, needs: Needs, findings: Findings, used: set[tuple[str, str]]
    ) -> None:
        self._reading = reading
        self._needs = needs
        self._findings = findings
        self._used = used
        self._aliased: dict[tuple[str, str], None] = {}
        self._comments: list[cst.EmptyLine] = []
        self.place: int | None = None
        """Where in the module's body the first import of livekit-agents stood."""
        self.leading: list[cst.EmptyLine] = []
        """The lines above it, and comments of imports that are gone."""
        self._seen = 0

    def wanted(self) -> dict[str, list[tuple[str, str]]]:
        """By module of antiphon: names, and what they are called here if that is another name."""
        found: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
        present = self._present()
        for dotted in self._needs.names:
            home, _, name = dotted.rpartition(".")
            if (home, name) not in present:
                found[home][(name, "")] = None
        for dotted, alias in self._aliased:
            home, _, name = dotted.rpartition(".")
            found[home][(name, alias)] = None
        return {home: list(names) for home, names in sorted(found.items())}

    def wanted_modules(self) -> list[str]:
        """The modules of antiphon that are to be imported whole, and are not."""
        present = {
            alias.evaluated_name
            for statement in self._reading.module.body
            if isinstance(statement, cst.SimpleStatementLine)
            for small in statement.body
            if isinstance(small, cst.Import)
            for alias in small.names
        }
        return sorted(set(self._needs.modules) - present)

    def _present(self) -> set[tuple[str, str]]:
        """What the source imports from antiphon at its top already."""
        present: set[tuple[str, str]] = set()
        for statement in self._reading.module.body:
            if not isinstance(statement, cst.SimpleStatementLine):
                continue
            for small in statement.body:
                if (
                    isinstance(small, cst.ImportFrom)
                    and small.module is not None
                    and not isinstance(small.names, cst.ImportStar)
                ):
                    home = dotted_text(small.module)
                    present |= {
                        (home, alias.evaluated_name)
                        for alias in small.names
                        if alias.asname is None
                    }
        return present

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.RemovalSentinel:
        at_top = isinstance(self._reading.parent(original_node), cst.Module)
        if at_top:
            self._seen += 1
        touched = False
        kept: list[cst.BaseSmallStatement] = []
        for original, small in zip(original_node.body, updated_node.body, strict=True):
            result: cst.BaseSmallStatement | None = small
            if isinstance(original, cst.ImportFrom | cst.Import) and self._is_ours(original):
                touched = True
                result = self._import(original, at_top)
            if result is not None:
                kept.append(result)
        if not touched:
            return updated_node
        comments = self._loose(original_node)
        changed = len(kept) < len(original_node.body) or any(
            a is not b for a, b in zip(kept, original_node.body, strict=False)
        )
        if at_top and self.place is None and (changed or not kept):
            removed = 0 if kept else 1
            self.place = self._index(original_node) - self._removed
            self.leading = [*original_node.leading_lines]
            self._removed += removed
            if not kept:
                self.leading += comments
                return cst.RemoveFromParent()
            return updated_node.with_changes(body=kept, leading_lines=[])
        if kept:
            return updated_node.with_changes(body=kept)
        if at_top:
            self._removed += 1
            self.leading += [
                each for each in original_node.leading_lines if each.comment is not None
            ] + comments
        return cst.RemoveFromParent()

    _removed = 0

    def _index(self, node: cst.CSTNode) -> int:
        return next(i for i, each in enumerate(self._reading.module.body) if each is node)

    @staticmethod
    def _is_ours(node: cst.ImportFrom | cst.Import) -> bool:
        if isinstance(node, cst.ImportFrom):
            if node.relative or node.module is None:
                return False
            return dotted_text(node.module).partition(".")[0] == LIVEKIT
        return any(alias.evaluated_name.partition(".")[0] == LIVEKIT for alias in node.names)

    def _import(
        self, node: cst.ImportFrom | cst.Import, at_top: bool
    ) -> cst.BaseSmallStatement | None:
        """What is left of an import statement: the node itself when nothing has changed."""
        if isinstance(node, cst.ImportFrom) and isinstance(node.names, cst.ImportStar):
            if node.module is not None:
                self._findings.left(
                    self._reading.line(node), f"from {dotted_text(node.module)} import *", _STAR
                )
            return node
        assert not isinstance(node.names, cst.ImportStar)
        prefix = ""
        if isinstance(node, cst.ImportFrom) and node.module is not None:
            prefix = dotted_text(node.module) + "."
        kept = [alias for alias in node.names if self._is_needed(node, prefix, alias)]
        if len(kept) == len(node.names):
            return node
        if not kept:
            return None
        last = kept[-1].with_changes(
            comma=node.names[-1].comma
            if isinstance(node, cst.ImportFrom)
            else cst.MaybeSentinel.DEFAULT
        )
        return node.with_changes(names=[*kept[:-1], last])

    def _is_needed(
        self, node: cst.ImportFrom | cst.Import, prefix: str, alias: cst.ImportAlias
    ) -> bool:
        dotted = prefix + alias.evaluated_name
        if dotted.partition(".")[0] != LIVEKIT:
            return True
        if is_foreign(dotted):
            is_used = self._is_used(alias, dotted)
            if is_used:
                self._findings.note(self._reading.line(node), dotted, _FOREIGN)
            return is_used
        if not is_agents(dotted):
            return True
        row = find(dotted)
        local = alias.evaluated_alias
        if row is not None and row.new.startswith("antiphon."):
            if local is not None and local != row.name:
                self._aliased[row.new, local] = None
            elif row.new not in self._needs.names:
                # Imported for others, or for nobody: it moves all the same.
                self._needs.spell(row.new)
            return False
        return self._is_used(alias, dotted)

    def _is_used(self, alias: cst.ImportAlias, dotted: str) -> bool:
        """Whether what an import binds is still written somewhere."""
        local = alias.evaluated_alias or alias.evaluated_name.partition(".")[0]
        return any(
            root in (local, "") and (name == dotted or name.startswith(f"{dotted}."))
            for root, name in self._used
        )

    @staticmethod
    def _loose(node: cst.SimpleStatementLine) -> list[cst.EmptyLine]:
        """The comments within and behind a statement, as lines of their own."""
        found: list[cst.EmptyLine] = []

        class Comments(cst.CSTVisitor):
            def visit_Comment(self, node: cst.Comment) -> None:
                if not node.value.startswith(("# noqa", "# type:", "# isort", "# pylint")):
                    found.append(cst.EmptyLine(indent=False, comment=node))

        for small in node.body:
            small.visit(Comments())
        node.trailing_whitespace.visit(Comments())
        return found


def _words(module: cst.Module) -> set[str]:
    """Every name in the code of a source, in types in quotes too, but for those of imports."""
    found: set[str] = set()

    class Words(cst.CSTVisitor):
        def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
            return False

        def visit_Name(self, node: cst.Name) -> None:
            found.add(node.value)

        def visit_SimpleString(self, node: cst.SimpleString) -> None:
            if len(node.value) < 200:
                found.update(re.findall(r"\w+", node.value))

    module.visit(Words())
    return found


def _new_lines(
    wanted: dict[str, list[tuple[str, str]]], modules: list[str]
) -> list[cst.SimpleStatementLine]:
    lines = [f"import {module}" for module in modules]
    for home, names in wanted.items():
        shown = [
            f"{name} as {alias}" if alias else name for name, alias in sorted(names, key=_order)
        ]
        line = f"from {home} import {', '.join(shown)}"
        if len(line) > _WIDTH:
            inner = "".join(f"    {each},\n" for each in shown)
            line = f"from {home} import (\n{inner})"
        lines.append(line)
    statements = [cst.parse_statement(line + "\n") for line in lines]
    return [each for each in statements if isinstance(each, cst.SimpleStatementLine)]


def _order(pair: tuple[str, str]) -> tuple[int, str]:
    """Constants, classes, functions: as import sorters have it."""
    name = pair[0]
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


def _behind_head(module: cst.Module) -> int:
    """The place behind the docstring and the imports from `__future__`."""
    place = 0
    body: Sequence[cst.BaseStatement] = list(module.body)
    for index, statement in enumerate(body):
        small = statement.body[0] if isinstance(statement, cst.SimpleStatementLine) else None
        is_docstring = isinstance(small, cst.Expr) and isinstance(small.value, cst.SimpleString)
        is_future = (
            isinstance(small, cst.ImportFrom)
            and small.module is not None
            and dotted_text(small.module) == "__future__"
        )
        if not (is_docstring and index == 0) and not is_future:
            break
        place = index + 1
    return place
