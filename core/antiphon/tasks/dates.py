"""The tasks that ask for a date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from ..clock import date, read_date
from ..errors import SettingError, ToolError
from ..run_context import RunContext
from ..tools import function_tool
from .collecting import CollectTask

if TYPE_CHECKING:
    from typing import Unpack

    from .options import TaskOptions

T = TypeVar("T")

DateLike: TypeAlias = "date | str"
"""A `datetime.date`, `"2026-01-31"`, or `"today"`."""
Today: TypeAlias = "date | str | Callable[[], date]"

OLDEST = 125
"""Years: the age that nobody who calls has passed. The greatest that is known is 122."""
# Not by the machine's locale, as `calendar` would.
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class _DateTask(CollectTask[T]):
    """What the tasks for dates have in common."""

    def __init__(
        self,
        *,
        earliest: DateLike | None = None,
        latest: DateLike | None = None,
        today: Today | None = None,
        noun: str,
        what: str,
        hint: str = "",
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        self._today = _known_date(today, "today") if isinstance(today, str) else today
        self._earliest = _known_date(earliest, "earliest")
        self._latest = _known_date(latest, "latest")
        if (
            isinstance(self._earliest, date)
            and isinstance(self._latest, date)
            and self._earliest > self._latest
        ):
            raise SettingError(
                f"earliest={self._earliest} is after latest={self._latest}: no date is possible"
            )
        super().__init__(
            noun=noun,
            what=what,
            hint=(
                f"{hint} Work out the day that is meant by words such as 'next Monday' or 'in two "
                "weeks'; ask when a day or month could be either."
            ).strip(),
            readback=" with the month as a word",
            require_confirmation=require_confirmation,
            extra_instructions=extra_instructions,
            **options,
        )

    def today(self) -> date:
        """The present day: as it was given, else the day in UTC on which the session started."""
        if self._today is None:
            return self.session.started_at.date()
        if isinstance(self._today, date):
            return self._today
        return self._today() if callable(self._today) else _read(self._today)

    async def on_enter(self) -> None:
        """Tells the model what day it is, and asks."""
        await self.update_instructions(f"Today is {_said(self.today())}.\n{self.instructions}")
        await super().on_enter()

    def check(self, text: str) -> date:
        """The date that a model has understood. Raises `ToolError` that says what is wrong."""
        day = _read(text)
        for bound, word in ((self._earliest, "earliest"), (self._latest, "latest")):
            limit = self.today() if bound == "today" else bound
            if isinstance(limit, date) and (day < limit if word == "earliest" else day > limit):
                side = "before" if word == "earliest" else "after"
                raise ToolError(
                    f"{_said(day)}, is {side} {limit}, the {word} date that is possible; tell the "
                    "caller, and ask again"
                )
        return day


class GetDateTask(_DateTask[date]):
    """Asks for a date, and gives a `datetime.date`.

    * `what`: which one, e.g. `"the day of arrival"`.
    * `earliest`, `latest`: a date, `"2026-01-31"`, or `"today"`.
    * `today`: the present day, or a function that gives it; the day in UTC on which the session
      started when it is not given.

    Raises `SettingError` for what is no date.
    """

    def __init__(
        self,
        *,
        what: str = "the date",
        earliest: DateLike | None = None,
        latest: DateLike | None = None,
        today: Today | None = None,
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(
            noun="date",
            what=what,
            earliest=earliest,
            latest=latest,
            today=today,
            require_confirmation=require_confirmation,
            extra_instructions=extra_instructions,
            **options,
        )

    @function_tool
    async def update_date(self, ctx: RunContext[Any], date: str) -> str | None:
        """Notes the date, or the corrected one.

        Args:
            date: Year, month and day, as 2026-01-31
        """
        day = self.check(date)
        return self.note(ctx, day, _said(day))


@dataclass(frozen=True, slots=True)
class GetDOBResult:
    """What `GetDOBTask` gives."""

    date_of_birth: date


class GetDOBTask(_DateTask[GetDOBResult]):
    """Asks for a date of birth: not after today, and at most 125 years before it."""

    def __init__(
        self,
        *,
        today: Today | None = None,
        require_confirmation: bool = True,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(
            noun="date_of_birth",
            what="the caller's date of birth",
            hint="A year of two digits is the one that fits the age of a caller.",
            latest="today",
            today=today,
            require_confirmation=require_confirmation,
            extra_instructions=extra_instructions,
            **options,
        )

    @function_tool
    async def update_date_of_birth(self, ctx: RunContext[Any], date_of_birth: str) -> str | None:
        """Notes the date of birth, or the corrected one.

        Args:
            date_of_birth: Year, month and day, as 1990-01-31
        """
        day = self.check(date_of_birth)
        if day.year < self.today().year - OLDEST:
            raise ToolError(
                f"{day} is more than {OLDEST} years ago; ask the caller for the year again"
            )
        return self.note(ctx, GetDOBResult(day), _said(day))


def _said(day: date) -> str:
    return f"{_WEEKDAYS[day.weekday()]}, {day}"


def _read(text: str) -> date:
    try:
        return read_date(text.strip())
    except ValueError as error:
        raise ToolError(f"{text.strip()!r} {error}") from None


def _known_date(given: Any, name: str) -> Any:
    """A date, `"today"` or None of an option. Raises `SettingError`."""
    if given is None or isinstance(given, date) or (given == "today" and name != "today"):
        return given
    if isinstance(given, str):
        try:
            return read_date(given)
        except ValueError as error:
            raise SettingError(f"{name}={given!r} {error}") from None
    raise SettingError(f"{name}={given!r} is no date; give a date, or text such as '2026-01-31'")
