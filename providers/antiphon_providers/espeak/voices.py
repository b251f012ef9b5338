"""The languages and voices that the installed espeak-ng has, read from its data files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from antiphon.errors import ModelStringError, SettingError
from antiphon.settings import listed


class Voices:
    """What can be written before and after the `:` of a model string."""

    def __init__(self, data: Path) -> None:
        """Reads `data`, the directory `espeak-ng-data`: some 150 small files."""
        self.languages: set[str] = set()
        """Lower case, e.g. `en-us`."""
        self.voices = {path.name for path in (data / "voices" / "!v").iterdir()}
        """The changes of voice that may be laid over any language, e.g. `f3`."""
        for path in (data / "lang").rglob("*"):
            if path.is_file():
                self.languages.add(path.name.lower())
                self.languages |= _declared_languages(path)

    def name(self, language: str, voice: str | None) -> str:
        """espeak's own name for the two, e.g. `en-us+f3`.

        Raises `ModelStringError` for an unknown language and `SettingError` for an unknown voice.
        """
        if language.lower() not in self.languages:
            if language in self.voices:
                raise ModelStringError(
                    f"espeak has no language {language!r}, but a voice of that name; "
                    f"write 'espeak/en-us:{language}'"
                )
            raise ModelStringError(
                f"espeak has no language {language!r}{_near(language.lower(), self.languages)}"
            )
        if voice is None:
            return language.lower()
        if voice not in self.voices:
            raise SettingError(f"espeak has no voice {voice!r}{_near(voice, self.voices)}")
        return f"{language.lower()}+{voice}"


def _declared_languages(path: Path) -> set[str]:
    """The codes of a language file's lines `language en-us 2`."""
    lines = map(str.split, path.read_text(encoding="utf-8", errors="replace").splitlines())
    return {words[1].lower() for words in lines if len(words) > 1 and words[0] == "language"}


def _near(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), n=3, cutoff=0.5)
    if not near:
        return f"; it has: {listed(known)}"
    *others, last = map(repr, near)
    return f"; did you mean {', '.join(others)} or {last}?" if others else f"; did you mean {last}?"
