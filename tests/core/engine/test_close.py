"""The end of a session: what is still said, what is recorded, and that nothing is left."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import pytest

from antiphon import Agent, AgentSession, SessionClosed, function_tool
from antiphon.testing import Call, Caller, Pause, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD

from .following import Log, Talk, instant, lines, now, talk, turns

pytestmark = pytest.mark.virtual_time


def desk(**options: Any) -> Agent:
    return Agent(id="desk", **options)


def voiced(**more: Any) -> dict[str, Any]:
    """A caller who hears, and a TTS of two words a second."""
    return {
        "caller": Caller(continuous=False),
        "tts": ScriptedTTS(first_byte=0, words_per_second=2),
        **more,
    }


def closed_once_and_last(t: Talk) -> bool:
    return len(t.log.of("close")) == 1 and t.log.events[-1].name == "close"


# The ways to the end


async def test_aclose_cuts_what_is_being_said_and_records_what_was_heard() -> None:
    async with talk(desk(), **voiced()) as t:
        playing, queued = t.session.say("one two three four"), t.session.say("five")
        await asyncio.sleep(1.1)
        await t.session.aclose()
        assert now() == 1.1
        assert t.history[1:] == ["desk: one two —"]
        assert playing.done() and queued.done() and playing.interrupted and queued.interrupted
        assert t.caller.heard_text() == "one two"
        assert t.log.told[-1] == "close: user_initiated"
        assert closed_once_and_last(t)


async def test_aclose_is_harmless_when_repeated() -> None:
    async with talk(desk()) as t:
        await asyncio.gather(t.session.aclose(), t.session.aclose())
        await t.session.aclose()
        assert closed_once_and_last(t)


async def test_shutdown_plays_what_is_queued_and_then_closes() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two")
        t.session.say("three four")
        t.session.shutdown()
        await t.session.wait_closed()
        assert now() == 2
        assert t.history[1:] == ["desk: one two", "desk: three four"]
        assert closed_once_and_last(t)


async def test_shutdown_without_drain_closes_at_once() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two three four")
        await asyncio.sleep(0.6)
        t.session.shutdown(drain=False, reason="job_shutdown")
        await t.session.wait_closed()
        assert now() == 0.6
        assert t.history[1:] == ["desk: one —"]
        assert t.log.told[-1] == "close: job_shutdown"


async def test_aclose_stops_a_drain_that_is_under_way() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two three four five six")
        t.session.shutdown()
        await asyncio.sleep(1.1)
        await t.session.aclose()
        assert now() == 1.1
        assert t.history[1:] == ["desk: one two —"]


async def test_a_drain_gives_up_after_30_s(caplog: pytest.LogCaptureFixture) -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say(" ".join(["word"] * 100))
        t.session.shutdown()
        await t.session.wait_closed()
        assert now() == 30
        assert "what was queued to be said was not played within 30 s" in caplog.text


async def test_a_reply_in_progress_is_finished_by_a_drain() -> None:
    @function_tool
    async def look() -> str:
        await asyncio.sleep(2)
        return "found"

    async with talk(desk(tools=[look]), [Call("look"), "Found it."], **voiced()) as t:
        t.caller.type("look")
        await asyncio.sleep(1)
        t.session.shutdown()
        await t.session.wait_closed()
        assert t.history[1:] == [
            "user: look",
            "call look{}",
            "output look: found",
            "desk: Found it.",
        ]


async def test_a_caller_who_hangs_up_closes_the_session_with_that_reason() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two three four")
        await asyncio.sleep(1.1)
        t.caller.hang_up()
        await t.session.wait_closed()
        assert t.log.told[-1] == "close: hung_up"
        assert closed_once_and_last(t)


async def test_what_was_heard_up_to_a_hang_up_is_recorded() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two three four")
        await asyncio.sleep(1.1)
        t.caller.hang_up()
        await t.session.wait_closed()
        assert t.history[1:] == ["desk: one two —"]


@pytest.mark.parametrize("position", ["reported", "estimated"])
async def test_what_was_heard_up_to_the_end_is_recorded_when_the_position_comes_late(
    position: Any,
) -> None:
    caller = Caller(continuous=False, position=position, position_error=0.0)
    async with talk(desk(), **voiced(caller=caller)) as t:
        handle = t.session.say("one two three four")
        await asyncio.sleep(1.1)
        await t.session.aclose()
        assert t.history[1:] == ["desk: one two —"]
        assert handle.done() and handle.interrupted


async def test_leaving_the_block_closes_the_session() -> None:
    llm = instant(["Hello."])
    async with AgentSession[Any](llm=llm) as session:
        log = Log(session)
        await session.start(desk())
        await session.generate_reply()
    assert log.told[-1] == "close: user_initiated"


async def test_a_block_that_never_started_is_left_without_fuss() -> None:
    async with AgentSession[Any](llm=instant([])):
        pass


# on_exit


async def test_on_exit_runs_once_at_the_end_and_its_speech_is_played() -> None:
    exits: list[str] = []

    class Leaving(Agent):
        async def on_exit(self) -> None:
            exits.append("exit")
            await self.session.say("Goodbye then.")
            self.session.say("Really.")

    async with talk(Leaving(), **voiced()) as t:
        t.session.say("one two three four")
        await asyncio.sleep(1.1)
        await t.session.aclose()
        assert exits == ["exit"]
        assert t.history[1:] == ["leaving: one two —", "leaving: Goodbye then.", "leaving: Really."]
        assert t.caller.heard_text() == "one two Goodbye then. Really."


async def test_on_exit_may_ask_the_model_at_the_end() -> None:
    class Leaving(Agent):
        async def on_exit(self) -> None:
            await self.session.generate_reply(instructions="Say goodbye.")

    async with talk(Leaving(), ["Goodbye."]) as t:
        await t.session.aclose()
        assert t.history[-1] == "leaving: Goodbye."


async def test_an_on_exit_that_fails_at_the_end_is_reported() -> None:
    class Leaving(Agent):
        async def on_exit(self) -> None:
            raise ValueError("bad exit")

    async with talk(Leaving()) as t:
        await t.session.aclose()
        assert t.log.told[-2:] == ["error of hook: bad exit", "close: user_initiated"]


async def test_an_on_exit_that_takes_too_long_is_cut_after_5_s_and_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Leaving(Agent):
        async def on_exit(self) -> None:
            await asyncio.sleep(1e6)

    async with talk(Leaving()) as t:
        await t.session.aclose()
        assert now() == 5
        assert "on_exit of 'leaving' took more than 5 s" in caplog.text


@pytest.mark.parametrize("drain", [True, False])
async def test_an_end_during_a_switch_runs_on_exit_once_and_lets_it_speak(drain: bool) -> None:
    exits: list[str] = []

    class Old(Agent):
        async def on_exit(self) -> None:
            exits.append("exit")
            await asyncio.sleep(1)
            await self.session.say("Goodbye then.")

    async with talk(Old(), **voiced()) as t:
        switch = t.session.update_agent(desk())
        await asyncio.sleep(0.5)
        t.session.shutdown(drain=drain)
        await t.session.wait_closed()
        assert exits == ["exit"]
        assert t.history[1:] == ["old: Goodbye then."]
        with pytest.raises(SessionClosed) as raised:
            await switch
        assert str(raised.value) == "the session closed before the switch was done"


async def test_the_session_of_the_last_agent_raises_after_the_end_and_it_can_be_used_again() -> (
    None
):
    agent = desk()
    async with talk(agent) as t:
        await t.session.aclose()
        with pytest.raises(LookupError):
            _ = agent.session
    async with talk(agent, ["Hello again."]) as t:
        await t.hear("hi")
        assert t.history[-1] == "desk: Hello again."


# What may be called afterwards


@pytest.mark.parametrize(
    "call",
    [
        lambda session: session.say("more"),
        lambda session: session.generate_reply(),
        lambda session: session.update_agent(Agent()),
        lambda session: session.commit_user_turn(),
        lambda session: session.clear_user_turn(),
    ],
    ids=["say", "generate_reply", "update_agent", "commit_user_turn", "clear_user_turn"],
)
async def test_calls_after_the_end_raise_session_closed(call: Any) -> None:
    async with talk(desk()) as t:
        await t.session.aclose()
        with pytest.raises(SessionClosed) as raised:
            call(t.session)
        assert str(raised.value) == (
            "the session has been closed (user_initiated); it says nothing more"
        )


async def test_calls_from_outside_raise_once_the_end_has_begun() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two")
        t.session.shutdown()
        with pytest.raises(SessionClosed):
            t.session.say("three")
        await t.session.wait_closed()
        assert t.history[1:] == ["desk: one two"]


async def test_what_may_be_asked_after_the_end_is_answered() -> None:
    async with talk(desk(), ["Hello."]) as t:
        await t.hear("hi")
        await t.session.aclose()
        assert t.history == ["None -> desk", "user: hi", "desk: Hello."]
        assert lines(t.session.chat_ctx) == t.history
        assert t.session.current_agent.id == "desk"
        assert t.session.agent_state == "listening"
        assert [timeline.text for timeline in t.session.turns] == ["hi"]
        await t.session.wait_for_idle()
        t.session.interrupt()
        t.session.shutdown()
        assert closed_once_and_last(t)


async def test_handles_that_are_awaited_at_the_end_return() -> None:
    async with talk(desk(), {"": [Pause(1e6)]}, **voiced()) as t:
        handles = [
            t.session.say("one two three four"),
            t.session.generate_reply(),
            t.session.say("more"),
        ]
        waiting = [asyncio.ensure_future(handle) for handle in handles]
        await asyncio.sleep(0.1)
        await t.session.aclose()
        async with asyncio.timeout(1):
            await asyncio.gather(*waiting)
        assert all(handle.interrupted for handle in handles)


async def test_handles_kept_for_an_agent_that_never_came_return() -> None:
    class Old(Agent):
        async def on_exit(self) -> None:
            await asyncio.sleep(1)

    async with talk(Old()) as t:
        t.session.update_agent(desk())
        await turns()
        kept = t.session.say("Welcome.")
        t.session.shutdown()
        async with asyncio.timeout(10):
            await kept
        assert kept.interrupted
        assert t.history == ["None -> old"]
        assert "discarded: the session closed before its agent was active" in t.log.told
        await t.session.wait_closed()


# What is recorded at the end


async def test_a_trailing_turn_of_interim_words_is_recorded() -> None:
    caller = Caller()
    caller.speak_at(0.5, "one two three four", seconds=2)
    slots: dict[str, Any] = {"stt": ScriptedSTT(), "vad": ScriptedVAD()}
    async with talk(desk(), caller=caller, **slots) as t:
        await asyncio.sleep(1.8)
        await t.session.aclose()
        assert t.history[1:] == ["user: one two"]


async def test_words_that_the_stt_still_owes_at_a_hang_up_are_waited_for_and_recorded() -> None:
    caller = Caller()
    caller.speak_at(0.5, "goodbye then", seconds=1)
    stt = ScriptedSTT(partials=False, flush_latency=0.5)
    slots: dict[str, Any] = {"stt": stt, "vad": ScriptedVAD()}
    async with talk(desk(), caller=caller, **slots) as t:
        await asyncio.sleep(1.55)
        caller.hang_up()
        await t.session.wait_closed()
        assert t.history[1:] == ["user: goodbye then"]
        assert now() == 2.05


async def test_words_that_never_come_hold_up_the_end_for_2_s_at_most() -> None:
    caller = Caller()
    caller.speak_at(0.5, "goodbye then", seconds=1)
    stt = ScriptedSTT(partials=False, latency=60, flush_latency=60)
    slots: dict[str, Any] = {"stt": stt, "vad": ScriptedVAD()}
    async with talk(desk(), caller=caller, **slots) as t:
        await asyncio.sleep(1.55)
        await t.session.aclose()
        assert now() == 3.55
        assert t.history[1:] == []


async def test_a_turn_that_ends_while_the_session_drains_is_recorded_and_not_answered() -> None:
    caller = Caller()
    caller.speak_at(0.5, "wait a moment", seconds=1)
    slots = voiced(caller=caller, stt=ScriptedSTT(), vad=ScriptedVAD())
    async with talk(desk(), ["Never said."], **slots) as t:
        t.session.say("one two three four five six seven eight", allow_interruptions=False)
        t.session.shutdown()
        await t.session.wait_closed()
        assert now() == 4
        assert sorted(t.history[1:]) == [
            "desk: one two three four five six seven eight",
            "user: wait a moment",
        ]
        assert t.llm.calls == 0


async def test_a_typed_turn_while_the_session_drains_is_recorded_and_not_answered() -> None:
    async with talk(desk(), ["Never said."], **voiced()) as t:
        t.session.say("one two three four", allow_interruptions=False)
        t.session.shutdown()
        await asyncio.sleep(1)
        t.caller.type("wait")
        await t.session.wait_closed()
        assert sorted(t.history[1:]) == ["desk: one two three four", "user: wait"]
        assert t.log.skipped == ["the session is closing"]
        assert t.llm.calls == 0


async def test_a_hang_up_in_the_middle_of_a_word_does_not_hold_up_on_exit() -> None:
    class Leaving(Agent):
        async def on_exit(self) -> None:
            await self.session.say("Goodbye then.")

    caller = Caller()
    caller.speak_at(0.5, "one two three four", seconds=2)
    slots = voiced(caller=caller, stt=ScriptedSTT(), vad=ScriptedVAD())
    async with talk(Leaving(), **slots) as t:
        await asyncio.sleep(1.8)
        caller.hang_up()
        await t.session.wait_closed()
        assert now() < 3
        assert "user: one two" in t.history


async def test_what_on_exit_says_to_a_caller_who_has_gone_is_not_recorded_as_heard() -> None:
    handles: list[Any] = []

    class Leaving(Agent):
        async def on_exit(self) -> None:
            handles.append(await self.session.say("Goodbye then."))

    async with talk(Leaving(), **voiced()) as t:
        t.caller.hang_up()
        await t.session.wait_closed()
        assert handles[0].done() and handles[0].interrupted
        assert t.history == ["None -> leaving"]
        assert "discarded: the caller has gone" in t.log.told


async def test_on_exit_sees_the_last_words_of_the_user() -> None:
    seen: list[str] = []

    class Leaving(Agent):
        async def on_exit(self) -> None:
            seen.extend(lines(self.chat_ctx))

    caller = Caller()
    caller.speak_at(0.5, "goodbye then", seconds=1)
    slots = voiced(caller=caller, stt=ScriptedSTT(partials=False), vad=ScriptedVAD())
    async with talk(Leaving(), **slots) as t:
        await asyncio.sleep(1.55)
        caller.hang_up()
        await t.session.wait_closed()
        assert seen == ["None -> leaving", "user: goodbye then"]


async def test_on_exit_may_apologise_when_errors_have_brought_the_end() -> None:
    from antiphon.errors import ProviderRejected

    class Leaving(Agent):
        async def on_exit(self) -> None:
            await self.session.say("Sorry, call again.")

    async with talk(Leaving(), [ProviderRejected("bad key")] * 3, **voiced()) as t:
        await t.hear("one", "two")
        t.caller.type("three")
        await t.session.wait_closed()
        assert t.caller.heard_text() == "Sorry, call again."
        assert t.history[-1] == "leaving: Sorry, call again."


async def test_pending_tools_get_their_outputs_and_are_cancelled() -> None:
    ended: list[str] = []

    @function_tool
    async def look() -> str:
        try:
            await asyncio.sleep(1e6)
        finally:
            ended.append(f"cancelled at {now()}")
        return "found"

    async with talk(desk(tools=[look]), [[Call("look"), Call("look")]]) as t:
        t.caller.type("look")
        await asyncio.sleep(1)
        await t.session.aclose()
        assert ended == ["cancelled at 1.0"] * 2
        assert t.outputs == ["error look: the session closed before the tool ended"] * 2
        assert closed_once_and_last(t)


async def test_a_tool_that_cleans_up_after_itself_is_given_5_s() -> None:
    ended: list[str] = []

    @function_tool
    async def look() -> str:
        try:
            await asyncio.sleep(1e6)
        finally:
            await asyncio.sleep(4)
            ended.append(f"cleaned up at {now()}")
        return "found"

    async with talk(desk(tools=[look]), [Call("look")]) as t:
        t.caller.type("look")
        await asyncio.sleep(1)
        await t.session.aclose()
        assert ended == ["cleaned up at 5.0"]


async def test_a_tool_that_does_not_stop_is_named_after_5_s(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = asyncio.Event()

    @function_tool
    async def stubborn() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "found"

    async with talk(desk(tools=[stubborn]), [Call("stubborn")]) as t:
        t.caller.type("look")
        await asyncio.sleep(1)
        await t.session.aclose()
        assert now() == 6
        assert "tool stubborn did not stop within 5 s" in caplog.text
        release.set()
        await turns()


async def test_a_sync_tool_that_runs_on_after_the_end_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, release = threading.Event(), threading.Event()

    @function_tool
    def stubborn() -> str:
        started.set()
        release.wait(10)
        return "found"

    async with talk(desk(tools=[stubborn]), [Call("stubborn")]) as t:
        t.caller.type("look")
        await turns(10)
        assert started.wait(5)
        await t.session.aclose()
        release.set()
        assert t.outputs == ["error stubborn: the session closed before the tool ended"]
        assert (
            "antiphon tool stubborn was given up; its thread runs on until it ends by itself"
            in caplog.text
        )


async def test_what_a_tool_says_after_the_end_raises_session_closed() -> None:
    raised: list[str] = []

    @function_tool
    async def look() -> None:
        try:
            await asyncio.sleep(1e6)
        finally:
            try:
                t.session.say("Wait!")
            except SessionClosed as error:
                raised.append(str(error))

    async with talk(desk(tools=[look]), [Call("look")]) as t:
        t.caller.type("look")
        await asyncio.sleep(1)
        await t.session.aclose()
        assert raised == ["the session has been closed (user_initiated); it says nothing more"]


# The close event


async def test_a_listener_of_the_end_that_raises_changes_nothing_about_it() -> None:
    def bad(event: Any) -> None:
        raise ValueError("bad")

    async with talk(desk()) as t:
        t.session.on("close", bad)
        await t.session.aclose()
        assert closed_once_and_last(t)


async def test_a_listener_of_the_end_may_call_the_session() -> None:
    raised: list[str] = []

    def late(event: Any) -> None:
        try:
            t.session.say("One more thing.")
        except SessionClosed as error:
            raised.append(str(error))
        t.session.shutdown()

    async with talk(desk()) as t:
        t.session.on("close", late)
        await t.session.aclose()
        assert len(raised) == 1
        assert closed_once_and_last(t)


async def test_an_end_brought_about_by_an_error_carries_it() -> None:
    from antiphon.errors import ProviderRejected

    async with talk(desk(), [ProviderRejected("bad key")] * 3) as t:
        await t.hear("one", "two")
        t.caller.type("three")
        await t.session.wait_closed()
        (close,) = t.log.of("close")
        assert close.reason == "error"
        assert isinstance(close.error, ProviderRejected)


async def test_every_part_of_a_busy_session_is_gone_after_the_end() -> None:
    """The plugin fails this test when a task or a thread is left."""

    class Busy(Agent):
        async def on_enter(self) -> None:
            await asyncio.sleep(1e6)

        @function_tool
        async def look(self) -> str:
            await asyncio.sleep(1e6)
            return "found"

        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            await asyncio.sleep(0.1)

    caller = Caller()
    caller.speak_at(2.0, "one two three four five", seconds=2)
    slots = voiced(caller=caller, stt=ScriptedSTT(), vad=ScriptedVAD())
    llm = ScriptedLLM({"": ["one two three", Call("look"), Pause(1e6)]})
    before = asyncio.all_tasks()
    async with talk(Busy(), llm, **slots) as t:
        t.caller.type("look")
        await asyncio.sleep(0.7)
        t.session.say("more and more")
        await asyncio.sleep(2)
        await t.session.aclose()
        await turns()
        assert asyncio.all_tasks() == before


async def test_the_log_of_an_ordinary_call_has_no_warnings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="antiphon"):
        async with talk(desk(), ["Hello."], **voiced()) as t:
            await t.hear("hi")
    assert [
        record.getMessage() for record in caplog.records if "took" not in record.getMessage()
    ] == []
