"""Rules, calls and small talk: what is said and called in one step."""

from __future__ import annotations

import json
import logging
from typing import Literal

import pytest

from antiphon.chat import FunctionCall, FunctionCallOutput
from antiphon.tools import function_tool
from antiphon_providers.rules import Dialogue, Form, Question, Rule


@function_tool
async def set_light(room: str, on: bool, level: int = 100, colour: float | None = None) -> str:
    """Switches a light."""
    return "ok"


@function_tool
async def set_mode(mode: Literal["Eco", "Full power"]) -> str:
    """Sets the mode."""
    return "ok"


@function_tool
async def hang_up() -> None:
    """Ends the call."""


LIGHT = Rule(
    when="[turn] the {room:kitchen|living room} light {on:yesno}",
    say="Let me do that.",
    call={"set_light": {"room": "{room}", "on": "{on}", "level": "50"}},
)


def test_arguments_come_in_the_types_of_the_schema(talk):
    it = talk(Dialogue(rules=[LIGHT]), [set_light])
    assert it.user("The Living Room light? Yes!") == "Let me do that."
    assert it.calls == [("set_light", {"room": "living room", "on": True, "level": 50})]


def test_a_call_without_arguments_takes_captures_of_the_parameters_names(talk):
    rule = Rule(when="{room:word} at {level:number} {on:yesno}", call="set_light")
    it = talk(Dialogue(rules=[rule]), [set_light])
    it.user("kitchen at forty yes")
    assert it.calls == [("set_light", {"room": "kitchen", "on": True, "level": 40})]


def test_an_enum_takes_its_own_spelling(talk):
    it = talk(Dialogue(rules=[Rule(when="mode {mode:text}", call="set_mode")]), [set_mode])
    it.user("mode full power")
    assert it.calls == [("set_mode", {"mode": "Full power"})]


def test_arguments_that_do_not_fit_make_no_call(talk, caplog):
    rule = Rule(when="mode {mode:word}", say="Here goes.", call="set_mode")
    it = talk(Dialogue(rules=[rule]), [set_mode])
    with caplog.at_level(logging.WARNING, "antiphon.rules"):
        assert it.user("mode turbo") == "I am sorry, I cannot do that right now."
    assert it.calls == []
    assert caplog.messages == [
        "the tool 'set_mode' was not called: its parameter 'mode' cannot be 'turbo': "
        "it takes one of Eco, Full power"
    ]


def test_several_calls_in_one_step(talk):
    rule = Rule(
        when="good night",
        call=[
            {"set_light": {"room": "kitchen", "on": False}},
            {"set_light": {"room": "hall", "on": False}},
            "hang_up",
        ],
    )
    it = talk(Dialogue(rules=[rule]), [set_light, hang_up])
    it.user("good night")
    assert it.calls == [
        ("set_light", {"room": "kitchen", "on": False}),
        ("set_light", {"room": "hall", "on": False}),
        ("hang_up", {}),
    ]
    assert len({call.call_id for call in it.pending}) == 3


def test_several_outputs_are_answered_in_the_order_of_the_calls(talk):
    rules = [
        Rule(when="lights", call=[{"set_light": {"room": r, "on": True}} for r in ("a", "b")]),
        Rule(
            after="set_light", say="The light in {call.room} is {output}.", error="Not {call.room}."
        ),
    ]
    it = talk(Dialogue(rules=rules), [set_light])
    it.user("lights")
    assert it.outputs("on", "dim").step() == "The light in a is on. The light in b is dim."


def test_a_tool_that_is_not_there_is_not_promised(talk, caplog):
    @function_tool
    async def set_lights() -> None:
        """Switches all lights."""

    it = talk(Dialogue(rules=[LIGHT]), [set_lights])
    with caplog.at_level(logging.WARNING, "antiphon.rules"):
        assert it.user("the kitchen light, dimly") == "Sorry, I did not understand that."
        assert it.user("the kitchen light yes") == "I am sorry, I cannot do that right now."
        it.user("the kitchen light yes")
    assert caplog.messages == [
        "the dialogue calls 'set_light', which is not among the agent's tools (set_lights); "
        "did you mean 'set_lights'?"
    ]


def test_with_tools_off_the_answer_is_in_words(talk):
    it = talk(Dialogue(rules=[LIGHT]), [set_light])
    assert it.user("the kitchen light yes", tool_choice="none") == (
        "I am sorry, I cannot do that right now."
    )
    assert it.calls == []


def test_required_calls_the_tool_that_fits(talk):
    it = talk(Dialogue(), [hang_up, set_mode])
    it.user("eco please, the mode", tool_choice="required")
    assert it.calls == [("set_mode", {"mode": "Eco"})]
    it.outputs("ok")
    assert it.step(tool_choice="required") == "ok."


def test_a_named_tool_is_the_only_one_that_may_be_called(talk, caplog):
    it = talk(Dialogue(rules=[LIGHT]), [set_light, hang_up])
    it.user("the kitchen light yes", tool_choice="hang_up")
    assert it.calls == [("hang_up", {})]


def test_required_without_a_fitting_tool_asks_in_words_and_says_so_in_the_log(talk, caplog):
    it = talk(Dialogue(), [set_mode, set_light])
    with caplog.at_level(logging.WARNING, "antiphon.rules"):
        assert it.user("hmm", tool_choice="required") == "Sorry, I did not understand that."
    assert caplog.messages == [
        "a tool call is required, but no tool fits what was said (set_mode, set_light); "
        "answered in words"
    ]


def test_order_then_the_most_specific_pattern(talk):
    rules = [
        Rule(name="first", when=["{x:word} now", "pay {x:word} now"], say="first {x}"),
        Rule(name="second", when="pay the bill now", say="second"),
    ]
    it = talk(Dialogue(rules=rules))
    assert it.user("pay it now") == "first it"
    assert it.user("pay the bill now") == "first bill"


def test_things_to_say_take_turns_by_what_was_said_before(talk):
    it = talk(Dialogue(rules=[Rule(when="joke", say=["One.", "Two."])]))
    assert [it.user("a joke") for _ in range(3)] == ["One.", "Two.", "One."]
    assert [it.user("frob") for _ in range(4)] == [
        "Sorry, I did not understand that.",
        "I am afraid I did not get that either.",
        "Sorry, could you put that in other words?",
        "Sorry, I did not understand that.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hi there!", "Hello!"),
        ("Hello, how are you doing today?", "I am fine, thank you."),
        ("Thanks a lot.", "You are welcome."),
        ("thank you, goodbye", "Goodbye!"),
        ("no thanks, that's all", "Goodbye!"),
        ("Are you a robot?", "I am a scripted program: neither a person nor a language model."),
        ("am i talking to a human being", "Sorry, I did not understand that."),
        ("What can I say?", 'You can say: "one", "two" or "three".'),
        ("never mind", "All right."),
        ("pardon?", "I have not said anything yet."),
        ("hello my dear old friend", "Hello!"),
    ],
)
def test_small_talk(talk, text, said):
    assert talk(Dialogue(examples=["one", "two", "three", "four"])).user(text) == said


def test_small_talk_can_be_replaced_or_left_out(talk):
    own = Dialogue(
        small_talk=["thanks"], rules=[Rule(on="thanks", say="Any time.", call="hang_up")]
    )
    it = talk(own, [hang_up])
    assert it.user("thank you") == "Any time."
    assert it.calls == [("hang_up", {})]
    it.outputs("")
    assert it.user("hello") == "Sorry, I did not understand that."


def test_captures_are_kept_for_later_texts(talk):
    rules = [
        Rule(when="i am {who:name}", say="Hello, {who}."),
        Rule(when="who am i", say=["You are {who}."]),
        Rule(when="and you", say="I am a script[, {who}]."),
    ]
    it = talk(Dialogue(rules=rules, small_talk=False))
    assert it.user("and you?") == "I am a script."
    assert it.user("i am ann") == "Hello, Ann."
    assert it.user("who am i") == "You are Ann."
    assert it.user("and you?") == "I am a script, Ann."


def test_a_text_whose_references_have_nothing_is_not_said(talk, caplog):
    rules = [
        Rule(when="i am {who:name}", say="Hello."),
        Rule(when="who am i", say="You are {who}."),
    ]
    it = talk(Dialogue(rules=rules))
    with caplog.at_level(logging.WARNING, "antiphon.rules"):
        assert it.user("who am i") == "Sorry, I did not understand that."
    assert caplog.messages == ["'You are {who}.' was not said: what it refers to is not known yet"]


def test_templates_over_json_fields_lists_and_numbers(talk):
    say = (
        "{output.n}, {output.ok}, {output.rows.1.id:upper}, {output.names}[, {output.gone}]. {{x}}"
    )
    it = talk(Dialogue(rules=[Rule(after="hang_up", say=say)]), [hang_up])
    output = json.dumps(
        {"n": 42.0, "ok": True, "rows": [{"id": "a"}, {"id": "b"}], "names": ["x", "y", "z"]}
    )
    it.ctx.append(FunctionCall(call_id="1", name="hang_up", arguments="{}"))
    it.ctx.append(FunctionCallOutput(call_id="1", name="hang_up", output=output))
    assert it.step() == "42, yes, B, x, y and z. {x}"


def test_outputs_without_a_rule_are_said_as_they_are(talk):
    it = talk(Dialogue(rules=[Rule(when="go", call="hang_up")]), [hang_up])
    it.user("go")
    assert it.outputs("It is done and dusted").step() == "It is done and dusted."
    it.user("go")
    assert it.outputs("").step() == "That is done."
    it.user("go")
    assert it.outputs("an internal error occurred", is_error=True).step() == (
        "I am sorry, that did not work: an internal error occurred."
    )


def test_instructions_find_their_rule_and_others_are_logged(talk, caplog):
    rules = [Rule(instructions="(say|tell) * {what:weather|time}", say="It is always {what} here.")]
    it = talk(Dialogue(rules=rules))
    it.user("hello")
    assert it.step(instructions="Please tell the caller the time.") == "It is always time here."
    with caplog.at_level(logging.WARNING, "antiphon.rules"):
        assert it.step(instructions="Sing.") == "Is there anything else I can do for you?"
    assert caplog.messages == [
        "no rule is for the instructions 'Sing.'; give the dialogue one: instructions = \"...\""
    ]


def test_instructions_that_call_a_tool_call_it_once(talk):
    """Core shows the instructions in every step of the reply."""
    rules = [Rule(instructions="hang up", call="hang_up"), Rule(after="hang_up", say="Bye.")]
    it = talk(Dialogue(rules=rules), [hang_up])
    it.step(instructions="Hang up.")
    assert it.calls == [("hang_up", {})]
    assert it.outputs("ok").step(instructions="Hang up.") == "Bye."
    assert it.calls == []


def test_instructions_after_a_tool_that_gave_nothing_are_followed(talk):
    rules = [Rule(instructions="ask", say="Are you there?"), Rule(when="go", call="hang_up")]
    it = talk(Dialogue(rules=rules), [hang_up])
    it.user("go")
    assert it.outputs("").step(instructions="Ask whether they are there.") == "Are you there?"


def test_a_form_calls_once_complete_and_again_when_corrected(talk):
    @function_tool
    async def book(guests: int, day: str, outside: bool) -> str:
        """Books a table."""
        return "booked"

    form = Form(
        name="table",
        when="book * table",
        say="Booking for {guests} on {day}.",
        call="book",
        questions=[
            Question(
                name="guests",
                type="number",
                ask="For how many?",
                when=["for {guests} [people|guests]", "{guests} (people|guests)"],
            ),
            Question(name="day", choices=["Friday", "Saturday"], ask="Which day?", when="on {day}"),
            Question(name="outside", type="yesno", ask="Outside?"),
        ],
    )
    it = talk(Dialogue(forms=[form]), [book])
    assert it.user("I'd like to book a table for four") == "Which day?"
    assert it.user("er, what?") == "Which day?"
    assert it.user("saturday I think") == "Outside?"
    assert it.user("yes please") == "Booking for 4 on Saturday."
    assert it.calls == [("book", {"guests": 4, "day": "Saturday", "outside": True})]
    assert it.outputs("Your table is booked").step() == "Your table is booked."
    assert it.user("no wait, I meant on Friday") == "Booking for 4 on Friday."
    assert it.calls == [("book", {"guests": 4, "day": "Friday", "outside": True})]
    it.outputs("Your table is booked").step()
    assert it.user("I want to book another table for two people") == "Which day?"
    assert it.user("forget it") == "All right."
    assert it.user("friday") == "Sorry, I did not understand that."


def test_text_comes_in_sentences(talk):
    it = talk(Dialogue(rules=[Rule(when="go", say="One. Two? Is it 3.50! Four")]))
    it.user("go")
    assert it.pieces == ["One. ", "Two? ", "Is it 3.50! ", "Four"]
