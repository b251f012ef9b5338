"""The ready-made tasks, in conversations: asked, refused, corrected, confirmed, declined."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from antiphon import (
    Agent,
    AgentTask,
    ChatContext,
    CollectTask,
    ConfigurationError,
    ConfirmTask,
    GetAddressTask,
    GetDateTask,
    GetDOBTask,
    GetEmailTask,
    GetNameTask,
    GetPhoneNumberTask,
    RunContext,
    TaskGroup,
    ToolError,
    function_tool,
)
from antiphon.errors import SettingError
from antiphon.tasks import (
    GetAddressResult,
    GetDOBResult,
    GetEmailResult,
    GetNameResult,
    GetPhoneNumberResult,
    TaskOptions,
)
from antiphon.testing import Call

from .talking import Desk, talk

pytestmark = pytest.mark.virtual_time


def desk_of(make: Callable[[], AgentTask[Any]]) -> Desk:
    async def work() -> Any:
        return await make()

    return Desk(work)


BASE: dict[str, Any] = {"it is noted": "Thank you.", "hello": Call("ask"), "Ask for": "Please?"}
ADDRESS = {"street": "1 Main Street", "city": "Springfield"}

CASES = [
    pytest.param(
        GetEmailTask,
        "email",
        {"email": "ada at example"},
        "error update_email: 'ada at example' is no e-mail address: 'example' behind the @ has no "
        "ending such as .com",
        {"email": "Ada at example dot com"},
        "ada@example.com",
        GetEmailResult("ada@example.com"),
        "the caller's e-mail address",
        id="email",
    ),
    pytest.param(
        lambda **options: GetPhoneNumberTask(country_code="49", **options),
        "phone_number",
        {"phone_number": "12 34"},
        "error update_phone_number: '12 34' has 6 digits; a telephone number has 7 to 15",
        {"phone_number": "030 123 456"},
        "+4930123456",
        GetPhoneNumberResult("+4930123456"),
        "the caller's telephone number",
        id="phone",
    ),
    pytest.param(
        lambda **options: GetNameTask(last_name=True, **options),
        "name",
        {"first_name": "Ada", "last_name": "12"},
        "error update_name: '12' cannot be the last name: it has no letters; ask the caller",
        {"first_name": " Ada ", "last_name": "King  Lovelace"},
        "Ada King Lovelace",
        GetNameResult(first_name="Ada", last_name="King Lovelace"),
        "the caller's first name and last name",
        id="name",
    ),
    pytest.param(
        GetAddressTask,
        "address",
        ADDRESS,
        "error update_address: the country is missing; ask the caller",
        {**ADDRESS, "country": "USA", "postal_code": "62701-1234", "region": "Illinois"},
        "1 Main Street, Springfield, Illinois 62701-1234, USA",
        GetAddressResult(**ADDRESS, country="USA", postal_code="62701-1234", region="Illinois"),
        "the caller's postal address",
        id="address",
    ),
    pytest.param(
        lambda **options: GetDateTask(
            what="the day of arrival", earliest="today", today="2026-11-22", **options
        ),
        "date",
        {"date": "2026-02-30"},
        "error update_date: '2026-02-30' is no date: that month has the days 1 to 28",
        {"date": "2026-11-24"},
        "Tuesday, 2026-11-24",
        date(2026, 11, 24),
        "the day of arrival",
        id="date",
    ),
    pytest.param(
        lambda **options: GetDOBTask(today=lambda: date(2026, 11, 22), **options),
        "date_of_birth",
        {"date_of_birth": "2026-11-23"},
        "error update_date_of_birth: Monday, 2026-11-23, is after 2026-11-22, the latest date that "
        "is possible; tell the caller, and ask again",
        {"date_of_birth": "2026-11-22"},
        "Sunday, 2026-11-22",
        GetDOBResult(date(2026, 11, 22)),
        "the caller's date of birth",
        id="date of birth",
    ),
]


def script(noun: str, wrong: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    return {
        **BASE,
        '"noted": ': "Is that right?",
        "wrong": Call(f"update_{noun}", **wrong),
        "right": Call(f"update_{noun}", **right),
        "yes": Call(f"confirm_{noun}"),
        "rather not": Call(f"decline_{noun}", reason="it is private"),
        "just no": Call(f"decline_{noun}"),
        "": "Say it again?",
    }


@pytest.mark.parametrize(
    ("make", "noun", "wrong", "error", "right", "shown", "result", "what"), CASES
)
class TestEachTask:
    async def test_what_is_wrong_is_told_and_what_is_right_is_read_back_and_confirmed(
        self, make, noun, wrong, error, right, shown, result, what
    ) -> None:
        desk = desk_of(make)
        async with talk(desk, script(noun, wrong, right)) as t:
            await t.hear("hello", "it is wrong")
            assert t.of("error")[-1] == error
            assert t.history[-1] == f"{t.agent}: Say it again?"
            await t.hear("it is right")
            assert t.of("output")[-1] == (
                f'output update_{noun}: {{"noted": "{shown}", "next": "it is not confirmed: read '
                'it back, ask whether it is right, and wait for the answer"}'
            )
            assert t.history[-1] == f"{t.agent}: Is that right?"
            await t.hear("yes")
            assert desk.got == [result]
            assert t.agent == "desk"
            assert t.errors == []

    async def test_without_confirmation_it_ends_with_the_value(
        self, make, noun, wrong, error, right, shown, result, what
    ) -> None:
        desk = desk_of(lambda: make(require_confirmation=False))
        async with talk(desk, script(noun, wrong, right)) as t:
            await t.hear("hello")
            names = [tool.name for tool in t.session.current_agent.tools]
            assert names == [f"decline_{noun}", f"update_{noun}"] or names == [
                f"update_{noun}",
                f"decline_{noun}",
            ]
            await t.hear("it is right")
            assert desk.got == [result]
            assert t.history[-1] == "desk: Thank you."

    async def test_a_correction_is_what_is_confirmed(
        self, make, noun, wrong, error, right, shown, result, what
    ) -> None:
        desk = desk_of(make)
        async with talk(desk, script(noun, wrong, right)) as t:
            await t.hear("hello", "it is right", "no, it is wrong", "it is right", "yes")
            assert desk.got == [result]

    async def test_a_caller_who_declines_ends_it_with_an_error(
        self, make, noun, wrong, error, right, shown, result, what
    ) -> None:
        desk = desk_of(make)
        async with talk(desk, script(noun, wrong, right)) as t:
            await t.hear("hello", "I would rather not")
            assert [(type(e), str(e)) for e in desk.errors] == [
                (ToolError, f"the caller would not give {what}: it is private")
            ]
        desk = desk_of(make)
        async with talk(desk, script(noun, wrong, right)) as t:
            await t.hear("hello", "just no")
            assert str(desk.errors[0]) == f"the caller would not give {what}"


# Confirming


async def test_it_asks_when_it_begins() -> None:
    async with talk(desk_of(GetEmailTask), BASE) as t:
        await t.hear("hello")
        assert t.history[-1] == "get_email_task: Please?"
        assert t.llm.requests[-1].texts[-1] == (
            "system",
            "Ask for the caller's e-mail address, unless the caller has given it already.",
        )


async def test_nothing_is_confirmed_before_it_was_noted() -> None:
    async with talk(desk_of(GetEmailTask), {**BASE, "yes": Call("confirm_email"), "": "?"}) as t:
        await t.hear("hello", "yes")
        assert t.of("error") == [
            "error confirm_email: there is nothing to confirm yet; call update_email with what the "
            "caller has said"
        ]


async def test_a_model_cannot_confirm_what_the_caller_has_not_heard() -> None:
    replies = {
        **BASE,
        '"noted": ': Call("confirm_email"),
        "not heard it yet": "Is that right?",
        "it is": Call("update_email", email="ada@example.com"),
        "at once": [Call("update_email", email="a@example.com"), Call("confirm_email")],
        "yes": Call("confirm_email"),
    }
    desk = desk_of(GetEmailTask)
    async with talk(desk, replies) as t:
        await t.hear("hello", "it is ada@example.com")
        assert t.of("error") == [
            "error confirm_email: the caller has not heard it yet; read back the caller's e-mail "
            "address and wait for the answer"
        ]
        assert t.agent == "get_email_task"
        await t.hear("yes")
        assert desk.got == [GetEmailResult("ada@example.com")]


async def test_a_wrong_correction_does_not_take_the_place_of_what_was_noted() -> None:
    replies = script("email", {"email": "ada"}, {"email": "ada@example.com"})
    desk = desk_of(GetEmailTask)
    async with talk(desk, replies) as t:
        await t.hear("hello", "right", "wrong", "yes")
        assert desk.got == [GetEmailResult("ada@example.com")]


# Options


async def test_options_are_those_of_a_task() -> None:
    @function_tool
    async def look_up() -> str:
        """Looks it up."""
        return "found"

    context = ChatContext()
    context.add_message(role="user", content="I am ada@example.com")
    task = GetEmailTask(
        id="mail",
        chat_ctx=context,
        tools=[look_up],
        examples=["ada at example dot com"],
        turn_handling={"endpointing": {"min_delay": 1.5}},
        extra_instructions="Speak slowly.",
        tts=None,
    )
    assert task.id == "mail"
    assert [tool.name for tool in task.tools] == [
        "confirm_email",
        "decline_email",
        "look_up",
        "update_email",
    ]
    assert task.examples == ("ada at example dot com",)
    assert task.turn_handling.endpointing is not None
    assert task.turn_handling.endpointing.min_delay == 1.5
    assert task.instructions.endswith("\nSpeak slowly.")
    assert [m.text_content for m in task.chat_ctx.messages()][1:] == ["I am ada@example.com"]


def test_there_are_all_options_of_a_task_but_the_instructions() -> None:
    parameters = set(inspect.signature(AgentTask).parameters)
    assert set(TaskOptions.__annotations__) == parameters - {"instructions"}


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'confirmation'"):
        GetEmailTask(confirmation=False)  # type: ignore[call-arg]


def test_the_model_is_told_of_confirming_only_where_it_is_asked_for() -> None:
    assert "confirm_email" in GetEmailTask().instructions
    assert "confirm_email" not in GetEmailTask(require_confirmation=False).instructions


# Names


def test_only_the_parts_of_a_name_that_are_asked_for_are_parameters() -> None:
    (tool,) = [t for t in GetNameTask(middle_name=True).tools if t.name == "update_name"]
    assert tool.parameters["properties"] == {
        "first_name": {"type": "string", "description": "The first name"},
        "middle_name": {
            "type": "string",
            "description": "The middle name, empty if there is none",
        },
    }
    assert tool.parameters["required"] == ["first_name", "middle_name"]


async def test_a_middle_name_may_be_missing() -> None:
    desk = desk_of(lambda: GetNameTask(middle_name=True, require_confirmation=False))
    named = Call("update_name", first_name="Ada", middle_name="")
    async with talk(desk, {**BASE, "Ada": named}) as t:
        await t.hear("hello", "Ada")
        assert desk.got == [GetNameResult(first_name="Ada")]
        assert str(desk.got[0]) == "Ada"


def test_spelling_is_verified_by_reading_it_back() -> None:
    task = GetNameTask(verify_spelling=True, require_confirmation=False)
    assert task.require_confirmation
    assert "read it back, spelled letter by letter, and ask" in task.instructions


def test_a_name_without_parts_is_refused() -> None:
    with pytest.raises(SettingError) as caught:
        GetNameTask(first_name=False)
    assert str(caught.value) == (
        "GetNameTask asks for no part of the name; leave first_name, or set last_name=True"
    )


# Addresses


async def test_a_country_that_is_known_is_not_asked_for() -> None:
    desk = desk_of(lambda: GetAddressTask(country="Germany", require_confirmation=False))
    told = Call("update_address", street="Am Markt 1", city="Bremen", postal_code="28195")
    async with talk(desk, {**BASE, "Bremen": told}) as t:
        await t.hear("hello")
        assert "The country is Germany: don't ask for it." in t.session.current_agent.instructions
        await t.hear("in Bremen")
        (got,) = desk.got
        assert got.address == str(got) == "Am Markt 1, Bremen, 28195, Germany"


# Dates


async def test_the_model_is_told_what_day_it_is() -> None:
    async with talk(desk_of(lambda: GetDateTask(today="2024-02-29")), BASE) as t:
        await t.hear("hello")
        told = t.session.current_agent.instructions
        assert told.startswith("Today is Thursday, 2024-02-29.\nYou talk with a caller")


async def test_today_is_the_day_on_which_the_session_started_when_it_is_not_given() -> None:
    async with talk(desk_of(GetDateTask), BASE) as t:
        await t.hear("hello")
        told = t.session.current_agent.instructions.partition("\n")[0]
        day = t.session.started_at.date()
        assert told == f"Today is {day:%A}, {day}."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "2026-11-21",
            "Saturday, 2026-11-21, is before 2026-11-22, the earliest date that is possible; "
            "tell the caller, and ask again",
        ),
        (
            "2027-01-01",
            "Friday, 2027-01-01, is after 2026-12-31, the latest date that is possible; tell the "
            "caller, and ask again",
        ),
        ("2025-02-29", "'2025-02-29' is no date: that month has the days 1 to 28"),
        ("2026-13-01", "'2026-13-01' is no date: there is no month 13"),
        ("0000-01-01", "'0000-01-01' is no date: there is no year 0"),
        ("1.12.2026", "'1.12.2026' is not written as year, month and day: 2026-01-31"),
        ("2026-1-1", "'2026-1-1' is not written as year, month and day: 2026-01-31"),
        ("tomorrow", "'tomorrow' is not written as year, month and day: 2026-01-31"),
    ],
)
def test_dates_are_checked(given: str, message: str) -> None:
    task = GetDateTask(earliest="today", latest=date(2026, 12, 31), today="2026-11-22")
    with pytest.raises(ToolError) as caught:
        task.check(given)
    assert str(caught.value) == message


@pytest.mark.parametrize("given", ["2026-11-22", "2026-12-31", " 2026-12-01 "])
def test_bounds_are_possible_dates(given: str) -> None:
    task = GetDateTask(earliest="today", latest=date(2026, 12, 31), today=date(2026, 11, 22))
    assert task.check(given).isoformat() == given.strip()


def test_nobody_who_calls_is_older_than_125() -> None:
    task = GetDOBTask(today="2026-11-22")
    assert task.check("1901-01-01") == date(1901, 1, 1)


async def test_a_date_of_birth_too_long_ago_is_refused() -> None:
    replies = {**BASE, "born": Call("update_date_of_birth", date_of_birth="1890-01-01"), "": "?"}
    async with talk(desk_of(lambda: GetDOBTask(today="2026-11-22")), replies) as t:
        await t.hear("hello", "I was born in ninety")
        assert t.of("error") == [
            "error update_date_of_birth: 1890-01-01 is more than 125 years ago; ask the caller for "
            "the year again"
        ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"earliest": "2026-02-30"},
            "earliest='2026-02-30' is no date: that month has the days 1 to 28",
        ),
        (
            {"latest": "1.2.26"},
            "latest='1.2.26' is not written as year, month and day: 2026-01-31",
        ),
        ({"latest": 5}, "latest=5 is no date; give a date, or text such as '2026-01-31'"),
        (
            {"today": "today"},
            "today='today' is not written as year, month and day: 2026-01-31",
        ),
        (
            {"earliest": "2026-02-03", "latest": "2026-01-01"},
            "earliest=2026-02-03 is after latest=2026-01-01: no date is possible",
        ),
    ],
)
def test_options_of_dates_are_checked(options: Any, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        GetDateTask(**options)
    assert str(caught.value) == message


# Telephone numbers


@pytest.mark.parametrize("code", ["0", "1234", "DE", ""])
def test_a_country_code_is_digits(code: str) -> None:
    with pytest.raises(SettingError) as caught:
        GetPhoneNumberTask(country_code=code)
    assert str(caught.value) == (f"country_code={code!r} is no country code; give its digits: '49'")


def test_a_country_code_may_have_its_plus() -> None:
    GetPhoneNumberTask(country_code="+49")


# Questions


@pytest.mark.parametrize("answer", [True, False])
async def test_a_question_is_answered_by_yes_or_no(answer: bool) -> None:
    desk = desk_of(lambda: ConfirmTask("May we record the call?"))
    replies = {**BASE, "hm": "Yes or no?", "answer": Call("update_answer", yes=answer)}
    async with talk(desk, replies) as t:
        await t.hear("hello", "hm", "my answer")
        assert desk.got == [answer]


async def test_a_question_may_be_left_unanswered() -> None:
    desk = desk_of(lambda: ConfirmTask("May we record the call?"))
    async with talk(desk, {**BASE, "whatever": Call("decline_answer"), "": "?"}) as t:
        await t.hear("hello", "whatever")
        assert str(desk.errors[0]) == (
            "the caller would not give an answer to the question 'May we record the call?'"
        )


def test_a_question_needs_words() -> None:
    with pytest.raises(ConfigurationError) as caught:
        ConfirmTask(" ")
    assert str(caught.value) == (
        "ConfirmTask got ' '; give a question: ConfirmTask('May we call back?')"
    )


# One's own, and in groups


class GetPolicy(CollectTask[str]):
    """Asks for a policy number: two letters and four digits."""

    def __init__(self, **options: Any) -> None:
        super().__init__(noun="policy", what="the policy number", **options)

    @function_tool
    async def update_policy(self, ctx: RunContext[Any], number: str) -> str | None:
        """Notes the number."""
        if len(number) != 6:
            raise ToolError("a policy number has six signs")
        return self.note(ctx, number.upper(), number.upper())


async def test_a_value_of_ones_own_is_collected() -> None:
    replies = script("policy", {"number": "ab1"}, {"number": "ab1234"})
    desk = desk_of(GetPolicy)
    async with talk(desk, replies) as t:
        await t.hear("hello", "wrong", "right", "yes")
        assert desk.got == ["AB1234"]


async def test_ready_made_tasks_are_steps_of_a_group() -> None:
    def make() -> AgentTask[Any]:
        made = TaskGroup()
        made.add(
            lambda: GetNameTask(require_confirmation=False), id="name", description="asks the name"
        )
        return made.add(GetEmailTask, id="email", description="asks the e-mail address")

    replies = {
        "my name was": Call("go_back", step_ids=["name"]),
        "Bob": Call("update_name", first_name="Bob"),
        "I am Ada": Call("update_name", first_name="Ada"),
        **script("email", {"email": "x"}, {"email": "ada@example.com"}),
    }
    desk = desk_of(make)
    async with talk(desk, replies) as t:
        await t.hear("hello", "I am Ada", "my name was misheard", "Bob", "right", "yes")
        (got,) = desk.got
        assert got.task_results == {
            "name": GetNameResult(first_name="Bob"),
            "email": GetEmailResult("ada@example.com"),
        }


async def test_a_hand_off_inside_leaves_a_ready_made_task() -> None:
    @function_tool
    async def operator() -> Agent:
        """A person."""
        return Agent(id="operator")

    desk = desk_of(lambda: GetEmailTask(tools=[operator]))
    async with talk(desk, {**BASE, "a person": Call("operator")}) as t:
        await t.hear("hello", "a person")
        assert t.agent == "operator"
        assert t.of("error ask") == [
            "error ask: ToolError: the task 'get_email_task' gave way to agent 'operator'"
        ]
