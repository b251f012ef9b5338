import asyncio
import threading

import pytest

from antiphon import Agent, AgentSession, AgentTask, SessionClosed, StopResponse, function_tool
from antiphon.chat import AgentHandoff, ChatMessage, FunctionCall, FunctionCallOutput
from antiphon.errors import ProviderConnectionError, ProviderRejected, SlotMissing
from antiphon.testing import (
    AgentHandoffEvent,
    Call,
    Caller,
    ChatMessageEvent,
    Fail,
    FunctionCallEvent,
    FunctionCallOutputEvent,
    Pause,
    RunFailed,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
)

from .hotel import REPLIES, Desk, Kitchen, hotel, instant

pytestmark = pytest.mark.virtual_time


def now():
    return round(asyncio.get_running_loop().time(), 6)


def lines(result):
    """The events as they are shown, without the user's words."""
    return [" ".join(line.split()[1:]) for line in result.shown().splitlines()[1:]]


# What a run is


async def test_a_run_holds_what_follows_from_the_turn_but_not_the_turn():
    async with hotel() as session:
        result = await session.run(user_input="hello")
        assert [type(event) for event in result.events] == [ChatMessageEvent]
        (event,) = result.events
        assert event.type == "message"
        assert event.item is session.history.items[-1]
        assert (event.item.role, event.item.text_content) == ("assistant", "Good day.")
        assert session.history.items[-2].text_content == "hello"
        assert result.user_input == "hello"
        assert result.errors == []
        assert repr(result) == "RunResult('hello', 1 events)"


async def test_the_words_may_be_given_by_position_and_the_modality_makes_no_difference():
    async with hotel() as session:
        result = await session.run("hello", input_modality="audio")
        assert lines(result) == ["message assistant (desk): Good day."]


async def test_awaiting_a_run_gives_the_run_and_may_be_repeated():
    async with hotel() as session:
        run = session.run(user_input="hello")
        assert not run.done()
        assert await run is run
        assert run.done()
        assert await run is run


async def test_the_words_before_a_call_come_before_it_as_in_the_history():
    async with hotel() as session:
        result = await session.run(user_input="room twelve")
        assert lines(result) == [
            "message assistant (desk): One moment.",
            'function_call book(room=12, guest="Ann")',
            "function_call_output book -> 'Ann has room 12'",
            "message assistant (desk): It is done.",
        ]
        assert [type(event.item) for event in result.events] == [
            ChatMessage,
            FunctionCall,
            FunctionCallOutput,
            ChatMessage,
        ]
        assert [event.item for event in result.events] == session.history.items[-4:]


async def test_a_run_holds_the_hand_off_and_what_the_new_agent_says_in_on_enter():
    async with hotel() as session:
        desk = session.current_agent
        result = await session.run(user_input="when can I eat")
        assert [type(event) for event in result.events] == [
            FunctionCallEvent,
            FunctionCallOutputEvent,
            AgentHandoffEvent,
            ChatMessageEvent,
        ]
        handoff = result.events[2]
        assert isinstance(handoff.item, AgentHandoff)
        assert handoff.old_agent is desk
        assert handoff.new_agent is session.current_agent
        assert isinstance(handoff.new_agent, Kitchen)
        assert lines(result)[3] == "message assistant (kitchen): We serve breakfast from seven."


async def test_hand_offs_that_follow_at_once_keep_their_own_agents():
    class First(Agent):
        async def on_enter(self):
            self.session.update_agent(Agent(id="second"))
            self.session.update_agent(Agent(id="third"))

    class Start(Agent):
        @function_tool
        async def go(self):
            """Goes."""
            return First()

    async with hotel(Start(), [Call("go")]) as session:
        result = await session.run(user_input="go")
        handoffs = [event for event in result.events if isinstance(event, AgentHandoffEvent)]
        assert [(event.old_agent.id, event.new_agent.id) for event in handoffs] == [
            ("start", "first"),
            ("first", "second"),
            ("second", "third"),
        ]


async def test_a_greeting_is_said_before_the_turn_is_given_and_is_not_in_the_run():
    class Greeter(Desk):
        async def on_enter(self):
            await asyncio.sleep(0.5)
            await self.session.generate_reply(instructions="greet them")
            await asyncio.sleep(0.5)

    async with hotel(Greeter(), {"greet": "Welcome.", **REPLIES}) as session:
        result = await session.run(user_input="hello")
        assert lines(result) == ["message assistant (greeter): Good day."]
        said = [message.text_content for message in session.history.messages()]
        assert said == ["Welcome.", "hello", "Good day."]
        user = session.history.messages()[1]
        assert user.created_at == 1.3


async def test_speech_that_user_code_asks_for_after_another_belongs_to_the_run():
    class Chatty(Desk):
        @function_tool
        async def tell(self) -> None:
            """Tells."""
            first = self.session.say("One.")
            asyncio.get_running_loop().create_task(self.more(first))

        async def more(self, first):
            await asyncio.gather(first)
            self.session.say("Two.")

    async with hotel(Chatty(), {"tell": Call("tell"), "hello": "Good day."}) as session:
        result = await session.run(user_input="tell me")
        assert lines(result) == [
            "function_call tell()",
            "message assistant (chatty): One.",
            "function_call_output tell -> ''",
            "message assistant (chatty): Two.",
        ]


async def test_a_run_waits_for_a_late_result_and_its_reply():
    class Slow(Agent):
        @function_tool
        async def look(self) -> str:
            """Looks."""
            await asyncio.sleep(5)
            return "found it"

    replies = [Call("look"), "And what?", "Here it is."]
    caller = Caller(audio=False)
    async with hotel(Slow(), replies, transport=caller) as session:
        run = session.run(user_input="look")
        await asyncio.sleep(1)
        caller.type("and")
        result = await run
        assert lines(result) == [
            "function_call look()",
            "message user: and",
            "message assistant (slow): And what?",
            "function_call_output look -> 'found it'",
            "message assistant (slow): Here it is.",
        ]
        assert now() == 5.4


async def test_a_turn_that_wants_no_reply_gives_an_empty_run():
    class Silent(Agent):
        async def on_user_turn_completed(self, turn_ctx, new_message):
            raise StopResponse

    async with hotel(Silent()) as session:
        result = await session.run(user_input="hello")
        assert result.events == []
        assert result.shown() == "        user: hello\n        (no events)"


async def test_runs_follow_one_another():
    async with hotel() as session:
        for _ in range(3):
            result = await session.run(user_input="hello")
            assert lines(result) == ["message assistant (desk): Good day."]
        assert len(session.history.messages()) == 6


async def test_a_run_takes_no_time_when_nothing_does():
    async with hotel(replies=instant()) as session:
        await session.run(user_input="when can I eat")
        assert now() == 0.0


async def test_events_can_be_looked_at_while_the_run_goes_on():
    async with hotel(replies=[["One.", Call("ring"), Pause(5)]]) as session:
        run = session.run(user_input="ring")
        await asyncio.sleep(1)
        assert [event.type for event in run.events] == ["function_call"]
        assert repr(run) == "RunResult('ring', in progress)"
        with pytest.raises(RuntimeError) as caught:
            run.expect  # noqa: B018 - it raises
        assert str(caught.value) == (
            "the run of 'ring' is still in progress; await it first: "
            "`result = await session.run(…)`"
        )
        await run
        assert [event.type for event in run.events] == [
            "message",
            "function_call",
            "function_call_output",
        ]


# With a transport


async def test_with_a_transport_the_reply_is_played_before_the_run_ends():
    caller = Caller()
    async with hotel(
        transport=caller, stt=ScriptedSTT(), vad=ScriptedVAD(), tts=ScriptedTTS()
    ) as session:
        result = await session.run(user_input="when can I eat")
        assert lines(result)[-1] == "message assistant (kitchen): We serve breakfast from seven."
        assert caller.heard_text() == "We serve breakfast from seven."
        assert session.agent_state == "listening"
        assert caller.silent_since == pytest.approx(now(), abs=0.2)


async def test_the_caller_may_interrupt_a_run():
    caller = Caller()
    replies = {
        "story": "Once there was a king who had three daughters and a horse.",
        "stop": "Yes.",
    }
    async with hotel(
        replies=replies, transport=caller, stt=ScriptedSTT(), vad=ScriptedVAD(), tts=ScriptedTTS()
    ) as session:
        run = session.run(user_input="a story")
        caller.speak_at(2.0, "stop there please")
        result = await run
        first, user, last = result.events
        assert first.item.interrupted
        assert first.item.text_content == "Once there was a king"
        assert user.item.text_content == "stop there please"
        assert last.item.text_content == "Yes."


# Tasks


class GetName(AgentTask[str]):
    async def on_enter(self):
        self.session.say("What is your name?")

    @function_tool
    async def note(self, name: str) -> None:
        """Notes the name."""
        self.complete(name)


class Reception(Agent):
    @function_tool
    async def check_in(self) -> str:
        """Checks in."""
        name = await GetName()
        return f"welcome {name}"


TASK_REPLIES = {
    "welcome": "Welcome to you.",
    "in": Call("check_in"),
    "ann": Call("note", name="Ann"),
    "pardon": "Your name, please.",
}


async def test_a_run_ends_when_a_task_waits_for_the_user():
    async with hotel(Reception(), TASK_REPLIES) as session:
        result = await session.run(user_input="I want to check in")
        assert lines(result) == [
            "function_call check_in()",
            "agent_handoff reception -> get_name",
            "message assistant (get_name): What is your name?",
        ]
        result.expect[1].is_agent_handoff(new_agent_type=GetName)
        result = await session.run(user_input="pardon")
        assert lines(result) == ["message assistant (get_name): Your name, please."]
        result = await session.run(user_input="Ann", output_type=str)
        assert result.final_output == "Ann"
        assert lines(result) == [
            'function_call note(name="Ann")',
            "function_call_output note -> ''",
            "agent_handoff get_name -> reception",
            "function_call_output check_in -> 'welcome Ann'",
            "message assistant (reception): Welcome to you.",
        ]


async def test_a_session_of_a_task_gives_its_final_output_and_ends():
    async with hotel(GetName(), TASK_REPLIES) as session:
        result = await session.run(user_input="Ann", output_type=str)
        assert result.final_output == "Ann"
        assert lines(result) == [
            'function_call note(name="Ann")',
            "function_call_output note -> ''",
        ]
        await session.wait_closed()


async def test_a_run_without_a_task_has_no_final_output():
    async with hotel() as session:
        result = await session.run(user_input="hello")
        with pytest.raises(RuntimeError) as caught:
            result.final_output  # noqa: B018 - it raises
        assert str(caught.value) == (
            "the run of 'hello' has no final output: no task was completed"
        )


async def test_a_final_output_of_another_type_fails():
    async with hotel(GetName(), TASK_REPLIES) as session:
        with pytest.raises(AssertionError) as caught:
            await session.run(user_input="Ann", output_type=int)
        assert str(caught.value) == (
            "expected a final output of type int, but the task 'get_name' was completed with "
            "'Ann'\n"
            "\n"
            "        user: Ann\n"
            '     0  function_call         note(name="Ann")\n'
            "     1  function_call_output  note -> ''"
        )


async def test_a_missing_final_output_fails():
    async with hotel() as session:
        with pytest.raises(AssertionError) as caught:
            await session.run(user_input="hello", output_type=list[str])
        assert str(caught.value) == (
            "expected a final output of type list, but no task was completed\n"
            "\n"
            "        user: hello\n"
            "     0  message  assistant (desk): Good day."
        )


async def test_a_task_that_ends_with_an_exception_fails_a_run_that_wants_its_output():
    class Fails(AgentTask[str]):
        @function_tool
        async def fail(self) -> None:
            """Fails."""
            self.complete(ValueError("no name"))

    class Host(Agent):
        @function_tool
        async def ask(self) -> str:
            """Asks."""
            try:
                return await Fails()
            except ValueError as error:
                return f"it said: {error}"

    replies = {"it said": "I see.", "ask": Call("ask"), "fail": Call("fail")}
    async with hotel(Host(), replies) as session:
        await session.run(user_input="ask")
        run = session.run(user_input="fail", output_type=str)
        with pytest.raises(RunFailed) as caught:
            await run
        assert str(caught.value).startswith(
            "the run of 'fail' has no final output: the task 'fails' was completed with "
            "ValueError: no name\n\n        user: fail\n"
        )
        assert isinstance(caught.value.__cause__, ValueError)
        with pytest.raises(ValueError, match="no name"):
            run.final_output  # noqa: B018 - it raises
        assert lines(run)[-1] == "message assistant (host): I see."


# Wrong use


async def test_a_second_run_at_the_same_time_raises():
    async with hotel() as session:
        first = session.run(user_input="hello")
        with pytest.raises(RuntimeError) as caught:
            session.run(user_input="room twelve")
        assert str(caught.value) == (
            "a run is in progress: 'hello'; await it before the next: `await session.run(…)`"
        )
        await first
        await session.run(user_input="hello")


async def test_a_run_whose_wait_was_given_up_goes_on():
    async with hotel() as session:
        run = session.run(user_input="hello")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await run
        assert not run.done()
        assert lines(await run) == ["message assistant (desk): Good day."]


@pytest.mark.parametrize("text", ["", "  \n"])
async def test_a_turn_without_words_raises(text):
    async with hotel() as session:
        with pytest.raises(ValueError) as caught:
            session.run(user_input=text)
        assert str(caught.value) == f"session.run({text!r}) gives the user no words; give some"
        await session.run(user_input="hello")


async def test_a_run_in_a_tool_raises():
    seen = []

    class Loop(Desk):
        @function_tool
        async def turn(self) -> None:
            """Turns."""
            try:
                await self.session.run(user_input="hello")
            except RuntimeError as error:
                seen.append(str(error))

    async with hotel(Loop(), [Call("turn")]) as session:
        session.generate_reply(user_input="turn")
        await session.wait_for_idle()
    assert seen == [
        "the tool 'turn' of agent 'loop' asks for a run, which waits for it; call `session.run` "
        "outside of tools and hooks"
    ]


async def test_a_run_before_the_start_raises():
    session = AgentSession(llm=instant())
    with pytest.raises(RuntimeError, match="has not been started"):
        session.run(user_input="hello")


async def test_a_run_after_the_end_raises():
    async with hotel() as session:
        await session.aclose()
        with pytest.raises(SessionClosed):
            session.run(user_input="hello")


async def test_a_run_from_another_thread_raises():
    async with hotel() as session:
        seen = []

        def ask():
            try:
                session.run(user_input="hello")
            except RuntimeError as error:
                seen.append(str(error))

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        assert seen[0].startswith("`session.run()` was called from another thread")


# Failures


async def test_an_llm_that_fails_for_good_fails_the_run_from_its_error():
    async with hotel() as session:
        run = session.run(user_input="what about dogs")
        with pytest.raises(RunFailed) as caught:
            await run
        cause = (
            "error of llm: ProviderRejected: the script has no reply to 'what about dogs' (it has: "
            f'{", ".join(map(repr, REPLIES))}); add one, or "" for everything else'
        )
        assert str(caught.value) == (
            f"the run of 'what about dogs' failed: {cause}\n"
            "\n"
            "        user: what about dogs\n"
            "        (no events)\n"
            f"        {cause}"
        )
        assert isinstance(caught.value.__cause__, ProviderRejected)
        assert run.events == []
        run.expect.no_more_events()
        assert lines(await session.run(user_input="hello"))


async def test_an_error_that_was_recovered_from_is_kept_and_raises_nothing():
    llm = ScriptedLLM(REPLIES, fail_at=Fail(ProviderConnectionError("the line broke")))
    async with hotel(replies=llm) as session:
        result = await session.run(user_input="hello")
        assert [(e.source, e.recoverable, str(e.error)) for e in result.errors] == [
            ("llm", True, "the line broke")
        ]
        assert lines(result)[0] == "message assistant (desk): Good day."
        assert result.shown().splitlines()[-1] == (
            "        error of llm: ProviderConnectionError: the line broke"
        )


async def test_what_a_tool_raised_is_kept_and_shown():
    async with hotel() as session:
        result = await session.run(user_input="spill")
        assert result.shown() == (
            "        user: spill\n"
            "     0  function_call         spill()\n"
            "     1  function_call_output  spill -> error 'an internal error occurred'\n"
            "     2  message               assistant (desk): Something broke.\n"
            "        error of tool 'spill': KeyError: 'ink'"
        )


@pytest.mark.parametrize(
    ("call", "output"),
    [
        (Call("book", room=100), "there is no room 100"),
        (Call("book"), "the arguments of 'book' are not valid: 'room' is missing"),
        (
            Call("book", room="twelve"),
            "the arguments of 'book' are not valid: 'room': input should be a valid integer, "
            "unable to parse string as an integer, not 'twelve'",
        ),
        (
            Call("bok"),
            "there is no tool 'bok' (available: ask_the_kitchen, book, ring, spill); did you mean "
            "'book'?",
        ),
    ],
)
async def test_what_a_tool_tells_the_llm_is_no_error_of_the_run(call, output):
    async with hotel(replies=instant([call, "Which room?"])) as session:
        result = await session.run(user_input="a room")
        result.expect.skip_next().next_event().is_function_call_output(output=output, is_error=True)
        result.expect.next_event().is_message(text="Which room?")
        result.expect.no_more_events()
        assert result.errors == []


async def test_a_tool_that_hands_over_takes_one_call_of_the_llm():
    async with hotel(replies=(llm := instant([Call("ask_the_kitchen")]))) as session:
        result = await session.run(user_input="when can I eat")
        result.expect.contains_function_call_output(output="", is_error=False)
        result.expect[-1].is_message(text="We serve breakfast from seven.")
        assert llm.calls == 1
        handoffs = [item for item in session.history if item.type == "agent_handoff"]
        assert [item.new_agent_id for item in handoffs] == ["desk", "kitchen"]


async def test_a_failed_assertion_in_a_tool_fails_the_test():
    class Strict(Desk):
        @function_tool
        async def check(self) -> str:
            """Checks."""
            assert "this" == "that", "they differ"
            return ""

    replies = {"internal error": "Hm.", "check": Call("check")}
    async with hotel(Strict(), replies) as session:
        run = session.run(user_input="check")
        with pytest.raises(AssertionError, match="they differ"):
            await run
        assert lines(run)[2] == "message assistant (strict): Hm."


async def test_pytest_fail_in_a_node_fails_the_test():
    class Strict(Agent):
        async def llm_node(self, chat_ctx, tools, model_settings):
            pytest.fail("not this")
            yield ""

    async with hotel(Strict()) as session:
        with pytest.raises(pytest.fail.Exception, match="not this"):
            await session.run(user_input="hello")


async def test_an_agent_without_an_llm_fails_the_run():
    async with AgentSession(tts=ScriptedTTS()) as session:
        await session.start(Agent(id="mute"))
        with pytest.raises(RunFailed) as caught:
            await session.run(user_input="hello")
        assert isinstance(caught.value.__cause__, SlotMissing)


# The end of the session


async def test_a_close_fails_the_pending_run():
    async with hotel() as session:
        run = session.run(user_input="room twelve")
        asyncio.get_running_loop().call_later(
            0.35,
            session.shutdown,
        )
        asyncio.get_running_loop().call_later(0.4, lambda: session.shutdown(drain=False))
        with pytest.raises(SessionClosed) as caught:
            await run
        assert str(caught.value) == (
            "the session closed (user_initiated) before the run of 'room twelve' had ended\n"
            "\n"
            "        user: room twelve\n"
            "     0  message               assistant (desk): One moment.\n"
            '     1  function_call         book(room=12, guest="Ann")\n'
            "     2  function_call_output  book -> 'Ann has room 12'"
        )


async def test_a_close_fails_a_run_that_waits_for_the_greeting():
    class Greeter(Desk):
        async def on_enter(self):
            await asyncio.sleep(60)

    async with hotel(Greeter()) as session:
        run = session.run(user_input="hello")
        await asyncio.sleep(1)
        await session.aclose()
        with pytest.raises(SessionClosed, match="before the run of 'hello' had ended"):
            await run
        assert run.events == []


async def test_an_engine_that_fails_fails_the_run():
    async with hotel() as session:
        run = session.run(user_input="hello")
        await asyncio.sleep(0.05)
        session._conversation.post(lambda: 1 / 0)
        with pytest.raises(SessionClosed, match=r"the session closed \(error\)") as caught:
            await run
        assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.real_time
async def test_a_run_works_in_real_time_too():
    async with hotel(replies=instant()) as session:
        result = await session.run(user_input="room twelve")
        result.expect.contains_message(text="It is done.")


async def test_a_caller_who_hangs_up_fails_the_pending_run():
    caller = Caller(audio=False)
    async with hotel(transport=caller) as session:
        run = session.run(user_input="hello")
        await asyncio.sleep(0.05)
        caller.hang_up()
        with pytest.raises(SessionClosed, match=r"the session closed \(hung_up\)"):
            await run


async def test_a_session_that_says_everything_before_it_ends_completes_the_run():
    class Polite(Agent):
        @function_tool
        async def end_call(self) -> str:
            """Ends the call."""
            self.session.shutdown()
            return "ended"

        async def on_exit(self):
            self.session.say("Come again.")

    replies = {"ended": "Goodbye.", "bye": Call("end_call")}
    async with hotel(Polite(), replies) as session:
        result = await session.run(user_input="bye")
        assert lines(result) == [
            "function_call end_call()",
            "function_call_output end_call -> 'ended'",
            "message assistant (polite): Goodbye.",
            "message assistant (polite): Come again.",
        ]


async def test_too_many_failures_close_the_session_and_fail_the_run_from_the_last():
    async with hotel() as session:
        for _ in range(2):
            with pytest.raises(RunFailed):
                await session.run(user_input="what about dogs")
        with pytest.raises(SessionClosed) as caught:
            await session.run(user_input="what about dogs")
        assert str(caught.value).startswith(
            "the session closed (error) before the run of 'what about dogs' had ended\n\n"
        )
        assert isinstance(caught.value.__cause__, ProviderRejected)
