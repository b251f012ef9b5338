"""Words, numbers and captures: what the text of a turn is read as."""

from __future__ import annotations

import pytest

from antiphon.errors import SettingError
from antiphon_providers.rules.numbers import read_digits, read_number
from antiphon_providers.rules.patterns import Pattern, Regex
from antiphon_providers.rules.words import MAX_CHARS, utterance


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Hello, World!", "hello world "),
        ("I'm sure it\u2019s fine; don't!", "i am sure it is fine do not "),
        ("thirty-four 1,234.50 #4017", "thirty four 1234.50 4017 "),
        ("  ... ?! ", ""),
        ("O'Brien's", "o'brien's "),
        ("Zażółć ÄPFEL", "zażółć äpfel "),
    ],
)
def test_words_are_plain(text, plain):
    assert utterance(text).text == plain


def test_fillers_are_left_out_at_the_ends_only():
    assert utterance("Um, well, the um bill please").stripped().text == "the um bill "
    assert utterance("um, please").stripped().text == ""


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("no wait, i meant invoice four zero one eight", "invoice four zero one eight "),
        ("4017, no, sorry, I mean 4018", "4018 "),
        ("Actually, make that two", "two "),
        ("wait, what?", None),
        ("no wait", None),
    ],
)
def test_a_correction_is_what_follows_the_last_marker(text, after):
    found = utterance(text).corrected()
    assert (found.text if found else None) == after


def test_only_the_beginning_of_an_endless_turn_is_read():
    assert len(utterance("word " * 10_000)) == MAX_CHARS / 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("34", 34),
        ("thirty four", 34),
        ("a hundred and five", 105),
        ("two thousand and thirty four", 2034),
        ("one million two hundred thousand", 1_200_000),
        ("twelve hundred", 1200),
        ("2 thousand", 2000),
        ("minus two point five", -2.5),
        ("three point one four", 3.14),
        ("42.50", 42.5),
        ("nineteen eighty four", 1984),
        ("zero", 0),
        ("thousand million", None),
        ("hundred hundred", None),
        ("one thousand two thousand", None),
        ("banana", None),
    ],
)
def test_numbers_in_words(text, value):
    assert read_number(text.split()) == value


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("four zero one seven", "4017"),
        ("oh oh seven", "007"),
        ("double five triple one", "55111"),
        ("forty eighteen", "4018"),
        ("twenty twenty five", "2025"),
        ("401 8", "4018"),
        ("0017", "0017"),
        ("four thousand and seventeen", "4017"),
        ("four apples", None),
    ],
)
def test_digits_in_words_keep_their_zeros(text, digits):
    assert read_digits(text.split()) == digits


@pytest.mark.parametrize(
    ("source", "text", "values"),
    [
        ("my name is {name:name}", "My name is Jean-Luc Picard.", {"name": "Jean-Luc Picard"}),
        ("my name is {name:name}", "my name's bob and i am ill", {"name": "Bob"}),
        ("my name is {name}", "MY NAME IS MARIA", {"name": "Maria"}),
        ("{age:number} [years old]", "I'm thirty four", {"age": 34}),
        ("invoice {n:digits}", "invoice zero zero one two", {"n": "0012"}),
        ("call {rest:text}", "call my Aunt Ann, please", {"rest": "my Aunt Ann please"}),
        ("say {a:text} to {b:word}", "say hello there to Bob", {"a": "hello there", "b": "Bob"}),
        ("{ok:yesno}", "yeah, sure", {"ok": True}),
        ("^{ok:yesno}", "not at all", {"ok": False}),
        ("a {size:small|extra large} one", "a Extra  LARGE one", {"size": "extra large"}),
        ("(pay|settle) [my|the] bill", "I want to settle the bill", {}),
        ("pay * bill", "pay a part of the gas bill", {}),
        ("^hello$", "hello", {}),
        ("(invoice {n:digits}|number {n:digits})", "number nine", {"n": "9"}),
        ("{word}", "anything", {"word": "anything"}),
    ],
)
def test_patterns_match(source, text, values):
    match = Pattern(source).search(utterance(text))
    assert match is not None
    assert match.values == values


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("bill", "billing"),
        ("^hello$", "hello there"),
        ("my name is {name}", "my name is thirty four"),
        ("invoice {n:digits}", "invoice please"),
        ("pay * bill", "pay one two three four five six seven bill"),
        ("[please] pay", "please"),
    ],
)
def test_patterns_do_not_match(source, text):
    assert Pattern(source).search(utterance(text)) is None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("(a|b", "the pattern '(a|b' lacks a ')'; close what is open"),
        ("a)", "the pattern 'a)' has a ')' too many; take it out: punctuation is not matched"),
        ("[a]", "the pattern '[a]' matches without a word being said; write at least one word"),
        ("a (|b)", "the pattern 'a (|b)' has an empty part; write words in it, or take it out"),
        ("{Age}", "the pattern '{Age}' has a capture named 'Age'; use lower-case letters, digits"),
        ("{age", "the pattern '{age' has a '{' that is no capture; write '{name:type}'"),
        (
            "i am {age:numbr}",
            "in the pattern 'i am {age:numbr}': no capture is of type 'numbr' (types: word, name, "
            "number, digits, text, yesno, or choices: red|blue); did you mean 'number'?",
        ),
        (
            "{a:text} and {b:text}",
            "the pattern '{a:text} and {b:text}' has too many open parts; split it into several",
        ),
    ],
)
def test_bad_patterns_are_refused(source, message):
    with pytest.raises(SettingError) as caught:
        Pattern(source)
    assert str(caught.value).startswith(message)


def test_a_regex_sees_the_text_as_written():
    match = Regex(r"order (?P<code>[A-Z]-\d+)").search("My Order a-17, please")
    assert match is not None
    assert match.values == {"code": "a-17"}


@pytest.mark.parametrize("source", ["(a+)+b", "((ab)*c)*", r"(\w+\s?){2,}x", "([ab]|c+)*"])
def test_a_regex_that_could_take_for_ever_is_refused(source):
    with pytest.raises(SettingError) as caught:
        Regex(source)
    assert str(caught.value) == (
        f"the regex {source!r} repeats a group that itself repeats, which can take for ever; "
        "write it without the inner or the outer repeat"
    )


@pytest.mark.parametrize("source", [r"(\d{4})+", "[+*]+(a)", r"\(a+\)+", "(ab)+c+"])
def test_a_harmless_regex_is_taken(source):
    assert Regex(source).source == source


@pytest.mark.parametrize(
    "source",
    ["^* {n:name} * {m:number}$", "* {t:text} zzz", "* b * c * d", "{a:number} {b:digits} z"],
)
@pytest.mark.parametrize("text", ["a ", "one ", "minus a hundred and ", "no wait ", "i am "])
def test_no_turn_makes_a_pattern_run_away(source, text):
    """With unbounded matching these take minutes; the suite's time-out is the judge."""
    Pattern(source).search(utterance(text * 1000))
