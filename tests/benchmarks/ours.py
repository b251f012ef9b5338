"""antiphon's side of the table.

python -m tests.benchmarks.ours ROW [--rounds 500]
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path

from . import calls, turns
from .measuring import Measures, import_figures, main

_IMPORT = "from antiphon import Agent, AgentSession, RunContext, function_tool"
_HOUR = Path(__file__).parents[1] / "core" / "testing" / "hour.py"


def import_time(rounds: int) -> float:
    """Seconds of CPU to import what a minimal agent script needs."""
    return import_figures(_IMPORT)[0]


def import_memory(rounds: int) -> float:
    """Resident MB of a process that has imported it."""
    return import_figures(_IMPORT)[1]


def hour(rounds: int) -> float:
    """Seconds that an hour of scripted talk takes; with few rounds extrapolated from 6 minutes."""
    spec = importlib.util.spec_from_file_location("hour", _HOUR)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    minutes = 60 if rounds >= 300 else 6
    began = time.process_time()
    module.digest(minutes)
    return (time.process_time() - began) * 60 / minutes


MEASURES: Measures = {
    each.__name__: each
    for each in (
        import_time,
        import_memory,
        turns.text_to_audio,
        turns.speech_to_audio,
        turns.barge_in,
        turns.tool_to_on_enter,
        turns.tool_to_audio,
        turns.turn_rate,
        calls.calls_lockstep,
        calls.calls_phased,
        calls.calls_silero,
        turns.turn_growth,
        calls.idle_memory,
        calls.worst_pause,
        hour,
    )
}

if __name__ == "__main__":
    main(MEASURES, __doc__)
