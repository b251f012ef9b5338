"""What a type checker makes of the public names: read by mypy, never run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_type

from antiphon import (
    Agent,
    AgentSession,
    ChatContext,
    ConfirmTask,
    GetEmailTask,
    Model,
    RunContext,
    SpeechHandle,
    TaskGroup,
    TaskGroupResult,
    build_llm,
    build_tts,
    function_tool,
    handoff,
)
from antiphon.events import ConversationItemAdded
from antiphon.llm import LLM
from antiphon.streams import Usage
from antiphon.testing import (
    AgentHandoffAssert,
    ChatMessageAssert,
    EventAssert,
    RunResult,
    mock_tools,
)
from antiphon.tts import TTS


@dataclass
class MyInfo:
    name: str = ""


class Billing(Agent):
    async def on_enter(self) -> None:
        assert_type(await self.session.generate_reply(), SpeechHandle)


class FrontDesk(Agent):
    @function_tool
    async def note(self, context: RunContext[MyInfo], name: str) -> Agent | None:
        """Notes a name."""
        assert_type(context.userdata, MyInfo)
        context.userdata.name = name
        return Billing(chat_ctx=self.chat_ctx)

    @function_tool()
    async def bill(self) -> tuple[Agent, str]:
        """Hands over."""
        return Billing(), "Over to billing."


async def talk() -> None:
    session = AgentSession[MyInfo](userdata=MyInfo(), llm=Model("acme/model", temperature=0.1))
    await session.start(agent=FrontDesk())
    assert_type(session.userdata, MyInfo)
    assert_type(session.say("hello"), SpeechHandle)
    assert_type(session.current_agent, Agent)
    assert_type(session.history, ChatContext)
    assert_type(session.llm, LLM | None)
    assert_type(session.usage, dict[str, Usage])
    await session.update_agent(Billing())

    @session.on("conversation_item_added")
    def added(event: ConversationItemAdded) -> None:
        print(event.item)

    async with build_llm("acme/model") as llm:
        assert_type(llm, LLM)
        assert_type(await llm.complete("hello"), str)
    assert_type(build_tts("acme/mouth:anna"), TTS)


@function_tool
async def plain(numbers: Sequence[int]) -> str:
    """Adds up."""
    handoff(Billing(), returns="there", context="last:6")
    return str(sum(numbers))


async def called() -> None:
    assert_type(await plain([1, 2]), str)


async def a_test(session: AgentSession[MyInfo]) -> None:
    assert_type(await session.run(user_input="hello", output_type=MyInfo), RunResult[MyInfo])
    result = await session.run(user_input="hello", output_type=MyInfo)
    assert_type(result.final_output, MyInfo)
    plain = await session.run("hello")
    assert_type(plain.expect.next_event(), EventAssert)
    message = plain.expect.next_event(type="message")
    assert_type(await message.judge("acme/model", intent="greets"), ChatMessageAssert)
    assert_type(plain.expect[0], EventAssert)
    assert_type(plain.expect[0:2].contains_message(role="assistant"), ChatMessageAssert)
    handoff = plain.expect[1].is_agent_handoff(new_agent_type=Billing)
    assert_type(handoff, AgentHandoffAssert)
    assert_type(handoff.event().new_agent, Agent)
    with mock_tools(Billing, {"note": lambda name: f"{name}!"}):
        pass


async def tasks() -> None:
    group = TaskGroup(return_exceptions=True)
    group.add(GetEmailTask, id="email", description="asks for the e-mail address").add(
        lambda: ConfirmTask("May we call back?"), id="call", description="asks for consent"
    )
    assert_type(await group, TaskGroupResult)
    assert_type((await GetEmailTask(require_confirmation=False)).email_address, str)
    assert_type(await ConfirmTask("May we call back?"), bool)
