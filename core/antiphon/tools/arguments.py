"""The arguments of a tool call: from the JSON that a model wrote to an object."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from ..errors import ToolError

_FENCE = re.compile(r"^```[a-zA-Z]*\s*\n(.*?)\n?\s*```$", re.DOTALL)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})|\\.")
_WORD = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w)|[^\W_]+")


class ToolArgumentsError(ToolError):
    """The arguments of a call don't fit the tool; the message tells the model what to mend."""


def parse_arguments(text: str, tool: str) -> tuple[dict[str, Any], str]:
    """The object that `text` stands for, and JSON of it.

    Valid JSON comes back as it was written; nothing at all, or `null`, stands for `{}`; an object
    in quotes or in a code fence is taken out of it. Slightly broken JSON (single quotes, trailing
    commas, bare keys, Python's constants, a missing last brace) is repaired when every word and
    number of it comes through and none is made up. Raises `ToolArgumentsError` for anything else:
    what was cut off within a value must not be run.
    """
    stripped = text.strip()
    if stripped.startswith("`") and (fence := _FENCE.match(stripped)) is not None:
        stripped = fence[1].strip()
    if stripped in ("", "{}"):
        return {}, "{}"
    try:
        value = json.loads(stripped, parse_constant=_no_constant)
        if isinstance(value, str):
            stripped = value.strip() or "null"
            value = json.loads(stripped, parse_constant=_no_constant)
        repaired = False
    except (ValueError, RecursionError):
        value = _repair(stripped)
        repaired = True
    if value is None and not repaired:
        return {}, "{}"
    if not isinstance(value, dict):
        shown = text if len(text) <= 80 else text[:77] + "..."
        raise ToolArgumentsError(
            f"the arguments of {tool!r} are not a JSON object: {shown!r}; "
            "call it again with one whole JSON object"
        )
    return value, json.dumps(value, ensure_ascii=False) if repaired else stripped


def check_raw(arguments: Any, schema: Any, where: str = "") -> list[str]:
    """What of `arguments` does not fit a JSON schema: types, enum, required, unknown names.

    The other keywords are the author's to check: a raw schema is passed on as it is.
    """
    if not isinstance(schema, Mapping):
        return []
    name = repr(where) if where else "the arguments"
    wanted = schema.get("type")
    kinds = [wanted] if isinstance(wanted, str) else wanted
    if isinstance(kinds, list) and not any(_is_kind(arguments, kind) for kind in kinds):
        return [f"{name} must be {' or '.join(kinds)}, not {arguments!r}"]
    choices = schema.get("enum")
    if isinstance(choices, list) and arguments not in choices:
        return [f"{name} must be one of {', '.join(map(repr, choices))}, not {arguments!r}"]
    problems: list[str] = []
    if isinstance(arguments, dict):
        properties = schema.get("properties") or {}
        for required in schema.get("required", ()):
            if required not in arguments:
                problems.append(f"{_join(where, required)!r} is missing")
        for key, value in arguments.items():
            if key in properties:
                problems += check_raw(value, properties[key], _join(where, key))
            elif schema.get("additionalProperties") is False:
                known = ", ".join(properties)
                problems.append(f"{_join(where, key)!r} is unknown (there are: {known})")
    elif isinstance(arguments, list):
        for index, value in enumerate(arguments):
            problems += check_raw(value, schema.get("items"), _join(where, str(index)))
    return problems


def _join(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _is_kind(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    classes: dict[str, type | tuple[type, ...]] = {
        "object": dict,
        "array": list,
        "string": str,
        "number": (int, float),
        "integer": int,
        "null": type(None),
        "boolean": (),
    }
    known = classes.get(kind)
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return known is None or isinstance(value, known)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _repair(text: str) -> dict[str, Any] | None:
    """The object meant by broken JSON, or None where it is a guess."""
    if _is_cut_off(text):
        return None
    from json_repair import loads

    try:
        value = loads(text, skip_json_loads=True)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    written = _words(_ESCAPE.sub(_unescaped, text))
    if not any(_words(" ".join(_flat(value, none))) == written for none in ("null", "none")):
        return None
    made_up = sum(part == "" for part in _flat(value, "null"))
    if made_up > text.count('""') + text.count("''"):
        return None
    return value


def _is_cut_off(text: str) -> bool:
    """Whether the text ends within a string, a number, a list, or after a comma or colon."""
    in_string = False
    open_lists = 0
    skip = False
    for char in text:
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char == '"':
            in_string = not in_string
        elif not in_string:
            open_lists += (char == "[") - (char == "]")
    if text[-1] == "}":
        return in_string
    if in_string or open_lists > 0:
        return True
    return text[-1] not in "\"']" and not text.endswith(("true", "false", "null"))


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else " "


def _words(text: str) -> list[str]:
    """The letters and numbers of a text, numbers in one spelling, without punctuation."""
    return [
        repr(float(word)) if "." in word or (word[0].isdigit() and "e" in word) else word
        for word in _WORD.findall(text.casefold())
    ]


def _flat(value: Any, none: str) -> list[str]:
    if isinstance(value, dict):
        return [part for key, item in value.items() for part in (key, *_flat(item, none))]
    if isinstance(value, list):
        return [part for item in value for part in _flat(item, none)]
    if value is None:
        return [none]
    return [value if isinstance(value, str) else json.dumps(value)]
