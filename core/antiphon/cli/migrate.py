"""`antiphon migrate PATH`: programs written for livekit-agents, rewritten for antiphon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .migrating.files import Migrated


def migrate(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A Python file, or a folder.")],
    write: Annotated[
        bool, typer.Option("--write", help="Write the files; else only show what would change.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Rewrites programs that were written for livekit-agents; imports nothing of them.

    Shows the difference, and by file and line what works otherwise or is left to be done by hand.
    The exit code is 1 when anything is left, or a file could not be read or written.
    """
    from ..errors import ConfigurationError
    from .migrating import files
    from .output import show_json

    try:
        import libcst  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "antiphon migrate needs the package 'libcst'; run: pip install \"antiphon[migrate]\""
        ) from None
    results = [
        result for each in files.sources(path) if (result := files.migrate_file(each)) is not None
    ]
    if write:
        for result in results:
            if result.changed and not result.error:
                files.write(result)
    if as_json:
        show_json(_as_json(results, written=write))
    else:
        _show(results, written=write)
    if any(result.left or result.error for result in results):
        raise typer.Exit(1)


def _show(results: list[Migrated], *, written: bool) -> None:
    changed = [result for result in results if result.changed]
    for result in changed:
        print(f"wrote {result.path}" if written else result.diff(), end="\n" if written else "")
    for result in results:
        if result.error:
            print(f"{result.path}: {result.error}")
        for finding in result.left:
            print(f"{result.path}:{finding.line}: {finding.what}: {finding.instead}")
    for result in results:
        for finding in result.notes:
            place = (
                f"{result.path} (line {finding.line} before)"
                if written and result.changed
                else (f"{result.path}:{finding.line}")
            )
            print(f"{place}: note: {finding.what}: {finding.instead}")
    print(_summary(results, len(changed), written=written))


def _summary(results: list[Migrated], changed: int, *, written: bool) -> str:
    left = sum(len(result.left) for result in results)
    unwritten = sum(result.unwritten for result in results)
    unread = sum(bool(result.error) for result in results) - unwritten
    parts = []
    if written:
        parts.append(f"{_count(changed, 'file')} written")
    elif changed:
        parts.append(f"{_count(changed, 'file')} would change (--write writes them)")
    else:
        parts.append("nothing to rewrite")
    parts.append(f"{_count(left, 'place')} left" if left else "nothing left")
    if unread:
        parts.append(f"{_count(unread, 'file')} not read")
    if unwritten:
        parts.append(f"{_count(unwritten, 'file')} not written")
    providers = _providers(results)
    if providers:
        parts.append(f"providers named: {', '.join(providers)}")
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _providers(results: list[Migrated]) -> list[str]:
    return sorted({name for result in results for name in result.providers})


def _as_json(results: list[Migrated], *, written: bool) -> dict[str, Any]:
    return {
        "files": [
            {
                "path": str(result.path),
                "changed": result.changed,
                "written": written and result.changed,
                "diff": result.diff(),
                "left": _findings(result, left=True),
                "notes": _findings(result, left=False),
                "error": result.error or None,
            }
            for result in results
        ],
        "left": sum(len(result.left) for result in results),
        "providers": _providers(results),
    }


def _findings(result: Migrated, *, left: bool) -> list[dict[str, Any]]:
    return [
        {"line": finding.line, "what": finding.what, "instead": finding.instead}
        for finding in (result.left if left else result.notes)
    ]
