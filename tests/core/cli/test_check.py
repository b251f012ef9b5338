"""`antiphon check FILE`."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.llm import LLM
from antiphon.provider import Env, Provider, Slot

LOADED: list[str] = []


class _LLM(LLM):
    def __init__(self, model: str) -> None:
        self.model = model

    def load(self) -> None:
        LOADED.append(self.model)
        if self.model == "torn":
            raise OSError("the model file is torn")

    def chat(self, chat_ctx, *, tools=(), tool_choice="auto", settings=None):
        raise AssertionError("nobody may be called")


@pytest.fixture
def registry(make_registry):
    LOADED.clear()
    llm = Slot(lambda ref, settings, env: _LLM(ref.model), default="one")
    return make_registry(
        Provider("acme", seam=1, llm=llm),
        Provider("keyed", seam=1, llm=llm, credentials=Env("KEYED_KEY")),
    )


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write_file(source: str) -> str:
        Path("checked.py").write_text(source, encoding="utf-8")
        return "checked.py"

    yield write_file
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


GOOD = '''
from antiphon import Agent, AgentSession, Model, function_tool
from antiphon.app import App

class Desk(Agent):
    def __init__(self):
        super().__init__(llm=["acme", Model("acme/two")])

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks up."""
        return "x"

class Needy(Agent):
    def __init__(self, customer):
        super().__init__(llm="acme/three")

direct = Agent(llm="acme/four")
app = App(prewarm=["acme/five"])

@app.session
async def session(ctx):
    one = AgentSession[dict](llm="acme/six")
    two = AgentSession(llm=[Model("acme/seven"), f"acme/{one}"])
'''


def test_everything_that_is_named_is_loaded_and_nobody_is_called(registry, run, write):
    result = run(registry, "check", write(GOOD))
    assert result.exit_code == 0, result.output
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "app app session function session ok",
        "app app, prewarm llm acme/five ok",
        "agent Desk tool look_up ok",
        "agent Desk llm acme ok",
        "agent Desk llm acme/two ok",
        "agent Needy not checked: its constructor needs arguments (customer)",
        "agent direct llm acme/four ok",
        "line 16 llm acme/three ok",
        "line 23 llm acme/six ok",
        "line 24 llm acme/seven ok",
    ]
    assert LOADED == ["five", "one", "two", "four", "three", "six", "seven"]


BAD = """
from antiphon import Agent, AgentSession, function_tool
from antiphon.app import App

class Desk(Agent):
    def __init__(self):
        super().__init__(llm=["acne", "keyed", "acme/torn"])

class Fails(Agent):
    def __init__(self):
        raise ValueError("no desk")

app = App()
session = AgentSession(llm="acme")
"""


def test_all_problems_are_listed_at_once(registry, run, write):
    result = run(registry, "check", write(BAD))
    assert result.exit_code == 1
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "app app the app has no session function; put @app.session above an `async def` that "
        "takes the JobContext",
        "agent Desk llm acne no provider named 'acne' is installed (installed: acme, keyed); did "
        "you mean 'acme'?",
        "agent Desk llm keyed provider 'keyed' found no API key; set KEYED_KEY, or try one that "
        'needs none: llm="acme"',
        "agent Desk llm acme/torn its provider failed to load it: OSError: the model file is torn",
        "agent Fails cannot be made: ValueError: no desk",
        "session session llm acme ok",
    ]
    assert result.stderr == "5 problems in 'checked.py'\n"


def test_without_any_llm_it_says_who_chooses(registry, run, write):
    result = run(registry, "check", write("from antiphon import Agent\nclass A(Agent): pass\n"))
    assert result.exit_code == 0
    assert " ".join(result.stdout.split()) == (
        "file llm none is named that could be checked; antiphon talk chooses one"
    )


def test_a_file_without_agents_is_an_error(registry, run, write):
    result = run(registry, "check", write("x = 1\n"))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "'checked.py' has no App and no Agent subclass (found nothing of its own); write "
        "`app = App()` with a session function, or one class that inherits from Agent\n"
    )


def test_the_key_in_dotenv_counts(registry, run, write, monkeypatch, tmp_path):
    import os

    monkeypatch.setattr(os, "environ", {**os.environ})
    registry._installed._environ = None
    (tmp_path / ".env").write_text("KEYED_KEY=secret-in-dotenv\n", encoding="utf-8")
    source = "from antiphon import Agent\nclass A(Agent):\n  def __init__(self):\n"
    path = write(source + "    super().__init__(llm='keyed/x')\n")
    monkeypatch.delenv("KEYED_KEY", raising=False)
    result = run(registry, "check", path)
    os.environ.pop("KEYED_KEY", None)
    assert result.exit_code == 0, result.output
    assert " ".join(result.stdout.split()) == "agent A llm keyed/x ok"
    assert "secret-in-dotenv" not in result.output


def test_what_new_agent_writes_is_good(antiphon):
    assert antiphon("new", "agent", "shop").returncode == 0
    result = antiphon("check", "shop.py")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "agent Reception  tool book_appointment     ok" in result.stdout


def test_a_file_that_talk_would_refuse_is_a_problem(antiphon, tmp_path):
    (tmp_path / "two.py").write_text(
        "from antiphon import Agent\nclass One(Agent): pass\nclass Two(Agent): pass\n",
        encoding="utf-8",
    )
    result = antiphon("check", "two.py")
    assert result.returncode == 1
    assert "'two.py' has no App, and 2 agent classes: One, Two" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("options", [[], ["--graph"]])
def test_ctrl_c_ends_it_while_the_file_is_loaded(tmp_path, options):
    source = "import time\nprint('loading', flush=True)\ntime.sleep(60)\n"
    (tmp_path / "hangs.py").write_text(source, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "antiphon", "check", "hangs.py", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=tmp_path,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "loading\n"
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=15)
        finally:
            process.kill()
    assert (process.returncode, "Traceback" in err) == (130, False), err
