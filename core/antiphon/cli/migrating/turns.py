"""Turn-taking options, gathered and renamed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import libcst as cst

from .findings import Findings
from .needs import Needs, plain

Entries: TypeAlias = list[tuple[str, cst.BaseExpression]]
"""Options by name, from keyword arguments or from a dict that is written out."""
Part: TypeAlias = Callable[[Entries, Findings, int], Entries]

_FLAT = {
    "allow_interruptions": ("interruption", "enabled"),
    "min_interruption_duration": ("interruption", "min_duration"),
    "min_interruption_words": ("interruption", "min_words"),
    "resume_false_interruption": ("interruption", "resume_false_interruption"),
    "false_interruption_timeout": ("interruption", "false_interruption_timeout"),
    "agent_false_interruption_timeout": ("interruption", "false_interruption_timeout"),
    "min_endpointing_delay": ("endpointing", "min_delay"),
    "max_endpointing_delay": ("endpointing", "max_delay"),
    "turn_detection": ("", "turn_detection"),
    "preemptive_generation": ("", "preemptive_generation"),
}
_DROPPED = {
    "alpha": "the engine has its own measure of the pauses",
    "mode": "speech of min_duration pauses, and min_words make it an interruption",
    "discard_audio_if_uninterruptible": (
        "what is said over uninterruptible speech is heard, and kept as a turn"
    ),
    "backchannel_boundary": "Interruption(ignore_words=…) names words that never interrupt",
}


def endpointing(entries: Entries, findings: Findings, line: int) -> Entries:
    """The options of Endpointing."""
    kept: Entries = []
    for name, value in entries:
        if name == "mode":
            kept.append((name, _renamed(value, {"dynamic": "adaptive"})))
        elif name == "alpha":
            findings.note(line, "EndpointingOptions(alpha=)", _DROPPED[name])
        else:
            kept.append((name, value))
    return kept


def interruption(entries: Entries, findings: Findings, line: int) -> Entries:
    """The options of Interruption."""
    kept: Entries = []
    for name, value in entries:
        if name in _DROPPED:
            findings.note(line, f"InterruptionOptions({name}=)", _DROPPED[name])
        elif name == "false_interruption_timeout" and _is_none(value):
            kept.append(("resume_false_interruption", cst.Name("False")))
        else:
            kept.append((name, value))
    return kept


def turn_handling(entries: Entries, findings: Findings, line: int) -> Entries:
    """The options of TurnHandling."""
    parts: dict[str, Part] = {"endpointing": endpointing, "interruption": interruption}
    kept: Entries = []
    for name, value in entries:
        if name in parts:
            kept.append((name, _converted(value, parts[name], findings, line)))
        elif name == "preemptive_generation":
            kept.append((name, preemptive(value, findings, line)))
        elif name == "turn_detection":
            detection = _detection(value, findings, line)
            if detection is not None:
                kept.append((name, detection))
        else:
            kept.append((name, value))
    return kept


PARTS: dict[str, Part] = {
    "antiphon.TurnHandling": turn_handling,
    "antiphon.Endpointing": endpointing,
    "antiphon.Interruption": interruption,
}


def converted_call(call: cst.Call, part: Part, findings: Findings, line: int) -> cst.Call:
    """A call of one of the classes, with its options as they are here."""
    if any(arg.keyword is None for arg in call.args):
        return call
    entries = [(arg.keyword.value, arg.value) for arg in call.args if arg.keyword is not None]
    kept = part(entries, findings, line)
    return call.with_changes(args=_merged(list(call.args), kept))


def _merged(args: list[cst.Arg], kept: Entries) -> list[cst.Arg]:
    """The arguments with their white space, as far as they are still there."""
    by_name = {arg.keyword.value: arg for arg in args if arg.keyword is not None}
    merged = [
        by_name[name].with_changes(value=value) if name in by_name else plain(value, name)
        for name, value in kept
    ]
    return tidied(merged, args)


def tidied(args: list[cst.Arg], before: list[cst.Arg]) -> list[cst.Arg]:
    """Arguments whose last one ends as the last one did before."""
    if not args or not before:
        return args
    ending = before[-1]
    commas = [
        arg.with_changes(comma=_comma(before), whitespace_after_arg=cst.SimpleWhitespace(""))
        if arg.comma is cst.MaybeSentinel.DEFAULT or arg.comma is ending.comma
        else arg
        for arg in args[:-1]
    ]
    last = args[-1].with_changes(
        comma=ending.comma, whitespace_after_arg=ending.whitespace_after_arg
    )
    return [*commas, last]


def _comma(args: list[cst.Arg]) -> cst.Comma:
    for arg in args[:-1]:
        if isinstance(arg.comma, cst.Comma):
            return arg.comma
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _converted(
    value: cst.BaseExpression, part: Part, findings: Findings, line: int
) -> cst.BaseExpression:
    """A dict that is written out, with its keys as they are here; anything else as it is."""
    if not isinstance(value, cst.Dict):
        return value
    entries = dict_entries(value)
    if entries is None:
        return value
    kept = part(entries, findings, line)
    written = {
        name: each
        for (name, _), each in zip(entries, value.elements, strict=True)
        if isinstance(each, cst.DictElement)
    }
    elements = [
        written[name].with_changes(value=each)
        if name in written
        else cst.DictElement(_string(name), each)
        for name, each in kept
    ]
    if elements and len(elements) < len(value.elements):
        elements[-1] = elements[-1].with_changes(comma=value.elements[-1].comma)
    return value.with_changes(elements=elements)


def dict_entries(value: cst.Dict) -> Entries | None:
    """The entries of a dict whose keys are all written out; None for another."""
    entries: Entries = []
    for each in value.elements:
        key = each.key if isinstance(each, cst.DictElement) else None
        if not isinstance(key, cst.SimpleString) or not isinstance(key.evaluated_value, str):
            return None
        entries.append((key.evaluated_value, each.value))
    return entries


def convert_option(value: cst.BaseExpression, findings: Findings, line: int) -> cst.BaseExpression:
    """What stands behind `turn_handling=`."""
    return _converted(value, turn_handling, findings, line)


def gather(args: list[cst.Arg], needs: Needs, findings: Findings, line: int) -> list[cst.Arg]:
    """Flat options of turn-taking as one `turn_handling=`; the others as they are."""
    flat = [arg for arg in args if arg.keyword is not None and arg.keyword.value in _FLAT]
    if not flat:
        return args
    if any(arg.keyword is not None and arg.keyword.value == "turn_handling" for arg in args):
        for arg in flat:
            assert arg.keyword is not None
            findings.left(line, f"{arg.keyword.value}=", "put it into turn_handling=")
        return args
    groups: dict[str, Entries] = {}
    for arg in flat:
        assert arg.keyword is not None
        group, name = _FLAT[arg.keyword.value]
        groups.setdefault(group, []).append((name, arg.value))
    entries = turn_handling(groups.pop("", []), findings, line)
    for group, part, name in (
        ("endpointing", endpointing, "antiphon.Endpointing"),
        ("interruption", interruption, "antiphon.Interruption"),
    ):
        if group in groups:
            kept = part(groups[group], findings, line)
            value = cst.Call(needs.spell(name), [plain(each, key) for key, each in kept])
            entries.insert(0 if group == "endpointing" else len(entries), (group, value))
    new: list[cst.Arg] = []
    for arg in args:
        if arg not in flat:
            new.append(arg)
        elif arg is flat[0] and entries:
            handling = cst.Call(
                needs.spell("antiphon.TurnHandling"), [plain(each, key) for key, each in entries]
            )
            new.append(arg.with_changes(keyword=cst.Name("turn_handling"), value=handling))
    return tidied(new, args)


def _detection(
    value: cst.BaseExpression, findings: Findings, line: int
) -> cst.BaseExpression | None:
    if isinstance(value, cst.SimpleString):
        if value.evaluated_value == "realtime_llm":
            findings.left(line, 'turn_detection="realtime_llm"', "there are no realtime models")
        return value
    if _is_none(value):
        return None
    findings.left(line, "turn_detection=", "a detector goes into the slot: turn_detector=")
    return value


def preemptive(value: cst.BaseExpression, findings: Findings, line: int) -> cst.BaseExpression:
    entries: Entries | None = None
    if isinstance(value, cst.Dict):
        entries = dict_entries(value)
    elif isinstance(value, cst.Call) and all(arg.keyword is not None for arg in value.args):
        entries = [(arg.keyword.value, arg.value) for arg in value.args if arg.keyword is not None]
    if entries is None:
        return value
    for name, _ in entries:
        if name != "enabled":
            findings.note(
                line,
                f"PreemptiveGenerationOptions({name}=)",
                "it begins the LLM only, once, and is thrown away when the turn goes on",
            )
    return dict(entries).get("enabled", cst.Name("True"))


def _renamed(value: cst.BaseExpression, names: dict[str, str]) -> cst.BaseExpression:
    if isinstance(value, cst.SimpleString) and isinstance(value.evaluated_value, str):
        return value.with_changes(
            value=value.value.replace(
                value.evaluated_value, names.get(value.evaluated_value, value.evaluated_value)
            )
        )
    return value


def _is_none(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.Name) and value.value == "None"


def _string(text: str) -> cst.SimpleString:
    return cst.SimpleString(f'"{text}"')
