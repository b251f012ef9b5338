import pytest

from antiphon.engine.ledger import CHARACTERS_PER_SECOND, Heard, Ledger
from antiphon.text import word_boundaries
from antiphon.tts import TimedText

TEXT = "The shop opens at nine, and closes at six."


def timed(text=TEXT, *, words=None, seconds=0.5):
    """A ledger of a text whose words take half a second each, all of it made."""
    ledger = Ledger()
    ledger.add_text(text)
    for number, word in enumerate(text.split() if words is None else words):
        ledger.word(TimedText(word, number * seconds, (number + 1) * seconds))
        ledger.add_audio(seconds)
    ledger.finish()
    return ledger


def is_honest(text, heard):
    """A slice from the start of the text that ends at a word boundary."""
    return text.startswith(heard.text) and len(heard.text) in (0, *word_boundaries(text))


def test_nothing_played_is_nothing_heard():
    assert timed().heard(0.0) == Heard("", False)


def test_everything_played_is_the_whole_text():
    ledger = timed()
    assert ledger.heard(ledger.seconds) == Heard(TEXT, False)


def test_a_word_counts_as_heard_at_its_end():
    ledger = timed()
    assert ledger.heard(0.49).text == ""
    assert ledger.heard(0.5).text == "The"
    assert ledger.heard(0.99).text == "The"
    assert ledger.heard(1.0).text == "The shop"


def test_punctuation_belongs_to_the_word_before_it():
    words = ["The", "shop", "opens", "at", "nine", "and", "closes", "at", "six"]
    assert timed(words=words).heard(2.5) == Heard("The shop opens at nine,", False)


def test_what_is_heard_grows_with_what_is_played_and_is_always_a_slice():
    ledger = timed()
    before = ""
    for step in range(470):
        heard = ledger.heard(step / 100)
        assert is_honest(TEXT, heard)
        assert heard.text.startswith(before)
        assert len(heard.text.split()) <= step / 50 + 1e-9
        before = heard.text
    assert before == TEXT


def test_a_split_by_proportion_is_marked_as_estimated():
    ledger = Ledger()
    ledger.add_text("one two six ten")
    ledger.add_audio(4.0)
    ledger.finish()
    assert ledger.heard(2.0) == Heard("one two", True)


def test_a_split_by_proportion_rounds_down_to_a_word():
    ledger = Ledger()
    ledger.add_text("one two six ten")
    ledger.add_audio(4.0)
    ledger.finish()
    assert ledger.heard(1.7).text == "one"
    assert ledger.heard(0.3).text == ""


def test_while_the_tts_still_works_the_share_is_judged_by_the_usual_pace():
    ledger = Ledger()
    ledger.add_text("one two six ten " * 20)
    ledger.add_audio(4.0)
    heard = ledger.heard(2.0)
    assert heard.estimated
    assert 0 < len(heard.text) <= 2.0 * CHARACTERS_PER_SECOND


def test_a_sentence_that_is_announced_bounds_the_estimate():
    ledger = Ledger()
    ledger.add_text("One two. Three four. ")
    ledger.voicing("One two. ")
    ledger.add_audio(1.0)
    ledger.voicing("Three four. ")
    ledger.add_audio(1.0)
    ledger.finish()
    assert ledger.heard(0.99).text == "One"
    assert ledger.heard(1.0).text == "One two."
    assert ledger.heard(1.6).text == "One two. Three"


def test_a_long_sentence_does_not_lend_its_pace_to_a_short_one():
    ledger = Ledger()
    ledger.add_text("Yes. Twelve thousand four hundred and fifty six. No.")
    ledger.voicing("Yes. ")
    ledger.add_audio(3.0)  # said very slowly
    ledger.voicing("Twelve thousand four hundred and fifty six. ")
    ledger.add_audio(3.0)
    ledger.voicing("No.")
    ledger.add_audio(1.0)
    ledger.finish()
    assert ledger.heard(2.9).text == ""
    assert ledger.heard(3.0).text == "Yes."
    assert ledger.heard(6.0).text.endswith("six.")


def test_word_times_are_found_whatever_their_case():
    assert timed("Hello World", words=["hello", "WORLD"]).heard(0.5).text == "Hello"


def test_a_word_that_the_tts_spells_out_is_passed_over():
    # "42" is spoken as "forty two": those times are not found, the others are.
    ledger = timed("take bus 42 to town", words=["take", "bus", "forty", "two", "to", "town"])
    assert ledger.heard(1.0).text == "take bus"
    assert ledger.heard(2.0).text == "take bus"
    assert ledger.heard(2.5).text == "take bus 42 to"


def test_a_short_word_is_not_found_inside_a_longer_one():
    # "1st" is spoken as "first": the "a" after it is not the one in "Saab".
    ledger = timed("the 1st Saab is a car", words=["the", "first", "a"])
    assert not ledger.heard(1.4).text.endswith("Saab")
    ledger = timed("1990 Saabs at a sale", words=["nineteen", "ninety", "at"])
    assert ledger.heard(1.4).text == ""


def test_a_word_that_comes_again_later_is_not_taken_for_the_later_one():
    # "12th" is spoken as "the twelfth": its "the" is not the one of "the month".
    words = ["on", "the", "twelfth", "of", "the", "month"]
    ledger = timed("on 12th of the month", words=words)
    assert ledger.heard(1.0).text == "on"
    assert ledger.heard(2.0).text in ("on", "on 12th of")
    assert ledger.heard(2.6).text == "on 12th of the"


def test_word_times_that_come_after_the_audio_hold_back_what_is_not_known_yet():
    ledger = Ledger()
    ledger.add_text("one two three four")
    ledger.word(TimedText("one", 0.0, 0.5))
    ledger.add_audio(2.0)
    assert ledger.heard(1.6).text == "one"
    ledger.word(TimedText("two", 0.5, 1.0))
    ledger.word(TimedText("three", 1.0, 1.5))
    assert ledger.heard(1.6).text == "one two three"


def test_text_that_a_node_has_changed_is_split_by_the_whole():
    ledger = Ledger()
    ledger.add_text("one two six ten")
    ledger.voicing("eins zwei sechs zehn")
    ledger.add_audio(4.0)
    ledger.finish()
    assert ledger.heard(2.0) == Heard("one two", True)
    assert ledger.heard(4.0).text == "one two six ten"


def test_a_node_that_changes_one_sentence_leaves_the_estimate_honest():
    text = "One two. Three four. Five six."
    ledger = Ledger()
    ledger.add_text(text)
    for sentence in ("One two. ", "drei vier. ", "Five six."):
        ledger.voicing(sentence)
        ledger.add_audio(1.0)
    ledger.finish()
    for step in range(31):
        heard = ledger.heard(step / 10)
        assert is_honest(text, heard)
        assert len(heard.text) <= len(text) * step / 30 + 1e-9 or step == 30


def test_repeated_sentences_are_counted_one_after_the_other():
    ledger = Ledger()
    ledger.add_text("No. No. No.")
    for _ in range(3):
        ledger.voicing("No. ")
        ledger.add_audio(1.0)
    ledger.finish()
    assert [ledger.heard(float(second)).text for second in (1, 2, 3)] == [
        "No.",
        "No. No.",
        "No. No. No.",
    ]


# A TTS that is called again


def test_after_a_restart_the_rest_follows_the_last_word_that_was_made():
    ledger = Ledger()
    ledger.add_text("one two three four")
    for number, word in enumerate(["one", "two"]):
        ledger.word(TimedText(word, number * 0.5, (number + 1) * 0.5))
        ledger.add_audio(0.5)
    position = ledger.restart()
    assert ledger.generated[position:].strip() == "three four"


def test_a_word_of_which_only_a_part_was_made_is_spoken_again():
    ledger = Ledger()
    ledger.add_text("one two three four")
    ledger.word(TimedText("one", 0.0, 0.5))
    ledger.word(TimedText("two", 0.5, 1.0))
    ledger.add_audio(0.7)
    assert ledger.generated[ledger.restart() :].strip() == "two three four"


def test_the_punctuation_after_the_last_word_is_not_spoken_again():
    ledger = Ledger()
    ledger.add_text("one, two, three")
    ledger.word(TimedText("one", 0.0, 0.5))
    ledger.add_audio(0.5)
    assert ledger.generated[ledger.restart() :].strip() == "two, three"


def test_word_times_announced_by_the_call_that_failed_do_not_disturb_those_of_the_next():
    ledger = Ledger()
    ledger.add_text("one two three four")
    for number, word in enumerate(["one", "two", "three", "four"]):
        ledger.word(TimedText(word, number * 0.5, (number + 1) * 0.5))
    ledger.add_audio(1.0)
    assert ledger.generated[ledger.restart() :].strip() == "three four"
    ledger.word(TimedText("three", 0.0, 2.0))
    ledger.word(TimedText("four", 2.0, 4.0))
    ledger.add_audio(4.0)
    ledger.finish()
    assert ledger.heard(2.0).text == "one two"
    assert ledger.heard(3.0).text == "one two three"
    assert ledger.heard(4.9).text == "one two three"
    assert ledger.heard(5.0).text == "one two three four"


def test_a_restart_goes_back_to_the_sentence_that_was_not_finished():
    ledger = Ledger()
    ledger.add_text("One two. Three four.")
    ledger.voicing("One two. ")
    ledger.add_audio(1.0)
    ledger.voicing("Three four.")
    ledger.add_audio(0.3)
    assert ledger.generated[ledger.restart() :].strip() == "Three four."


def test_a_call_without_word_times_may_follow_one_with_them():
    ledger = Ledger()
    ledger.add_text("one two six ten")
    ledger.word(TimedText("one", 0.0, 0.5))
    ledger.word(TimedText("two", 0.5, 1.0))
    ledger.add_audio(1.0)
    ledger.restart()
    ledger.add_audio(2.0)
    ledger.finish()
    assert ledger.heard(1.0).text == "one two"
    assert ledger.heard(2.1).text == "one two six"
    assert ledger.heard(3.0).text == "one two six ten"


@pytest.mark.parametrize("text", ["", "   "])
def test_a_text_of_nothing_is_heard_as_nothing(text):
    ledger = Ledger()
    ledger.add_text(text)
    ledger.finish()
    assert ledger.heard(0.0).text.strip() == ""


def test_scripts_without_spaces_are_cut_between_characters():
    text = "東京は大きい。"
    ledger = Ledger()
    ledger.add_text(text)
    ledger.add_audio(7.0)
    ledger.finish()
    heard = ledger.heard(3.0)
    assert heard.text == "東京は"
    assert is_honest(text, heard)
