"""Arguments of tool calls: values brought into the types that the tool's JSON schema asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .captures import NO, YES
from .dialogue import Call
from .numbers import read_number
from .templates import Lookup, spoken
from .words import normalise

_YES = frozenset(YES.split("|"))
_NO = frozenset(NO.split("|"))


class Unfit(Exception):
    """A value that cannot be what the schema asks for, or one that is missing; says which."""


def arguments_of(call: Call, parameters: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """The arguments of a call, in the types of `parameters` (a JSON schema of type object).

    A call without arguments of its own passes every parameter that bears the name of a capture.
    References that have nothing leave their parameter out. Raises `Unfit`.
    """
    properties: Mapping[str, Any] = parameters.get("properties") or {}
    given: dict[str, Any] = {}
    if call.arguments is None:
        for name in properties:
            value = lookup((name,))
            if value is not None:
                given[name] = value
    else:
        for name, value in dict(call.arguments).items():
            template = call.templates.get(name)
            if template is not None:
                value = lookup(template.whole) if template.whole else template.render(lookup)
            if value is not None:
                given[name] = value
    for name in parameters.get("required") or ():
        if name not in given:
            raise Unfit(f"nothing was said for its parameter {name!r}")
    arguments: dict[str, Any] = {}
    for name, value in given.items():
        try:
            arguments[name] = coerced(value, properties.get(name) or {}, parameters)
        except ValueError as error:
            raise Unfit(f"its parameter {name!r} cannot be {value!r}: {error}") from None
    return arguments


def variants(schema: Mapping[str, Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The plain schemas that `schema` allows: references followed, alternatives spread, no null."""
    reference = schema.get("$ref")
    if isinstance(reference, str):
        found: Any = root
        for step in reference.removeprefix("#/").split("/"):
            found = found.get(step, {}) if isinstance(found, Mapping) else {}
        return variants(found, root) if found is not root else [{}]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return [plain for each in schema[key] for plain in variants(each, root)]
    kind = schema.get("type")
    if isinstance(kind, list):
        return [{**schema, "type": each} for each in kind if each != "null"]
    return [] if kind == "null" else [schema]


def coerced(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """`value` in a type that `schema` takes; raises `ValueError` when there is none."""
    problem = ValueError("it takes nothing")
    for plain in variants(schema, root):
        try:
            return _as(value, plain, root)
        except ValueError as error:
            problem = error
    raise problem


def _as(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    if "const" in schema or "enum" in schema:
        options = schema.get("enum", [schema.get("const")])
        for option in options:
            if option == value or spoken(option).casefold() == spoken(value).casefold():
                return option
        raise ValueError(f"it takes one of {', '.join(spoken(option) for option in options)}")
    kind = schema.get("type")
    if kind == "integer":
        number = _number(value)
        if not float(number).is_integer():
            raise ValueError("it takes a whole number")
        return int(number)
    if kind == "number":
        return _number(value)
    if kind == "boolean":
        return _truth(value)
    if kind == "string":
        return value if isinstance(value, str) else spoken(value)
    if kind == "array":
        items = value if isinstance(value, list) else [value]
        return [coerced(item, schema.get("items") or {}, root) for item in items]
    if kind == "object" and not isinstance(value, Mapping):
        raise ValueError("it takes an object")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool):
        raise ValueError("it takes a number")
    if isinstance(value, int | float):
        return value
    number = read_number(normalise(str(value))[0])
    if number is None:
        raise ValueError("it takes a number")
    return number


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = " ".join(normalise(str(value))[0])
    if words in _YES:
        return True
    if words in _NO:
        return False
    raise ValueError("it takes yes or no")
