"""`Resolved`: a model string that was found good, with everything that building needs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from ..errors import ModelStringError, ProviderNotFound, SettingError
from ..model import Model, VariantName, content_key, parse, variant_name
from ..provider import Provider, Ref, Slot, SlotName
from ..redaction import looks_secret, secrets_in
from ..settings import build_settings, listed, setting_types

ModelLike: TypeAlias = str | Model
"""What names a model: a string, or a `Model` with settings."""

SLOT_TITLES: dict[SlotName, str] = {
    "stt": "STT",
    "llm": "LLM",
    "tts": "TTS",
    "vad": "VAD",
    "turn_detector": "turn detector",
    "transport": "transport",
}
"""What messages call a slot."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a model string means: a provider, its declaration of the slot, and the parsed string."""

    provider: Provider
    slot: SlotName
    declared: Slot
    ref: Ref
    """The string with the default model filled in, and the variant, however it was given."""

    @property
    def owner(self) -> str:
        """How messages name it: `acme tts`."""
        return f"{self.provider.name} {self.slot}"

    @property
    def variant(self) -> VariantName | None:
        """What its variant is called."""
        return variant_name(self.slot, self.declared)

    @property
    def also(self) -> tuple[str, ...]:
        """Settings that it takes though its dataclass need not have them."""
        return ("api_key",) if self.variant is None else ("api_key", self.variant)


@dataclass(frozen=True, slots=True)
class Resolved(Target):
    """A model string, or `Model`, that can be built."""

    settings: Any = field(repr=False)
    """An instance of the dataclass that the slot declares."""
    credentials: Mapping[str, str] = field(repr=False)
    """Environment variables that were found, by name, or the `api_key=` in their place."""

    @property
    def key(self) -> Hashable:
        """Equal for those that may share one built slot: string, settings and key."""
        values = {f.name: getattr(self.settings, f.name) for f in fields(self.settings)}
        return (self.slot, self.ref, content_key(values), content_key(self.credentials))

    @property
    def secrets(self) -> list[str]:
        """The keys it is built with: of the credentials, and of settings that are or look secret,
        inside `extra` too."""
        named = {name for name in self.credentials if looks_secret(name)} or set(self.credentials)
        found = [self.credentials[name] for name in self.credentials if name in named]
        for each in fields(self.settings):
            value = getattr(self.settings, each.name)
            secret = bool(each.metadata.get("secret")) or looks_secret(each.name)
            found += secrets_in(value, secret=secret)
        return found

    @property
    def capabilities(self) -> Any:
        """What the provider declares that this model can do; None when it declares nothing."""
        declared = self.declared.capabilities
        return declared(self.ref, self.settings) if callable(declared) else declared


def target(provider: Provider, model: ModelLike, slot: SlotName) -> Target:
    """What `model` means to the provider that it names.

    Raises `ProviderNotFound` when it does not offer the slot, `ModelStringError`.
    """
    declared = provider.slots.get(slot)
    if declared is None:
        raise ProviderNotFound(
            f"provider {provider.name!r} has no {SLOT_TITLES[slot]}; it offers: {offers(provider)}"
        )
    ref = parse(model, slot, declared)
    if ref.model is None and declared.default is not None:
        default = parse(f"{ref.provider}/{declared.default}", slot, declared)
        ref = Ref(ref.provider, default.model, ref.variant or default.variant)
    if ref.model is None and declared.models:
        raise ModelStringError(
            f"model string {str(model)!r} names no model, and {provider.name} {slot} has no "
            f"default one; write '{provider.name}/{declared.models[0]}' "
            f"(known models: {listed(declared.models)})"
        )
    if ref.model is None and declared.wraps:
        raise ModelStringError(
            f"model string {str(model)!r} names nothing to wrap; write '{provider.name}/' and a "
            f"whole model string, e.g. '{provider.name}/acme/model-1'"
        )
    return Target(provider, slot, declared, ref)


def wrapped(ref: Ref, settings: Any) -> Model:
    """The model that a slot which `wraps` stands around."""
    return Model(ref.model or "", **(getattr(settings, "settings", None) or {}))


def offers(provider: Provider) -> str:
    """The slots that a provider fills, for messages."""
    return ", ".join(provider.slots) or "nothing"


def checked_settings(found: Target, model: ModelLike) -> tuple[Any, str | None]:
    """The settings of `model`, checked, and its `api_key`, if any. Raises `SettingError`."""
    values = model.settings if isinstance(model, Model) else {}
    names = setting_types(found.declared.settings)
    api_key = _api_key(found, values)
    if "api_key" not in names:
        values.pop("api_key", None)
    if found.variant is not None:
        values.pop(found.variant, None)
        if found.ref.variant is not None and found.variant in names:
            values[found.variant] = found.ref.variant
    settings = build_settings(found.declared.settings, values, owner=found.owner, also=found.also)
    return settings, api_key


def _api_key(found: Target, values: Mapping[str, Any]) -> str | None:
    if "api_key" not in values:
        return None
    api_key = values["api_key"]
    if not isinstance(api_key, str) or not api_key:
        raise SettingError(
            f"{found.owner} setting 'api_key' takes text that is not empty; "
            "leave it out to use the environment's"
        )
    declares = "api_key" in setting_types(found.declared.settings)
    if found.provider.credentials is None and not declares:
        raise SettingError(f"{found.owner} takes no 'api_key': it needs none; leave it out")
    return api_key


def key_credentials(provider: Provider, api_key: str) -> dict[str, str]:
    """The key under the name of the environment variable whose place it takes.

    Raises `SettingError` when the provider's credentials always have several parts.
    """
    if provider.credentials is None:
        return {}
    for alternative in provider.credentials.alternatives:
        if len(alternative.names) == 1:
            return {alternative.names[0]: api_key}
    raise SettingError(
        f"provider {provider.name!r} takes no 'api_key': its credentials have several parts; "
        f"set {provider.credentials}"
    )
