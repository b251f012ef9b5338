"""`antiphon report FILE`, and the format of the log."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from antiphon import Agent, AgentSession, function_tool
from antiphon.app import make_report
from antiphon.app.session_report import report_schema
from antiphon.cli.report import waterfall
from antiphon.registry import Registry
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD
from antiphon.testing import run as run_virtually


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(id="desk")

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks up."""
        await asyncio.sleep(0.5)
        raise ValueError("\x1b[31mred")


async def _converse() -> dict[str, Any]:
    caller = Caller()
    session: AgentSession[Any] = AgentSession(
        llm=ScriptedLLM(
            {
                "invoice": Call("look_up", number=3),
                "internal error": "one two three four five six seven eight nine ten",
                "": "I see.",
            }
        ),
        stt=ScriptedSTT(),
        tts=ScriptedTTS(),
        vad=ScriptedVAD(),
        registry=Registry(entry_points=(), environ={}),
        seed=1,
    )
    caller.speak_at(0.5, "what about the invoice", seconds=1.5)
    caller.speak_at(5.5, "thank you and goodbye", seconds=1.5)
    await session.start(Desk(), transport=caller)
    await caller.wait_until(12)
    await session.aclose()
    report = make_report(session)
    report["discarded_usage"] = {"ScriptedLLM": {"input_tokens": 3, "requests": 1}}
    return report


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return run_virtually(_converse)


def _write(folder: Path, report: dict[str, Any]) -> str:
    file = folder / "call.json"
    whole = json.loads(json.dumps(report))
    for model, counts in whole["discarded_usage"].items():
        whole["discarded_usage"][model] = {**dict.fromkeys(whole["usage"][model], 0), **counts}
    file.write_text(json.dumps(whole), encoding="utf-8")
    return str(file)


def test_a_report_is_shown_with_its_conversation_and_its_end(run, make_registry, tmp_path, report):
    result = run(make_registry(), "report", _write(tmp_path, report))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"{report['session']['id']}, ")
    assert lines[2] == (
        "agent desk (Desk): llm ScriptedLLM, tts ScriptedTTS, stt ScriptedSTT, vad ScriptedVAD"
    )
    said = [line[9:] for line in lines if line.startswith("[")]
    assert said[:4] == [
        "→ desk",
        "user: what about the invoice",
        "→ tool look_up(number=3)",
        "← look_up (error): an internal error occurred",
    ]
    assert said[4].startswith("desk: one two three")
    assert "… (interrupted; unheard: '" in said[4]
    assert said[5:7] == ["user: thank you and goodbye", "desk: I see."]
    assert said[7] == "error of tool (look_up): ValueError:  [31mred (went on)"
    assert "\x1b" not in result.stdout
    assert lines[-1] == "ended: user initiated"
    assert "of that thrown away, ScriptedLLM: input_tokens 3, requests 1" in lines
    assert "agents: desk" in lines


def test_a_wait_is_a_bar_of_its_stages():
    turn = {
        "last_voiced": 1.0,
        "committed": 1.5,
        "llm_request": 1.5,
        "llm_first_token": 1.7,
        "first_sentence": 1.8,
        "tts_first_byte": 1.9,
        "latency": 1.0,
    }
    assert waterfall(turn, 10) == "▒▒▒▒▒▓▓·░·"
    typed = {**turn, "last_voiced": None, "committed": 1.5, "latency": 0.5}
    assert waterfall(typed, 10) == "▓▓·░·"
    assert waterfall({**typed, "latency": 0.0}, 10) == "▓"


def test_bars_have_one_scale(run, make_registry, tmp_path, report):
    result = run(make_registry(), "report", _write(tmp_path, report))
    waits = [turn["latency"] for turn in report["turns"]]
    bars = [
        line for line in result.stdout.splitlines() if line[:4] in ("  1 ", "  2 ") and "▓" in line
    ]
    lengths = [len(bar.split()[1]) for bar in bars]
    assert max(lengths) == 40
    assert lengths[0] / lengths[1] == pytest.approx(waits[0] / waits[1], rel=0.1)
    assert bars[0].endswith("s (endpoint 0.50, llm 0.10, tts 0.22)")


def test_a_report_of_a_running_session_says_so(run, make_registry, tmp_path, report):
    path = _write(tmp_path, {**report, "close": None, "discarded_usage": {}})
    assert run(make_registry(), "report", path).stdout.splitlines()[-1] == "still running"


def test_the_schema_is_printed(run, make_registry):
    result = run(make_registry(), "report", "--schema")
    assert json.loads(result.stdout) == report_schema()


def test_what_is_no_report_is_one_sentence(run, make_registry, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("x.json").write_text("{}", encoding="utf-8")
    result = run(make_registry(), "report", "x.json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "'x.json' is no session report: its 'schema' is None, not 'antiphon.session_report/1'\n"
    )
    assert run(make_registry(), "report").exit_code == 2


def test_a_file_may_not_move_the_cursor(run, make_registry, tmp_path, report):
    changed = json.loads(json.dumps(report).replace("desk", "desk\\u001b[31m"))
    changed["session"]["id"] += "\x1b[2J"
    changed["turns"][0]["text"] += "\x1b[2J"
    changed["close"]["reason"] += "\x1b[2J"
    result = run(make_registry(), "report", _write(tmp_path, changed))
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    assert result.stdout.count("[2J") == 3


def test_a_report_of_another_hand_is_shown_as_far_as_it_goes(run, make_registry, tmp_path, report):
    turns = [{**turn, "last_voiced": None, "committed": None} for turn in report["turns"]]
    changed = {**report, "versions": {}, "turns": turns}
    result = run(make_registry(), "report", _write(tmp_path, changed))
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1] == "antiphon ?, Python ?"


BROKEN = """
from antiphon import Agent, function_tool

class Desk(Agent):
    async def on_enter(self):
        name = "Ann Smith"
        raise LookupError(f"nobody is called {name}")
"""


@pytest.mark.parametrize("format", ["json", "text"])
@pytest.mark.parametrize("content", ["", "0"])
def test_the_log_has_the_format_that_is_asked_for(antiphon, tmp_path, format, content):
    (tmp_path / "desk.py").write_text(BROKEN, encoding="utf-8")
    result = antiphon(
        "talk",
        "--text",
        "desk.py",
        "--llm",
        "rules",
        "--log-format",
        format,
        input="hello\n",
        environ={"ANTIPHON_LOG_CONTENT": content},
    )
    records = [line for line in result.stderr.splitlines() if "on_enter of agent" in line]
    assert len(records) == 1, result.stderr
    if format == "json":
        record = json.loads(records[0])
        assert (record["level"], record["logger"]) == ("error", "antiphon.session")
        assert record["agent_id"] == "desk" and record["session_id"].startswith("session_")
        assert "Traceback" in record["exception"]
    else:
        assert records[0].startswith("ERROR antiphon.session: on_enter of agent 'desk' failed sess")
    # Who talks to agents of their own sees what their own errors say, unless told otherwise.
    shown = "LookupError: nobody is called Ann Smith" in result.stderr
    assert (shown, "left out" in result.stderr) == (content == "", content == "0")


def test_show_logs_again_changes_the_format():
    from antiphon.cli.logs import LogFormat, LogLevel, show_logs

    logger = logging.getLogger("antiphon")
    before = list(logger.handlers)
    try:
        show_logs(LogLevel.info, LogFormat.json)
        show_logs(LogLevel.error)
        ours = [handler for handler in logger.handlers if handler not in before]
        assert [type(handler.formatter).__name__ for handler in ours] == ["TextFormatter"]
    finally:
        for handler in list(logger.handlers):
            if handler not in before:
                logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
