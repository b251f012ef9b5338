"""What is wrong in a dialogue file is said when it is read: where it is, and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.errors import ConfigurationError, SettingError
from antiphon_providers.rules import Call, Dialogue, Form, Question, Rule, RulesLLM

CENTRE = Path(__file__).with_name("call_centre.toml")


def load(tmp_path: Path, text: str, section: str | None = None) -> Dialogue:
    path = tmp_path / "talk.toml"
    path.write_text(text, encoding="utf-8")
    return Dialogue.from_toml(path, section=section)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[[rule]]\nwen = 'hello'\nsay = 'hi'\n",
            "talk.toml line 1, rule 1: unknown key 'wen' (known: name, when, regex, on, "
            "instructions, after, follows, where, say, error, call); did you mean 'when'?",
        ),
        (
            "exampels = []\n",
            "talk.toml: unknown key 'exampels' (known: rule, form, examples, small_talk, "
            "from_tools); did you mean 'examples'?",
        ),
        (
            "[[rule]]\nwhen = 'a'\nsay = 'x'\n\n[[rule]]\nname = 'age'\n"
            "when = 'i am {age:nummer}'\nsay = 'x'\n",
            "talk.toml line 5, rule 2 ('age'): in the pattern 'i am {age:nummer}': no capture is "
            "of type 'nummer' (types: word, name, number, digits, text, yesno, or choices: "
            "red|blue); did you mean 'number'?",
        ),
        (
            "[[rule]]\nwhen = 'i am {age:number}'\nsay = 'so you are {aeg}'\n",
            "talk.toml line 1, rule 1: 'so you are {aeg}' refers to 'aeg', which nothing captures "
            "(known: age, examples, offers); did you mean 'age'?",
        ),
        (
            "[[rule]]\nwhen = 'a'\nsay = '{output.amount}'\n",
            "talk.toml line 1, rule 1: '{output.amount}' refers to 'output', which only a rule "
            "with 'after' has; use it there",
        ),
        (
            "[[rule]]\nwhen = 'a'\nsay = '{examples:shout}'\n",
            "talk.toml line 1, rule 1: the text '{examples:shout}' has a reference with the "
            "unknown filter 'shout'; the filters are date, lower, spell, title, upper",
        ),
        (
            "[[rule]]\nwhen = 'a'\nsay = 'Thank you[, {examples}'\n",
            "talk.toml line 1, rule 1: the text 'Thank you[, {examples}' has a '[' that is not "
            "closed; write '[[' for the bracket",
        ),
        (
            "[[rule]]\nwhen = 'a'\nafter = 'b'\nsay = 'x'\n",
            "talk.toml line 1, rule 1: a rule has exactly one of 'when' (or 'regex'), 'on', "
            "'instructions' and 'after', not 'when' and 'after'",
        ),
        (
            "[[rule]]\nwhen = 'a'\n",
            "talk.toml line 1, rule 1: a rule needs something to do; give it 'say' or 'call'",
        ),
        (
            "[[rule]]\non = 'hallo'\nsay = 'x'\n",
            "talk.toml line 1, rule 1: 'on' takes one of enter, idle, empty, fallback, done, "
            "noted, error, unavailable, goodbye, cancel, repeat, who, help, how_are_you, thanks, "
            "hello, not 'hallo'; did you mean 'hello'?",
        ),
        (
            "[[rule]]\nname = 'offer'\nwhen = 'a'\nsay = 'x'\n"
            "[[rule]]\nwhen = 'yes'\nfollows = 'ofer'\nsay = 'y'\n",
            "talk.toml line 5, rule 2: 'follows' names no rule 'ofer' (named rules: offer); "
            "did you mean 'offer'?",
        ),
        (
            "[[rule]]\nwhen = 'a'\ncall = 3\n",
            "talk.toml line 1, rule 1: 'call' takes a tool's name or { tool = { ... } }, not 3",
        ),
        (
            "[[form]]\nname = 'f'\nwhen = 'a'\n[[form.question]]\nname = 'age'\ntpye = 'number'\n"
            "ask = 'How old?'\n",
            "talk.toml line 1, form 1 ('f'), question 1 ('age'): unknown key 'tpye' (known: name, "
            "type, choices, ask, when, again, call); did you mean 'type'?",
        ),
        (
            "[[form]]\nname = 'f'\nwhen = 'a'\n[[form.question]]\nname = 'age'\nask = 'How old?'\n"
            "when = 'i am old'\n",
            "talk.toml line 1, form 1 ('f'), question 1 ('age'): the pattern 'i am old' answers "
            "the question 'age' without capturing it; write '{age}' in it",
        ),
        (
            "[[form]]\nname = 'f'\n[[form.question]]\nname = 'age'\nask = 'How old?'\n",
            "talk.toml line 1, form 1 ('f'): a form needs 'when' (or on = \"enter\"): "
            "what begins it",
        ),
        (
            "[[rule]]\nwhen = '{output:word}'\nsay = 'x'\n",
            "talk.toml line 1, rule 1: a capture cannot be named 'output', which has a meaning of "
            "its own; rename it",
        ),
        (
            "[rule]\nsay = 'x'\n",
            "talk.toml: 'rule' is a list of tables; write [[rule]], in double brackets",
        ),
        ("a = [\n", "talk.toml is not TOML: invalid value (at end of document)"),
        (
            "small_talk = ['helo']\n",
            "talk.toml: 'small_talk' has no kind 'helo' (it has: goodbye, "
            "cancel, repeat, who, help, how_are_you, thanks, hello); did you mean 'hello'?",
        ),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, text, message):
    with pytest.raises(SettingError) as caught:
        load(tmp_path, text)
    assert str(caught.value) == message


def test_the_line_is_that_of_the_rule_in_its_section(tmp_path):
    text = (
        "[[rule]]\nwhen = 'a'\nsay = 'x'\n"
        "[dialogue.one]\n[[dialogue.one.rule]]\nwhen = 'a'\nsay = 'x'\n"
        "[dialogue.two]\n[[dialogue.two.rule]]\nwhen = 'a'\nsay = '{nothing}'\n"
    )
    with pytest.raises(SettingError) as caught:
        load(tmp_path, text, "one")
    assert str(caught.value) == (
        "talk.toml line 9, rule 1: '{nothing}' refers to 'nothing', which nothing captures "
        "(known: examples, offers)"
    )


def test_the_sections_of_a_file():
    assert Dialogue.from_toml(CENTRE, section="billing").name == "billing"
    with pytest.raises(ConfigurationError) as caught:
        Dialogue.from_toml(CENTRE, section="biling")
    assert str(caught.value) == (
        "call_centre.toml holds no dialogue 'biling' (dialogues: intake, customer_service, "
        "billing); did you mean 'billing'?"
    )
    with pytest.raises(ConfigurationError) as caught:
        Dialogue.from_toml(CENTRE)
    assert str(caught.value) == (
        "call_centre.toml holds several dialogues (intake, customer_service, billing); "
        "name one: '#intake' after the path, or section='intake'"
    )


def test_a_missing_file_is_named_with_a_near_one():
    with pytest.raises(ConfigurationError) as caught:
        RulesLLM(CENTRE.with_name("call_center.toml")).load()
    path = CENTRE.with_name("call_center.toml")
    assert str(caught.value) == (
        f"no dialogue file {str(path)!r} (looked for {path}); did you mean 'call_centre.toml'?"
    )


def test_a_file_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "talk.toml"
    path.write_bytes(b"examples = ['\xff']")
    with pytest.raises(SettingError) as caught:
        Dialogue.from_toml(path)
    assert str(caught.value) == (
        f"the dialogue file {str(path)!r} is not UTF-8 (byte 13); save it as UTF-8"
    )


def test_python_and_toml_make_the_same_dialogue(tmp_path):
    text = """
examples = ["book a table"]

[[rule]]
when = ["where are you", "address"]
say = "In Harbour Street."

[[form]]
name = "table"
when = "book a table"
say = "One moment."
call = { book = { guests = "{guests}", outside = false } }

[[form.question]]
name = "guests"
type = "number"
ask = "For how many?"
"""
    made = Dialogue(
        examples=["book a table"],
        rules=[Rule(when=["where are you", "address"], say="In Harbour Street.")],
        forms=[
            Form(
                name="table",
                when="book a table",
                say="One moment.",
                call=Call("book", {"guests": "{guests}", "outside": False}),
                questions=[Question(name="guests", type="number", ask="For how many?")],
            )
        ],
    )
    read = load(tmp_path, text)
    assert read == made
    assert hash(read) == hash(made)
    assert repr(made) == "<Dialogue 1 rules, 1 forms>"


def test_a_section_comes_before_what_all_sections_share(tmp_path):
    text = (
        "[[rule]]\nwhen = 'hours'\nsay = 'shared'\n"
        "[[dialogue.one.rule]]\nwhen = 'hours'\nsay = 'own'\n[dialogue.two]\n"
    )
    assert [rule.say for rule in load(tmp_path, text, "one").rules] == [("own",), ("shared",)]
    assert [rule.say for rule in load(tmp_path, text, "two").rules] == [("shared",)]


def test_mistakes_in_python_are_named_too():
    with pytest.raises(SettingError) as caught:
        Dialogue(rules=[Rule(name="x", when="a", say="{b}")])
    assert str(caught.value) == (
        "rule 1 ('x'): '{b}' refers to 'b', which nothing captures (known: examples, offers)"
    )
