"""Options of turn-taking: what is accepted, and what is said of the rest."""

import pytest

from antiphon import Endpointing, Interruption, TurnHandling, UserTurnLimit
from antiphon.errors import SettingError
from antiphon.turn_handling import Turns, resolve


def test_each_part_may_be_a_dict() -> None:
    given = TurnHandling(
        endpointing={"min_delay": 1},
        interruption={"min_words": 2},
        user_turn_limit={"max_words": 9},
    )
    assert given == TurnHandling(
        endpointing=Endpointing(min_delay=1),
        interruption=Interruption(min_words=2),
        user_turn_limit=UserTurnLimit(max_words=9),
    )


def test_the_first_layer_that_gives_a_field_decides_it() -> None:
    agent = TurnHandling(endpointing={"min_delay": 1.0}, preemptive_generation=False)
    session = TurnHandling(
        endpointing={"min_delay": 2.0, "max_delay": 5.0}, preemptive_generation=True
    )
    assert resolve(agent, None, session) == Turns(min_delay=1.0, max_delay=5.0)


def test_nothing_given_is_every_default() -> None:
    assert resolve() == resolve(TurnHandling()) == Turns()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: TurnHandling.of({"endpointin": {}}),
            "TurnHandling has no option 'endpointin' (it has: endpointing, interruption, "
            "preemptive_generation, turn_detection, user_turn_limit); did you mean 'endpointing'?",
        ),
        (
            lambda: TurnHandling(endpointing={"min_dealy": 1}),
            "Endpointing has no option 'min_dealy' (it has: max_delay, min_delay, mode); "
            "did you mean 'min_delay'?",
        ),
        (
            lambda: TurnHandling(interruption=3),  # type: ignore[arg-type]
            "Interruption is given as 3; give Interruption(...) or a dict",
        ),
        (
            lambda: TurnHandling(turn_detection="manuel"),  # type: ignore[arg-type]
            "TurnHandling(turn_detection='manuel') is not one of 'stt', 'turn_detector', 'vad', "
            "'manual'; did you mean 'manual'?",
        ),
        (
            lambda: Endpointing(mode="dynamic"),  # type: ignore[arg-type]
            "Endpointing(mode='dynamic') is not one of 'fixed', 'adaptive'",
        ),
        (
            lambda: Endpointing(min_delay=-0.5),
            "Endpointing(min_delay=-0.5) is below 0; give 0 or more",
        ),
        (
            lambda: Interruption(min_words=-1),
            "Interruption(min_words=-1) is below 0; give 0 or more",
        ),
        (
            lambda: Interruption(ignore_words="mhm"),  # type: ignore[arg-type]
            "Interruption(ignore_words='mhm') is one text; give words: ignore_words=('mhm',)",
        ),
    ],
)
def test_what_cannot_be_says_what_can(make, message) -> None:
    with pytest.raises(SettingError) as caught:
        make()
    assert str(caught.value) == message
