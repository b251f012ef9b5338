"""The root of the command line: help, errors, plugins."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from antiphon.clock import real_time
from antiphon.hookspecs import hookimpl

COMMANDS = (
    "talk",
    "check",
    "simulate",
    "report",
    "migrate",
    "providers",
    "doctor",
    "setup",
    "new",
)


def test_help_lists_the_commands_within_a_second_and_a_half(antiphon):
    began = real_time()
    result = antiphon("--help")
    took = real_time() - began
    assert result.returncode == 0
    for command in COMMANDS:
        assert f"\n  {command} " in result.stdout
    assert took < 1.5


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_without_escapes_when_piped(antiphon, command):
    result = antiphon(command, "--help")
    assert result.returncode == 0
    usage, _, rest = result.stdout.partition("\n\n")
    assert usage.split()[:3] == ["Usage:", "antiphon", command]
    assert len(rest.strip().splitlines()[0]) > 20
    assert "\x1b" not in result.stdout and "╭" not in result.stdout and "─" not in result.stdout


def test_wrong_usage_exits_with_2(antiphon):
    assert antiphon("tlk").returncode == 2
    result = antiphon("talk", "--text", "--input", "x.wav")
    assert result.returncode == 2
    assert "--text and --input/--output exclude each other" in result.stderr


def test_an_error_is_one_sentence_on_stderr_and_a_traceback_on_request(antiphon):
    sentence = "there is no file 'nope.py'; antiphon new agent NAME writes one\n"
    plain = antiphon("check", "nope.py")
    assert (plain.returncode, plain.stdout) == (1, "")
    assert plain.stderr.endswith(sentence)
    assert "Traceback" not in plain.stderr
    for traced in (
        antiphon("--traceback", "check", "nope.py"),
        antiphon("check", "nope.py", "--traceback"),
        antiphon("check", "nope.py", environ={"ANTIPHON_TRACEBACK": "1"}),
    ):
        assert traced.returncode == 1
        assert "Traceback" in traced.stderr and sentence in traced.stderr


def test_no_key_is_in_an_error_that_is_shown(antiphon, tmp_path):
    source = "from antiphon.errors import ConfigurationError\nKEY = 'planted-' + '0123456789'\n"
    source += "raise ConfigurationError(f'https://acme/?key={KEY} is no address')\n"
    (tmp_path / "keyed.py").write_text(source, encoding="utf-8")
    result = antiphon("check", "keyed.py", environ={"ACME_API_KEY": "planted-0123456789"})
    assert result.returncode == 1
    assert "https://acme/?key=*** is no address" in result.stderr
    assert "planted-0" not in result.stderr


def test_the_version_is_printed(antiphon):
    from antiphon import __version__

    result = antiphon("--version")
    assert (result.returncode, result.stdout) == (0, f"antiphon {__version__}\n")


def test_an_unknown_log_level_is_wrong_usage(antiphon):
    assert antiphon("providers", "--log-level", "loud").returncode == 2
    assert antiphon("providers", "--log-level", "debug").returncode == 0


def test_plugins_add_commands_and_a_failing_one_costs_a_warning(make_registry, run):
    class Adds:
        @hookimpl
        def antiphon_cli(self, app):
            @app.command()
            def hum() -> None:
                """Hums."""
                print("hmm")

    class Fails:
        @hookimpl
        def antiphon_cli(self, app):
            raise ValueError("no voice")

    registry = make_registry()
    registry.add(Adds(), "adds")
    registry.add(Fails(), "fails")
    result = run(registry, "hum")
    assert (result.exit_code, result.stdout) == (0, "hmm\n")
    assert run(registry, "--help").stdout.count("Hums.") == 1


def test_the_failing_plugin_is_named(make_registry, monkeypatch, capsys):
    from antiphon.cli.root import application

    class Fails:
        @hookimpl
        def antiphon_cli(self, app):
            raise ValueError("no voice")

    class BrokenEntryPoint:
        name = "broken"
        group = "antiphon.plugins"

        def load(self):
            raise ImportError("no lungs")

    from antiphon import Registry

    registry = Registry([BrokenEntryPoint()], {})
    registry.add(Fails(), "fails")
    monkeypatch.setattr("antiphon.registry.registry._default", registry)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        application()
    assert capsys.readouterr().err.splitlines() == [
        "warning: plugin 'broken' (unknown distribution) is left out: ImportError: no lungs",
        "warning: plugin 'fails' could not add its commands: ValueError: no voice",
    ]


def test_the_commands_themselves_import_nothing_heavy():
    code = (
        "import sys; from antiphon.cli.root import application; "
        "heavy = {'numpy', 'pydantic', 'soxr', 'sounddevice', 'onnxruntime', 'pocketsphinx'}; "
        "application(); print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
