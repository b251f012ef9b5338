"""What providers, contrib and core may import and name: each knows the other by the public API."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "antiphon"
PROVIDERS = ROOT / "providers" / "antiphon_providers"
CONTRIB = ROOT / "contrib"
PACKAGES = sorted(path.parent.name for path in PROVIDERS.glob("*/__init__.py"))

VENDORS = ("anthropic", "cartesia", "deepgram", "elevenlabs", "livekit", "ollama", "openai")
"""Names that will be those of providers one day."""
ORDINARY_WORDS = {"demo", "rules"}
"""Providers whose name is an English word: only what can be a model string is found."""
_MIGRATION = [CORE / "cli" / "migrate.py", *sorted((CORE / "cli" / "migrating").glob("*.py"))]
# There `livekit` is the framework that programs come from, not a provider.
ALLOWED_NAMES: dict[str, set[str]] = {
    path.relative_to(CORE).as_posix(): {"livekit"}
    for path in _MIGRATION
    if "livekit" in path.read_text(encoding="utf-8")
}
"""Files of core, by their path below core/antiphon, that may name something, and what."""

CLOCKS = {"datetime", "random", "secrets", "time", "uuid"}


def _modules(*folders: Path) -> list[Path]:
    return sorted(
        path for folder in folders for path in folder.rglob("*.py") if ".venv" not in path.parts
    )


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT).as_posix()}:{getattr(node, 'lineno', 0)}"


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _run_time_imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import but those of type checkers, in functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif _is_type_checking(node):
            assert isinstance(node, ast.If)
            for other in node.orelse:
                yield from _run_time_imports(ast.Module([other], []))
        else:
            yield from _run_time_imports(node)


def test_there_are_providers_to_look_at():
    assert {"espeak", "pocketsphinx", "rules", "silero"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_provider_package_imports_nothing_but_antiphon(package):
    script = f"""
import json, sys
import antiphon
before = set(sys.modules)
import antiphon_providers.{package}
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    tops = {name.partition(".")[0] for name in json.loads(done.stdout)}
    # pluggy is what `antiphon.hookspecs.hookimpl` is made of.
    foreign = tops - sys.stdlib_module_names - {"antiphon", "antiphon_providers", "pluggy"}
    assert foreign == set(), f"importing antiphon_providers.{package} loads {sorted(foreign)}"


def test_providers_and_contrib_import_nothing_private_from_core():
    found = []
    for path in _modules(PROVIDERS, CONTRIB):
        for node in ast.walk(_parse(path)):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [each.name for each in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [f"{node.module}.{each.name}" for each in node.names]
            for name in names:
                first, *rest = name.split(".")
                private = any(re.match(r"_(?!_.*__$)", part) for part in rest)
                if first == "antiphon" and (private or rest[:1] == ["engine"]):
                    found.append(f"{_place(path, node)}: {name}")
    assert not found, "\n" + "\n".join(found)


def _names_of_providers() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = project["entry-points"]
    return sorted({*groups["antiphon.providers"], *groups["antiphon.plugins"], *VENDORS})


def test_core_names_no_provider():
    found = []
    patterns = {
        name: re.compile(
            rf"[\"'`]{name}[\"'`/:]" if name in ORDINARY_WORDS else name, re.IGNORECASE
        )
        for name in _names_of_providers()
    }
    for path in _modules(CORE):
        relative = path.relative_to(CORE).as_posix()
        allowed = ALLOWED_NAMES.get(relative, set())
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for name, pattern in patterns.items():
                if name not in allowed and pattern.search(line):
                    found.append(f"core/antiphon/{relative}:{number}: {name}: {line.strip()}")
            if "antiphon_providers" in line:
                found.append(f"core/antiphon/{relative}:{number}: {line.strip()}")
    assert not found, "\n" + "\n".join(found)


def test_the_allow_list_of_names_is_in_use():
    for relative, names in ALLOWED_NAMES.items():
        text = (CORE / relative).read_text(encoding="utf-8").lower()
        assert [name for name in names if name not in text] == []


def test_no_clock_chance_or_id_but_those_of_the_clock_module():
    found = []
    for path in _modules(CORE, PROVIDERS):
        relative = path.relative_to(ROOT).as_posix()
        if relative == "core/antiphon/clock.py" or relative.startswith("core/antiphon/cli/"):
            continue
        for node in _run_time_imports(_parse(path)):
            if isinstance(node, ast.Import):
                names = {each.name.partition(".")[0] for each in node.names}
            else:
                names = {(node.module or "").partition(".")[0]} if not node.level else set()
            found += [f"{_place(path, node)}: {name}" for name in sorted(names & CLOCKS)]
    assert not found, "\n" + "\n".join(found)
