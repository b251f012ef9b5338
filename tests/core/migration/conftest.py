"""Programs for livekit-agents, migrated, and called by a scripted caller."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from antiphon import AgentSession, Registry
from antiphon.app import App
from antiphon.app.file import load_file
from antiphon.app.local_job import LocalJob
from antiphon.app.local_room import LocalRoom
from antiphon.chat import AgentHandoff, ChatMessage, FunctionCall, FunctionCallOutput
from antiphon.hookspecs import hookimpl
from antiphon.provider import Provider, Slot
from antiphon.testing import Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD

PROGRAMS = Path(__file__).with_name("programs")


class _VADProvider:
    """The provider that `prewarm=["silero"]` names."""

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return Provider(
            name="silero", seam=1, vad=Slot(lambda ref, settings, env: ScriptedVAD(), default="v6")
        )


class Call:
    """One call of a migrated program: `async with Call(app, replies) as call:`.

    Every slot that the program names is filled with a scripted one.
    """

    def __init__(
        self, app: App, replies: Any = (), *, caller: Caller | None = None, instant: bool = True
    ) -> None:
        self.caller = caller or Caller(audio=False)
        self.llm = ScriptedLLM(replies, first_token=0, total=0) if instant else ScriptedLLM(replies)
        self.named: dict[str, str] = {}
        """What the program has in its slots, by slot: the last that was asked for."""
        self.job = LocalJob(app, room=LocalRoom(self.caller), override=self._fill)
        self._task: asyncio.Task[None] | None = None

    def _fill(self, slot: str, value: Any) -> Any:
        if value is None:
            return None
        self.named[slot] = repr(value)
        return {"stt": ScriptedSTT, "tts": ScriptedTTS, "vad": ScriptedVAD}.get(
            slot, lambda: self.llm
        )()

    async def __aenter__(self) -> Call:
        self._task = asyncio.create_task(self.job.run())
        while not self._task.done() and not self._started:
            await asyncio.sleep(0.01)
        if self._task.done():
            await self._task
        await self.settled()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.job.context.shutdown("the test is over")
        assert self._task is not None
        await self._task

    @property
    def session(self) -> AgentSession[Any]:
        """The session of the call."""
        return self.job.context.sessions[0]

    @property
    def _started(self) -> bool:
        sessions = self.job.context.sessions
        return bool(sessions) and sessions[0].agent_state != "initializing"

    async def settled(self) -> None:
        """Waits until nobody speaks or thinks, a quarter of a second long."""
        await asyncio.sleep(0.25)
        await self.session.wait_for_idle()

    async def hear(self, *texts: str) -> None:
        """The caller types, one text after another, each answered."""
        for text in texts:
            self.caller.type(text)
            await self.settled()

    @property
    def history(self) -> list[str]:
        """The history as lines, without the instructions."""
        return [text for item in self.session.history if (text := _line(item))]


def _line(item: Any) -> str:
    if isinstance(item, ChatMessage):
        return "" if item.role == "system" else f"{item.role}: {item.text_content}"
    if isinstance(item, FunctionCall):
        return f"call {item.name} {item.arguments}"
    if isinstance(item, FunctionCallOutput):
        return f"{'error' if item.is_error else 'output'}: {item.output}"
    if isinstance(item, AgentHandoff):
        return f"{item.old_agent_id} -> {item.new_agent_id}"
    return ""


def migrate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`antiphon migrate …` as a process."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-m", "antiphon", "migrate", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """`migrated("survey")`: the program, rewritten on a copy by the command, then loaded."""

    def load(name: str) -> ModuleType:
        path = tmp_path / f"{name}.py"
        shutil.copy(PROGRAMS / path.name, path)
        done = migrate(str(path), "--write")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        text = path.read_text(encoding="utf-8")
        assert "livekit" not in text
        again = migrate(str(path), "--write")
        assert again.returncode == 0, again.stdout
        assert path.read_text(encoding="utf-8") == text
        monkeypatch.setattr(sys, "path", list(sys.path))
        module = load_file(path)
        monkeypatch.delitem(sys.modules, name)
        return module

    return load


@pytest.fixture
def calling(monkeypatch: pytest.MonkeyPatch) -> type[Call]:
    """Makes a `Call`, with no provider installed but a `silero` that is scripted."""
    registry = Registry([], {})
    registry.add(_VADProvider(), "silero")
    monkeypatch.setattr("antiphon.registry.registry._default", registry)
    return Call
