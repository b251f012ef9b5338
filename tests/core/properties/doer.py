"""What user code does, in a hook, a tool, a listener, or outside of any."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from antiphon import StopResponse, ToolError
from antiphon.errors import SessionClosed, TransportError

from .actors import Chore
from .plan import (
    Ask,
    Await,
    CancelHandoff,
    CancelReply,
    Clear,
    Commit,
    Deed,
    Deeds,
    Errand,
    Move,
    Raise,
    Say,
    Shutdown,
    Sleep,
    Stop,
    StopOne,
)
from .record import Said, Wait

if TYPE_CHECKING:
    from .stage import Stage

MOVES = 8
"""Agents that hand the conversation to one another from their hooks must come to an end."""
ERRANDS = 5
"""Tasks of one conversation: they may await one another."""
ASKS = 12
"""The same for replies that ask for replies."""


class Doer:
    """Does deeds, and notes what it is told and whom it waits for."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._asks = 0
        self.chores: list[Chore] = []
        self._timers: list[asyncio.TimerHandle] = []

    async def do(self, deeds: Deeds) -> None:
        """Does one after another, as a user's own code."""
        for deed in deeds:
            if isinstance(deed, Sleep):
                await asyncio.sleep(deed.seconds)
            elif isinstance(deed, Errand):
                await self._run_errand(deed)
            elif isinstance(deed, Raise):
                if deed.what == "stop":
                    raise StopResponse
                if deed.what == "cancelled":
                    raise asyncio.CancelledError
                raise ValueError("user code broke")
            else:
                await self._wait_for(deed, self.act_safely(deed))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Does something later, whatever becomes of the session."""
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))

    async def _run_errand(self, errand: Errand) -> None:
        if len(self.chores) >= ERRANDS:
            return
        chore = Chore(self._stage, len(self.chores) + 1, errand)
        self.chores.append(chore)
        wait = Wait(repr(errand), self._stage.now, endless=errand.ends == "never")
        self._stage.record.waits.append(wait)
        try:
            async with asyncio.timeout(1.0 if errand.ends == "dropped" else None):
                result = await chore
            if result != chore.number % 2:
                self._stage.record.faults.append(f"{chore} gave {result!r}")
        except (ToolError, LookupError):
            pass
        except TimeoutError:
            self._stage.record.stops.append(self._stage.now)  # it says nothing more
        except RuntimeError as error:
            self._stage.record.refusals.append(str(error))
        finally:
            wait.until = self._stage.now

    async def _wait_for(self, deed: Deed, waited: Any) -> None:
        if waited is None or not (isinstance(deed, Await) or getattr(deed, "wait", False)):
            return
        wait = Wait(repr(deed), self._stage.now)
        self._stage.record.waits.append(wait)
        try:
            await waited
        except SessionClosed as error:
            self._refused(error)
        except RuntimeError as error:
            if self._stage.now != wait.since:
                self._stage.record.faults.append(f"{deed} was refused only after a wait: {error}")
            self._stage.record.refusals.append(str(error))
        finally:
            wait.until = self._stage.now

    def _refused(self, error: Exception) -> None:
        if self._stage.record.closing_at == math.inf:
            unrecoverable = [e for _, e in self._stage.record.of("error") if not e.recoverable]
            if len(unrecoverable) < 3:
                self._stage.record.faults.append(f"{error!r} although nobody closes the session")

    def act_safely(self, deed: Any, event: Any = None) -> Any:
        """Does what takes no time; a session that is closed may refuse it."""
        try:
            return self._act(deed, event)
        except SessionClosed as error:
            self._refused(error)
        except TransportError as error:
            if not self._stage.record.ends and not self._stage.record.of("close"):
                self._stage.record.faults.append(f"{deed}: {error!r}")
        return None

    def _act(self, deed: Any, event: Any) -> Any:
        session, record = self._stage.session, self._stage.record
        match deed:
            case Say():
                if not self._may_ask():
                    return None
                words = self._stage.words("s", deed.words)
                text: Any = " ".join(words)
                if deed.pieces:
                    text = _pieces(words)
                handle = session.say(
                    text,
                    allow_interruptions=deed.interruptible,
                    add_to_chat_ctx=deed.recorded,
                )
                record.handles.append(handle)
                return handle
            case Ask():
                if not self._may_ask():
                    return None
                words = self._stage.words("u", 2) if deed.user_input else []
                handle = session.generate_reply(
                    user_input=" ".join(words) or None,
                    tool_choice="auto" if deed.tools else None,
                    allow_interruptions=deed.interruptible,
                )
                record.handles.append(handle)
                if words:
                    record.said.append(Said(words, [self._stage.now] * 2, True, handle))
                return handle
            case Move():
                if not self.may_move():
                    return None
                return session.update_agent(self._stage.people[deed.to % len(self._stage.people)])
            case Stop():
                record.stops.append(self._stage.now)
                session.interrupt(force=deed.force)
            case StopOne() if deed.back < len(record.handles):
                record.stops.append(self._stage.now)
                handle = record.handles[-1 - deed.back]
                if handle.allow_interruptions or deed.force:
                    handle.interrupt(force=deed.force)
            case Await() if deed.back < len(record.handles):
                return record.handles[-1 - deed.back]
            case Commit():
                record.commits.append(self._stage.now)
                session.commit_user_turn()
            case Clear():
                record.clears.append(self._stage.now)
                session.clear_user_turn()
            case Shutdown():
                record.ends.append((self._stage.now, "shutdown"))
                session.shutdown(drain=deed.drain)
            case CancelReply() if event is not None:
                record.stops.append(self._stage.now)
                event.cancel_tool_reply()
            case CancelHandoff() if event is not None:
                event.cancel_agent_handoff()
            case Raise():
                raise ValueError("a listener broke")
        return None

    def _may_ask(self) -> bool:
        self._asks += 1
        return self._asks <= ASKS

    def may_move(self) -> bool:
        """Whether the conversation may be handed on once more."""
        self._stage.record.moves += 1
        return self._stage.record.moves <= MOVES

    def stop(self) -> None:
        """Does nothing more later."""
        for timer in self._timers:
            timer.cancel()


async def _pieces(words: list[str]) -> AsyncIterator[str]:
    for word in words:
        yield word + " "
        await asyncio.sleep(0.1)
