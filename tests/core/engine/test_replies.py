"""Speech: `say`, `generate_reply`, their handles and order, and what a failing LLM leads to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon import Agent, AudioFrame, ChatMessage, ImageContent, function_tool
from antiphon.errors import ProviderConnectionError, ProviderRejected
from antiphon.testing import CUT, Call, Caller, Fail, Pause, ScriptedLLM, ScriptedTTS, render

from .following import instant, lines, now, talk, turns

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


async def pieces(*texts: str, every: float = 0.0) -> AsyncIterator[str]:
    for text in texts:
        yield text
        await asyncio.sleep(every)


# say


async def test_say_speaks_a_text_and_records_it() -> None:
    async with talk(desk(), **voiced()) as t:
        handle = t.session.say("one two three four")
        assert not handle.done()
        assert await handle is handle
        assert now() == 2
        assert handle.done() and not handle.interrupted and handle.exception() is None
        assert t.caller.heard_text() == "one two three four"
        assert lines(handle.chat_items) == ["desk: one two three four"]
        assert t.history[-1] == lines(t.session.chat_ctx)[-1] == "desk: one two three four"


async def test_say_takes_its_text_by_keyword() -> None:
    async with talk(desk()) as t:
        await t.session.say(text="Hello.")
        assert t.history[-1] == "desk: Hello."


@pytest.mark.parametrize("audible", [False, True])
async def test_say_takes_a_text_in_pieces(audible: bool) -> None:
    async with talk(desk(), **(voiced() if audible else {})) as t:
        await t.session.say(pieces("one ", "two ", "three", every=0.1))
        assert t.history[-1] == "desk: one two three"


async def test_say_plays_ready_audio_in_place_of_a_tts() -> None:
    async def audio() -> AsyncIterator[AudioFrame]:
        data = render("ready made words", seconds=1.5)
        for start in range(0, len(data), 3200):
            yield AudioFrame(data[start : start + 3200], 16000)

    tts = ScriptedTTS()
    async with talk(desk(), **voiced(tts=tts)) as t:
        await t.session.say("ready made words", audio=audio())
        assert now() == 1.5
        assert tts.calls == 0
        assert t.caller.heard_text() == "ready made words"
        assert t.history[-1] == "desk: ready made words"


async def test_say_that_is_not_to_be_remembered_is_spoken_and_not_recorded() -> None:
    async with talk(desk(), **voiced()) as t:
        await t.session.say("Please hold.", add_to_chat_ctx=False)
        assert t.caller.heard_text() == "Please hold."
        assert t.history == lines(t.session.chat_ctx) == ["None -> desk"]


@pytest.mark.parametrize("text", ["", "  "])
async def test_say_of_nothing_is_done_at_once(text: str) -> None:
    async with talk(desk(), **voiced()) as t:
        handle = await t.session.say(text)
        assert now() == 0
        assert not handle.interrupted
        assert t.history == ["None -> desk"]


async def test_settings_of_a_say_reach_the_tts() -> None:
    tts = ScriptedTTS()
    async with talk(desk(), **voiced(tts=tts)) as t:
        await t.session.say("Slowly.", tts={"speed": 0.9})
        await t.session.say("As ever.")
        assert tts.settings == [{"speed": 0.9}, None]


async def test_a_text_that_fails_in_the_middle_is_reported_and_what_came_is_spoken() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "one two "
        raise ValueError("no more")

    async with talk(desk(), **voiced()) as t:
        handle = await t.session.say(broken())
        assert repr(handle.exception()) == "ValueError('no more')"
        assert t.history[-1] == "desk: one two"
        assert t.log.errors == ["tts, recoverable: ValueError: no more"]


async def test_the_pieces_of_an_interrupted_say_are_closed() -> None:
    ends: list[float] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "word "
                await asyncio.sleep(0.5)
        finally:
            ends.append(now())

    async with talk(desk()) as t:
        handle = t.session.say(endless())
        await asyncio.sleep(1.2)
        handle.interrupt()
        await turns()
        assert ends == [1.2]
        assert t.history[-1] == "desk: word word word —"


# Order


async def test_speeches_are_spoken_in_the_order_in_which_they_were_asked_for() -> None:
    async with talk(desk(), ["generated"], **voiced()) as t:
        t.session.say("first")
        t.session.generate_reply()
        t.session.say("third")
        await t.session.wait_for_idle()
        assert t.history[1:] == ["desk: first", "desk: generated", "desk: third"]
        assert t.caller.heard_text() == "first generated third"


async def test_a_queued_reply_asks_the_model_when_its_turn_has_come() -> None:
    async with talk(desk(), ["generated"], **voiced()) as t:
        t.session.say("first")
        await t.session.generate_reply()
        assert lines(t.llm.requests[0].chat_ctx) == ["None -> desk", "desk: first"]


async def test_a_follow_up_comes_before_what_was_queued_after_the_tool_had_ended() -> None:
    @function_tool
    async def look() -> str:
        return "found"

    async with talk(desk(tools=[look]), [["one two", Call("look")], "Found it."], **voiced()) as t:
        t.caller.type("look")
        await turns(10)
        t.session.say("Last.")
        await t.session.wait_for_idle()
        assert t.history[-3:] == ["output look: found", "desk: Found it.", "desk: Last."]


async def test_current_speech_is_the_one_with_the_floor() -> None:
    async with talk(desk(), **voiced()) as t:
        first, second = t.session.say("one two"), t.session.say("three four")
        await asyncio.sleep(0.5)
        assert t.session.current_speech is first
        await first
        assert t.session.current_speech is second
        await second
        assert t.session.current_speech is None


# generate_reply


async def test_instructions_of_a_reply_are_shown_to_the_model_and_not_stored() -> None:
    async with talk(desk(instructions="Be brief."), ["Hello."]) as t:
        await t.session.generate_reply(instructions="Greet the caller.")
        assert lines(t.llm.requests[0].chat_ctx) == [
            "system: Be brief.",
            "None -> desk",
            "system: Greet the caller.",
        ]
        assert lines(t.session.chat_ctx) == ["system: Be brief.", "None -> desk", "desk: Hello."]


async def test_generate_reply_without_arguments_answers_the_context() -> None:
    async with talk(desk(), ["Hello."]) as t:
        await t.session.generate_reply()
        assert t.history[-1] == "desk: Hello."


async def test_user_input_is_recorded_as_a_user_turn() -> None:
    async with talk(desk(), ["Hello Ann."]) as t:
        await t.session.generate_reply(user_input="I am Ann")
        assert t.history[1:] == ["user: I am Ann", "desk: Hello Ann."]
        assert [timeline.text for timeline in t.session.turns] == ["I am Ann"]


async def test_user_input_may_be_a_message_with_an_image() -> None:
    picture = ImageContent(image="https://example.test/a.png")
    message = ChatMessage(role="user", content=["Look at this.", picture])
    async with talk(desk(), ["A cat."]) as t:
        await t.session.generate_reply(user_input=message)
        (shown,) = [m for m in t.llm.requests[0].chat_ctx.messages() if m.role == "user"]
        assert shown.content == ["Look at this.", picture]
        assert t.history[1:] == ["user: Look at this.", "desk: A cat."]


async def test_settings_of_a_reply_reach_the_llm() -> None:
    async with talk(desk(), ["a", "b"]) as t:
        await t.session.generate_reply(llm={"temperature": 0})
        await t.session.generate_reply()
        assert [request.settings for request in t.llm.requests] == [{"temperature": 0}, None]


async def test_tool_choice_holds_for_the_first_step_of_a_reply() -> None:
    @function_tool
    async def look() -> str:
        return "found"

    async with talk(desk(tools=[look]), [Call("look"), "Found it."]) as t:
        await t.session.generate_reply(tool_choice="required")
        assert [request.tool_choice for request in t.llm.requests] == ["required", "auto"]


async def test_changes_to_an_agent_hold_from_the_next_step() -> None:
    @function_tool
    async def help() -> str:
        return "helped"

    agent = desk(instructions="One.")

    @function_tool
    async def look() -> str:
        await agent.update_instructions("Two.")
        await agent.update_tools([help])
        return "found"

    await agent.update_tools([look])
    async with talk(agent, [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert lines(t.llm.requests[1].chat_ctx)[0] == "system: Two."
        assert t.llm.requests[1].tool_names == ("help",)


async def test_an_llm_changed_in_mid_call_answers_the_next_turn() -> None:
    agent = desk()
    other = instant(["From the other one."])
    async with talk(agent, ["From the first."]) as t:
        await t.hear("hello")
        await agent.update_options(llm=other)
        await t.hear("hello again")
        assert t.history[-1] == "desk: From the other one."


# Handles


async def test_a_handle_never_raises_the_error_of_its_speech() -> None:
    llm = instant([ProviderRejected("no such model")])
    async with talk(desk(), llm) as t:
        handle = await t.session.generate_reply()
        assert repr(handle.exception()) == "ProviderRejected('no such model')"
        assert handle.done()


async def test_interrupting_a_handle_stops_its_audio_and_records_what_was_heard() -> None:
    async with talk(desk(), **voiced()) as t:
        handle = t.session.say("one two three four five six")
        await asyncio.sleep(1.6)
        handle.interrupt()
        assert handle.interrupted and handle.done()
        assert t.history[-1] == "desk: one two three —"
        (item,) = handle.chat_items
        assert isinstance(item, ChatMessage)
        assert item.generated_text == "one two three four five six"
        assert t.caller.heard_text() == "one two three"


async def test_interrupting_a_queued_speech_takes_it_out_and_records_nothing() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two")
        second = t.session.say("three four")
        second.interrupt()
        assert second.done() and second.interrupted
        await t.session.wait_for_idle()
        assert t.history[1:] == ["desk: one two"]


async def test_what_may_not_be_interrupted_raises_unless_forced() -> None:
    async with talk(desk(), **voiced()) as t:
        handle = t.session.say("one two three four", allow_interruptions=False)
        await asyncio.sleep(0.6)
        with pytest.raises(RuntimeError) as raised:
            handle.interrupt()
        assert str(raised.value) == (
            "this speech does not allow interruptions; use `interrupt(force=True)`"
        )
        t.session.interrupt()
        assert not handle.done()
        t.session.interrupt(force=True)
        assert (handle.interrupted, handle.done()) == (True, True)
        assert t.history[-1] == "desk: one —"


async def test_interrupting_a_session_stops_everything_queued() -> None:
    async with talk(desk(), ["generated"], **voiced()) as t:
        handles = [t.session.say("one two"), t.session.generate_reply(), t.session.say("three")]
        await asyncio.sleep(0.6)
        await t.session.interrupt()
        assert [handle.interrupted for handle in handles] == [True] * 3
        assert t.history[1:] == ["desk: one —"]
        assert t.llm.calls == 0


async def test_done_callbacks_are_called_once_and_at_once_for_what_is_done() -> None:
    called: list[Any] = []
    async with talk(desk()) as t:
        handle = t.session.say(pieces("one ", "two", every=1))
        handle.add_done_callback(called.append)
        handle.add_done_callback(removed := (lambda handle: called.append("removed")))
        handle.remove_done_callback(removed)
        assert called == []
        await handle
        assert called == [handle]
        handle.add_done_callback(called.append)
        assert called == [handle, handle]


async def test_a_done_callback_that_raises_is_reported_and_the_conversation_goes_on() -> None:
    def bad(handle: Any) -> None:
        raise ValueError("bad callback")

    async with talk(desk(), ["Yes."], **voiced()) as t:
        handle = t.session.say("one two")
        handle.add_done_callback(bad)
        await handle
        await t.hear("hello?")
        assert t.log.errors == ["listener, recoverable: ValueError: bad callback"]
        assert t.history[-1] == "desk: Yes."


async def test_a_done_callback_may_say_something() -> None:
    async with talk(desk(), **voiced()) as t:
        t.session.say("one two").add_done_callback(lambda handle: t.session.say("three"))
        await t.session.wait_for_idle()
        assert t.history[1:] == ["desk: one two", "desk: three"]


async def test_several_tasks_may_await_one_handle() -> None:
    async with talk(desk(), **voiced()) as t:
        handle = t.session.say("one two")
        assert list(await asyncio.gather(handle, handle)) == [handle, handle]


async def test_a_cancelled_await_leaves_the_speech_alone() -> None:
    async with talk(desk(), **voiced()) as t:
        handle = t.session.say("one two three four")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await handle
        await handle
        assert now() == 2
        assert not handle.interrupted


async def test_speech_created_tells_of_every_speech_and_who_asked_for_it() -> None:
    async with talk(desk(), ["a", "b"]) as t:
        await t.session.say("Hello.")
        await t.session.generate_reply()
        await t.hear("hi")
        assert [(event.source, event.user_initiated) for event in t.log.of("speech_created")] == [
            ("say", True),
            ("generate_reply", True),
            ("user_turn", False),
        ]


# Interrupted replies


async def test_a_turn_while_the_agent_thinks_is_answered_together_with_the_first() -> None:
    llm = ScriptedLLM(["Never heard.", "Both."], first_token=1, total=1)
    async with talk(desk(), llm) as t:
        t.caller.type("first")
        await asyncio.sleep(0.5)
        t.caller.type("second")
        await t.session.wait_for_idle()
        assert t.history[1:] == ["user: first", "user: second", "desk: Both."]


async def test_a_reply_interrupted_before_it_was_heard_is_a_declared_silence() -> None:
    llm = ScriptedLLM(["Never heard."], first_token=1, total=1)
    async with talk(desk(), llm) as t:
        t.caller.type("first")
        await asyncio.sleep(0.5)
        t.session.interrupt()
        await t.session.wait_for_idle()
        assert t.history[1:] == ["user: first"]
        assert t.log.skipped == ["the reply was interrupted"]


async def test_speech_that_may_not_be_interrupted_keeps_the_turn_and_answers_it_afterwards() -> (
    None
):
    async with talk(desk(), ["Yes."], **voiced()) as t:
        t.session.say("one two three four", allow_interruptions=False)
        await asyncio.sleep(1)
        t.caller.type("wait")
        assert t.history[-1] == "user: wait"
        await t.session.wait_for_idle()
        assert sorted(t.history[1:]) == ["desk: Yes.", "desk: one two three four", "user: wait"]
        assert t.history[-1] == "desk: Yes."
        assert now() == 2.5


# A failing LLM


async def test_an_llm_that_fails_is_asked_again_after_0_1_and_2_s() -> None:
    asked: list[float] = []

    def answer(context: Any, tools: Any) -> str:
        asked.append(now())
        return "At last."

    fails = [
        Fail(ProviderConnectionError("lost"), call=1),
        Fail(ProviderConnectionError("lost"), call=2),
    ]
    llm = ScriptedLLM(answer, first_token=0, total=0, fail_at=fails)
    async with talk(desk(), llm) as t:
        await t.hear("hello")
        assert asked == [2.1]
        assert t.history[1:] == ["user: hello", "desk: At last."]
        assert t.log.errors == ["llm, recoverable: ProviderConnectionError: lost"] * 2


async def test_a_turn_whose_llm_fails_for_good_is_kept_and_told() -> None:
    fails = [Fail(ProviderConnectionError("lost"), call=call) for call in (1, 2, 3)]
    llm = ScriptedLLM({"": "Now it works."}, first_token=0, total=0, fail_at=fails)
    async with talk(desk(), llm) as t:
        await t.hear("hello")
        assert now() == 2.1
        assert t.history[1:] == ["user: hello"]
        assert t.log.errors == [
            "llm, recoverable: ProviderConnectionError: lost",
            "llm, recoverable: ProviderConnectionError: lost",
            "llm: ProviderConnectionError: lost",
        ]
        assert t.log.skipped == []
        await t.hear("and now?")
        assert t.history[1:] == ["user: hello", "user: and now?", "desk: Now it works."]


async def test_an_error_that_cannot_be_retried_is_not() -> None:
    async with talk(desk(), [ProviderRejected("bad key")]) as t:
        await t.hear("hello")
        assert now() == 0
        assert t.log.errors == ["llm: ProviderRejected: bad key"]


async def test_a_truncated_answer_is_an_error_and_what_came_of_it_is_spoken() -> None:
    async with talk(desk(), [["one two", CUT]], **voiced()) as t:
        await t.hear("hello")
        assert t.history[1:] == ["user: hello", "desk: one two"]
        assert t.log.errors == [
            "llm: TruncatedStream: ScriptedLLM ended its answer without an end marker"
        ]


async def test_an_empty_truncated_answer_is_asked_for_again() -> None:
    async with talk(desk(), [[CUT], "Here I am."]) as t:
        await t.hear("hello")
        assert t.history[-1] == "desk: Here I am."
        assert t.log.errors == [
            "llm, recoverable: TruncatedStream: ScriptedLLM ended its answer without an end marker"
        ]


async def test_a_stalled_llm_is_given_up_after_10_s_and_asked_again() -> None:
    async with talk(desk(), [[Pause(1e9)], "Here I am."]) as t:
        await t.hear("hello")
        assert now() == 10.1
        assert t.history[-1] == "desk: Here I am."
        assert t.log.errors == [
            "llm, recoverable: ProviderTimeout: ScriptedLLM gave nothing for 10 s"
        ]


async def test_three_failed_turns_in_a_row_close_the_session() -> None:
    async with talk(desk(), [ProviderRejected("bad key")] * 3) as t:
        for text in ("one", "two", "three"):
            t.caller.type(text)
            await turns(10)
        await t.session.wait_closed()
        (close,) = t.log.of("close")
        assert (close.reason, str(close.error)) == ("error", "bad key")
        assert t.history[1:] == ["user: one", "user: two", "user: three"]


async def test_a_good_turn_between_bad_ones_keeps_the_session_open() -> None:
    bad = ProviderRejected("bad key")
    async with talk(desk(), [bad, bad, "Good.", bad, bad, "Good again."]) as t:
        await t.hear("1", "2", "3", "4", "5", "6")
        assert t.history[-1] == "desk: Good again."


async def test_apologies_between_failed_turns_do_not_hide_that_they_are_in_a_row() -> None:
    async with talk(desk(), [ProviderRejected("bad key")] * 3) as t:

        def apologise(event: Any) -> None:
            if event.source == "llm" and not event.recoverable and len(t.log.of("error")) < 3:
                t.session.say("Sorry, say that again.")

        t.session.on("error", apologise)
        for text in ("one", "two", "three"):
            t.caller.type(text)
            await turns(10)
        await asyncio.wait_for(t.session.wait_closed(), 10)
        assert t.log.told[-1] == "close: error"


async def test_truncated_answers_in_a_row_close_the_session() -> None:
    async with talk(desk(), [["So,", CUT]] * 3) as t:
        for text in ("one", "two", "three"):
            t.caller.type(text)
            await turns(10)
        await asyncio.wait_for(t.session.wait_closed(), 10)
        assert t.log.told[-1] == "close: error"


async def test_a_turn_answered_by_a_tool_alone_ends_a_row_of_failures() -> None:
    @function_tool
    async def note() -> None:
        return None

    bad = ProviderRejected("bad key")
    replies = [bad, bad, Call("note"), bad, bad, "Good."]
    async with talk(desk(tools=[note]), replies) as t:
        await t.hear("1", "2", "3", "4", "5", "6")
        assert t.history[-1] == "desk: Good."


async def test_an_agent_without_an_llm_reports_what_is_missing() -> None:
    async with talk(desk(llm=None)) as t:
        await t.hear("hello")
        assert t.history[1:] == ["user: hello"]
        assert t.log.skipped == ["the agent has no llm"]
        handle = await t.session.generate_reply()
        assert str(handle.exception()) == (
            "agent 'desk' was given llm=None, but a reply needs it; "
            "leave it out to take the session's"
        )


# Whose speech it is


async def test_what_a_listener_says_is_the_present_agents_whoever_it_is_told_of() -> None:
    class Old(Agent):
        async def on_enter(self) -> None:
            self.session.say("one two three four")
            self.session.update_agent(desk())

    async with talk(Old(), **voiced()) as t:

        def greet(event: Any) -> None:
            if getattr(event.item, "new_agent_id", None) == "desk":
                t.session.say("Now desk.")

        t.session.on("conversation_item_added", greet)
        await asyncio.sleep(1)
        await t.session.wait_for_idle()
        assert t.history[1:] == ["old: one two three four", "old -> desk", "desk: Now desk."]


async def test_what_a_node_says_is_the_present_agents_whatever_brought_its_reply_about() -> None:
    class New(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            self.session.say("Said by the node.")
            return super().llm_node(chat_ctx, tools, model_settings)

    class Old(Agent):
        async def on_enter(self) -> None:
            self.session.say("one two")
            self.session.update_agent(New())

    async with talk(Old(), ["Generated."], **voiced()) as t:
        await asyncio.sleep(0.5)
        t.session.generate_reply()
        await t.session.wait_for_idle()
        assert t.log.of("speech_discarded") == []
        assert t.history[2:] == ["old -> new", "new: Generated.", "new: Said by the node."]
