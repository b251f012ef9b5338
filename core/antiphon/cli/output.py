"""What commands print: tables and lines, in colour on a terminal and plain when piped."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import IO, Any

from ..redaction import redact, secret_values

_NARROWEST = 10
"""Characters of a column whose words may be broken."""


def use_utf8() -> None:
    """Reads and writes UTF-8, whatever the system's own encoding: pipes on Windows have another."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def is_terminal(file: IO[str] | None = None) -> bool:
    """Whether somebody looks at it: then it may have colours and boxes."""
    stream = sys.stdout if file is None else file
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def show_json(value: Any) -> None:
    """Prints a value as JSON, indented."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def show_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    file: IO[str] | None = None,
) -> None:
    """Prints a table: on a terminal with its heads and wrapped, else one line per row.

    In plain lines the cells are padded to line up, two spaces apart, without heads; the last is not
    padded.
    """
    out = sys.stdout if file is None else file
    if is_terminal(out):
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(file=out, highlight=False)
        widths = _widths(columns, rows, console.width - 3 * len(columns) - 1)
        table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD)
        if widths is None:  # without the space around it and between its columns
            widths = _widths(columns, rows, console.width - len(columns) + 1, fold=True)
            table.show_edge = table.pad_edge = False
            table.padding = 0
        for column, width in zip(columns, widths or (), strict=True):
            table.add_column(column, overflow="fold", width=width)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        return
    if title:
        print(title, file=out)
    widths = [max((len(row[index]) for row in rows), default=0) for index in range(len(columns))]
    for row in rows:
        cells = [
            _one_line(cell).ljust(width) for cell, width in zip(row[:-1], widths, strict=False)
        ]
        print("  ".join([*cells, _one_line(row[-1])]).rstrip(), file=out)


def _widths(
    columns: Sequence[str], rows: Sequence[Sequence[str]], space: int, *, fold: bool = False
) -> list[int] | None:
    """How wide the columns of a table are within `space`, so that no word is broken: the widest
    give way. None when they cannot; with `fold` the last column takes what is left.
    """
    from rich.cells import cell_len

    cells = [[head, *(row[index] for row in rows)] for index, head in enumerate(columns)]
    widths = [max(map(cell_len, each)) for each in cells]
    least = [  # heads stay in one line
        max(cell_len(head), *(cell_len(word) for cell in each for word in cell.split()), 1)
        for head, each in zip(columns, cells, strict=True)
    ]
    if sum(least) > space:
        if not fold:
            return None
        least[-1] = max(_NARROWEST, space - sum(least[:-1]))
        widths = list(least)
    while sum(widths) > space and widths != least:
        widest = max(range(len(widths)), key=lambda index: widths[index] - least[index])
        widths[widest] -= 1
    return widths


def warn(message: str) -> None:
    """Says something on stderr that does not end the command; without keys, which the message of
    an error may quote."""
    print(redact(message, secret_values()), file=sys.stderr, flush=True)


def sentence(error: BaseException) -> str:
    """An error in one sentence, with what has been noted about where it happened."""
    notes = [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
    return "; ".join([str(error), *notes])


def _one_line(text: str) -> str:
    return " ".join(text.split())
