"""Preemptive generation: the LLM is asked on the likely end of a turn, and nothing else is."""

import asyncio

import pytest

from antiphon import Agent, ChatContext, function_tool
from antiphon.chat import ChatMessage
from antiphon.errors import ProviderConnectionError, ProviderRejected, SettingError, StopResponse
from antiphon.stt import EagerEndOfTurn, EndOfTurn, Final, TurnResumed
from antiphon.testing import (
    Call,
    Fail,
    Pause,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedTurnDetector,
)
from antiphon.turn_handling import TurnHandling

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6
ON = {"preemptive_generation": True}
REPLY = {"": "very well then"}


class Watched(ScriptedLLM):
    """Keeps when it was asked, when each stream was closed, and what it was asked with."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked, self.closed = [], []

    async def chat(self, *args, **kwargs):
        self.asked.append(round(asyncio.get_running_loop().time(), 2))
        try:
            async for event in super().chat(*args, **kwargs):
                yield event
        finally:
            self.closed.append(round(asyncio.get_running_loop().time(), 2))


def asked(t):
    """What the LLM was asked last in each request."""
    return [request.texts[-1][1] for request in t.llm.requests]


def discarded(t):
    return [e.call for e in t.events("model_call_ended") if e.call.discarded]


# When it begins


async def test_the_llm_is_asked_at_the_final_and_the_answer_is_heard_sooner(talk):
    async with talk(llm=Watched(REPLY), turn_handling=ON) as t:
        t.caller.speak_at(0.5, "what time is breakfast", seconds=2.0)
        await t.until(10)
    # The reference timeline: final 2.7, endpoint 3.0; its reply is heard from 3.5.
    assert t.llm.asked == [pytest.approx(2.7, abs=0.03)]
    assert t.agent_heard[0][0] == pytest.approx(3.2, abs=FRAME)
    assert t.said == [("user", "what time is breakfast"), ("assistant", "very well then")]


async def test_without_the_option_the_llm_is_asked_at_the_commit(talk):
    async with talk(llm=Watched(REPLY)) as t:
        t.caller.speak_at(0.5, "what time is breakfast", seconds=2.0)
        await t.until(10)
    assert t.llm.asked == [pytest.approx(3.0, abs=0.03)]


async def test_an_agents_own_option_wins_over_the_sessions(talk):
    agent = Agent(instructions="x", turn_handling={"preemptive_generation": False})
    async with talk(agent, llm=Watched(REPLY), turn_handling=ON) as t:
        t.caller.speak_at(0.5, "what time is breakfast", seconds=2.0)
        await t.until(10)
    assert t.llm.asked == [pytest.approx(3.0, abs=0.03)]


async def test_a_long_delay_hides_all_of_the_llms_time(talk):
    llm = Watched(REPLY, first_token=0.8, total=1.2)
    async with talk(llm=llm, turn_handling={**ON, "endpointing": {"min_delay": 1.5}}) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert llm.asked == [pytest.approx(1.7, abs=0.03)]
    # Committed at 3.0 with the answer complete: only the TTS takes its 0.2 s.
    assert t.agent_heard[0][0] == pytest.approx(3.2, abs=FRAME)


async def test_an_eager_end_of_turn_starts_it(talk):
    stt = ScriptedSTT(end_of_turn=True, eager=True, latency=0.6, turn_silence=0.8)
    async with talk(llm=Watched(REPLY), stt=stt, turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert t.llm.asked == [pytest.approx(1.7, abs=0.03)]
    assert t.agent_heard[0][0] == pytest.approx(2.5, abs=FRAME)


async def test_an_eager_end_of_turn_starts_nothing_without_the_option(talk):
    stt = ScriptedSTT(end_of_turn=True, eager=True, latency=0.6, turn_silence=0.8)
    async with talk(llm=Watched(REPLY), stt=stt) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert t.llm.asked == [pytest.approx(2.3, abs=0.03)]


async def test_an_stt_alone_starts_it_with_its_final(talk):
    async with talk(llm=Watched(REPLY), vad=None, turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert t.llm.asked == [pytest.approx(1.7, abs=0.03)]
    assert t.agent_heard[0][0] == pytest.approx(2.2, abs=FRAME)


async def test_a_turn_that_the_detector_calls_unfinished_is_not_asked_about_before_its_end(talk):
    stt = ScriptedSTT(latency=0.8, flush_latency=0.1)
    async with talk(
        llm=Watched(REPLY), stt=stt, turn_detector=ScriptedTurnDetector(0.1), turn_handling=ON
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert t.llm.asked == [pytest.approx(4.5, abs=0.03)]


async def test_a_turn_by_hand_is_not_guessed_at(talk):
    async with talk(llm=Watched(REPLY), turn_handling={**ON, "turn_detection": "manual"}) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(5)
        t.session.commit_user_turn()
        await t.until(10)
    assert t.llm.asked == [pytest.approx(5.0)]


async def test_nothing_is_asked_while_the_agent_is_still_speaking(talk):
    llm = Watched({"stop": "yes", "": "one two three four five six seven eight nine ten"})
    async with talk(llm=llm, turn_handling={**ON, "interruption": {"min_words": 2}}) as t:
        t.caller.speak_at(0.5, "tell me", seconds=1.0)
        t.caller.speak_at(3.0, "stop", seconds=0.4)
        await t.until(15)
    assert asked(t) == ["tell me"]


# When the user goes on


async def test_it_is_cancelled_at_once_when_the_user_goes_on(talk):
    llm = Watched([["one", Pause(60), "two"], "very well then"])
    async with talk(llm=llm, turn_handling={**ON, "endpointing": {"min_delay": 1.5}}) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(2.5, "some tea", seconds=1.0)
        await t.until(12)
    assert llm.asked == [pytest.approx(1.7, abs=0.03), pytest.approx(3.7, abs=0.03)]
    assert llm.closed[0] == pytest.approx(2.55, abs=0.06)
    assert t.said == [("user", "I would like some tea"), ("assistant", "very well then")]


async def test_going_on_before_the_vad_has_called_it_silence_cancels_it_within_a_tenth(talk):
    llm = Watched([["one", Pause(60), "two"], "very well then"])
    stt = ScriptedSTT(partials=False, latency=0.15)
    async with talk(llm=llm, stt=stt, turn_handling=ON) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(1.9, "some tea in my room", seconds=2.0)
        await t.until(12)
    assert llm.asked[0] == pytest.approx(1.65, abs=0.03)
    assert llm.closed[0] == pytest.approx(2.0, abs=0.12)
    assert t.said[0] == ("user", "I would like some tea in my room")


async def test_a_turn_resumed_takes_it_back(talk, planned_stt):
    stt = planned_stt(
        [
            (1.7, EagerEndOfTurn("I would like")),
            (2.1, TurnResumed()),
            (3.5, EagerEndOfTurn("I would like tea")),
            (4.0, Final("I would like tea")),
            (4.0, EndOfTurn()),
        ],
        end_of_turn=True,
    )
    llm = Watched([["one", Pause(60)], "very well then"])
    async with talk(llm=llm, stt=stt, vad=None, turn_handling=ON) as t:
        await t.until(10)
    assert llm.asked == [1.7, 3.5]
    assert llm.closed[0] == 2.1
    assert t.said == [("user", "I would like tea"), ("assistant", "very well then")]


async def test_other_words_than_were_guessed_are_asked_about_anew(talk, planned_stt):
    stt = planned_stt(
        [(1.7, EagerEndOfTurn("hello their")), (2.0, Final("hello there")), (2.4, EndOfTurn())],
        end_of_turn=True,
    )
    async with talk(llm=Watched(REPLY), stt=stt, vad=None, turn_handling=ON) as t:
        await t.until(10)
    assert asked(t) == ["hello their", "hello there"]
    assert t.said == [("user", "hello there"), ("assistant", "very well then")]


async def test_at_most_one_runs_at_a_time_and_three_are_begun_for_a_turn(talk):
    running = []

    class Counting(Watched):
        async def chat(self, *args, **kwargs):
            running.append(len(self.asked) - len(self.closed))
            async for event in super().chat(*args, **kwargs):
                yield event

    llm = Counting({"": ["very well", Pause(0.5), " then"]})
    async with talk(llm=llm, turn_handling={**ON, "endpointing": {"min_delay": 1.2}}) as t:
        for number in range(6):
            t.caller.speak_at(0.5 + 1.4 * number, f"part {number}", seconds=0.6)
        await t.until(20)
    assert len(t.session.turns) == 1
    assert len(llm.asked) == 4  # three on the way, and the reply itself
    assert running == [0, 0, 0, 0]
    assert t.said[-1] == ("assistant", "very well then")


async def test_the_next_turn_may_be_guessed_at_again(talk):
    async with talk(llm=Watched(REPLY), tts=ScriptedTTS(seconds=0.5), turn_handling=ON) as t:
        for number in range(5):
            t.caller.speak_at(0.5 + 6 * number, f"part {number}", seconds=0.6)
        await t.until(32)
    assert len(t.llm.asked) == 5
    assert discarded(t) == []


async def test_a_cleared_turn_is_not_asked_about_any_more(talk):
    llm = Watched({"": ["one", Pause(60)]})
    async with talk(llm=llm, turn_handling={**ON, "endpointing": {"min_delay": 3.0}}) as t:
        t.caller.speak_at(0.5, "oh forget it", seconds=1.0)
        await t.until(2.5)
        t.session.clear_user_turn()
        await t.until(8)
    assert llm.closed == [2.5]
    assert t.said == []


# What it does not do before the commit


class Clerk(Agent):
    def __init__(self, **kwargs):
        super().__init__(instructions="help", **kwargs)
        self.ran = []

    async def on_user_turn_completed(self, turn_ctx, new_message):
        self.ran.append(("hook", asyncio.get_running_loop().time()))

    @function_tool
    async def look_up(self) -> str:
        """Looks it up."""
        self.ran.append(("tool", asyncio.get_running_loop().time()))
        return "it is at seven"


async def test_tools_and_hook_run_only_after_the_commit(talk):
    agent = Clerk()
    llm = Watched({"seven": "at seven", "": Call("look_up")})
    async with talk(agent, llm=llm, turn_handling={**ON, "endpointing": {"min_delay": 1.5}}) as t:
        t.caller.speak_at(0.5, "when is breakfast", seconds=1.0)
        await t.until(12)
    assert llm.asked[0] == pytest.approx(1.7, abs=0.03)
    assert [(what, round(when, 2)) for what, when in agent.ran] == [
        ("hook", pytest.approx(3.0, abs=0.03)),
        ("tool", pytest.approx(3.0, abs=0.03)),
    ]
    assert t.heard == "at seven"
    assert llm.calls == 2


async def test_nothing_is_voiced_or_recorded_before_the_commit(talk):
    async with talk(
        llm=Watched(REPLY), turn_handling={**ON, "endpointing": {"min_delay": 3.0}}
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(4.0)
        assert t.llm.calls == 1
        assert t.said == [] and t.session.agent_state == "listening"
        assert t.events("speech_created") == []
        await t.until(10)
    assert t.heard == "very well then"


async def test_an_own_llm_node_is_not_run_before_the_commit(talk):
    class Own(Agent):
        async def llm_node(self, chat_ctx, tools, model_settings):
            ran.append((model_settings.speculative, asyncio.get_running_loop().time()))
            yield "very well"

    ran = []
    async with talk(Own(instructions="x"), replies=[], turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert ran == [(False, pytest.approx(2.0, abs=FRAME))]


async def test_an_own_llm_node_that_is_speculative_ok_is_and_is_told(talk):
    class Own(Agent):
        speculative_ok = True

        async def llm_node(self, chat_ctx, tools, model_settings):
            ran.append((model_settings.speculative, asyncio.get_running_loop().time()))
            async for event in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
                yield event

    ran = []
    async with talk(Own(instructions="x"), replies=["very well"], turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert ran == [(True, pytest.approx(1.7, abs=FRAME))]
    assert t.heard == "very well"


# When it no longer fits


@pytest.mark.parametrize("change", ["turn_ctx", "new_message", "instructions", "tools", "chat_ctx"])
async def test_what_the_hook_changes_is_asked_about_anew(talk, change):
    class Changing(Agent):
        async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage):
            if change == "turn_ctx":
                turn_ctx.add_message(role="system", content="breakfast is at seven")
            elif change == "new_message":
                new_message.content = "something else"
            elif change == "instructions":
                await self.update_instructions("be rude")
            elif change == "tools":
                await self.update_tools([late])
            else:
                context = self.chat_ctx.copy()
                context.add_message(role="system", content="noted")
                await self.update_chat_ctx(context)

    @function_tool
    async def late() -> str:
        """Comes late."""
        return "x"

    async with talk(Changing(instructions="x"), llm=Watched(REPLY), turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    # `turn_ctx` was made before: the reply is shown the old instructions all the same.
    assert t.llm.calls == (1 if change == "instructions" else 2)
    last = t.llm.requests[-1]
    assert ("noted" in [text for _, text in last.texts]) == (change == "chat_ctx")
    assert [tool.name for tool in last.tools] == (["late"] if change == "tools" else [])
    assert len(discarded(t)) == t.llm.calls - 1
    assert t.heard == "very well then"


async def test_a_hook_that_changes_nothing_keeps_it(talk):
    async with talk(Clerk(), llm=Watched(REPLY), turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert t.llm.calls == 1


async def test_a_hook_that_wants_no_reply_throws_it_away(talk):
    class Silent(Agent):
        async def on_user_turn_completed(self, turn_ctx, new_message):
            raise StopResponse

    llm = Watched({"": ["one", Pause(60)]})
    async with talk(Silent(instructions="x"), llm=llm, turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert llm.closed == [pytest.approx(2.0, abs=0.03)]
    assert [call.outcome for call in discarded(t)] == ["cancelled"]


@pytest.mark.parametrize("change", ["instructions", "tools", "chat_ctx"])
async def test_what_is_changed_before_the_commit_is_asked_about_anew(talk, change):
    @function_tool
    async def late() -> str:
        """Comes late."""
        return "x"

    async with talk(
        llm=Watched(REPLY), turn_handling={**ON, "endpointing": {"min_delay": 2.0}}
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(2.5)
        if change == "instructions":
            await t.agent.update_instructions("be rude")
        elif change == "tools":
            await t.agent.update_tools([late])
        else:
            context = t.agent.chat_ctx.copy()
            context.add_message(role="system", content="noted")
            await t.agent.update_chat_ctx(context)
        await t.until(8)
    assert t.llm.calls == 2
    assert len(discarded(t)) == 1
    assert t.heard == "very well then"


async def test_another_llm_is_asked_anew(talk):
    other = ScriptedLLM(["from the other"])
    async with talk(
        llm=Watched(REPLY), turn_handling={**ON, "endpointing": {"min_delay": 2.0}}
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(2.5)
        await t.agent.update_options(llm=other)
        await t.until(8)
    assert t.heard == "from the other"
    assert len(discarded(t)) == 1


async def test_a_typed_line_in_between_is_answered_for_itself(talk):
    async with talk(
        llm=Watched({"typed": "that was typed", "": "very well"}),
        tts=ScriptedTTS(seconds=0.4),
        turn_handling={**ON, "endpointing": {"min_delay": 2.0}},
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(2.5)
        t.caller.type("typed")
        await t.until(9)
    assert [text for role, text in t.said if role == "user"] == ["typed", "hello there"]
    assert len(discarded(t)) == 1


async def test_an_end_in_between_closes_its_stream(talk):
    llm = Watched({"": ["one", Pause(60)]})
    async with talk(llm=llm, turn_handling={**ON, "endpointing": {"min_delay": 3.0}}) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(2.5)
    assert len(llm.closed) == 1
    assert t.said == [("user", "hello there")]


# When it fails


async def test_a_run_that_has_failed_is_asked_again_at_the_commit(talk):
    llm = Watched(REPLY, fail_at=Fail(ProviderRejected("not now"), call=1))
    async with talk(llm=llm, turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert t.heard == "very well then"
    assert t.errors == []
    assert [call.outcome for call in discarded(t)] == ["failed"]


async def test_a_run_that_fails_after_the_commit_is_an_error_of_the_reply(talk):
    llm = Watched([["one two ", Pause(1.0), ProviderConnectionError("gone")]])
    async with talk(llm=llm, turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
    assert t.errors == [("llm", ProviderConnectionError, False)]
    assert t.said == [("user", "hello there"), ("assistant", "one two")]


async def test_an_interruption_after_the_commit_closes_the_adopted_stream(talk):
    llm = Watched([["one two three four five six seven eight ", Pause(60), "nine"], "yes"])
    async with talk(llm=llm, turn_handling=ON) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(3.0)
        t.caller.type("stop")
        await t.until(8)
    assert llm.closed[0] == 3.0
    assert t.said[-1] == ("assistant", "yes")


# What is told of it


async def test_the_timeline_has_the_request_before_the_commit(talk):
    async with talk(llm=Watched(REPLY), turn_handling=ON) as t:
        t.caller.speak_at(0.5, "what time is breakfast", seconds=2.0)
        await t.until(10)
        (turn,) = t.session.turns
    assert turn.llm_request == pytest.approx(2.7, abs=FRAME)
    assert turn.llm_first_token == pytest.approx(2.8, abs=FRAME)
    assert turn.committed == pytest.approx(3.0, abs=FRAME)
    assert turn.first_sentence == turn.committed
    assert turn.latency == pytest.approx(0.7, abs=FRAME)
    (call,) = [call for call in turn.calls if call.slot == "llm"]
    assert (call.turn, call.speech_id, call.outcome, call.discarded) == (
        1,
        turn.speech_id,
        "done",
        False,
    )
    assert call.duration == pytest.approx(0.3, abs=1e-3)
    assert turn.usage["Watched"].output_tokens == 3
    assert t.session.usage["Watched"].requests == 1


async def test_the_usage_of_runs_thrown_away_is_counted_apart(talk):
    async with talk(
        llm=Watched({"": "yes"}, first_token=0.05, total=0.1),
        turn_handling={**ON, "endpointing": {"min_delay": 1.5}},
    ) as t:
        t.caller.speak_at(0.5, "I would like", seconds=1.0)
        t.caller.speak_at(2.5, "some tea", seconds=1.0)
        await t.until(12)
        book = t.session._conversation.usage
    assert book.by_model["Watched"].requests == 2
    assert book.discarded["Watched"].requests == 1
    (turn,) = t.session.turns
    assert turn.usage["Watched"].requests == 1
    (call,) = discarded(t)
    assert call.usage is not None and call.usage.output_tokens == 1
    assert call.turn is None


async def test_an_option_of_the_wrong_kind_says_what_to_give():
    with pytest.raises(SettingError) as caught:
        TurnHandling(preemptive_generation={"enabled": True})  # type: ignore[arg-type]
    assert str(caught.value) == (
        "TurnHandling(preemptive_generation={'enabled': True}) is not one of True, False"
    )
