"""Pronunciations of words that the dictionary lacks, guessed from their letters."""

from __future__ import annotations

# Spelling to phones of the en-us dictionary (ARPAbet without stress), the longest spelling first. A
# guess for names in a small vocabulary, where few other words compete: not good English phonology.
# "^" and "$" stand for the beginning and the end of the word.
_RULES = {
    "^kn": "N",
    "^gn": "N",
    "^ps": "S",
    "^wr": "R",
    "^x": "Z",
    "^y": "Y",
    "^mc": "M AH K",
    "^mac": "M AE K",
    "tch": "CH",
    "sch": "SH",
    "tion": "SH AH N",
    "sion": "ZH AH N",
    "cian": "SH AH N",
    "igh": "AY",
    "eigh": "EY",
    "ough": "AO",
    "augh": "AO",
    "dge": "JH",
    "ch": "CH",
    "sh": "SH",
    "th": "TH",
    "ph": "F",
    "gh": "G",
    "gh$": "",
    "wh": "W",
    "ck": "K",
    "qu": "K W",
    "ng": "NG",
    "mb$": "M",
    "sz": "SH",
    "cz": "CH",
    "ts": "T S",
    "ssi": "S IY",
    "ci": "S IY",
    "ce": "S EH",
    "ce$": "S",
    "cy": "S IY",
    "ge$": "JH",
    "gi": "JH IY",
    "ee": "IY",
    "ea": "IY",
    "ai": "EY",
    "ay": "EY",
    "ei": "AY",
    "ey$": "IY",
    "ey": "EY",
    "oa": "OW",
    "oo": "UW",
    "ou": "AW",
    "ow": "OW",
    "oi": "OY",
    "oy": "OY",
    "au": "AO",
    "aw": "AO",
    "ew": "UW",
    "ie": "IY",
    "iy": "IY",
    "oe": "IY",
    "ia": "IY AH",
    "io": "IY OW",
    "ue$": "UW",
    "er": "ER",
    "ir": "ER",
    "ur": "ER",
    "ar": "AA R",
    "or": "AO R",
    "a$": "AH",
    "e$": "",
    "i$": "IY",
    "o$": "OW",
    "u$": "UW",
    "y$": "IY",
    "es$": "Z",
    "ed$": "D",
    "le$": "AH L",
    "a": "AE",
    "b": "B",
    "c": "K",
    "d": "D",
    "e": "EH",
    "f": "F",
    "g": "G",
    "h": "HH",
    "i": "IH",
    "j": "JH",
    "k": "K",
    "l": "L",
    "m": "M",
    "n": "N",
    "o": "AA",
    "p": "P",
    "q": "K",
    "r": "R",
    "s": "S",
    "t": "T",
    "u": "AH",
    "v": "V",
    "w": "W",
    "x": "K S",
    "y": "IH",
    "z": "Z",
}
_LONGEST = max(len(spelling) for spelling in _RULES)
_VOWELS = "aeiouy"
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}


def guess(word: str) -> str | None:
    """The phones of a lower-case word, e.g. "Z AO R B L AE T"; None for what has no letters.

    Letters outside a to z are left out. A vowel before one consonant and a final "e" is long.
    """
    letters = "".join(letter for letter in word if "a" <= letter <= "z")
    marked = f"^{letters}$"
    phones: list[str] = []
    index = 1
    while index <= len(letters):
        at = marked[index]
        if at == marked[index - 1] and at not in _VOWELS:
            index += 1  # a doubled consonant sounds once
            continue
        if _is_long(marked, index):
            phones.append(_LONG[at])
            index += 1
            continue
        for length in range(min(_LONGEST, len(marked) - index), 0, -1):
            spelling = marked[index : index + length]
            opening = f"^{spelling}" if index == 1 else ""
            if opening in _RULES or spelling in _RULES:
                phones += _RULES[opening if opening in _RULES else spelling].split()
                index += len(spelling.rstrip("$"))
                break
    return " ".join(phones) or None


def _is_long(marked: str, index: int) -> bool:
    """Whether a vowel is followed by one consonant and a final "e", as in "jade"."""
    return (
        marked[index] in _VOWELS
        and marked[index - 1] not in _VOWELS
        and marked[index + 2 :] in ("e$", "es$")
        and marked[index + 1] not in _VOWELS + "xr"
    )
