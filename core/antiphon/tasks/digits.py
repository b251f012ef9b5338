"""The task that asks for digits, which may be said or pressed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..dtmf import DTMF_KEYS
from ..errors import SessionClosed, SettingError, ToolError
from ..run_context import RunContext
from ..tools import function_tool
from .collecting import CollectTask
from .spoken_digits import digits_in

if TYPE_CHECKING:
    from typing import Unpack

    from .options import TaskOptions

AGAIN = "*"
"""The key that begins again, unless it is the one that ends the input."""


@dataclass(frozen=True, slots=True)
class GetDtmfResult:
    """What `GetDtmfTask` gives."""

    user_input: str
    """The digits, e.g. `"0815"`."""


class GetDtmfTask(CollectTask[GetDtmfResult]):
    """Asks for digits, which the caller presses on the telephone or says.

    * `num_digits`: how many; or `min_digits` and `max_digits`.
    * `dtmf_stop_event`: the key that ends the input, None for none.
    * `dtmf_input_timeout`: seconds after a key in which no other comes: then the input has ended.
    * `what`: what they are, e.g. `"the customer number"`.

    The input also ends with the last of `max_digits`. `*` begins again. Pressed keys are no turn of
    the user's and don't come into the history. What is said while keys are pressed counts instead.

    Raises `SettingError` for counts, times and keys that cannot be.
    """

    def __init__(
        self,
        *,
        num_digits: int | None = None,
        min_digits: int = 1,
        max_digits: int | None = None,
        dtmf_input_timeout: float = 4.0,
        dtmf_stop_event: str | None = "#",
        what: str = "the digits",
        require_confirmation: bool = False,
        extra_instructions: str = "",
        **options: Unpack[TaskOptions],
    ) -> None:
        if num_digits is not None:
            min_digits = max_digits = num_digits
        if min_digits < 1 or (max_digits is not None and max_digits < min_digits):
            raise SettingError(
                f"digits cannot be {min_digits} to {max_digits}; give num_digits, or min_digits "
                "from 1 and max_digits not below it"
            )
        if not dtmf_input_timeout > 0:
            raise SettingError(f"dtmf_input_timeout is {dtmf_input_timeout}; give seconds above 0")
        if dtmf_stop_event is not None and (
            dtmf_stop_event not in tuple(DTMF_KEYS) or dtmf_stop_event.isdecimal()
        ):
            raise SettingError(
                f"dtmf_stop_event is {dtmf_stop_event!r}; give '#', '*', 'A' to 'D', or None"
            )
        self._fewest = min_digits
        self._most = max_digits
        self._timeout = dtmf_input_timeout
        self._stop = dtmf_stop_event
        self._keys = ""
        self._over: asyncio.TimerHandle | None = None
        super().__init__(
            noun="digits",
            what=what,
            hint=(
                f"It has {self._count()} digits. The caller may say them, or press them on the "
                "telephone, which you are not shown; tell them so. Write digits for the words that "
                "are said."
            ),
            readback=" digit by digit",
            require_confirmation=require_confirmation,
            extra_instructions=extra_instructions,
            **options,
        )

    def _count(self) -> str:
        if self._most is None:
            return "any number of" if self._fewest == 1 else f"{self._fewest} or more"
        return str(self._most) if self._fewest == self._most else f"{self._fewest} to {self._most}"

    def check(self, text: str) -> str:
        """The digits of what was said or pressed. Raises `ToolError` that says what is wrong."""
        # Keys that were pressed before the task began come as text, with their last.
        digits, other = digits_in(text.strip().removesuffix(self._stop or ""))
        if other:
            raise ToolError(f"{other!r} is no digit; give digits only")
        if len(digits) < self._fewest or (self._most is not None and len(digits) > self._most):
            given = f"{len(digits)} digit" + ("" if len(digits) == 1 else "s")
            raise ToolError(f"{given} came, but {self._count()} are needed")
        return digits

    # Said

    @function_tool
    async def update_digits(self, ctx: RunContext[Any], digits: str) -> str | None:
        """Notes the digits that the caller has said, or the corrected ones.

        Args:
            digits: All digits, e.g. 0815
        """
        checked = self.check(digits)
        self._forget()
        return self.note(ctx, GetDtmfResult(checked), " ".join(checked))

    # Pressed

    async def on_dtmf(self, digit: str) -> None:
        """Takes a key."""
        if self.done():
            return
        if digit == self._stop:
            self._ended()
        elif digit == AGAIN:
            self._forget()
        elif digit.isdecimal():
            self._keys += digit
            if self._over is not None:
                self._over.cancel()
            if len(self._keys) == self._most:
                self._ended()
            else:
                loop = asyncio.get_running_loop()
                self._over = loop.call_later(self._timeout, self._timed_out)

    async def on_exit(self) -> None:
        """Forgets the keys."""
        self._forget()

    def _forget(self) -> None:
        self._keys = ""
        if self._over is not None:
            self._over.cancel()
            self._over = None

    def _timed_out(self) -> None:
        try:
            self._ended()
        except (LookupError, SessionClosed):
            pass  # It was left without its on_exit, as when the session is closed by force.

    def _ended(self) -> None:
        keys = self._keys
        self._forget()
        if self.done() or not keys:
            return
        try:
            digits = self.check(keys)
        except ToolError as error:
            self.session.generate_reply(
                instructions=f"The caller pressed keys: {error}. Say so, and ask again."
            )
            return
        if not self.require_confirmation:
            self.complete(GetDtmfResult(digits))
            return
        asking = self.session.generate_reply(
            instructions=(
                f"The caller pressed {' '.join(digits)}. Read it back digit by digit, and ask "
                "whether it is right."
            )
        )
        self.hold(GetDtmfResult(digits), asking)
