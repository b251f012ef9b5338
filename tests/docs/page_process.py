"""Runs the Python blocks of one page: `python page_process.py RESULTS < blocks`, all as JSON.

Stops at the first block that fails, since those behind it build on it.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import traceback
import types
from pathlib import Path
from typing import Any


def main(results: Path) -> None:
    # The names of a block live in a module, so that classes and dataclasses find their home.
    page = types.ModuleType("__main__")
    sys.modules["__main__"] = page
    sys.path.insert(0, "")
    done: list[dict[str, Any]] = []
    for block in json.load(sys.stdin):
        printed = io.StringIO()
        error = ""
        try:
            # Empty lines in front, so that a traceback gives the line of the page.
            code = compile("\n" * (block["line"] - 1) + block["code"], block["file"], "exec")
            with contextlib.redirect_stdout(printed):
                exec(code, page.__dict__)
        except BaseException:
            error = traceback.format_exc()
        done.append({"output": printed.getvalue(), "error": error})
        results.write_text(json.dumps(done), encoding="utf-8")
        if error:
            return


main(Path(sys.argv[1]))
