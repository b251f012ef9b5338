"""`antiphon demo`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Voice(StrEnum):
    """Who calls."""

    slt = "slt"
    rms = "rms"


def demo(
    caller: Annotated[
        Voice, typer.Option("--caller", help="The caller's voice: a woman's, or a man's.")
    ] = Voice.slt,
    typed: Annotated[
        bool, typer.Option("--typed", help="The caller types: nothing has to be recognised.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Say nothing before the call is over.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Every event as a JSON object on a line.")
    ] = False,
    output: Annotated[
        Path, typer.Option("--output", metavar="WAV", help="Record: caller left, agent right.")
    ] = Path("demo.wav"),
    report: Annotated[
        Path, typer.Option("--report", metavar="FILE", help="Write the session report, as JSON.")
    ] = Path("demo.json"),
) -> None:
    """A recorded caller speaks with three agents, in real time: no key, no microphone.

    It takes about a minute. Ctrl-C (or SIGTERM) ends the call and still writes both files.
    """
    from antiphon.cli.calling import Call, run_call
    from antiphon.cli.summary import write_report

    from .call import DemoCall

    for path, option in ((output, "--output"), (report, "--report")):
        if not path.parent.is_dir():
            raise typer.BadParameter(f"there is no directory {str(path.parent)!r} for {option}")
    call = Call()
    demo = DemoCall(voice=caller, typed=typed, output=output, style="json" if as_json else "auto")
    if not quiet:
        demo.introduce()
    try:
        run_call(lambda: demo.prepare(call, live=not quiet), call)
    finally:
        if call.report is not None:
            write_report(call.report, report)
            if not as_json:
                demo.show_end(call.report, transcript=quiet)
            demo.transcript.note(f"written: {output} (caller left, agent right), {report}")
    call.finish()
