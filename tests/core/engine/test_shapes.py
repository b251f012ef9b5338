"""The shapes of agents and sessions that people bring along: each runs as it is written."""

from __future__ import annotations

from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from antiphon import (
    SEAM,
    Agent,
    AgentHandoff,
    AgentSession,
    ChatContext,
    ModelSettings,
    Registry,
    RunContext,
    function_tool,
    handoff,
)
from antiphon.hookspecs import hookimpl
from antiphon.provider import BuildEnv, Provider, Ref, Slot
from antiphon.testing import Call, Caller, ScriptedTTS

from .following import instant, lines, talk

pytestmark = pytest.mark.virtual_time


class Room:
    """What `ctx.room` is to a session: an object with a transport."""

    def __init__(self, transport: Caller) -> None:
        self.transport = transport


class Context:
    """What a session function is given."""

    def __init__(self) -> None:
        self.room = Room(Caller(audio=False))


# Beginning


class FrontDesk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are the front desk.")

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Greet the user.")


async def test_on_enter_awaits_a_reply_to_instructions() -> None:
    async with talk(FrontDesk(), ["Good morning."]) as t:
        await t.session.wait_for_idle()
        assert t.history == ["None -> front_desk", "front_desk: Good morning."]
        assert lines(t.llm.requests[0].chat_ctx) == [
            "system: You are the front desk.",
            "None -> front_desk",
            "system: Greet the user.",
        ]


async def test_an_agent_is_made_directly() -> None:
    agent = Agent(instructions="You are a helpful assistant.")
    async with talk(agent, ["Yes."]) as t:
        await t.hear("Are you there?")
        assert t.history == [f"None -> {agent.id}", "user: Are you there?", f"{agent.id}: Yes."]
        assert t.llm.requests[0].texts[0] == ("system", "You are a helpful assistant.")


async def test_agents_made_directly_have_ids_of_their_own() -> None:
    one, two = Agent(instructions="One."), Agent(instructions="Two.")
    assert one.id != two.id
    assert Agent(instructions="Three.", id="three").id == "three"


async def test_the_agent_is_given_to_the_session() -> None:
    session = AgentSession[None](agent=FrontDesk(), llm=instant(["Good morning."]))
    await session.start()
    await session.wait_for_idle()
    assert lines(session.history) == ["None -> front_desk", "front_desk: Good morning."]
    await session.aclose()


async def test_the_agent_is_given_to_start_with_a_room() -> None:
    ctx = Context()
    session = AgentSession[None](llm=instant(["Good morning.", "Yes."]))
    await session.start(agent=FrontDesk(), room=ctx.room)
    await session.wait_for_idle()
    ctx.room.transport.type("Hello?")
    await session.wait_for_idle()
    assert lines(session.history) == [
        "None -> front_desk",
        "front_desk: Good morning.",
        "user: Hello?",
        "front_desk: Yes.",
    ]
    await session.aclose()


async def test_the_agent_given_to_start_wins_over_the_sessions() -> None:
    session = AgentSession[None](agent=FrontDesk(), llm=instant([]))
    await session.start(agent=Agent(id="other"))
    assert session.current_agent.id == "other"
    await session.aclose()


async def test_a_session_without_slots_takes_them_from_its_agent() -> None:
    session = AgentSession[None]()
    await session.start(agent=Agent(id="own", llm=instant(["From my own model."])))
    await session.generate_reply()
    assert lines(session.history)[-1] == "own: From my own model."
    await session.aclose()


# Hand-offs


class Billing(Agent):
    def __init__(self, chat_ctx: ChatContext | None = None) -> None:
        super().__init__(instructions="You are billing.", chat_ctx=chat_ctx)

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Introduce yourself.")


async def test_update_agent_hands_over() -> None:
    async with talk(Agent(id="desk"), ["I am billing."]) as t:
        t.session.update_agent(Billing())
        await t.session.wait_for_idle()
        assert t.history == ["None -> desk", "desk -> billing", "billing: I am billing."]


async def test_a_tool_returns_an_agent_with_its_context_and_a_text() -> None:
    class Desk(Agent):
        @function_tool()
        async def transfer_to_billing(self) -> tuple[Agent, str]:
            """Transfer the user to billing."""
            return Billing(chat_ctx=self.chat_ctx), "Transferring to billing"

    replies = [Call("transfer_to_billing"), "I transfer you.", "You asked about a bill."]
    async with talk(Desk(instructions="You are the desk."), replies) as t:
        await t.hear("My bill is wrong.")
        assert t.history == [
            "None -> desk",
            "user: My bill is wrong.",
            "call transfer_to_billing{}",
            "output transfer_to_billing: Transferring to billing",
            "desk: I transfer you.",
            "desk -> billing",
            "billing: You asked about a bill.",
        ]
        assert lines(t.llm.requests[2].chat_ctx) == [
            "system: You are billing.",
            "None -> desk",
            "user: My bill is wrong.",
            "call transfer_to_billing{}",
            "output transfer_to_billing: Transferring to billing",
            "desk: I transfer you.",
            "desk -> billing",
            "system: Introduce yourself.",
        ]


async def test_handoff_returns_what_it_says_and_passes_control() -> None:
    class Desk(Agent):
        @function_tool()
        async def transfer(self) -> Any:
            return handoff(agent=Billing(), returns="Transferring to billing")

    async with talk(Desk(), [Call("transfer"), "I transfer you.", "Billing here."]) as t:
        await t.hear("My bill is wrong.")
        assert t.history[-4:] == [
            "output transfer: Transferring to billing",
            "desk: I transfer you.",
            "desk -> billing",
            "billing: Billing here.",
        ]


async def test_a_tool_awaits_a_spoken_reply_and_then_hands_over_with_the_sessions_context() -> None:
    class Technical(Agent):
        async def on_enter(self) -> None:
            await self.session.generate_reply()

    class Sales(Agent):
        @function_tool()
        async def technical_help(self) -> Agent:
            await self.session.generate_reply(instructions="Say that you transfer the call.")
            return Technical(chat_ctx=self.session.chat_ctx)

    caller = Caller(continuous=False)
    tts = ScriptedTTS(first_byte=0, words_per_second=2)
    replies = [Call("technical_help"), "I transfer you.", "What is broken?"]
    async with talk(Sales(), replies, caller=caller, tts=tts) as t:
        await t.hear("My router is broken.")
        assert caller.heard_text() == "I transfer you. What is broken?"
        assert t.history[1:] == [
            "user: My router is broken.",
            "call technical_help{}",
            "sales: I transfer you.",
            "output technical_help: ",
            "sales -> technical",
            "technical: What is broken?",
        ]
        assert sorted(lines(t.llm.requests[2].chat_ctx)) == sorted(
            [
                "None -> sales",
                "user: My router is broken.",
                "call technical_help{}",
                "output technical_help: ",
                "sales: I transfer you.",
                "sales -> technical",
            ]
        )


async def test_hand_offs_in_the_history_carry_both_ids() -> None:
    class Desk(Agent):
        @function_tool()
        async def transfer(self) -> Agent:
            return Agent(id="billing")

    async with talk(Desk(), [Call("transfer")]) as t:
        await t.hear("Billing please.")
        found = [item for item in t.session.history if isinstance(item, AgentHandoff)]
        assert [(item.old_agent_id, item.new_agent_id) for item in found] == [
            (None, "desk"),
            ("desk", "billing"),
        ]
        assert [item.type for item in found] == ["agent_handoff"] * 2


# Userdata


@dataclass
class MyInfo:
    name: str | None = None
    age: int | None = None

    @property
    def complete(self) -> bool:
        return self.name is not None and self.age is not None


class Intake(Agent):
    @function_tool()
    async def record_name(self, context: RunContext[MyInfo], name: str) -> Agent | None:
        """Records the name.

        Args:
            name: the user's name
        """
        context.userdata.name = name
        return self._next(context)

    @function_tool()
    async def record_age(self, context: RunContext[MyInfo], age: int) -> Agent | None:
        """Records the age.

        Args:
            age: the user's age in years
        """
        context.userdata.age = age
        return self._next(context)

    def _next(self, context: RunContext[MyInfo]) -> Agent | None:
        return CustomerService() if context.userdata.complete else None


class CustomerService(Agent):
    async def on_enter(self) -> None:
        info: MyInfo = self.session.userdata
        await self.session.generate_reply(instructions=f"Greet {info.name}, who is {info.age}.")


async def test_tools_fill_the_userdata_and_return_an_agent_once_it_is_complete() -> None:
    info = MyInfo()
    llm = instant(
        [
            ["How old are you?", Call("record_name", name="Ann")],
            Call("record_age", age=42),
            "Welcome Ann.",
        ]
    )
    session = AgentSession[MyInfo](userdata=info, llm=llm)
    caller = Caller(audio=False)
    await session.start(agent=Intake(), transport=caller)
    for text in ("I am Ann.", "Forty two."):
        caller.type(text)
        await session.wait_for_idle()
    assert session.userdata is info
    assert info == MyInfo("Ann", 42)
    assert lines(session.history) == [
        "None -> intake",
        "user: I am Ann.",
        "intake: How old are you?",
        'call record_name{"name": "Ann"}',
        "output record_name: ",
        "user: Forty two.",
        'call record_age{"age": 42}',
        "output record_age: ",
        "intake -> customer_service",
        "customer_service: Welcome Ann.",
    ]
    await session.aclose()


async def test_the_next_agent_greets_by_the_sessions_userdata() -> None:
    llm = instant([[Call("record_name", name="Ann"), Call("record_age", age=42)], "Welcome Ann."])
    async with talk(Intake(), llm, userdata=MyInfo()) as t:
        await t.hear("I am Ann and forty two.")
        assert lines(t.llm.requests[1].chat_ctx)[-1] == "system: Greet Ann, who is 42."
        assert t.history[-1] == "customer_service: Welcome Ann."


async def test_both_tools_of_a_step_may_return_the_next_agent_and_one_of_them_wins() -> None:
    """The second call finds the userdata complete too: its output says who has won."""

    class Eager(Intake):
        def _next(self, context: RunContext[MyInfo]) -> Agent | None:
            return CustomerService()

    llm = instant(
        [[Call("record_name", name="Ann"), Call("record_age", age=42)], "One moment.", "Welcome."]
    )
    async with talk(Eager(), llm, userdata=MyInfo()) as t:
        await t.hear("I am Ann and forty two.")
        assert t.outputs == [
            "output record_name: ",
            "error record_age: the call 'record_name' has handed over to 'customer_service' "
            "already",
        ]
        assert t.history[-3:] == [
            "eager: One moment.",
            "eager -> customer_service",
            "customer_service: Welcome.",
        ]


# A voice of its own


class Voices:
    """A throw-away provider that records what its TTS were built with and what they spoke."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.built: list[tuple[str | None, str | None]] = []
        self.spoken: list[tuple[str | None, str]] = []

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return Provider(
            self.name,
            seam=SEAM,
            tts=Slot(self.build, default="sonic-3", models=("sonic-3",)),
        )

    def build(self, ref: Ref, settings: object, env: BuildEnv) -> ScriptedTTS:
        self.built.append((ref.model, ref.variant))
        voices = self

        class Voice(ScriptedTTS):
            async def synthesize(
                self,
                text: AsyncIterable[Any],
                settings: Mapping[str, Any] | None = None,
            ) -> Any:
                async for event in super().synthesize(text, settings):
                    yield event
                voices.spoken.append((ref.variant, self.texts[-1].strip()))

        return Voice(first_byte=0, words_per_second=2)


async def test_one_agent_has_a_voice_of_its_own_by_model_string() -> None:
    class Manager(Agent):
        def __init__(self) -> None:
            super().__init__(
                instructions="You are the manager.",
                tts="cartesia/sonic-3:6f84f4b8-58a2-430c-8c79-688dad597532",
            )

        async def on_enter(self) -> None:
            self.session.say("The manager here.")

    class Desk(Agent):
        async def on_enter(self) -> None:
            self.session.say("The desk here.")

        @function_tool()
        async def escalate(self) -> Agent:
            return Manager()

    voices = Voices("cartesia")
    registry = Registry(entry_points=[])
    registry.add(voices, "cartesia")
    caller = Caller(continuous=False)
    async with talk(
        Desk(),
        [Call("escalate")],
        caller=caller,
        registry=registry,
        tts="cartesia/sonic-3:794f9389-aac1-45b6-b726-9d9369183238",
    ) as t:
        await t.session.wait_for_idle()
        await t.hear("Your manager please.")
        assert voices.built == [
            ("sonic-3", "794f9389-aac1-45b6-b726-9d9369183238"),
            ("sonic-3", "6f84f4b8-58a2-430c-8c79-688dad597532"),
        ]
        assert voices.spoken == [
            ("794f9389-aac1-45b6-b726-9d9369183238", "The desk here."),
            ("6f84f4b8-58a2-430c-8c79-688dad597532", "The manager here."),
        ]
        assert caller.heard_text() == "The desk here. The manager here."


async def test_an_agent_without_a_voice_of_its_own_has_the_sessions_again() -> None:
    voices = Voices("cartesia")
    registry = Registry(entry_points=[])
    registry.add(voices, "cartesia")
    caller = Caller(continuous=False)
    options: dict[str, Any] = {"registry": registry, "tts": "cartesia/sonic-3:a"}
    async with talk(Agent(id="one"), caller=caller, **options) as t:
        await t.session.say("One.")
        await t.session.update_agent(Agent(id="two", tts="cartesia/sonic-3:b"))
        await t.session.say("Two.")
        await t.session.update_agent(Agent(id="three"))
        await t.session.say("Three.")
        assert voices.spoken == [("a", "One."), ("b", "Two."), ("a", "Three.")]
        assert voices.built == [("sonic-3", "a"), ("sonic-3", "b")]


async def test_an_agent_given_none_for_its_voice_is_silent_on_purpose() -> None:
    caller = Caller(continuous=False)
    async with talk(Agent(id="desk"), caller=caller, tts=ScriptedTTS()) as t:
        await t.session.update_agent(Agent(id="mute", tts=None))
        await t.session.say("Only text.")
        assert caller.heard_text() == ""
        assert t.history[-1] == "mute: Only text."


# Nodes and tools of classes brought along


async def test_a_node_with_the_annotations_of_before_runs() -> None:
    class Shouting(Agent):
        async def llm_node(
            self, chat_ctx: ChatContext, tools: list[Any], model_settings: ModelSettings
        ) -> AsyncIterable[str]:
            async def shout() -> AsyncIterable[str]:
                stream = Agent.default.llm_node(self, chat_ctx, tools, model_settings)
                async for event in stream:
                    text = getattr(event, "text", None)
                    if text:
                        yield text.upper()

            return shout()

    async with talk(Shouting(), ["hello"]) as t:
        await t.hear("hi")
        assert t.history[-1] == "shouting: HELLO"


async def test_a_tool_is_a_function_given_to_the_agent() -> None:
    @function_tool()
    async def weather(context: RunContext[None], place: str) -> dict[str, Any]:
        """Looks up the weather."""
        return {"place": place, "sunny": True}

    agent = Agent(instructions="Help.", id="helper", tools=[weather])
    async with talk(agent, [Call("weather", place="Rome"), "Sunny."]) as t:
        await t.hear("Weather in Rome?")
        assert t.history[-3:] == [
            'call weather{"place": "Rome"}',
            'output weather: {"place": "Rome", "sunny": true}',
            "helper: Sunny.",
        ]


async def test_an_agent_reads_its_session_and_current_agent() -> None:
    seen: list[Any] = []

    class Looking(Agent):
        async def on_enter(self) -> None:
            seen.append((self.session.current_agent is self, self.session.userdata))

    async with talk(Looking(), userdata="data") as t:
        await t.session.wait_for_idle()
        assert seen == [(True, "data")]
