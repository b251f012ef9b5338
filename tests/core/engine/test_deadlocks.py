"""The shapes in which user code waits for what waits for it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import Agent, RunContext, function_tool
from antiphon.testing import Call, Caller, ScriptedTTS

from .following import now, talk, turns

pytestmark = pytest.mark.virtual_time


class Raised:
    """Keeps the message of what an `await` raises."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    async def by(self, awaitable: Any) -> None:
        """Awaits it."""
        try:
            await awaitable
        except RuntimeError as error:
            self.messages.append(str(error))


def voiced() -> dict[str, Any]:
    """A caller who hears, and a TTS of two words a second."""
    return {
        "caller": Caller(continuous=False),
        "tts": ScriptedTTS(first_byte=0, words_per_second=2),
    }


# What must not deadlock


@pytest.mark.parametrize("audible", [False, True])
async def test_a_tool_may_await_a_spoken_reply(audible: bool) -> None:
    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await self.session.generate_reply(instructions="Say that you are looking.")
            return "found"

    replies = [["Well.", Call("look")], "I am looking.", "Found it."]
    async with talk(Desk(), replies, **(voiced() if audible else {})) as t:
        await t.hear("look")
        assert t.history[2:] == [
            "desk: Well.",
            "call look{}",
            "desk: I am looking.",
            "output look: found",
            "desk: Found it.",
        ]


@pytest.mark.parametrize("audible", [False, True])
async def test_a_tool_may_await_a_say(audible: bool) -> None:
    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await self.session.say("One moment please.")
            return "found"

    async with talk(
        Desk(), [["Well.", Call("look")], "Found it."], **(voiced() if audible else {})
    ) as t:
        await t.hear("look")
        assert t.history[2:] == [
            "desk: Well.",
            "call look{}",
            "desk: One moment please.",
            "output look: found",
            "desk: Found it.",
        ]


async def test_two_tools_of_one_step_may_both_await_a_spoken_reply() -> None:
    class Desk(Agent):
        @function_tool
        async def look(self, where: str) -> str:
            await self.session.generate_reply(instructions=where)
            return where

    def answer(context: Any, tools: Any) -> Any:
        last = context.items[-1]
        if getattr(last, "role", "") == "user":
            return [Call("look", where="here"), Call("look", where="there")]
        if getattr(last, "role", "") == "system":
            return f"Looking {last.text_content}."
        return "Done."

    async with talk(Desk(), answer, **voiced()) as t:
        await t.hear("look")
        assert t.history[4:] == [
            "desk: Looking here.",
            "desk: Looking there.",
            "output look: here",
            "output look: there",
            "desk: Done.",
        ]


async def test_a_tool_of_a_reply_asked_for_by_a_tool_may_await_a_spoken_reply() -> None:
    class Desk(Agent):
        @function_tool
        async def outer(self) -> str:
            await self.session.generate_reply(tool_choice="auto")
            return "outer done"

        @function_tool
        async def inner(self) -> str:
            await self.session.generate_reply()
            return "inner done"

    replies = [Call("outer"), Call("inner"), "Deep.", "Inner.", "Outer."]
    async with talk(Desk(), replies) as t:
        await t.hear("go")
        assert t.history[2:] == [
            "call outer{}",
            "call inner{}",
            "desk: Deep.",
            "output inner: inner done",
            "desk: Inner.",
            "output outer: outer done",
            "desk: Outer.",
        ]


@pytest.mark.parametrize("audible", [False, True])
async def test_on_exit_may_await_a_say(audible: bool) -> None:
    class Old(Agent):
        async def on_exit(self) -> None:
            await self.session.say("Goodbye then.")

    async with talk(Old(), **(voiced() if audible else {})) as t:
        await t.session.update_agent(Agent(id="new"))
        assert t.history == ["None -> old", "old: Goodbye then.", "old -> new"]


@pytest.mark.parametrize("audible", [False, True])
async def test_a_tool_may_update_the_agent_and_then_await_a_reply(audible: bool) -> None:
    class Desk(Agent):
        @function_tool
        async def move(self) -> str:
            self.session.update_agent(Agent(id="billing"))
            await self.session.generate_reply(instructions="Say that you transfer.")
            return "moved"

    replies = [Call("move"), "I transfer you.", "Moved."]
    async with talk(Desk(), replies, **(voiced() if audible else {})) as t:
        await t.hear("billing")
        assert t.history[2:] == [
            "call move{}",
            "desk: I transfer you.",
            "output move: moved",
            "desk: Moved.",
            "desk -> billing",
        ]


async def test_a_tool_may_update_the_agent_and_then_await_a_say() -> None:
    class Desk(Agent):
        @function_tool
        async def move(self) -> None:
            self.session.update_agent(Agent(id="billing"))
            await self.session.say("I transfer you.")

    async with talk(Desk(), [Call("move")], **voiced()) as t:
        await t.hear("billing")
        assert t.history[2:] == [
            "call move{}",
            "desk: I transfer you.",
            "output move: ",
            "desk -> billing",
        ]


async def test_on_enter_may_await_its_reply_while_another_switch_is_asked_for() -> None:
    class New(Agent):
        async def on_enter(self) -> None:
            self.session.update_agent(Agent(id="last"))
            await self.session.generate_reply()

    async with talk(Agent(id="old"), ["Hello."], **voiced()) as t:
        await t.session.update_agent(New())
        await t.session.wait_for_idle()
        assert t.history[1:] == ["old -> new", "new: Hello.", "new -> last"]


async def test_the_hook_of_a_user_turn_may_await_a_say() -> None:
    class Desk(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            await self.session.say("Let me think.")

    async with talk(Desk(), ["Yes."], **voiced()) as t:
        await t.hear("well?")
        assert t.history[1:] == ["user: well?", "desk: Let me think.", "desk: Yes."]


async def test_shutdown_in_a_tool_ends_the_session_after_the_reply() -> None:
    class Desk(Agent):
        @function_tool
        async def hang_up(self) -> str:
            self.session.say("Goodbye for now.")
            self.session.shutdown()
            return "bye"

    async with talk(Desk(), [Call("hang_up"), "It was a pleasure."], **voiced()) as t:
        t.caller.type("bye")
        await t.session.wait_closed()
        assert t.history[2:] == [
            "call hang_up{}",
            "desk: Goodbye for now.",
            "output hang_up: bye",
            "desk: It was a pleasure.",
        ]
        assert t.log.told[-1] == "close: user_initiated"


async def test_shutdown_in_on_enter_and_in_on_exit_end_the_session() -> None:
    class Enters(Agent):
        async def on_enter(self) -> None:
            self.session.shutdown()

    async with talk(Enters()) as t:
        await t.session.wait_closed()
        assert t.history == ["None -> enters"]

    class Exits(Agent):
        async def on_exit(self) -> None:
            self.session.shutdown()

    async with talk(Exits()) as t:
        t.session.update_agent(Agent(id="new"))
        await t.session.wait_closed()
        assert t.history == ["None -> exits"]


async def test_a_hand_off_after_shutdown_is_refused() -> None:
    class Desk(Agent):
        @function_tool
        async def leave(self) -> Agent:
            self.session.shutdown()
            return Agent(id="billing")

    async with talk(Desk(), [Call("leave"), "Goodbye."]) as t:
        t.caller.type("bye")
        await t.session.wait_closed()
        assert t.history[2:] == [
            "call leave{}",
            "error leave: the session is closing; it takes no other agent",
            "desk: Goodbye.",
        ]


# What would deadlock, and says so at once


async def test_awaiting_ones_own_reply_in_a_tool_raises_at_once() -> None:
    raised = Raised()

    class Desk(Agent):
        @function_tool
        async def look(self, context: RunContext[None]) -> str:
            await raised.by(context.speech_handle)
            await raised.by(context.speech_handle.wait_for_playout())
            return "found"

    async with talk(Desk(), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert now() == 0
        why = (
            "the tool 'look' of agent 'desk' awaits the reply that made its call, which waits for "
            "the tool; use `await ctx.wait_for_playout()` for what was said before the call"
        )
        assert raised.messages == [why, why]
        assert t.history[-1] == "desk: Found it."


async def test_awaiting_the_current_speech_in_a_tool_is_the_same_thing() -> None:
    raised = Raised()

    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await raised.by(self.session.current_speech)
            return "found"

    replies = [["one two three four", Call("look")], "Found it."]
    async with talk(Desk(), replies, **voiced()) as t:
        await t.hear("look")
        assert [message[:46] for message in raised.messages] == [
            "the tool 'look' of agent 'desk' awaits the rep"
        ]


async def test_awaiting_the_outer_reply_in_a_tool_of_an_inner_one_raises_at_once() -> None:
    raised = Raised()
    outer_handle: list[Any] = []

    class Desk(Agent):
        @function_tool
        async def outer(self, context: RunContext[None]) -> str:
            outer_handle.append(context.speech_handle)
            await self.session.generate_reply(tool_choice="auto")
            return "outer done"

        @function_tool
        async def inner(self) -> str:
            await raised.by(outer_handle[0])
            return "inner done"

    async with talk(Desk(), [Call("outer"), Call("inner"), "Inner.", "Outer."]) as t:
        await t.hear("go")
        assert raised.messages == [
            "the tool 'inner' of agent 'desk' awaits a speech that waits for the tool 'outer' of "
            "agent 'desk', which waits for it; leave out the `await`"
        ]
        assert t.history[-1] == "desk: Outer."


async def test_awaiting_update_agent_in_a_tool_raises_at_once() -> None:
    raised = Raised()

    class Desk(Agent):
        @function_tool
        async def move(self) -> None:
            await raised.by(self.session.update_agent(Agent(id="billing")))

    async with talk(Desk(), [Call("move")]) as t:
        await t.hear("billing")
        assert raised.messages == [
            "the switch to agent 'billing' waits for the tool 'move' of agent 'desk', which awaits "
            "the switch; leave out the `await`"
        ]
        assert t.history[-1] == "desk -> billing"


async def test_awaiting_update_agent_in_on_exit_raises_at_once() -> None:
    raised = Raised()

    class Old(Agent):
        async def on_exit(self) -> None:
            await raised.by(self.session.update_agent(Agent(id="last")))

    async with talk(Old()) as t:
        t.session.update_agent(Agent(id="next"))
        await t.session.wait_for_idle()
        assert raised.messages == [
            "the switch to agent 'last' waits for the on_exit of agent 'old', which awaits the "
            "switch; leave out the `await`"
        ]
        assert t.history[1:] == ["old -> next", "next -> last"]


async def test_awaiting_in_on_exit_what_was_asked_from_outside_raises_at_once() -> None:
    raised = Raised()
    outside: list[Any] = []

    class Old(Agent):
        async def on_exit(self) -> None:
            await asyncio.sleep(1)
            await raised.by(outside[0])

    async with talk(Old()) as t:
        t.session.update_agent(Agent(id="next"))
        await turns()
        outside.append(t.session.say("From outside."))
        await t.session.wait_for_idle()
        assert raised.messages == [
            "the on_exit of agent 'old' awaits a speech that is kept for agent 'next', who becomes "
            "active only after it; leave out the `await`"
        ]
        assert t.history[1:] == ["old -> next", "next: From outside."]


async def test_awaiting_its_own_reply_in_the_hook_of_a_user_turn_raises_at_once() -> None:
    raised = Raised()
    created: list[Any] = []

    class Desk(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            await raised.by(created[-1])

    async with talk(Desk(), ["Yes."]) as t:
        t.session.on("speech_created", lambda event: created.append(event.speech_handle))
        await t.hear("well?")
        assert raised.messages == [
            "the on_user_turn_completed of agent 'desk' awaits the reply that waits for the hook; "
            "leave out the `await`"
        ]
        assert t.history[-1] == "desk: Yes."


@pytest.mark.parametrize("where", ["tool", "on_enter", "on_exit", "on_user_turn_completed"])
async def test_aclose_inside_the_session_raises_and_names_shutdown(where: str) -> None:
    raised = Raised()

    class Desk(Agent):
        async def on_enter(self) -> None:
            if where == "on_enter":
                await raised.by(self.session.aclose())

        async def on_exit(self) -> None:
            if where == "on_exit":
                await raised.by(self.session.aclose())

        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            if where == "on_user_turn_completed":
                await raised.by(self.session.aclose())

        @function_tool
        async def look(self) -> str:
            if where == "tool":
                await raised.by(self.session.aclose())
            return "found"

    async with talk(Desk(), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert t.history[-1] == "desk: Found it."
        await t.session.update_agent(Agent(id="new"))
        name = "tool 'look'" if where == "tool" else where
        assert raised.messages == [
            f"the {name} of agent 'desk' awaits the end of its own session, which waits for it; "
            "use `session.shutdown()`"
        ]


async def test_a_task_that_on_enter_has_started_may_close_the_session() -> None:
    class Watching(Agent):
        async def on_enter(self) -> None:
            self.watch = asyncio.create_task(self.close_later())

        async def close_later(self) -> None:
            await asyncio.sleep(60)
            await self.session.aclose()

    agent = Watching()
    async with talk(agent) as t:
        await t.session.wait_for_idle()
        await agent.watch
        assert now() == 60
        assert t.log.told[-1] == "close: user_initiated"


@pytest.mark.parametrize("method", ["wait_for_idle", "drain"])
async def test_awaiting_the_sessions_silence_in_a_tool_raises_at_once(method: str) -> None:
    raised = Raised()

    class Desk(Agent):
        @function_tool
        async def look(self) -> str:
            await raised.by(getattr(self.session, method)())
            return "found"

    async with talk(Desk(), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert raised.messages == [
            "the tool 'look' of agent 'desk' awaits the session's silence, which waits for it; "
            "await the handle of a `say` or `generate_reply` instead"
        ]
        assert t.history[-1] == "desk: Found it."


async def test_awaiting_a_speech_of_another_session_in_a_tool_is_fine() -> None:
    async with talk(Agent(id="other")) as other:

        class Desk(Agent):
            @function_tool
            async def call(self) -> str:
                handle = other.session.say("Hello from the desk.")
                await handle
                return "called"

        async with talk(Desk(), [Call("call"), "Done."]) as t:
            await t.hear("call")
            assert other.history[-1] == "other: Hello from the desk."
            assert t.history[-1] == "desk: Done."


async def test_switching_and_closing_another_session_in_a_tool_is_fine() -> None:
    async with talk(Agent(id="other")) as other:

        class Desk(Agent):
            @function_tool
            async def call(self) -> str:
                await other.session.update_agent(Agent(id="next"))
                await other.session.aclose()
                return "closed"

        async with talk(Desk(), [Call("call"), "Done."]) as t:
            await t.hear("call")
            assert other.history[-1] == "other -> next"
            assert t.history[-1] == "desk: Done."
