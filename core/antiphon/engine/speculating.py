"""Speculating: asking the LLM while it is only likely that the user's turn has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from ..chat import ChatContext, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from ..llm import LLMEvent, TextDelta, ToolCall
from ..nodes import ModelSettings
from ..streams import Usage
from .alarm import Alarm
from .nodes import StreamStack, call_node, is_default, node_stream, stream_stack

if TYPE_CHECKING:
    from ..agent import Agent
    from ..timeline import ModelCall
    from ..tools import Tool
    from .conversation import Conversation
    from .reply import Reply
    from .steps import Step

MOST = 3
"""Runs for one turn of the user's: one who pauses often must not cost a request per pause."""
LOOK = 0.1
"""Seconds between two looks at whether the voice goes on, until the VAD calls it silent."""
_EPSILON = 1e-6


class Speculation:
    """One run: what the LLM gives is kept until it is known whether it is wanted.

    Its task alone opens, reads and closes the stream.
    """

    __slots__ = (
        "_events",
        "_shown",
        "_slot",
        "_waiter",
        "agent",
        "call",
        "ended_at",
        "error",
        "task",
        "text",
        "tools",
    )

    def __init__(
        self,
        text: str,
        agent: Agent,
        *,
        slot: object,
        shown: list[tuple[object, ...]],
        tools: list[Tool],
        call: ModelCall,
    ) -> None:
        self.text = text
        self.agent = agent
        self.tools = tools
        self.call = call
        self.task: asyncio.Task[None] | None = None
        self._slot = slot
        self._shown = shown
        self._events: list[str | LLMEvent] = []
        self.error: BaseException | None = None
        """What it failed with."""
        self.ended_at: float | None = None
        """When the LLM had given everything, or failed, in session time."""
        self._waiter: asyncio.Future[None] | None = None

    # The run's own task

    def add(self, event: str | LLMEvent) -> None:
        """The LLM has given something."""
        self._events.append(event)
        self._wake()

    def end(self, at: float, error: BaseException | None) -> None:
        """It has given everything, or failed."""
        self.ended_at, self.error = at, error
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What becomes of it

    @property
    def usage(self) -> list[Usage]:
        """What its provider has reported so far."""
        return [event for event in self._events if isinstance(event, Usage)]

    def fits(self, context: ChatContext, tools: Sequence[Tool], slot: object) -> bool:
        """Whether the LLM would be asked the same now: if so, its answer is as good."""
        return (
            self.error is None
            and slot is self._slot
            and list(tools) == self.tools
            and _shown(context) == self._shown
        )

    def __aiter__(self) -> AsyncIterator[str | LLMEvent]:
        return self._replay()

    async def _replay(self) -> AsyncIterator[str | LLMEvent]:
        given = 0
        while True:
            while given < len(self._events):
                given += 1
                yield self._events[given - 1]
            if self.ended_at is not None:
                if self.error is not None:
                    raise self.error
                return
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def aclose(self) -> None:
        """Ends the run and waits until its stream is closed."""
        task = self.task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})


class Speculating:
    """Begins a run on the likely end of a turn, hands it to the turn's reply, or throws it away."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self._run: Speculation | None = None
        self._runs = 0
        """Of the turn in progress."""
        self._voiced: float | None = None
        self._watch = Alarm(conversation, self._look)

    @property
    def enabled(self) -> bool:
        """Whether the active agent wants it."""
        return self._c.turn_settings.preemptive_generation

    # Begun and taken back

    def likely_end(self, text: str) -> None:
        """The user has probably finished, with these words."""
        text = _plain(text)
        if self._run is not None:
            if self._run.text == text:
                return
            self.cancel()
        if text and self._runs < MOST and self._possible(self._c.agent):
            self._begin(text, self._c.agent)

    def _possible(self, agent: Agent) -> bool:
        """Whether what the LLM would be shown now can be what it will be shown at the commit."""
        c = self._c
        if is_default(agent, "llm_node"):
            allowed = c.slots.get(agent, "llm") is not None
        else:
            allowed = agent.speculative_ok
        return (
            allowed
            and c.speaking.idle
            and not c.replying.active
            and not c.tool_calls.running
            and not c.switching.window_open
            and not c.closing_begun
        )

    def _begin(self, text: str, agent: Agent) -> None:
        c = self._c
        self._runs += 1
        context = agent._chat_ctx.copy()
        context.append(ChatMessage(id="speculative", role="user", content=text, created_at=c.now()))
        tools = list(c.tools_of(agent).values()) if c.limits.max_tool_steps(agent) else []
        run = Speculation(
            text,
            agent,
            slot=c.slots.get(agent, "llm"),
            shown=_shown(context),
            tools=tools,
            call=c.model_calls.begin("llm", agent),
        )
        run.task = c.tasks.start(self._ask(run, context), "speculative reply")
        self._run = run
        if c.turns.user_speaking:
            self._voiced = c.hearing.voiced_until
            self._watch.set(c.loop.time() + LOOK)

    def _look(self) -> None:
        """The VAD has not called it silence yet: is it still?"""
        if self._run is None or not self._c.turns.user_speaking:
            return
        voiced = self._c.hearing.voiced_until
        if voiced is not None and self._voiced is not None and voiced > self._voiced + _EPSILON:
            self.cancel()
        else:
            self._watch.set(self._c.loop.time() + LOOK)

    def words_came(self, text: str) -> None:
        """The user's turn has other words now."""
        if self._run is not None and self._run.text != _plain(text):
            self.cancel()

    def cancel(self) -> None:
        """The user goes on: what was begun is thrown away."""
        run, self._run = self._run, None
        self._watch.cancel()
        if run is not None:
            self.discard(run)

    # At the commit

    def take(self, text: str) -> Speculation | None:
        """The turn is committed: the run for it, which belongs to its reply from now on."""
        run = self._run
        if run is None:
            return None
        if run.text != _plain(text) or run.agent is not self._c.agent:
            self.cancel()
            return None
        self._run = None
        self._watch.cancel()
        return run

    def adopt(
        self, reply: Reply, step: Step, context: ChatContext, tools: list[Tool]
    ) -> Speculation | None:
        """The run that answers what the reply is about to ask, as its stream; None: ask."""
        run, reply.speculation = reply.speculation, None
        if run is None:
            return None
        if not run.fits(context, tools, self._c.slots.get(step.agent, "llm")):
            self.discard(run)
            return None
        call, timeline = run.call, reply.timeline
        step.model_call = call
        call.speech_id = reply.handle.id
        if timeline is not None:
            call.turn = timeline.turn
            timeline.calls.append(call)
            timeline.llm_request = call.started
            timeline.llm_first_token = call.first_output
        if run.ended_at is not None:
            self._c.model_calls.end(call, at=run.ended_at)
        return run

    def left(self, reply: Reply) -> None:
        """The reply is over, or given up: what it has not adopted is thrown away."""
        run, reply.speculation = reply.speculation, None
        if run is not None:
            self.discard(run)

    def turn_over(self) -> None:
        """The turn has been committed, or forgotten: nothing of it is wanted any more."""
        self.cancel()
        self._runs = 0

    def discard(self, run: Speculation) -> None:
        """Stops a run that nobody wants; what it has used counts as discarded."""
        calls = self._c.model_calls
        error = run.error if run.ended_at is not None else asyncio.CancelledError()
        calls.end(run.call, error, discarded=True, at=run.ended_at)
        for usage in run.usage:
            calls.used(run.call, usage)
        if run.task is not None:
            self._c.tasks.cancel(run.task)

    # The run's own task

    async def _ask(self, run: Speculation, context: ChatContext) -> None:
        agent = run.agent
        stack = StreamStack()
        stream_stack.set(stack)
        error: BaseException | None = None
        try:
            settings = ModelSettings(tool_choice="auto" if run.tools else "none", speculative=True)
            stream: Any
            if is_default(agent, "llm_node"):
                stream = self._c.runtime.llm_stream(agent, context, run.tools, settings)
            else:
                stream = await node_stream(
                    call_node(agent, "llm_node", context, run.tools, settings=settings)
                )
            if stream is not None:
                stack.register(stream)
                async for event in stream:
                    if isinstance(event, str | TextDelta | ToolCall):
                        self._c.model_calls.answered(run.call)
                    run.add(event)
        except asyncio.CancelledError:
            raise
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:
            # The reply asks again, or raises it where it had begun to read.
            error = raised
        finally:
            await stack.aclose()
        run.end(self._c.now(), error)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _shown(context: ChatContext) -> list[tuple[object, ...]]:
    """What an LLM can see of a context; of its last item, the user's turn, whatever its id."""
    items = [_seen(item) for item in context]
    if items and isinstance(context[-1], ChatMessage):
        last = context[-1]
        content = last.content
        items[-1] = (last.role, _plain(content) if isinstance(content, str) else tuple(content))
    return items


def _seen(item: ChatItem) -> tuple[object, ...]:
    if isinstance(item, ChatMessage):
        content = item.content
        return (item.id, content if isinstance(content, str) else tuple(content))
    if isinstance(item, FunctionCall):
        return (item.id, item.name, item.arguments)
    if isinstance(item, FunctionCallOutput):
        return (item.id, item.output)
    return (item.id,)
