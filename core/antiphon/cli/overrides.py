"""What a command line says about slots and settings, laid over what the program says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError, did_you_mean
from ..model import Model
from ..provider import SLOT_NAMES, SlotName

if TYPE_CHECKING:
    from ..registry import Registry

_SLOTS: tuple[SlotName, ...] = tuple(name for name in SLOT_NAMES if name != "transport")


class Overrides:
    """A `SlotOverride`: for every slot of a session's agents, what fills it instead.

    `replace` takes the place of whatever the program names; `silenced` slots are left empty;
    `defaults` fill what it leaves open, each told to `took_default` once; `settings` (`{"tts":
    {"speed": "1.1"}}`, as text) are put on the model string that it comes to.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        replace: Mapping[SlotName, str] | None = None,
        silenced: Sequence[SlotName] = (),
        defaults: Mapping[SlotName, str] | None = None,
        settings: Mapping[SlotName, Mapping[str, str]] | None = None,
        took_default: Callable[[SlotName, str], None] | None = None,
    ) -> None:
        self._registry = registry
        self._replace = dict(replace or {})
        self._silenced = frozenset(silenced)
        self._defaults = dict(defaults or {})
        self._settings = dict(settings or {})
        self._took_default = took_default
        self._told: set[SlotName] = set()

    def __call__(self, slot: SlotName, value: Any) -> Any:
        value = self._filled(slot, value)
        if slot not in self._silenced:
            return value
        if value is not None and (slot in self._replace or slot in self._settings):
            # Nobody will hear it, but what was asked for must not be a mistake that goes unseen.
            self._registry.check(value, slot)
        return None

    def _filled(self, slot: SlotName, value: Any) -> Any:
        if slot in self._replace:
            value = self._replace[slot]
        elif value is None and slot in self._defaults and slot not in self._silenced:
            value = self._defaults[slot]
            if slot not in self._told and self._took_default is not None:
                self._told.add(slot)
                self._took_default(slot, value)
        if value is not None and slot in self._settings:
            return self._with_settings(slot, value)
        return value

    def _with_settings(self, slot: SlotName, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [self._with_settings(slot, entry) for entry in value]
        given = self._settings[slot]
        if not isinstance(value, str | Model):
            raise ConfigurationError(
                f"--set {slot}.{next(iter(given))}: the {slot} is an object that the program has "
                f"made ({type(value).__name__}), not a model string; change it there, "
                f"or give --{slot} STRING"
            )
        model = value if isinstance(value, Model) else Model(value)
        settings = {
            name: self._registry.parse_setting(model, slot, name=name, text=text)
            for name, text in given.items()
        }
        return model.with_settings(**settings)


def read_settings(texts: Sequence[str]) -> dict[SlotName, dict[str, str]]:
    """`["tts.speed=1.1"]` → `{"tts": {"speed": "1.1"}}`. Raises `ConfigurationError`."""
    found: dict[SlotName, dict[str, str]] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        slot, dot, name = target.partition(".")
        if not equals or not dot or not name:
            raise ConfigurationError(f"--set {text!r} is not SLOT.NAME=VALUE, e.g. tts.speed=1.1")
        known = next((each for each in _SLOTS if each == slot), None)
        if known is None:
            raise ConfigurationError(
                f"--set {text!r} names no slot {slot!r} (slots: {', '.join(_SLOTS)})"
                + did_you_mean(slot, _SLOTS)
            )
        found.setdefault(known, {})[name] = value
    return found
