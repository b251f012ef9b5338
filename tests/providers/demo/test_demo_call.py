"""The call of the demo, in real time, by its report and its recording."""

from __future__ import annotations

import json
import re
import statistics

import pytest

from antiphon.app import SessionReport
from antiphon_providers.demo.caller import LINES, VOICES

pytestmark = pytest.mark.timeout(200)

HEARD = [
    "hello my name is alice walker",
    "i am 34 years old",
    "i have a question about my bill",
    "what is the status of invoice 4017",
    "no wait i meant invoice 4018",
    "thank you that is all",
    "goodbye",
]
CALLS = [
    ("record_name", {"name": "Alice Walker"}),
    ("record_age", {"age": 34}),
    ("transfer_to_billing", {}),
    ("look_up_invoice", {"number": "4017"}),
    ("look_up_invoice", {"number": "4018"}),
    ("back_to_customer_service", {}),
    ("end_call", {}),
]
CHAIN = [
    (None, "intake"),
    ("intake", "customer_service"),
    ("customer_service", "billing"),
    ("billing", "customer_service"),
]
INVOICES = [
    {"amount": 184.0, "due": "2026-10-31", "status": "overdue"},
    {"amount": 99.0, "due": "2026-12-15", "status": "open"},
]
BARGE_IN = 4
"""The turn that cuts the answer to the one before it, counted from 0."""


def test_every_line_is_recorded_in_both_voices():
    assert [line.recording(voice).is_file() for line in LINES for voice in VOICES] == [True] * 14


def test_every_caller_turn_is_recognised_word_for_word(spoken):
    assert spoken.said_by("user") == HEARD
    assert [turn["text"] for turn in spoken.report["turns"]] == HEARD


def test_it_succeeds_and_complains_of_nothing(spoken):
    assert (spoken.returncode, spoken.complaints) == (0, [])


def test_each_tool_is_called_with_its_arguments_and_answers(spoken):
    calls = spoken.items("function_call")
    outputs = spoken.items("function_call_output")
    assert [(call["name"], call["arguments"]) for call in calls] == CALLS
    assert [output["call_id"] for output in outputs] == [call["call_id"] for call in calls]
    assert not any(output["is_error"] for output in outputs)
    assert [json.loads(outputs[index]["output"]) for index in (3, 4)] == INVOICES


def test_the_agents_hand_over_in_order(spoken):
    handoffs = spoken.items("agent_handoff")
    assert [(item["old_agent_id"], item["new_agent_id"]) for item in handoffs] == CHAIN


def test_the_report_has_its_shape(spoken):
    report = spoken.report
    assert report["schema"] == "antiphon.session_report/1"
    assert SessionReport.from_dict(report).session.id.startswith("session_")
    assert [agent["id"] for agent in report["agents"]] == ["intake", "customer_service", "billing"]
    assert report["job"]["room"] == "demo"
    assert report["errors"] == []
    assert report["close"]["reason"] == "call_ended"
    ids = [item["id"] for item in report["history"]]
    assert len(set(ids)) == len(ids)
    for item in spoken.items("message"):
        assert {"role", "text", "interrupted"} <= set(item)
        if item["role"] == "assistant":
            assert {"agent_id", "generated_text", "estimated"} <= set(item)


def test_each_agent_says_its_part(spoken):
    said = [
        (item["agent_id"], item["text"]) for item in spoken.items("message") if "agent_id" in item
    ]
    assert said[0] == ("intake", "Welcome to Harbour Mobile. What is your name, please?")
    assert ("customer_service", "This is customer service. What can I do for you?") in said
    assert (
        "billing",
        "Invoice 4 0 1 8 is open: 99 dollars, due on 15 December 2026.",
    ) in said
    assert said[-1] == ("customer_service", "Thank you for calling. Goodbye!")


def test_the_one_barge_in_leaves_what_was_heard(spoken):
    cut = [item for item in spoken.items("message") if item["interrupted"]]
    assert [item["agent_id"] for item in cut] == ["billing"]
    heard, generated = cut[0]["text"], cut[0]["generated_text"]
    assert heard.startswith("Invoice 4 0 1 7 is overdue.")
    assert generated.startswith(heard)
    assert len(heard) < len(generated)
    assert generated[len(heard)] == " "
    interrupted = [turn["interrupted"] for turn in spoken.report["turns"]]
    assert interrupted == [False, False, False, True, False, False, False]


def test_usage_is_counted_per_model_string(spoken):
    usage = spoken.report["usage"]
    voices = {"espeak/en-us:f3", "espeak/en-us:m3", "espeak/en-us:f5"}
    assert set(usage) == {"pocketsphinx", "rules", *voices}
    assert usage["rules"]["requests"] >= len(HEARD)
    assert usage["pocketsphinx"]["audio_seconds"] == pytest.approx(
        spoken.recording.duration, rel=0.2
    )
    assert all(usage[voice]["characters"] > 0 for voice in voices)


def test_the_times_of_a_turn_follow_one_another(spoken):
    for turn in spoken.report["turns"]:
        order = ("last_voiced", "vad_end", "committed", "llm_request", "llm_first_token")
        order += ("first_sentence", "tts_first_byte", "first_audio", "done")
        times = [turn[name] for name in order]
        assert None not in times, turn
        assert times == sorted(times)
        assert turn["stt_final"] <= turn["committed"]
        waited = turn["committed"] - turn["last_voiced"], turn["first_audio"] - turn["last_voiced"]
        assert (turn["endpoint_wait"], turn["latency"]) == pytest.approx(waited, abs=2e-6)
        assert turn["endpoint_wait"] >= 0.499


def test_a_reply_follows_its_endpoint_at_once(spoken):
    # 10 ms on a quiet machine; a busy one must not make this fail.
    after = [turn["first_audio"] - turn["committed"] for turn in spoken.report["turns"]]
    assert statistics.median(after) < 0.1
    assert statistics.median(turn["latency"] for turn in spoken.report["turns"]) < 1.0


def test_the_caller_is_on_the_left_when_the_report_says_so(spoken):
    recording = spoken.recording
    for turn in spoken.report["turns"]:
        voiced = turn["last_voiced"]
        assert recording.level("caller", voiced - 0.4, voiced - 0.1) > 300
        # Whoever waits for the endpoint is silent.
        assert recording.level("caller", voiced + 0.2, turn["committed"]) < 5


def test_the_agent_is_on_the_right_when_the_report_says_so(spoken):
    recording = spoken.recording
    assert recording.level("agent", 0.2, 3.0) > 300
    for turn in spoken.report["turns"]:
        begin = turn["first_audio"]
        assert recording.level("agent", begin - 0.3, begin - 0.03) < 5
        assert recording.level("agent", begin + 0.03, begin + 0.4) > 300


def test_a_barge_in_silences_the_agent_until_its_reply(spoken):
    turns = spoken.report["turns"]
    cut, reply = turns[BARGE_IN - 1]["done"], turns[BARGE_IN]["first_audio"]
    recording = spoken.recording
    assert recording.level("agent", cut - 0.4, cut) > 300
    assert recording.level("agent", cut + 0.1, reply - 0.03) < 5
    # The two were heard at once before that.
    assert recording.level("caller", cut - 0.45, cut) > 300


def test_the_recording_ends_with_the_call(spoken):
    last = spoken.report["turns"][-1]["done"]
    assert last - 0.05 < spoken.recording.duration < last + 1.0


def test_as_json_every_line_is_an_event(demo_runs):
    if "slt" not in demo_runs:
        pytest.skip("no spoken call can run here")
    events = [json.loads(line) for line in demo_runs["slt"].lines]
    assert events[0]["event"] == events[-1]["event"] == "note"
    names = {event["event"] for event in events}
    assert {"agent_state_changed", "turn_decision", "function_tools_executed", "close"} <= names
    closing = [event for event in events if event["event"] == "close"]
    assert [event["reason"] for event in closing] == ["call_ended"]
    decisions = [event for event in events if event["event"] == "turn_decision"]
    assert [each["decision"] for each in decisions].count("interrupt") == 1
    assert events[-1]["text"] == "written: demo.wav (caller left, agent right), demo.json"


def test_what_is_shown_names_the_stand_ins_first_and_the_figures_last(demo_runs):
    if "rms" not in demo_runs:
        pytest.skip("no spoken call can run here")
    run = demo_runs["rms"]
    assert run.lines[0] == (
        "a caller (recorded, voice 'rms') and three agents; built-in stand-ins: "
        "a small recogniser for the agents' own vocabulary, a synthetic voice, scripted rules; "
        "to talk yourself: antiphon talk"
    )
    text = [re.sub(r"^\[ *[\d.]+\] ", "", line) for line in run.lines]
    assert text[1] == "→ intake"
    for heard in HEARD:
        assert f"caller: {heard}" in text
    assert '→ tool look_up_invoice(number="4018")' in text
    assert "customer_service → billing" in text
    assert any("(interrupted; unheard: " in line for line in text)
    assert sum(" answered after 0." in line for line in text) == len(HEARD)
    assert "agents: intake → customer_service → billing → customer_service" in text
    assert any(line.startswith("of each turn the framework itself took ") for line in text)
    assert text[-1] == "written: demo.wav (caller left, agent right), demo.json"


def test_without_a_recogniser_the_caller_types_the_same_call(typed):
    assert (typed.returncode, typed.complaints) == (0, [])
    assert typed.said_by("user") == [line.text for line in LINES]
    calls = typed.items("function_call")
    assert [(call["name"], call["arguments"]) for call in calls] == CALLS
    handoffs = typed.items("agent_handoff")
    assert [(item["old_agent_id"], item["new_agent_id"]) for item in handoffs] == CHAIN
    cut = [item for item in typed.items("message") if item["interrupted"]]
    assert [item["generated_text"].startswith(item["text"]) for item in cut] == [True]
    assert "pocketsphinx" not in typed.report["usage"]


def test_a_typed_call_is_recorded_with_a_silent_left(typed):
    recording = typed.recording
    assert recording.level("caller", 0.0, recording.duration) < 2
    for turn in typed.report["turns"]:
        assert recording.level("agent", turn["first_audio"] + 0.03, turn["first_audio"] + 0.4) > 300


def test_quiet_shows_everything_at_the_end(typed):
    assert "caller: Hello, my name is Alice Walker." in typed.stdout
    assert "agents: intake → customer_service → billing → customer_service" in typed.lines
    assert not any("answered after" in line for line in typed.lines)
    assert typed.lines[-1] == "written: demo.wav (caller left, agent right), demo.json"
