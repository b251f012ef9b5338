"""One change of the active agent, asked for and not done yet."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..handoffs import ContextChoice
from ..scopes import open_scope
from .steps import Step

if TYPE_CHECKING:
    from ..speech import SpeechHandle
    from .conversation import Conversation
    from .frame import Frame
    from .summarising import Summary


class Switch:
    """One change of the active agent, asked for and not done yet. Awaiting it waits for its end."""

    __slots__ = (
        "_c",
        "_waiters",
        "back",
        "choice",
        "done",
        "error",
        "handle",
        "new",
        "step",
        "summary",
    )

    def __init__(
        self,
        conversation: Conversation,
        new: Agent,
        *,
        choice: ContextChoice | None = None,
        handle: SpeechHandle | None = None,
        step: Step | None = None,
        back: Frame | None = None,
    ) -> None:
        self._c = conversation
        self.new = new
        self.choice = choice
        self.handle = handle
        self.step = step
        self.summary: Summary | None = None
        """The one that the new agent is shown, when that is what it is to be shown."""
        self.back = back
        """The task that ends with it, when it gives the floor back to whoever awaits that."""
        self.done = False
        self.error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def __await__(self) -> Generator[Any, None, None]:
        if not self.done:
            scope = open_scope(self._c.runtime)
            if scope is not None and scope.kind != "on_enter":
                raise RuntimeError(
                    f"the switch to agent {self.new.id!r} waits for the {scope}, which awaits the "
                    "switch; leave out the `await`"
                )
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            yield from waiter.__await__()
        if self.error is not None:
            raise self.error

    def finish(self, error: BaseException | None = None) -> None:
        """Wakes whoever waits."""
        self.done = True
        self.error = error
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
