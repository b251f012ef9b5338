"""`antiphon simulate FILE SCENARIO`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

DESK = """
from antiphon import Agent, function_tool

class Desk(Agent):
    async def on_enter(self):
        self.session.say("Good morning.")

    @function_tool
    async def open(self) -> str:
        '''Says when it is open.'''
        return "until six"
"""

HOURS = """
[[reply]]
to = "open"
call = "open"
[[reply]]
to = "until six"
say = "We are open until six."
[[reply]]
say = "Pardon?"
[[step]]
say = "when are you open"
hears = "until six"
calls = "open"
[expect]
turns = 1
"""

WRONG = HOURS.replace('hears = "until six"', 'hears = "until seven"')


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

    write_file("desk_file.py", DESK)
    return write_file


def test_a_table_of_outcomes_is_printed(antiphon, write):
    write("hours.toml", HOURS)
    done = antiphon("simulate", "desk_file.py", "hours.toml", "--seeds", "2")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == "scenario seed turns replies hand-offs errors worst latency verdict"
    assert lines[1].startswith("hours 0 1 2 0 0 1.")
    assert lines[2].startswith("hours 1 1 2 0 0 ")
    assert all(line.endswith(" s passed") for line in lines[1:3])
    assert lines[3:] == ["", "2 of 2 calls passed"]


def test_what_failed_stands_below_the_table_and_the_exit_code_is_1(antiphon, write):
    write("calls/hours.toml", HOURS)
    write("calls/wrong.toml", WRONG)
    done = antiphon("simulate", "desk_file.py", "calls")
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAILED" in done.stdout
    assert done.stdout.endswith(
        "\nwrong, seed 0:\n"
        "  - after step 1 (say 'when are you open') the caller did not hear 'until seven', but 'We "
        "are open until six.'\n"
        "\n1 of 2 calls passed\n"
    )


def test_verbose_prints_what_was_said(antiphon, write):
    write("hours.toml", HOURS)
    done = antiphon("simulate", "desk_file.py", "hours.toml", "-v", "--seed", "3")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "hours, seed 3:"
    assert [line[12:] for line in lines[1:6]] == [
        "[None -> desk]",
        "desk: Good morning.",
        "caller: when are you open",
        "(open{} -> until six)",
        "desk: We are open until six.",
    ]


def test_json_has_all_outcomes_and_is_the_same_for_the_same_seed(antiphon, write, tmp_path):
    write("hours.toml", HOURS)
    found = []
    for name in ("one.json", "two.json"):
        done = antiphon("simulate", "desk_file.py", "hours.toml", "--seed", "5", "--json", name)
        assert done.returncode == 0
        values = json.loads((tmp_path / name).read_text(encoding="utf-8"))
        assert (values["version"], values["runs"], values["failed"]) == (1, 1, 0)
        (outcome,) = values["outcomes"]
        del outcome["report"]  # has the day and CPU time, which are real
        found.append(outcome)
    assert found[0] == found[1]
    assert found[0]["seed"] == 5
    assert found[0]["file"] == "hours.toml"
    assert list(found[0]) == [
        "scenario",
        "file",
        "seed",
        "passed",
        "failures",
        "turns",
        "replies",
        "handoffs",
        "errors",
        "recovered",
        "worst_latency",
        "seconds",
        "close",
        "transcript",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("desk_fle.py", "hours.toml"),
            "there is no file 'desk_fle.py'; did you mean 'desk_file.py'?\n",
        ),
        (
            ("desk_file.py", "hour.toml"),
            "there is no scenario 'hour.toml'; did you mean 'hours.toml'?\n",
        ),
        (
            ("desk_file.py", "acme.toml"),
            "no provider named 'acme' is installed (installed: ",
        ),
    ],
)
def test_what_cannot_be_used_is_one_sentence(antiphon, write, arguments, message):
    write("hours.toml", HOURS)
    write("acme.toml", '[slots]\nllm = "acme/one"\n[[step]]\nsay = "hi"\n')
    done = antiphon("simulate", *arguments)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    if "acme.toml" in arguments:
        assert done.stderr.endswith("; named for the llm by 'acme.toml'\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--json", "nowhere/out.json"), "there is no directory 'nowhere' for --json"),
        (("--seeds", "0"), "Invalid value for '--seeds': "),
        (("--seed", "-1"), "Invalid value for '--seed': "),
    ],
)
def test_wrong_usage_is_told(antiphon, write, options, message):
    write("hours.toml", HOURS)
    done = antiphon("simulate", "desk_file.py", "hours.toml", *options)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())


def test_help_names_every_option(antiphon):
    done = antiphon("simulate", "--help")
    assert done.returncode == 0
    text = " ".join(done.stdout.split())
    assert "Usage: antiphon simulate [OPTIONS]" in text
    for part in (
        "--seeds N How many calls of each scenario.",
        "--seed S The first seed; 0 is as it is written.",
        "--json PATH Write all outcomes, as JSON.",
        "--verbose",
        "Ctrl-C shows what is done so far.",
    ):
        assert part in text


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_ctrl_c_prints_what_is_done_so_far(write, tmp_path):
    write("hours.toml", HOURS)
    out = tmp_path / "out.txt"
    with out.open("w", encoding="utf-8") as stdout:
        process = subprocess.Popen(
            [
                *(sys.executable, "-u", "-m", "antiphon", "simulate", "desk_file.py", "hours.toml"),
                *("--seeds", "100000", "--verbose"),
            ],
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "80"},
            text=True,
        )
        try:
            deadline = time.monotonic() + 15
            while "seed 2:" not in out.read_text(encoding="utf-8"):
                assert time.monotonic() < deadline, "no call was made"
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=15)
        finally:
            process.kill()
    text = out.read_text(encoding="utf-8")
    assert process.returncode == 130, errors
    assert "scenario  seed  turns" in text
    last = text.splitlines()[-1]
    assert last.startswith("stopped after ")
    assert last.endswith(" of 100000 calls")
    assert errors == "\nending with this call; Ctrl-C again stops at once\n"


ENDLESS = """
from antiphon import Agent

class Desk(Agent):
    async def on_enter(self):
        if CALLS.read_text(encoding="utf-8") == "...":
            print("now it hangs", flush=True)
            while True:
                pass
        CALLS.write_text(CALLS.read_text(encoding="utf-8") + ".", encoding="utf-8")
        self.session.say("We are open until six.")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
def test_a_second_ctrl_c_does_not_wait_for_the_call_that_runs(write, tmp_path):
    write("hours.toml", HOURS)
    calls, out = tmp_path / "calls.txt", tmp_path / "out.txt"
    calls.write_text("", encoding="utf-8")
    write("endless.py", f"import pathlib\nCALLS = pathlib.Path({str(calls)!r})\n{ENDLESS}")
    command = ["simulate", "endless.py", "hours.toml", "--seeds", "9", "--json", "all.json"]
    with out.open("w", encoding="utf-8") as stdout:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "antiphon", *command],
            cwd=tmp_path,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "80"},
            text=True,
        )
        try:
            deadline = time.monotonic() + 15
            while "now it hangs" not in out.read_text(encoding="utf-8"):
                assert time.monotonic() < deadline, "the call did not come that hangs"
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert [process.stderr.readline() for _ in range(2)] == [
                "\n",
                "ending with this call; Ctrl-C again stops at once\n",
            ]
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=15)
        finally:
            process.kill()
    assert (process.returncode, errors) == (130, "")
    assert out.read_text(encoding="utf-8").splitlines()[-1] == "stopped after 3 of 9 calls"
    written = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert written["runs"] == 3


PREWARMED = """
from antiphon import AgentSession, App

class Later(Agent):
    def __init__(self):
        super().__init__(tts="no-such-provider/voice")

app = App(prewarm=[Later])

@app.session
async def answer(ctx):
    await AgentSession(llm="rules", tts="no-such-provider").start(agent=Desk(), room=ctx.room)
"""


def test_what_the_scenario_replaces_is_not_prewarmed(antiphon, write):
    write("hours.toml", HOURS)
    write("prewarmed.py", DESK + PREWARMED)
    done = antiphon("simulate", "prewarmed.py", "hours.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n1 of 1 calls passed\n")


def test_a_typed_conversation_prewarms_what_it_uses_only(antiphon, write):
    write("prewarmed.py", DESK + PREWARMED)
    done = antiphon("talk", "--text", "prewarmed.py", input="hello\n")
    assert done.returncode == 0, done.stderr
    assert "Good morning." in done.stdout


def test_what_the_scenario_leaves_to_the_file_is_prewarmed(antiphon, write):
    write("hours.toml", '[slots]\ntts = "file"\n' + HOURS)
    write("prewarmed.py", DESK + PREWARMED)
    done = antiphon("simulate", "prewarmed.py", "hours.toml")
    assert done.returncode == 1
    assert "no provider named 'no-such-provider' is installed" in done.stdout
