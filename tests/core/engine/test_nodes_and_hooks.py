"""What agents override: the nodes in all their shapes, and the hooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from antiphon import Agent, ChatContext, ChatMessage, ModelSettings, StopResponse, function_tool
from antiphon.llm import LLM, Finish, LLMEvent, TextDelta
from antiphon.testing import (
    CUT,
    Call,
    Caller,
    Pause,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
    render,
)
from antiphon.tts import Audio, TimedText

from .following import lines, now, talk, turns

pytestmark = pytest.mark.virtual_time


def voiced(**more: Any) -> dict[str, Any]:
    """A caller who hears, and a TTS of two words a second."""
    return {
        "caller": Caller(continuous=False),
        "tts": ScriptedTTS(first_byte=0, words_per_second=2),
        **more,
    }


# llm_node, in every shape


class Generator(Agent):
    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        async for event in super().llm_node(chat_ctx, tools, model_settings):
            yield TextDelta(event.text.upper()) if isinstance(event, TextDelta) else event


class Strings(Agent):
    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        async for event in super().llm_node(chat_ctx, tools, model_settings):
            if isinstance(event, TextDelta):
                yield event.text.upper()


class WithoutSettings(Agent):
    async def llm_node(self, chat_ctx: Any, tools: Any) -> Any:  # type: ignore[override]
        async for event in super().llm_node(chat_ctx, tools, ModelSettings()):
            if isinstance(event, TextDelta):
                yield event.text.upper()


class Coroutine(Agent):
    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        async def words() -> AsyncIterator[str]:
            async for event in super(Coroutine, self).llm_node(chat_ctx, tools, model_settings):
                if isinstance(event, TextDelta):
                    yield event.text.upper()

        return words()


class Default(Agent):
    async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        async for event in Agent.default.llm_node(self, chat_ctx, tools, model_settings):
            if isinstance(event, TextDelta):
                yield event.text.upper()


class Iterable_:
    """An async iterable that is no generator and cannot be closed."""

    def __aiter__(self) -> Any:
        return self.words()

    async def words(self) -> AsyncIterator[str]:
        yield "HELLO "
        yield "THERE"


class Plain(Agent):
    def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        return Iterable_()


@pytest.mark.parametrize(
    "kind",
    [Generator, Strings, WithoutSettings, Coroutine, Default, Plain],
    ids=lambda k: k.__name__,
)
async def test_an_llm_node_may_have_any_shape(kind: type[Agent]) -> None:
    async with talk(kind(id="desk"), {"": "hello there"}) as t:
        await t.hear("hi")
        await t.hear("again")
        assert t.history[1:] == [
            "user: hi",
            "desk: HELLO THERE",
            "user: again",
            "desk: HELLO THERE",
        ]
        assert t.log.errors == []


async def test_an_llm_node_that_returns_none_is_a_declared_silence() -> None:
    class Nothing(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> None:
            return None

    async with talk(Nothing(), ["never"]) as t:
        await t.hear("hi")
        assert t.log.skipped == ["the model said nothing"]
        assert t.llm.calls == 0


async def test_a_node_of_the_wrong_shape_is_an_error_that_says_what_it_must_be() -> None:
    class Wrong(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            return 3

    async with talk(Wrong(), ["never"]) as t:
        await t.hear("hi")
        assert t.log.errors == [
            "llm: TypeError: a node returned int; it must be an async generator, "
            "or return an async iterable or None"
        ]
        assert t.history[-1] == "user: hi"


async def test_an_llm_node_that_raises_fails_the_turn_and_keeps_it() -> None:
    class Bad(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            yield "So, "
            raise ValueError("bad node")

    async with talk(Bad(), ["never"]) as t:
        await t.hear("hi")
        assert t.log.errors == ["llm: ValueError: bad node"]
        assert t.history[1:] == ["user: hi", "bad: So,"]


async def test_an_llm_node_that_raises_cancelled_error_by_itself_fails_the_turn() -> None:
    class Bad(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            yield ""
            raise asyncio.CancelledError

    async with talk(Bad(), ["never"]) as t:
        await t.hear("hi")
        assert t.log.errors == ["llm: CancelledError: "]
        assert t.session.agent_state == "listening"


async def test_an_agent_with_its_own_llm_node_needs_no_llm() -> None:
    class Own(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            yield "By myself."

    async with talk(Own(llm=None), []) as t:
        await t.hear("hi")
        assert t.history[-1] == "own: By myself."


async def test_an_llm_node_may_edit_its_context_without_changing_the_agents() -> None:
    class Editing(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            chat_ctx.add_message(role="system", content="Rhyme.")
            async for event in super().llm_node(chat_ctx, tools, model_settings):
                yield event

    async with talk(Editing(), ["Fine wine."]) as t:
        await t.hear("hi")
        assert lines(t.llm.requests[0].chat_ctx)[-1] == "system: Rhyme."
        assert "system: Rhyme." not in lines(t.session.chat_ctx)


async def test_an_llm_node_may_call_tools_of_its_own_accord() -> None:
    class Calling(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            from antiphon.llm import ToolCall

            if not any(getattr(item, "output", None) for item in chat_ctx):
                yield ToolCall("c1", "look", "{}")
            else:
                yield "Found it."

        @function_tool
        async def look(self) -> str:
            return "found"

    async with talk(Calling(), []) as t:
        await t.hear("look")
        assert t.history[-2:] == ["output look: found", "calling: Found it."]


async def test_nodes_are_told_the_settings_of_the_call() -> None:
    seen: list[Any] = []

    class Seeing(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            seen.append((model_settings.tool_choice, dict(model_settings.overrides)))
            yield "Hello."

        async def tts_node(self, text: Any, model_settings: Any) -> Any:
            seen.append(dict(model_settings.overrides))
            async for event in super().tts_node(text, model_settings):
                yield event

    async with talk(Seeing(), [], **voiced()) as t:
        await t.session.generate_reply(llm={"temperature": 0}, tool_choice="none")
        await t.session.say("Hi.", tts={"speed": 2})
        assert seen == [("none", {"temperature": 0}), {}, {"speed": 2}]


async def test_a_node_set_on_the_object_itself_is_used() -> None:
    agent = Agent(id="desk")

    async def node(chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
        yield "From the object."

    agent.llm_node = node  # type: ignore[method-assign]
    async with talk(agent, []) as t:
        await t.hear("hi")
        assert t.history[-1] == "desk: From the object."


# Streams closed


class Closing(LLM):
    """Gives words for ever and notes when its streams are closed."""

    def __init__(self, notes: list[str]) -> None:
        self.notes = notes

    async def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Any] = (),
        tool_choice: Any = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[LLMEvent, None]:
        try:
            yield TextDelta("one ")
            yield TextDelta("two ")
            await asyncio.sleep(1e6)
            yield Finish("stop")
        finally:
            self.notes.append(f"slot closed at {now()}")


async def test_an_interruption_closes_the_streams_innermost_first() -> None:
    notes: list[str] = []

    class Outer(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            try:
                async for event in super().llm_node(chat_ctx, tools, model_settings):
                    yield event
            finally:
                notes.append(f"node closed at {now()}")

    async with talk(Outer(llm=Closing(notes))) as t:
        t.caller.type("hi")
        await asyncio.sleep(1)
        t.session.interrupt()
        await turns()
        assert notes == ["slot closed at 1.0", "node closed at 1.0"]


async def test_a_node_that_stops_reading_leaves_no_stream_open() -> None:
    notes: list[str] = []

    class Short(Agent):
        async def llm_node(self, chat_ctx: Any, tools: Any, model_settings: Any) -> Any:
            async for event in super().llm_node(chat_ctx, tools, model_settings):
                yield event
                return

    async with talk(Short(llm=Closing(notes))) as t:
        await t.hear("hi")
        assert notes == ["slot closed at 0.0"]
        assert t.history[-1] == "short: one"


async def test_an_interrupted_tts_is_closed() -> None:
    notes: list[str] = []

    class Slow(ScriptedTTS):
        async def synthesize(self, text: Any, settings: Any = None) -> Any:
            try:
                async for event in super().synthesize(text, settings):
                    yield event
                    await asyncio.sleep(0.5)
            finally:
                notes.append(f"closed at {now()}")

    async with talk(Agent(id="desk"), **voiced(tts=Slow(first_byte=0))) as t:
        handle = t.session.say("one two three four five six seven eight nine ten")
        await asyncio.sleep(1.25)
        handle.interrupt()
        await turns()
        assert notes == ["closed at 1.25"]


# tts_node and the others


async def test_a_tts_node_may_change_the_text() -> None:
    class Spelling(Agent):
        async def tts_node(self, text: AsyncIterable[Any], model_settings: Any) -> Any:
            async def spelled() -> AsyncIterator[Any]:
                async for piece in text:
                    yield piece.replace("AI", "A I") if isinstance(piece, str) else piece

            async for event in super().tts_node(spelled(), model_settings):
                yield event

    async with talk(Spelling(), **voiced()) as t:
        await t.session.say("I am an AI")
        assert t.caller.heard_text() == "I am an A I"
        assert t.history[-1] == "spelling: I am an AI"


@pytest.mark.parametrize("shape", ["frames", "events", "coroutine"])
async def test_a_tts_node_may_give_frames_or_events(shape: str) -> None:
    from antiphon import AudioFrame

    class Own(Agent):
        async def tts_node(self, text: AsyncIterable[Any], model_settings: Any) -> Any:
            words = "".join([piece async for piece in text if isinstance(piece, str)])
            data = render(words, seconds=1)
            if shape == "events":
                yield Audio(data, 16000)
                yield TimedText(words, 0.0, 1.0)
            else:
                yield AudioFrame(data, 16000)

    class OwnCoroutine(Agent):
        async def tts_node(self, text: AsyncIterable[Any], model_settings: Any) -> Any:
            return Own.tts_node(self, text, model_settings)  # type: ignore[arg-type]

    agent = OwnCoroutine(id="own") if shape == "coroutine" else Own()
    async with talk(agent, **voiced(tts=None)) as t:
        await t.session.say("hello")
        assert t.caller.heard_text() == "hello"
        assert t.history[-1] == "own: hello"


async def test_a_tts_node_that_returns_none_makes_the_agent_one_without_a_voice() -> None:
    class Mute(Agent):
        async def tts_node(self, text: AsyncIterable[Any], model_settings: Any) -> None:
            return None

    async with talk(Mute(), **voiced()) as t:
        await t.session.say("one two three")
        assert now() == 0
        assert t.caller.heard_text() == ""
        assert t.history == ["None -> mute", "mute: one two three"]


async def test_a_tts_that_fails_for_good_is_told_and_the_conversation_goes_on() -> None:
    from antiphon.errors import ProviderRejected
    from antiphon.testing import Fail

    tts = ScriptedTTS(first_byte=0, fail_at=Fail(ProviderRejected("no such voice"), call=1))
    async with talk(Agent(id="desk"), ["one two", "three"], **voiced(tts=tts)) as t:
        await t.hear("hello")
        assert t.log.errors == ["tts: ProviderRejected: no such voice"]
        await t.hear("hello?")
        assert t.history[1:] == ["user: hello", "user: hello?", "desk: three"]


async def test_a_transcription_node_changes_what_is_shown_and_not_what_is_recorded() -> None:
    class Shown(Agent):
        async def transcription_node(self, text: AsyncIterable[str], model_settings: Any) -> Any:
            async for piece in text:
                yield piece.replace("damn", "d***")

    async with talk(Shown(), ["Well damn it."]) as t:
        await t.hear("hi")
        message = t.session.history.messages()[-1]
        assert message.text_content == "Well damn it."
        assert message.display_text == "Well d*** it."


async def test_an_stt_node_may_filter_what_is_heard() -> None:
    class Filtering(Agent):
        async def stt_node(self, audio: Any, model_settings: Any) -> Any:
            from dataclasses import replace

            from antiphon.stt import Final

            async for event in super().stt_node(audio, model_settings):
                if isinstance(event, Final):
                    event = replace(event, text=event.text.replace("um", "").strip())
                yield event

    caller = Caller()
    caller.speak_at(0.5, "um hello", seconds=1)
    slots: dict[str, Any] = {"stt": ScriptedSTT(partials=False), "vad": ScriptedVAD()}
    async with talk(Filtering(), ["Hi."], caller=caller, **slots) as t:
        await asyncio.sleep(4)
        assert t.history[1:] == ["user: hello", "filtering: Hi."]


# The hook of a user turn


class Hooked(Agent):
    """Runs what it is given when a user turn is complete."""

    def __init__(self, hook: Any, **options: Any) -> None:
        super().__init__(id="desk", **options)
        self.hook = hook

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        result = self.hook(self, turn_ctx, new_message)
        if asyncio.iscoroutine(result):
            await result


async def test_edits_to_the_turn_context_hold_for_this_reply_only() -> None:
    def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        if message.text_content == "first":
            turn_ctx.add_message(role="system", content="The caller is called Ann.")

    async with talk(Hooked(hook), ["One.", "Two."]) as t:
        await t.hear("first", "second")
        assert lines(t.llm.requests[0].chat_ctx) == [
            "None -> desk",
            "system: The caller is called Ann.",
            "user: first",
        ]
        assert lines(t.llm.requests[1].chat_ctx) == [
            "None -> desk",
            "user: first",
            "desk: One.",
            "user: second",
        ]


async def test_edits_to_the_turn_context_hold_for_the_later_steps_of_the_reply() -> None:
    @function_tool
    async def look() -> str:
        return "found"

    def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        turn_ctx.add_message(role="system", content="Hint.")

    async with talk(Hooked(hook, tools=[look]), [Call("look"), "Found it."]) as t:
        await t.hear("look")
        assert lines(t.llm.requests[1].chat_ctx) == [
            "None -> desk",
            "system: Hint.",
            "user: look",
            "call look{}",
            "output look: found",
        ]


async def test_edits_to_the_new_message_persist() -> None:
    def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        message.content = "(translated) " + message.text_content

    async with talk(Hooked(hook), ["One."]) as t:
        await t.hear("hallo")
        assert t.history[1] == lines(t.session.chat_ctx)[1] == "user: (translated) hallo"
        assert lines(t.llm.requests[0].chat_ctx)[-1] == "user: (translated) hallo"
        (updated,) = t.log.of("conversation_item_updated")
        assert updated.item.text_content == "(translated) hallo"


async def test_stop_response_in_the_hook_keeps_the_message_and_is_a_declared_silence() -> None:
    def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        raise StopResponse

    async with talk(Hooked(hook), []) as t:
        await t.hear("mhm")
        assert t.history[1:] == ["user: mhm"]
        assert lines(t.session.chat_ctx)[1:] == ["user: mhm"]
        assert t.log.skipped == ["the hook wants no reply"]
        assert t.log.errors == []


async def test_any_other_error_of_the_hook_is_reported_and_the_reply_goes_on() -> None:
    def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        raise ValueError("bad hook")

    async with talk(Hooked(hook), ["All the same."]) as t:
        await t.hear("hi")
        assert t.log.errors == ["hook, recoverable: ValueError: bad hook"]
        assert t.history[1:] == ["user: hi", "desk: All the same."]


async def test_a_hook_that_awaits_something_cancelled_is_reported_and_the_reply_goes_on() -> None:
    async def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        raise asyncio.CancelledError

    async with talk(Hooked(hook), ["All the same."]) as t:
        await t.hear("hi")
        assert t.log.errors == ["hook, recoverable: CancelledError: "]
        assert t.history[1:] == ["user: hi", "desk: All the same."]


async def test_a_hook_that_stores_the_turn_context_does_not_lose_the_message() -> None:
    async def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        if message.text_content == "second":
            turn_ctx.items[:] = []
            await agent.update_chat_ctx(turn_ctx)

    @function_tool
    async def look() -> str:
        return "found"

    replies = ["One.", Call("look"), "Two.", "Three."]
    async with talk(Hooked(hook, tools=[look]), replies) as t:
        await t.hear("first", "second", "third")
        assert lines(t.llm.requests[1].chat_ctx) == ["user: second"]
        assert lines(t.llm.requests[2].chat_ctx) == [
            "user: second",
            "call look{}",
            "output look: found",
        ]
        assert lines(t.llm.requests[3].chat_ctx) == [
            "user: second",
            "call look{}",
            "output look: found",
            "desk: Two.",
            "user: third",
        ]


async def test_the_hook_has_the_message_beside_the_turn_context() -> None:
    seen: list[Any] = []

    def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        seen.append((lines(turn_ctx), message.text_content))

    async with talk(Hooked(hook), ["One."]) as t:
        await t.hear("hi")
        assert seen == [(["None -> desk"], "hi")]


async def test_a_slow_hook_is_overtaken_by_the_next_turn_and_both_are_answered_once() -> None:
    async def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        await asyncio.sleep(2)

    async with talk(Hooked(hook), ["Both."]) as t:
        t.caller.type("first")
        await asyncio.sleep(1)
        t.caller.type("second")
        await t.session.wait_for_idle()
        assert now() == 3
        assert t.history[1:] == ["user: first", "user: second", "desk: Both."]
        assert lines(t.llm.requests[0].chat_ctx)[-2:] == ["user: first", "user: second"]


async def test_the_hook_may_hand_over() -> None:
    async def hook(agent: Any, turn_ctx: ChatContext, message: ChatMessage) -> None:
        agent.session.update_agent(Agent(id="billing"))
        raise StopResponse

    async with talk(Hooked(hook), ["Billing."]) as t:
        await t.hear("billing please", "hello?")
        assert t.history[1:] == [
            "user: billing please",
            "desk -> billing",
            "user: hello?",
            "billing: Billing.",
        ]


# Listeners


async def test_events_come_in_order_and_listeners_may_call_the_session() -> None:
    async with talk(Agent(id="desk"), ["Yes."]) as t:
        said: list[str] = []

        def on_item(event: Any) -> None:
            said.append(lines([event.item])[0])
            if said[-1] == "user: hi":
                t.session.say("I heard you.")

        t.session.on("conversation_item_added", on_item)
        await t.hear("hi")
        assert said == t.history[1:]
        assert "desk: I heard you." in said


async def test_a_listener_that_raises_is_an_error_event_and_touches_nobody_else() -> None:
    heard: list[str] = []

    def bad(event: Any) -> None:
        raise ValueError("bad")

    async with talk(Agent(id="desk"), ["Yes."]) as t:
        t.session.on("agent_state_changed", bad)
        t.session.on("agent_state_changed", lambda event: heard.append(event.new_state))
        await t.hear("hi")
        assert heard[-1] == "listening"
        assert set(t.log.errors) == {"listener, recoverable: ValueError: bad"}
        assert t.history[-1] == "desk: Yes."


async def test_a_listener_of_errors_that_raises_does_not_go_round_in_circles() -> None:
    def bad(event: Any) -> None:
        raise ValueError("bad")

    async with talk(Agent(id="desk"), [[CUT], "Yes."]) as t:
        t.session.on("error", bad)
        await t.hear("hi")
        assert len(t.log.errors) == 1
        assert t.history[-1] == "desk: Yes."


async def test_once_listens_to_one_event_and_off_to_none() -> None:
    async with talk(Agent(id="desk"), ["a", "b"]) as t:
        once: list[Any] = []
        never: list[Any] = []
        t.session.once("agent_state_changed", once.append)
        t.session.on("agent_state_changed", never.append)
        t.session.off("agent_state_changed", never.append)
        await t.hear("one", "two")
        assert (len(once), never) == (1, [])


async def test_a_listener_subscribed_by_decorator_is_called_with_old_and_new_state() -> None:
    llm = ScriptedLLM([["Well,", Pause(1), " yes."]], first_token=0.1, total=0.1)
    async with talk(Agent(id="desk"), llm) as t:
        states: list[tuple[str, str]] = []

        @t.session.on("agent_state_changed")
        def changed(event: Any) -> None:
            states.append((event.old_state, event.new_state))

        await t.hear("hi")
        assert states == [
            ("listening", "thinking"),
            ("thinking", "speaking"),
            ("speaking", "listening"),
        ]
