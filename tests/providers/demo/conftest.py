"""The demo as people run it: three calls at once, since each takes about a minute of real time."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import wave
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from antiphon.registry import Registry

LIMIT = 150
"""Seconds after which a call is taken to hang."""


@dataclass
class DemoRun:
    """What one run of `antiphon demo` has left."""

    returncode: int
    stdout: str
    stderr: str
    folder: Path

    @cached_property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "demo.json").read_text(encoding="utf-8"))

    @cached_property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    @property
    def complaints(self) -> list[str]:
        return complaints(self.stderr)

    def items(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.report["history"] if item["type"] == kind]

    def said_by(self, role: str) -> list[str]:
        return [item["text"] for item in self.items("message") if item["role"] == role]

    @cached_property
    def recording(self) -> Recording:
        return Recording(self.folder / "demo.wav")


class Recording:
    """The stereo file of a call."""

    def __init__(self, path: Path) -> None:
        with wave.open(str(path), "rb") as file:
            assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
            self.rate = file.getframerate()
            both = memoryview(file.readframes(file.getnframes())).cast("h")
        self.duration = len(both) / 2 / self.rate
        self._sides = {"caller": both[0::2].tolist(), "agent": both[1::2].tolist()}

    def level(self, side: str, begin: float, end: float) -> float:
        """The root mean square of a side between two times; full scale is 32768."""
        samples = self._sides[side][round(begin * self.rate) : round(end * self.rate)]
        assert samples, f"nothing was recorded between {begin} and {end}"
        return math.sqrt(sum(value * value for value in samples) / len(samples))


def complaints(stderr: str) -> list[str]:
    """The lines of a log, but for those on slow listeners, which a busy machine brings about."""
    return [line for line in stderr.splitlines() if " the listener " not in line]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "antiphon", "demo", *arguments]


def environment(**extra: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if name != "ANTIPHON_DISABLE"}
    return {**clean, "PYTHONUTF8": "1", **extra}


def need(*names: str) -> None:
    """Skips, with the provider's own sentence, what cannot run here."""
    registry = Registry()
    for name in names:
        ready = registry.readiness(name)
        if ready.state != "ready":
            pytest.skip(ready.detail)


@pytest.fixture(scope="session")
def demo_runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, DemoRun]:
    """The calls of both voices, and a typed one for want of a recogniser."""
    need("espeak", "rules")
    wanted = {"typed": (command("--quiet"), environment(ANTIPHON_DISABLE="pocketsphinx"))}
    registry = Registry()
    if all(registry.readiness(name).state == "ready" for name in ("pocketsphinx", "silero")):
        wanted["slt"] = (command("--json"), environment())
        wanted["rms"] = (command("--caller", "rms"), environment())
    running = {}
    for name, (arguments, variables) in wanted.items():
        folder = tmp_path_factory.mktemp(name)
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        running[name] = (process, folder)
    runs = {}
    try:
        for name, (process, folder) in running.items():
            stdout, stderr = process.communicate(timeout=LIMIT)
            runs[name] = DemoRun(process.returncode, stdout, stderr, folder)
    finally:
        for process, _ in running.values():
            if process.poll() is None:
                process.kill()
                process.communicate()
    return runs


@pytest.fixture(params=["slt", "rms"])
def spoken(demo_runs: dict[str, DemoRun], request: pytest.FixtureRequest) -> DemoRun:
    """The call of either voice."""
    need("pocketsphinx", "silero")
    return demo_runs[request.param]


@pytest.fixture
def typed(demo_runs: dict[str, DemoRun]) -> DemoRun:
    """The call whose caller types because there is no recogniser."""
    return demo_runs["typed"]
