"""The built-in clips, made by arithmetic: the same samples every time, on every machine.

Noise is made as a spectrum with phases drawn by a counter, so it has no seam where it is repeated;
what rings on at the end of a clip rings on at its beginning. Needs numpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .config import BuiltinAudioClip

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Wave = npt.NDArray[np.float64]
    Samples = npt.NDArray[np.int16]

_made: dict[tuple[BuiltinAudioClip, int], Samples] = {}
"""Clips that have been made in this process, by clip and sample rate."""


def made(clip: BuiltinAudioClip, sample_rate: int) -> Samples | None:
    """A clip that has been rendered already."""
    return _made.get((clip, sample_rate))


def render(clip: BuiltinAudioClip, sample_rate: int) -> Samples:
    """The samples of a clip; takes a few tenths of a second the first time. Safe in threads."""
    import numpy as np

    samples = _made.get((clip, sample_rate))
    if samples is None:
        seconds, loudness, make = _CLIPS[clip]
        wave = make(round(seconds * sample_rate), sample_rate)
        wave *= loudness / max(float(np.abs(wave).max()), 1e-9)
        samples = np.rint(wave * 32767).astype(np.int16)
        samples.flags.writeable = False
        _made[clip, sample_rate] = samples
    return samples


class _Draws:
    """Numbers that look like chance and are none: splitmix64 (Steele, Lea and Flood, 2014)."""

    def __init__(self, seed: int) -> None:
        self._next = seed << 32

    def many(self, count: int) -> Wave:
        """Numbers from 0 to 1."""
        import numpy as np

        index = np.arange(self._next, self._next + count, dtype=np.uint64)
        self._next += count
        with np.errstate(over="ignore"):
            value = (index + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            value ^= value >> np.uint64(31)
        return (value >> np.uint64(11)).astype(np.float64) / float(1 << 53)

    def one(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number from `low` to `high`."""
        return low + (high - low) * float(self.many(1)[0])


def _noise(
    count: int, rate: int, draws: _Draws, low: float, high: float, *, slope: float = 0.0
) -> Wave:
    """Noise between two frequencies in Hz, of mean power 1; `slope` in powers of the frequency."""
    import numpy as np

    frequency = np.fft.rfftfreq(count, 1 / rate)
    inside = (frequency >= low) & (frequency <= min(high, rate / 2))
    level = np.where(inside, np.maximum(frequency, 1.0) ** slope, 0.0)
    phase = draws.many(len(frequency)) * (2 * math.pi)
    wave: Wave = np.fft.irfft(level * np.exp(1j * phase), count)
    return wave / max(float(np.sqrt(np.mean(wave**2))), 1e-12)


def _swell(count: int, rate: int, draws: _Draws, fastest: float, depth: float) -> Wave:
    """A loudness that comes and goes, up to `fastest` times a second, around 1."""
    import numpy as np

    slow = _noise(count, rate, draws, 0.02, fastest)
    swell: Wave = np.clip(1 + depth * slow, 0.0, None)
    return swell


def _add(wave: Wave, start: int, part: Wave) -> None:
    """Adds a part, its end at the beginning of the clip if need be."""
    import numpy as np

    np.add.at(wave, (start + np.arange(len(part))) % len(wave), part)


def _voices(count: int, rate: int, draws: _Draws, voices: int) -> Wave:
    """People who talk and cannot be understood: bands of noise in the rhythm of syllables."""
    import numpy as np

    wave = np.zeros(count)
    for _ in range(voices):
        pitch = draws.one(0.8, 1.3)
        low = _noise(count, rate, draws, 150 * pitch, 700 * pitch, slope=-0.5)
        high = _noise(count, rate, draws, 900 * pitch, 2400 * pitch, slope=-1.0)
        syllables = _swell(count, rate, draws, draws.one(3.0, 5.0), 1.0)
        sentences = _swell(count, rate, draws, 0.4, 1.2)
        wave += (low + 0.3 * high) * syllables * sentences
    return wave / math.sqrt(voices)


def _key(rate: int, draws: _Draws, force: float) -> Wave:
    """A key of a keyboard that is struck and let go."""
    import numpy as np

    seconds = np.arange(round(0.12 * rate)) / rate
    hiss = draws.many(len(seconds)) * 2 - 1
    hiss[1:] -= 0.7 * hiss[:-1].copy()  # less of what is low: it clicks
    case = draws.one(170, 320)
    released = seconds - draws.one(0.05, 0.08)
    wave: Wave = hiss * np.exp(-seconds / 0.004)
    wave += 0.7 * np.sin(2 * math.pi * case * seconds) * np.exp(-seconds / 0.018)
    wave += 0.35 * hiss[::-1] * np.where(released > 0, np.exp(-released / 0.003), 0.0)
    return wave * force


def _typing(count: int, rate: int, draws: _Draws, *, quick: float, force: float) -> Wave:
    """Bursts of keys with a breath between them."""
    import numpy as np

    wave = np.zeros(count)
    at, end = 0.05, count / rate - 0.1
    while at < end:
        for _ in range(3 + int(draws.one(0, 9))):
            if at >= end:
                break
            _add(wave, round(at * rate), _key(rate, draws, force * draws.one(0.5, 1.0)))
            at += quick * draws.one(0.6, 1.7)
        at += draws.one(0.15, 0.9)
    return wave


def _office(count: int, rate: int) -> Wave:
    draws = _Draws(1)
    air = _noise(count, rate, draws, 40, 900, slope=-1.0)
    people = _voices(count, rate, draws, 3)
    keys = _typing(count, rate, draws, quick=0.16, force=1.2)
    return air + 0.35 * people + 0.3 * keys * _swell(count, rate, draws, 0.15, 0.9)


def _crowd(count: int, rate: int) -> Wave:
    draws = _Draws(2)
    return _voices(count, rate, draws, 9) + 0.2 * _noise(count, rate, draws, 60, 500, slope=-1.0)


def _city(count: int, rate: int) -> Wave:
    draws = _Draws(3)
    wave = _noise(count, rate, draws, 30, 250, slope=-1.0)
    for _ in range(4):
        car = _noise(count, rate, draws, 80, 1800, slope=-0.9)
        wave += 0.7 * car * _swell(count, rate, draws, 0.25, 1.0) ** 2 / 2
    return wave


def _forest(count: int, rate: int) -> Wave:
    import numpy as np

    draws = _Draws(4)
    wave = _noise(count, rate, draws, 150, 1500, slope=-0.7)
    wave *= 0.35 * _swell(count, rate, draws, 0.2, 0.6)
    for _ in range(14):
        start, pitch = draws.one(0, count / rate), draws.one(2100, 3400)
        loud, rise = draws.one(0.2, 0.8), draws.one(-900, 900)
        for number in range(1 + int(draws.one(0, 5))):
            seconds = np.arange(round(0.09 * rate)) / rate
            frequency = pitch * seconds + rise * seconds**2 / 0.18
            chirp = np.sin(2 * math.pi * frequency) * np.sin(math.pi * seconds / 0.09) ** 2
            _add(wave, round((start + 0.14 * number) * rate), loud * chirp)
    return wave


def _note(rate: int, frequency: float, seconds: float) -> Wave:
    """A soft plucked note."""
    import numpy as np

    time = np.arange(round(seconds * rate)) / rate
    wave: Wave = np.zeros(len(time))
    for harmonic, level in ((1, 1.0), (2, 0.35), (3, 0.12)):
        if frequency * harmonic < rate / 2:
            wave += level * np.sin(2 * math.pi * frequency * harmonic * time)
    wave *= np.exp(-time / (seconds / 4)) * np.minimum(time / 0.01, 1.0)
    return wave


_CHORDS = ((48, 55, 64, 67), (45, 52, 60, 64), (41, 48, 57, 60), (43, 50, 59, 62))
"""C, A minor, F and G, as numbers of MIDI notes."""


def _music(count: int, rate: int) -> Wave:
    import numpy as np

    wave = np.zeros(count)
    beat = count / rate / (len(_CHORDS) * 8)
    for bar, chord in enumerate(_CHORDS):
        for step, index in enumerate((0, 1, 2, 3, 2, 3, 2, 1)):
            frequency = 440 * 2 ** ((chord[index] + 12 - 69) / 12)
            start = round((bar * 8 + step) * beat * rate)
            _add(wave, start, _note(rate, frequency, 6 * beat))
    return wave


def _tone(count: int, rate: int) -> Wave:
    import numpy as np

    wave = np.zeros(count)
    for start, frequency in ((0.0, 659.26), (0.22, 523.25)):  # E5, C5
        _add(wave, round(start * rate), _note(rate, frequency, 0.6))
    return wave


def _keyboard(seed: int, quick: float) -> Callable[[int, int], Wave]:
    return lambda count, rate: _typing(count, rate, _Draws(seed), quick=quick, force=1.0)


_CLIPS: dict[BuiltinAudioClip, tuple[float, float, Callable[[int, int], Wave]]] = {
    BuiltinAudioClip.OFFICE_AMBIENCE: (20.0, 0.12, _office),
    BuiltinAudioClip.CROWDED_ROOM: (20.0, 0.2, _crowd),
    BuiltinAudioClip.CITY_AMBIENCE: (20.0, 0.2, _city),
    BuiltinAudioClip.FOREST_AMBIENCE: (20.0, 0.15, _forest),
    BuiltinAudioClip.KEYBOARD_TYPING: (8.0, 0.3, _keyboard(5, 0.15)),
    BuiltinAudioClip.KEYBOARD_TYPING2: (6.0, 0.2, _keyboard(6, 0.11)),
    BuiltinAudioClip.HOLD_MUSIC: (12.8, 0.25, _music),
    BuiltinAudioClip.HOLD_TONE: (4.0, 0.2, _tone),
}
"""Of each its seconds, its highest sample, of 1, and what makes it."""


def clips() -> Sequence[BuiltinAudioClip]:
    """Those that can be made."""
    return list(_CLIPS)
