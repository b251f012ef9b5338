"""Hooks of an agent that nothing in the conversation waits for."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

from ..errors import SessionClosed
from .turn_hook import is_cancelled

if TYPE_CHECKING:
    from ..agent import Agent
    from .conversation import Conversation


async def run_outside(conversation: Conversation, agent: Agent, hook: str, *args: Any) -> None:
    """Runs a hook; an error is reported and goes no further.

    Its code counts as outside of any hook or tool: what it says is the active agent's, whoever that
    is by then.
    """
    try:
        waited = getattr(agent, hook)(*args)
        if not inspect.isawaitable(waited):
            raise TypeError(f"it is no coroutine function; write `async def {hook}(self, …)`")
        await waited
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        _failed(conversation, agent, hook, error)
    except SessionClosed as error:
        if not conversation.closing_begun:
            _failed(conversation, agent, hook, error)
    except Exception as error:
        _failed(conversation, agent, hook, error)


def _failed(conversation: Conversation, agent: Agent, hook: str, error: BaseException) -> None:
    conversation.log.error("%s of %r failed", hook, agent.id, exc_info=error)
    conversation.post(conversation.report_error, error, "hook", True, hook)
