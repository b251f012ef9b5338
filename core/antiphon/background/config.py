"""What is played: a source, how loud, and how often."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from dataclasses import dataclass
from enum import Enum
from os import PathLike
from typing import TypeAlias

from ..audio import AudioFrame
from ..errors import ConfigurationError


class BuiltinAudioClip(Enum):
    """Sounds that are made by arithmetic when they are first played: no file comes with them.

    All of them go on without a seam when they are repeated.
    """

    OFFICE_AMBIENCE = "office_ambience"
    """Air conditioning, people far off, a keyboard now and then."""
    CROWDED_ROOM = "crowded_room"
    """Many voices, none to be understood."""
    CITY_AMBIENCE = "city_ambience"
    """A street, with cars that pass."""
    FOREST_AMBIENCE = "forest_ambience"
    """Wind, and birds."""
    KEYBOARD_TYPING = "keyboard_typing"
    """Somebody types, with pauses."""
    KEYBOARD_TYPING2 = "keyboard_typing2"
    """The same, quicker and softer."""
    HOLD_MUSIC = "hold_music"
    """Four chords, note by note."""
    HOLD_TONE = "hold_tone"
    """Two short notes every four seconds: the line is still there."""


AudioSource: TypeAlias = str | PathLike[str] | BuiltinAudioClip | AsyncIterable[AudioFrame]
"""The path of a WAV file, a built-in clip, or frames of any rate."""


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """A source with its loudness. Raises `ConfigurationError` for numbers out of range."""

    source: AudioSource
    volume: float = 1.0
    """What its samples are multiplied by, 0 to 10; 1: as it is."""
    probability: float = 1.0
    """In a list: how often this one is chosen, 0 to 1. What is left to 1 is silence; more than 1 in
    all is taken as shares of the whole."""

    def __post_init__(self) -> None:
        if not 0 <= self.volume <= 10:
            raise ConfigurationError(f"AudioConfig(volume={self.volume}); give a number 0 to 10")
        if not 0 <= self.probability <= 1:
            raise ConfigurationError(
                f"AudioConfig(probability={self.probability}); give a number 0 to 1"
            )


AudioChoice: TypeAlias = AudioSource | AudioConfig | Sequence[AudioSource | AudioConfig] | None
"""What is played, or of which one is chosen each time; None: nothing."""


def configs(choice: AudioChoice, where: str) -> tuple[AudioConfig, ...]:
    """The choice as a list. Raises `ConfigurationError` for what is no sound."""
    if choice is None:
        return ()
    given: Sequence[object] = choice if isinstance(choice, list | tuple) else (choice,)
    return tuple(_config(each, where) for each in given)


def _config(given: object, where: str) -> AudioConfig:
    source = given.source if isinstance(given, AudioConfig) else given
    if isinstance(source, str | PathLike | BuiltinAudioClip | AsyncIterable):
        return given if isinstance(given, AudioConfig) else AudioConfig(source)
    raise ConfigurationError(
        f"{where} got {source!r}; give the path of a WAV file, a BuiltinAudioClip, an async "
        "iterable of AudioFrame, or AudioConfig(…) of one of them"
    )


def chosen(choice: Sequence[AudioConfig], share: float) -> AudioConfig | None:
    """One of the list by its probability; `share` is a number from 0 up to, but not, 1."""
    total = sum(config.probability for config in choice)
    share *= max(total, 1.0)
    for config in choice:
        if share < config.probability:
            return config
        share -= config.probability
    return None
