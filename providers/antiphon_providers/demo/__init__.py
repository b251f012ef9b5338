"""The demo: a caller speaks with three agents, with no key and no microphone.

A plugin: it adds the command `antiphon demo`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from antiphon.hookspecs import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def antiphon_cli(app: typer.Typer) -> None:
    """Adds the command."""
    from .command import demo

    app.command()(demo)
