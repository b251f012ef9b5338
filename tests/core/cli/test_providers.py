"""`antiphon providers` and `antiphon doctor`."""

from __future__ import annotations

import json
import subprocess
import sys

from antiphon import Registry
from antiphon.cli.doctor import check_loopback, keys
from antiphon.provider import Credentials, Env, Provider, Slot

SLOT = Slot(lambda *_: None, default="one")
SECRET = "sk-very-secret"


def _providers() -> list[Provider]:
    return [
        Provider("ready", seam=1, tts=SLOT, stt=SLOT),
        Provider("keyed", seam=1, llm=SLOT, credentials=Env("KEYED_KEY")),
        Provider("lacking", seam=1, vad=SLOT, requires=("acme-nothing",)),
        Provider(
            "either",
            seam=1,
            llm=SLOT,
            credentials=Credentials.any_of(Env("EITHER_KEY"), Env("EITHER_ID", "EITHER_SECRET")),
        ),
    ]


class _Broken:
    name = "broken"
    group = "antiphon.providers"

    def load(self):
        raise SyntaxError("oh no")


def test_every_provider_is_a_line_with_its_state_and_what_to_do(make_registry, run):
    registry = make_registry(*_providers(), environ={"EITHER_KEY": SECRET})
    registry._installed._given = (_Broken(),)
    result = run(registry, "providers")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "broken   -         -  unknown distribution  broken       provider 'broken' (unknown "
        "distribution) is broken: SyntaxError: oh no",
        "either   llm       -  -                     ready",
        "keyed    llm       -  -                     needs key    provider 'keyed' found no API "
        "key; set KEYED_KEY, or pass api_key=",
        "lacking  vad       -  -                     needs extra  provider 'lacking' needs the "
        "package 'acme-nothing'; run: pip install acme-nothing",
        "ready    stt, tts  -  -                     ready",
    ]
    assert SECRET not in result.output


def test_providers_as_json(make_registry, run):
    result = run(make_registry(*_providers()), "providers", "--json")
    found = json.loads(result.stdout)
    assert [each["name"] for each in found] == ["either", "keyed", "lacking", "ready"]
    assert found[3] == {
        "name": "ready",
        "title": "ready",
        "slots": ["stt", "tts"],
        "models": {"stt": "one", "tts": "one"},
        "version": "",
        "distribution": "",
        "state": "ready",
        "detail": "provider 'ready' offers: stt, tts",
        "docs": "",
        "stand_in": "",
    }


def test_listing_what_is_installed_imports_no_sdk(tmp_path):
    code = (
        "import sys\n"
        "from antiphon.cli import main\n"
        "try:\n    main(['providers', '--json'])\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "sdks = {'onnxruntime', 'pocketsphinx', 'espeakng_loader', 'torch', 'numpy'}\n"
        "print(sorted(sdks & set(sys.modules)), file=sys.stderr)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert {each["state"] for each in json.loads(result.stdout)} <= {"ready", "needs extra"}
    assert result.stderr.splitlines()[-1] == "[]"


def test_doctor_tells_versions_sound_keys_and_providers_but_no_secret(
    make_registry, run, monkeypatch
):
    monkeypatch.setenv("EITHER_KEY", SECRET)
    monkeypatch.delenv("KEYED_KEY", raising=False)
    registry = make_registry(*_providers(), environ={"EITHER_KEY": SECRET})
    plain, full = run(registry, "doctor"), run(registry, "doctor", "--json")
    assert (plain.exit_code, full.exit_code) == (0, 0)
    found = json.loads(full.stdout)
    assert found["keys"] == {
        "EITHER_ID": False,
        "EITHER_KEY": True,
        "EITHER_SECRET": False,
        "KEYED_KEY": False,
    }
    assert found["loopback"] == "ok"
    assert set(found["audio"]) in ({"devices"}, {"input", "output"})
    lines = [line.split(maxsplit=1) for line in plain.stdout.splitlines()]
    assert [first for first, _ in lines][:4] == ["antiphon", "python", "platform", "packages"]
    assert ["key", "EITHER_KEY         set"] in lines or any(
        line.split() == ["key", "EITHER_KEY", "set"] for line in plain.stdout.splitlines()
    )
    assert "key KEYED_KEY" in plain.stdout and "not set" in plain.stdout
    assert SECRET not in plain.output + full.output


def test_keys_of_broken_providers_are_left_out():
    assert keys(Registry([_Broken()], {}), {}) == {}


def test_loopback_says_why_it_cannot_be_used(monkeypatch):
    def refuse(*_, **__):
        raise OSError("sandboxed")

    monkeypatch.setattr("socket.create_server", refuse)
    assert check_loopback() == "127.0.0.1 cannot be used: sandboxed"


def test_doctor_runs_as_a_process(antiphon):
    result = antiphon("doctor")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert result.stdout.startswith("antiphon ")
