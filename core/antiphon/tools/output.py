"""What a tool gave, as the text that the model sees."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any


def output_text(value: object) -> str:
    """The output of a call whose tool returned `value`.

    None is `""`; a scalar is its `str`; containers, dataclasses and pydantic models are JSON, with
    their letters as they are. A set is sorted, so that the same call gives the same text.
    """
    if value is None:
        return ""
    if isinstance(value, Enum):
        return output_text(value.value)
    plain = _plain(value)
    if isinstance(plain, dict | list):
        return json.dumps(plain, ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> Any:
    """The value in JSON's own types; what has none becomes its `str`."""
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return _plain(value.value)
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, type):
        return str(value)
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)
        }
    dump = getattr(value, "model_dump", None)
    if callable(dump):  # a pydantic model, without importing pydantic to ask
        return dump(mode="json")
    if isinstance(value, Iterable) and hasattr(value, "__len__") and not isinstance(value, bytes):
        return [_plain(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _key(key: Any) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
