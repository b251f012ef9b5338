"""What the LLM of a stage writes, and what its tools do and give."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from antiphon import RunContext, StopResponse, ToolError, function_tool
from antiphon.chat import ChatContext, ChatMessage
from antiphon.handoffs import handoff
from antiphon.testing import CUT, Call, Pause

from .plan import Answer, Ask, Move, Say, Stop, Work
from .providers import provider_error
from .record import Request

if TYPE_CHECKING:
    from .stage import Stage


class Script:
    """Makes an answer of each planned one, and a result of each planned work."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._works: list[Work] = []

    def answer(self, context: ChatContext, tools: Any) -> Any:
        """The next planned answer."""
        number = len(self._stage.record.requests)
        first = context.items[0] if len(context) else None
        agent = first.text_content if isinstance(first, ChatMessage) else "?"
        self._stage.record.requests.append(Request(self._stage.now, agent, list(context)))
        answers = self._stage.plan.answers
        answer = answers[number] if number < len(answers) else Answer()
        pieces: list[Any] = self._text(answer.words)
        if tools:
            pieces += [self._call(work) for work in answer.work]
        if any(tool.name == "finish" for tool in tools) and not answer.work:
            pieces.append(Call("finish"))
        pieces += self._text(answer.tail)
        if answer.fault is not None:
            faults = {"cut": CUT, "stall": Pause(math.inf)}
            fault: Any = faults.get(answer.fault) or provider_error(answer.fault)
            pieces = [*pieces[: answer.after], fault]
        if answer.slow:
            pieces.insert(0, Pause(answer.slow))
        return pieces

    def _text(self, count: int) -> list[Any]:
        words = self._stage.words("a", count)
        self._stage.record.requests[-1].answer.extend(words)
        return [f"{word}{'.' if n == count else ''} " for n, word in enumerate(words, 1)]

    def _call(self, work: Work) -> Call:
        self._works.append(work)
        number = len(self._works) - 1
        if work.kind == "unknown":
            return Call("nothing_like_it", number=number)
        if work.kind == "garbled":
            return Call.raw("plain", '{"number": [}')
        return Call(work.kind, number=number)

    def tools(self) -> list[Any]:
        """Every agent's tools: they differ by what an interruption, or another call, does."""

        async def work(number: int, ctx: RunContext) -> Any:
            """Works."""
            self._stage.record.ran.append(number)
            return await self._work(self._works[number])

        def sync(number: int) -> Any:
            """Works in a thread."""
            self._stage.record.ran.append(number)
            todo = self._works[number]
            for deed in todo.deeds:
                if isinstance(deed, Say | Ask | Move | Stop):
                    self._stage.doer.act_safely(deed)
            return self._give(todo)

        return [
            function_tool(work, name="plain"),
            function_tool(work, name="fragile", cancel_on_interruption=True),
            function_tool(work, name="single", on_duplicate="reject"),
            function_tool(work, name="replaced", on_duplicate="replace"),
            function_tool(work, name="limited", timeout=1.0),
            function_tool(sync, name="sync"),
        ]

    async def _work(self, work: Work) -> Any:
        await self._stage.doer.do(work.deeds)
        if work.gives == "never":
            await asyncio.get_running_loop().create_future()
        return self._give(work)

    def _give(self, work: Work) -> Any:
        gives = work.gives
        if gives == "tool error":
            raise ToolError("it cannot be done")
        if gives == "stop":
            raise StopResponse
        if gives == "raises":
            raise ValueError("the tool broke")
        if gives in ("nothing", "never"):
            return None
        if gives == "falsy":
            return 0
        if gives == "text" or not self._stage.doer.may_move():
            return "done"
        to = self._stage.people[work.to % len(self._stage.people)]
        if gives == "agent":
            return to
        if gives == "agent and text":
            return to, "moving"
        if gives == "two agents":
            return self._stage.people[0], self._stage.people[1]
        if gives == "function":
            return handoff(to, context=lambda old: old.copy(exclude_function_call=True))
        if gives == "broken function":
            return handoff(to, context=lambda old: old.items[10**6])  # type: ignore[arg-type,return-value]
        return handoff(to, context=gives)
