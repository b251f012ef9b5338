"""The session report: one shape, described by its schema, without keys."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentSession,
    App,
    Model,
    ToolError,
    function_tool,
    handoff,
    redaction,
)
from antiphon.app import SessionReport, make_report, read_report
from antiphon.app.job import JobContext
from antiphon.app.local_job import LocalJob
from antiphon.app.local_room import LocalRoom
from antiphon.app.session_report import report_schema
from antiphon.errors import ConfigurationError, ProviderConnectionError
from antiphon.hookspecs import hookimpl
from antiphon.llm import LLM
from antiphon.provider import Env, Provider, Slot
from antiphon.registry import Registry
from antiphon.testing import Call, Caller, Fail, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD
from antiphon.timeline import ModelCall, Timeline, ToolTime

SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "session-report.schema.json"
KEY = "sk-planted-0123456789"


class Billing(Agent):
    def __init__(self) -> None:
        super().__init__(id="billing", tts=None)


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(id="desk")

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks up."""
        await asyncio.sleep(0.3)
        if number == 0:
            raise ToolError("no such number")
        return f"paid with {KEY}"

    @function_tool
    async def to_billing(self) -> Any:
        """Hands over."""
        return handoff(Billing(), returns="there you are")


REPLIES = {
    "invoice": [
        "One moment, and a long one it is.",
        Call("look_up", number=3),
        Call("look_up", number=0),
    ],
    "paid with": "It is paid, as far as I can see.",
    "billing": Call("to_billing"),
    "there you are": "I hand you over.",
    "": "I see.",
}


async def converse(*, end: bool = True) -> AgentSession[Any]:
    """Tools, a hand-off, an interruption, errors."""
    caller = Caller()
    session: AgentSession[Any] = AgentSession(
        llm=ScriptedLLM(REPLIES, fail_at=Fail(ProviderConnectionError(f"no {KEY}"), call=1)),
        stt=ScriptedSTT(),
        tts=ScriptedTTS(),
        vad=ScriptedVAD(),
        registry=Registry(entry_points=(), environ={}),
    )
    caller.speak_at(0.5, "what about the invoice", seconds=1.5)
    caller.speak_at(5.0, "stop and give me billing", seconds=2.0)
    caller.speak_at(13.0, "hello there", seconds=1.0)
    await session.start(Desk(), transport=caller)
    await caller.wait_until(18)
    if end:
        await session.aclose()
    return session


def same(report: dict[str, Any]) -> dict[str, Any]:
    """The report read into types and back, without the fields that are only those of others."""

    def back(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {spec.name: getattr(value, spec.name) for spec in dataclasses.fields(value)}
            agent = fields.get("type") == "message" and fields["role"] != "assistant"
            return {
                name: back(item)
                for name, item in fields.items()
                if not (agent and name in ("agent_id", "generated_text", "estimated"))
            }
        if isinstance(value, list):
            return [back(item) for item in value]
        if isinstance(value, dict):
            return {name: back(item) for name, item in value.items()}
        return value

    result: dict[str, Any] = back(SessionReport.from_dict(report))
    return result


@pytest.mark.virtual_time
async def test_a_report_has_exactly_the_fields_of_its_types():
    report = make_report(await converse())
    assert same(report) == report
    assert json.loads(json.dumps(report)) == report
    kinds = {item["type"] for item in report["history"]}
    assert kinds == {"message", "function_call", "function_call_output", "agent_handoff"}
    assert any(turn["tools"] for turn in report["turns"])


@pytest.mark.virtual_time
async def test_a_report_tells_who_took_part_what_failed_and_how_it_ended():
    session = await converse()
    report = make_report(session)
    assert report["schema"] == "antiphon.session_report/1"
    assert report["session"]["id"] == session.id
    assert report["session"]["duration"] == report["close"]["at"] == pytest.approx(18, abs=0.5)
    assert report["session"]["options"]["max_tool_steps"] == 3
    slots = {"llm": "ScriptedLLM", "stt": "ScriptedSTT", "vad": "ScriptedVAD"}
    desk, billing = report["agents"]
    assert desk == {
        "id": "desk",
        "type": "Desk",
        "active_since": 0.0,
        "tools": ["look_up", "to_billing"],
        "models": {**slots, "tts": "ScriptedTTS"},
    }
    assert (billing["id"], billing["tools"], billing["models"]) == ("billing", [], slots)
    assert billing["active_since"] > 7
    (error,) = report["errors"]
    assert error.pop("at") > 2
    assert error == {
        "source": "llm",
        "type": "ProviderConnectionError",
        "message": f"no {KEY}",
        "recoverable": True,
        "detail": "",
    }
    assert report["close"] == {
        "at": report["close"]["at"],
        "reason": "user_initiated",
        "error": None,
    }
    assert report["errors_left_out"] == 0 and report["job"] is None


@pytest.mark.virtual_time
async def test_a_running_session_can_be_reported_too():
    session = await converse(end=False)
    report = make_report(session)
    assert report["close"] is None
    assert report["session"]["duration"] == pytest.approx(18, abs=0.1)
    await session.aclose()
    assert make_report(session)["close"]["reason"] == "user_initiated"


@pytest.mark.virtual_time
async def test_of_many_errors_the_first_200_are_listed_and_the_others_counted():
    session: AgentSession[Any] = AgentSession(llm=ScriptedLLM({"": "x"}))

    @session.on("user_state_changed")
    def fail(event: Any) -> None:
        raise ValueError("no")

    @session.on("speech_created")
    def fail_too(event: Any) -> None:
        raise ValueError("no")

    await session.start(Agent(id="desk"))
    for _ in range(205):
        await session.generate_reply(user_input="go on")
    report = make_report(session)
    await session.aclose()
    assert (len(report["errors"]), report["errors_left_out"]) == (200, 5)


class _LLM(LLM):
    async def chat(self, chat_ctx, *, tools=(), tool_choice="auto", settings=None):
        raise ProviderConnectionError(f"https://acme/?key={KEY} refused")
        yield


class _Acme:
    @hookimpl
    def antiphon_provider(self) -> Provider:
        llm = Slot(lambda ref, settings, env: _LLM(), default="one")
        return Provider("acme", seam=1, llm=llm, credentials=Env("ACME_KEY"))


@pytest.mark.virtual_time
@pytest.mark.parametrize("given", ["environment", "setting"])
async def test_no_key_is_in_a_report(given: str, monkeypatch: pytest.MonkeyPatch):
    registry = Registry(entry_points=(), environ={"ACME_KEY": KEY})
    registry.add(_Acme(), "acme")
    if given == "environment":
        monkeypatch.setenv("ACME_KEY", KEY)
        model: Any = "acme"
    else:
        model = Model("acme/one", api_key=KEY)
    app = App()

    @app.session
    async def session(ctx: JobContext) -> None:
        running: AgentSession[Any] = AgentSession(llm=model, registry=registry)
        await running.start(Desk(), room=ctx.room)
        await running.generate_reply(user_input=f"my key is {KEY}")
        running.shutdown()

    job = LocalJob(app, room=LocalRoom(name="kitchen"), registry=registry)
    await job.run()
    report = job.context.make_session_report()
    assert KEY not in json.dumps(report)
    assert report["errors"][0]["message"] == "https://acme/?key=*** refused"
    assert report["history"][1]["text"] == "my key is ***"
    assert report["job"] == {"id": job.context.job.id, "agent_name": "", "room": "kitchen"}


class _Hidden(Agent):
    """Its key is in its own model, and nowhere else."""

    def __init__(self, model: Model) -> None:
        super().__init__(id="hidden", llm=model)


@dataclasses.dataclass(frozen=True)
class _Extra:
    extra: dict[str, Any] | None = None


@pytest.mark.virtual_time
@pytest.mark.parametrize(
    "settings",
    [{"api_key": KEY}, {"extra": {"headers": {"Authorization": f"Bearer {KEY}"}}}],
    ids=["api_key", "extra"],
)
async def test_no_key_of_an_earlier_agent_is_in_a_report_or_the_log(
    settings: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(redaction, "_hidden", {})
    caplog.set_level("DEBUG", "antiphon")

    class Acme:
        @hookimpl
        def antiphon_provider(self) -> Provider:
            llm = Slot(lambda ref, settings, env: _LLM(), settings=_Extra, default="one")
            return Provider("acme", seam=1, llm=llm, credentials=Env("ACME_KEY"))

    registry = Registry(entry_points=(), environ={"ACME_KEY": "another-key-0123"})
    registry.add(Acme(), "acme")
    session: AgentSession[Any] = AgentSession(registry=registry)
    await session.start(_Hidden(Model("acme/one", **settings)))
    await session.generate_reply(user_input="hello")
    await session.update_agent(Agent(id="desk", llm=None))
    report = make_report(session)
    await session.aclose()
    assert KEY not in json.dumps(report)
    assert report["errors"][0]["message"] == "https://acme/?key=*** refused"
    assert "https://acme/?key=*** refused" in caplog.text
    assert KEY not in caplog.text


def test_of_many_keys_the_latest_are_hidden(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(redaction, "_hidden", {})
    redaction.hide(f"planted-{number:04}" for number in range(1000))
    redaction.hide(["planted-0000", "planted-1000"])
    hidden = redaction.secret_values()
    assert ("planted-0000" in hidden, "planted-0001" in hidden, "planted-1000" in hidden) == (
        True,
        False,
        True,
    )


def test_the_schema_in_the_docs_is_that_of_the_code():
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == report_schema(), (
        "write it again: antiphon report --schema > docs/session-report.schema.json"
    )


@pytest.mark.virtual_time
async def test_a_report_is_valid_by_the_schema_in_the_docs():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    report = make_report(await converse())
    validator.validate(report)
    del report["turns"][0]["committed"]
    assert [error.message for error in validator.iter_errors(report)] == [
        "'committed' is a required property"
    ]


@pytest.mark.parametrize(
    ("kind", "reported", "derived"),
    [
        (Timeline, "ReportedTurn", {"endpoint_wait", "llm_wait", "tts_wait", "latency"}),
        (ModelCall, "ReportedModelCall", set()),
        (ToolTime, "ReportedTool", set()),
    ],
)
def test_a_turn_its_calls_and_tools_are_reported_with_all_their_fields(
    kind: type, reported: str, derived: set[str]
):
    fields = {spec.name for spec in dataclasses.fields(kind)}
    assert set(report_schema()["$defs"][reported]["properties"]) == fields | derived


@pytest.mark.virtual_time
async def test_a_report_that_was_written_can_be_read_back(tmp_path: Path):
    report = make_report(await converse())
    file = tmp_path / "call.json"
    file.write_text(json.dumps({**report, "later": 1}), encoding="utf-8-sig")
    assert read_report(file) == {**report, "later": 1}
    read = SessionReport.from_dict(report)
    assert read.turns[0].calls[0].slot == "llm"
    assert read.history[0].type == "agent_handoff"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 200_000, "'x.json' is no session report: it is nested too deeply"),
        (
            '{"schema": "antiphon.session_report/²"}',
            "'x.json' is no session report: its 'schema' is 'antiphon.session_report/²', not "
            "'antiphon.session_report/1'",
        ),
        (
            "{",
            "'x.json' is not JSON: Expecting property name enclosed in double quotes: line 1 "
            "column 2 (char 1)",
        ),
        (
            "[]",
            "'x.json' is no session report: its 'schema' is None, not 'antiphon.session_report/1'",
        ),
        (
            '{"version": 1}',
            "'x.json' is no session report: its 'schema' is None, not 'antiphon.session_report/1'",
        ),
        (
            '{"schema": "antiphon.session_report/2"}',
            "'x.json' has the schema 'antiphon.session_report/2', and this antiphon reads "
            "'antiphon.session_report/1'; run: pip install --upgrade antiphon",
        ),
        (
            '{"schema": "antiphon.session_report/1"}',
            "'x.json' is a damaged session report: versions: field required",
        ),
    ],
)
def test_what_is_no_report_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
):
    monkeypatch.chdir(tmp_path)
    Path("x.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        read_report("x.json")
    assert str(raised.value) == message


@pytest.mark.virtual_time
async def test_a_time_that_is_no_number_is_refused(tmp_path: Path):
    report = make_report(await converse())
    report["turns"][0]["latency"] = float("nan")
    (tmp_path / "x.json").write_text(json.dumps(report), encoding="utf-8")
    with pytest.raises(ConfigurationError) as failed:
        read_report(tmp_path / "x.json")
    assert str(failed.value).endswith(
        "is a damaged session report: turns.0.latency: input should be a finite number"
    )


def test_a_report_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        read_report("x.json")
    assert str(raised.value) == (
        "there is no file 'x.json'; antiphon talk --report FILE writes one"
    )
