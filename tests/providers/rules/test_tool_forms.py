"""A bare `"rules"`: small talk and the agent's own tools, without any dialogue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from antiphon.tools import function_tool


@function_tool
async def look_up_invoice(number: str) -> str:
    """Looks an invoice up by its number.

    Args:
        number: The number of the invoice.
    """
    return ""


@function_tool
async def order_pizza(
    size: Literal["small", "large"],
    count: int,
    your_name: Annotated[str, Field(description="Your first name.")],
    extra_cheese: bool,
    note: str = "",
) -> str:
    """Order a pizza.

    More about it.
    """
    return ""


@function_tool
async def transfer_to_support() -> None:
    """Called when the caller wants to speak to a person."""


TOOLS = [look_up_invoice, order_pizza, transfer_to_support]


def test_it_says_what_it_is_and_what_the_tools_do(talk):
    it = talk(tools=TOOLS).enter()
    assert it.step(instructions="Greet the user warmly.") == (
        "Hello! I am a script, not a language model. I can look an invoice up by its number, "
        "order a pizza or transfer to support. How can I help?"
    )
    assert it.user("help") == (
        "I can look an invoice up by its number, order a pizza or transfer to support."
    )


def test_the_next_agent_does_not_introduce_itself_as_a_script_again(talk):
    assert talk(tools=[transfer_to_support]).enter("intake").step() == (
        "Hello! I can transfer to support. How can I help?"
    )


def test_parameters_are_asked_for_one_after_another(talk):
    it = talk(tools=TOOLS).enter()
    it.step()
    assert it.user("I fancy a pizza") == "What is the size: small or large?"
    assert it.user("the large one") == "What is the count?"
    assert it.user("two") == "What is your first name?"
    assert it.user("it's ann") == "Yes or no: extra cheese?"
    it.user("no")
    assert it.calls == [
        ("order_pizza", {"size": "large", "count": 2, "your_name": "Ann", "extra_cheese": False})
    ]
    assert it.outputs("Two large pizzas are on their way").step() == (
        "Two large pizzas are on their way."
    )


def test_what_was_said_at_once_is_not_asked_for(talk):
    it = talk(tools=TOOLS).enter()
    it.user("look up invoice four zero one seven please")
    assert it.calls == [("look_up_invoice", {"number": "4017"})]
    it.outputs('{"amount": 12.5, "status": "open"}').step()
    assert it.said == "amount 12.5, status open."
    it.user("no wait, I meant 4018")
    assert it.calls == [("look_up_invoice", {"number": "4018"})]


def test_words_near_a_tools_name_are_enough_and_others_are_not(talk):
    it = talk(tools=TOOLS).enter()
    it.user("I want support")
    assert it.calls == [("transfer_to_support", {})]
    it.outputs("")
    assert it.user("what is the meaning of life") == "Sorry, I did not understand that."


def test_tools_that_change_are_followed(talk):
    it = talk(tools=[transfer_to_support]).enter()
    assert it.user("a pizza") == "Sorry, I did not understand that."
    assert it.user("a pizza", tools=TOOLS) == "What is the size: small or large?"


def test_a_tool_that_cannot_be_asked_for_is_left_alone(talk):
    @function_tool(
        raw_schema={
            "name": "store_record",
            "description": "Store a record.",
            "parameters": {
                "type": "object",
                "properties": {"record": {"type": "object"}},
                "required": ["record"],
            },
        }
    )
    async def store_record(raw_arguments: dict[str, object]) -> None: ...

    assert talk(tools=[store_record]).user("store a record") == "Sorry, I did not understand that."


def test_without_tools_it_is_small_talk(talk):
    it = talk().enter()
    assert it.step() == "Hello! I am a script, not a language model. How can I help?"
    assert it.user("what can you do") == "Tell me what you need, in a few words."
