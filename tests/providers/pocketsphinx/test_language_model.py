"""The trigram of a vocabulary, its dictionary, and guessed pronunciations."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from antiphon_providers.pocketsphinx.language_model import LanguageModel, build
from antiphon_providers.pocketsphinx.pronunciation import guess

DICTIONARY = {
    word: [f"PH {word.upper()}"]
    for word in (
        "my name is i am years old invoice the please what zero oh one two three four five six "
        "seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
        "nineteen twenty thirty forty fifty sixty seventy eighty ninety thousand hundred it's"
    ).split()
} | {"read": ["R IY D", "R EH D"]}


def pronounce(word: str) -> Sequence[str]:
    return DICTIONARY.get(word, [])


def made(phrases: Sequence[str], texts: Sequence[str] = ()) -> LanguageModel:
    model = build(phrases, texts, pronounce)
    assert model is not None
    return model


class Trigram:
    """Reads a model back, and asks it as a decoder would."""

    def __init__(self, arpa: str) -> None:
        self.entries: dict[tuple[str, ...], tuple[float, float]] = {}
        length = 0
        for line in arpa.splitlines():
            if line.endswith("-grams:"):
                length = int(line[1])
            elif length and line and not line.startswith("\\"):
                fields = line.split()
                rest = float(fields[length + 1]) if len(fields) > length + 1 else 0.0
                self.entries[tuple(fields[1 : length + 1])] = (float(fields[0]), rest)
        self.words = sorted({gram[0] for gram in self.entries if len(gram) == 1} - {"<s>"})

    def probability(self, word: str, *history: str) -> float:
        found = self.entries.get((*history, word))
        if found is not None:
            return float(10.0 ** found[0])
        rest = self.entries.get(history, (0.0, 0.0))[1]
        return float(10.0**rest * self.probability(word, *history[1:]))


@pytest.mark.parametrize(
    "history",
    [(), ("<s>",), ("my",), ("my", "name"), ("invoice", "four"), ("four", "zero"), ("old", "my")],
)
def test_the_words_behind_a_history_add_up_to_one(history: tuple[str, ...]) -> None:
    model = made(
        ["My name is Zorblatt.", "I am 34 years old", "invoice 4017 please"],
        ["The name: read it's"],
    )
    trigram = Trigram(model.arpa)
    assert sum(trigram.probability(w, *history) for w in trigram.words) == pytest.approx(
        1, abs=2e-3
    )


def test_phrases_weigh_more_than_texts() -> None:
    trigram = Trigram(made(["my name is"], ["my invoice is old"]).arpa)
    assert trigram.probability("name", "my") > 5 * trigram.probability("invoice", "my")
    assert trigram.probability("invoice", "my") > 0


def test_the_number_of_an_example_stands_for_all_of_its_shape() -> None:
    trigram = Trigram(made(["invoice 4017", "I am 34 years old"]).arpa)
    own = trigram.probability("zero", "invoice", "four")
    other = trigram.probability("six", "invoice", "five")
    assert own > other > 3 * trigram.probability("old", "invoice", "five")
    assert trigram.probability("two", "am", "fifty") > trigram.probability("i", "am", "fifty")
    assert trigram.probability("years", "am", "sixteen") > 0.1


def test_the_counts_in_the_head_are_right() -> None:
    arpa = made(["my name is", "invoice 4017"]).arpa
    trigram = Trigram(arpa)
    for length in (1, 2, 3):
        listed = sum(len(gram) == length for gram in trigram.entries)
        assert f"\nngram {length}={listed}\n" in arpa


def test_an_unknown_word_is_guessed_in_a_phrase_and_left_out_of_a_text() -> None:
    model = made(["My name is Zorblatt!"], ["What is the Xyzzy name?"])
    assert model.guessed == ("zorblatt",)
    assert model.left_out == ("xyzzy",)
    assert "zorblatt Z AO R B L AE T\n" in model.dictionary
    trigram = Trigram(model.arpa)
    assert "xyzzy" not in trigram.words
    assert ("the", "name") not in trigram.entries


def test_a_word_has_all_of_its_pronunciations() -> None:
    assert made(["Read it's"]).dictionary == "it's PH IT'S\nread R IY D\nread(2) R EH D\n"


def test_typography_does_not_matter() -> None:
    plain = made(["it's my name", "what is read"])
    assert made(["It\u2019s my NAME \u2014 ", "  what is 're\u0301ad'?"]) == plain


def test_a_placeholder_is_a_gap() -> None:
    trigram = Trigram(made(["my name is {name} please", "what is the name"]).arpa)
    assert ("name", "is") in trigram.entries
    assert not [gram for gram in trigram.entries if gram[:2] == ("name", "is") and len(gram) == 3]
    assert trigram.probability("my", "is") == trigram.probability("my", "name", "is")


@pytest.mark.parametrize("phrases", [[], [""], ["?!", "\u2026"], ["{name}"], ["\u4f60\u597d"]])
def test_no_words_make_no_model(phrases: list[str]) -> None:
    assert build(phrases, ["my name is"], pronounce) is None


def test_the_model_does_not_depend_on_the_hash_seed() -> None:
    first = made(["invoice 4017 please", "I am 34"], ["my name is the old invoice"])
    lines = first.arpa.split("\\2-grams:")[1].split("\\3-grams:")[0].split("\n")
    grams = [line.split()[1:3] for line in lines if line]
    assert grams == sorted(grams)
    assert first.dictionary.splitlines() == sorted(first.dictionary.splitlines())


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("zorblatt", "Z AO R B L AE T"),
        ("kettering", "K EH T ER IH NG"),
        ("jade", "JH EY D"),
        ("knox", "N AA K S"),
        ("mcallister", "M AH K AE L IH S T ER"),
        ("phil's", "F IH L S"),
        ("'", None),
        ("\u4f60\u597d", None),
    ],
)
def test_letters_are_sounded_out(word: str, phones: str | None) -> None:
    assert guess(word) == phones
