"""What programs override and listen for; the names that they import and call are those of
`core/migration/test_expected_names.py`."""

from __future__ import annotations

import inspect
from typing import get_args

from antiphon import Agent
from antiphon.events import EVENTS, AgentState, UserState

HEARD = (
    "user_state_changed agent_state_changed user_input_transcribed conversation_item_added "
    "function_tools_executed speech_created agent_false_interruption error close metrics_collected"
).split()

OUR_OWN = (
    "reply_skipped conversation_item_updated turn_decision transcript_dropped speech_discarded"
).split()


def test_hooks_are_coroutines_and_nodes_take_the_settings_of_the_call_last() -> None:
    for hook in ("on_enter", "on_exit", "on_user_turn_completed"):
        assert inspect.iscoroutinefunction(getattr(Agent, hook))
    for node in ("stt_node", "llm_node", "tts_node", "transcription_node"):
        assert list(inspect.signature(getattr(Agent, node)).parameters)[-1] == "model_settings"
        assert callable(getattr(Agent.default, node))


def test_every_event_that_programs_listen_for_exists() -> None:
    names = [event.name for event in EVENTS]
    assert [name for name in (*HEARD, *OUR_OWN) if name not in names] == []


def test_the_states_are_those_that_programs_know() -> None:
    assert set(get_args(AgentState)) == {"initializing", "listening", "thinking", "speaking"}
    assert set(get_args(UserState)) == {"listening", "speaking", "away"}
