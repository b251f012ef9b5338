"""antiphon-otel as an installed package: its wheel, its entry point."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import antiphon
from antiphon import Agent, AgentSession
from antiphon.registry import Registry
from antiphon.testing import ScriptedLLM

from .conftest import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A directory with the unpacked wheel."""
    pytest.importorskip("hatchling", reason="hatchling builds the wheel: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("dist")
    run = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_holds_the_package_and_its_marker_of_types(site):
    package = ROOT / "src" / "antiphon_otel"
    expected = {path.name for path in package.iterdir() if path.is_file()}
    assert {path.name for path in (site / "antiphon_otel").iterdir()} == expected
    assert "py.typed" in expected


PROGRAM = """
import asyncio, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from antiphon import Agent, AgentSession
from antiphon.testing import ScriptedLLM, run

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

async def main():
    async with AgentSession(llm=ScriptedLLM(["hello"])) as session:
        await session.start(Agent(id="desk"))
        await session.generate_reply(user_input="hi")

run(main())
print(sorted(span.name for span in exporter.get_finished_spans()))
print("antiphon_otel" in sys.modules)
"""


@pytest.mark.parametrize("disabled", [False, True])
def test_installed_beside_antiphon_it_observes_every_session(site, tmp_path, disabled):
    core = Path(antiphon.__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(site), str(core)]),
        "PYTHONUTF8": "1",
        "ANTIPHON_DISABLE": "otel" if disabled else "",
    }
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=19,
    )
    assert run.returncode == 0, run.stderr
    spans = [] if disabled else ["chat ScriptedLLM", "invoke_agent desk", "session"]
    assert run.stdout.splitlines() == [str(spans), str(not disabled)]


@pytest.mark.virtual_time
async def test_registered_by_hand_it_observes_with_the_global_providers(telemetry, monkeypatch):
    import antiphon_otel
    from opentelemetry import trace

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", telemetry.tracer_provider)
    registry = Registry(entry_points=(), environ={})
    registry.add(antiphon_otel, "otel")
    session: AgentSession[None] = AgentSession(llm=ScriptedLLM(["hello"]), registry=registry)
    async with session:
        await session.start(Agent(id="desk"))
        await session.generate_reply(user_input="hi")
    assert telemetry.tree() == [
        "session",
        "session > invoke_agent desk",
        "invoke_agent desk > chat ScriptedLLM",
    ]


def test_its_import_brings_no_sdk_and_no_api():
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r}); import antiphon_otel; "
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=19, check=True
    )
    assert run.stdout.strip() == "[]"
