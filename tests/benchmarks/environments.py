"""The peers' own environments: made in a folder that is given, never dependencies of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Side:
    """A column of the table: a module that measures, and the Python to run it with."""

    name: str
    module: str
    python: str = sys.executable
    requirement: str = ""
    """What pip installs for it."""

    def installed(self, folder: Path) -> Side:
        """The same in its environment under `folder`, which is made where it is missing.

        Raises `CalledProcessError` where it cannot be installed.
        """
        home = folder / self.name
        python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if not python.exists():
            venv.create(home, with_pip=True)
        asked = subprocess.run(
            [str(python), "-c", f"import importlib.metadata as m; m.version({self.name!r})"],
            capture_output=True,
        )
        if asked.returncode:
            uv = shutil.which("uv")
            install = (
                [uv, "pip", "install", "-q", "--python", str(python)]
                if uv
                else [str(python), "-m", "pip", "install", "-q"]
            )
            subprocess.run([*install, self.requirement], check=True)
        return Side(self.name, self.module, str(python), self.requirement)

    def version(self) -> str:
        """The version of what is measured, of its distribution's metadata."""
        code = f"import importlib.metadata as m; print(m.version({self.name!r}))"
        done = subprocess.run([self.python, "-c", code], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def measure(self, row: str, rounds: int, watched: float, bound: float) -> float | str:
        """The figure of a row in a process of its own, or why there is none.

        `watched`: seconds for which calls are watched; `bound`: those that the process may take.
        """
        command = [self.python, "-m", self.module, row]
        command += ["--rounds", str(rounds), "--seconds", str(watched)]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=bound,
                cwd=ROOT,
                env={**os.environ, "PYTHONUTF8": "1"},
            )
        except subprocess.TimeoutExpired:
            return f"took more than {bound:g} s"
        lines = done.stdout.split()
        if done.returncode or not lines:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return "not measured" if "invalid choice" in said[-1] else said[-1]
        return float(lines[-1])


FLOOR = Side("floor", "tests.benchmarks.floor")
OURS = Side("antiphon", "tests.benchmarks.ours")
PEERS = (
    Side(
        "livekit-agents",
        "tests.benchmarks.peers.livekit_agents",
        requirement="livekit-agents==1.8.9",
    ),
    Side("pipecat-ai", "tests.benchmarks.peers.pipecat", requirement="pipecat-ai==1.14.0"),
)
