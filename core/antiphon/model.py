"""Model strings and `Model`: what a user writes in a slot."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .errors import ConfigurationError, ModelStringError, SettingError, did_you_mean
from .provider import SLOT_NAMES, Ref, Slot, SlotName
from .redaction import looks_secret

VariantName: TypeAlias = Literal["voice", "language"]

_SHAPE = "provider[/model[:variant]]"
_VARIANTS: dict[str, VariantName] = {"tts": "voice", "stt": "language"}
HIDDEN = "'***'"
"""What stands for a secret in a repr or a message."""


def check_slot(slot: str) -> None:
    """Raises `ConfigurationError` unless `slot` is one of `SLOT_NAMES`."""
    if slot not in SLOT_NAMES:
        raise ConfigurationError(
            f"no slot is named {slot!r} (slots: {', '.join(SLOT_NAMES)})"
            f"{did_you_mean(str(slot), SLOT_NAMES)}"
        )


def variant_name(slot: SlotName, declared: Slot | None = None) -> VariantName | None:
    """What `:x` at the end of a string means in `slot`; None when `:` belongs to the model.

    Only STT and TTS have variants. Without the provider's own declaration the common rule holds:
    the variant is a voice for TTS, a language for STT.
    """
    common = _VARIANTS.get(slot)
    if common is None or declared is None or declared.variant == "auto":
        return common
    declared_name: VariantName | None = declared.variant
    return declared_name


def parse(text: str | Model, slot: SlotName, declared: Slot | None = None) -> Ref:
    """Reads a model string, `provider[/model[:variant]]`, as written in `slot`.

    The first `/` ends the provider. STT and TTS split one variant off at the last `:`; the other
    slots never split on `:`. Nothing is lost: `str(parse(text, slot)) == text`. No provider is
    imported; once it is described, its own `declared` slot says what the `:` means there.

    For a `Model` the variant may come by keyword (`voice=`, `language=`); that both name one is
    found only when `declared` is given, because until then the `:` may belong to the model.

    Raises `ModelStringError`.
    """
    check_slot(slot)
    variant = variant_name(slot, declared)
    if isinstance(text, Model):
        return _parse_model(text, variant, strict=declared is not None)
    return _parse_text(text, variant)


def _parse_text(text: str, variant: VariantName | None) -> Ref:
    provider, model = _split_provider(text, variant)
    if model is None or variant is None or ":" not in model:
        return Ref(provider, model)
    model, _, tail = model.rpartition(":")
    if not model:
        raise _no_model(text, provider)
    if not tail:
        raise ModelStringError(
            f"model string {text!r} has no {variant} after ':'; write {text[:-1]!r} for the "
            f"default one, or '{text}{variant.upper()}'"
        )
    return Ref(provider, model, tail)


def _split_provider(text: str, variant: VariantName | None = None) -> tuple[str, str | None]:
    if not isinstance(text, str):
        raise ModelStringError(
            f"a model string is text or a Model, not {type(text).__name__}; "
            f"write {_SHAPE}, e.g. 'acme/mouth-1'"
        )
    if not text:
        raise ModelStringError(f"model string '' is empty; write {_SHAPE}, e.g. 'acme/mouth-1'")
    if not text.isprintable() or any(letter.isspace() for letter in text):
        raise ModelStringError(f"model string {text!r} contains white space; write it without")
    provider, slash, model = text.partition("/")
    if not provider.partition(":")[0]:
        raise ModelStringError(
            f"model string {text!r} names no provider; write {_SHAPE}, e.g. 'acme/mouth-1'"
        )
    if ":" in provider:
        name, _, tail = provider.partition(":")
        way = f"write {text.replace(':', '/', 1)!r}"
        if variant is not None and tail and not slash:
            way += f", or '{name}/MODEL:{tail}' if {tail!r} is the {variant}"
        raise ModelStringError(
            f"model string {text!r} has ':' before any '/'; the provider ends at '/': {way}"
        )
    if slash and not model:
        raise _no_model(text, provider)
    return provider, model if slash else None


def _no_model(text: str, provider: str) -> ModelStringError:
    return ModelStringError(
        f"model string {text!r} has no model after '/'; write {provider!r} for its default model, "
        f"or '{provider}/MODEL'"
    )


def _parse_model(model: Model, variant: VariantName | None, strict: bool) -> Ref:
    ref = _parse_text(model.string, variant)
    if variant is None or variant not in model.settings:
        return ref
    value = model.settings[variant]
    if not isinstance(value, str) or not value:
        raise SettingError(
            f"{variant}= of {model.string!r} takes the name of a {variant}, not {value!r}; "
            f"leave it out for the default one"
        )
    if ref.variant is None:
        return Ref(ref.provider, ref.model, value)
    if strict:
        raise ModelStringError(
            f"model string {model.string!r} already names the {variant} {ref.variant!r}; "
            f"leave out {variant}={value!r}"
        )
    return ref


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class Model:
    """A model string with settings, valid wherever a model string is.

    `Model("acme/mouth-1", voice="anna", speed=1.1)`. A value: made without importing the provider,
    hashable, compared by content, printed without secrets. The settings are checked against the
    provider's declaration when the slot is resolved. `voice=` (TTS) and `language=` (STT) are the
    variant of the string by another name; `extra={...}` goes to the vendor unchecked; `api_key=`
    takes the place of the environment's.
    """

    string: str
    """The model string, as given."""
    _settings: dict[str, Any]
    _key: Hashable

    def __init__(self, string: str, /, **settings: Any) -> None:
        _split_provider(string)
        copied: dict[str, Any] = _copied(settings)
        object.__setattr__(self, "string", string)
        object.__setattr__(self, "_settings", copied)
        object.__setattr__(self, "_key", (string, content_key(copied)))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name, an `api_key` included: a copy, so that the value stays one."""
        copied: dict[str, Any] = _copied(self._settings)
        return copied

    def with_settings(self, **settings: Any) -> Model:
        """The same model with these settings added, or in the place of those of the same name."""
        return Model(self.string, **{**self._settings, **settings})

    def __eq__(self, other: object) -> bool:
        return self._key == other._key if isinstance(other, Model) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key)

    def __str__(self) -> str:
        return self.string

    def __repr__(self) -> str:
        shown = "".join(
            f", {name}={shown_value(name, self._settings[name])}" for name in self._settings
        )
        return f"Model({self.string!r}{shown})"


def shown_value(name: str, value: Any) -> str:
    """The repr of a setting without anything that looks like a key, inside containers too."""
    if looks_secret(name):
        return HIDDEN
    if isinstance(value, Mapping):
        pairs = (f"{key!r}: {shown_value(str(key), item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if type(value) in (list, tuple):
        items = [shown_value("", item) for item in value]
        if isinstance(value, list):
            return "[" + ", ".join(items) + "]"
        return "(" + ", ".join(items) + ("," if len(items) == 1 else "") + ")"
    return repr(value)


def content_key(value: Any) -> Hashable:
    """A hashable stand-in for `value`: equal exactly when the contents are.

    Mappings compare without order. True and 1 differ, because vendors tell them apart. What cannot
    be hashed and is no container compares by identity.
    """
    if isinstance(value, Mapping):
        return ("map", frozenset((key, content_key(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("list", tuple(content_key(item) for item in value))
    if isinstance(value, set | frozenset):
        return ("set", frozenset(content_key(item) for item in value))
    if isinstance(value, bool):
        return ("bool", value)
    try:
        hash(value)
    except TypeError:
        return ("object", id(value))
    return ("value", value)


def _copied(value: Any) -> Any:
    """Containers copied all the way down, anything else as it is."""
    if type(value) is dict:
        return {key: _copied(item) for key, item in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_copied(item) for item in value)
    return value
