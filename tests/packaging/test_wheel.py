"""The built wheel: what it holds, what it asks for, and that it works where nothing else is."""

from __future__ import annotations

import email.parser
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
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
    (built,) = folder.glob("*.whl")
    return built


def metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return email.parser.Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_every_file_of_both_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    expected = {
        path.relative_to(ROOT / folder).as_posix()
        for folder in ("core", "providers")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and ".mypy_cache" not in path.parts
    }
    assert expected - inside == set()
    assert {name.split("/")[0] for name in inside} == {
        "antiphon",
        "antiphon_providers",
        "antiphon-0.1.0.dist-info",
    }


def test_no_extra_but_silero_full_asks_for_torch_or_what_drags_it_in(wheel):
    asked = {
        line
        for line in metadata(wheel).get_all("Requires-Dist")
        if "torch" in line or line.startswith("silero-vad")
    }
    assert asked == {"silero-vad<7,>=6.2; extra == 'silero-full'"}


def test_every_provider_has_an_extra_of_its_name(wheel):
    extras = set(metadata(wheel).get_all("Provides-Extra"))
    assert {"espeak", "pocketsphinx", "rules", "silero"} <= extras


def test_what_is_gpl_comes_with_its_own_extra_and_the_demo_only(wheel):
    with_espeak = {
        line.split("extra == ")[1].strip("'\"")
        for line in metadata(wheel).get_all("Requires-Dist")
        if line.startswith("espeakng-loader") or "[espeak" in line or "espeak," in line
    }
    assert "all" not in with_espeak
    assert {"espeak", "demo"} <= with_espeak


def test_unpacked_somewhere_else_it_lists_its_providers(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PYTHONUTF8": "1"}
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, antiphon; assert 'site' in antiphon.__file__, antiphon.__file__; "
            "from antiphon.cli import main; sys.argv = ['antiphon', 'providers', '--json']; main()",
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
    )
    assert run.returncode == 0, run.stderr
    names = {entry["name"] for entry in json.loads(run.stdout)}
    assert {"espeak", "pocketsphinx", "rules", "silero"} <= names
