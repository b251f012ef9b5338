"""Replying: LLM steps with tools between them, for one reply after another."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..chat import ChatContext, ProviderNote
from ..events import ReplySkipped
from ..llm import Finish, LLMEvent, ProviderData, Reasoning, TextDelta, ToolCall, ToolChoice
from ..nodes import ModelSettings
from ..speech import SpeechHandle
from ..streams import Usage
from ..tools import Tool, ToolFlag, collect_tools
from .nodes import StreamStack, call_node, is_default, node_stream, stream_stack
from .reply import Reply
from .segment import Segment
from .shown_context import shown_context
from .steps import Step, Verdict
from .turn_hook import TurnHook, has_hook, is_cancelled

if TYPE_CHECKING:
    from ..timeline import Timeline
    from .conversation import Conversation


class Replying:
    """The replies for which an LLM or tools are at work, or about to be."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.turn_hook = TurnHook(conversation)
        self.active: dict[SpeechHandle, Reply] = {}
        self.requests = 0
        """LLM requests made so far."""

    @property
    def idle(self) -> bool:
        """Nobody thinks."""
        return not self.active or all(
            self._c.switching.paused(reply.agent) for reply in self.active.values()
        )

    @property
    def thinking(self) -> bool:
        """An LLM or a tool is at work on a reply (not merely queued behind other speech)."""
        return bool(self.active) and any(
            reply.task is not None
            and not self._c.switching.paused(reply.agent)
            and (reply.step is None or not reply.step.llm_done or bool(reply.step.calls))
            for reply in self.active.values()
        )

    # Beginning

    @staticmethod
    def new(
        handle: SpeechHandle,
        *,
        instructions: str | None,
        tool_choice: ToolChoice,
        tools: list[Any] | None,
        overrides: dict[str, Any],
        entering: bool,
    ) -> Reply:
        """A reply that user code asks for, still without an agent."""
        return Reply(
            handle=handle,
            agent=None,
            instructions=instructions,
            tool_choice=tool_choice,
            tools=tools,
            overrides=overrides,
            entering=entering,
        )

    def begin(self, reply: Reply, agent: Agent) -> None:
        """Takes a reply for the active agent: runs the hook if there is one, else queues its
        words."""
        reply.agent = agent
        reply.handle._agent = agent
        self.active[reply.handle] = reply
        if reply.timeline is None and reply.unless_asked_since is None:
            reply.timeline = self._c.entering.answered_by(reply.handle, agent)
        if reply.message is not None and has_hook(agent):
            reply.task = self._c.tasks.start(self._run(reply, hook=True), "reply")
            return
        self._queue_first(reply, lambda: self._start(reply))

    def _queue_first(self, reply: Reply, on_granted: Any) -> None:
        assert reply.agent is not None
        if reply.handle not in self.active:  # its own hook has interrupted it
            return
        reply.segment = self._c.segments.new(
            reply.handle, reply.agent, on_granted=on_granted, timeline=reply.timeline
        )
        self._c.speaking.enqueue(reply.segment)

    def _start(self, reply: Reply) -> None:
        if reply.unless_asked_since is not None and reply.unless_asked_since != self.requests:
            self._drop(reply)
            return
        assert reply.agent is not None
        if reply.timeline is None:
            reply.timeline = self._c.entering.answered_by(reply.handle, reply.agent)
        reply.task = self._c.tasks.start(self._run(reply), "reply")

    def _drop(self, reply: Reply) -> None:
        self.active.pop(reply.handle, None)
        self._c.speculating.left(reply)
        if reply.segment is not None:
            self._c.speaking.cut(reply.segment)

    # The reply's own task

    async def _run(self, reply: Reply, *, hook: bool = False) -> None:
        agent = reply.agent
        assert agent is not None
        try:
            if hook:
                if not await self.turn_hook.run(reply, agent):
                    self._c.post(self._ended, reply, None)
                    return
                if self._c.user_turns.without_llm(agent):
                    self._c.post(self._c.user_turns.skip_without_llm, None, agent)
                    self._c.post(self._ended, reply, None)
                    return
                granted = asyncio.get_running_loop().create_future()
                self._c.post(self._queue_first, reply, lambda: _set(granted))
                await granted
            await self._steps(reply, agent)
        except asyncio.CancelledError as error:
            if is_cancelled():
                raise
            self._c.post(self._failed, reply, error)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # e.g. `pytest.fail` in a node: the session must go on
            self._c.post(self._failed, reply, error)
        else:
            self._c.post(self._ended, reply, None)

    async def _steps(self, reply: Reply, agent: Agent) -> None:
        max_steps = self._c.limits.max_tool_steps(agent)
        choice = reply.tool_choice if max_steps else "none"
        rounds = 0
        while True:
            step = self._open_step(reply, agent, choice)
            await self._ask(reply, step, choice)
            self._c.failures.forget("llm")
            if not step.calls:
                if not step.segment.ledger.generated.strip():
                    self._skip("the model said nothing")
                return
            if not step.complete:
                step.waiter = asyncio.get_running_loop().create_future()
                await step.waiter
            verdict = self._c.tool_calls.conclude(step)
            if reply.handle not in self.active:  # a listener has interrupted it
                return
            if verdict.handoff is not None:
                self._c.post(self._c.switching.from_step, verdict.handoff, step)
            if reply.gives_way:
                return
            leaving = verdict.handoff is not None or self._c.task_frames.leaving(agent)
            if not verdict.wants_reply:
                if not leaving and not step.segment.ledger.generated.strip():
                    self._skip(verdict.silence)
                return
            if rounds >= max_steps:
                if not step.segment.ledger.generated.strip():
                    self._skip("the model calls tools that are off")
                return
            rounds += 1
            if leaving or rounds >= max_steps:
                choice = "none"
            elif choice != "none":
                choice = "auto"

    def _open_step(self, reply: Reply, agent: Agent, choice: ToolChoice) -> Step:
        segment = reply.segment
        reply.segment = None
        id = self._c.ids.new("step")
        if segment is None:
            self._c.post(self._c.entering.answered_by_step)
            segment = self._c.segments.new(reply.handle, agent, timeline=reply.timeline)
            self._c.post(self._c.speaking.enqueue, segment)
        segment.step_id = id
        if reply.tools is not None:
            tools = collect_tools(reply.tools)
        else:
            tools = self._c.tool_calls.offered(agent)
        if reply.entering:
            tools = {
                name: tool
                for name, tool in tools.items()
                if ToolFlag.IGNORE_ON_ENTER not in tool.flags
            }
        step = Step(
            id,
            handle=reply.handle,
            agent=agent,
            segment=segment,
            tools=tools,
            tools_off=choice == "none",
            timeline=reply.timeline,
        )
        reply.step = step
        return step

    async def _ask(self, reply: Reply, step: Step, choice: ToolChoice) -> None:
        stack = StreamStack()
        stream_stack.set(stack)
        error: BaseException | None = None
        try:
            await self._c.speaking.settled()
            context = shown_context(self._c, reply, step)
            tools = [] if choice == "none" else list(step.tools.values())
            self.requests += 1
            stream: Any = self._c.speculating.adopt(reply, step, context, tools)
            if stream is None:
                stream = await self._request(reply, step, context, tools, choice)
                if stream is None:
                    return
            stack.register(stream)
            async for event in stream:
                self._on_event(reply, step, event)
        except BaseException as raised:
            error = raised
            raise
        finally:
            if step.model_call is not None:
                self._c.post(self._c.model_calls.end, step.model_call, error)
            await stack.aclose()
            self._c.post(self._llm_ended, step)

    async def _request(
        self, reply: Reply, step: Step, context: ChatContext, tools: list[Tool], choice: ToolChoice
    ) -> Any:
        """Asks the LLM; its stream, or None from a node that wants to say nothing."""
        agent, timeline = step.agent, reply.timeline
        if timeline is not None and timeline.llm_request is None:
            timeline.llm_request = self._c.now()
        step.model_call = self._c.model_calls.begin(
            "llm", agent, speech_id=reply.handle.id, timeline=timeline
        )
        settings = ModelSettings(tool_choice=choice if tools else "none", overrides=reply.overrides)
        if is_default(agent, "llm_node"):
            return self._c.runtime.llm_stream(agent, context, tools, settings)
        return await node_stream(
            call_node(agent, "llm_node", context.copy(), tools, settings=settings)
        )

    def _on_event(self, reply: Reply, step: Step, event: str | LLMEvent) -> None:
        segment, timeline = step.segment, reply.timeline
        if type(event) is TextDelta:
            event = event.text
        if isinstance(event, str):
            if not event:
                return
            self._answered(step, timeline)
            self._c.segments.add_words(segment, event)
        elif isinstance(event, ToolCall):
            self._answered(step, timeline)
            segment.flush()
            self._c.post(self._c.tool_calls.begin, step, event)
        elif isinstance(event, Usage):
            assert step.model_call is not None
            self._c.model_calls.used(step.model_call, event)
        elif isinstance(event, ProviderData):
            note = ProviderNote(
                id=self._c.recorder.item_id(),
                provider=self._c.slots.provider(step.agent, "llm"),
                data=event.data,
                step_id=step.id,
                created_at=self._c.now(),
            )
            step.agent._chat_ctx.append(note)
        elif not isinstance(event, Finish | Reasoning):
            self._c.unknown_event("llm", event)

    def _answered(self, step: Step, timeline: Timeline | None) -> None:
        if step.model_call is not None:
            self._c.model_calls.answered(step.model_call)
        if timeline is not None and timeline.llm_first_token is None:
            timeline.llm_first_token = self._c.now()

    def _llm_ended(self, step: Step) -> None:
        step.llm_done = True
        self._c.segments.end_words(step.segment)
        self._c.tool_calls.check(step)

    # Ending

    def _skip(self, reason: str) -> None:
        self._c.notify(ReplySkipped(reason=reason, at=self._c.now()))

    def _ended(self, reply: Reply, error: BaseException | None) -> None:
        self.active.pop(reply.handle, None)
        self._c.speculating.left(reply)
        if reply.segment is not None:
            self._c.speaking.cut(reply.segment)
        if error is not None:
            reply.handle._error_occurred(error)
        self._c.segments.check_done(reply.handle)

    def _failed(self, reply: Reply, error: BaseException) -> None:
        self._c.log.debug("a reply of %s failed", reply.agent, exc_info=error)
        self._c.report_error(error, "llm", False)
        if reply.step is not None and not reply.step.concluded:
            self._c.tool_calls.detach(reply.step)
        self._ended(reply, error)

    def stop_text(self, segment: Segment) -> None:
        """The TTS has failed for good: the LLM need not go on with that segment."""
        for reply in list(self.active.values()):
            if reply.step is not None and reply.step.segment is segment and not reply.step.calls:
                if reply.task is not None:
                    self._c.tasks.cancel(reply.task)
                self._ended(reply, None)

    def interrupt(self, reply: Reply) -> None:
        """Stops a reply's thinking; its tools run on, detached."""
        self.active.pop(reply.handle, None)
        self._c.speculating.left(reply)
        reply.handle._mark_interrupted()
        if reply.task is not None:
            self._c.tasks.cancel(reply.task)
        if reply.step is not None and not reply.step.concluded:
            self._c.tool_calls.detach(reply.step)

    def late_result(self, step: Step, verdict: Verdict) -> None:
        """The tools of an interrupted step have ended."""
        if self._c.switching.paused(step.agent):
            level = self._c.switching.level_of(step.agent)
            assert level is not None
            level.resumed.append((self.late_result, (step, verdict)))
            return
        if step.agent is not self._c.agent or self._c.closing_begun:
            return
        if verdict.wants_reply:
            self._c.requests.reply_late(self.requests, last=verdict.handoff is not None)
        if verdict.handoff is not None:
            self._c.switching.late(verdict.handoff, step)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
