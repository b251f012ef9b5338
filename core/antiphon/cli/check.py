"""`antiphon check FILE`: whether everything that FILE names is there and can be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A Python file with agents.")],
    graph: Annotated[
        bool,
        typer.Option("--graph", help="Draw agents and hand-offs as a Mermaid chart instead."),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the chart there (.md: in a block)."),
    ] = None,
) -> None:
    """Resolves every model string of FILE and loads its providers; calls nobody."""
    import asyncio
    import os

    from ..app.file import load_file
    from ..registry import default_registry
    from .checking import check_file
    from .environment import read_dotenv
    from .output import show_table, warn

    if output is not None and not graph:
        raise typer.BadParameter("--output is where --graph writes its chart; give that as well")
    read_dotenv(Path.cwd() / ".env")
    if graph:
        _draw(file, output)
        return
    load_file(file)  # here, where Ctrl-C stops it: in the loop it would only be noted
    findings = asyncio.run(check_file(file, default_registry(), os.environ))
    show_table(
        ("where", "what", "result"),
        [(finding.where, finding.what, finding.text) for finding in findings],
    )
    problems = sum(finding.is_problem for finding in findings)
    if problems:
        warn(f"{problems} problem{'s' if problems > 1 else ''} in {file!r}")
        raise typer.Exit(1)


def _draw(file: str, output: Path | None) -> None:
    from ..app.file import load_file, nothing_to_run
    from ..errors import ConfigurationError
    from .graph_reader import graph_of
    from .mermaid import mermaid
    from .output import warn

    module = load_file(file)
    found = graph_of(module)
    if not found.nodes:
        raise nothing_to_run(file, module)
    chart = mermaid(found)
    if output is None:
        print(chart, end="")
    else:
        text = f"```mermaid\n{chart}```\n" if output.suffix == ".md" else chart
        try:
            output.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write {str(output)!r} ({(error.strerror or str(error)).lower()}); "
                "give another path"
            ) from error
    for node in found.nodes.values():
        for tool in node.unseen:
            warn(f"{node.name}.{tool} gives an agent, and the source does not show which")
    problems = found.problems()
    for problem in problems:
        warn(problem)
    if found.failures():
        raise typer.Exit(1)
