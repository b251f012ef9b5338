"""Telephone numbers: reading them, and the task that asks for one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import SettingError, ToolError
from ..run_context import RunContext
from ..tools import function_tool
from .collecting import CollectTask
from .spoken_digits import digits_in

if TYPE_CHECKING:
    from typing import Unpack

    from .options import TaskOptions

MOST_DIGITS = 15
"""With the country code: ITU-T E.164 (11/2010), 6.1."""
FEWEST_DIGITS = 7
"""E.164 sets none; the shortest in use, such as Niue's, are a code of three and four digits."""

_KEEPS_ZERO = ("39", "378", "379")
"""Codes of countries where a leading 0 is part of the number: Italy, San Marino, Vatican City
(national numbering plans, ITU-T E.129)."""
_PLUS = re.compile(r"^\s*\(?\s*(?:\+|plus\b)", re.I)
_EXTENSION = re.compile(r"\b(?:ext|extension|x)\b|\bx\d", re.I)


@dataclass(frozen=True, slots=True)
class GetPhoneNumberResult:
    """What `GetPhoneNumberTask` gives."""

    phone_number: str
    """`+` and 7 to 15 digits (E.164); without a `+` where the country is not known."""


def read_phone_number(text: str, country_code: str | None = None) -> str:
    """A number of what a model has understood: separators and words for digits are read.

    A number without `+` or `00` gets the `country_code`, less the 0 (in +1: the 1) that is dialled
    before it within the country; without a country code it stays as it is. Raises `ToolError` that
    says what is wrong.
    """
    number = text.strip()
    if _EXTENSION.search(number):
        raise ToolError(f"{number!r} has an extension; give the number without it")
    bare, plus = _PLUS.subn("", re.sub(r"(?i)^tel:", "", number))
    international = plus > 0
    if international:
        bare = re.sub(r"\(\s*0\s*\)", "", bare, count=1)  # what is dialled within the country only
    digits, other = digits_in(bare)
    if other:
        raise ToolError(f"{number!r} is no telephone number: {other!r} is no digit")
    if not international and digits.startswith("00"):
        international, digits = True, digits[2:]
    if not international and country_code is not None:
        if country_code == "1" and len(digits) == 11:
            digits = digits.removeprefix("1")
        elif country_code not in _KEEPS_ZERO:
            digits = digits.removeprefix("0")
        international, digits = True, country_code + digits
    if international and digits.startswith("0"):
        raise ToolError(f"{number!r} is no telephone number: no country code begins with 0")
    if not FEWEST_DIGITS <= len(digits) <= MOST_DIGITS:
        raise ToolError(
            f"{number!r} has {len(digits)} digits; a telephone number has {FEWEST_DIGITS} to "
            f"{MOST_DIGITS}"
        )
    return f"+{digits}" if international else digits


class GetPhoneNumberTask(CollectTask[GetPhoneNumberResult]):
    """Asks for a telephone number.

    `country_code`: for numbers that are given without one, e.g. `"49"`.
    """

    def __init__(
        self,
        *,
        country_code: str | None = None,
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        if country_code is not None:
            code = country_code.removeprefix("+")
            if re.fullmatch(r"[1-9][0-9]{0,2}", code) is None:
                raise SettingError(
                    f"country_code={country_code!r} is no country code; give its digits: '49'"
                )
            country_code = code
        self._country_code = country_code
        super().__init__(
            noun="phone_number",
            what="the caller's telephone number",
            hint=(
                "Write digits for the words that are said ('double five' is 55), and a + first "
                "when the caller gives a country code. Never add a country code yourself."
            ),
            readback=" in groups of two to four digits",
            require_confirmation=require_confirmation,
            extra_instructions=extra_instructions,
            **options,
        )

    @function_tool
    async def update_phone_number(self, ctx: RunContext[Any], phone_number: str) -> str | None:
        """Notes the telephone number, or the corrected one.

        Args:
            phone_number: All of its digits, with a + before a country code
        """
        number = read_phone_number(phone_number, self._country_code)
        return self.note(ctx, GetPhoneNumberResult(number), number)
