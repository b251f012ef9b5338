import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon import Agent, AgentSession
from antiphon.errors import ConfigurationError
from antiphon.text_transforms import DEFAULTS, Chain, pronounce, replace, resolve, spoken

MARKDOWN = {
    "**Hello** *you*, ***both*** and __all__": "Hello you, both and all",
    "2 * 3, 2*3, 2**3 and 5 ** 2": "2 * 3, 2*3, 2**3 and 5 ** 2",
    "snake_case and a_b, _it_": "snake_case and a_b, it",
    "Terms apply*, see *below": "Terms apply, see below",
    "\u8fd9\u662f**\u91cd\u70b9**\u5185\u5bb9": "\u8fd9\u662f\u91cd\u70b9\u5185\u5bb9",
    "~~old~~ new, ~5 minutes": "old new, ~5 minutes",
    "# Title\n## Part\nText #1": "Title\nPart\nText #1",
    "####### seven": "####### seven",
    "#hashtag": "#hashtag",
    "- one\n* two\n+ three\n  \u2022 four\n1. five": "one\ntwo\nthree\n  four\n1. five",
    "-5 degrees": "-5 degrees",
    "- [ ] open\n- [x] done\n- [sic]": "open\ndone\n[sic]",
    "> quoted\n>> twice": "quoted\ntwice",
    "one\n---\ntwo\n* * *\nthree\n___\n": "one\n\ntwo\n\nthree\n\n",
    "a -- b --- c": "a -- b --- c",
    "call `do_it(*args)` or ``a`b``": "call do_it(*args) or a`b",
    "don`t": "don`t",
    "```python\nx = a * b  # **no**\n```\n**yes**": "\nx = a * b  # **no**\n\nyes",
    "see [the *docs*](https://a.b/c_(d)_e 'Docs') now": "see the docs now",
    "![a cat](cat.png) and ![alt": "a cat and ![alt",
    "[sic], a[0], [laughs] and [a] (b)": "[sic], a[0], [laughs] and [a] (b)",
    "[seen](by nobody)": "seen(by nobody)",
    "a note[^1] of [^long-name]": "a note of ",
    "| a | b |\n|---|:-:|\n| 1 | 2 |\nend|": "a , b \n\n1 , 2 \nend|",
    "\\*plain\\* C:\\dir": "*plain* C:\\dir",
    "Hello! What?! Yes!": "Hello! What?! Yes!",
    '<break time="1s"/> a < b > c': '<break time="1s"/> a < b > c',
}


@pytest.mark.parametrize("text", MARKDOWN)
def test_the_marks_of_markdown_are_left_out_and_the_words_stay(text):
    assert spoken(text, ["filter_markdown"]) == MARKDOWN[text]


EMOJI = {
    "Great \U0001f600 work \U0001f44d\U0001f3fd!": "Great work !",
    "\U0001f600 Hello": "Hello",
    "Hello\U0001f600 you": "Hello you",
    "a \U0001f468\u200d\U0001f469\u200d\U0001f467 b": "a b",
    "1\ufe0f\u20e3 first": "1 first",
    "\U0001f1e9\U0001f1ea Germany": "Germany",
    "\u00a9\ufe0f 2026, C\u266f and \u2192": "\u00a9 2026, C\u266f and \u2192",
    "\u0645\u06cc\u200d\u062e": "\u0645\u06cc\u200d\u062e",
    "star\u2b50 heart\u2764\ufe0f": "star heart",
}


@pytest.mark.parametrize("text", EMOJI)
def test_emoji_are_left_out_and_other_signs_stay(text):
    assert spoken(text, ["filter_emoji"]) == EMOJI[text]


def test_whole_words_are_replaced_in_any_case_the_longest_first():
    words = replace({"GIF": "jif", "New York": "NY", "New York City": "the city", "C++": "see pp"})
    text = "A gif, GIFs, New York City, new york, Newer, C++ and C++20: GIF."
    assert spoken(text, [words]) == ("A jif, GIFs, the city, NY, Newer, see pp and see pp20: jif.")


def test_in_scripts_without_spaces_every_character_is_a_word():
    assert spoken("\u6771\u4eac\u306f", [replace({"\u6771\u4eac": "Tokyo "})]) == "Tokyo \u306f"


def test_replacements_may_go_by_case():
    assert spoken("GIF gif", [replace({"GIF": "jif"}, case_sensitive=True)]) == "jif gif"


def test_abbreviations_are_pronounced_only_as_they_are_written():
    words = pronounce({"US": "U S", "nginx": "engine x", "I": "eye"})
    assert spoken("Tell us, the US: Nginx and nginx. i", [words]) == (
        "Tell us, the U S: engine x and engine x. eye"
    )


def test_what_was_put_in_is_not_looked_at_again_but_by_the_next_one():
    swap = replace({"a": "b", "b": "a"})
    assert spoken("a b", [swap]) == "b a"
    assert spoken("a b", [swap, swap]) == "a b"


def test_transforms_run_in_their_order():
    text = "**GIF** file"
    assert spoken(text, ["filter_markdown", replace({"GIF file": "jif"})]) == "jif"
    assert spoken(text, [replace({"GIF file": "jif"}), "filter_markdown"]) == "GIF file"


def test_by_default_markdown_and_emoji_are_filtered():
    assert DEFAULTS == ("filter_markdown", "filter_emoji")
    assert spoken("**Hi** \U0001f600 there") == "Hi there"
    assert spoken("**Hi**", None) == spoken("**Hi**", []) == "**Hi**"


# Independent of chunking

ALL = ["filter_markdown", "filter_emoji", replace({"a b": "zz", "ab": "", "1.": "one", "b": "bee"})]
PARTS = st.sampled_from(
    [*"*_~`[]()!\\|#>-+.:x^ab1\n\t \u2022\u200d\ufe0f\u4e2d", "\U0001f600", "](", "```", "- [ ] "]
)
TEXTS = st.one_of(
    st.lists(PARTS, max_size=40).map("".join),
    st.lists(st.sampled_from([*MARKDOWN, *EMOJI]), max_size=3).map(" ".join),
)


def rewritten(pieces):
    """The text as it is spoken, and the map of each position of it."""
    chain = Chain(transform.start() for transform in resolve(ALL, "here"))
    text = "".join(map(chain.push, pieces)) + chain.flush()
    return text, [chain.source(position) for position in range(len(text) + 1)]


@given(TEXTS, st.data())
def test_however_a_text_is_cut_the_result_and_its_map_are_the_same(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert rewritten(pieces) == rewritten([text]) == rewritten(list(text))


@given(TEXTS)
def test_the_map_rises_and_stays_within_the_text(text):
    result, places = rewritten([text])
    assert places == sorted(places)
    assert places[-1] <= len(text)
    assert re.sub(r"\s", "", text) or not re.sub(r"\s", "", result)


@given(st.text(alphabet="abc ,.?!'\n1-\u00e9\u4e2d", max_size=60).filter(lambda t: "-" not in t))
def test_plain_text_passes_as_it_is_and_at_once(text):
    chain = Chain(transform.start() for transform in resolve(DEFAULTS, "here"))
    held = ""
    for letter in text:
        held += letter
        held = held.removeprefix(chain.push(letter))
        assert held in ("", "!")
    assert chain.flush() == held


# As little as possible is held back


def pushed(*pieces, transforms=("filter_markdown",)):
    chain = Chain(transform.start() for transform in resolve(transforms, "here"))
    return [chain.push(piece) for piece in pieces]


def test_a_mark_holds_back_itself_only():
    assert pushed("a ", "*", "b and more") == ["a ", "", "b and more"]
    assert pushed("2 ", "*", " ", "3") == ["2 ", "", "* ", "3"]
    assert pushed("Well done*", " and on") == ["Well done", " and on"]
    assert pushed("Hello!", " Yes") == ["Hello!", " Yes"]
    assert pushed("use `co", "de and on", "` here") == ["use co", "de and on", " here"]


def test_a_bracket_is_held_back_to_its_end_and_a_hundred_characters_at_the_most():
    assert pushed("see [the ", "docs](", "http://a.b", ") now") == ["see ", "the docs", "", " now"]
    assert pushed("see [" + 99 * "x", "x", "y") == ["see ", "[" + 100 * "x", "y"]


def test_an_address_is_held_back_to_its_end_and_five_hundred_characters_at_the_most():
    held = pushed("[a](", 499 * "x", "x", "y")
    assert held == ["a", "", "(" + 500 * "x", "y"]


@pytest.mark.parametrize("line", ["- " * 300, "*" * 300, "| " * 300, "=" * 300, "`" * 300])
def test_a_line_of_marks_is_not_waited_for_for_ever(line):
    chain = Chain(transform.start() for transform in resolve(["filter_markdown"], "here"))
    for mark in line:
        chain.push(mark)
    (filter_,) = chain._rewriters
    assert len(filter_._held) <= 121


def test_a_word_is_held_back_while_it_may_be_one_that_is_replaced():
    words = [replace({"New York City": "NYC"})]
    assert pushed("in Ne", "w Jersey", transforms=words) == ["in ", "New Jersey"]
    assert pushed("in New York", " Ci", "ty", ".", transforms=words) == ["in ", "", "", "NYC."]
    assert pushed("anew", " one", transforms=words) == ["anew", " one"]


# Errors


@pytest.mark.parametrize("where", [AgentSession, Agent])
def test_an_unknown_name_is_refused_with_the_near_one(where):
    with pytest.raises(ConfigurationError) as raised:
        where(tts_text_transforms=["filter_markdwn"])
    assert str(raised.value) == (
        "tts_text_transforms has no transform 'filter_markdwn' (there are: filter_emoji, "
        "filter_markdown); did you mean 'filter_markdown'?"
    )


def test_what_is_no_list_and_no_transform_is_refused():
    with pytest.raises(ConfigurationError) as raised:
        AgentSession(tts_text_transforms="filter_emoji")
    assert str(raised.value) == (
        "tts_text_transforms got 'filter_emoji'; give a list: ['filter_emoji']"
    )
    with pytest.raises(ConfigurationError) as raised:
        AgentSession(tts_text_transforms=[{"GIF": "jif"}])
    assert str(raised.value) == (
        "tts_text_transforms got {'GIF': 'jif'}; give a name, replace({…}), pronounce({…}), or a "
        "function that takes the text in pieces and is an async generator"
    )
    with pytest.raises(ConfigurationError) as raised:
        spoken("x", [print])
    assert str(raised.value) == (
        "spoken(…) cannot run <built-in function print>; only a session runs functions"
    )


def test_words_that_are_none_are_refused():
    with pytest.raises(ConfigurationError) as raised:
        replace({" ": "x"})
    assert str(raised.value) == (
        "replace(…) got the word ' '; give at least one character that is no space"
    )
    with pytest.raises(ConfigurationError) as raised:
        pronounce({"US": 3})
    assert str(raised.value) == ("pronounce(…) got 'US': 3; both are texts, as in {'GIF': 'jif'}")


PLAIN = st.text(alphabet="ab1 ,.-?'/\u00e9\u4e2d\u2019\u2014\u2026", max_size=12)


@given(st.lists(st.one_of(PLAIN, PARTS), max_size=12))
def test_text_that_was_plain_so_far_makes_no_difference(pieces):
    from antiphon.engine.rewriting import Rewriting

    rewriting = Rewriting(resolve(DEFAULTS, "here"))
    for piece in pieces:
        rewriting.push(piece)
    rewriting.end()
    chain = Chain(transform.start() for transform in resolve(DEFAULTS, "here"))
    assert rewriting.text == "".join(map(chain.push, pieces)) + chain.flush()
    for position in range(len(rewriting.text) + 1):
        assert rewriting.source(position) == (chain.source(position), True)
