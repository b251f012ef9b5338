"""`antiphon check FILE`: whether everything that FILE names is there and can be loaded."""

from __future__ import annotations

from typing import Annotated

import typer


def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A Python file with agents.")],
) -> None:
    """Resolves every model string of FILE and loads its providers; calls nobody."""
    import asyncio
    import os
    from pathlib import Path

    from ..registry import default_registry
    from .checking import check_file
    from .output import show_table, warn
    from .talk import read_dotenv

    read_dotenv(Path.cwd() / ".env")
    findings = asyncio.run(check_file(file, default_registry(), os.environ))
    show_table(
        ("where", "what", "result"),
        [(finding.where, finding.what, finding.text) for finding in findings],
    )
    problems = sum(finding.is_problem for finding in findings)
    if problems:
        warn(f"{problems} problem{'s' if problems > 1 else ''} in {file!r}")
        raise typer.Exit(1)
