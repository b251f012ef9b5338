"""Sources on disk: finding them, rewriting them, and what is to be told of each."""

from __future__ import annotations

import difflib
import os
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path

from ...errors import ConfigurationError, did_you_mean
from .findings import Finding

_SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist"}
_OURS = re.compile(rb"\b(livekit|antiphon)\b")
_LIMIT = 5_000_000
"""Bytes; a source that is longer is generated."""


@dataclass(slots=True)
class Migrated:
    """What became of one file."""

    path: Path
    before: str = ""
    after: str = ""
    encoding: str = "utf-8"
    findings: list[Finding] = field(default_factory=list)
    """By the lines of the file as it was; of `left` ones, once it is written, as it is."""
    providers: list[str] = field(default_factory=list)
    error: str = ""
    """Why it could not be read or written, with the line where there is one."""
    unwritten: bool = False
    """Whether it is the writing that failed."""

    @property
    def changed(self) -> bool:
        """Whether there is anything to write."""
        return self.after != self.before

    @property
    def left(self) -> list[Finding]:
        """What its author has to write."""
        return [finding for finding in self.findings if finding.left]

    @property
    def notes(self) -> list[Finding]:
        """What has been written otherwise, or differs."""
        return [finding for finding in self.findings if not finding.left]

    def diff(self) -> str:
        """The change, as a unified diff; "" when there is none."""
        name = self.path.as_posix()
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            name,
            name,
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def sources(path: Path) -> list[Path]:
    """The Python files that a path means: itself, or all below it but those of environments.

    Raises `ConfigurationError` when there is no such file or folder, and for a file of another
    kind or one that is too long; in a folder such are passed over.
    """
    if path.is_dir():
        return list(_below(path))
    if not path.exists():
        beside = path.parent.iterdir() if path.parent.is_dir() else ()
        near = did_you_mean(path.name, [each.name for each in beside])
        raise ConfigurationError(f"there is no file or folder {str(path)!r}{near}")
    if path.suffix not in (".py", ".pyi"):
        raise ConfigurationError(
            f"{str(path)!r} is not a Python file; give one that ends in .py, or a folder"
        )
    if path.stat().st_size > _LIMIT:
        raise ConfigurationError(
            f"{str(path)!r} is longer than {_LIMIT // 1_000_000} MB; split it, or rewrite what "
            "generates it"
        )
    return [path]


def _below(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not (Path(here) / name / "pyvenv.cfg").exists()
        )
        yield from (Path(here) / name for name in sorted(files) if name.endswith(".py"))


def migrate_file(path: Path) -> Migrated | None:
    """Reads and rewrites a file in memory; None for one that has to do with neither framework."""
    migrated = Migrated(path)
    try:
        if path.stat().st_size > _LIMIT:
            return None
        data = path.read_bytes()
    except OSError as error:
        migrated.error = f"cannot be read ({(error.strerror or str(error)).lower()})"
        return migrated
    if _OURS.search(data) is None:
        return None
    try:
        migrated.encoding, _ = tokenize.detect_encoding(BytesIO(data).readline)
        migrated.before = migrated.after = data.decode(migrated.encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        migrated.error = _encoding_problem(data, error)
        return migrated
    _rewrite(migrated)
    return migrated


def _rewrite(migrated: Migrated) -> None:
    import libcst as cst

    from .rewriting import rewrite

    try:
        rewritten = rewrite(cst.parse_module(migrated.before))
    except cst.ParserSyntaxError as error:
        message = " ".join(error.message.partition("\n")[0].split()) or "invalid syntax"
        migrated.error = f"line {error.raw_line}: it is no valid Python ({message.rstrip('.')})"
    except RecursionError:
        migrated.error = "its expressions are nested too deeply to be read"
    else:
        migrated.after = rewritten.text
        migrated.findings = rewritten.findings
        migrated.providers = rewritten.providers


def write(migrated: Migrated) -> None:
    """Writes a changed file, in its own encoding; what is left gets the lines that it has now.

    When it cannot be written, `error` says so, and it stays as it was: the other files go on.
    """
    try:
        migrated.path.write_bytes(migrated.after.encode(migrated.encoding))
    except OSError as error:
        migrated.error = f"cannot be written ({(error.strerror or str(error)).lower()})"
        migrated.after, migrated.unwritten = migrated.before, True
        return
    again = Migrated(migrated.path, before=migrated.after, after=migrated.after)
    _rewrite(again)
    now = list(again.left)
    left: list[Finding] = []
    for finding in migrated.left:
        same = next(
            (each for each in now if (each.what, each.instead) == (finding.what, finding.instead)),
            None,
        )
        if same is not None:
            now.remove(same)
        left.append(replace(finding, line=finding.line if same is None else same.line))
    migrated.findings = [*sorted(left), *migrated.notes]


def _encoding_problem(data: bytes, error: SyntaxError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = data.count(b"\n", 0, error.start) + 1
        return (
            f"line {line}: it is not {error.encoding.upper()}; save it as UTF-8, or name its "
            "encoding in the first line: # -*- coding: latin-1 -*-"
        )
    return f"line 1: {error.msg}"
