"""`antiphon talk`, in processes of its own, with the providers that are installed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from antiphon import Registry
from antiphon.transports.wav_file import WavReader

pytestmark = pytest.mark.timeout(40)

TALK = """what are your opening hours
book an appointment
Monday
confirm
"""

LEAVER = """
from antiphon import Agent
class Leaver(Agent):
    async def on_enter(self):
        self.session.say("hello")
    async def on_exit(self):
        await self.session.say("bye bye")
"""

HANGS = """
import asyncio
from antiphon import Agent
class Hangs(Agent):
    async def on_enter(self):
        self.session.say("hello")
    async def on_exit(self):
        print("LEAVING", flush=True)
        await asyncio.sleep(60)
"""


def _without_times(text: str) -> list[str]:
    return [line[8:].strip() if line.startswith("[") else line for line in text.splitlines()]


def test_a_new_agent_can_be_talked_to_by_typing(antiphon, tmp_path):
    assert antiphon("new", "agent", "shop").returncode == 0
    result = antiphon("talk", "shop.py", "--text", "--report", "r.json", input=TALK)
    assert result.returncode == 0, result.stderr
    assert "\x1b" not in result.stdout
    lines = [line for line in _without_times(result.stdout) if not line.startswith("turn ")]
    assert lines[0].startswith("shop.py names no llm: llm=")
    assert lines[1 : lines.index("")] == [
        "→ reception",
        "reception: Hello, this is the repair shop. How can I help?",
        "you: what are your opening hours",
        "→ tool opening_hours()",
        "← opening_hours: We are open from nine to five, Monday to Friday.",
        "reception: We are open from nine to five, Monday to Friday.",
        "you: book an appointment",
        "reception: What is the day?",
        "you: Monday",
        '→ tool book_appointment(day="Monday")',
        "reception → booking",
        "booking: Monday is possible. Say confirm, and I book it.",
        "you: confirm",
        "→ tool confirm_booking()",
        "← confirm_booking: It is booked: Monday.",
        "booking: It is booked: Monday.",
        "booking → reception",
        "reception: Is there anything else?",
        "(the call has ended: input ended)",
    ]
    assert "agents: reception → booking → reception" in lines
    assert any(line.startswith("median latency 0.") for line in lines)
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (report["schema"], len(report["turns"])) == ("antiphon.session_report/1", 4)
    assert report["job"]["room"] == "local"
    calls = [item for item in report["history"] if item["type"] == "function_call"]
    assert calls[1]["arguments"] == {"day": "Monday"}


def test_without_a_file_there_is_somebody_to_talk_to(antiphon):
    result = antiphon("talk", "--text", input="open the notebook\nwrite a note\nmilk\n")
    assert result.returncode == 0, result.stderr
    lines = _without_times(result.stdout)
    assert lines[0].startswith('models: llm="')
    assert any(line.startswith('try: "what time is it"') for line in lines)
    assert "host → notebook" in lines
    assert "notebook: I have written down: milk." in lines


def test_json_is_one_object_per_line_and_nothing_else(antiphon):
    result = antiphon("talk", "--text", "--json", input="thank you\n")
    assert result.returncode == 0, result.stderr
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert events[0]["event"] == "note"
    assert events[-1]["event"] == "close"
    said = [
        event["item"]["text"]
        for event in events
        if event["event"] == "conversation_item_added" and event["item"].get("role") == "user"
    ]
    assert said == ["thank you"]


def test_a_slot_and_a_setting_are_replaced(antiphon, tmp_path):
    (tmp_path / "own.py").write_text(
        "from antiphon import Agent\nclass Own(Agent):\n"
        "  def __init__(self): super().__init__(llm='not-installed-at-all/x', tts='neither')\n",
        encoding="utf-8",
    )
    alone = antiphon("talk", "own.py", "--text", input="hi\n")
    assert alone.returncode == 1
    assert alone.stderr.splitlines()[-1].startswith(
        "no provider named 'not-installed-at-all' is installed"
    )
    assert "Traceback" not in alone.stderr
    chosen = json.loads(antiphon("talk", "--text", "--json", input="").stdout.splitlines()[0])
    model = chosen["text"].partition('"')[2].partition('"')[0]
    replaced = antiphon("talk", "own.py", "--text", "--llm", model, input="thank you\n")
    assert replaced.returncode == 0, replaced.stderr
    wrong = antiphon("talk", "own.py", "--text", "--llm", model, "--set", "llm.nope=1", input="x")
    assert wrong.returncode == 1
    assert "has no setting 'nope'" in wrong.stderr


def test_of_a_slot_that_the_agent_fills_nothing_else_is_chosen(antiphon, tmp_path):
    chosen = json.loads(antiphon("talk", "--text", "--json", input="").stdout.splitlines()[0])
    model = chosen["text"].partition('"')[2].partition('"')[0]
    (tmp_path / "own.py").write_text(
        "from antiphon import Agent\nclass Own(Agent):\n"
        f"  def __init__(self): super().__init__(llm={model!r})\n",
        encoding="utf-8",
    )
    result = antiphon("talk", "own.py", "--text", input="")
    assert result.returncode == 0, result.stderr
    assert _without_times(result.stdout)[0] == "→ own"


def test_an_app_whose_call_fails_to_start_exits_with_1(antiphon, tmp_path):
    (tmp_path / "idle.py").write_text(
        "from antiphon.app import App\napp = App()\n@app.session\nasync def f(ctx): pass\n",
        encoding="utf-8",
    )
    result = antiphon("talk", "idle.py", "--text")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == (
        "the session function 'f' has started no session; "
        "write: await session.start(agent=…, room=ctx.room)"
    )


def test_a_wav_file_that_cannot_be_read_ends_it_before_it_begins(antiphon):
    result = antiphon("talk", "--input", "nothing.wav")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == (
        "there is no file 'nothing.wav'; give the path of a WAV file"
    )


def test_a_call_by_wav_files_is_heard_answered_and_recorded(antiphon, tmp_path):
    _need_all()
    voice = _recorded("thanks.wav")
    result = antiphon(
        "talk", "--input", str(voice), "--output", "out.wav", "--set", "tts.speed=200"
    )
    assert result.returncode == 0, result.stderr
    assert "you: " in result.stdout
    assert "(the call has ended: input ended)" in result.stdout
    recorded = WavReader(tmp_path / "out.wav")
    assert (recorded.format.channels, recorded.format.bits) == (2, 16)
    assert recorded.format.duration > WavReader(voice).format.duration


def _recorded(name: str) -> Path:
    found = sorted(Path(__file__).parents[3].glob(f"providers/**/{name}"))
    if not found:
        pytest.skip(f"no recorded {name} beside the providers")
    return found[0]


def _interruptible(path: Path, source: str, *arguments: str) -> subprocess.Popen[str]:
    path.write_text(source, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "-m", "antiphon", "talk", path.name, "--text", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=path.parent,
        env={**os.environ},
    )


def _until(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} did not come")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_ctrl_c_ends_the_call_properly_and_writes_the_report(tmp_path):
    with _interruptible(tmp_path / "leaver.py", LEAVER, "--report", "r.json") as process:
        _until(process, "leaver: hello")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=15)
    assert process.returncode == 0, err
    assert "leaver: bye bye" in out
    assert "(the call has ended: user initiated)" in out
    assert "agents: leaver" in out
    assert err.splitlines() == ["ending the call; Ctrl-C again stops at once"]
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [item.get("text") for item in report["history"]] == [None, "hello", "bye bye"]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_a_second_ctrl_c_ends_it_at_once_and_writes_what_there_is(tmp_path):
    with _interruptible(tmp_path / "hangs.py", HANGS, "--report", "r.json") as process:
        _until(process, "hangs: hello")
        process.send_signal(signal.SIGINT)
        _until(process, "LEAVING")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=4)
    assert process.returncode == 130, err
    assert err.splitlines() == [
        "ending the call; Ctrl-C again stops at once",
        "stopped at once, before everything was closed",
    ]
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [item.get("text") for item in report["history"]] == [None, "hello"]
    assert report["close"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process there")
def test_a_third_ctrl_c_breaks_off_what_holds_the_loop_up(tmp_path):
    source = HANGS.replace("await asyncio.sleep(60)", "import time; time.sleep(60)")
    with _interruptible(tmp_path / "hangs.py", source) as process:
        _until(process, "hangs: hello")
        process.send_signal(signal.SIGINT)
        _until(process, "LEAVING")
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 130


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.parametrize(
    ("signals", "code"), [((signal.SIGTERM,), 143), ((signal.SIGINT, signal.SIGINT), 130)]
)
def test_a_recording_is_completed_however_the_call_is_ended(tmp_path, signals, code):
    _need_all()
    silence = tmp_path / "silence.wav"
    _write_silence(silence, seconds=30.0)
    (tmp_path / "hangs.py").write_text(HANGS, encoding="utf-8")
    files = ("--input", silence.name, "--output", "out.wav")
    with subprocess.Popen(
        [sys.executable, "-m", "antiphon", "talk", "hangs.py", *files],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
    ) as process:
        _until(process, "→ hangs")
        process.send_signal(signals[0])
        _until(process, "LEAVING")
        for each in signals[1:]:
            process.send_signal(each)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "nothing was heard" not in err
    recorded = WavReader(tmp_path / "out.wav")
    assert (recorded.format.channels, recorded.format.bits) == (2, 16)
    assert not (tmp_path / "out.wav.part").exists()


def test_of_a_silent_recording_it_says_that_nothing_was_heard(antiphon, tmp_path):
    _need_all()
    _write_silence(tmp_path / "silence.wav", seconds=1.0)
    result = antiphon("talk", "--input", "silence.wav")
    assert result.returncode == 0, result.stderr
    assert result.stderr.splitlines() == [
        "nothing was heard in 'silence.wav': no voice was found in it; "
        "is it the right file, and loud enough?"
    ]


def _need_all() -> None:
    for name in Registry().names():
        readiness = Registry().readiness(name)
        if readiness.state != "ready":
            pytest.skip(readiness.detail)


def _write_silence(path: Path, *, seconds: float) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2 * round(16000 * seconds)))


@pytest.mark.skipif(sys.platform == "win32", reason="it needs a pseudo-terminal")
def test_on_a_terminal_a_typed_line_stands_there_once_and_exit_is_answered_with_a_hint(tmp_path):
    import pty

    (tmp_path / "leaver.py").write_text(LEAVER, encoding="utf-8")
    ours, its = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "antiphon", "talk", "leaver.py", "--text"],
        stdin=its,
        stdout=its,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "100"},
    ) as process:
        os.close(its)
        shown = _read_until(ours, "leaver: hello\r\n")
        os.write(ours, b"quit\n")
        shown += _read_until(ours, "turn 1: answered")
        os.write(ours, b"\x04")
        shown += _read_until(ours, "the call has ended")
        assert process.wait(timeout=15) == 0
        os.close(ours)
    lines = _without_times(shown)
    assert "type what you say; Ctrl-D or Ctrl-C ends the call" in lines
    assert lines[lines.index("quit") + 1] == "(Ctrl-D ends the call)"
    assert [line for line in lines if "quit" in line] == ["quit"]
    assert any(line.startswith("leaver: Sorry") for line in lines)


def _read_until(terminal: int, text: str) -> str:
    shown = ""
    while text not in shown:
        shown += os.read(terminal, 4096).decode("utf-8", errors="replace")
    return shown


def test_a_session_that_is_started_without_the_room_is_an_error_and_no_silence(antiphon, tmp_path):
    (tmp_path / "deaf.py").write_text(
        "from antiphon import Agent, AgentSession, App\n"
        "app = App()\n"
        "@app.session\n"
        "async def call(ctx):\n"
        "    await AgentSession().start(Agent(instructions='x'))\n",
        encoding="utf-8",
    )
    result = antiphon("talk", "--text", "deaf.py", input="hello\n")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "the session function 'call' has started its session without the room, so nobody can talk "
        "to it; write: await session.start(agent=…, room=ctx.room)"
    )


def test_a_mistake_in_the_users_file_is_one_sentence_with_its_line(antiphon, tmp_path):
    (tmp_path / "typo.py").write_text(
        "from antiphon import Agent\n"
        "class Shop(Agent):\n"
        "    def __init__(self):\n"
        "        super().__init__(instruction='x')\n",
        encoding="utf-8",
    )
    result = antiphon("talk", "--text", "typo.py", input="hello\n")
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        "typo.py, line 4: TypeError: Agent.__init__() got an unexpected keyword argument "
        "'instruction' (more: --traceback)"
    )
    assert "Traceback" not in result.stderr


def test_a_recording_needs_a_call_of_files(antiphon):
    result = antiphon("talk", "--output", "out.wav")
    assert result.returncode == 2
    assert "--output records a call of --input FILE.wav; give that as well" in result.stderr
