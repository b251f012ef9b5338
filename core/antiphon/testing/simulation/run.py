"""Simulating: one call of a scenario, in virtual time."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from ... import agent as agents
from ...agent import Agent
from ...app import App, app_for_agent
from ...app.file import load_app
from ...app.local_job import LocalJob
from ...app.local_room import LocalRoom
from ...app.report import make_report
from ...redaction import redact, secret_values
from ...registry import Registry, default_registry
from ..running import run_virtual
from ..virtual_time import Deadlock, HoldMissing, OutOfTime
from .expecting import failures, latency_of
from .filling import Filling
from .line import Line, TypedLine
from .outcome import Outcome
from .record import Record
from .scenario import SCRIPTED, Scenario
from .scripted import add_scripted, script

Program = App | type[Agent] | str | Path
_SETTLED = 60.0
"""Seconds in which a call has to be over once the caller has hung up: closing has bounds."""


def check_slots(scenario: Scenario, registry: Registry | None = None) -> None:
    """Raises `ConfigurationError` for a model string of a scenario that cannot be used."""
    registry = registry or default_registry()
    add_scripted(registry)
    Filling(scenario, registry).check()


def simulate(
    program: Program, scenario: Scenario, *, seed: int = 0, registry: Registry | None = None
) -> Outcome:
    """Makes one call of `scenario` to `program`, in virtual time, and says what came of it.

    `program` is an `App`, an `Agent` class, or a Python file, which is run anew for each call. With
    seed 0 everything is as it is written; any other varies the caller's timing and the latencies of
    the scripted models. `registry` finds the models; by default that of the process.

    Not to be called on a running event loop. Raises `ConfigurationError` for a program or a model
    string that cannot be used; whatever goes wrong later is in `Outcome.failures`.
    """
    registry = registry or default_registry()
    check_slots(scenario, registry)
    app = _app(program)
    outcome = Outcome(scenario=scenario, seed=seed)
    call = _Call(app, scenario, registry, outcome)
    counted, agents._direct_agents = agents._direct_agents, itertools.count(1)
    token = script.set(scenario.replies)
    try:
        left = run_virtual(call.run, {}, limit=scenario.limit, seed=seed, what="call")
    except (Deadlock, OutOfTime) as error:
        left = [str(error)]
    finally:
        script.reset(token)
        agents._direct_agents = counted
    outcome.failures += left
    return outcome


def _app(program: Program) -> App:
    if isinstance(program, str | Path):
        _forget(Path(program))
        program = load_app(program)
    return program if isinstance(program, App) else app_for_agent(program)


def _forget(file: Path) -> None:
    """Has a file run anew: nothing of the last call is left in it."""
    module = sys.modules.get(file.stem)
    known = getattr(module, "__file__", None)
    if known is not None and Path(known).resolve() == file.expanduser().resolve():
        del sys.modules[file.stem]


class _Call:
    def __init__(self, app: App, scenario: Scenario, registry: Registry, outcome: Outcome) -> None:
        self._app = app
        self._scenario = scenario
        self._registry = registry
        self._outcome = outcome

    async def run(self) -> None:
        line = Line(self._scenario) if self._scenario.caller.audio else TypedLine(self._scenario)
        line.words_are_exact = self._scenario.choice("stt").string.rpartition("/")[2] == SCRIPTED
        record = Record(line)
        job = LocalJob(
            self._app,
            room=LocalRoom(line),
            override=Filling(self._scenario, self._registry),
            on_session=record.follow,
        )
        running = asyncio.create_task(job.run(), name="call")
        connected = asyncio.create_task(line.connected.wait(), name="caller waits")
        try:
            await asyncio.wait({running, connected}, return_when=asyncio.FIRST_COMPLETED)
            if line.connected.is_set():
                await self._talk(line, running)
        finally:
            connected.cancel()
            self._outcome.seconds = asyncio.get_running_loop().time() - line.began
            if not running.done():
                job.context.shutdown("job_shutdown", drain=False)
                await asyncio.wait({running}, timeout=_SETTLED)
            problem = _problem(running)
            await self._registry.aclose()
            self._conclude(record, line)
            if problem is not None:
                self._outcome.failures.insert(0, problem)
            elif not line.connected.is_set():
                self._outcome.failures.insert(0, "the call ended before it had begun")

    async def _talk(self, line: Line, running: asyncio.Task[None]) -> None:
        following = asyncio.create_task(line.follow(), name="caller")
        try:
            await asyncio.wait({running, following}, return_when=asyncio.FIRST_COMPLETED)
            if running.done() and not following.done():
                # The call is over: the caller notices, unless it waits for a long time.
                await asyncio.wait({following}, timeout=_SETTLED)
            elif following.done():
                following.result()
                await asyncio.wait({running}, timeout=_SETTLED)
        finally:
            following.cancel()

    def _conclude(self, record: Record, line: Line) -> None:
        outcome = self._outcome
        if record.session is not None:
            try:
                outcome.report = make_report(record.session)
            except RuntimeError:
                return  # it never began
            outcome.turns = len(record.messages("user"))
            outcome.replies = len(record.messages("assistant"))
            outcome.handoffs = record.handoffs
            outcome.close = record.close
            latencies = [latency_of(done, record) for done in line.done]
            outcome.worst_latency = max(
                (each for each in latencies if each is not None), default=None
            )
            outcome.transcript = record.transcript()
        outcome.errors = [each.text for each in record.failed if not each.recoverable]
        outcome.recovered = [each.text for each in record.failed if each.recoverable]
        if line.connected.is_set():
            outcome.failures += failures(self._scenario, record, line)


def _problem(running: asyncio.Task[None]) -> str | None:
    if not running.done():
        running.cancel()
        return f"the call did not end within {_SETTLED:g} s after the caller had hung up"
    error = None if running.cancelled() else running.exception()
    if error is None:
        return None
    notes = [note for note in getattr(error, "__notes__", ()) if isinstance(note, str)]
    text = "; ".join([str(error), *notes])
    if isinstance(error, HoldMissing):
        text += "; a simulation has no network: replace the model in [slots]"
    text = f"the session function failed: {type(error).__name__}: {text}"
    shown: str = redact(text, secret_values())
    return shown
