"""The languages and voices that the installed espeak-ng has, read from its data files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

from antiphon.errors import ModelStringError, SettingError
from antiphon.settings import listed

_USUAL_PRIORITY = 5
"""Of a language line without one; the lowest wins."""


class Voices:
    """What can be written before and after the `:` of a model string."""

    def __init__(self, data: Path) -> None:
        """Reads `data`, the directory `espeak-ng-data`: some 140 small files."""
        self.voices = {path.name for path in (data / "voices" / "!v").iterdir()}
        """The changes of voice that may be laid over any language, e.g. `f3`."""
        self.languages: dict[str, str] = {}
        """The file of each language code, which is lower case: `en-gb` is in the file `en`.

        The library itself finds a language by its file's name, and not by most of its codes.
        """
        files = sorted(path for path in (data / "lang").rglob("*") if path.is_file())
        declared = [
            (priority, code, path.name) for path in files for code, priority in _codes(path)
        ]
        for _, code, file in sorted(declared):
            self.languages.setdefault(code, file)
        self.languages.update((path.name.lower(), path.name) for path in files)

    def name(self, language: str, voice: str | None) -> str:
        """espeak's own name for the two, e.g. `en-US+f3`.

        Raises `ModelStringError` for an unknown language and `SettingError` for an unknown voice.
        """
        file = self.languages.get(language.lower())
        if file is None:
            if language in self.voices:
                raise ModelStringError(
                    f"espeak has no language {language!r}, but a voice of that name; "
                    f"write 'espeak/en-us:{language}'"
                )
            raise ModelStringError(
                f"espeak has no language {language!r}{_near(language.lower(), self.languages)}"
            )
        if voice is None:
            return file
        if voice not in self.voices:
            raise SettingError(f"espeak has no voice {voice!r}{_near(voice, self.voices)}")
        return f"{file}+{voice}"


def _codes(path: Path) -> Iterator[tuple[str, int]]:
    """Code and priority of a file's lines such as `language en-us 2`."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "language":
            priority = int(words[2]) if words[2:] and words[2].isdigit() else _USUAL_PRIORITY
            yield words[1].lower(), priority


def _is_longer(name: str) -> bool:
    """False for f3 or m1: they come first where only some are shown, and are the usual ones."""
    return not (len(name) == 2 and name[1].isdigit())


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    if not near:
        return f"; it has: {listed(known, key=_is_longer)}"
    *others, last = map(repr, near)
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"
