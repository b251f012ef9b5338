"""The agents of the demo: intake, customer service and billing, who hand the caller over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from antiphon import Agent, Handoff, Model, RunContext, ToolError, function_tool, handoff

DIALOGUE = Path(__file__).with_name("dialogue.toml")
STT = "pocketsphinx"
VAD = "silero"


@dataclass(slots=True)
class Caller:
    """What is known of the caller, in the session's userdata."""

    name: str | None = None
    age: int | None = None

    @property
    def complete(self) -> bool:
        """Whether everything has been asked."""
        return self.name is not None and self.age is not None


class Invoice(TypedDict):
    """One row of the demo's table."""

    amount: float
    """In dollars."""
    due: str
    """A day, as in ISO 8601."""
    status: str
    """`"open"`, `"overdue"` or `"paid"`."""


INVOICES: dict[str, Invoice] = {
    "4016": {"amount": 42.0, "due": "2026-09-30", "status": "paid"},
    "4017": {"amount": 184.0, "due": "2026-10-31", "status": "overdue"},
    "4018": {"amount": 99.0, "due": "2026-12-15", "status": "open"},
}
"""By number."""


def _script(section: str) -> Model:
    return Model("rules", dialogue=DIALOGUE, section=section)


class IntakeAgent(Agent):
    """Asks who is calling."""

    def __init__(self) -> None:
        super().__init__(
            id="intake",
            instructions="You take down the name and the age of the caller.",
            llm=_script("intake"),
            tts="espeak/en-us:f3",
            examples=(
                "Hello, my name is Alice Walker.",
                "My name is Robert Miller.",
                "I am thirty four years old.",
                "I am 52.",
            ),
        )

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Greet the caller and ask for the name.")

    @function_tool
    async def record_name(self, context: RunContext[Caller], name: str) -> Handoff | str:
        """Records the name of the caller.

        Args:
            name: First and last name.
        """
        context.userdata.name = name
        return self._next(context.userdata)

    @function_tool
    async def record_age(self, context: RunContext[Caller], age: int) -> Handoff | str:
        """Records the age of the caller.

        Args:
            age: In years.
        """
        if not 0 < age < 130:
            raise ToolError(f"nobody is {age} years old")
        context.userdata.age = age
        return self._next(context.userdata)

    @staticmethod
    def _next(caller: Caller) -> Handoff | str:
        if not caller.complete:
            return "recorded"
        return handoff(CustomerServiceAgent(), returns="complete")


class CustomerServiceAgent(Agent):
    """Finds out what the caller needs, and ends the call."""

    def __init__(self) -> None:
        super().__init__(
            id="customer_service",
            instructions="You find out what the caller needs and transfer to who can help.",
            llm=_script("customer_service"),
            tts="espeak/en-us:m3",
            examples=("I have a question about my bill.", "No, goodbye."),
        )

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Ask the caller what you can do.")

    @function_tool
    async def transfer_to_billing(self) -> Agent:
        """Transfers the caller to billing, who knows about bills and invoices."""
        return BillingAgent(back_to=self)

    @function_tool
    async def end_call(self) -> None:
        """Ends the call, once goodbye has been said."""
        self.session.shutdown(reason="call_ended")


class BillingAgent(Agent):
    """Looks invoices up."""

    def __init__(self, back_to: Agent | None = None) -> None:
        super().__init__(
            id="billing",
            instructions="You look up invoices by their number.",
            llm=_script("billing"),
            tts="espeak/en-us:f5",
            examples=(
                "What is the status of invoice four zero one seven?",
                "No, wait, I meant invoice 4016.",
                "Thank you, that is all.",
            ),
        )
        self._back_to = back_to

    async def on_enter(self) -> None:
        await self.session.generate_reply(instructions="Greet the caller, ask for the invoice.")

    @function_tool
    async def look_up_invoice(self, number: str) -> Invoice:
        """Looks up an invoice: its amount, the day it is due, and its status.

        Args:
            number: The digits of its number.
        """
        if number not in INVOICES:
            raise ToolError(f"there is no invoice {number}")
        return INVOICES[number]

    @function_tool
    async def back_to_customer_service(self) -> Agent:
        """Transfers the caller back to customer service."""
        return self._back_to or CustomerServiceAgent()
