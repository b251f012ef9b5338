"""The handle of one thing queued to be voiced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from .scopes import Scope, current_scope

if TYPE_CHECKING:
    from .agent import Agent
    from .chat import ChatItem

SpeechSource: TypeAlias = Literal["say", "generate_reply", "user_turn", "tool_result"]


class Speaker(Protocol):
    """What a handle needs from the engine."""

    def interrupt_speech(self, handle: SpeechHandle, *, force: bool) -> None: ...

    def call_back(
        self, callback: Callable[[SpeechHandle], object], handle: SpeechHandle
    ) -> None: ...

    def waits_for(self, handle: SpeechHandle, scope: Scope) -> str | None:
        """Why `handle` cannot start before `scope` has ended, or None when it can."""


class SpeechHandle:
    """One `say` or one reply, with all its steps.

    Awaiting it returns the handle itself once everything has been played, interrupted or has
    failed; it does not raise the speech's own error: that is in `exception()`. It raises
    `RuntimeError` at once where waiting could never end: in a tool or hook that the speech itself
    waits for.
    """

    __slots__ = (
        "_agent",
        "_allow_interruptions",
        "_callbacks",
        "_done",
        "_error",
        "_interrupted",
        "_speaker",
        "_waiters",
        "chat_items",
        "id",
        "source",
        "user_initiated",
    )

    def __init__(
        self,
        id: str,
        *,
        source: SpeechSource,
        speaker: Speaker,
        agent: Agent | None,
        allow_interruptions: bool,
        user_initiated: bool = True,
    ) -> None:
        self.id = id
        self.source: SpeechSource = source
        self.user_initiated = user_initiated
        """True when user code asked for it, False for the reply to a user turn."""
        self.chat_items: list[ChatItem] = []
        """What it added to the history, in order."""
        self._speaker = speaker
        self._agent = agent
        self._allow_interruptions = allow_interruptions
        self._interrupted = False
        self._done = False
        self._error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._callbacks: list[Callable[[SpeechHandle], object]] = []

    def __repr__(self) -> str:
        state = "done" if self._done else "pending"
        return f"SpeechHandle({self.id}, {self.source}, {state})"

    @property
    def agent(self) -> Agent | None:
        """Who speaks; None while it waits for the agent that a hand-off makes active."""
        return self._agent

    @property
    def allow_interruptions(self) -> bool:
        """Whether the user's speech may cut it short. May be changed while it plays."""
        return self._allow_interruptions

    @allow_interruptions.setter
    def allow_interruptions(self, value: bool) -> None:
        if self._interrupted and not value:
            raise RuntimeError("this speech has been interrupted already")
        self._allow_interruptions = value

    @property
    def interrupted(self) -> bool:
        """Whether it was cut short, or never came to be voiced."""
        return self._interrupted

    def done(self) -> bool:
        """Whether nothing of it is left to be generated or played."""
        return self._done

    def exception(self) -> BaseException | None:
        """The error that ended it, or None; also None while it is not done."""
        return self._error

    def interrupt(self, *, force: bool = False) -> SpeechHandle:
        """Cuts it short now. Raises `RuntimeError` for one that may not be interrupted, unless
        `force`."""
        if not self._done:
            if not self._allow_interruptions and not force:
                raise RuntimeError(
                    "this speech does not allow interruptions; use `interrupt(force=True)`"
                )
            self._speaker.interrupt_speech(self, force=force)
        return self

    def add_done_callback(self, callback: Callable[[SpeechHandle], object]) -> None:
        """Calls `callback(handle)` when it is done, at once if it is already."""
        if self._done:
            callback(self)
        else:
            self._callbacks.append(callback)

    def remove_done_callback(self, callback: Callable[[SpeechHandle], object]) -> None:
        """Takes a callback back; nothing happens if it is not there."""
        if callback in self._callbacks:
            self._callbacks.remove(callback)

    async def wait_for_playout(self) -> None:
        """Waits as `await handle` does."""
        await self._wait()

    def __await__(self) -> Generator[Any, None, SpeechHandle]:
        yield from self._wait().__await__()
        return self

    async def _wait(self) -> None:
        if self._done:
            return
        scope = current_scope.get()
        if scope is not None and scope.is_open:
            reason = self._speaker.waits_for(self, scope)
            if reason is not None:
                raise RuntimeError(reason)
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        if scope is None:
            await waiter
            return
        scope.awaited.append(self)
        try:
            await waiter
        finally:
            scope.awaited.remove(self)

    def _mark_interrupted(self) -> None:
        self._interrupted = True

    def _error_occurred(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error

    def _finish(self, error: BaseException | None = None) -> None:
        if self._done:
            return
        self._done = True
        self._error = self._error or error
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._speaker.call_back(callback, self)
