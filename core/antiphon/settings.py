"""Settings of a slot: checked against the dataclass that its provider declares, without the SDK."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal, Union

from .errors import SettingError, did_you_mean
from .model import VariantName, shown_value
from .redaction import looks_secret

RESERVED = ("voice", "language", "vocabulary", "extra", "api_key")
"""Names that mean the same in every provider.

`voice` and `language` are the variant of the model string (TTS, STT), also put into the field of
that name if the dataclass has one. `vocabulary` is what the callers are likely to say, given by
core. `extra` is a mapping for the vendor, never checked. `api_key` takes the place of the
environment's key.
"""

_LISTED = 12
_WORDS = {"true": True, "yes": True, "on": True, "1": True}
_WORDS |= {"false": False, "no": False, "off": False, "0": False}


class _Mismatch(Exception):
    """The value does not fit the annotation."""


def listed(names: Iterable[str], *, key: Callable[[str], Any] | None = None) -> str:
    """`"a, b, c"`, sorted (by `key`), cut with `…` when there are many; `"none"` when there are
    none."""
    ordered = sorted(sorted(set(names)), key=key) if key is not None else sorted(set(names))
    shown = [*ordered[:_LISTED], "…"] if len(ordered) > _LISTED else ordered
    return ", ".join(shown) or "none"


def setting_types(settings_type: type[Any]) -> Mapping[str, Any]:
    """The annotation of every setting of the dataclass, by name, in order.

    Raises `TypeError` unless it is a frozen dataclass, `NameError` when an annotation names what is
    not there.
    """
    params = getattr(settings_type, "__dataclass_params__", None)
    if params is None or not params.frozen:
        name = getattr(settings_type, "__name__", repr(settings_type))
        raise TypeError(f"the settings {name} must be a frozen dataclass")
    hints = typing.get_type_hints(settings_type)
    return {f.name: hints[f.name] for f in dataclasses.fields(settings_type) if f.init}


def build_settings(
    settings_type: type[Any],
    values: Mapping[str, Any],
    *,
    owner: str,
    also: Iterable[str] = (),
) -> Any:
    """An instance of the dataclass with these values, checked against annotations and bounds.

    Ints given for floats, and lists given for tuples, are converted.

    `owner` is how messages name the slot, e.g. `"acme tts"`; `also` are names that the caller takes
    itself (the variant, `api_key`) and that a near miss may mean. Raises `SettingError`.
    """
    annotations = setting_types(settings_type)
    fields = _fields(settings_type)
    checked = {}
    for name, value in values.items():
        if name not in annotations:
            raise unknown_setting(settings_type, name, owner=owner, also=also)
        checked[name] = _checked(fields[name], annotations[name], value, owner)
    for name in annotations:
        if name not in checked and _is_required(fields[name]):
            raise SettingError(
                f"{owner} needs the setting {name!r}; give it with the model: Model('…', {name}=…)"
            )
    try:
        return settings_type(**checked)
    except (TypeError, ValueError) as error:
        raise SettingError(f"{owner} does not take these settings: {error}") from error


def call_settings(
    built: Any,
    overrides: Mapping[str, Any],
    *,
    owner: str,
    variant: VariantName | None = None,
) -> dict[str, Any]:
    """The settings of one call, by name: those the slot was built with, under `overrides`.

    `built` is the dataclass instance; `variant` is what the slot's variant is called, which may be
    overridden even when the dataclass has no field of that name. `extra` is merged key by key.
    API keys and other secrets are left out: the slot has had them when it was built, and what this
    returns is shown to nodes. Raises `SettingError`.
    """
    settings_type = type(built)
    annotations = setting_types(settings_type)
    fields = _fields(settings_type)
    merged = {name: getattr(built, name) for name in annotations if not _is_secret(fields[name])}
    for name, value in overrides.items():
        if name == "api_key" or (name in fields and _is_secret(fields[name])):
            raise SettingError(
                f"{owner} takes {name!r} when it is built, not for one call; "
                f"give it with the model: Model('…', {name}=…)"
            )
        if name in annotations:
            checked = _checked(fields[name], annotations[name], value, owner)
            if name == "extra":
                checked = {**(merged["extra"] or {}), **checked}
            merged[name] = checked
        elif name == "vocabulary":
            merged[name] = value
        elif name == variant:
            merged[name] = _checked_variant(name, value, owner)
        else:
            also = () if variant is None else (variant,)
            raise unknown_setting(settings_type, name, owner=owner, also=also)
    return merged


def parse_setting_text(
    settings_type: type[Any],
    name: str,
    text: str,
    *,
    owner: str = "this slot",
    also: Iterable[str] = (),
) -> Any:
    """The value that `text` means for a setting, as in `--set tts.speed=1.1`.

    true/false (yes/no, on/off, 1/0); numbers; `none` where None is allowed; commas between the
    items of a tuple; JSON for mappings such as `extra`; anything else is text. Raises
    `SettingError`.
    """
    annotations = setting_types(settings_type)
    if name not in annotations:
        if name in also:
            return _checked_variant(name, text, owner)
        raise unknown_setting(settings_type, name, owner=owner, also=also)
    field, annotation = _fields(settings_type)[name], annotations[name]
    try:
        value = _from_json(text) if name == "extra" else _from_text(annotation, text)
    except _Mismatch:
        raise _refused(field, annotation, text, owner) from None
    return _checked(field, annotation, value, owner)


def unknown_setting(
    settings_type: type[Any], name: str, *, owner: str, also: Iterable[str] = ()
) -> SettingError:
    """The error for a setting that the slot does not have, with the near miss.

    `api_key` may be meant, but is not listed: it is a setting everywhere.
    """
    known = {*setting_types(settings_type), *also}
    listable = known - {"api_key"}
    has = f"it has: {listed(listable)}" if listable else "it has none"
    return SettingError(
        f"{owner} has no setting {name!r} ({has}){did_you_mean(name, sorted(known))}"
    )


def _fields(settings_type: type[Any]) -> dict[str, dataclasses.Field[Any]]:
    return {field.name: field for field in dataclasses.fields(settings_type) if field.init}


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _is_secret(field: dataclasses.Field[Any]) -> bool:
    return bool(field.metadata.get("secret")) or looks_secret(field.name)


def _checked_variant(name: str, value: Any, owner: str) -> str:
    if isinstance(value, str) and value:
        return value
    shown = shown_value(name, value)
    raise SettingError(f"{owner} setting {name!r} takes text that is not empty, not {shown}")


def _checked(field: dataclasses.Field[Any], annotation: Any, value: Any, owner: str) -> Any:
    if field.name == "vocabulary":
        return value
    try:
        if field.name == "extra":
            return _fit(Mapping, value)
        fitted = _fit(annotation, value)
        if not all(_in_bounds(field, number) for number in _numbers(fitted)):
            raise _Mismatch
    except _Mismatch:
        raise _refused(field, annotation, value, owner) from None
    return fitted


def _refused(
    field: dataclasses.Field[Any], annotation: Any, value: Any, owner: str
) -> SettingError:
    expected = "a mapping" if field.name == "extra" else _expected(annotation, field)
    if _is_secret(field):
        return SettingError(
            f"{owner} setting {field.name!r} takes {expected}; the value given, which is not "
            f"shown, is of type {type(value).__name__}"
        )
    near = did_you_mean(value, _choices(annotation)) if isinstance(value, str) else ""
    shown = shown_value(field.name, value)
    return SettingError(f"{owner} setting {field.name!r} takes {expected}, not {shown}{near}")


def _fit(annotation: Any, value: Any) -> Any:
    """`value` as the annotation wants it (int to float, list to tuple), or `_Mismatch`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return value
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in args):
            return value
    elif origin in (Union, types.UnionType):
        return _fit_any(args, value)
    elif annotation is None or annotation is types.NoneType:
        if value is None:
            return value
    elif annotation in (int, float):
        wanted = (int, float) if annotation is float else int
        if isinstance(value, wanted) and not isinstance(value, bool):
            return annotation(value)
    elif origin is tuple or annotation is tuple:
        if isinstance(value, list | tuple):
            return _fit_items(args, tuple(value))
    elif origin in (list, frozenset, set):
        if isinstance(value, list | tuple | set | frozenset):
            return origin(_fit(args[0], item) for item in value)
    elif isinstance(origin or annotation, type):
        cls = origin or annotation
        if issubclass(cls, Mapping) and isinstance(value, Mapping):
            return dict(value)
        if isinstance(value, cls):
            return value
    else:
        return value  # an annotation of a kind not listed here is the provider's own business
    raise _Mismatch


def _fit_any(choices: tuple[Any, ...], value: Any) -> Any:
    fitted = []
    for choice in choices:
        try:
            fitted.append(_fit(choice, value))
        except _Mismatch:
            continue
    if not fitted:
        raise _Mismatch
    # `float | int` given 1 keeps the int: what needs no conversion goes first.
    return next((result for result in fitted if type(result) is type(value)), fitted[0])


def _fit_items(args: tuple[Any, ...], value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not args:
        return value
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_fit(args[0], item) for item in value)
    if len(args) != len(value):
        raise _Mismatch
    return tuple(_fit(arg, item) for arg, item in zip(args, value, strict=True))


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _numbers(item)


def _in_bounds(field: dataclasses.Field[Any], number: float) -> bool:
    least, most = field.metadata.get("ge"), field.metadata.get("le")
    # Written so that not-a-number, for which every comparison is false, is never in bounds.
    is_number = number == number
    return is_number and (least is None or number >= least) and (most is None or number <= most)


def _choices(annotation: Any) -> list[str]:
    args = typing.get_args(annotation)
    if typing.get_origin(annotation) is Literal:
        return [choice for choice in args if isinstance(choice, str)]
    if typing.get_origin(annotation) in (Union, types.UnionType):
        return [choice for arg in args for choice in _choices(arg)]
    return []


def _expected(annotation: Any, field: dataclasses.Field[Any]) -> str:
    """What a setting takes, in words: `a number from 0.5 to 2 x`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        choices = ", ".join(repr(choice) for choice in args)
        return f"one of {choices}" if len(args) > 1 else choices
    if origin in (Union, types.UnionType):
        last = sorted(args, key=lambda arg: arg is types.NoneType)
        return " or ".join(_expected(arg, field) for arg in last)
    if annotation is None or annotation is types.NoneType:
        return "None"
    if annotation is bool:
        return "True or False"
    if annotation is str:
        return "text"
    if annotation in (int, float):
        return ("a whole number" if annotation is int else "a number") + _bounds(field)
    if origin is tuple or annotation is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return f"a tuple, each item {_expected(args[0], field)}"
        if not args:
            return "a tuple"
        kinds = [_expected(arg, field) for arg in args]
        items = f"each {kinds[0]}" if len(set(kinds)) == 1 else ", ".join(kinds)
        return f"a tuple of {len(kinds)} items, {items}"
    cls = origin or annotation
    if isinstance(cls, type) and issubclass(cls, Mapping):
        return "a mapping"
    return f"a {getattr(cls, '__name__', str(cls))}"


def _bounds(field: dataclasses.Field[Any]) -> str:
    least, most = field.metadata.get("ge"), field.metadata.get("le")
    unit = f" {field.metadata['unit']}" if field.metadata.get("unit") else ""
    if least is not None and most is not None:
        return f" from {least:g} to {most:g}{unit}"
    if least is not None:
        return f" of {least:g}{unit} or more"
    if most is not None:
        return f" of {most:g}{unit} or less"
    return f" (in{unit})" if unit else ""


def _from_text(annotation: Any, text: str) -> Any:
    """Reads a command line's text as the annotation wants it, or raises `_Mismatch`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        for choice in args:
            if text == str(choice) or (choice in (None, True, False) and _is_word(choice, text)):
                return choice
    elif origin in (Union, types.UnionType):
        # Text fits everything, so it is tried last.
        for choice in sorted(args, key=lambda arg: arg in (str, Any)):
            try:
                return _from_text(choice, text)
            except _Mismatch:
                continue
    elif annotation is None or annotation is types.NoneType:
        if text.lower() == "none":
            return None
    elif annotation is bool:
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
    elif annotation in (int, float):
        try:
            return annotation(text)
        except ValueError:
            raise _Mismatch from None
    elif origin in (tuple, list, set, frozenset) or annotation is tuple:
        items = [item.strip() for item in text.split(",")] if text.strip() else []
        item_types = list(args) if origin is tuple and Ellipsis not in args else []
        if item_types and len(item_types) != len(items):
            raise _Mismatch
        each = item_types or [args[0] if args else str] * len(items)
        return tuple(_from_text(kind, item) for kind, item in zip(each, items, strict=True))
    elif isinstance(origin or annotation, type) and issubclass(origin or annotation, Mapping):
        return _from_json(text)
    else:
        return text
    raise _Mismatch


def _is_word(choice: bool | None, text: str) -> bool:
    if choice is None:
        return text.lower() == "none"
    return _WORDS.get(text.lower()) is choice


def _from_json(text: str) -> Any:
    import json

    try:
        value = json.loads(text)
    except ValueError:
        raise _Mismatch from None
    if not isinstance(value, dict):
        raise _Mismatch
    return value
