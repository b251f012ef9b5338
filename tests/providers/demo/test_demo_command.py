"""What `antiphon demo` says when something is missing, and how Ctrl-C ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from antiphon.errors import ProviderUnavailable
from antiphon.hookspecs import hookimpl
from antiphon.llm import LLMCapabilities
from antiphon.provider import SEAM, Provider, Slot
from antiphon.registry import Registry
from antiphon_providers.demo.call import DemoCall

from .conftest import command, complaints, environment, need


class Fake:
    """A provider of a demo's slot whose distribution is not installed."""

    def __init__(self, name: str, slot: str, install: str = "") -> None:
        self._arguments = {slot: Slot(lambda ref, settings, env: None)}
        self._name = name
        self._install = install

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return Provider(
            self._name,
            seam=SEAM,
            requires=(f"no-such-{self._name}",),
            install=self._install,
            **self._arguments,
        )


class Present:
    """A provider that is there."""

    @hookimpl
    def antiphon_provider(self) -> Provider:
        slot = Slot(lambda ref, settings, env: None, capabilities=LLMCapabilities())
        return Provider("rules", seam=SEAM, llm=slot, stand_in="scripted rules")


def registry(*fakes: Fake) -> Registry:
    made = Registry(entry_points=())
    made.add(Present(), "rules")
    for fake in fakes:
        made.add(fake, fake.antiphon_provider().name)
    return made


def demo_call(registry: Registry, *, typed: bool, tmp_path: Path) -> DemoCall:
    return DemoCall(voice="slt", typed=typed, output=tmp_path / "demo.wav", registry=registry)


ESPEAK = Fake("espeak", "tts", 'pip install "antiphon[espeak]"')
SILERO = Fake("silero", "vad", "pip install --no-deps silero-vad")


def test_one_missing_extra_is_named_with_its_command(tmp_path):
    with pytest.raises(ProviderUnavailable) as raised:
        demo_call(registry(ESPEAK), typed=True, tmp_path=tmp_path)
    assert str(raised.value) == (
        "provider 'espeak' needs the package 'no-such-espeak'; "
        'run: antiphon setup espeak (or: pip install "antiphon[espeak]")'
    )


def test_several_missing_extras_are_named_in_one_sentence(tmp_path):
    class Recogniser(Present):
        @hookimpl
        def antiphon_provider(self) -> Provider:
            slot = Slot(lambda ref, settings, env: None)
            return Provider("pocketsphinx", seam=SEAM, stt=slot)

    found = registry(ESPEAK, SILERO)
    found.add(Recogniser(), "pocketsphinx")
    with pytest.raises(ProviderUnavailable) as raised:
        demo_call(found, typed=False, tmp_path=tmp_path)
    assert str(raised.value) == (
        "the demo needs the extras espeak and silero; "
        'run: pip install "antiphon[demo]", then: antiphon setup silero'
    )


def test_without_the_recogniser_it_is_typed_and_says_why(tmp_path, capsys):
    class Voice(Present):
        @hookimpl
        def antiphon_provider(self) -> Provider:
            slot = Slot(lambda ref, settings, env: None)
            return Provider("espeak", seam=SEAM, tts=slot, stand_in="a synthetic voice")

    found = registry(Fake("pocketsphinx", "stt", 'pip install "antiphon[pocketsphinx]"'))
    found.add(Voice(), "espeak")
    call = demo_call(found, typed=False, tmp_path=tmp_path)
    assert call.typed
    call.introduce()
    assert capsys.readouterr().out.splitlines() == [
        "provider 'pocketsphinx' needs the package 'no-such-pocketsphinx'; "
        'run: antiphon setup pocketsphinx (or: pip install "antiphon[pocketsphinx]"); '
        "so the caller types",
        "a caller (typing) and three agents; built-in stand-ins: a synthetic voice, scripted rules"
        "; to talk yourself: antiphon talk",
    ]


def run(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_what_cannot_run_ends_with_one_sentence_and_no_files(tmp_path):
    need("rules")
    done = run("--typed", folder=tmp_path, ANTIPHON_DISABLE="espeak")
    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "provider 'espeak' is disabled by ANTIPHON_DISABLE='espeak'; take it out to use it\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_to_is_told_before_the_call(tmp_path):
    done = run("--report", str(Path("nowhere", "demo.json")), folder=tmp_path)
    assert done.returncode == 2
    assert "there is no directory 'nowhere' for --report" in " ".join(done.stderr.split())
    assert list(tmp_path.iterdir()) == []


ENDINGS = [
    (signal.SIGINT, 0, "user_initiated", "ending the call; Ctrl-C again stops at once"),
    (
        signal.SIGTERM,
        143,
        "job_shutdown",
        "ending the call: the process was told to stop (SIGTERM)",
    ),
]


@pytest.mark.skipif(sys.platform == "win32", reason="a console event would reach pytest too")
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("sent", "code", "reason", "word"), ENDINGS, ids=["ctrl_c", "sigterm"])
def test_a_signal_ends_the_call_properly_and_writes_both_files(tmp_path, sent, code, reason, word):
    need("espeak", "rules")
    with subprocess.Popen(
        command("--typed", "--json", "--output", "a.wav", "--report", "b.json"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        events = []
        for line in process.stdout:
            events.append(json.loads(line))
            item = events[-1].get("item", {})
            if item.get("role") == "user":
                process.send_signal(sent)
                break
        rest, errors = process.communicate(timeout=30)
    events += [json.loads(line) for line in rest.splitlines()]
    assert (process.returncode, complaints(errors)) == (code, [word])
    assert [each["reason"] for each in events if each["event"] == "close"] == [reason]
    assert events[-1]["text"] == "written: a.wav (caller left, agent right), b.json"
    report = json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))
    assert [turn["text"] for turn in report["turns"]] == ["Hello, my name is Alice Walker."]
    with wave.open(str(tmp_path / "a.wav"), "rb") as file:
        assert file.getnframes() / file.getframerate() > 3.0
