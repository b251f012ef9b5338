"""The command line: `antiphon`, or `python -m antiphon`.

One module per command; what they need beyond typer is imported when they run. Installed plugins add
commands by the hook `antiphon_cli`.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command line, by default that of the process, and exits.

    0; 1 for an error; 2 for wrong usage; 130 for a second Ctrl-C.
    """
    from .output import use_utf8
    from .root import application

    use_utf8()
    application()(args=arguments, prog_name="antiphon")
