"""The task that asks for a postal address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ToolError
from ..run_context import RunContext
from ..tools import function_tool
from .collecting import CollectTask

if TYPE_CHECKING:
    from typing import Unpack

    from .options import TaskOptions

LONGEST = 120
"""Characters of one part."""
_POSTAL_CODE = re.compile(r"(?=.{2,10}$)[A-Z0-9]+(?:[ -][A-Z0-9]+)*")
"""Letters, digits, spaces and hyphens; the longest in use have ten characters, as ZIP+4 has."""


@dataclass(frozen=True, slots=True)
class GetAddressResult:
    """What `GetAddressTask` gives; parts that the address does not have are empty."""

    street: str
    """Street and number, or a P.O. box."""
    city: str
    country: str
    postal_code: str = ""
    region: str = ""
    """State, province or county."""
    unit: str = ""
    """Apartment, floor, company."""

    @property
    def address(self) -> str:
        """In one line."""
        place = " ".join(filter(None, (self.region, self.postal_code)))
        parts = (self.street, self.unit, self.city, place, self.country)
        return ", ".join(filter(None, parts))

    def __str__(self) -> str:
        return self.address


def read_part(text: str, what: str, *, required: bool) -> str:
    """One part of an address, without needless spaces. Raises `ToolError` that says what is
    wrong."""
    part = " ".join(text.split()).strip(",; ")
    if not part and required:
        raise ToolError(f"the {what} is missing; ask the caller")
    if len(part) > LONGEST or not part.isprintable():
        raise ToolError(f"{text!r} cannot be the {what}; ask the caller")
    if part and not any(char.isalnum() for char in part):
        raise ToolError(f"{text!r} cannot be the {what}: it has no letters or digits")
    return part


def read_postal_code(text: str) -> str:
    """A postal code in capitals, or "". Raises `ToolError` that says what is wrong."""
    code = " ".join(text.upper().split())
    if code and _POSTAL_CODE.fullmatch(code) is None:
        raise ToolError(
            f"{text!r} is no postal code: it has 2 to 10 letters and digits; ask the caller"
        )
    return code


class GetAddressTask(CollectTask[GetAddressResult]):
    """Asks for a postal address.

    `country`: where all addresses are, so that it is not asked for.
    """

    def __init__(
        self,
        *,
        country: str | None = None,
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        self._country = country
        known = "" if country is None else f" The country is {country}: don't ask for it."
        super().__init__(
            noun="address",
            what="the caller's postal address",
            hint=(
                "It has street and number, city, postal code, and region or unit where there are "
                f"such.{known} Ask for what is missing, one thing at a time. Write digits for "
                "numbers that are said."
            ),
            readback=", names that could be misheard letter by letter",
            require_confirmation=require_confirmation,
            extra_instructions=extra_instructions,
            **options,
        )

    @function_tool
    async def update_address(
        self,
        ctx: RunContext[Any],
        street: str,
        city: str,
        country: str = "",
        postal_code: str = "",
        region: str = "",
        unit: str = "",
    ) -> str | None:
        """Notes the address, or the corrected one; always all of it.

        Args:
            street: Street and number, or P.O. box
            city: City, town or village
            country: The country, in English
            postal_code: Empty where the country has none
            region: State, province or county, where it belongs to the address
            unit: Apartment, floor or company, where there is one
        """
        result = GetAddressResult(
            street=read_part(street, "street", required=True),
            city=read_part(city, "city", required=True),
            country=read_part(country or self._country or "", "country", required=True),
            postal_code=read_postal_code(postal_code),
            region=read_part(region, "region", required=False),
            unit=read_part(unit, "unit", required=False),
        )
        return self.note(ctx, result, result.address)
