"""`antiphon new agent NAME`: a file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Writes a file to begin with.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _new() -> None:
    """Writes a file to begin with."""


@app.command()
def agent(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the file, without .py.")],
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIRECTORY", help="Where to write it.")
    ] = Path("."),
) -> None:
    """Writes NAME.py: two agents, a tool and a hand-off, to be run by `antiphon talk NAME.py`."""
    from .setup import shown

    path = write_agent(name, directory)
    print(f"wrote {path}")
    print(f"try it: {shown(['antiphon', 'talk', str(path)])}")


def write_agent(name: str, directory: Path) -> Path:
    """Writes the file and returns its path.

    Raises `ConfigurationError` for a name that cannot be a module's, when the file is there
    already, and when it cannot be written.
    """
    import keyword
    import sys
    from importlib.resources import files

    from ..errors import ConfigurationError

    stem = name.removesuffix(".py")
    if not stem.isidentifier() or keyword.iskeyword(stem):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a Python file; use letters, digits and underscores"
        )
    if stem in sys.stdlib_module_names or stem == "antiphon":
        raise ConfigurationError(
            f"{name!r} would hide the module {stem!r}, which is needed; choose another name"
        )
    path = directory / f"{stem}.py"
    template = (files("antiphon.cli") / "templates" / "agent.py.txt").read_text(encoding="utf-8")
    written = template.replace("NAME", stem).replace("FILE", f"{stem}.py")
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(written)
    except FileExistsError:
        raise ConfigurationError(
            f"{str(path)!r} is there already and was not touched; choose another name"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {str(path)!r} ({(error.strerror or str(error)).lower()}); "
            "give another --dir"
        ) from error
    return path
