"""A talk with a rules LLM through chat contexts alone, as the engine would have it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from antiphon.chat import AgentHandoff, ChatContext, FunctionCall, FunctionCallOutput
from antiphon.llm import Finish, LLMEvent, TextDelta, ToolCall
from antiphon.streams import Usage
from antiphon.tools import Tool, function_tool
from antiphon_providers.rules import RulesLLM

HERE = Path(__file__).parent


@function_tool
async def record_name(name: str) -> None:
    """Records the caller's name."""


@function_tool
async def record_age(age: int) -> None:
    """Records the caller's age."""


@function_tool
async def to_billing() -> None:
    """Transfers the caller to billing."""


@function_tool
async def look_up_invoice(number: str) -> None:
    """Looks an invoice up by its number.

    Args:
        number: The number of the invoice.
    """


@function_tool
async def back_to_customer_service() -> None:
    """Transfers the caller back to customer service."""


TOOLS: dict[str, tuple[Tool, ...]] = {
    "intake": (record_name, record_age),
    "customer_service": (to_billing,),
    "billing": (look_up_invoice, back_to_customer_service),
}


class Talk:
    """One agent's conversation. `calls` and `said` are what the last step gave."""

    def __init__(self, llm: RulesLLM, tools: Sequence[Tool] = ()) -> None:
        self.llm = llm
        self.tools = tools
        self.ctx = ChatContext()
        self.said = ""
        self.calls: list[tuple[str, Any]] = []
        self.pieces: list[str] = []

    def enter(self, old: str | None = None, new: str = "agent") -> Talk:
        self.ctx.append(AgentHandoff(old_agent_id=old, new_agent_id=new))
        return self

    def step(self, *, record: bool = True, instructions: str | None = None, **given: Any) -> str:
        """One LLM step; its text and calls go into the context, as if heard in full."""
        shown = self.ctx
        if instructions is not None:
            shown = self.ctx.copy()
            shown.add_message(role="system", content=instructions)
        given.setdefault("tools", self.tools)
        events = asyncio.run(_events(self.llm, shown, given))
        self.pieces = [event.text for event in events if isinstance(event, TextDelta)]
        self.said = "".join(self.pieces)
        calls = [event for event in events if isinstance(event, ToolCall)]
        self.calls = [(call.name, json.loads(call.arguments)) for call in calls]
        assert self.said or calls, "a step without a word or a call"
        assert events[-2:] == [
            Usage(requests=1),
            Finish("tool_calls" if calls else "stop"),
        ]
        self.pending = calls
        if record:
            if self.said:
                self.ctx.add_message(role="assistant", content=self.said)
            for call in calls:
                self.ctx.append(
                    FunctionCall(call_id=call.call_id, name=call.name, arguments=call.arguments)
                )
        return self.said

    def user(self, text: str, **given: Any) -> str:
        self.ctx.add_message(role="user", content=text)
        return self.step(**given)

    def outputs(self, *outputs: str, is_error: bool = False) -> Talk:
        """Gives the calls of the last step their outputs."""
        for call, output in zip(self.pending, outputs, strict=True):
            self.ctx.append(
                FunctionCallOutput(
                    call_id=call.call_id, name=call.name, output=output, is_error=is_error
                )
            )
        return self


async def _events(llm: RulesLLM, ctx: ChatContext, given: dict[str, Any]) -> list[LLMEvent]:
    async with llm:
        return [event async for event in llm.chat(ctx, **given)]


@pytest.fixture
def call_centre() -> Any:
    """`call_centre("billing")`: a talk with that agent of call_centre.toml, which has entered."""

    def start(section: str, old: str | None = None) -> Talk:
        llm = RulesLLM(HERE / "call_centre.toml", section=section)
        return Talk(llm, TOOLS[section]).enter(old, section)

    return start


@pytest.fixture
def talk() -> Any:
    """`talk(dialogue, tools)`: a talk with any dialogue."""

    def start(dialogue: Any = None, tools: Sequence[Tool] = (), **given: Any) -> Talk:
        return Talk(RulesLLM(dialogue, **given), tools)

    return start
