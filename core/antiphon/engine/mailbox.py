"""The one writer's inbox: commands run to completion in the caller's own call."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ..clock import work_time
from ..logs import SessionFields, session_fields

UNCHANGED: Final = object()
"""What a handler returns that has changed nothing on which others may wait: audio that goes on."""


class Mailbox:
    """Runs commands one after another, then tells the listeners.

    A command is a handler, a plain function that never awaits, and its arguments. `post` runs it at
    once when nothing else is running, else after what is: so a barge-in reaches the transport
    within the call that detected it, and no handler ever sees another's half-done work. What
    handlers
    `notify` is delivered in order when the commands have run out; listeners may post in turn.
    """

    __slots__ = (
        "_busy",
        "_commands",
        "_deliver",
        "_delivering",
        "_failed",
        "_fields",
        "_notices",
        "_settle",
        "spent",
    )

    def __init__(
        self,
        *,
        settle: Callable[[], None],
        deliver: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        fields: SessionFields | None = None,
    ) -> None:
        """`fields`: what the log says of the session that the commands belong to."""
        self._commands: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._notices: deque[Any] = deque()
        self._busy = False
        self._delivering = False
        self.spent = 0.0
        """Seconds spent in commands so far, of real time: they never wait."""
        self._settle = settle
        self._deliver = deliver
        self._failed = failed
        self._fields = fields

    def post(self, handler: Callable[..., object], *args: Any) -> None:
        """Runs `handler(*args)` now, or after the command that is running."""
        self._commands.append((handler, args))
        if not self._busy:
            self._drain()

    def notify(self, event: Any) -> None:
        """Delivers `event` when the commands have run out."""
        self._notices.append(event)
        if not self._busy:
            self._drain()

    def _drain(self) -> None:
        token = session_fields.set(self._fields)
        try:
            self._run()
        finally:
            session_fields.reset(token)

    def _run(self) -> None:
        commands = self._commands
        changed = False
        self._busy = True
        began = work_time()
        try:
            while commands:
                handler, args = commands.popleft()
                try:
                    changed |= handler(*args) is not UNCHANGED
                except Exception as error:
                    changed = True
                    self._failed(error)
                if changed and not commands:
                    changed = False
                    try:
                        self._settle()
                    except Exception as error:
                        self._failed(error)
        finally:
            self._busy = False
            self.spent += work_time() - began
        if self._notices and not self._delivering:
            self._delivering = True
            try:
                while self._notices:
                    self._deliver(self._notices.popleft())
            finally:
                self._delivering = False
