"""Renders demo.svg, the picture in the README, from what `antiphon demo` prints on a terminal.

    python docs/images/render_demo.py

Runs the demo (a minute, in real time) on a terminal of its own and keeps what it prints, colours
included. On Linux and macOS only: it needs a pseudo-terminal. The README quotes some of it: a test
says what to bring up to date there.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 116
PICTURE = Path(__file__).with_name("demo.svg")


def record(command: list[str], directory: str) -> str:
    """What a command prints on a terminal of `WIDTH` columns."""
    ours, its = pty.openpty()
    environ = os.environ | {"COLUMNS": str(WIDTH), "LINES": "60", "TERM": "xterm-256color"}
    environ.pop("NO_COLOR", None)
    process = subprocess.Popen(command, stdout=its, stderr=its, cwd=directory, env=environ)
    os.close(its)
    output = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end has been closed
            break
        if not piece:
            break
        output += piece
    if process.wait() != 0:
        raise SystemExit(f"{command} ended with exit code {process.returncode}")
    return output.decode("utf-8").replace("\r\n", "\n")


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        printed = record([sys.executable, "-m", "antiphon", "demo"], directory)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(f"$ uv run antiphon demo\n{printed.rstrip()}"))
        picture = console.export_svg(title="antiphon demo", unique_id="demo")
    # A picture fetches nothing: the fonts of the system will do.
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.S)
    picture = picture.replace("Fira Code, monospace", "ui-monospace, Menlo, Consolas, monospace")
    PICTURE.write_text(picture, encoding="utf-8", newline="\n")


main()
