"""Running the tools that an LLM step calls, and what follows from their results."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..chat import ChatMessage, FunctionCall, FunctionCallOutput
from ..errors import StopResponse, ToolError, did_you_mean
from ..events import FunctionToolsExecuted, ToolEnded
from ..llm import ToolCall
from ..run_context import RunContext
from ..scopes import Scope, current_scope
from ..timeline import ToolTime
from ..tools import FunctionTool, Tool
from .cancelling import with_cancel
from .outcomes import describe_images, picture_message, read_outcome
from .stand_ins import StandIns, entered
from .steps import Call, Outcome, Step, Verdict
from .threads import in_thread
from .tool_run import Run

if TYPE_CHECKING:
    from .conversation import Conversation

INTERNAL = "an internal error occurred"
"""All that an LLM learns of an unexpected exception."""
STILL_RUNNING = "still running"
"""The output that an LLM is shown for a call that has none yet; never stored."""

log = logging.getLogger("antiphon.tools")


class ToolCalls:
    """Starts tools as soon as their call is complete, and concludes their steps."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.running: dict[str, Call] = {}
        """Calls without a recorded output, by the id of their item."""
        self.stand_ins = StandIns()
        self._confirming: set[str] = set()
        """Tools of which a second call at once has been questioned."""

    def offered(self, agent: Agent) -> dict[str, Tool]:
        """What an LLM may call in the next step."""
        tools = self._c.tools_of(agent)
        return with_cancel(tools, self.running.values(), agent) if self.running else tools

    # Starting

    def begin(self, step: Step, event: ToolCall) -> None:
        """An LLM has completed a call: record it and run it."""
        item = FunctionCall(
            id=self._c.recorder.item_id(),
            call_id=event.call_id,
            name=event.name,
            arguments=event.arguments or "{}",
            step_id=step.id,
            provider_data=event.provider_data,
        )
        call = Call(step, item)
        step.calls.append(call)
        tool = step.tools.get(event.name)
        problem: Outcome | None = None
        kwargs: dict[str, Any] = {}
        if tool is None:
            names = ", ".join(step.tools) or "none"
            problem = Outcome(
                f"there is no tool {event.name!r} (available: {names})"
                + did_you_mean(event.name, step.tools),
                is_error=True,
            )
        elif step.tools_off:
            problem = Outcome("tools are off for this reply; answer in words", is_error=True)
        else:
            assert isinstance(tool, FunctionTool)
            try:
                validated = tool.validate(event.arguments)
            except ToolError as error:
                problem = Outcome(error.message, is_error=True)
            else:
                item.arguments = validated.normalised_json
                kwargs = validated.kwargs
                problem = self._duplicate(tool, step)
        self._show_words(step)
        self._c.recorder.add(item, step.agent._chat_ctx)
        step.handle.chat_items.append(item)
        self.running[item.id] = call
        if problem is not None or tool is None:
            self._finished(call, problem or Outcome("", is_error=True))
            return
        assert isinstance(tool, FunctionTool)
        if entered:
            tool = self.stand_ins.instead_of(tool, step.agent, step.tools)
        call.tool = tool
        call.cancel_on_interruption = tool.cancel_on_interruption
        call.scope = Scope("tool", step.agent, name=tool.name, handle=step.handle)
        call.task = self._c.tasks.start(self._run(call, tool, kwargs), f"tool {tool.name}")
        call.task.add_done_callback(lambda task: self._ended(call, task))

    def _ended(self, call: Call, task: asyncio.Task[Any]) -> None:
        # One that is cancelled before its first step never comes to say so itself.
        if call.outcome is None and task.cancelled():
            self._c.post(self._finished, call, _cancelled())

    def _duplicate(self, tool: FunctionTool[Any, Any], step: Step) -> Outcome | None:
        """What stands against a call while another of the same tool runs, by its `on_duplicate`."""
        others = [
            call
            for call in self.running.values()
            if call.item.name == tool.name
            and call.step.agent is step.agent
            and call.task is not None
            if call.outcome is None
        ]
        if not others:
            self._confirming.discard(tool.name)
            return None
        if tool.on_duplicate == "reject":
            return Outcome(
                f"a call of {tool.name!r} still runs; wait for its result", is_error=True
            )
        if tool.on_duplicate == "confirm" and tool.name not in self._confirming:
            self._confirming.add(tool.name)
            return Outcome(
                f"a call of {tool.name!r} still runs; call it again to run another beside it",
                is_error=True,
            )
        if tool.on_duplicate == "replace":
            for call in others:
                assert call.task is not None
                call.task.cancel()
        return None

    def _show_words(self, step: Step) -> None:
        # Read in a tool, the context already holds the step in progress.
        segment = step.segment
        text = segment.ledger.generated
        if segment.early is not None or not text.strip():
            return
        if segment.place is None:
            segment.place = self._c.recorder.keep_place(step.agent)
        segment.early = ChatMessage(
            id=self._c.recorder.item_id(),
            role="assistant",
            content=text,
            agent_id=step.agent.id,
            step_id=step.id,
            created_at=self._c.now(),
        )
        self._c.recorder.show_early(segment.early, segment.place, step.agent)

    async def _run(self, call: Call, tool: FunctionTool[Any, Any], kwargs: dict[str, Any]) -> None:
        step, scope = call.step, call.scope
        assert scope is not None
        current_scope.set(scope)
        time = ToolTime(
            tool.name,
            self._c.now(),
            call_id=call.item.call_id,
            agent_id=step.agent.id,
            speech_id=step.handle.id,
            turn=None if step.timeline is None else step.timeline.turn,
            is_error=True,
        )
        if step.timeline is not None:
            step.timeline.tools.append(time)
        try:
            outcome = await self._outcome(call, tool, kwargs)
            time.is_error = outcome.is_error
        except asyncio.CancelledError as error:
            assert call.task is not None
            if not call.task.cancelling():  # the tool itself, or what it awaited, was at fault
                outcome = self._unexpected(tool, error)
            else:
                self._c.post(self._finished, call, _cancelled())
                raise
        finally:
            scope.is_open = False
            time.ended = self._c.now()
            self._c.notify(ToolEnded(tool=time, at=time.ended))
        self._c.post(self._finished, call, outcome)

    async def _outcome(
        self, call: Call, tool: FunctionTool[Any, Any], kwargs: dict[str, Any]
    ) -> Outcome:
        context: RunContext[Any] | None = None
        if tool.wants_context:
            context = RunContext(
                session=self._c.session,
                speech_handle=call.step.handle,
                function_call=call.item,
                run=Run(self._c, call),
            )
        timeout = self._c.limits.tool_timeout(call.step.agent, tool)
        try:
            async with asyncio.timeout(timeout) as limit:
                if tool.is_async:
                    value = await tool.call(kwargs, context)
                else:
                    value = await in_thread(
                        lambda: tool.call_sync(kwargs, context), f"antiphon tool {tool.name}"
                    )
            return read_outcome(value, tool.name)
        except StopResponse:
            return Outcome("", wants_reply=False)
        except ToolError as error:
            return Outcome(error.message, is_error=True)
        except TimeoutError as error:
            if timeout is None or not limit.expired():
                return self._unexpected(tool, error)
            return Outcome(f"the tool gave no result within {timeout:g} s", is_error=True)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # e.g. `pytest.fail`: the call must get its output
            return self._unexpected(tool, error)

    def _unexpected(self, tool: FunctionTool[Any, Any], error: BaseException) -> Outcome:
        log.error("the tool %r (%s) failed", tool.name, tool.where, exc_info=error)
        self._c.post(self._c.report_error, error, "tool", True, tool.name)
        return Outcome(INTERNAL, is_error=True)

    # Ending

    def _finished(self, call: Call, outcome: Outcome) -> None:
        if call.outcome is None:
            if outcome.images:
                llm = self._c.slots.get(call.step.agent, "llm")
                describe_images(outcome, seen=llm is not None and llm.capabilities.images)
            outcome.output = self._c.limits.cut(outcome.output)
            call.outcome = outcome
        self.check(call.step)

    def check(self, step: Step) -> None:
        """Goes on with a step whose calls have all ended."""
        if not step.complete or step.concluded:
            return
        if not step.detached:
            if step.waiter is not None and not step.waiter.done():
                step.waiter.set_result(None)
            return
        if not step.calls:
            step.concluded = True
            return
        verdict = self.conclude(step)
        self._c.foreground.after(
            step.calls[0], self._late, step, verdict, self._c.replying.requests
        )

    def _late(self, step: Step, verdict: Verdict, requests: int) -> None:
        if verdict.handoff is None and requests != self._c.replying.requests:
            return  # while another tool had the foreground, the LLM was asked, and has seen it
        self._c.replying.late_result(step, verdict)

    def conclude(self, step: Step) -> Verdict:
        """Decides what follows, tells the listeners, and records the outputs.

        Runs in the reply's own task, or as a command for a step that was left behind.
        """
        step.concluded = True
        winner: Call | None = None
        for call in step.calls:
            outcome = call.outcome
            assert outcome is not None
            if outcome.handoff is None:
                continue
            if winner is not None:
                assert winner.outcome is not None and winner.outcome.handoff is not None
                first = winner.outcome.handoff.agent.id
                self._refuse(
                    call, f"the call {winner.item.name!r} has handed over to {first!r} already"
                )
                continue
            problem = self._c.switching.refusal(outcome.handoff.agent)
            if step.detached and not self._c.switching.stays(step.agent):
                problem = f"agent {step.agent.id!r} has been left; it hands over no more"
            if problem is not None:
                self._refuse(call, problem)
            else:
                winner = call
        outputs = [
            FunctionCallOutput(
                id=self._c.recorder.item_id(),
                call_id=call.item.call_id,
                name=call.item.name,
                output=call.outcome.output,
                is_error=call.outcome.is_error,
            )
            for call in step.calls
            if call.outcome is not None
        ]
        wants_reply = any(
            call.outcome is not None and call.outcome.wants_reply for call in step.calls
        )
        event = FunctionToolsExecuted(
            at=self._c.now(),
            function_calls=[call.item for call in step.calls],
            function_call_outputs=outputs,
            has_tool_reply=wants_reply,
            has_agent_handoff=winner is not None,
        )
        self._c.decide(event)
        if winner is not None and (not event.has_agent_handoff or self._c.closing_begun):
            output = outputs[step.calls.index(winner)]
            output.output, output.is_error = "the hand-off was cancelled", True
            winner = None
            event.has_tool_reply = True
        self._c.post(self._record, step, outputs)
        handoff = None
        if winner is not None and winner.outcome is not None:
            handoff = winner.outcome.handoff
        silence = (
            "a listener cancelled the reply" if wants_reply else "the tools gave nothing to say"
        )
        return Verdict(event.has_tool_reply, handoff, silence)

    @staticmethod
    def _refuse(call: Call, why: str) -> None:
        call.outcome = Outcome(why, is_error=True)

    def _record(self, step: Step, outputs: list[FunctionCallOutput]) -> None:
        shown: list[ChatMessage] = []
        after_task = any(call.scope is not None and call.scope.led_task for call in step.calls)
        for call, output in zip(step.calls, outputs, strict=True):
            if self.running.pop(call.item.id, None) is None:
                continue
            self._c.recorder.output(output, step.agent, *call.shown_to, last=after_task)
            step.handle.chat_items.append(output)
            if call.outcome is not None and call.outcome.images:
                id = self._c.recorder.item_id()
                shown.append(picture_message(call, call.outcome.images, id))
        for message in shown:  # an output stands right behind its call
            self._c.recorder.add(message, step.agent._chat_ctx)
            step.handle.chat_items.append(message)

    def detach(self, step: Step) -> None:
        """An interruption: the tools run on without the reply, those marked so are cancelled."""
        step.detached = True
        step.llm_done = True
        for call in step.calls:
            if call.cancel_on_interruption and call.task is not None:
                call.task.cancel()
        self.check(step)

    def leave(self, agent: Agent) -> None:
        """The agent is left: tools of its that still run may finish, and speak no more."""
        for call in self.running.values():
            if call.scope is not None and call.scope.agent is agent:
                call.scope.is_open = False
                call.scope.left = True

    def handed(self, agent: Agent) -> None:
        """An agent was given a context: calls in it that still run will have their output there."""
        for call in self.running.values():
            known = agent is call.step.agent or agent in call.shown_to
            if not known and agent._chat_ctx.get_by_id(call.item.id) is not None:
                call.shown_to.append(agent)

    def abandon(self, why: str) -> list[asyncio.Task[Any]]:
        """The session closes: every call still without an output gets one. Returns the tasks of
        tools, which have been cancelled."""
        tasks: list[asyncio.Task[Any]] = []
        for call in list(self.running.values()):
            self.running.pop(call.item.id)
            call.step.concluded = True
            outcome = call.outcome
            if outcome is None or outcome.handoff is not None:
                outcome = Outcome(why, is_error=True)
            output = FunctionCallOutput(
                id=self._c.recorder.item_id(),
                call_id=call.item.call_id,
                name=call.item.name,
                output=outcome.output,
                is_error=outcome.is_error,
            )
            self._c.recorder.output(output, call.step.agent, *call.shown_to)
            if call.task is not None and not call.task.done():
                call.task.cancel()
                tasks.append(call.task)
        return tasks


def _cancelled() -> Outcome:
    return Outcome("the tool was cancelled before it ended", is_error=True, wants_reply=False)
