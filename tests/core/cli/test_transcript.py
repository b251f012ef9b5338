"""The transcript and the tables at the end of a call."""

from __future__ import annotations

import io
import json
import re

import pytest

from antiphon import (
    Agent,
    AgentSession,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    Registry,
    TransportError,
    function_tool,
)
from antiphon.app.report import make_report
from antiphon.chat import AgentHandoff
from antiphon.cli.output import show_table
from antiphon.cli.summary import handoff_chain, show_summary, write_report
from antiphon.cli.transcript import Transcript
from antiphon.errors import ProviderConnectionError
from antiphon.events import (
    AgentFalseInterruption,
    AgentStateChanged,
    CloseEvent,
    ConversationItemAdded,
    ConversationItemUpdated,
    ErrorEvent,
    ReplySkipped,
    TranscriptDropped,
)
from antiphon.testing import Call, ScriptedLLM


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _added(item, at=3.9) -> ConversationItemAdded:
    return ConversationItemAdded(item=item, at=at)


def _shown(event, **options) -> str:
    out = io.StringIO()
    Transcript(out, **options).show(event)
    return out.getvalue()


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            _added(ChatMessage(role="user", content="my invoice")),
            "[ 3.90] you: my invoice",
        ),
        (
            _added(ChatMessage(role="assistant", content="Yes.", agent_id="desk"), 123.456),
            "[123.46] desk: Yes.",
        ),
        (
            _added(
                ChatMessage(
                    role="assistant",
                    content="Your invoice",
                    generated_text="Your invoice is paid.",
                    interrupted=True,
                    agent_id="desk",
                )
            ),
            "[ 3.90] desk: Your invoice … (interrupted; unheard: 'is paid.')",
        ),
        (
            _added(FunctionCall(call_id="1", name="look_up", arguments='{"number": 7, "x": "ä"}')),
            '[ 3.90] → tool look_up(number=7, x="ä")',
        ),
        (
            _added(FunctionCallOutput(call_id="1", name="look_up", output='{"paid":\n true}')),
            '[ 3.90] ← look_up: {"paid": true}',
        ),
        (
            _added(AgentHandoff(old_agent_id="intake", new_agent_id="billing")),
            "[ 3.90] intake → billing",
        ),
        (_added(AgentHandoff(new_agent_id="intake"), 0.0), "[ 0.00] → intake"),
        (
            ConversationItemUpdated(item=ChatMessage(role="user", content="seven"), at=1.0),
            "[ 1.00] (corrected) you: seven",
        ),
        (
            ErrorEvent(error=ValueError("no"), source="tts", recoverable=True, at=1.0),
            "[ 1.00] ! tts: no (going on)",
        ),
        (ReplySkipped(reason="nothing to say", at=1.0), "[ 1.00] (no reply: nothing to say)"),
        (
            AgentFalseInterruption(resumed=True, at=1.0),
            "[ 1.00] (no interruption after all: goes on)",
        ),
        (
            TranscriptDropped(transcript="uh", reason="too late", at=1.0),
            "[ 1.00] (dropped 'uh': too late)",
        ),
        (CloseEvent(reason="hung_up", at=9.0), "[ 9.00] (the call has ended: hung up)"),
    ],
)
def test_every_kind_of_event_is_a_plain_line(event, line):
    assert _shown(event) == f"{line}\n"


def test_what_is_said_cannot_move_the_cursor_or_break_the_line():
    message = ChatMessage(role="user", content="a\x1b[2Jb\nc")
    assert _shown(_added(message)) == "[ 3.90] you: a [2Jb c\n"


@pytest.mark.parametrize("style", ["plain", "rich", "json"])
def test_keys_are_not_shown(style, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "planted-0123456789")
    error = ProviderConnectionError("https://acme/?key=planted-0123456789 refused")
    out = io.StringIO()
    Transcript(out, style=style).show(
        ErrorEvent(error=error, source="llm", recoverable=False, at=2.0)
    )
    assert "https://acme/?key=*** refused" in out.getvalue()
    assert "planted" not in out.getvalue()


def test_states_and_instructions_are_not_shown():
    state = AgentStateChanged(old_state="listening", new_state="speaking", at=1.0)
    assert _shown(state) == ""
    assert _shown(_added(ChatMessage(role="system", content="be kind"))) == ""


def test_on_a_terminal_there_is_colour_and_nothing_said_is_taken_for_markup():
    out = _Terminal()
    Transcript(out).show(_added(ChatMessage(role="user", content="[red]no[/red]")))
    assert "you: [red]no[/red]" in out.getvalue()
    assert "\x1b[" in out.getvalue()


def test_json_has_every_event_as_an_object_of_one_line():
    out = io.StringIO()
    transcript = Transcript(out, style="json")
    transcript.note("a remark")
    transcript.show(AgentStateChanged(old_state="listening", new_state="speaking", at=1.0))
    transcript.show(ErrorEvent(error=ValueError("no"), source="tts", recoverable=False, at=2.0))
    transcript.show(_added(AgentHandoff(id="i", new_agent_id="intake", created_at=0.0), 0.0))
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"event": "note", "text": "a remark"},
        {
            "event": "agent_state_changed",
            "at": 1.0,
            "old_state": "listening",
            "new_state": "speaking",
        },
        {
            "event": "error",
            "at": 2.0,
            "error": "ValueError: no",
            "source": "tts",
            "recoverable": False,
            "detail": "",
        },
        {
            "event": "conversation_item_added",
            "at": 0.0,
            "item": {
                "id": "i",
                "type": "agent_handoff",
                "old_agent_id": None,
                "new_agent_id": "intake",
                "created_at": 0.0,
            },
        },
    ]


def test_a_reader_that_has_gone_does_not_end_the_call():
    out = io.StringIO()
    out.close()
    Transcript(out, style="plain").show(CloseEvent(reason="hung_up", at=9.0))


class Desk(Agent):
    """Hands over to billing."""

    @function_tool
    async def to_billing(self) -> Agent:
        """Hands over."""
        return Agent(id="billing")


@pytest.mark.virtual_time
async def test_a_whole_session_in_every_style_and_its_summary():
    registry = Registry([], {})
    llm = ScriptedLLM({"bill": Call("to_billing"), "thanks": "You are welcome."})
    session = AgentSession(llm=llm, registry=registry)
    outs = {style: io.StringIO() for style in ("plain", "json")}
    for style, out in outs.items():
        Transcript(out, style=style, caller="Ann").attach(session)
    await session.start(agent=Desk())
    await session.generate_reply(user_input="my bill please")
    await session.wait_for_idle()
    await session.generate_reply(user_input="thanks")
    report = make_report(session)
    await session.aclose()
    assert outs["plain"].getvalue().splitlines() == [
        "[ 0.00] → desk",
        "[ 0.00] Ann: my bill please",
        "[ 0.10] → tool to_billing()",
        "[ 0.30] desk → billing",
        "[ 0.30] Ann: thanks",
        "[ 0.60] billing: You are welcome.",
        "[ 0.60]   turn 2: answered after 0.10 s",
        "[ 0.60] (the call has ended: user initiated)",
    ]
    events = [json.loads(line) for line in outs["json"].getvalue().splitlines()]
    assert {"conversation_item_added", "function_tools_executed", "metrics_collected", "close"} <= {
        event["event"] for event in events
    }
    assert handoff_chain(report) == ["desk", "billing"]
    shown = io.StringIO()
    show_summary(report, file=shown)
    assert shown.getvalue().splitlines() == [
        "",
        "agents: desk → billing",
        "seconds per turn: endpoint, llm, tts, latency",
        "1  desk     -  0.10  -  -     my bill please",
        "2  billing  -  0.10  -  0.10  thanks",
        "median latency 0.10 s over 1 turn",
        "usage ScriptedLLM: input_tokens 4, output_tokens 4, requests 2",
    ]
    terminal = _Terminal()
    show_summary(report, file=terminal)
    assert "the caller said" in terminal.getvalue()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ({"created_at": 4.0000001, "interrupted": True}, "(interrupted) goodbye"),
        ({"created_at": 4.0, "interrupted": False}, "goodbye"),
        ({"created_at": 3.0, "interrupted": True}, "goodbye"),
        (None, "goodbye"),
    ],
)
def test_a_turn_is_shown_as_interrupted_only_when_words_were_cut(message, shown):
    times = dict.fromkeys(("endpoint_wait", "llm_request", "llm_first_token", "first_sentence"))
    turn = times | {
        "turn": 1,
        "agent_id": "desk",
        "tts_first_byte": None,
        "latency": None,
        "first_audio": 4.0,
        "done": 5.0,
        "interrupted": True,
        "text": "goodbye",
    }
    out = io.StringIO()
    words = {"type": "message", "role": "assistant", "text": "Good"}
    history = [] if message is None else [words | message]
    show_summary({"turns": [turn], "history": history, "usage": {}}, file=out)
    assert out.getvalue().splitlines()[-1].endswith(f"  -  {shown}")


def test_a_table_breaks_no_word_on_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    columns = ("scenario", "slots", "version", "distribution", "state", "what to do")
    rows = [("bill", "stt, llm, tts, vad, turn_detector", "0.1.0", "antiphon", "ready", "")]
    for more in ("", "provider 'acme' needs acme-sdk-for-everyone (+1 recovered)"):
        out = _Terminal()
        show_table(
            columns, [*rows, ("pocketsphinx", "stt", "0", "-", "needs extra", more)], file=out
        )
        plain = re.sub("\x1b\\[[0-9;]*m", "", out.getvalue())
        assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80
        shown = plain.split()
        assert {"turn_detector", "pocketsphinx", "distribution", *more.split()} <= set(shown)


def test_a_report_is_written_whole_or_an_error_says_why(tmp_path):
    path = tmp_path / "call.json"
    write_report({"version": 1, "text": "ä"}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"version": 1, "text": "ä"}
    assert [file.name for file in tmp_path.iterdir()] == ["call.json"]
    nowhere = tmp_path / "no" / "call.json"
    with pytest.raises(TransportError) as error:
        write_report({}, nowhere)
    assert str(error.value) == (
        f"cannot write {str(nowhere)!r} (no such file or directory); give another path"
    )
