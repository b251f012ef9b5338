import asyncio

import pytest

from antiphon import Agent, RunContext, function_tool
from antiphon.testing import Call, Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS

pytestmark = pytest.mark.virtual_time

FRAME = 0.02 + 1e-6


def reference(talk, *, audio=2.0, words="one two three four", **options):
    """The conversation of the reference timeline: the user speaks from 0.5 to 2.5 s."""
    options.setdefault("replies", [words, "I beg your pardon"])
    conversation = talk(tts=ScriptedTTS(seconds=audio), **options)
    conversation.caller.speak_at(0.5, "what time is it now", seconds=2.0)
    return conversation


async def test_the_states_of_the_reference_timeline_come_at_their_times(talk):
    async with reference(talk) as t:
        await t.until(8)
    assert [state for _, state in t.states] == ["listening", "thinking", "speaking", "listening"]
    assert [when for when, _ in t.states] == pytest.approx([0.0, 3.0, 3.5, 5.5], abs=FRAME)
    assert t.user_states[0] == (pytest.approx(0.5, abs=FRAME), "speaking")


async def test_the_caller_hears_the_reply_of_the_reference_timeline_from_3_5_to_5_5(talk):
    async with reference(talk) as t:
        await t.until(8)
        ((start, end, text),) = t.agent_heard
    assert (start, end) == pytest.approx((3.5, 5.5), abs=FRAME)
    assert text == "one two three four"


async def test_the_reference_timeline_leaves_one_user_and_one_assistant_message(talk):
    async with reference(talk) as t:
        await t.until(8)
    assert t.said == [("user", "what time is it now"), ("assistant", "one two three four")]
    assert not t.messages[1].interrupted
    assert t.errors == []


async def test_a_barge_in_at_5_is_silence_at_5_5(talk):
    ten = "one two three four five six seven eight nine ten"
    async with reference(talk, audio=5.0, words=ten) as t:
        t.caller.speak_at(5.0, "wait a moment please now", seconds=2.0)
        await t.until(5.52)
        assert t.caller.silent_since == pytest.approx(5.5, abs=FRAME)
        await t.until(20)
    assert t.states[3] == (pytest.approx(5.5, abs=FRAME), "listening")


async def test_a_barge_in_records_what_two_seconds_of_audio_contained(talk):
    # Ten words in 5 s: half a second each, so 2 s hold four of them.
    ten = "one two three four five six seven eight nine ten"
    async with reference(talk, audio=5.0, words=ten) as t:
        t.caller.speak_at(5.0, "wait a moment please now", seconds=2.0)
        await t.until(20)
    assert t.said == [
        ("user", "what time is it now"),
        ("assistant", "one two three four"),
        ("user", "wait a moment please now"),
        ("assistant", "I beg your pardon"),
    ]
    assert t.messages[1].interrupted
    assert t.messages[1].generated_text == ten
    assert not t.messages[1].estimated


async def test_the_timeline_of_a_turn_has_the_times_of_the_reference(talk):
    async with reference(talk) as t:
        await t.until(8)
        (timeline,) = t.session.turns
    figures = timeline.to_dict()
    assert figures.pop("framework") > 0
    speech = figures.pop("speech_id")
    assert speech == t.events("speech_created")[0].speech_handle.id
    assert [call.pop("usage") for call in figures["calls"]] == [
        figures["usage"]["ScriptedLLM"],
        figures["usage"]["ScriptedTTS"],
    ]
    del figures["usage"]
    of_this_turn = {"agent_id": t.agent.id, "speech_id": speech, "turn": 1}
    done = {"outcome": "done", "error": None, "discarded": False}
    assert figures == {
        "turn": 1,
        "agent_id": t.agent.id,
        "text": "what time is it now",
        "speech_started": 0.5,
        "last_voiced": 2.5,
        "vad_end": 3.0,
        "stt_final": 2.7,
        "committed": 3.0,
        "llm_request": 3.0,
        "llm_first_token": 3.1,
        "first_sentence": 3.1,
        "tts_first_byte": 3.5,
        "first_audio": 3.5,
        "done": 5.5,
        "interrupted": False,
        "tools": [],
        "calls": [
            {"slot": "llm", "model": "ScriptedLLM", **of_this_turn, **done}
            | {"started": 3.0, "first_output": 3.1, "ended": 3.3},
            {"slot": "tts", "model": "ScriptedTTS", **of_this_turn, **done}
            | {"started": 3.1, "first_output": 3.5, "ended": 3.5},
        ],
        "endpoint_wait": 0.5,
        "llm_wait": 0.1,
        "tts_wait": 0.4,
        "latency": 1.0,
    }


STAGES = (
    "last_voiced",
    "committed",
    "llm_request",
    "llm_first_token",
    "first_sentence",
    "tts_first_byte",
    "first_audio",
    "done",
)


async def test_the_times_of_every_turn_are_filled_and_never_run_backwards(talk):
    async with talk(replies={"": "one two three four five six"}) as t:
        for start in (0.5, 6.0, 11.9, 14.1, 20.0):
            t.caller.speak_at(start, "tell me more", seconds=1.2)
        await t.until(40)
        turns = t.session.turns
    assert [timeline.turn for timeline in turns] == [1, 2, 3, 4, 5]
    for timeline in turns:
        times = [getattr(timeline, stage) for stage in STAGES]
        assert None not in times[:3]
        known = [time for time in times if time is not None]
        assert known == sorted(known), timeline
        assert timeline.last_voiced <= timeline.stt_final
        assert timeline.last_voiced <= timeline.vad_end
    assert [timeline.interrupted for timeline in turns].count(True) >= 1
    for timeline in turns:
        if not timeline.interrupted:
            assert None not in [getattr(timeline, stage) for stage in STAGES]


async def test_metrics_are_collected_once_per_turn_interrupted_or_not(talk):
    async with talk(replies={"": "one two three four five six"}) as t:
        for start in (0.5, 4.0, 5.9, 9.0):
            t.caller.speak_at(start, "tell me more", seconds=0.9)
        await t.until(30)
        turns = t.session.turns
    collected = [event.metrics for event in t.events("metrics_collected")]
    assert len(turns) == 4
    assert sorted(collected, key=lambda timeline: timeline.turn) == turns


async def test_metrics_of_a_turn_whose_reply_fails_are_collected_as_well(talk):
    from antiphon.errors import ProviderRejected

    async with talk(replies=[ProviderRejected("no such model")]) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(10)
    assert len(t.events("metrics_collected")) == 1
    assert t.said == [("user", "hello there")]


async def test_tools_of_a_turn_stand_in_its_timeline(talk):
    class Clerk(Agent):
        @function_tool
        async def look_up(self, ctx: RunContext, number: int) -> str:
            """Looks up an invoice."""
            await asyncio.sleep(1.5)
            return f"invoice {number} is paid"

    clerk = Clerk(instructions="help")
    async with talk(clerk, replies=[Call("look_up", number=3), "it is paid"]) as t:
        t.caller.speak_at(0.5, "what about invoice three", seconds=2.0)
        await t.until(10)
        (timeline,) = t.session.turns
    (tool,) = timeline.tools
    assert tool.name == "look_up"
    assert (tool.started, tool.ended) == pytest.approx((3.1, 4.6), abs=FRAME)
    assert timeline.first_audio > tool.ended


async def test_a_typed_turn_counts_its_latency_from_the_text(talk):
    async with talk(llm=ScriptedLLM(["hello yourself"], total=0.1)) as t:
        await t.until(1.0)
        t.caller.type("hello")
        await t.until(5)
        (timeline,) = t.session.turns
    assert timeline.last_voiced is None
    assert timeline.committed == pytest.approx(1.0)
    assert timeline.latency == pytest.approx(0.1 + 0.2, abs=FRAME)


async def test_latencies_add_up_with_slow_providers(talk):
    async with talk(
        caller=Caller(),
        stt=ScriptedSTT(latency=0.4),
        llm=ScriptedLLM(["one two"], first_token=0.7, total=0.7),
        tts=ScriptedTTS(first_byte=0.3, words_per_second=2.0),
    ) as t:
        t.caller.speak_at(0.5, "hello there", seconds=1.0)
        await t.until(8)
        (timeline,) = t.session.turns
    assert timeline.committed == pytest.approx(2.0, abs=FRAME)
    assert timeline.llm_first_token == pytest.approx(2.7, abs=FRAME)
    assert timeline.tts_first_byte == pytest.approx(3.0, abs=FRAME)
    assert timeline.done == pytest.approx(4.0, abs=FRAME)
