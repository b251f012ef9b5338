"""The JSON that models write, whole, slightly broken and beyond repair."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.tools import ToolArgumentsError
from antiphon.tools.arguments import check_raw, parse_arguments


@pytest.mark.parametrize(
    "text", ['{"a": 1}', '{"a":"x","b":[1,2.50]}', "{}", '{"a": "\\u00e9"}', '{"a": -1e3}']
)
def test_valid_json_stays_as_it_was_written(text: str) -> None:
    assert parse_arguments(f" {text}\n", "book") == (json.loads(text), text)


@pytest.mark.parametrize("text", ["", "   ", "null", "{}", "```json\n\n```", '""'])
def test_nothing_means_no_arguments(text: str) -> None:
    assert parse_arguments(text, "book") == ({}, "{}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'x'}", {"a": "x"}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": 1.50, "b": [1, 2,],}', {"a": 1.5, "b": [1, 2]}),
        ("{a: 1}", {"a": 1}),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
        ('{"a": True, "b": None}', {"a": True, "b": None}),
        ("{'a': None, 'b': 'None'}", {"a": None, "b": "None"}),
        ('{"a": "x"', {"a": "x"}),
        ('{"a": {"b": "x"}', {"a": {"b": "x"}}),
        ('{"a": ["x"]', {"a": ["x"]}),
        ('{"a": true', {"a": True}),
        ('{"a": 1}}', {"a": 1}),
        ('{"a": "one\ntwo"}', {"a": "one\ntwo"}),
        ('{"a": "she said "hi""}', {"a": 'she said "hi"'}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('{"a": "",}', {"a": ""}),
        ('{"a": "caf\\u00e9",}', {"a": "café"}),
        ("{“a”: “x”}", {"a": "x"}),
    ],
)
def test_slightly_broken_json_is_repaired(text: str, value: object) -> None:
    parsed, normalised = parse_arguments(text, "book")
    assert parsed == value
    assert json.loads(normalised) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"city": "Par',  # cut off in a string
        '{"city": "',
        '{"amount": 12',  # 12, or 1200?
        '{"names": ["Ann", "Bob"',  # and who else?
        '{"a": 1,',
        '{"a": 1, "b":',
        '{"a": 1, "b',
        "{",
        '{"a": }',  # a value would be made up
        '{"a" 1}',  # a value would be lost
        '{"a": 1, "a": 2,}',  # which of them?
        '{"a": tru',
        '{"a": 1}{"b": 2}',
        '{"a": "x"} and so on',
        "[1, 2]",
        '["a"',
        '"x"',
        "7",
        "book it",
        "[" * 100_000,
    ],
)
def test_what_would_be_a_guess_is_refused(text: str) -> None:
    with pytest.raises(ToolArgumentsError) as refused:
        parse_arguments(text, "book")
    shown = repr(text if len(text) <= 80 else "[" * 77 + "...")
    assert refused.value.message == (
        f"the arguments of 'book' are not a JSON object: {shown}; "
        "call it again with one whole JSON object"
    )


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4))
def test_every_object_comes_through_unchanged(value: dict[str, object]) -> None:
    text = json.dumps(value)
    assert parse_arguments(text, "book") == (value, text)


WORDS = st.text("abcxyz ", min_size=1, max_size=8).map(str.strip).filter(bool)


@given(st.dictionaries(WORDS, WORDS | st.integers(0, 999), min_size=1, max_size=4), st.data())
def test_a_cut_never_gives_other_values(value: dict[str, object], data: st.DataObject) -> None:
    text = json.dumps(value)
    end = data.draw(st.integers(1, len(text) - 1))
    try:
        parsed, _ = parse_arguments(text[:end], "book")
    except ToolArgumentsError:
        return
    assert parsed.items() <= value.items()


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        ({"n": 1, "tags": ["a"]}, []),
        ({"n": 2.0}, []),
        ({}, ["'n' is missing"]),
        ({"n": "1"}, ["'n' must be integer, not '1'"]),
        ({"n": True}, ["'n' must be integer, not True"]),
        ({"n": 1, "tags": ["a", 2]}, ["'tags.1' must be string or null, not 2"]),
        ({"n": 1, "size": "XL"}, ["'size' must be one of 's', 'm', not 'XL'"]),
        ({"n": 1, "who": {}}, ["'who.name' is missing"]),
        ({"n": 1, "x": 1}, ["'x' is unknown (there are: n, tags, size, who)"]),
    ],
)
def test_arguments_of_a_raw_schema_are_checked_for_shape(
    arguments: dict[str, object], problems: list[str]
) -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": ["string", "null"]}},
            "size": {"enum": ["s", "m"]},
            "who": {"type": "object", "required": ["name"]},
        },
        "required": ["n"],
        "additionalProperties": False,
    }
    assert check_raw(arguments, schema) == problems
