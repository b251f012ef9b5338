"""Keys of the telephone, in and out."""

import asyncio

import pytest

from antiphon import Agent, AgentSession, TransportError
from antiphon.errors import ConfigurationError, SessionClosed
from antiphon.testing import Caller, ScriptedLLM, ScriptedTTS
from antiphon.transport import Transport

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
TEN = "one two three four five six seven eight nine ten"


class Menu(Agent):
    """Handles its keys itself."""

    def __init__(self, **kwargs):
        super().__init__(instructions="press one", **kwargs)
        self.keys = []

    async def on_dtmf(self, digit):
        self.keys.append((round(asyncio.get_running_loop().time(), 3), digit))


# In


async def test_every_key_is_an_event_at_once(talk):
    async with talk(replies={"": "very well"}) as t:
        await t.until(1.0)
        t.caller.press("1*#")
        t.caller.press("d")
        assert [(e.digit, e.at) for e in t.events("dtmf_received")] == [
            ("1", 1.0),
            ("*", 1.0),
            ("#", 1.0),
            ("D", 1.0),
        ]


@pytest.mark.parametrize("key", ["x", "", "12", None, 5])
async def test_what_is_no_key_is_an_error_that_does_not_quote_it(talk, key):
    async with talk(replies=[]) as t:
        await t.until(1.0)
        t.caller._sink.dtmf(key)
        await t.until(6)
    (event,) = t.events("error")
    assert (event.source, event.recoverable) == ("transport", True)
    assert str(event.error) == ("the transport gave as a key what is none of 0 to 9, *, #, A to D")
    assert t.events("dtmf_received") == [] and t.said == []


async def test_keys_that_nobody_handles_are_a_user_turn_after_two_seconds(talk):
    async with talk(replies={"[pressed 12]": "extension twelve"}) as t:
        await t.until(1.0)
        t.caller.press("1")
        await t.until(2.5)
        t.caller.press("2")
        await t.until(10)
    assert t.at("conversation_item_added")[1] == pytest.approx(4.5)
    assert t.said == [("user", "[pressed 12]"), ("assistant", "extension twelve")]
    assert len(t.session.turns) == 1


async def test_the_hash_key_ends_the_turn_at_once(talk):
    async with talk(replies={"[pressed 1234#]": "thank you"}) as t:
        await t.until(1.0)
        t.caller.press("1234#")
        await t.until(1.0001)
        assert t.said == [("user", "[pressed 1234#]")]
        await t.until(6)
    assert t.heard == "thank you"


async def test_a_turn_of_keys_has_64_at_the_most(talk):
    async with talk(replies={"": "very well"}) as t:
        await t.until(1.0)
        t.caller.press("5" * 70)
        await t.until(8)
    assert [text for role, text in t.said if role == "user"] == [
        f"[pressed {'5' * 64}]",
        f"[pressed {'5' * 6}]",
    ]


@pytest.mark.parametrize("timeout", [0.5, 4.0])
async def test_dtmf_timeout_says_how_long_keys_are_waited_for(talk, timeout):
    async with talk(replies={"": "very well"}, dtmf_timeout=timeout) as t:
        await t.until(1.0)
        t.caller.press("7")
        await t.until(10)
        assert t.session.turns[0].committed == pytest.approx(1.0 + timeout)


async def test_without_a_dtmf_timeout_keys_are_events_only(talk):
    async with talk(replies=[], dtmf_timeout=None) as t:
        await t.until(1.0)
        t.caller.press("7#")
        await t.until(10)
        assert t.session.turns == []
    assert len(t.events("dtmf_received")) == 2


async def test_keys_not_yet_a_turn_are_recorded_at_the_end(talk):
    async with talk(replies=[]) as t:
        await t.until(1.0)
        t.caller.press("77")
        t.caller.hang_up()
        await t.session.wait_closed()
    assert t.said == [("user", "[pressed 77]")]


async def test_a_timeout_that_is_no_time_says_so():
    with pytest.raises(ConfigurationError) as caught:
        AgentSession(dtmf_timeout=-1)
    assert str(caught.value) == "dtmf_timeout is -1; give seconds, 0 or more, or None"


# The agent's hook


async def test_an_agent_with_on_dtmf_gets_each_key_and_no_turn_is_made(talk):
    menu = Menu()
    async with talk(menu, replies=[]) as t:
        await t.until(1.0)
        t.caller.press("12#")
        await t.until(5)
        assert t.session.turns == []
    assert menu.keys == [(1.0, "1"), (1.0, "2"), (1.0, "#")]


async def test_keys_are_given_to_the_hook_one_after_another_in_order(talk):
    class Slow(Menu):
        async def on_dtmf(self, digit):
            await super().on_dtmf(digit)
            await asyncio.sleep(0.5)

    menu = Slow()
    async with talk(menu, replies=[]) as t:
        await t.until(1.0)
        t.caller.press("12")
        await t.until(1.2)
        t.caller.press("3")
        await t.until(5)
    assert menu.keys == [(1.0, "1"), (1.5, "2"), (2.0, "3")]


async def test_a_hook_may_speak_and_hand_over(talk):
    class Front(Agent):
        async def on_dtmf(self, digit):
            await self.session.say(f"you pressed {digit}")
            if digit == "2":
                self.session.update_agent(Menu(id="billing"))

    async with talk(Front(instructions="x", id="front"), replies=[]) as t:
        await t.until(1.0)
        t.caller.press("2")
        await t.until(8)
        assert t.session.current_agent.id == "billing"
        t.caller.press("9")
        await t.until(9)
        assert [key for _, key in t.session.current_agent.keys] == ["9"]
    assert t.heard == "you pressed 2"


async def test_a_hook_that_fails_is_reported_and_the_next_key_is_given(talk):
    class Failing(Menu):
        async def on_dtmf(self, digit):
            await super().on_dtmf(digit)
            if digit == "1":
                raise ValueError("no such menu")

    menu = Failing()
    async with talk(menu, replies=[]) as t:
        await t.until(1.0)
        t.caller.press("12")
        await t.until(3)
    (event,) = t.events("error")
    assert (event.source, event.detail, event.recoverable) == ("hook", "on_dtmf", True)
    assert str(event.error) == "no such menu"
    assert [key for _, key in menu.keys] == ["1", "2"]


async def test_a_hook_that_never_returns_does_not_keep_the_session_open(talk):
    class Stuck(Agent):
        async def on_dtmf(self, digit):
            await asyncio.sleep(1e6)

    async with talk(Stuck(instructions="x"), replies=[]) as t:
        await t.until(1.0)
        t.caller.press("1" * 120)
        await t.until(2.0)
    assert len(t.events("close")) == 1
    # One runs, 100 wait.
    assert [str(event.error) for event in t.events("error")] == [
        "100 keys wait for on_dtmf of agent 'stuck'; one more was dropped"
    ] * 20


# What a key does to the floor


async def test_a_key_interrupts_what_is_heard_at_once(talk):
    async with talk(Menu(), replies=[]) as t:
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(2.5)
        t.caller.press("1")
        assert handle.interrupted
        assert t.caller.silent_since == pytest.approx(2.5, abs=1e-3)
        await t.until(6)
    assert t.said == [("assistant", "one two three")]
    assert [(e.decision, e.reason) for e in t.events("turn_decision")] == [
        ("interrupt", "the user presses a key")
    ]


async def test_a_key_does_not_interrupt_what_may_not_be_interrupted_and_is_kept(talk):
    async with talk(replies={"[pressed 1#]": "very well"}) as t:
        await t.until(1.0)
        handle = t.session.say(TEN, allow_interruptions=False)
        await t.until(2.5)
        t.caller.press("1#")
        await t.until(12)
        assert not handle.interrupted
    assert t.heard == f"{TEN} very well"


async def test_a_key_interrupts_nothing_where_interruptions_are_off(talk):
    off = {"interruption": {"enabled": False}}
    async with talk(Menu(), replies=[], turn_handling=off) as t:
        await t.until(1.0)
        handle = t.session.say(TEN)
        await t.until(2.5)
        t.caller.press("1")
        await t.until(8)
        assert not handle.interrupted


async def test_a_key_while_the_agent_thinks_leaves_its_reply_alone(talk):
    llm = ScriptedLLM(["here it comes"], first_token=2.0, total=2.1)
    async with talk(Menu(), llm=llm) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        await t.until(3.0)
        t.caller.press("1")
        await t.until(8)
    assert t.heard == "here it comes"


async def test_a_user_who_was_away_and_presses_a_key_is_back(talk):
    async with talk(Menu(), replies=[], user_away_timeout=3.0) as t:
        await t.until(5.0)
        t.caller.press("1")
        await t.until(7.9)
        assert t.user_states == [(3.0, "away"), (5.0, "listening")]
        await t.until(8.1)
    assert t.user_states[-1] == (8.0, "away")


async def test_keys_put_off_the_moment_at_which_the_user_is_away(talk):
    async with talk(Menu(), replies=[], user_away_timeout=3.0) as t:
        await t.until(2.0)
        t.caller.press("1")
        await t.until(6)
    assert t.user_states == [(5.0, "away")]


async def test_keys_and_words_are_turns_of_their_own(talk):
    async with talk(replies={"": "very well"}, tts=ScriptedTTS(seconds=0.5)) as t:
        t.caller.speak_at(0.5, "my number is", seconds=1.0)
        await t.until(1.2)
        t.caller.press("42#")
        await t.until(10)
    assert [text for role, text in t.said if role == "user"] == ["[pressed 42#]", "my number is"]


# Out


async def test_send_dtmf_presses_keys_at_the_other_end(talk):
    async with talk(replies=[]) as t:
        await t.session.send_dtmf("12a#")
        assert t.caller.keys_heard == "12A#"


@pytest.mark.parametrize(
    ("digits", "message"),
    [
        (
            "12x",
            "'12x' has 'X', which is no key of a telephone; give 0 to 9, *, #, A to D",
        ),
        ("", "'' has no keys to press; give 0 to 9, *, #, A to D"),
    ],
)
async def test_send_dtmf_refuses_what_is_no_key(talk, digits, message):
    async with talk(replies=[]) as t:
        with pytest.raises(ValueError) as caught:
            await t.session.send_dtmf(digits)
    assert str(caught.value) == message
    assert t.caller.keys_heard == ""


async def test_a_transport_that_cannot_send_keys_names_the_way():
    class Mute(Transport):
        async def start(self, sink):
            pass

        async def aclose(self):
            pass

    async with AgentSession(llm=ScriptedLLM([])) as session:
        await session.start(Agent(instructions="x"), transport=Mute())
        with pytest.raises(TransportError) as caught:
            await session.send_dtmf("1")
    assert str(caught.value) == (
        "the transport Mute cannot send keys (DTMF); use one of a telephone line, or override "
        "send_dtmf in your transport"
    )


async def test_a_session_without_a_transport_cannot_send_keys():
    async with AgentSession(llm=ScriptedLLM([])) as session:
        await session.start(Agent(instructions="x"))
        with pytest.raises(TransportError) as caught:
            await session.send_dtmf("1")
    assert str(caught.value) == (
        "the session has no transport to send keys by; give it one: session.start(transport=…)"
    )


async def test_no_keys_are_sent_after_the_end(talk):
    caller = Caller()
    async with talk(replies=[], caller=caller) as t:
        await t.session.aclose()
        with pytest.raises(SessionClosed, match="has been closed"):
            await t.session.send_dtmf("1")
