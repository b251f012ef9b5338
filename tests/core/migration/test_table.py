"""The table of what becomes of livekit-agents' names: it holds for antiphon as it is."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import antiphon
from antiphon import events
from antiphon.cli.migrating.events import EVENT_CLASSES, EVENT_FIELDS, EVENTS
from antiphon.cli.migrating.members import MEMBERS
from antiphon.cli.migrating.options import OPTIONS
from antiphon.cli.migrating.rows import Row
from antiphon.cli.migrating.table import ALL_NAMES, find
from antiphon.run_context import RunContext

CLASSES: dict[str, Any] = {
    "Agent": antiphon.Agent,
    "AgentServer": antiphon.App,
    "AgentSession": antiphon.AgentSession,
    "AudioConfig": antiphon.AudioConfig,
    "AudioFrame": antiphon.AudioFrame,
    "BackgroundAudioPlayer": antiphon.BackgroundAudioPlayer,
    "ChatContext": antiphon.ChatContext,
    "ChatMessage": antiphon.ChatMessage,
    "EndCallTool": antiphon.EndCallTool,
    "JobContext": antiphon.JobContext,
    "RunContext": RunContext,
    "SpeechHandle": antiphon.SpeechHandle,
    "function_tool": antiphon.function_tool,
}
CLASSES |= {
    name: getattr(antiphon, name)
    for name in (
        *("GetAddressTask", "GetDOBTask", "GetDtmfTask", "GetEmailTask", "GetNameTask"),
        *("GetPhoneNumberTask", "TaskGroup"),
    )
}
RENAMED = {"rtc_session": "session"}


def resolved(dotted: str) -> Any:
    home, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(home), name)


@pytest.mark.parametrize(
    "row", [row for row in ALL_NAMES if row.new.startswith("antiphon.")], ids=lambda row: row.old
)
def test_what_a_name_becomes_is_there(row: Row) -> None:
    assert resolved(row.new) is not None
    assert (row.fate == "moves") <= (row.name == row.new.rpartition(".")[2])


def test_no_name_stands_in_the_table_twice() -> None:
    olds = [row.old for row in (*ALL_NAMES, *OPTIONS, *MEMBERS, *EVENT_FIELDS)]
    assert sorted(olds) == sorted(set(olds))


@pytest.mark.parametrize("row", (*ALL_NAMES, *OPTIONS, *MEMBERS, *EVENT_FIELDS, *EVENTS))
def test_every_row_says_what_to_write(row: Row) -> None:
    assert row.new or row.text, row.old
    assert not row.text.endswith(".")
    if row.fate in ("missing", "dropped", "differs"):
        assert row.text, row.old


@pytest.mark.parametrize("row", OPTIONS, ids=lambda row: row.old)
def test_an_option_of_the_table_is_not_one_of_antiphons(row: Row) -> None:
    owner, _, option = row.old.rstrip("=)").partition("(")
    name, _, method = owner.partition(".")
    taken = CLASSES[name]
    if method:
        taken = getattr(taken, RENAMED.get(method, method))
    parameters = inspect.signature(taken).parameters
    assert option not in parameters


@pytest.mark.parametrize("row", MEMBERS, ids=lambda row: row.old)
def test_a_member_of_the_table_is_there_or_not_as_it_says(row: Row) -> None:
    owner, _, member = row.old.partition(".")
    kind = CLASSES.get(owner)
    if kind is None:
        assert owner == "LocalParticipant"
        return
    fields = getattr(kind, "__dataclass_fields__", {})
    there = hasattr(kind, member) or member in fields
    only_raises = row.old == "JobContext.api"  # there is no server to ask
    assert there == (row.fate == "differs" or only_raises), row.old
    if row.fate == "renamed":
        assert hasattr(kind, row.new) or row.new in fields


def test_every_event_of_the_table_is_one_or_is_missing() -> None:
    names = {event.name for event in events.EVENTS}
    assert {row.old for row in EVENTS if row.fate == "moves"} <= names
    assert {row.old for row in EVENTS if row.fate == "missing"} & names == set()
    for row in EVENTS:
        if row.fate == "moves":
            assert getattr(events, row.new).name == row.old
    for old, new in EVENT_CLASSES.items():
        assert issubclass(getattr(events, new), object)
        assert old.removesuffix("Event") == new.removesuffix("Event")


@pytest.mark.parametrize("row", EVENT_FIELDS, ids=lambda row: row.old)
def test_a_field_of_an_event_is_there_or_not_as_the_table_says(row: Row) -> None:
    owner, _, field = row.old.partition(".")
    kind = getattr(events, EVENT_CLASSES[owner])
    fields = {*kind.__dataclass_fields__, "name"}
    assert (field in fields) == (row.fate == "differs")
    assert (row.new in fields) == (row.fate == "renamed")


@pytest.mark.parametrize(
    ("dotted", "old"),
    [
        ("livekit.agents.Agent", "livekit.agents.Agent"),
        ("livekit.agents.voice.agent.Agent", "livekit.agents.Agent"),
        ("livekit.agents.llm.chat_context.ChatContext", "livekit.agents.ChatContext"),
        ("livekit.agents.llm.LLM", "livekit.agents.llm.LLM"),
        ("livekit.agents.inference.llm.LLM", "livekit.agents.inference.LLM"),
        ("livekit.agents.tts.FallbackAdapter", "livekit.agents.tts.FallbackAdapter"),
        ("livekit.plugins.acme.STT", "livekit.plugins.*.STT"),
        ("livekit.plugins.acme.VAD.load", "livekit.plugins.*.VAD.load"),
        ("livekit.plugins.turn_detector.english.EnglishModel", "livekit.plugins.turn_detector.*"),
        ("livekit.plugins.acme", None),
        ("livekit.agents.Agent.default.llm_node", None),
        ("livekit.rtc.Room", None),
        ("antiphon.Agent", None),
    ],
)
def test_a_name_is_found_from_every_module_that_shows_it(dotted: str, old: str | None) -> None:
    row = find(dotted)
    assert (None if row is None else row.old) == old
