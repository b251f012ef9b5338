# ruff: noqa: RUF001 - the punctuation of other scripts is what is tested
from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.text import SentenceSplitter, cut_at_word, word_boundaries


def in_pieces(text: str, size: int = 1) -> tuple[list[str], list[str]]:
    """What `push` gives for the text in pieces of `size`, and what `flush` gives for the rest."""
    splitter = SentenceSplitter()
    pushed = [
        sentence
        for start in range(0, len(text), size)
        for sentence in splitter.push(text[start : start + size])
    ]
    return pushed, splitter.flush()


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello there. How are you? Fine!", ["Hello there. ", "How are you? ", "Fine!"]),
        ("I saw Dr. Smith. He paid 3.50.", ["I saw Dr. Smith. ", "He paid 3.50."]),
        ("Invoice No. 5 is due at 5 p.m. today. Shall I pay?",
         ["Invoice No. 5 is due at 5 p.m. today. ", "Shall I pay?"]),
        ("Go to example.com now. Then call us.", ["Go to example.com now. ", "Then call us."]),
        ("Node.JS works. Really.", ["Node.JS works. ", "Really."]),
        ('He said "Stop!" Then he left.', ['He said "Stop!" ', "Then he left."]),
        ("1. Open the box. 2. Look inside.", ["1. Open the box. ", "2. Look inside."]),
        ("- one\n- two\n\nDone", ["- one\n", "- two\n\n", "Done"]),
        ("Well... maybe. What?! Yes.", ["Well... maybe. ", "What?! ", "Yes."]),
        ("你好。我是安娜。", ["你好。", "我是安娜。"]),
        ("", []),
        ("  ", ["  "]),
    ],
)  # fmt: skip
def test_text_is_cut_into_its_sentences_however_it_arrives(
    text: str, size: int, sentences: list[str]
) -> None:
    pushed, rest = in_pieces(text, size)
    assert pushed + rest == sentences


def test_a_sentence_is_given_as_soon_as_a_space_follows_it() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("One moment.") == []
    assert splitter.push(" ") == ["One moment. "]
    assert splitter.pending == ""


def test_a_terminator_that_may_belong_to_an_abbreviation_waits_for_what_follows() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("It opens at 5 p.m. ") == []
    assert splitter.push("and closes at ten. ") == ["It opens at 5 p.m. and closes at ten. "]
    assert splitter.push("I am Dr. ") == []
    assert splitter.push("Smith") == []
    assert splitter.flush() == ["I am Dr. Smith"]


def test_short_sentences_are_joined_up_to_min_chars() -> None:
    splitter = SentenceSplitter(min_chars=10)
    assert splitter.push("Yes. Of course. I will look it up. ") == [
        "Yes. Of course. ",
        "I will look it up. ",
    ]


def test_the_language_decides_about_abbreviations() -> None:
    assert SentenceSplitter(language="es-MX").push("Pregunte al Sr. López mañana. Bueno") == [
        "Pregunte al Sr. López mañana. "
    ]
    assert SentenceSplitter(language="tlh").push("Qapla. Heghlu. Meh") == ["Qapla. ", "Heghlu. "]


def test_a_long_sentence_is_cut_after_a_clause_before_it_is_complete() -> None:
    clause = "we looked at all of the rooms on the first floor, "
    splitter = SentenceSplitter()
    given_ = splitter.push(clause * 4 + "and")
    assert given_ == [clause * 4]
    assert splitter.flush() == ["and"]


def test_a_long_sentence_without_a_clause_is_cut_after_a_word() -> None:
    text = "word " * 50
    parts = SentenceSplitter().push(text)
    assert parts == ["word " * 39 + "word"]


def test_a_long_word_is_cut_where_it_must_be() -> None:
    splitter = SentenceSplitter()
    assert splitter.push("a" * 450) == ["a" * 200, "a" * 200]
    assert splitter.flush() == ["a" * 50]


@pytest.mark.parametrize("limits", [(0, 200), (1, 1), (300, 200)])
def test_limits_that_cannot_be_kept_are_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(ValueError) as caught:
        SentenceSplitter(min_chars=limits[0], max_chars=limits[1])
    assert str(caught.value) == (
        f"sentences of {limits[0]} to {limits[1]} characters cannot be made; "
        "give 1 <= min_chars <= max_chars, and max_chars of 2 or more"
    )


prose = st.text(
    st.one_of(
        st.sampled_from("aB 1.,!?;:—…。，！你好\n\t'\"()\u0301\u200d"),
        st.characters(),
        st.characters(categories=["Cs"]),  # half a surrogate pair, from JSON cut in the middle
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(prose, max_size=12), st.integers(1, 12), st.integers(12, 40), st.booleans())
def test_the_results_joined_are_the_input(
    pieces: list[str], min_chars: int, max_chars: int, flush_often: bool
) -> None:
    splitter = SentenceSplitter(min_chars, max_chars=max_chars)
    given_: list[str] = []
    for piece in pieces:
        given_ += splitter.push(piece)
        if flush_often:
            given_ += splitter.flush()
    given_ += splitter.flush()
    assert "".join(given_) == "".join(pieces)
    assert all(0 < len(sentence) <= max_chars for sentence in given_)
    assert splitter.pending == "" and splitter.flush() == []


@settings(max_examples=200, deadline=None)
@given(prose)
def test_word_boundaries_rise_and_lie_behind_what_is_not_a_space(text: str) -> None:
    boundaries = word_boundaries(text)
    assert boundaries == sorted(set(boundaries))
    assert all(not text[boundary - 1].isspace() for boundary in boundaries)
    assert (boundaries[-1] if boundaries else 0) == len(text.rstrip())
    for position in range(-1, len(text) + 2):
        assert cut_at_word(text, position) == max(
            (boundary for boundary in boundaries if boundary <= position), default=0
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, world! ", ["Hello,", " world!"]),
        ("“Hi” — yes—no…ok", ["“Hi”", " —", " yes—", "no…", "ok"]),
        ("it's well-known: 3.50 €", ["it's", " well-known:", " 3.50", " €"]),
        ("「你好」，abc「世」", ["「你", "好」，", "abc", "「世」"]),
        ("cafe\u0301 ok", ["cafe\u0301", " ok"]),
        ("วันนี้", ["วั", "น", "นี้"]),
        ("", []),
    ],
)
def test_words_end_after_their_punctuation(text: str, words: list[str]) -> None:
    ends = word_boundaries(text)
    starts = [0, *ends]
    assert [text[start:end] for start, end in zip(starts, ends, strict=False)] == words


def test_a_word_that_was_cut_short_was_not_heard() -> None:
    text = "Your invoice is paid."
    assert text[: cut_at_word(text, 14)] == "Your invoice"
    assert text[: cut_at_word(text, 15)] == "Your invoice is"
    assert text[: cut_at_word(text, 20)] == "Your invoice is"
    assert text[: cut_at_word(text, 21)] == text


def test_importing_the_module_loads_no_splitter() -> None:
    probe = "import antiphon.text, sys; print('sentencex' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert done.stdout == "False\n"
