"""What is public has an entry in docs/, and what has an entry is there.

An entry is the first cell of a table's row, or a heading, with the name as code.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import tomllib
from typing import Any

import pytest
import typer

import antiphon
import antiphon.app
import antiphon.transports
from antiphon import errors, events, testing, turn_handling
from antiphon.app.session_report import report_schema
from antiphon.cli.root import application
from antiphon.hookspecs import PluginHooks, ProviderHooks
from antiphon.registry import Registry
from antiphon.streams import Usage
from antiphon.timeline import ModelCall, Timeline, ToolTime

from .pages import ROOT

DOCS = ROOT / "docs"
SOURCES = [*(ROOT / "core").rglob("*.py"), *(ROOT / "providers").rglob("*.py")]


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one that is not below it."""
    level = heading.partition(" ")[0]
    match = re.search(
        rf"^{re.escape(heading)}$(.*?)(?=^#{{1,{len(level)}}} |\Z)", text, re.M | re.S
    )
    assert match is not None, f"there is no heading {heading!r}"
    return match[1]


def entries(text: str) -> set[str]:
    """The names in the first cells of the rows: `| `name` | … |`; of `f(x)` it is `f`."""
    cells = re.findall(r"^\| ?((?:\\\||[^|\n])*)\|", text, re.M)
    spans = [span for cell in cells for span in re.findall(r"`([^`]+)`", cell)]
    return {re.match(r"[-\w.]*", span)[0] for span in spans}  # type: ignore[index]


@pytest.mark.parametrize("name", antiphon.__all__)
def test_every_public_name_has_an_entry(name: str) -> None:
    assert name in entries(section(read("reference.md"), "## Names in `antiphon`"))


def test_every_entry_among_the_names_is_public() -> None:
    listed = entries(section(read("reference.md"), "## Names in `antiphon`"))
    homes = (antiphon, antiphon.app, antiphon.transports)
    assert [name for name in sorted(listed) if not any(hasattr(home, name) for home in homes)] == []
    assert [name for name in antiphon.transports.__all__ if name not in listed] == []


@pytest.mark.parametrize("name", testing.__all__)
def test_every_name_of_the_testing_kit_has_an_entry(name: str) -> None:
    assert name in entries(section(read("testing.md"), "## What there is"))


ERRORS = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value)
    and issubclass(value, Exception)
    and value.__module__ == errors.__name__
}


def test_errors_and_what_they_inherit_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", section(read("reference.md"), "## Errors"), re.M)
    builtins = {
        name: [base.__name__ for base in value.__bases__ if base.__module__ == "builtins"]
        for name, value in ERRORS.items()
    }
    shown = {name: re.findall(r"`(\w+)`", cell) for name, cell in rows}
    assert shown == {
        name: [base for base in bases if base != "Exception"] for name, bases in builtins.items()
    }


def test_events_and_their_fields_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| `(\w+)` \| ([^|]*) \| \S.* \|$", read("events.md"), re.M)
    shown = {name: (kind, re.findall(r"`(\w+)`", fields)) for name, kind, fields in rows}
    assert shown == {
        kind.name: (
            kind.__name__,
            [field.name for field in dataclasses.fields(kind) if field.name != "at"],
        )
        for kind in events.EVENTS
    }


def test_every_time_of_a_timeline_has_an_entry() -> None:
    listed = entries(section(read("events.md"), "## The timeline of a turn"))
    names = {field.name for field in dataclasses.fields(Timeline)}
    assert names | {"endpoint_wait", "llm_wait", "tts_wait", "latency"} <= listed


@pytest.mark.parametrize(
    "kind",
    [
        turn_handling.TurnHandling,
        turn_handling.Endpointing,
        turn_handling.Interruption,
        turn_handling.UserTurnLimit,
    ],
)
def test_every_field_of_turn_handling_has_an_entry(kind: Any) -> None:
    page = read("turns-and-interruption.md")
    table = re.search(rf"^\| `{kind.__name__}` \|.*?\n\n", page, re.M | re.S)
    assert table is not None
    assert entries(table[0]) - {kind.__name__} == {field.name for field in dataclasses.fields(kind)}


def test_turn_handling_has_the_defaults_of_the_tables() -> None:
    page = read("turns-and-interruption.md")
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]*?)`? \|", page, re.M))
    turns = turn_handling.resolve()
    for name in ("min_delay", "max_delay", "min_duration", "false_interruption_timeout"):
        assert float(rows[name]) == getattr(turns, name)
    assert rows["mode"] == f'"{turns.mode}"'
    assert rows["min_words"] == str(turns.min_words)
    assert rows["enabled"] == str(turns.interruptions)
    assert rows["resume_false_interruption"] == str(turns.resume_false_interruption)
    assert rows["preemptive_generation"] == str(turns.preemptive_generation)


@pytest.mark.parametrize("kind", [antiphon.Agent, antiphon.AgentSession], ids=lambda k: k.__name__)
def test_every_argument_of_agents_and_sessions_has_an_entry(kind: Any) -> None:
    page = read("agents-and-handoffs.md")
    heading = {"Agent": "## An agent", "AgentSession": "## A session"}[kind.__name__]
    listed = entries(section(page, heading)) | entries(section(page, "## An agent"))
    given = set(inspect.signature(kind).parameters) - {"args", "kwargs"}
    assert given <= listed


def test_every_member_of_a_session_has_an_entry() -> None:
    text = section(read("agents-and-handoffs.md"), "## A session")
    names = {name for name in dir(antiphon.AgentSession) if not name.startswith("_")}
    missing = {name for name in names if not re.search(rf"`{name}\b", text)}
    assert missing <= {"update_tools"}, missing


def commands(group: Any, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, f"{path} {name}")
        else:
            found[f"{path} {name}"] = command
    return found


ROOT_COMMAND: Any = typer.main.get_command(application())
COMMANDS = commands(ROOT_COMMAND, "antiphon")


def options(command: Any) -> set[str]:
    return {
        name
        for parameter in command.params
        for name in parameter.opts
        if name.startswith("--") and name != "--help"
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_an_entry(name: str) -> None:
    listed = {entry for entry in entries(section(read("cli.md"), f"## {name}")) if entry[:1] == "-"}
    assert listed == options(COMMANDS[name])


def test_every_command_of_the_page_is_there() -> None:
    assert set(re.findall(r"^## (antiphon .*)$", read("cli.md"), re.M)) == set(COMMANDS)


def test_every_option_of_all_commands_has_an_entry() -> None:
    listed = entries(read("cli.md").partition("\n## ")[0])
    assert listed - {"option"} == options(ROOT_COMMAND) | {"--help"}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_extra_has_an_entry() -> None:
    listed = entries(section(read("install.md"), "## Extras"))
    assert set(PROJECT["optional-dependencies"]) == listed


def test_every_environment_variable_has_an_entry() -> None:
    used = {
        name
        for source in SOURCES
        for name in re.findall(r"\bANTIPHON_[A-Z_]+\b", source.read_text(encoding="utf-8"))
    }
    assert used == entries(section(read("reference.md"), "## Environment"))


@pytest.mark.parametrize("hooks", [ProviderHooks, PluginHooks], ids=lambda hooks: hooks.__name__)
def test_every_hook_has_an_entry_with_its_parameters(hooks: type) -> None:
    text = section(read("reference.md"), "## Hooks")
    for name, function in vars(hooks).items():
        if name.startswith("antiphon_"):
            taken = ", ".join([*inspect.signature(function).parameters][1:])
            assert f"| `{name}({taken})" in text


SETTINGS = [
    (name, slot, field.name)
    for name in PROJECT["entry-points"]["antiphon.providers"]
    for slot, declared in Registry().describe(name).slots.items()
    if declared.settings is not None
    for field in dataclasses.fields(declared.settings)
]


@pytest.mark.parametrize(("provider", "slot", "setting"), SETTINGS)
def test_every_setting_of_a_provider_has_an_entry(provider: str, slot: str, setting: str) -> None:
    assert setting in entries(section(read("providers.md"), f"## {provider}"))


def test_every_provider_has_a_section() -> None:
    sections = re.findall(r"^## (\w+)$", read("providers.md"), re.M)
    assert sorted(sections) == sorted(PROJECT["entry-points"]["antiphon.providers"])


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([\w./-]+\.md)\)", read("README.md")))
    there = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} - {"README.md"}
    assert there == linked


def test_every_part_and_field_of_a_report_has_an_entry() -> None:
    text = read("metrics.md")
    for name, part in report_schema()["$defs"].items():
        if name in ("ReportedTurn", "ReportedModelCall", "ReportedTool", "ReportedUsage"):
            continue  # their fields are those of the classes that they are made from
        assert set(part["properties"]) <= entries(text), name
    assert set(report_schema()["properties"]) <= entries(text)


def test_every_field_of_a_model_call_a_tool_and_usage_has_an_entry() -> None:
    listed = entries(read("metrics.md"))
    for kind in (ModelCall, ToolTime, Usage):
        assert {field.name for field in dataclasses.fields(kind)} <= listed, kind
