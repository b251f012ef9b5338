"""The root of the command line: its commands, those of plugins, and what errors look like."""

from __future__ import annotations

import sysconfig
import traceback as traceback_module
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ..errors import AntiphonError
from .logs import LogFormat, LogLevel, show_logs
from .output import is_terminal, sentence, warn

_GLOBAL = {"--traceback": 0, "--log-level": 1, "--log-format": 1}
"""Options of every command, and how many values they take: understood behind its name as well."""


class _Root(TyperGroup):
    """The group of commands: prints an `AntiphonError` as one sentence."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Brings the options of every command to the front, where they are looked for."""
        end = args.index("--") if "--" in args else len(args)
        front: list[str] = []
        rest: list[str] = []
        index = 0
        while index < end:
            name, equals, _ = args[index].partition("=")
            values = 0 if equals else _GLOBAL.get(name, 0)
            target = front if name in _GLOBAL else rest
            target += args[index : index + 1 + values]
            index += 1 + values
        return super().parse_args(ctx, [*front, *rest, *args[end:]])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except AntiphonError as error:
            if ctx.params.get("traceback"):
                raise
            warn(sentence(error))
            raise typer.Exit(1) from None
        except Exception as error:
            # Wrong usage and exits have an exit code of their own, and typer shows them.
            place = None if hasattr(error, "exit_code") else _line_of_the_user(error)
            if place is None or ctx.params.get("traceback"):
                raise
            warn(f"{place}: {type(error).__name__}: {sentence(error)} (more: --traceback)")
            raise typer.Exit(1) from None


def _line_of_the_user(error: BaseException) -> str | None:
    """The innermost line that is neither ours, nor an installed package's, nor the library's."""
    ours = Path(__file__).parents[1]
    foreign = (ours, Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib")))
    place = None
    for frame in traceback_module.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if path.is_file() and not any(path.is_relative_to(folder) for folder in foreign):
            place = f"{path.name}, line {frame.lineno}"
    return place


def application() -> typer.Typer:
    """The command line, with the commands of the plugins that are installed."""
    app = typer.Typer(
        cls=_Root,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich" if is_terminal() else None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    from . import check, doctor, migrate, new, providers, report, setup, simulate, talk

    for module in (talk, check, simulate, report, migrate, providers, doctor, setup):
        app.command()(getattr(module, module.__name__.rpartition(".")[2]))
    app.add_typer(new.app, name="new")
    _add_plugins(app)
    return app


def _root(
    traceback: Annotated[
        bool,
        typer.Option(
            "--traceback",
            envvar="ANTIPHON_TRACEBACK",
            help="Show where an error comes from, not only what it is.",
        ),
    ] = False,
    log_level: Annotated[
        LogLevel, typer.Option("--log-level", help="How much of the log to show, on stderr.")
    ] = LogLevel.warning,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="Lines to read, or a JSON object a line.")
    ] = LogFormat.text,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda value: _version(value),
            help="Show the version, and end.",
        ),
    ] = False,
) -> None:
    """Voice agents that listen, think, speak, use tools, and hand over to one another."""
    show_logs(log_level, log_format)


def _version(wanted: bool) -> None:
    if wanted:
        from .._version import __version__

        print(f"antiphon {__version__}")
        raise typer.Exit


def _add_plugins(app: typer.Typer) -> None:
    from ..registry import default_registry

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        manager = default_registry().plugins()
    for warning in caught:
        warn(f"warning: {warning.message}")
    for implementation in manager.hook.antiphon_cli.get_hookimpls():
        try:
            implementation.function(app)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            name = implementation.plugin_name
            warn(f"warning: plugin {name!r} could not add its commands: {what}")
