"""`antiphon migrate PATH`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from antiphon import Registry

REGISTRY = Registry([], {})
BEFORE = """\
from livekit.agents import AgentSession, RoomIO
from livekit.plugins import openai

session = AgentSession(llm=openai.LLM(model="gpt-4.1"))
RoomIO(session)
"""
AFTER = """\
from antiphon import AgentSession
from livekit.agents import RoomIO

session = AgentSession(llm="openai/gpt-4.1")
RoomIO(session)
"""
ROOM = (
    "livekit.agents.RoomIO: it needs a room on a server; here the transport carries audio and text"
)


@pytest.fixture
def program(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "desk.py"
    path.write_text(BEFORE, encoding="utf-8")
    return path


def test_without_write_it_shows_the_difference_and_writes_nothing(run, program):
    result = run(REGISTRY, "migrate", "desk.py")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout == (
        """\
--- desk.py
+++ desk.py
@@ -1,5 +1,5 @@
-from livekit.agents import AgentSession, RoomIO
-from livekit.plugins import openai
+from antiphon import AgentSession
+from livekit.agents import RoomIO
 
-session = AgentSession(llm=openai.LLM(model="gpt-4.1"))
+session = AgentSession(llm="openai/gpt-4.1")
 RoomIO(session)
"""
        f"desk.py:5: {ROOM}\n"
        "1 file would change (--write writes them); 1 place left; providers named: openai\n"
    )
    assert program.read_text(encoding="utf-8") == BEFORE


def test_write_writes_and_a_second_time_changes_nothing(run, program):
    result = run(REGISTRY, "migrate", "desk.py", "--write")
    assert result.stdout == (
        f"wrote desk.py\ndesk.py:5: {ROOM}\n1 file written; 1 place left; providers named: openai\n"
    )
    assert (result.exit_code, program.read_text(encoding="utf-8")) == (1, AFTER)
    again = run(REGISTRY, "migrate", "desk.py", "--write")
    assert (again.exit_code, again.stdout) == (
        1,
        f"desk.py:5: {ROOM}\n0 files written; 1 place left\n",
    )
    assert program.read_text(encoding="utf-8") == AFTER


def test_nothing_left_is_exit_code_0(run, program):
    program.write_text(BEFORE.replace("RoomIO(session)\n", ""), encoding="utf-8")
    assert run(REGISTRY, "migrate", "desk.py", "--write").exit_code == 0
    result = run(REGISTRY, "migrate", "desk.py")
    assert (result.exit_code, result.stdout) == (0, "nothing to rewrite; nothing left\n")


def test_lines_are_those_of_the_file_as_it_is_now(run, program):
    program.write_text(
        "from livekit.agents import (\n    AgentSession,\n    RoomIO,\n)\nRoomIO(AgentSession())\n",
        encoding="utf-8",
    )
    assert f"desk.py:5: {ROOM}\n" in run(REGISTRY, "migrate", "desk.py").stdout
    written = run(REGISTRY, "migrate", "desk.py", "--write").stdout
    lines = program.read_text(encoding="utf-8").splitlines()
    line = next(n for n, text in enumerate(lines, 1) if text.startswith("RoomIO("))
    assert f"desk.py:{line}: {ROOM}\n" in written


def test_json(run, program):
    result = run(REGISTRY, "migrate", "desk.py", "--json")
    found = json.loads(result.stdout)
    [file] = found["files"]
    diff = file.pop("diff")
    assert result.exit_code == 1
    assert diff.startswith("--- desk.py\n+++ desk.py\n")
    what, _, instead = ROOM.partition(": ")
    assert found == {
        "files": [
            {
                "path": "desk.py",
                "changed": True,
                "written": False,
                "left": [{"line": 5, "what": what, "instead": instead}],
                "notes": [],
                "error": None,
            }
        ],
        "left": 1,
        "providers": ["openai"],
    }


def test_a_folder_is_searched_but_for_environments(run, program, tmp_path):
    for name in ("pkg/agent.py", ".venv/x.py", "env/lib/x.py", "pkg/__pycache__/x.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(BEFORE, encoding="utf-8")
    (tmp_path / "env" / "pyvenv.cfg").write_text("", encoding="utf-8")
    (tmp_path / "pkg" / "other.py").write_text("import os\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text(BEFORE, encoding="utf-8")
    found = json.loads(run(REGISTRY, "migrate", ".", "--write", "--json").stdout)
    assert [file["path"] for file in found["files"]] == [
        "desk.py",
        str(tmp_path.joinpath("pkg/agent.py").relative_to(tmp_path)),
    ]
    assert (tmp_path / ".venv" / "x.py").read_text(encoding="utf-8") == BEFORE


def test_nothing_of_the_user_is_imported(run, program):
    program.write_text(f"{BEFORE}\nraise SystemExit('it was run')\n", encoding="utf-8")
    before = set(sys.modules)
    assert "it was run" not in run(REGISTRY, "migrate", "desk.py", "--write").stdout
    assert {"desk", "livekit"} & (set(sys.modules) - before) == set()


def test_a_syntax_error_is_told_with_its_line_and_the_others_go_on(run, program, tmp_path):
    (tmp_path / "bad.py").write_text("import livekit\n\nasync def f(:\n", encoding="utf-8")
    result = run(REGISTRY, "migrate", ".", "--write")
    assert result.exit_code == 1
    assert "bad.py: line 3: it is no valid Python (" in result.stdout
    assert "1 file written; 1 place left; 1 file not read; providers named: openai" in result.stdout
    assert program.read_text(encoding="utf-8") == AFTER


def test_a_source_in_another_encoding(run, program):
    line = "# -*- coding: latin-1 -*-\n# Grüße\n"
    program.write_bytes((line + BEFORE).encode("latin-1"))
    assert run(REGISTRY, "migrate", "desk.py", "--write").exit_code == 1
    assert program.read_bytes() == (line + AFTER).encode("latin-1")


def test_a_file_that_cannot_be_written_is_told_and_the_others_go_on(
    run, program, tmp_path, monkeypatch
):
    (tmp_path / "a.py").write_text("from livekit.agents import Agent\n", encoding="utf-8")
    write_bytes = Path.write_bytes

    def refuse(path: Path, data: bytes) -> int:
        if path.name == "a.py":
            raise PermissionError(13, "Permission denied")
        return write_bytes(path, data)

    monkeypatch.setattr(Path, "write_bytes", refuse)
    result = run(REGISTRY, "migrate", ".", "--write")
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == [
        "wrote desk.py",
        "a.py: cannot be written (permission denied)",
        f"desk.py:5: {ROOM}",
        "1 file written; 1 place left; 1 file not written; providers named: openai",
    ]
    assert program.read_text(encoding="utf-8") == AFTER


def test_bytes_that_are_not_what_they_say_are_told(run, program):
    data = BEFORE.encode() + "# Grüße\n".encode("latin-1")
    program.write_bytes(data)
    result = run(REGISTRY, "migrate", "desk.py", "--write")
    assert (result.exit_code, result.stdout) == (
        1,
        "desk.py: line 6: it is not UTF-8; save it as UTF-8, or name its encoding in the first "
        "line: # -*- coding: latin-1 -*-\n"
        "0 files written; nothing left; 1 file not read\n",
    )
    assert program.read_bytes() == data


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_stay(run, program, end):
    program.write_bytes(BEFORE.replace("\n", end).encode())
    run(REGISTRY, "migrate", "desk.py", "--write")
    assert program.read_bytes() == AFTER.replace("\n", end).encode()


def test_a_byte_order_mark_stays(run, program):
    program.write_bytes(b"\xef\xbb\xbf" + BEFORE.encode())
    run(REGISTRY, "migrate", "desk.py", "--write")
    assert program.read_bytes() == b"\xef\xbb\xbf" + AFTER.encode()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("dek.py", "there is no file or folder 'dek.py'; did you mean 'desk.py'?"),
        (
            "notes.txt",
            "'notes.txt' is not a Python file; give one that ends in .py, or a folder",
        ),
    ],
)
def test_a_path_that_cannot_be_migrated(run, program, tmp_path, path, message):
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    result = run(REGISTRY, "migrate", path)
    assert (result.exit_code, result.stderr) == (1, f"{message}\n")


def test_a_file_that_is_too_long_is_told(run, program):
    program.write_text(BEFORE + "# x\n" * 1_250_000, encoding="utf-8")
    result = run(REGISTRY, "migrate", "desk.py")
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        "'desk.py' is longer than 5 MB; split it, or rewrite what generates it\n",
    )


def test_without_libcst_it_says_how_to_get_it(run, program, monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    result = run(REGISTRY, "migrate", "desk.py")
    assert (result.exit_code, result.stderr) == (
        1,
        "antiphon migrate needs the package 'libcst'; run: pip install \"antiphon[migrate]\"\n",
    )
