"""`antiphon simulate`: scripted calls to the agents of a file, in virtual time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..testing.simulation import Outcome, Suite

_INTERRUPTED = 128 + signal.SIGINT
"""The exit code after Ctrl-C."""
_EVERY = 10.0
"""Seconds between two lines of progress where there is no terminal."""


def simulate(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A Python file with one App, or one Agent class.")
    ],
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A TOML file, or a directory of them.")
    ],
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, metavar="N", help="How many calls of each scenario.")
    ] = 1,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, metavar="S", help="The first seed; 0 is as it is written."),
    ] = 0,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="PATH", help="Write all outcomes, as JSON.")
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print what was said in each call.")
    ] = False,
) -> None:
    """Makes scripted calls to the agents of FILE, in virtual time, and judges them.

    Each scenario is run with N seeds, which vary timing, latencies and faults. Ctrl-C shows what
    is done so far. The exit code is 1 if a call was not as expected, and 130 after Ctrl-C.
    """
    from ..app.file import load_app
    from ..logs import showing_errors
    from ..testing.simulation import Suite, read_scenarios
    from .environment import read_dotenv
    from .summary import write_report

    if json is not None and not json.parent.is_dir():
        raise typer.BadParameter(f"there is no directory {str(json.parent)!r} for --json")
    read_dotenv(Path.cwd() / ".env")
    load_app(file)  # one that cannot be read is told before a scenario is
    suite = Suite(file, read_scenarios(scenario), range(seed, seed + seeds))
    progress = _Progress(suite)

    def conclude() -> None:
        progress.clear()
        _show(suite)
        if json is not None:
            write_report(suite.to_dict(), json)

    with _CtrlC(suite, conclude) as ctrl_c, showing_errors():
        for outcome in suite.run():
            progress.tell()
            if verbose:
                progress.clear()
                _show_transcript(outcome)
            if ctrl_c.pressed:
                break
    conclude()
    if ctrl_c.pressed:
        print(_stopped(suite))
        raise typer.Exit(_INTERRUPTED)
    if suite.failed:
        raise typer.Exit(1)


def _stopped(suite: Suite) -> str:
    return f"stopped after {len(suite.outcomes)} of {suite.size} calls"


class _CtrlC:
    """Lets the call that runs come to its end; the second time the process ends as it stands."""

    def __init__(self, suite: Suite, conclude: Callable[[], None]) -> None:
        self.pressed = False
        self._suite = suite
        self._conclude = conclude
        self._before: Any = None

    def __enter__(self) -> _CtrlC:
        if threading.current_thread() is threading.main_thread():  # signals go there only
            self._before = signal.signal(signal.SIGINT, self._came)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _came(self, signum: int, frame: object) -> None:
        if not self.pressed:
            self.pressed = True
            os.write(2, b"\nending with this call; Ctrl-C again stops at once\n")
            return
        # Raised through a loop, a KeyboardInterrupt would leave it half-way, which asyncio tells
        # at length. Worker processes end when their input does, with this one.
        try:
            self._conclude()
            print(_stopped(self._suite), flush=True)
        except RuntimeError:
            pass  # it was in the middle of printing
        finally:
            os._exit(_INTERRUPTED)


def _show_transcript(outcome: Outcome) -> None:
    print(f"{outcome.scenario.name}, seed {outcome.seed}:")
    for line in outcome.transcript:
        print(f"  {line}")
    print()


def _show(suite: Suite) -> None:
    """The table, and below it what was wrong."""
    from ..testing.simulation.suite import COLUMNS
    from .output import is_terminal, show_table

    if not suite.outcomes:
        return
    rows = suite.rows()
    show_table(COLUMNS, rows if is_terminal() else [COLUMNS, *rows])
    for outcome in suite.failed:
        print(f"\n{outcome.scenario.name}, seed {outcome.seed}:")
        for failure in outcome.failures:
            print(f"  - {failure}")
    passed = len(suite.outcomes) - len(suite.failed)
    print(f"\n{passed} of {len(suite.outcomes)} calls passed")


class _Progress:
    """How far it is: on a terminal in one line that changes, else a line now and then."""

    def __init__(self, suite: Suite) -> None:
        import sys

        from ..clock import real_time
        from .output import is_terminal

        self._suite = suite
        self._now = real_time
        self._in_place = is_terminal(sys.stderr)
        self._told = real_time()
        self._shown = 0
        """Characters of the line that stands there."""

    def tell(self) -> None:
        """A call is over."""
        import sys

        done, failed = len(self._suite.outcomes), len(self._suite.failed)
        text = f"{done} of {self._suite.size} calls" + (f", {failed} failed" if failed else "")
        if self._in_place:
            print(f"\r{text}", end="", file=sys.stderr, flush=True)
            self._shown = len(text)
        elif self._now() - self._told >= _EVERY and done < self._suite.size:
            print(text, file=sys.stderr, flush=True)
            self._told = self._now()

    def clear(self) -> None:
        """Makes room for what is printed next."""
        import sys

        if self._shown:
            # Blanks, since not every console of Windows reads escapes.
            print(f"\r{' ' * self._shown}\r", end="", file=sys.stderr, flush=True)
            self._shown = 0
