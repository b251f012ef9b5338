"""`antiphon report FILE`: a session report to read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

_WIDTH = 40
"""Characters of the longest bar of a waterfall."""

STAGES: tuple[tuple[str, str, str, str], ...] = (
    ("▒", "endpoint", "last_voiced", "committed"),
    ("▓", "llm", "llm_request", "llm_first_token"),
    ("░", "tts", "first_sentence", "tts_first_byte"),
)
"""The stages of a wait: sign, name, where they begin and end in a turn."""


def report(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A report: of talk, or of the demo.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of a report, and end.")
    ] = False,
) -> None:
    """Shows a session report: the conversation, what each turn waited for, and what it cost."""
    from ..app.session_report import read_report, report_schema

    if schema:
        import json

        print(json.dumps(report_schema(), indent=2, ensure_ascii=False))
        return
    if file is None:
        raise typer.BadParameter("give the FILE of a report, or --schema")
    found = _printable(read_report(file))
    _show_head(found)
    _show_conversation(found)
    _show_waterfall(found)
    _show_end(found)


def _printable(value: Any) -> Any:
    """A report without control characters, names included: a file may not move the cursor."""
    from .transcript import plain_line

    if isinstance(value, str):
        return plain_line(value)
    if isinstance(value, dict):
        return {plain_line(name): _printable(each) for name, each in value.items()}
    return [_printable(each) for each in value] if isinstance(value, list) else value


def _show_head(found: Mapping[str, Any]) -> None:
    session, versions = found["session"], found["versions"]
    print(f"{session['id']}, {session['started_at']}, {session['duration']:.1f} s")
    print(f"antiphon {versions.get('antiphon', '?')}, Python {versions.get('python', '?')}")
    for agent in found["agents"]:
        models = ", ".join(f"{slot} {model}" for slot, model in agent["models"].items())
        print(f"agent {agent['id']} ({agent['type']}): {models or 'no models'}")


def _show_conversation(found: Mapping[str, Any]) -> None:
    print()
    names: dict[str, str] = {}
    for item in found["history"]:
        line = _line(item, names)
        if line:
            at = item["created_at"]
            print(f"[{0.0 if at is None else at:6.2f}] {line}")


def _line(item: Mapping[str, Any], names: dict[str, str]) -> str:
    kind = item["type"]
    if kind == "agent_handoff":
        return f"{item['old_agent_id'] or ''} → {item['new_agent_id']}".strip()
    if kind == "function_call":
        names[item["call_id"]] = item["name"]
        shown = ", ".join(f"{name}={value!r}" for name, value in item["arguments"].items())
        return f"→ tool {item['name']}({shown})"
    if kind == "function_call_output":
        failed = " (error)" if item["is_error"] else ""
        return f"← {names.get(item['call_id'], 'tool')}{failed}: {item['output'] or '(nothing)'}"
    if kind != "message" or item["role"] in ("system", "developer"):
        return ""
    if item["role"] == "user":
        return f"user: {item['text']}"
    unheard = (item["generated_text"] or "")[len(item["text"]) :].strip()
    cut = f" … (interrupted; unheard: {unheard!r})" if item["interrupted"] and unheard else ""
    return f"{item['agent_id']}: {item['text']}{cut}"


def _show_waterfall(found: Mapping[str, Any]) -> None:
    """One bar per turn, from the user's last sound to the agent's first, all to one scale."""
    turns = [turn for turn in found["turns"] if turn["latency"] is not None]
    if not turns:
        return
    longest = max(turn["latency"] for turn in turns) or 1.0
    legend = ", ".join(f"{sign} {name}" for sign, name, _, _ in STAGES)
    print(f"\nwhat a turn waited for ({legend}, · the rest; {longest:.2f} s at most):")
    for turn in turns:
        bar = waterfall(turn, _WIDTH / longest)
        parts = [
            f"{name} {end - begin:.2f}"
            for _, name, begin, end in _stages(turn)
            if round(end - begin, 2) > 0
        ]
        print(
            f"{turn['turn']:>3} {bar:<{_WIDTH}} {turn['latency']:.2f} s"
            + (f" ({', '.join(parts)})" if parts else "")
        )


def waterfall(turn: Mapping[str, Any], scale: float) -> str:
    """The wait of a turn as a bar, `scale` characters a second."""
    start = turn["last_voiced"] if turn["last_voiced"] is not None else turn["committed"]
    if start is None:  # a report that was not made by us
        start = (turn["first_audio"] or 0.0) - turn["latency"]
    bar = ["·"] * max(1, round(turn["latency"] * scale))
    for sign, _, begin, end in _stages(turn):
        first, last = round((begin - start) * scale), round((end - start) * scale)
        for place in range(max(first, 0), min(last, len(bar))):
            bar[place] = sign
    return "".join(bar)


def _stages(turn: Mapping[str, Any]) -> list[tuple[str, str, float, float]]:
    return [
        (sign, name, turn[begin], turn[end])
        for sign, name, begin, end in STAGES
        if turn[begin] is not None and turn[end] is not None
    ]


def _show_end(found: Mapping[str, Any]) -> None:
    from .summary import show_summary

    show_summary(found)
    for model, counts in found["discarded_usage"].items():
        used = ", ".join(f"{name} {value:g}" for name, value in counts.items() if value)
        print(f"of that thrown away, {model}: {used}")
    for error in found["errors"]:
        going_on = " (went on)" if error["recoverable"] else ""
        detail = f" ({error['detail']})" if error["detail"] else ""
        what = f"{error['type']}: {error['message']}"
        print(f"[{error['at']:6.2f}] error of {error['source']}{detail}: {what}{going_on}")
    if found["errors_left_out"]:
        print(f"and {found['errors_left_out']} errors more")
    close = found["close"]
    print("still running" if close is None else f"ended: {close['reason'].replace('_', ' ')}")
