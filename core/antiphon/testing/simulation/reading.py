"""Reading scenarios from TOML files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, cast, get_args

from ...errors import ConfigurationError, did_you_mean
from ...provider import SlotName
from .scenario import (
    FILE,
    NONE,
    SCRIPTED,
    Action,
    CallerOptions,
    Expected,
    ExpectedCall,
    Moment,
    Reply,
    Scenario,
    SlotChoice,
    Step,
    When,
)
from .tables import Table

_SLOTS: tuple[SlotName, ...] = ("stt", "llm", "tts", "vad", "turn_detector")
_SPOKEN: tuple[Action, ...] = ("say", "backchannel", "mumble", "noise")
_DIGITS = re.compile(r"[0-9*#A-D]+")
_STEP_KEYS = (
    *get_args(Moment),
    "delay",
    "seconds",
    "level",
    "hears",
    "hears_not",
    "hears_match",
    "calls",
    "agent",
    "within",
)
"""What a step may have besides its action."""


def read_scenarios(path: str | Path) -> list[Scenario]:
    """The scenario of a TOML file, or those of every `*.toml` of a directory, by name.

    Raises `ConfigurationError` that names the file and the place in it.
    """
    shown = str(path)
    found = Path(path).expanduser()
    if found.is_dir():
        files = sorted(found.glob("*.toml"))
        if not files:
            raise ConfigurationError(
                f"there is no scenario in {shown!r}; scenarios are *.toml files"
            )
        return [read_scenario(file) for file in files]
    return [read_scenario(path)]


def read_scenario(path: str | Path) -> Scenario:
    """The scenario of one TOML file. Raises `ConfigurationError`."""
    shown = str(path)
    file = Path(path).expanduser()
    if not file.exists():
        beside = file.parent.glob("*.toml") if file.parent.is_dir() else ()
        near = did_you_mean(file.name, [other.name for other in beside])
        raise ConfigurationError(f"there is no scenario {shown!r}{near}")
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{shown!r} is not TOML: {error}") from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigurationError(f"{shown!r} cannot be read ({why})") from error
    return scenario_of(values, name=file.stem, path=file, shown=shown)


def scenario_of(
    values: dict[str, Any], *, name: str, path: Path | None = None, shown: str = ""
) -> Scenario:
    """The scenario that the values of a TOML file make. Raises `ConfigurationError`."""
    table = Table(values, f"{shown or name!r}: ")
    caller = _caller(table.table("caller"))
    replies = tuple(_reply(each) for each in table.tables("reply"))
    slots = _slots(table.table("slots"), caller)
    steps = tuple(
        _step(number, each, caller) for number, each in enumerate(table.tables("step"), 1)
    )
    scenario = Scenario(
        name=table.text("name", name) or name,
        path=path,
        limit=table.number("limit", 600.0, low=1.0) or 600.0,
        caller=caller,
        slots=slots,
        replies=replies,
        steps=steps,
        expect=_expected(table.table("expect")),
    )
    table.end()
    place = table.where.removesuffix(": ")
    if not steps:
        raise ConfigurationError(f"{place} has no step; write [[step]] and what the caller does")
    last = next((step for step in steps[:-1] if step.action == "hang_up"), None)
    if last is not None:
        raise ConfigurationError(
            f"{place}: [[step]] {last.number} hangs up, and there are more behind it; "
            "put it at the end"
        )
    scripted = scenario.choice("llm").string.rpartition("/")[2] == SCRIPTED
    if scripted and not replies:
        raise ConfigurationError(
            f"{place} has a scripted llm, and nothing for it to say; write [[reply]]"
        )
    if replies and not scripted:
        raise ConfigurationError(
            f"{place} has [[reply]], and an llm that is not scripted; leave out one of them, or "
            f'write llm = "{SCRIPTED}"'
        )
    return scenario


def _caller(table: Table) -> CallerOptions:
    given = CallerOptions()
    options = CallerOptions(
        audio=table.flag("audio", given.audio),
        words_per_second=_float(table.number("words_per_second", given.words_per_second, low=0.1)),
        jitter=_float(table.number("jitter", given.jitter)),
        greeting=_float(table.number("greeting", given.greeting)),
        patience=_float(table.number("patience", given.patience, low=0.1)),
        lingers=_float(table.number("lingers", given.lingers)),
    )
    table.end()
    return options


def _float(value: float | None) -> float:
    return 0.0 if value is None else value


def _slots(table: Table, caller: CallerOptions) -> dict[SlotName, SlotChoice]:
    found: dict[SlotName, SlotChoice] = {}
    for slot in _SLOTS:
        if slot not in table:
            table.take(slot)
            continue
        value = table.take(slot)
        if isinstance(value, dict):
            inner = Table(value, f"{table.where}, {slot}")
            string = inner.text("model")
            if string is None:
                raise ConfigurationError(
                    f'{inner.where} names no model; write model = "{SCRIPTED}" and its settings'
                )
            settings = {key: each for key, each in value.items() if key != "model"}
        else:
            string, settings = table.text(slot) or "", {}
        if not caller.audio and slot != "llm" and string != NONE:
            raise ConfigurationError(
                f"{table.where} has {slot}, and a caller who only types (audio = false); "
                "leave out one of them"
            )
        if settings and string in (FILE, NONE):
            raise ConfigurationError(
                f"{table.where}, {slot} has settings for {string!r}, which takes none; name a model"
            )
        found[slot] = SlotChoice(string=string, settings=settings)
    table.end()
    return found


def _reply(table: Table) -> Reply:
    calls: list[tuple[str, dict[str, Any]]] = []
    given = table.take("call", [])
    for each in given if isinstance(given, list) else [given]:
        if isinstance(each, str) and each:
            calls.append((each, {}))
            continue
        call = Table(each, f"{table.where}, call")
        name = call.text("name")
        arguments = call.take("arguments", {})
        if name is None:
            raise ConfigurationError(f'{call.where} names no tool; write name = "…"')
        if not isinstance(arguments, dict):
            raise call.wrong("arguments", "a table")
        call.end()
        calls.append((name, arguments))
    reply = Reply(
        to=table.texts("to"),
        say=table.text("say") or "",
        calls=tuple(calls),
        times=table.whole("times", low=1),
    )
    table.end()
    if not reply.say and not reply.calls:
        raise ConfigurationError(f"{table.where} is empty; give it say or call")
    return reply


def _step(number: int, table: Table, caller: CallerOptions) -> Step:
    action = cast(Action, table.only(get_args(Action), "what the caller does", others=_STEP_KEYS))
    text, seconds, level = "", None, 0.1
    if action in ("say", "type", "backchannel"):
        text = table.text(action) or ""
        if action != "type":
            seconds = table.number("seconds", low=0.01)
    elif action == "press":
        text = table.text("press") or ""
        if not _DIGITS.fullmatch(text):
            raise table.wrong("press", "keys of a telephone: 0 to 9, *, #, A to D")
    elif action == "hang_up":
        reason = table.take("hang_up")
        if reason is not True and (not isinstance(reason, str) or not reason):
            raise table.wrong("hang_up", "true, or the reason as text")
        text = "hung_up" if reason is True else reason
    else:
        seconds = table.number(action, low=0.01)
        if action == "noise":
            level = _float(table.number("level", 0.1, low=0.0, high=1.0))
    if not caller.audio and action in _SPOKEN:
        raise ConfigurationError(
            f"{table.where} has {action}, and a caller who only types (audio = false); write type"
        )
    step = Step(
        number=number,
        action=action,
        text=text,
        seconds=seconds,
        level=level,
        when=_when(table, caller),
        hears=table.texts("hears"),
        hears_not=table.texts("hears_not"),
        hears_match=_pattern(table, "hears_match"),
        calls=_calls(table),
        agent=table.text("agent"),
        within=table.number("within"),
    )
    table.end()
    return step


def _when(table: Table, caller: CallerOptions) -> When:
    moments = get_args(Moment)
    if not any(moment in table for moment in moments):
        for moment in moments:
            table.take(moment)
        return When()
    moment = cast(Moment, table.only(moments, "when it happens"))
    if moment == "into_agent" and not caller.audio:
        raise ConfigurationError(
            f"{table.where} has into_agent, and a caller who only types (audio = false): nobody "
            "can interrupt what is read"
        )
    if moment != "after_words":
        return When(moment=moment, seconds=_float(table.number(moment)))
    words = table.text("after_words") or ""
    return When(moment=moment, seconds=_float(table.number("delay", 0.0)), words=words)


def _pattern(table: Table, key: str) -> str | None:
    pattern = table.text(key)
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ConfigurationError(
                f"{table.where} has {key} = {pattern!r}, which is no regular expression: {error}"
            ) from error
    return pattern


def _calls(table: Table) -> tuple[ExpectedCall, ...]:
    given = table.take("calls", [])
    calls = []
    for each in given if isinstance(given, list) else [given]:
        if isinstance(each, str) and each:
            calls.append(ExpectedCall(name=each))
            continue
        inner = Table(each, f"{table.where}, calls")
        name, arguments = inner.text("name"), inner.take("arguments", {})
        if name is None:
            raise ConfigurationError(f'{inner.where} names no tool; write name = "…"')
        if not isinstance(arguments, dict):
            raise inner.wrong("arguments", "a table")
        inner.end()
        calls.append(ExpectedCall(name=name, arguments=arguments))
    return tuple(calls)


def _expected(table: Table) -> Expected:
    handoffs = table.texts("handoffs") if "handoffs" in table else None
    table.take("handoffs")
    expected = Expected(
        heard=table.texts("heard"),
        heard_not=table.texts("heard_not"),
        heard_match=_pattern(table, "heard_match"),
        agent=table.text("agent"),
        handoffs=handoffs,
        calls=_calls(table),
        calls_not=table.texts("calls_not"),
        turns=table.whole("turns"),
        interruptions=table.whole("interruptions"),
        latency=table.number("latency"),
        errors=table.whole("errors", 0) or 0,
        recovered=table.whole("recovered"),
        close=table.text("close"),
        lost_turns=table.flag("lost_turns", False),
    )
    table.end()
    return expected
