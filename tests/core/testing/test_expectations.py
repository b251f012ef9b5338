import re
from unittest import mock

import pytest

from antiphon import Agent
from antiphon.testing import (
    AgentHandoffAssert,
    AgentHandoffEvent,
    ChatMessageAssert,
    ChatMessageEvent,
    EventAssert,
    FunctionCallAssert,
    FunctionCallEvent,
    FunctionCallOutputAssert,
    FunctionCallOutputEvent,
)

from .hotel import Desk, Kitchen, hotel

pytestmark = pytest.mark.virtual_time

BOOKED = """\
        user: room twelve
     0  message               assistant (desk): One moment.
     1  function_call         book(room=12, guest="Ann")
     2  function_call_output  book -> 'Ann has room 12'
     3  message               assistant (desk): It is done."""


def marked(*indices, shown=BOOKED):
    """The events with `>>` before some of them."""
    lines = shown.splitlines()
    for index in indices:
        lines[1 + index] = ">>" + lines[1 + index][2:]
    return "\n".join(lines)


async def run(words="room twelve"):
    async with hotel() as session:
        return await session.run(user_input=words)


def failure(call):
    with pytest.raises(AssertionError) as caught:
        call()
    return str(caught.value)


# One after another


async def test_next_event_goes_through_the_events_and_ends_with_no_more_events():
    expect = (await run()).expect
    expect.next_event().is_message(role="assistant", text="One moment.")
    expect.next_event().is_function_call(name="book", arguments={"room": 12, "guest": "Ann"})
    expect.next_event().is_function_call_output(output="Ann has room 12", is_error=False)
    expect.next_event().is_message()
    expect.no_more_events()


async def test_expect_is_one_and_the_same_each_time():
    result = await run()
    assert result.expect is result.expect
    result.expect.next_event().is_message()
    result.expect.next_event().is_function_call()


async def test_next_event_with_a_type_skips_others():
    expect = (await run()).expect
    call = expect.next_event(type="function_call")
    assert isinstance(call, FunctionCallAssert)
    assert call.event().item.name == "book"
    assert expect.next_event(type="message").event().item.text_content == "It is done."
    expect.no_more_events()


async def test_next_event_beyond_the_end_fails():
    expect = (await run()).expect
    expect.skip_next(4)
    assert failure(expect.next_event) == (
        f"expected another event, but there is none\n\n{BOOKED}\n>>      (no more events)"
    )


async def test_next_event_of_a_type_that_does_not_come_fails_and_stays_where_it_is():
    expect = (await run()).expect
    expect.skip_next()
    assert failure(lambda: expect.next_event(type="agent_handoff")) == (
        "expected an event of the type 'agent_handoff' from event 1 on, but there is none\n\n"
        f"{BOOKED}\n>>      (no more events)"
    )
    expect.next_event().is_function_call()


async def test_skip_next_beyond_the_end_fails():
    expect = (await run()).expect
    assert expect.skip_next(3) is expect
    assert failure(lambda: expect.skip_next(2)) == (
        f"expected 2 more events to skip, but there is 1\n\n{marked(3)}"
    )
    expect.skip_next().no_more_events()
    assert failure(expect.skip_next) == (
        f"expected 1 more event to skip, but there is none\n\n{BOOKED}\n>>      (no more events)"
    )


async def test_skip_next_event_if_skips_only_what_fits():
    expect = (await run()).expect
    assert expect.skip_next_event_if(type="function_call") is None
    assert expect.skip_next_event_if(type="message", role="user") is None
    skipped = expect.skip_next_event_if(type="message", role="assistant")
    assert isinstance(skipped, ChatMessageAssert)
    assert expect.skip_next_event_if(type="function_call", name="ring") is None
    assert expect.skip_next_event_if(type="function_call", arguments={"room": 13}) is None
    assert expect.skip_next_event_if(type="function_call", name="book", arguments={"room": 12})
    assert expect.skip_next_event_if(type="function_call_output", is_error=True) is None
    assert expect.skip_next_event_if(type="function_call_output", name="book")
    assert expect.skip_next_event_if(type="message", text=re.compile("done"))
    assert expect.skip_next_event_if(type="message") is None
    expect.no_more_events()


async def test_no_more_events_fails_at_the_first_that_is_left():
    expect = (await run()).expect
    expect.skip_next(2)
    assert failure(expect.no_more_events) == (
        f"expected no more events, but there are 2\n\n{marked(2)}"
    )
    expect.skip_next()
    assert failure(expect.no_more_events) == (
        f"expected no more events, but there is 1\n\n{marked(3)}"
    )


# One by its place


async def test_events_are_found_by_their_place():
    expect = (await run()).expect
    expect[0].is_message(text="One moment.")
    expect[-1].is_message(text="It is done.")
    assert expect[1].event() is not None
    expect.next_event().is_message(text="One moment.")


@pytest.mark.parametrize("index", [4, -5])
async def test_a_place_that_is_not_there_fails(index):
    expect = (await run()).expect
    assert failure(lambda: expect[index]) == (
        f"expected an event {index}, but there are 4\n\n{BOOKED}\n>>      (no more events)"
    )


async def test_a_run_without_events_says_so():
    expect = (await run("ring the bell")).expect
    expect.skip_next(2).no_more_events()
    assert failure(lambda: expect[2]) == (
        "expected an event 2, but there are 2\n"
        "\n"
        "        user: ring the bell\n"
        "     0  function_call         ring()\n"
        "     1  function_call_output  ring -> ''\n"
        ">>      (no more events)"
    )


# What an event is


async def test_each_kind_of_event_has_its_own_assert_and_event():
    result = await run("when can I eat")
    kinds = [
        (FunctionCallAssert, FunctionCallEvent),
        (FunctionCallOutputAssert, FunctionCallOutputEvent),
        (AgentHandoffAssert, AgentHandoffEvent),
        (ChatMessageAssert, ChatMessageEvent),
    ]
    for index, (of, event) in enumerate(kinds):
        assert type(result.expect[index]) is of
        assert isinstance(result.expect[index], EventAssert)
        assert type(result.expect[index].event()) is event
    assert isinstance(result.expect[0].is_function_call(), FunctionCallAssert)
    assert isinstance(result.expect[1].is_function_call_output(), FunctionCallOutputAssert)
    assert isinstance(result.expect[2].is_agent_handoff(), AgentHandoffAssert)
    assert isinstance(result.expect[3].is_message(), ChatMessageAssert)


async def test_a_hand_off_is_known_by_class_or_id():
    handoff = (await run("when can I eat")).expect[2]
    handoff.is_agent_handoff(new_agent_type=Kitchen)
    handoff.is_agent_handoff(new_agent_type=Agent)
    handoff.is_agent_handoff(new_agent_id="kitchen")
    shown = (
        "        user: when can I eat\n"
        "     0  function_call         ask_the_kitchen()\n"
        "     1  function_call_output  ask_the_kitchen -> ''\n"
        ">>   2  agent_handoff         desk -> kitchen\n"
        "     3  message               assistant (kitchen): We serve breakfast from seven."
    )
    assert failure(lambda: handoff.is_agent_handoff(new_agent_type=Desk)) == (
        "expected event 2 to be an agent handoff to a Desk\n"
        "  its new agent is a Kitchen, not a Desk\n"
        f"\n{shown}"
    )
    assert failure(lambda: handoff.is_agent_handoff(new_agent_id="bar")) == (
        "expected event 2 to be an agent handoff to 'bar'\n"
        "  its new_agent_id is 'kitchen', not 'bar'\n"
        f"\n{shown}"
    )


async def test_another_kind_of_event_fails():
    expect = (await run()).expect
    assert failure(lambda: expect[1].is_message(role="assistant")) == (
        "expected event 1 to be a message of the role 'assistant'\n"
        "  it is a function call\n"
        f"\n{marked(1)}"
    )


async def test_a_message_of_another_role_or_text_fails():
    expect = (await run()).expect
    assert failure(lambda: expect[0].is_message(role="user", text="Two moments.")) == (
        "expected event 0 to be a message of the role 'user' with the text 'Two moments.'\n"
        "  its role is 'assistant', not 'user'\n"
        "  its text is 'One moment.'\n"
        f"\n{marked(0)}"
    )
    expect[0].is_message(text=re.compile("moment"))
    assert failure(lambda: expect[0].is_message(text=re.compile("two", re.IGNORECASE))) == (
        "expected event 0 to be a message with the text /two/\n"
        "  its text is 'One moment.'\n"
        f"\n{marked(0)}"
    )


async def test_arguments_may_be_given_in_part():
    call = (await run()).expect[1]
    call.is_function_call(arguments={})
    call.is_function_call(arguments={"guest": "Ann"})
    call.is_function_call(arguments={"room": mock.ANY})
    call.is_function_call(arguments={"room": pytest.approx(12.0)})


async def test_every_difference_of_a_call_is_named():
    call = (await run()).expect[1]
    wanted = {"room": 13, "gest": "Ann", "night": 1}
    assert failure(lambda: call.is_function_call(name="bok", arguments=wanted)) == (
        "expected event 1 to be a function call of 'bok' with the arguments {'room': 13, 'gest': "
        "'Ann', 'night': 1}\n"
        "  its name is 'book', not 'bok'\n"
        "  its argument 'room' is 12, not 13\n"
        "  it has no argument 'gest' (it has: room, guest); did you mean 'guest'?\n"
        "  it has no argument 'night' (it has: room, guest)\n"
        f"\n{marked(1)}"
    )


async def test_outputs_are_compared_as_text_or_as_the_value_that_was_returned():
    output = (await run()).expect[2]
    output.is_function_call_output(output="Ann has room 12", name="book", is_error=False)
    output.is_function_call_output(output=re.compile(r"room \d+$"))
    assert failure(lambda: output.is_function_call_output(output={"room": 12}, is_error=True)) == (
        "expected event 2 to be a function call output with the output {'room': 12} that is an "
        "error\n"
        "  its is_error is False, not True\n"
        "  its output is 'Ann has room 12'\n"
        f"\n{marked(2)}"
    )


async def test_an_output_of_json_is_compared_by_what_it_holds():
    from antiphon import function_tool
    from antiphon.testing import Call

    class Lister(Agent):
        @function_tool
        async def rooms(self) -> dict[str, object]:
            """Lists."""
            return {"free": [1, 2], "guest": None}

    async with hotel(Lister(), {"free": "Two.", "list": Call("rooms")}) as session:
        output = (await session.run(user_input="list")).expect[1]
        output.is_function_call_output(output={"guest": None, "free": (1, 2)})
        output.is_function_call_output(output='{"free": [1, 2], "guest": null}')
        with pytest.raises(AssertionError):
            output.is_function_call_output(output={"free": [1, 2]})


async def test_an_output_that_is_an_error_is_known_as_one():
    expect = (await run("room hundred")).expect
    expect[1].is_function_call_output(is_error=True, output="there is no room 100")
    assert failure(lambda: expect[1].is_function_call_output(is_error=False)) == (
        "expected event 1 to be a function call output that is no error\n"
        "  its is_error is True, not False\n"
        "\n"
        "        user: room hundred\n"
        "     0  function_call         book(room=100)\n"
        ">>   1  function_call_output  book -> error 'there is no room 100'\n"
        "     2  message               assistant (desk): Sorry."
    )


# Among them


async def test_contains_finds_the_first_that_fits():
    expect = (await run()).expect
    expect.skip_next(4)
    assert expect.contains_message(role="assistant").event().item.text_content == "One moment."
    expect.contains_message(text="It is done.")
    expect.contains_function_call(name="book", arguments={"room": 12})
    expect.contains_function_call_output(output="Ann has room 12")
    (await run("when can I eat")).expect.contains_agent_handoff(new_agent_type=Kitchen)


async def test_contains_names_what_is_otherwise_with_each_that_comes_near():
    expect = (await run()).expect
    assert failure(lambda: expect.contains_function_call(name="book", arguments={"room": 13})) == (
        "expected a function call of 'book' with the arguments {'room': 13}, but there is none\n"
        "\n"
        "        user: room twelve\n"
        "     0  message               assistant (desk): One moment.\n"
        '>>   1  function_call         book(room=12, guest="Ann")\n'
        "                              ^ its argument 'room' is 12, not 13\n"
        "     2  function_call_output  book -> 'Ann has room 12'\n"
        "     3  message               assistant (desk): It is done."
    )
    assert failure(lambda: expect.contains_message(text="Done.")) == (
        "expected a message with the text 'Done.', but there is none\n"
        "\n"
        "        user: room twelve\n"
        ">>   0  message               assistant (desk): One moment.\n"
        "                              ^ its text is 'One moment.'\n"
        '     1  function_call         book(room=12, guest="Ann")\n'
        "     2  function_call_output  book -> 'Ann has room 12'\n"
        ">>   3  message               assistant (desk): It is done.\n"
        "                              ^ its text is 'It is done.'"
    )
    assert failure(lambda: expect.contains_agent_handoff(new_agent_id="bar")) == (
        f"expected an agent handoff to 'bar', but there is none\n\n{BOOKED}"
    )


async def test_a_range_looks_among_its_own_events_only():
    expect = (await run()).expect
    expect[0:2].contains_function_call(name="book")
    expect[2:].contains_message(text="It is done.")
    assert [event.type for event in expect[1:3].events] == [
        "function_call",
        "function_call_output",
    ]
    for part, where in (
        (expect[2:], "among the events 2 to 3"),
        (expect[0:1], "at event 0"),
        (expect[4:], "among no events at all"),
    ):
        with pytest.raises(AssertionError) as caught:
            part.contains_function_call(name="book")
        assert str(caught.value) == (
            f"expected a function call of 'book' {where}, but there is none\n\n{BOOKED}"
        )


# What is asked for in the wrong way


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda e: e.next_event(type="func_call"),
            ValueError,
            "next_event(): there is no type of events 'func_call' (there are: message, "
            "function_call, function_call_output, agent_handoff); did you mean 'function_call'?",
        ),
        (
            lambda e: e.skip_next_event_if(type="msg"),
            ValueError,
            "skip_next_event_if(): there is no type of events 'msg' (there are: message, "
            "function_call, function_call_output, agent_handoff); did you mean 'message'?",
        ),
        (
            lambda e: e.skip_next_event_if(type="message", name="book"),
            TypeError,
            "skip_next_event_if() got name='book', which a message does not have "
            "(it has: role, text)",
        ),
        (
            lambda e: e[0].is_message(role="asistant"),
            ValueError,
            "is_message(): there is no role 'asistant' (there are: system, developer, user, "
            "assistant); did you mean 'assistant'?",
        ),
        (
            lambda e: e.contains_function_call(arguments='{"room": 12}'),
            TypeError,
            "contains_function_call() got arguments='{\"room\": 12}'; give a dict of those that "
            "matter",
        ),
        (
            lambda e: e.contains_agent_handoff(new_agent_type="kitchen"),
            TypeError,
            "contains_agent_handoff() got new_agent_type='kitchen'; give a class of agents, or "
            "new_agent_id='kitchen'",
        ),
        (
            lambda e: e.contains_agent_handoff(new_agent_type=int),
            TypeError,
            "contains_agent_handoff() got new_agent_type=<class 'int'>; give a class of agents",
        ),
    ],
)
async def test_wrong_use_is_no_failed_expectation(call, kind, message):
    expect = (await run()).expect
    with pytest.raises(kind) as caught:
        call(expect)
    assert str(caught.value) == message


# How events are shown


async def test_long_texts_and_line_breaks_stay_in_one_line():
    async with hotel(replies=["a\nb " + 400 * "x"]) as session:
        result = await session.run(user_input="hello\nthere")
        user, event = result.shown().splitlines()
        assert user == "        user: hello\\nthere"
        assert event.startswith("     0  message  assistant (desk): a\\nb xxx")
        assert event.endswith("x…")
        assert len(event) == 8 + len("message  ") + 300


async def test_arguments_that_are_no_json_are_shown_as_they_were_written():
    from antiphon.testing import Call

    async with hotel(replies=[Call.raw("book", "[1,"), "Hm."]) as session:
        result = await session.run(user_input="book")
        assert "     0  function_call         book([1,)" in result.shown().splitlines()
        assert failure(lambda: result.expect[0].is_function_call(arguments={"room": 1})).startswith(
            "expected event 0 to be a function call with the arguments {'room': 1}\n"
            "  its arguments are no JSON object: [1,\n"
        )


async def test_what_failed_meanwhile_is_shown_under_the_events():
    result = await run("spill it")
    assert failure(lambda: result.expect[1].is_function_call_output(output="ink")) == (
        "expected event 1 to be a function call output with the output 'ink'\n"
        "  its output is 'an internal error occurred'\n"
        "\n"
        "        user: spill it\n"
        "     0  function_call         spill()\n"
        ">>   1  function_call_output  spill -> error 'an internal error occurred'\n"
        "     2  message               assistant (desk): Something broke.\n"
        "        error of tool 'spill': KeyError: 'ink'"
    )


async def test_a_message_that_was_interrupted_is_shown_as_such():
    async with hotel(replies=[["One two three four", "five six"]]) as session:
        run = session.run(user_input="count")
        session._conversation.loop.call_later(0.15, session.interrupt)
        result = await run
        assert result.shown().endswith("(interrupted)")
