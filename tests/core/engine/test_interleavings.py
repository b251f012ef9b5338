"""A second turn, or the end, at every moment of a hand-off: nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from antiphon import (
    Agent,
    ChatContext,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    function_tool,
)
from antiphon.testing import (
    Call,
    Caller,
    Pause,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
)

from .following import Talk, lines, now, talk

pytestmark = pytest.mark.virtual_time

STEP = 0.05
END = 8.0


class Desk(Agent):
    """Says something, takes its time to find the other agent, and says goodbye."""

    def __init__(self, new: Agent, *, returns: str | None, goodbye: bool) -> None:
        super().__init__(id="desk", instructions="Desk.")
        self.new = new
        self.returns = returns
        self.goodbye = goodbye

    @function_tool
    async def transfer(self) -> Any:
        await asyncio.sleep(0.5)
        return self.new if self.returns is None else (self.new, self.returns)

    async def on_exit(self) -> None:
        await asyncio.sleep(0.2)
        if self.goodbye:
            await self.session.say("Goodbye from me.")


class Silent(Agent):
    """Has nothing to say of its own accord."""


class Greeting(Agent):
    """Greets by a fixed text."""

    async def on_enter(self) -> None:
        await asyncio.sleep(0.1)
        await self.session.say("Billing here, good morning.")


class Asking(Agent):
    """Greets by a reply."""

    async def on_enter(self) -> None:
        await asyncio.sleep(0.1)
        await self.session.generate_reply(instructions="Greet.")


class Staying(Agent):
    """Greets and never returns."""

    async def on_enter(self) -> None:
        await self.session.say("Billing here.")
        await asyncio.sleep(1e6)


def answer(context: ChatContext, tools: Any) -> Any:
    """Answers the user's turns that nobody has answered, else the result, else just greets."""
    items = [item for item in context if item.type != "agent_handoff"]
    said = [n for n, item in enumerate(items) if getattr(item, "role", "") == "assistant"]
    unanswered = [
        item.text_content
        for item in items[said[-1] + 1 if said else 0 :]
        if isinstance(item, ChatMessage) and item.role == "user"
    ]
    asked = any(item.type == "function_call" for item in items)
    if not asked and any(tool.name == "transfer" for tool in tools):
        return ["Of course.", Call("transfer"), Pause(0.1)]
    if unanswered:
        return f"You said {' '.join(unanswered)}."
    return "I move you now." if items[0].text_content == "Desk." else "Good morning."  # type: ignore[union-attr]


async def converse(
    new: type[Agent], when: float, *, returns: str | None, goodbye: bool, spoken: bool = False
) -> Talk:
    """The caller asks for billing at once, and types or says something more at `when`."""
    billing = new(id="billing", instructions="Billing.")
    desk = Desk(billing, returns=returns, goodbye=goodbye)
    llm = ScriptedLLM(answer, first_token=0.1, total=0.3)
    slots: dict[str, Any] = {
        "caller": Caller(continuous=False),
        "tts": ScriptedTTS(first_byte=0.1, words_per_second=4),
    }
    if spoken:
        slots |= {"caller": Caller(), "stt": ScriptedSTT(), "vad": ScriptedVAD()}
        slots["caller"].speak_at(now() + when, "and hurry", seconds=0.8)
    async with talk(desk, llm, **slots) as t:
        t.caller.type("billing please")
        await asyncio.sleep(when)
        if not spoken:
            t.caller.type("and hurry")
        await asyncio.sleep(END)
        t.heard_at_end = t.caller.heard_text()  # type: ignore[attr-defined]
    return t


def check(t: Talk) -> None:
    """What holds at whatever moment the second turn came."""
    items = [item for item in t.session.history]
    shown = lines(items)
    users = [text for text in shown if text.startswith("user: ")]
    assert users == ["user: billing please", "user: and hurry"]
    calls = [item.call_id for item in items if isinstance(item, FunctionCall)]
    outputs = [item.call_id for item in items if isinstance(item, FunctionCallOutput)]
    assert sorted(calls) == sorted(outputs)
    assert t.session.current_agent.id == "billing"
    assert shown.count("desk -> billing") == 1
    second = shown.index("user: and hurry")
    answers = [text for text in shown[second:] if "and hurry." in text and not text.endswith("—")]
    later = [m for m in items[second + 1 :] if isinstance(m, ChatMessage)]
    assert later, "the second turn was never answered"
    assert len(answers) <= 1, "the second turn was answered twice"
    # The new agent, or the old one before it left, has answered with the turn before its eyes.
    asked = [r for r in t.llm.requests if "user: and hurry" in lines(r.chat_ctx)]
    assert asked, "no request has seen the second turn"
    assert t.log.of("error") == []
    spoken = [m.text_content for m in items if isinstance(m, ChatMessage) and m.role != "user"]
    assert " ".join(spoken) == t.heard_at_end  # type: ignore[attr-defined]


@pytest.mark.parametrize("goodbye", [False, True], ids=["silent exit", "goodbye"])
@pytest.mark.parametrize("returns", [None, "moving"], ids=["no reply", "reply"])
@pytest.mark.parametrize("new", [Silent, Greeting, Asking, Staying], ids=lambda n: n.__name__)
async def test_a_second_turn_at_any_moment_of_a_hand_off_is_answered_once(
    new: type[Agent], returns: str | None, goodbye: bool
) -> None:
    for step in range(int(5 / STEP)):
        when = round(step * STEP, 3)
        t = await converse(new, when, returns=returns, goodbye=goodbye)
        try:
            check(t)
        except AssertionError as error:
            raise AssertionError(f"at {when} s: {error}\n" + "\n".join(t.log.told)) from error


@pytest.mark.parametrize("new", [Silent, Greeting, Asking, Staying], ids=lambda n: n.__name__)
async def test_a_second_turn_spoken_at_any_moment_of_a_hand_off_is_answered_once(
    new: type[Agent],
) -> None:
    for step in range(25):
        when = round(0.2 * step, 3)
        t = await converse(new, when, returns="moving", goodbye=True, spoken=True)
        try:
            check(t)
        except AssertionError as error:
            raise AssertionError(f"at {when} s: {error}\n" + "\n".join(t.log.told)) from error


@pytest.mark.parametrize("how", ["aclose", "shutdown", "hang up"])
@pytest.mark.parametrize("new", [Silent, Greeting, Asking, Staying], ids=lambda n: n.__name__)
async def test_an_end_at_any_moment_of_a_hand_off_leaves_nothing_open(
    new: type[Agent], how: str
) -> None:
    for step in range(60):
        when = round(STEP * step, 3)
        handles: list[Any] = []
        exits: list[str] = []

        class Counting(Desk):
            async def on_exit(self) -> None:
                exits.append(self.id)  # noqa: B023 - it is called within this round
                await super().on_exit()

        billing = new(id="billing")
        llm = ScriptedLLM(answer, first_token=0.1, total=0.3)
        tts = ScriptedTTS(first_byte=0.1, words_per_second=4)
        caller = Caller(continuous=False)
        desk = Counting(billing, returns="moving", goodbye=True)
        before = asyncio.all_tasks()
        async with talk(desk, llm, caller=caller, tts=tts) as t:
            t.session.on("speech_created", lambda e: handles.append(e.speech_handle))  # noqa: B023
            caller.type("billing please")
            await asyncio.sleep(when)
            if how == "aclose":
                await t.session.aclose()
            elif how == "shutdown":
                t.session.shutdown()
            else:
                caller.hang_up()
            await t.session.wait_closed()
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == before, when
        items = list(t.session.history)
        calls = [item.call_id for item in items if isinstance(item, FunctionCall)]
        outputs = [item.call_id for item in items if isinstance(item, FunctionCallOutput)]
        assert calls == outputs, when
        assert all(handle.done() for handle in handles), when
        assert len(t.log.of("close")) == 1 and t.log.events[-1].name == "close", when
        assert exits == ["desk"], when
        assert "user: billing please" in lines(items), when
        spoken = [m.text_content for m in items if isinstance(m, ChatMessage) and m.role != "user"]
        assert " ".join(spoken) == caller.heard_text(), when
        assert (t.session.current_agent is billing) == ("desk -> billing" in lines(items)), when
