"""The call centre in a session of text: through the engine, its tools and its hand-offs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import antiphon_providers.rules
from antiphon import Agent, AgentSession, Model, Registry, function_tool
from antiphon.chat import AgentHandoff, ChatMessage, FunctionCall

CENTRE = Path(__file__).with_name("call_centre.toml")


class Intake(Agent):
    def __init__(self) -> None:
        super().__init__(
            id="intake",
            instructions="You take down name and age.",
            llm=Model("rules", dialogue=CENTRE, section="intake"),
        )

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Greet the caller and ask for the name.")

    @function_tool
    async def record_name(self, name: str) -> str:
        """Records the caller's name."""
        self.session.userdata["name"] = name
        return "recorded"

    @function_tool
    async def record_age(self, age: int) -> Agent:
        """Records the caller's age."""
        self.session.userdata["age"] = age
        return CustomerService()


class CustomerService(Agent):
    def __init__(self) -> None:
        super().__init__(id="customer_service", llm=Model(f"rules/{CENTRE}#customer_service"))

    async def on_enter(self) -> None:
        await self.session.generate_reply()

    @function_tool
    async def to_billing(self) -> tuple[Agent, str]:
        """Transfers the caller to billing."""
        return Billing(chat_ctx=self.chat_ctx), "Billing will be with you in a moment"


class Billing(Agent):
    def __init__(self, chat_ctx) -> None:
        super().__init__(
            id="billing", chat_ctx=chat_ctx, llm=Model("rules", dialogue=CENTRE, section="billing")
        )

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Greet the caller.")

    @function_tool
    async def look_up_invoice(self, number: str) -> dict[str, object]:
        """Looks an invoice up by its number."""
        return {
            "amount": 99.0 if number == "4018" else 184.5,
            "due": "2026-11-30",
            "status": "open",
        }

    @function_tool
    async def back_to_customer_service(self) -> Agent:
        """Transfers the caller back."""
        return CustomerService()


TURNS = (
    "Maria Keller",
    "I am thirty four",
    "I have a question about my bill",
    "what about invoice four zero one seven",
    "no wait, i meant invoice four zero one eight",
    "the frob is zinged",
    "back to customer service please",
    "goodbye",
)


def test_the_whole_call():
    async def main() -> tuple[dict[str, object], list[str], list[str]]:
        userdata: dict[str, object] = {}
        registry = Registry(entry_points=())
        registry.add(antiphon_providers.rules, "rules")
        async with AgentSession(userdata=userdata, registry=registry) as session:
            await session.start(agent=Intake())
            await session.wait_for_idle()
            for turn in TURNS:
                await session.generate_reply(user_input=turn)
                await session.wait_for_idle()
            items = list(session.history)
        said = [
            f"{item.agent_id or item.role}: {item.text_content}"
            for item in items
            if isinstance(item, ChatMessage)
        ]
        done = [
            f"-> {item.new_agent_id}"
            if isinstance(item, AgentHandoff)
            else f"{item.name} {item.arguments}"
            for item in items
            if isinstance(item, AgentHandoff | FunctionCall)
        ]
        return userdata, said, done

    userdata, said, done = asyncio.run(main())
    assert userdata == {"name": "Maria Keller", "age": 34}
    assert done == [
        "-> intake",
        'record_name {"name": "Maria Keller"}',
        'record_age {"age": 34}',
        "-> customer_service",
        "to_billing {}",
        "-> billing",
        'look_up_invoice {"number": "4017"}',
        'look_up_invoice {"number": "4018"}',
        "back_to_customer_service {}",
        "-> customer_service",
    ]
    assert said == [
        "intake: Welcome to Harbour Mobile. What is your name, please?",
        "user: Maria Keller",
        "intake: Thank you, Maria Keller. And how old are you?",
        "user: I am thirty four",
        "customer_service: This is customer service. What can I do for you?",
        "user: I have a question about my bill",
        "customer_service: I will put you through to billing.",
        "customer_service: Billing will be with you in a moment.",
        # The context was handed over: billing knows what it is about, if not which.
        "billing: Hello, this is billing. Which invoice is it? Please say its number.",
        "user: what about invoice four zero one seven",
        "billing: One moment, let me look.",
        "billing: Invoice 4 0 1 7 is open: 184.5 dollars, due on 30 November 2026.",
        "user: no wait, i meant invoice four zero one eight",
        "billing: One moment, let me look.",
        "billing: Invoice 4 0 1 8 is open: 99 dollars, due on 30 November 2026.",
        "user: the frob is zinged",
        "billing: Sorry, I did not understand that. You can say: "
        '"what about invoice four zero one seven" or "back to customer service".',
        "user: back to customer service please",
        "billing: I will take you back.",
        "customer_service: This is customer service. What can I do for you?",
        "user: goodbye",
        "customer_service: Goodbye, and thank you for calling.",
    ]
