"""`antiphon setup NAME`."""

from __future__ import annotations

import shlex
import sys

import pytest

from antiphon import ConfigurationError
from antiphon.cli.setup import commands, install_command
from antiphon.provider import Env, Provider, Slot

SLOT = Slot(lambda *_: None, default="one")
TOUCH = [sys.executable, "-c", "open('done', 'a').write('x')"]


def _acme(**fields) -> Provider:
    return Provider("acme", seam=1, tts=SLOT, **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "provider 'acme' needs no package: there is nothing to install\n"),
        (
            {"requires": ("pluggy", "typer")},
            "provider 'acme' has everything it needs (pluggy, typer): there is nothing to "
            "install\n",
        ),
        (
            {"credentials": Env("ACME_KEY")},
            "provider 'acme' needs no package: there is nothing to install; provider 'acme' found "
            "no API key; set ACME_KEY, or pass api_key=\n",
        ),
    ],
)
def test_with_nothing_to_install_it_says_so(make_registry, run, fields, message):
    result = run(make_registry(_acme(**fields)), "setup", "acme")
    assert (result.exit_code, result.stdout) == (0, message)


def test_it_shows_the_command_asks_and_runs_it_in_steps(make_registry, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    step = shlex.join(TOUCH)
    registry = make_registry(_acme(install=f"{step} && {step}"))
    refused = run(registry, "setup", "acme", input="n\n")
    assert refused.exit_code == 1
    assert refused.stdout.startswith(f"{step}\n{step}\nrun these now? [y/N]")
    assert not (tmp_path / "done").exists()
    unanswered = run(registry, "setup", "acme", input="")
    assert unanswered.exit_code == 1
    assert not (tmp_path / "done").exists()
    assert run(registry, "setup", "acme", input="y\n").exit_code == 0
    assert (tmp_path / "done").read_text() == "xx"
    done = run(registry, "setup", "acme", "--yes")
    assert done.exit_code == 0
    assert done.stdout == f"{step}\n{step}\nacme: ready\n"


def test_a_step_that_fails_ends_it(make_registry, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fail = shlex.join([sys.executable, "-c", "raise SystemExit(7)"])
    registry = make_registry(_acme(install=f"{fail} && {shlex.join(TOUCH)}"))
    result = run(registry, "setup", "acme", "--yes")
    assert result.exit_code == 1
    assert result.stderr == f"{fail} ended with exit code 7; nothing after it was run\n"
    assert not (tmp_path / "done").exists()
    missing = run(make_registry(_acme(install="no-such-program-at-all")), "setup", "acme", "--yes")
    assert missing.exit_code == 1
    assert missing.stderr == ("there is no program 'no-such-program-at-all'; install it first\n")


def test_what_is_still_missing_afterwards_is_told(make_registry, run):
    registry = make_registry(
        _acme(install=shlex.join([sys.executable, "-c", ""]), requires=("zz",))
    )
    result = run(registry, "setup", "acme", "--yes")
    assert result.exit_code == 1
    assert "provider 'acme' needs the package 'zz'; run: antiphon setup acme" in result.stdout


def test_an_unknown_provider_is_an_error(make_registry, run):
    result = run(make_registry(_acme()), "setup", "acne")
    assert result.exit_code == 1
    assert result.stderr == (
        "no provider named 'acne' is installed (installed: acme); did you mean 'acme'?\n"
    )


def test_pip_becomes_the_pip_of_this_environment_or_uv():
    command = 'pip install "a[b]" && pip install --no-deps "c>=6.2,<7" && other pip'
    assert commands(command, has_pip=True) == [
        [sys.executable, "-m", "pip", "install", "a[b]"],
        [sys.executable, "-m", "pip", "install", "--no-deps", "c>=6.2,<7"],
        ["other", "pip"],
    ]
    assert commands("pip install x", has_pip=False, which=lambda name: f"/bin/{name}") == [
        ["/bin/uv", "pip", "install", "--python", sys.executable, "x"]
    ]
    with pytest.raises(ConfigurationError) as error:
        commands("pip install x", has_pip=False, which=lambda name: None)
    assert str(error.value) == (
        "this environment has no pip, and there is no uv on the PATH; "
        f"run: {sys.executable} -m ensurepip"
    )


def test_a_provider_without_a_command_gets_its_packages(make_registry):
    registry = make_registry(_acme(requires=("acme-a", "acme-b", "pluggy")))
    assert install_command(registry, "acme") == "pip install acme-a acme-b"
