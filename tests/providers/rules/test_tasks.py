"""A bare `"rules"` and tasks, in sessions: values are asked for, taken, read back and confirmed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentSession,
    AgentTask,
    ConfirmTask,
    GetAddressTask,
    GetDOBTask,
    GetDtmfTask,
    GetEmailTask,
    GetNameTask,
    GetPhoneNumberTask,
    Model,
    TaskGroup,
    ToolError,
    function_tool,
)
from antiphon.chat import ChatItem, ChatMessage, FunctionCall
from antiphon_providers.rules.purpose import purpose_in

pytestmark = pytest.mark.virtual_time


def line(item: ChatItem) -> str | None:
    if isinstance(item, ChatMessage):
        return f"{item.agent_id if item.role == 'assistant' else 'user'}: {item.text_content}"
    if isinstance(item, FunctionCall):
        return f"{item.name} {item.arguments}"
    return None


async def conversation(agent: Agent, *turns: str, llm: Any = "rules") -> list[str]:
    """What was said and called, as lines, of which those of the callers are left out."""
    async with AgentSession[Any](llm=llm) as session:
        await session.start(agent)
        await session.wait_for_idle()
        for text in turns:
            await session.run(user_input=text)
            await session.wait_for_idle()
        lines = [text for item in session.history if (text := line(item)) is not None]
    return [text for text in lines if not text.startswith("user: ")]


class Desk(Agent):
    """Registers callers with what `work` gives."""

    def __init__(self, work: Callable[[Agent], Awaitable[Any]]) -> None:
        super().__init__(id="desk")
        self.work = work

    @function_tool
    async def register(self) -> str:
        """Registers the caller."""
        try:
            return f"{await self.work(self)} is registered"
        except ToolError as error:
            return str(error)


async def registration(
    make: Callable[[Agent], Awaitable[Any]], *turns: str, llm: Any = "rules"
) -> list[str]:
    """The conversation about one value, without the lines of the desk's call."""
    lines = await conversation(Desk(make), "please register me", *turns, llm=llm)
    assert lines.pop(0) == "register {}"
    return lines


# An output after a task


class AskSize(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(id="size", instructions="Ask for the size, then call note_size.")

    async def on_enter(self) -> None:
        self.session.say("Which size: small or large pizza?")

    @function_tool
    async def note_size(self, size: str) -> None:
        """Notes the size of the pizza."""
        self.complete(size)


class Pizzas(Agent):
    def __init__(self) -> None:
        super().__init__(id="shop")
        self.ordered = 0

    @function_tool
    async def order_pizza(self) -> str:
        """Orders a pizza."""
        size = await AskSize()
        self.ordered += 1
        return f"{size} is ordered, that makes {self.ordered}"


async def test_the_words_that_answered_a_task_call_no_tool_of_the_agent_behind_it():
    # They name what the outer agent's tool does; so does one of an earlier turn of the task.
    lines = await conversation(
        Pizzas(), "order a pizza", "do I order that pizza now?", "a large pizza", "thanks"
    )
    assert lines == [
        "order_pizza {}",
        "size: Which size: small or large pizza?",
        "size: Sorry, I did not understand that. What is the size?",
        'note_size {"size": "a large pizza"}',
        "shop: a large pizza is ordered, that makes 1.",
        "shop: You are welcome.",
    ]


async def test_the_next_turn_of_the_agent_may_call_the_tool_again():
    lines = await conversation(
        Pizzas(), "order a pizza", "a large pizza", "order another pizza", "a small one"
    )
    assert lines[-1] == "shop: a small one is ordered, that makes 2."
    assert [text for text in lines if text.startswith("order_")] == ["order_pizza {}"] * 2


class AskColour(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(id="colour")

    async def on_enter(self) -> None:
        self.session.say("Which colour?")

    @function_tool
    async def red(self) -> None:
        """It should be red, please order it."""
        self.complete("red")


class Paints(Agent):
    def __init__(self) -> None:
        super().__init__(id="shop")

    @function_tool
    async def order_paint(self) -> str:
        """Orders paint."""
        return f"{await AskColour()} paint is ordered"


async def test_a_task_is_not_begun_again_by_the_words_that_ended_it():
    assert await conversation(Paints(), "order paint", "red, please order paint") == [
        "order_paint {}",
        "colour: Which colour?",
        "red {}",
        "shop: red paint is ordered.",
    ]


# The ready-made tasks


class Newsletter(Agent):
    @function_tool
    async def subscribe(self) -> str:
        """Subscribes the caller to the newsletter."""
        result = await GetEmailTask()
        return f"{result.email_address} is subscribed"


async def test_an_address_is_asked_for_refused_corrected_and_confirmed():
    lines = await conversation(
        Newsletter(),
        "subscribe me to the newsletter",
        "ada at example",
        "ada at example dot com",
        "no, it's bob at example dot com",
        "No.",
        "my email is eve@example.com",
        "Note the e-mail address ann@example.com",
        "confirm the email",
    )
    assert lines == [
        "subscribe {}",
        "get_email_task: What is your e-mail address?",
        'update_email {"email": "ada at example"}',
        "get_email_task: I am sorry, that did not work: 'ada at example' is no e-mail address: "
        "'example' behind the @ has no ending such as .com. What is your e-mail address?",
        'update_email {"email": "ada at example dot com"}',
        "get_email_task: I have ada@example.com. Is that right?",
        'update_email {"email": "bob at example dot com"}',
        "get_email_task: I have bob@example.com. Is that right?",
        "get_email_task: What is your e-mail address?",
        'update_email {"email": "eve@example.com"}',
        "get_email_task: I have eve@example.com. Is that right?",
        'update_email {"email": "ann@example.com"}',
        "get_email_task: I have ann@example.com. Is that right?",
        "confirm_email {}",
        "newsletter: ann@example.com is subscribed.",
    ]


async def test_what_is_no_answer_is_not_taken_for_one():
    lines = await conversation(
        Newsletter(), "subscribe me", "hello", "why do you ask?", "confirm email", "what?"
    )
    assert lines == [
        "subscribe {}",
        "get_email_task: What is your e-mail address?",
        "get_email_task: Hello! What is your e-mail address?",
        "get_email_task: Sorry, I did not understand that. What is your e-mail address?",
        'update_email {"email": "confirm email"}',
        "get_email_task: I am sorry, that did not work: 'confirm email' is no e-mail address: it "
        "has no @. What is your e-mail address?",
        "get_email_task: I am sorry, that did not work: 'confirm email' is no e-mail address: it "
        "has no @. What is your e-mail address?",
    ]


@pytest.mark.parametrize("words", ["no thanks", "I'd rather not", "I won't say", "forget it"])
async def test_a_caller_may_decline(words: str):
    lines = await registration(lambda desk: GetEmailTask(), words)
    assert lines[1:] == [
        "decline_email {}",
        "desk: the caller would not give the caller's e-mail address.",
    ]


async def test_a_task_that_is_shown_the_call_so_far_asks_all_the_same():
    lines = await registration(lambda desk: GetNameTask(chat_ctx=desk.chat_ctx), "Ada", "yes")
    assert lines == [
        "get_name_task: What is your first name?",
        'update_name {"first_name": "Ada"}',
        "get_name_task: I have Ada. Is that right?",
        "confirm_name {}",
        "desk: Ada is registered.",
    ]


@pytest.mark.parametrize(
    ("make", "turns", "said"),
    [
        pytest.param(
            lambda desk: GetNameTask(last_name=True),
            ("Ada", "Lovelace", "no", "Bob", "Miller", "correct"),
            [
                "What is the first name?",
                "What is the last name?",
                "I have Ada Lovelace. Is that right?",
                "What is the first name?",
                "What is the last name?",
                "I have Bob Miller. Is that right?",
                "Bob Miller is registered.",
            ],
            id="name",
        ),
        pytest.param(
            lambda desk: ConfirmTask("May we record the call?"),
            ("maybe", "no"),
            [
                "May we record the call?",
                "Sorry, I did not understand that. May we record the call?",
                "False is registered.",
            ],
            id="confirm",
        ),
        pytest.param(
            lambda desk: GetDOBTask(today="2026-01-31"),
            ("1850-01-31", "1990-01-31", "that is correct"),
            [
                "What is your date of birth?",
                "I am sorry, that did not work: 1850-01-31 is more than 125 years ago. What is "
                "your date of birth?",
                "I have Wednesday, 1990-01-31. Is that right?",
                "GetDOBResult(date_of_birth=datetime.date(1990, 1, 31)) is registered.",
            ],
            id="date of birth",
        ),
        pytest.param(
            lambda desk: GetDtmfTask(num_digits=4),
            ("one two three", "one two three four"),
            [
                "What are the digits?",
                "I am sorry, that did not work: 3 digits came, but 4 are needed. What are the "
                "digits?",
                "GetDtmfResult(user_input='1234') is registered.",
            ],
            id="digits",
        ),
        pytest.param(
            lambda desk: GetPhoneNumberTask(),
            ("thirty", "555 123 4567", "right"),
            [
                "What is your telephone number?",
                "I am sorry, that did not work: '30' has 2 digits; a telephone number has 7 to 15. "
                "What is your telephone number?",
                "I have 5551234567. Is that right?",
                "GetPhoneNumberResult(phone_number='5551234567') is registered.",
            ],
            id="phone",
        ),
        pytest.param(
            lambda desk: GetAddressTask(country="USA"),
            ("1 Main Street", "Springfield", "yes please"),
            [
                "What is the street and number, or P.O. box?",
                "What is the city, town or village?",
                "I have 1 Main Street, Springfield, USA. Is that right?",
                "1 Main Street, Springfield, USA is registered.",
            ],
            id="address",
        ),
    ],
)
async def test_ready_made_tasks_need_no_dialogue(
    make: Callable[[Agent], Awaitable[Any]], turns: tuple[str, ...], said: list[str]
):
    lines = await registration(make, *turns)
    assert [text.partition(": ")[2] for text in lines if ": " in text and "{" not in text] == said


# Tasks of one's own


class AskName(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(id="name", instructions="Ask for the name, then call record_name.")

    async def on_enter(self) -> None:
        self.session.say("What is your name?")

    @function_tool
    async def record_name(self, name: str) -> None:
        """Records the caller's name.

        Args:
            name: first and last name
        """
        self.complete(name)


class AskMail(AgentTask[str]):
    def __init__(self) -> None:
        super().__init__(id="mail", instructions="Ask for the e-mail address, then record it.")

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Ask for it.")

    @function_tool
    async def record_mail(self, mail: str) -> None:
        """Records the e-mail address."""
        self.complete(mail)


class AskWish(AgentTask[str]):
    """Without instructions: only what it says shows that it asks."""

    def __init__(self, question: str) -> None:
        super().__init__(id="wish")
        self.question = question

    async def on_enter(self) -> None:
        self.session.say(self.question)

    @function_tool
    async def note_wish(self, wish: str) -> None:
        """Notes it."""
        self.complete(wish)


async def test_the_name_that_a_task_of_ones_own_asks_for_is_taken():
    assert await registration(lambda desk: AskName(), "Ada Lovelace") == [
        "name: What is your name?",
        'record_name {"name": "Ada Lovelace"}',
        "desk: Ada Lovelace is registered.",
    ]


async def test_a_question_that_the_code_asks_is_enough():
    lines = await registration(
        lambda desk: AskWish("Whom would you like to meet?"), "can you repeat that", "the director"
    )
    assert lines == [
        "wish: Whom would you like to meet?",
        "wish: Whom would you like to meet?",
        'note_wish {"wish": "the director"}',
        "desk: the director is registered.",
    ]


async def test_an_offer_of_help_asks_for_no_value():
    lines = await registration(lambda desk: AskWish("How can I help?"), "the director")
    assert lines == ["wish: How can I help?", "wish: Sorry, I did not understand that."]


async def test_the_steps_of_a_group_take_their_own_answers():
    async def both(desk: Agent) -> str:
        group = TaskGroup()
        group.add(lambda: AskName(), id="name", description="asks for the name")
        group.add(lambda: AskMail(), id="mail", description="asks for the e-mail address")
        results = (await group).task_results
        return f"{results['name']} with {results['mail']}"

    assert await registration(both, "Ada Lovelace", "it is ada@example.com") == [
        "name: What is your name?",
        'record_name {"name": "Ada Lovelace"}',
        "mail: What is the e-mail address?",
        'record_mail {"mail": "ada@example.com"}',
        "desk: Ada Lovelace with ada@example.com is registered.",
    ]


# A dialogue for a task

DIALOGUE = """
from_tools = true

[[rule]]
after = "update_email"
say = "{output.noted:spell}, yes?"
"""


async def test_a_dialogue_can_say_the_read_back_in_its_own_words():
    llm = Model("rules", dialogue=DIALOGUE)
    lines = await registration(lambda desk: GetEmailTask(), "a@b.de", "yes", llm=llm)
    assert lines[2:4] == ["get_email_task: a @ b . d e, yes?", "confirm_email {}"]


# Agents that are no tasks


@pytest.mark.parametrize(
    ("instructions", "purpose"),
    [
        ("Ask for the size, then call note_size.", "the size"),
        ("You are kind. Ask the caller for their e-mail address.", "your e-mail address"),
        ("Greet the user and ask for a name and call record_name.", "the name"),
        ("Your job is to get the user's date of birth.", "your date of birth"),
        ("Put the question 'May we call?' to them", "May we call?"),
        ("When callers ask for the weather, look it up.", None),
        ("You help callers get the status of their order.", None),
        ("Otherwise, ask for it.", None),
        ("You tell the weather.", None),
    ],
)
def test_what_an_agent_is_to_ask_for_is_an_order_in_its_instructions(
    instructions: str, purpose: str | None
):
    assert purpose_in([ChatMessage(id="instructions", role="system", content=instructions)]) == (
        purpose
    )


class Weather(Agent):
    def __init__(self) -> None:
        super().__init__(id="weather", instructions="You tell the weather.")

    async def on_enter(self) -> None:
        self.session.say("This is the weather line. Shall I tell you about it?")

    @function_tool
    async def forecast(self, city: str) -> str:
        """Looks up the forecast, e.g. for Rome.

        Args:
            city: The city, e.g. Rome or St. Louis
        """
        return f"it rains in {city}"


async def test_an_agent_that_asks_for_no_value_takes_no_words_for_one():
    assert await conversation(Weather(), "the game is at nine", "the forecast", "St. Louis") == [
        "weather: This is the weather line. Shall I tell you about it?",
        "weather: Sorry, I did not understand that.",
        "weather: What is the city?",
        'forecast {"city": "St Louis"}',
        "weather: it rains in St Louis.",
    ]


async def test_descriptions_do_not_end_at_an_abbreviation():
    assert await conversation(Weather(), "help") == [
        "weather: This is the weather line. Shall I tell you about it?",
        "weather: I can look up the forecast.",
    ]
