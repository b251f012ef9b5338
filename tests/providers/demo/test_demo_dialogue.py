"""What the agents of the demo say and do, in conversations of text."""

from __future__ import annotations

import pytest

from antiphon import Agent, AgentSession
from antiphon.chat import AgentHandoff, ChatMessage, FunctionCall
from antiphon.overriding import slot_override
from antiphon_providers.demo.agents import (
    BillingAgent,
    Caller,
    CustomerServiceAgent,
    IntakeAgent,
)
from antiphon_providers.demo.caller import LINES

pytestmark = pytest.mark.real_time


def without_a_voice(slot, value):
    return value if slot == "llm" else None


async def talk(
    agent: Agent, *turns: str, caller: Caller | None = None
) -> tuple[list[str], list[str]]:
    """What the agents said to these turns, and what they did: calls and hand-offs."""
    said: list[str] = []
    did: list[str] = []
    slot_override.set(without_a_voice)
    async with AgentSession[Caller](userdata=caller or Caller()) as session:
        await session.start(agent=agent)
        await session.wait_for_idle()
        begun = len(session.history)
        for turn in turns:
            await session.generate_reply(user_input=turn)
            await session.wait_for_idle()
        for item in list(session.history)[begun:]:
            if isinstance(item, ChatMessage) and item.role == "assistant":
                said.append(f"{item.agent_id}: {item.text_content}")
            elif isinstance(item, FunctionCall):
                did.append(f"{item.name} {item.arguments}")
            elif isinstance(item, AgentHandoff):
                did.append(f"-> {item.new_agent_id}")
    return said, did


async def test_intake_records_name_and_age_and_hands_over():
    caller = Caller()
    said, did = await talk(IntakeAgent(), LINES[0].text, LINES[1].text, caller=caller)
    assert said == [
        "intake: Thank you, Alice Walker. And how old are you?",
        "intake: Thank you. Customer service will take it from here.",
        "customer_service: This is customer service. What can I do for you?",
    ]
    assert did == [
        'record_name {"name": "Alice Walker"}',
        'record_age {"age": 34}',
        "-> customer_service",
    ]
    assert (caller.name, caller.age, caller.complete) == ("Alice Walker", 34, True)


async def test_intake_takes_both_in_any_order():
    caller = Caller()
    said, did = await talk(IntakeAgent(), LINES[1].text, LINES[0].text, caller=caller)
    assert did[-1] == "-> customer_service"
    assert said[:2] == [
        "intake: What is your name, please?",
        "intake: Thank you. Customer service will take it from here.",
    ]
    assert (caller.name, caller.age) == ("Alice Walker", 34)


async def test_intake_asks_again_for_an_age_that_cannot_be():
    caller = Caller()
    said, did = await talk(
        IntakeAgent(), "my name is Robert Miller", "I am 300 years old", caller=caller
    )
    assert said[1:] == [
        "intake: I am afraid that cannot be right: nobody is 300 years old. "
        "Sorry, how old are you? Please say a number."
    ]
    assert did == ['record_name {"name": "Robert Miller"}', 'record_age {"age": 300}']
    assert caller.age is None


async def test_customer_service_puts_through_to_billing_and_takes_back():
    said, did = await talk(CustomerServiceAgent(), LINES[2].text, LINES[5].text)
    assert said == [
        "customer_service: One moment, I will put you through to billing.",
        "billing: Billing department. Which invoice is it about?",
        "billing: I will take you back to customer service.",
        "customer_service: Customer service again. Is there anything else?",
    ]
    assert did == [
        "transfer_to_billing {}",
        "-> billing",
        "back_to_customer_service {}",
        "-> customer_service",
    ]


@pytest.mark.parametrize(
    ("text", "number", "answer"),
    [
        (
            LINES[3].text,
            "4017",
            "Invoice 4 0 1 7 is overdue. It was due on 31 October 2026, the amount is 184 dollars, "
            "and if it is not paid this week, a fee of five dollars will be added to the next "
            "bill.",
        ),
        (LINES[4].text, "4018", "Invoice 4 0 1 8 is open: 99 dollars, due on 15 December 2026."),
        (
            "what about invoice 4016",
            "4016",
            "Invoice 4 0 1 6, 42 dollars, has been paid. Anything else?",
        ),
        (
            "invoice nine nine nine nine",
            "9999",
            "I could not look that up: there is no invoice 9999. "
            "Please say the number of the invoice.",
        ),
    ],
)
async def test_billing_looks_an_invoice_up(text, number, answer):
    said, did = await talk(BillingAgent(), text)
    assert said == ["billing: Let me look.", f"billing: {answer}"]
    assert did == [f'look_up_invoice {{"number": "{number}"}}']


async def test_goodbye_ends_the_call():
    closed = []
    slot_override.set(without_a_voice)
    session = AgentSession[Caller](userdata=Caller())
    session.on("close", lambda event: closed.append(event.reason))
    await session.start(agent=CustomerServiceAgent())
    await session.wait_for_idle()
    await session.generate_reply(user_input=LINES[6].text)
    await session.wait_closed()
    assert closed == ["call_ended"]
    assert session.history.messages()[-1].text_content == "Thank you for calling. Goodbye!"


async def test_what_is_not_understood_gets_help():
    said, did = await talk(BillingAgent(), "the frob is zinged")
    assert said == [
        "billing: Sorry, I did not understand that. You can say: "
        '"what is the status of invoice four zero one seven" or "that is all".'
    ]
    assert did == []
