"""Options of rooms, in the form that they have now."""

from __future__ import annotations

import libcst as cst

from .findings import Findings
from .needs import Needs, plain

_PLAIN = {
    "RoomInputOptions": {
        "text_enabled": "text_input",
        "audio_enabled": "audio_input",
        "video_enabled": "video_input",
        "participant_kinds": "participant_kinds",
        "participant_identity": "participant_identity",
        "close_on_disconnect": "close_on_disconnect",
        "delete_room_on_close": "delete_room_on_close",
    },
    "RoomOutputOptions": {
        "transcription_enabled": "text_output",
        "audio_enabled": "audio_output",
    },
}
_PARTS = {
    "RoomInputOptions": (
        "audio_input",
        {
            "audio_sample_rate": "sample_rate",
            "audio_num_channels": "num_channels",
            "audio_frame_size_ms": "frame_size_ms",
            "pre_connect_audio": "pre_connect_audio",
            "pre_connect_audio_timeout": "pre_connect_audio_timeout",
        },
    ),
    "RoomOutputOptions": (
        "audio_output",
        {
            "audio_sample_rate": "sample_rate",
            "audio_num_channels": "num_channels",
            "audio_track_name": "track_name",
        },
    ),
}
_NO_NOISE = "noise cancellation belongs to the room; the transport hears what it is given"
_NOT_TAKEN = "it belongs to a room on a server, and has no place in RoomOptions"


def room_options(
    name: str, call: cst.Call, needs: Needs, findings: Findings, line: int
) -> cst.Call:
    """`RoomInputOptions(…)` or `RoomOutputOptions(…)` as `RoomOptions(…)`."""
    args: list[cst.Arg] = []
    part, inner = _PARTS[name]
    entries: list[tuple[str, cst.BaseExpression]] = []
    for arg in call.args:
        old = arg.keyword.value if arg.keyword is not None else "…"
        if old in _PLAIN[name]:
            args.append(plain(arg.value, _PLAIN[name][old]))
        elif old in inner:
            entries.append((inner[old], arg.value))
        else:
            text = _NO_NOISE if old == "noise_cancellation" else _NOT_TAKEN
            findings.note(line, f"{name}({old}=)", text)
    if entries and not any(arg.keyword is not None and arg.keyword.value == part for arg in args):
        args.append(plain(_dict(entries), part))
    return cst.Call(needs.spell("antiphon.RoomOptions"), args)


def part_as_dict(call: cst.Call, findings: Findings, line: int) -> cst.BaseExpression:
    """`AudioInputOptions(sample_rate=…)` as `{"sample_rate": …}`; without options, True."""
    entries: list[tuple[str, cst.BaseExpression]] = []
    for arg in call.args:
        if arg.keyword is None:
            return call
        if arg.keyword.value == "noise_cancellation":
            findings.note(line, "AudioInputOptions(noise_cancellation=)", _NO_NOISE)
        else:
            entries.append((arg.keyword.value, arg.value))
    return _dict(entries) if entries else cst.Name("True")


def merged_room_options(args: list[cst.Arg]) -> list[cst.Arg]:
    """`room_input_options=` and `room_output_options=` as one `room_options=`."""
    older = [
        arg
        for arg in args
        if arg.keyword is not None
        and arg.keyword.value in ("room_input_options", "room_output_options")
    ]
    calls = [arg.value for arg in older if isinstance(arg.value, cst.Call)]
    if not older or len(calls) != len(older):
        return args
    merged = calls[0].with_changes(args=[each for call in calls for each in call.args])
    kept: list[cst.Arg] = []
    for arg in args:
        if arg is older[0]:
            if merged.args:
                kept.append(arg.with_changes(keyword=cst.Name("room_options"), value=merged))
        elif arg not in older:
            kept.append(arg)
    return kept


def _dict(entries: list[tuple[str, cst.BaseExpression]]) -> cst.Dict:
    return cst.Dict(
        [cst.DictElement(cst.SimpleString(f'"{name}"'), value) for name, value in entries]
    )
