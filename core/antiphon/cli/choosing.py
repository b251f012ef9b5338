"""Choosing models from what is installed, for a conversation that names none."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigurationError
from ..provider import Provider, SlotName

if TYPE_CHECKING:
    from ..registry import Registry

PROBE_SECONDS = 0.3
"""How long a local server may take to say that it is there; providers promise 0.2 s."""
_ORDER: tuple[SlotName, ...] = ("stt", "tts", "llm", "vad", "turn_detector")
"""In which stand-ins are named."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The models chosen."""

    models: dict[SlotName, str]
    """Model strings by slot; a slot that nothing installed can fill is not there."""
    stand_ins: dict[SlotName, str]
    """What stands in for a real model, in the provider's words, by slot."""
    wanted_keys: tuple[str, ...]
    """Environment variables that would give real ones instead of stand-ins; the best first."""
    missing: tuple[SlotName, ...]
    """Slots that were asked for and not filled."""

    def strings(self) -> str:
        """The choice as it can be copied into a program: `stt="acme/ear-1", llm="acme/brain-1"`."""
        return ", ".join(f'{slot}="{model}"' for slot, model in self.models.items())

    def honest_sentence(self) -> str:
        """What is said of stand-ins, so that nobody takes them for more; `""` without any."""
        named = [self.stand_ins[slot] for slot in _ORDER if slot in self.stand_ins]
        if not named:
            return ""
        # Without a key that an installed provider waits for there is nothing to recommend.
        way = f"; set {self.wanted_keys[0]} for real ones" if self.wanted_keys else ""
        return f"built-in stand-ins: {', '.join(dict.fromkeys(named))}{way}"


async def choose(
    registry: Registry, slots: Iterable[SlotName], environ: Mapping[str, str]
) -> Choice:
    """The best model for each slot, by the descriptors of what is installed; imports no SDK.

    Providers whose key is set come first, then local servers that answer, then what needs no key,
    stand-ins last; among equals, the one that fills most of the slots, then by name.
    """
    needed = tuple(slots)
    providers = list(_described(registry))
    answering = await _answering(providers, environ)
    models: dict[SlotName, str] = {}
    stand_ins: dict[SlotName, str] = {}
    for slot in needed:
        for provider in sorted(providers, key=lambda each: _rank(each, needed)):
            model = _model(registry, provider, slot) if provider.name in answering else None
            if model is not None:
                models[slot] = model
                if provider.stand_in:
                    stand_ins[slot] = provider.stand_in
                break
    missing = tuple(slot for slot in needed if slot not in models)
    wanted = _wanted(providers, [*stand_ins, *missing], environ)
    return Choice(models, stand_ins, wanted, missing)


def _described(registry: Registry) -> Iterable[Provider]:
    for name in registry.names():
        try:
            yield registry.describe(name)
        except ConfigurationError:
            continue


async def _answering(providers: list[Provider], environ: Mapping[str, str]) -> set[str]:
    """The names of those that have their keys and, if they are servers, are there."""
    usable = [provider for provider in providers if provider.has_credentials(environ)]
    there = await asyncio.gather(*(_is_there(provider) for provider in usable))
    return {provider.name for provider, yes in zip(usable, there, strict=True) if yes}


async def _is_there(provider: Provider) -> bool:
    if provider.probe is None:
        return True
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await provider.probe()
    except Exception:
        # Whatever is wrong with it, it cannot be used now; `antiphon doctor` says more.
        return False


def _rank(provider: Provider, needed: tuple[SlotName, ...]) -> tuple[int, int, str]:
    if provider.stand_in:
        tier = 3
    elif provider.credentials is not None:
        tier = 0
    elif provider.probe is not None:
        tier = 1
    else:
        tier = 2
    return tier, -sum(slot in provider.slots for slot in needed), provider.name


def _model(registry: Registry, provider: Provider, slot: SlotName) -> str | None:
    """The model string that stands for the provider in this slot; None when it cannot be used."""
    declared = provider.slots.get(slot)
    if declared is None or declared.wraps:
        return None
    name = provider.name
    if declared.default is None and declared.models:
        name = f"{name}/{declared.models[0]}"
    try:
        return str(registry.check(name, slot)[0].ref)
    except ConfigurationError:
        return None


def _wanted(
    providers: list[Provider], slots: list[SlotName], environ: Mapping[str, str]
) -> tuple[str, ...]:
    keyed = [
        provider
        for provider in providers
        if provider.credentials is not None
        and not provider.stand_in
        and not provider.has_credentials(environ)
        and any(slot in provider.slots for slot in slots)
    ]
    keyed.sort(key=lambda each: (-sum(slot in each.slots for slot in slots), each.name))
    return tuple(str(each.credentials.alternatives[0]) for each in keyed if each.credentials)
