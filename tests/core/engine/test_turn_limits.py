"""User turn limits: the agent cuts in, and no word is lost."""

import asyncio

import pytest

from antiphon import Agent
from antiphon.errors import SettingError
from antiphon.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS
from antiphon.turn_handling import TurnHandling, UserTurnLimit

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
LONG = " ".join(f"word{number}" for number in range(40))


def limit(**options):
    return {"user_turn_limit": options}


class Silent(Agent):
    """Hears of it and says nothing."""

    def __init__(self):
        super().__init__(instructions="x")
        self.exceeded = []

    async def on_user_turn_exceeded(self, ev):
        self.exceeded.append((round(asyncio.get_running_loop().time(), 2), ev))


def times(t):
    return t.at("user_turn_exceeded")


# When


async def test_a_turn_longer_than_max_duration_is_told(talk):
    agent = Silent()
    async with talk(agent, replies={"": "well"}, turn_handling=limit(max_duration=5.0)) as t:
        t.caller.speak_at(0.5, LONG, seconds=8.0)
        await t.until(20)
    ((when, event),) = agent.exceeded
    assert when == pytest.approx(5.5, abs=FRAME)
    assert event.duration == pytest.approx(5.0, abs=FRAME)
    assert event.transcript == event.accumulated_transcript
    assert event.transcript.split() == LONG.split()[: event.accumulated_word_count]
    assert event.accumulated_word_count == pytest.approx(25, abs=1)
    assert t.events("user_turn_exceeded") == [event]


async def test_a_turn_of_more_than_max_words_is_told(talk):
    agent = Silent()
    async with talk(agent, replies={"": "well"}, turn_handling=limit(max_words=15)) as t:
        t.caller.speak_at(0.5, LONG, seconds=5.0)
        await t.until(20)
    # The words are those of the whole turn; it is told again after 15 more.
    assert [event.accumulated_word_count for _, event in agent.exceeded] == [15, 30]
    assert agent.exceeded[0][0] == pytest.approx(0.5 + 15 * 5.0 / 40, abs=0.1)


async def test_a_shorter_turn_is_not(talk):
    async with talk(replies={"": "well"}, turn_handling=limit(max_duration=5.0, max_words=50)) as t:
        t.caller.speak_at(0.5, LONG, seconds=4.5)
        await t.until(20)
    assert times(t) == []
    assert t.said == [("user", LONG), ("assistant", "well")]


async def test_nothing_is_told_without_a_limit(talk):
    async with talk(replies={"": "well"}) as t:
        t.caller.speak_at(0.5, LONG, seconds=60.0)
        await t.until(80)
    assert times(t) == []


async def test_pauses_within_a_turn_count(talk):
    agent = Silent()
    handling = {**limit(max_duration=4.0), "endpointing": {"min_delay": 1.5}}
    async with talk(agent, replies={"": "well"}, turn_handling=handling) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.5)
        t.caller.speak_at(3.0, "a cup of very hot tea", seconds=3.0)
        await t.until(20)
    assert [when for when, _ in agent.exceeded] == [pytest.approx(4.5, abs=FRAME)]


async def test_a_limit_that_is_reached_in_a_pause_is_told_when_the_user_goes_on(talk):
    agent = Silent()
    handling = {**limit(max_duration=2.0), "endpointing": {"min_delay": 2.0}}
    async with talk(agent, replies={"": "well"}, turn_handling=handling) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.5)
        t.caller.speak_at(3.5, "tea", seconds=0.6)
        await t.until(20)
    assert [when for when, _ in agent.exceeded] == [pytest.approx(3.55, abs=0.06)]


async def test_turns_that_the_agent_has_not_been_heard_in_count_together(talk):
    agent = Silent()
    llm = ScriptedLLM({"": "well"}, first_token=1.5, total=1.6)
    async with talk(agent, llm=llm, turn_handling=limit(max_words=5)) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.0)
        t.caller.speak_at(2.5, "four five six", seconds=1.0)
        await t.until(15)
    ((_, event),) = agent.exceeded
    assert event.accumulated_transcript == "one two three four five"
    assert event.transcript == "four five"
    assert [text for role, text in t.said if role == "user"] == ["one two three", "four five six"]


async def test_the_count_begins_anew_when_the_agent_has_been_heard(talk):
    agent = Silent()
    async with talk(
        agent,
        replies={"": "well"},
        tts=ScriptedTTS(seconds=0.4),
        turn_handling=limit(max_words=5, max_duration=3.0),
    ) as t:
        for number in range(5):
            t.caller.speak_at(0.5 + 5 * number, "one two three", seconds=1.5)
        await t.until(30)
    assert agent.exceeded == []
    assert len(t.session.turns) == 5


async def test_what_is_said_over_the_agent_does_not_count(talk):
    agent = Silent()
    async with talk(agent, replies={"": "well"}, turn_handling=limit(max_duration=2.0)) as t:
        t.session.say(LONG, allow_interruptions=False)  # 16 s
        t.caller.speak_at(1.0, "stop it please", seconds=4.0)
        await t.until(30)
    assert agent.exceeded == []


async def test_it_is_told_again_when_as_much_has_been_said_once_more(talk):
    agent = Silent()
    async with talk(agent, replies={"": "well"}, turn_handling=limit(max_duration=3.0)) as t:
        t.caller.speak_at(0.5, LONG, seconds=10.0)
        await t.until(20)
    assert [when for when, _ in agent.exceeded] == [
        pytest.approx(3.5, abs=FRAME),
        pytest.approx(6.5, abs=2 * FRAME),
        pytest.approx(9.5, abs=3 * FRAME),
    ]


async def test_a_cleared_turn_does_not_count(talk):
    agent = Silent()
    handling = {**limit(max_words=5), "endpointing": {"min_delay": 2.5}}
    async with talk(agent, replies={"": "well"}, turn_handling=handling) as t:
        t.caller.speak_at(0.5, "one two three", seconds=1.0)
        await t.until(2.5)
        t.session.clear_user_turn()
        t.caller.speak_at(3.0, "four five six", seconds=1.0)
        await t.until(12)
    assert agent.exceeded == []


async def test_it_works_without_a_vad(talk):
    agent = Silent()
    async with talk(
        agent, replies={"": "well"}, vad=None, turn_handling=limit(max_duration=5.0)
    ) as t:
        t.caller.speak_at(0.5, LONG, seconds=8.0)
        await t.until(20)
    assert [when for when, _ in agent.exceeded] == [pytest.approx(5.5, abs=0.1)]


async def test_it_works_for_turns_by_hand(talk):
    agent = Silent()
    handling = {**limit(max_duration=5.0), "turn_detection": "manual"}
    async with talk(agent, replies={"": "well"}, turn_handling=handling) as t:
        t.caller.speak_at(0.5, LONG, seconds=8.0)
        await t.until(20)
    assert [when for when, _ in agent.exceeded] == [pytest.approx(5.5, abs=FRAME)]


# What follows by default


async def test_by_default_the_agent_cuts_in_and_the_whole_turn_is_recorded_and_answered(talk):
    llm = ScriptedLLM(["let me stop you there", "now to your question"])
    async with talk(llm=llm, turn_handling=limit(max_duration=5.0)) as t:
        t.caller.speak_at(0.5, LONG, seconds=7.0)
        await t.until(20)
    assert t.agent_heard[0] == (
        pytest.approx(5.9, abs=0.12),
        pytest.approx(7.9, abs=0.12),
        "let me stop you there",
    )
    assert t.said == [
        ("assistant", "let me stop you there"),
        ("user", LONG),
        ("assistant", "now to your question"),
    ]
    assert t.heard == "let me stop you there now to your question"
    told = llm.requests[0].texts[-1]
    assert told[0] == "system"
    assert told[1].startswith(
        "The user has been speaking for 5 seconds and goes on. Cut in now: politely, in one short "
        "sentence, so that you can answer. Up to now the user has said: word0 word1 "
    )
    assert llm.requests[1].texts[-1] == ("user", LONG)


async def test_the_user_does_not_silence_the_agent_that_cuts_in(talk):
    llm = ScriptedLLM(["let me stop you there", "now to your question"])
    async with talk(llm=llm, turn_handling=limit(max_duration=3.0)) as t:
        t.caller.speak_at(0.5, LONG, seconds=5.0)
        await t.until(20)
    assert not t.events("speech_created")[0].speech_handle.interrupted


async def test_an_agent_that_only_listens_does_not_cut_in(talk):
    agent = Agent(instructions="x", llm=None)
    async with talk(agent, replies=[], turn_handling=limit(max_duration=3.0)) as t:
        t.caller.speak_at(0.5, LONG, seconds=5.0)
        await t.until(12)
    assert len(times(t)) == 1
    assert t.errors == []
    assert t.said == [("user", LONG)]


async def test_an_own_hook_may_say_something_else(talk):
    class Firm(Agent):
        async def on_user_turn_exceeded(self, ev):
            self.session.say("one moment please", allow_interruptions=False)

    async with talk(
        Firm(instructions="x"), replies=["very well"], turn_handling=limit(max_duration=3.0)
    ) as t:
        t.caller.speak_at(0.5, LONG, seconds=5.0)
        await t.until(12)
    assert t.said == [
        ("assistant", "one moment please"),
        ("user", LONG),
        ("assistant", "very well"),
    ]


async def test_an_own_hook_that_fails_is_reported_and_the_turn_goes_on(talk):
    class Failing(Agent):
        async def on_user_turn_exceeded(self, ev):
            raise ValueError("oh")

    async with talk(
        Failing(instructions="x"), replies=["very well"], turn_handling=limit(max_duration=3.0)
    ) as t:
        t.caller.speak_at(0.5, LONG, seconds=5.0)
        await t.until(12)
    (event,) = t.events("error")
    assert (event.source, event.detail, str(event.error)) == ("hook", "on_user_turn_exceeded", "oh")
    assert t.said == [("user", LONG), ("assistant", "very well")]


@pytest.mark.parametrize("partials", [True, False])
@pytest.mark.parametrize("words", [True, False])
async def test_no_word_is_lost_or_doubled_whatever_the_stt_gives(talk, partials, words):
    stt = ScriptedSTT(partials=partials, words=words)
    llm = ScriptedLLM({"": "well"})
    async with talk(llm=llm, stt=stt, turn_handling=limit(max_duration=3.0)) as t:
        t.caller.speak_at(0.5, LONG, seconds=8.0)
        await t.until(20)
    said = " ".join(text for role, text in t.said if role == "user")
    assert said == LONG


# Options


async def test_an_agents_own_limit_wins_over_the_sessions_field_by_field(talk):
    agent = Silent()
    agent._turn_handling = TurnHandling(user_turn_limit=UserTurnLimit(max_duration=2.0))
    async with talk(
        agent, replies={"": "well"}, turn_handling=limit(max_duration=9.0, max_words=100)
    ) as t:
        t.caller.speak_at(0.5, LONG, seconds=3.0)
        await t.until(12)
        settings = t.session._conversation.turn_settings
    assert (settings.max_duration, settings.max_words) == (2.0, 100)
    assert len(agent.exceeded) == 1


@pytest.mark.parametrize("name", ["max_words", "max_duration"])
def test_a_limit_of_nothing_is_refused(name):
    with pytest.raises(SettingError) as caught:
        UserTurnLimit(**{name: 0})
    assert str(caught.value) == (
        f"UserTurnLimit({name}=0) allows no turn; give more than 0, or None for no limit"
    )


def test_a_misspelt_limit_names_the_right_one():
    with pytest.raises(SettingError) as caught:
        TurnHandling(user_turn_limit={"max_word": 3})
    assert str(caught.value) == (
        "UserTurnLimit has no option 'max_word' (it has: max_duration, max_words); "
        "did you mean 'max_words'?"
    )
