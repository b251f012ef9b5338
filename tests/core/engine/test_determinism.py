import os
import subprocess
import sys
from pathlib import Path

import pytest

DIALOGUE = Path(__file__).parent / "dialogue.py"


def dialogue(hash_seed):
    """The log of the conversation, as a process of that hash seed prints it."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, str(DIALOGUE)],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def logs():
    return [dialogue(seed) for seed in ("0", "1", "2", "42", "4711")]


def test_the_log_is_the_same_in_five_processes_of_different_hash_seeds(logs):
    assert len(set(logs)) == 1


@pytest.mark.parametrize(
    "what",
    [
        "AgentFalseInterruption(",
        "interrupted=True",
        "AgentHandoff(",
        "FunctionToolsExecuted(",
        "decision='interrupt'",
        "decision='pause'",
        "source='stt'",
        "source='tts'",
    ],
)
def test_the_conversation_has_what_might_differ(logs, what):
    assert what in logs[0]


def test_no_object_is_printed_by_its_address(logs):
    assert " at 0x" not in logs[0]
