"""The provider as others meet it: by its entry point, in model strings, in `Model`s."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon.chat import ChatContext
from antiphon.errors import ConfigurationError, SettingError
from antiphon.llm import TextDelta
from antiphon.model import Model
from antiphon.registry import build_llm, default_registry
from antiphon_providers.rules import Dialogue, Rule, RulesLLM

CENTRE = Path(__file__).with_name("call_centre.toml")


def complete(model: str | Model, text: str) -> str:
    async def main() -> str:
        async with build_llm(model) as llm:
            return await llm.complete(text)

    return asyncio.run(main())


def test_it_says_what_it_is():
    provider = default_registry().describe("rules")
    assert provider.title == "Rules (a scripted dialogue, not a language model)"
    assert provider.stand_in == "scripted rules"
    assert list(provider.slots) == ["llm"]


def test_a_bare_name_makes_small_talk():
    assert complete("rules", "Are you real?") == (
        "I am a scripted program: neither a person nor a language model."
    )


def test_the_string_names_file_and_section():
    assert complete(f"rules/{CENTRE}#customer_service", "it is too expensive") == (
        "I am sorry to hear that. Shall I put you through to billing?"
    )


@pytest.mark.parametrize("dialogue", [CENTRE, str(CENTRE), CENTRE.read_text(encoding="utf-8")])
def test_a_model_takes_a_path_or_a_text_and_a_section(dialogue):
    model = Model("rules", dialogue=dialogue, section="customer_service")
    assert complete(model, "the bill") == "I am sorry, I cannot do that right now."


def test_a_model_takes_a_dialogue():
    own = Dialogue(rules=[Rule(when="ping", say="Pong.")])
    assert complete(Model("rules", dialogue=own), "ping?") == "Pong."
    assert Model("rules", dialogue=own) == Model(
        "rules", dialogue=Dialogue(rules=[Rule(when="ping", say="Pong.")])
    )


def test_a_path_with_a_relative_name_is_found_from_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "talk.toml").write_text("[[rule]]\nwhen = 'ping'\nsay = 'Pong.'\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert complete("rules/talk.toml", "ping") == "Pong."


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            Model("rules/a.toml", dialogue="b.toml"),
            "'rules' is given two dialogues, 'a.toml' and dialogue='b.toml'; leave out one",
        ),
        (
            Model("rules/a.toml#x", section="y"),
            "'rules' is given two sections, '#x' and section='y'; leave out one",
        ),
        (
            Model("rules", section="y"),
            "'rules' is given section='y' but no dialogue file to find it in; "
            "name the file: 'rules/PATH#y'",
        ),
    ],
)
def test_contradictions_are_refused(model, message):
    with pytest.raises(SettingError) as caught:
        complete(model, "hello")
    assert str(caught.value) == message


def test_a_wrong_file_is_found_when_it_is_loaded_not_in_the_call(tmp_path):
    path = tmp_path / "talk.toml"
    path.write_text("[[rule]]\nwhen = '('\nsay = 'x'\n", "utf-8")
    llm = RulesLLM(path)
    with pytest.raises(SettingError) as caught:
        llm.load()
    assert str(caught.value) == (
        "talk.toml line 1, rule 1: the pattern '(' has an empty part; "
        "write words in it, or take it out"
    )


def test_the_first_use_says_in_the_log_what_it_is(caplog):
    async def main() -> None:
        async with RulesLLM() as llm:
            await llm.complete("hello")
            await llm.complete("hello")

    with caplog.at_level(logging.INFO, "antiphon.rules"):
        asyncio.run(main())
    assert caplog.messages == ["llm='rules': scripted rules, not a language model"]


def test_one_call_may_use_another_section():
    async def main(settings: dict[str, str] | None) -> str:
        async with RulesLLM(CENTRE, section="intake") as llm:
            ctx = ChatContext()
            ctx.add_message(role="user", content="it is too expensive")
            stream = llm.chat(ctx, settings=settings)
            return "".join([e.text async for e in stream if isinstance(e, TextDelta)])

    assert asyncio.run(main({"section": "customer_service"})).startswith("I am sorry to hear that")
    assert asyncio.run(main(None)) == "Sorry, what was your name?"
    with pytest.raises(ConfigurationError) as caught:
        asyncio.run(main({"section": "sales"}))
    assert str(caught.value).startswith("call_centre.toml holds no dialogue 'sales'")


def test_describing_it_imports_neither_the_dialogue_nor_pydantic():
    code = (
        "import sys, antiphon_providers.rules as r; r.antiphon_provider();"
        "print([m for m in sys.modules if m.startswith('antiphon_providers.rules.')"
        " or m in ('pydantic', 'numpy', 'tomllib')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
