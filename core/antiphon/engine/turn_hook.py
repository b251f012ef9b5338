"""The user's hook on a turn: `on_user_turn_completed`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..agent import Agent
from ..chat import ChatContent
from ..errors import SessionClosed, StopResponse
from ..events import ReplySkipped
from ..scopes import Scope, current_scope

if TYPE_CHECKING:
    from ..chat import ChatMessage
    from .conversation import Conversation
    from .reply import Reply


class TurnHook:
    """Runs the hook of an agent that has one, before its reply."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation

    async def run(self, reply: Reply, agent: Agent) -> bool:
        message = reply.message
        assert message is not None
        context = agent._chat_ctx.copy()
        if context.get_by_id(message.id) is not None:
            context.remove(message.id)
        scope = Scope("on_user_turn_completed", agent, handle=reply.handle)
        reply.hook_scope = scope
        token = current_scope.set(scope)
        before = message.content
        try:
            await agent.on_user_turn_completed(context, message)
        except StopResponse:
            self._c.notify(ReplySkipped(reason="the hook wants no reply", at=self._c.now()))
            return False
        except SessionClosed as error:
            if not self._c.closing_begun:
                self._failed(agent, error)
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            self._failed(agent, error)
        except Exception as error:
            self._failed(agent, error)
        finally:
            scope.is_open = False
            reply.hook_scope = None
            current_scope.reset(token)
            self._c.post(self._keep, message, before, agent)
        if message.id not in context:
            context.append(message)
        reply.turn_ctx = context
        return True

    def _failed(self, agent: Agent, error: BaseException) -> None:
        self._c.log.error("on_user_turn_completed of %r failed", agent.id, exc_info=error)
        self._c.post(self._c.report_error, error, "hook", True, "on_user_turn_completed")

    def _keep(self, message: ChatMessage, before: ChatContent, agent: Agent) -> None:
        """A hook may edit the message, and may put another context in the place of the agent's: the
        message stays."""
        if message.id not in agent._chat_ctx:
            agent._chat_ctx.append(message)
        if message.content != before:
            self._c.recorder.updated(message, agent._chat_ctx)


def has_hook(agent: Agent) -> bool:
    return (
        type(agent).on_user_turn_completed is not Agent.on_user_turn_completed
        or "on_user_turn_completed" in vars(agent)
    )


def is_cancelled() -> bool:
    """Whether somebody has cancelled the running task: user code may raise `CancelledError` too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
