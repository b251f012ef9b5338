"""Numbers in words, to figures and back."""

from __future__ import annotations

import pytest

from antiphon_providers.pocketsphinx.numbers import Token, normalise, spoken


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("twenty three", "23"),
        ("four zero one seven", "4017"),
        ("four oh one seven", "4017"),
        ("one oh oh", "100"),
        ("oh oh four two", "0042"),
        ("oh four zero one seven", "04017"),
        ("four zero one oh", "4010"),
        ("forty seventeen", "4017"),
        ("four zero seventeen", "4017"),
        ("one one", "11"),
        ("one hundred and five", "105"),
        ("one hundred five", "105"),
        ("one hundred two four", "102 4"),
        ("a hundred", "100"),
        ("three thousand and twelve", "3012"),
        ("one million two hundred thousand and one", "1200001"),
        ("one hundred five thousand", "105000"),
        ("nineteen ninety nine", "1999"),
        ("nineteen hundred and five", "1905"),
        ("twenty twenty six", "2026"),
        ("twenty oh five", "2005"),
        ("two thousand two", "2002"),
        ("seven thirty", "7 30"),
        ("ten fifteen", "10 15"),
        ("two point five", "2.5"),
        ("i am thirty four years old", "i am 34 years old"),
        ("invoice four zero one seven please", "invoice 4017 please"),
        ("for two people", "for 2 people"),
        ("option one", "option 1"),
        ("one or two", "1 or 2"),
        ("two to one", "2 to 1"),
        ("four and five", "4 and 5"),
        ("zero", "0"),
    ],
)
def test_numbers_are_written_in_figures(words: str, text: str) -> None:
    assert " ".join(token.text for token in normalise(words.split())) == text


@pytest.mark.parametrize(
    "words",
    [
        "one moment",
        "no one",
        "the one that i meant",
        "wait one second please",
        "one or the other",
        "oh one more thing",
        "oh no",
        "oh oh",
        "june first",
        "a lot",
        "a point",
        "thousand thanks",
        "and so on",
        "",
    ],
)
def test_what_is_no_number_stays(words: str) -> None:
    assert normalise(words.split()) == [
        Token(word, index, index) for index, word in enumerate(words.split())
    ]


def test_tokens_tell_which_words_they_stand_for() -> None:
    assert normalise("invoice four oh one seven or twenty three".split()) == [
        Token("invoice", 0, 0),
        Token("4017", 1, 4),
        Token("or", 5, 5),
        Token("23", 6, 7),
    ]


@pytest.mark.parametrize(
    ("figures", "ways"),
    [
        ("7", ["seven"]),
        ("34", ["thirty four"]),
        ("105", ["one hundred five", "one zero five", "one oh five"]),
        (
            "4017",
            [
                "four zero one seven",
                "four oh one seven",
                "forty seventeen",
                "four thousand seventeen",
            ],
        ),
        ("0042", ["zero zero four two", "oh oh four two"]),
        ("1,200", ["one two zero zero", "one two oh oh", "one thousand two hundred"]),
        ("2.5", ["two point five"]),
        ("3rd", ["third"]),
        ("99th", []),
        ("4x", []),
    ],
)
def test_figures_are_spelled_as_they_are_said(figures: str, ways: list[str]) -> None:
    assert [" ".join(way) for way in spoken(figures)] == ways


@pytest.mark.parametrize(
    "figures", ["7", "34", "100", "105", "999", "4017", "2005", "1999", "0042"]
)
def test_what_is_spelled_is_read_again(figures: str) -> None:
    for way in spoken(figures):
        assert [token.text for token in normalise(way)] == [figures]
