"""Filling the slots of a simulated call."""

from __future__ import annotations

from typing import Any

from ...errors import ConfigurationError
from ...model import Model
from ...provider import SlotName
from ...registry import Registry, default_registry
from .scenario import FILE, NONE, PLACE, Scenario, SlotChoice

_SPOKEN: tuple[SlotName, ...] = ("stt", "tts", "vad", "turn_detector")


class Filling:
    """A `SlotOverride`: what a scenario says of the slots."""

    def __init__(self, scenario: Scenario, registry: Registry) -> None:
        self._scenario = scenario
        self._registry = registry

    def __call__(self, slot: SlotName, value: Any) -> Any:
        if slot in _SPOKEN and not self._scenario.caller.audio:
            return None
        choice = self._scenario.choice(slot)
        if choice.string == FILE:
            return value if self._registry is default_registry() else self._own(slot, value)
        if choice.string == NONE:
            return None
        # Built here: the session of the program may have a registry of its own.
        return self._registry.build(_model(choice, slot, value), slot)

    def _own(self, slot: SlotName, value: Any) -> Any:
        """What the program names, found in the registry of the simulation."""
        if isinstance(value, list | tuple):
            return [self._own(slot, each) for each in value]
        return self._registry.build(value, slot) if isinstance(value, str | Model) else value

    def check(self) -> None:
        """Raises `ConfigurationError` for a model string of the scenario that cannot be used."""
        for slot, choice in self._scenario.slots.items():
            if choice.string in (FILE, NONE) or PLACE in choice.string:
                continue
            try:
                self._registry.check(_model(choice, slot, None), slot)
            except ConfigurationError as error:
                error.add_note(f"named for the {slot} by {str(self._scenario.path)!r}")
                raise


def _model(choice: SlotChoice, slot: SlotName, value: Any) -> Model:
    settings = dict(choice.settings)
    string = choice.string
    if PLACE in string:
        if isinstance(value, list | tuple) and value:
            value = value[0]
        if not isinstance(value, str | Model):
            what = "names none" if value is None else f"has an object, {type(value).__name__}"
            raise ConfigurationError(
                f"the scenario has {slot} = {string!r}, and the program {what}; write a model "
                f"string in the place of {PLACE!r}"
            )
        if isinstance(value, Model) and value.settings:
            settings.setdefault("settings", value.settings)
        string = string.replace(PLACE, str(value))
    return Model(string, **settings)
