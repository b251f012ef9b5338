"""The keys of a telephone, as they are sent by tones (DTMF)."""

from __future__ import annotations

from typing import Final

DTMF_KEYS: Final = "0123456789*#ABCD"
"""ITU-T Q.23; A to D are on few telephones, and on many exchanges."""


def dtmf_digits(text: str) -> str:
    """`text` as keys: small letters as capitals. Raises `ValueError` for what is no key."""
    digits = text.upper()
    for digit in digits:
        if digit not in DTMF_KEYS:
            raise ValueError(
                f"{text!r} has {digit!r}, which is no key of a telephone; give 0 to 9, *, #, A to D"
            )
    if not digits:
        raise ValueError("'' has no keys to press; give 0 to 9, *, #, A to D")
    return digits
