"""The keypad: keys that the user presses on a telephone."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..agent import Agent, overrides
from ..dtmf import DTMF_KEYS
from ..errors import TransportError
from ..events import DtmfReceived
from .alarm import Alarm
from .hooks import run_outside

if TYPE_CHECKING:
    from .conversation import Conversation

ENDS = "#"
"""The key that callers press when they have finished."""
LONGEST = 64
"""Keys in one turn."""
WAITING = 100
"""Keys that may wait for an agent's hook; more are dropped."""


class Keypad:
    """Tells of each key, and gives it to the agent's hook or makes a user turn of several."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._digits = ""
        self._over = Alarm(conversation, self._turn_over)
        self._for_hook: deque[tuple[Agent, str]] = deque()
        self._hook_runs = False

    def pressed(self, digit: str) -> None:
        """The user has pressed a key."""
        c = self._c
        if c.closing.closed.done():
            return
        key = digit.upper() if isinstance(digit, str) else ""
        if len(key) != 1 or key not in DTMF_KEYS:
            c.report_error(
                # Not quoted: it may be a part of a secret number.
                TransportError("the transport gave as a key what is none of 0 to 9, *, #, A to D"),
                "transport",
                True,
            )
            return
        c.notify(DtmfReceived(digit=key, at=c.now()))
        c.states.user_acts()
        c.turns.barge_in.key_pressed()
        if overrides(c.agent, "on_dtmf"):
            self._pass_on(c.agent)
            self._give(c.agent, key)
        elif c.options.dtmf_timeout is not None:
            self._collect(key, c.options.dtmf_timeout)

    # The agent's hook

    def _pass_on(self, agent: Agent) -> None:
        """Gives to the hook what was pressed before its agent became active, and is no turn yet:
        keys that are pressed together are not torn apart."""
        self._over.cancel()
        keys, self._digits = self._digits, ""
        for key in keys:
            self._give(agent, key)

    def _give(self, agent: Agent, key: str) -> None:
        if len(self._for_hook) >= WAITING:
            self._c.report_error(
                TransportError(
                    f"{WAITING} keys wait for on_dtmf of agent {agent.id!r}; one more was dropped"
                ),
                "transport",
                True,
            )
            return
        self._for_hook.append((agent, key))
        if not self._hook_runs:
            self._hook_runs = True
            self._c.tasks.start(self._run_hooks(), f"on_dtmf of {agent.id}")

    async def _run_hooks(self) -> None:
        """One key after another: the hook of one may await before the next is looked at."""
        try:
            while self._for_hook:
                agent, key = self._for_hook.popleft()
                await run_outside(self._c, agent, "on_dtmf", key)
        finally:
            self._hook_runs = False

    # A user turn

    def _collect(self, key: str, timeout: float) -> None:
        self._digits += key
        if key == ENDS or len(self._digits) >= LONGEST:
            self._turn_over()
        else:
            self._over.set(self._c.loop.time() + timeout)

    def _turn_over(self) -> None:
        if overrides(self._c.agent, "on_dtmf"):
            self._pass_on(self._c.agent)
            return
        text = self.take()
        if text:
            self._c.user_turns.text(text)

    def take(self) -> str:
        """The keys that no turn has been made of yet, as the text of one; they are forgotten."""
        self._over.cancel()
        digits, self._digits = self._digits, ""
        return f"[pressed {digits}]" if digits else ""

    def close(self) -> None:
        """Stops the timer."""
        self._over.cancel()
