"""One user turn, from its endpoint to the state after it."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon import Agent, ChatContext, function_tool
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD

from ..engine.following import line, now, talk

pytestmark = pytest.mark.virtual_time


async def test_a_user_turn_goes_through_its_steps_in_order() -> None:
    order: list[tuple[float, str]] = []

    def note(what: str) -> None:
        order.append((round(now(), 2), what))

    class Desk(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            note(f"hook, {self.session.agent_state}: {new_message.text_content}")
            assert new_message in list(self.session.history)
            assert new_message in list(self.chat_ctx)

        @function_tool
        async def look_up(self) -> str:
            note(f"tool, {self.session.agent_state}")
            return "paid"

    caller = Caller()
    caller.speak_at(0.5, "is it paid", seconds=2.0)
    llm = ScriptedLLM([Call("look_up"), "It is."], first_token=0.1, total=0.3)
    voice = ScriptedTTS(first_byte=0.2, seconds=1.0)
    slots: dict[str, Any] = {"stt": ScriptedSTT(), "vad": ScriptedVAD(), "tts": voice}
    async with talk(Desk(), llm, caller=caller, **slots) as t:
        t.session.on("agent_state_changed", lambda event: note(event.new_state))
        t.session.on("turn_decision", lambda event: note(f"turn: {event.decision}"))
        t.session.on("conversation_item_added", lambda event: note(line(event.item)))
        await caller.wait_until(8)
    assert order == [
        (3.0, "turn: commit"),
        (3.0, "user: is it paid"),
        (3.0, "thinking"),
        (3.0, "hook, thinking: is it paid"),
        (3.1, "call look_up{}"),
        (3.1, "tool, thinking"),
        (3.3, "output look_up: paid"),
        (3.8, "speaking"),
        (4.8, "desk: It is."),
        (4.8, "listening"),
    ]


@pytest.mark.parametrize(("hooked", "copies"), [(False, 0), (True, 3)])
async def test_a_turn_context_is_made_for_agents_with_the_hook_only(
    hooked: bool, copies: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hooked(Agent):
        async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
            pass

    from antiphon.engine import turn_hook

    ran = 0
    run = turn_hook.TurnHook.run

    async def counted(self: Any, *arguments: Any) -> bool:
        nonlocal ran
        ran += 1
        return await run(self, *arguments)

    monkeypatch.setattr(turn_hook.TurnHook, "run", counted)
    agent = Hooked(id="desk") if hooked else Agent(id="desk")
    async with talk(agent, ["One.", "Two.", "Three."]) as t:
        await t.hear("a", "b", "c")
    assert ran == copies


async def test_the_turn_context_is_a_copy_without_the_new_message() -> None:
    seen: list[list[str]] = []

    class Hooked(Agent):
        async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: Any) -> None:
            seen.append([line(item) for item in turn_ctx])
            turn_ctx.items.clear()

    async with talk(Hooked(instructions="Help."), ["Yes."]) as t:
        await t.hear("hello")
        assert seen == [["system: Help.", "None -> hooked"]]
        assert [line(item) for item in t.llm.requests[0].chat_ctx] == ["user: hello"]
        assert len(t.session.chat_ctx) == 4
