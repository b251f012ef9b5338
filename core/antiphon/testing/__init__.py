"""What antiphon is tested with, and what its users test with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..holding import hold as hold
    from .caller import Caller as Caller
    from .caller import Perceived as Perceived
    from .event_asserts import AgentHandoffAssert as AgentHandoffAssert
    from .event_asserts import ChatMessageAssert as ChatMessageAssert
    from .event_asserts import EventAssert as EventAssert
    from .event_asserts import FunctionCallAssert as FunctionCallAssert
    from .event_asserts import FunctionCallOutputAssert as FunctionCallOutputAssert
    from .expectations import EventRangeAssert as EventRangeAssert
    from .expectations import RunAssert as RunAssert
    from .failures import Fail as Fail
    from .judging import NoVerdict as NoVerdict
    from .judging import Verdict as Verdict
    from .judging import judge as judge
    from .mocking import mock_tools as mock_tools
    from .replacing import replace_slots as replace_slots
    from .run_events import AgentHandoffEvent as AgentHandoffEvent
    from .run_events import ChatMessageEvent as ChatMessageEvent
    from .run_events import FunctionCallEvent as FunctionCallEvent
    from .run_events import FunctionCallOutputEvent as FunctionCallOutputEvent
    from .run_events import RunEvent as RunEvent
    from .run_result import RunFailed as RunFailed
    from .run_result import RunResult as RunResult
    from .scripted_llm import CUT as CUT
    from .scripted_llm import Call as Call
    from .scripted_llm import LLMRequest as LLMRequest
    from .scripted_llm import Pause as Pause
    from .scripted_llm import ScriptedLLM as ScriptedLLM
    from .scripted_stt import ScriptedBatchSTT as ScriptedBatchSTT
    from .scripted_stt import ScriptedSTT as ScriptedSTT
    from .scripted_tts import ScriptedTTS as ScriptedTTS
    from .scripted_tts import ScriptedWholeTextTTS as ScriptedWholeTextTTS
    from .scripted_turn_detector import ScriptedTurnDetector as ScriptedTurnDetector
    from .scripted_vad import ScriptedVAD as ScriptedVAD
    from .simulation.outcome import Outcome as Outcome
    from .simulation.reading import read_scenario as read_scenario
    from .simulation.reading import read_scenarios as read_scenarios
    from .simulation.run import simulate as simulate
    from .simulation.scenario import Scenario as Scenario
    from .speech import HeardWord as HeardWord
    from .speech import Listener as Listener
    from .speech import is_voiced as is_voiced
    from .speech import mumble as mumble
    from .speech import render as render
    from .speech import voiced_span as voiced_span
    from .virtual_time import Deadlock as Deadlock
    from .virtual_time import HoldMissing as HoldMissing
    from .virtual_time import OutOfTime as OutOfTime
    from .virtual_time import VirtualTimeLoop as VirtualTimeLoop
    from .virtual_time import run as run
    from .virtual_time import virtual_clock as virtual_clock

# The pytest plugin is loaded in every pytest run: nothing is imported before it is asked for.
_HOMES = {
    "antiphon.holding": ("hold",),
    "antiphon.testing.caller": (
        "Caller",
        "Perceived",
    ),
    "antiphon.testing.event_asserts": (
        "AgentHandoffAssert",
        "ChatMessageAssert",
        "EventAssert",
        "FunctionCallAssert",
        "FunctionCallOutputAssert",
    ),
    "antiphon.testing.expectations": (
        "EventRangeAssert",
        "RunAssert",
    ),
    "antiphon.testing.failures": ("Fail",),
    "antiphon.testing.judging": (
        "NoVerdict",
        "Verdict",
        "judge",
    ),
    "antiphon.testing.mocking": ("mock_tools",),
    "antiphon.testing.replacing": ("replace_slots",),
    "antiphon.testing.run_events": (
        "AgentHandoffEvent",
        "ChatMessageEvent",
        "FunctionCallEvent",
        "FunctionCallOutputEvent",
        "RunEvent",
    ),
    "antiphon.testing.run_result": (
        "RunFailed",
        "RunResult",
    ),
    "antiphon.testing.scripted_llm": (
        "CUT",
        "Call",
        "LLMRequest",
        "Pause",
        "ScriptedLLM",
    ),
    "antiphon.testing.scripted_stt": (
        "ScriptedBatchSTT",
        "ScriptedSTT",
    ),
    "antiphon.testing.scripted_tts": (
        "ScriptedTTS",
        "ScriptedWholeTextTTS",
    ),
    "antiphon.testing.scripted_turn_detector": ("ScriptedTurnDetector",),
    "antiphon.testing.scripted_vad": ("ScriptedVAD",),
    "antiphon.testing.simulation": (
        "Outcome",
        "Scenario",
        "read_scenario",
        "read_scenarios",
        "simulate",
    ),
    "antiphon.testing.speech": (
        "HeardWord",
        "Listener",
        "is_voiced",
        "mumble",
        "render",
        "voiced_span",
    ),
    "antiphon.testing.virtual_time": (
        "Deadlock",
        "HoldMissing",
        "OutOfTime",
        "VirtualTimeLoop",
        "run",
        "virtual_clock",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return __all__
