"""The names of `antiphon` itself: there, cheap, and nothing more."""

from __future__ import annotations

import subprocess
import sys

import pytest

import antiphon


@pytest.mark.parametrize("name", antiphon.__all__)
def test_every_public_name_can_be_imported(name):
    assert getattr(antiphon, name) is not None
    assert name in dir(antiphon)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError) as caught:
        antiphon.Agnet  # noqa: B018
    assert str(caught.value) == "module 'antiphon' has no attribute 'Agnet'"


@pytest.mark.parametrize(
    "statement",
    [
        "import antiphon",
        "from antiphon import Agent, AgentSession, RunContext, function_tool",
    ],
)
def test_a_minimal_script_loads_no_library_that_only_parts_need(statement):
    heavy = {
        *("numpy", "soxr", "pydantic", "typer", "rich", "click", "docstring_parser", "json_repair"),
        *("pluggy", "importlib_metadata", "sentencex", "onnxruntime", "pocketsphinx", "torch"),
        *("dotenv", "sounddevice", "antiphon_providers", "antiphon.engine"),
    }
    code = f"import sys; {statement}; print(sorted({heavy!r} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=20
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_a_session_of_text_loads_no_numpy():
    code = """
import asyncio, sys
from antiphon import Agent, AgentSession
from antiphon.testing import ScriptedLLM

async def main():
    async with AgentSession(llm=ScriptedLLM(["hello"], first_token=0, total=0)) as session:
        await session.start(agent=Agent(instructions="x"))
        await session.generate_reply(user_input="hi")
        print(session.history.items[-1].text_content)

asyncio.run(main())
print(sorted({"numpy", "soxr", "onnxruntime"} & set(sys.modules)))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", timeout=20
    )
    assert (run.stdout, run.stderr) == ("hello\n[]\n", "")
