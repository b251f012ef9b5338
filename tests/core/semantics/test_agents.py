"""What an agent is made of, and what its context holds."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentSession,
    ChatContext,
    ChatMessage,
    ModelSettings,
    Registry,
    function_tool,
)
from antiphon.hookspecs import hookimpl
from antiphon.provider import Env, Provider, Slot
from antiphon.testing import Call, Caller

from ..engine.following import instant, lines, now, talk

pytestmark = pytest.mark.virtual_time


class FrontDesk(Agent):
    """Has one tool of its own."""

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks up an invoice."""
        return f"{self.id} found {number}"


class IVRMenu2(Agent):
    """Named with an abbreviation and a digit."""


def test_the_id_is_the_name_of_the_class_in_snake_case() -> None:
    assert FrontDesk().id == "front_desk"
    assert IVRMenu2().id == "ivr_menu2"
    assert FrontDesk(id="reception").id == "reception"


def test_tools_are_those_given_then_the_methods_bound_to_the_agent() -> None:
    @function_tool
    async def greet() -> str:
        return "hello"

    one, two = FrontDesk(id="one", tools=[greet]), FrontDesk(id="two")
    assert [tool.name for tool in one.tools] == ["greet", "look_up"]
    assert [tool.name for tool in two.tools] == ["look_up"]


async def test_a_method_that_is_a_tool_is_called_on_its_own_agent() -> None:
    one, two = FrontDesk(id="one"), FrontDesk(id="two")
    replies = [Call("look_up", number=1), "There."] * 2
    async with talk(one, replies) as t:
        await t.hear("first")
        await t.session.update_agent(two)
        await t.hear("second")
        assert t.outputs == ["output look_up: one found 1", "output look_up: two found 1"]


def test_the_context_that_an_agent_is_given_is_copied() -> None:
    given = ChatContext.empty()
    given.add_message(role="user", content="I am Ann")
    agent = Agent(id="desk", instructions="Help.", chat_ctx=given)
    given.add_message(role="user", content="and this is later")
    assert lines(agent.chat_ctx) == ["system: Help.", "user: I am Ann"]
    assert lines(given) == ["user: I am Ann", "user: and this is later"]


async def test_the_context_of_the_session_is_that_of_the_active_agent() -> None:
    one, two = Agent(id="one", instructions="One."), Agent(id="two", instructions="Two.")
    async with talk(one, ["Yes."]) as t:
        await t.hear("hello")
        assert t.session.chat_ctx == one.chat_ctx
        await t.session.update_agent(two)
        assert t.session.chat_ctx == two.chat_ctx
        assert lines(t.session.chat_ctx) == ["system: Two.", "one -> two"]


async def test_instructions_changed_by_a_tool_hold_from_the_next_step_of_the_same_reply() -> None:
    class Learning(Agent):
        @function_tool
        async def learn(self) -> str:
            await self.update_instructions("Speak French.")
            await self.update_tools([greet])
            return "learned"

    @function_tool
    async def greet() -> str:
        return "hello"

    async with talk(Learning(instructions="Speak English."), [Call("learn"), "Oui."]) as t:
        await t.hear("learn")
        first, second = t.llm.requests
        assert lines(first.chat_ctx)[0] == "system: Speak English."
        assert lines(second.chat_ctx)[0] == "system: Speak French."
        assert (first.tool_names, second.tool_names) == (("learn",), ("greet", "learn"))


async def test_an_item_made_outside_gets_its_time_when_it_enters_the_session() -> None:
    message = ChatMessage(role="user", content="hello")
    assert message.created_at is None
    async with talk(Agent(id="desk"), ["Yes."]) as t:
        await t.session.generate_reply(user_input=message)
        (recorded,) = [item for item in t.session.history if item.id == message.id]
        assert recorded.created_at == now() == 0.0


class Keyed:
    """A provider that needs a key, and counts what is built of it."""

    def __init__(self, name: str, key: str) -> None:
        self.name, self.key = name, key
        self.built = 0

    @hookimpl
    def antiphon_provider(self) -> Provider:
        def build(ref: Any, settings: Any, env: Any) -> Any:
            self.built += 1
            return instant([f"{self.name} answers."])

        return Provider(
            name=self.name,
            seam=1,
            credentials=Env(self.key),
            llm=Slot(build, default="mind-1"),
        )


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ({"ACME_KEY": "a", "OTHER_KEY": "o"}, "acme answers."),
        ({"OTHER_KEY": "o"}, "other answers."),
    ],
)
async def test_a_list_in_a_slot_takes_the_first_that_can_be_used(
    keys: dict[str, str], answer: str
) -> None:
    registry = Registry([], keys)
    for name in ("acme", "other"):
        registry.add(Keyed(name, f"{name.upper()}_KEY"), name)
    session = AgentSession[None](llm=["acme/mind-1", "other/mind-1"], registry=registry)
    await session.start(agent=Agent(id="desk"), transport=Caller(audio=False))
    await session.generate_reply(user_input="hello")
    assert lines(session.history)[-1] == f"desk: {answer}"
    await session.aclose()


async def test_the_default_of_a_node_can_be_called_without_super() -> None:
    class Counting(Agent):
        words = 0

        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: ModelSettings) -> Any:
            async for event in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
                self.words += 1
                yield event

    counting = Counting()
    async with talk(counting, ["one two three"]) as t:
        await t.hear("count")
        assert t.history[-1] == "counting: one two three"
        assert counting.words > 0


async def test_ids_of_items_made_outside_and_in_two_sessions_are_all_different() -> None:
    agent = Agent(id="desk")
    made = [ChatMessage(role="user", content="hello") for _ in range(9)]
    async with talk(agent, ["Yes."]) as t:
        await t.session.generate_reply(user_input=made[0])
        await agent.update_chat_ctx(ChatContext([*agent.chat_ctx.items, *made[1:]]))
    async with talk(agent, ["Yes again."] * 2) as t:
        await t.hear("and now", "and again")
        ids = [item.id for item in agent.chat_ctx]
        assert len(ids) == 9 + 2 + 5 and len(set(ids)) == len(ids)
