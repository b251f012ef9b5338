"""What a session looks like as a trace, and in metrics."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from antiphon import Agent, AgentSession, ToolError, function_tool
from antiphon.errors import ProviderConnectionError, ProviderRejected
from antiphon.registry import Registry
from antiphon.testing import Call, Caller, Fail, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD

pytestmark = pytest.mark.virtual_time


class Billing(Agent):
    def __init__(self) -> None:
        super().__init__(id="billing")


class Desk(Agent):
    def __init__(self) -> None:
        super().__init__(id="desk")

    @function_tool
    async def look_up(self, number: int) -> str:
        """Looks up."""
        await asyncio.sleep(1.0)
        if number == 0:
            raise ToolError("no such number")
        return "paid in marzipan"

    @function_tool
    async def to_billing(self) -> Agent:
        """Hands over."""
        return Billing()


REPLIES = {
    "invoice": ["One moment.", Call("look_up", number=3)],
    "marzipan": "It is paid.",
    "wrong": Call("look_up", number=0),
    "no such number": "There is none.",
    "billing": Call("to_billing"),
    "": "I see.",
}


def session(**options: Any) -> AgentSession[Any]:
    options = {
        "llm": ScriptedLLM(REPLIES),
        "stt": ScriptedSTT(),
        "tts": ScriptedTTS(seconds=2.0),
        "vad": ScriptedVAD(),
        "registry": Registry(entry_points=(), environ={}),
    } | options
    return AgentSession(**options)


async def spoken(telemetry: Any, **options: Any) -> AgentSession[Any]:
    """One spoken turn with a tool."""
    running = session()
    telemetry.observe(running, **options)
    caller = Caller()
    caller.speak_at(0.5, "what about the invoice", seconds=2.0)
    await running.start(Desk(), transport=caller)
    await caller.wait_until(12)
    await running.aclose()
    return running


async def typed(telemetry: Any, *texts: str, **options: Any) -> AgentSession[Any]:
    """Typed turns, each answered."""
    running = session(**({"stt": None, "vad": None, "tts": None} | options))
    telemetry.observe(running)
    caller = Caller(audio=False)
    await running.start(Desk(), transport=caller)
    for text in texts:
        caller.type(text)
        await asyncio.sleep(5)
    await running.aclose()
    return running


async def test_a_session_is_one_trace_with_its_turns_and_their_calls_below(telemetry):
    await spoken(telemetry)
    assert telemetry.tree() == [
        "session",
        "session > speech_to_text ScriptedSTT",
        "session > invoke_agent desk",
        "invoke_agent desk > user_speech",
        "invoke_agent desk > endpointing",
        "invoke_agent desk > chat ScriptedLLM",
        "invoke_agent desk > text_to_speech ScriptedTTS",
        "invoke_agent desk > execute_tool look_up",
        "invoke_agent desk > chat ScriptedLLM",
        "invoke_agent desk > text_to_speech ScriptedTTS",
    ]
    assert len({span.context.trace_id for span in telemetry.spans}) == 1


async def test_spans_have_the_times_of_the_timeline(telemetry):
    running = await spoken(telemetry)
    (turn,) = running.turns

    def times(name: str, number: int = 0) -> tuple[float, float]:
        return telemetry.times(running, telemetry.named(name)[number])

    assert times("invoke_agent desk") == (0.5, round(turn.done, 3))
    assert times("user_speech") == (0.5, 2.5)
    assert times("endpointing") == (2.5, 3.0)
    for number, call in enumerate(each for each in turn.calls if each.slot == "llm"):
        assert times("chat ScriptedLLM", number) == (round(call.started, 3), round(call.ended, 3))
    (tool,) = turn.tools
    assert times("execute_tool look_up") == (round(tool.started, 3), round(tool.ended, 3))
    assert times("session") == (0.0, pytest.approx(12, abs=0.5))


async def test_a_call_of_an_llm_has_the_attributes_of_the_conventions(telemetry):
    running = await spoken(telemetry)
    first = running.turns[0].calls[0]
    span = telemetry.named("chat ScriptedLLM")[0]
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ScriptedLLM",
        "gen_ai.request.model": "ScriptedLLM",
        "gen_ai.request.stream": True,
        "gen_ai.output.type": "text",
        "gen_ai.conversation.id": running.id,
        "gen_ai.agent.id": "desk",
        "gen_ai.agent.name": "desk",
        "gen_ai.response.time_to_first_chunk": pytest.approx(0.1),
        "gen_ai.usage.input_tokens": first.usage.input_tokens,
        "gen_ai.usage.output_tokens": first.usage.output_tokens,
        "antiphon.outcome": "done",
    }
    assert [event.name for event in span.events] == ["first_output"]


async def test_the_other_spans_say_what_they_are(telemetry):
    running = await spoken(telemetry)
    tool = telemetry.one("execute_tool look_up")
    (call,) = [item for item in running.history if item.type == "function_call"]
    assert dict(tool.attributes) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "look_up",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": call.call_id,
        "gen_ai.conversation.id": running.id,
        "gen_ai.agent.id": "desk",
        "gen_ai.agent.name": "desk",
    }
    turn = dict(telemetry.one("invoke_agent desk").attributes)
    assert turn.pop("antiphon.turn.framework") > 0
    assert turn == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.conversation.id": running.id,
        "gen_ai.agent.id": "desk",
        "gen_ai.agent.name": "desk",
        "antiphon.turn": 1,
        "antiphon.turn.interrupted": False,
        "antiphon.turn.latency": pytest.approx(running.turns[0].latency),
        "antiphon.turn.endpoint_wait": pytest.approx(0.5),
    }
    voice = telemetry.named("text_to_speech ScriptedTTS")[0].attributes
    assert voice["gen_ai.output.type"] == "speech"
    assert voice["antiphon.usage.characters"] == len("One moment.")
    stt = telemetry.one("speech_to_text ScriptedSTT").attributes
    assert stt["antiphon.usage.audio"] == pytest.approx(12, abs=0.1)


async def test_nothing_that_is_said_is_exported_unless_asked(telemetry, monkeypatch):
    monkeypatch.delenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", raising=False)
    await spoken(telemetry)
    exported = " ".join(span.to_json() for span in telemetry.spans)
    exported += telemetry.reader.get_metrics_data().to_json() if telemetry.reader else ""
    for word in ("invoice", "marzipan", "moment", "paid"):
        assert word not in exported.lower()


@pytest.mark.parametrize("asked", ["environment", "argument"])
async def test_what_is_said_is_exported_where_it_is_asked_for(telemetry, monkeypatch, asked):
    options = {}
    if asked == "environment":
        monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "span_only")
    else:
        options["capture_content"] = True
    await spoken(telemetry, **options)
    turn = telemetry.one("invoke_agent desk").attributes
    assert json.loads(turn["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "what about the invoice"}]}
    ]
    said = [part["parts"][0]["content"] for part in json.loads(turn["gen_ai.output.messages"])]
    assert said == ["One moment.", "It is paid."]
    tool = telemetry.one("execute_tool look_up").attributes
    assert json.loads(tool["gen_ai.tool.call.arguments"]) == {"number": 3}
    assert tool["gen_ai.tool.call.result"] == "paid in marzipan"


async def test_hand_offs_are_events_of_the_session_and_counted(telemetry):
    await typed(telemetry, "billing please", "hello")
    root = telemetry.one("session")
    assert [(event.name, dict(event.attributes)) for event in root.events] == [
        ("agent_handoff", {"gen_ai.agent.name": "desk"}),
        (
            "agent_handoff",
            {"gen_ai.agent.name": "billing", "antiphon.old_agent.name": "desk"},
        ),
    ]
    assert len(telemetry.named("invoke_agent desk")) == 1
    assert len(telemetry.named("invoke_agent billing")) == 1
    ((names, point),) = telemetry.points["antiphon.handoffs"]
    assert names == {"gen_ai.agent.name": "billing", "antiphon.old_agent.name": "desk"}
    assert point.value == 1


async def test_a_tool_that_fails_is_an_error(telemetry):
    await typed(telemetry, "wrong")
    span = telemetry.one("execute_tool look_up")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "tool_error"
    ((names, point),) = telemetry.points["gen_ai.execute_tool.duration"]
    assert (names["error.type"], point.sum) == ("tool_error", pytest.approx(1.0))


async def test_an_llm_that_fails_is_an_error_of_its_call_and_an_event(telemetry):
    llm = ScriptedLLM(["x"], fail_at=Fail(ProviderRejected("the key is wrong"), after=0))
    await typed(telemetry, "hello", llm=llm)
    span = telemetry.one("chat ScriptedLLM")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "ProviderRejected"
    (event,) = [each for each in telemetry.one("session").events if each.name == "exception"]
    assert dict(event.attributes) == {
        "exception.type": "ProviderRejected",
        "antiphon.error.source": "llm",
        "antiphon.error.recoverable": False,
    }
    assert telemetry.points["antiphon.errors"][0][0]["error.type"] == "ProviderRejected"


async def test_a_session_that_ends_with_an_error_is_one(telemetry):
    failures = [Fail(ProviderRejected("no"), call=call, after=0) for call in (1, 2, 3)]
    llm = ScriptedLLM({"": "x"}, fail_at=failures)
    await typed(telemetry, "one", "two", "three", llm=llm)
    root = telemetry.one("session")
    assert root.attributes["antiphon.close.reason"] == "error"
    assert root.status.status_code is StatusCode.ERROR


async def test_retries_are_events_and_one_call(telemetry):
    llm = ScriptedLLM({"": "x"}, fail_at=Fail(ProviderConnectionError("no"), after=0))
    await typed(telemetry, "hello", llm=llm)
    span = telemetry.one("chat ScriptedLLM")
    assert span.attributes["antiphon.outcome"] == "done"
    assert [event.name for event in telemetry.one("session").events] == [
        "agent_handoff",
        "exception",
    ]


async def test_what_is_said_without_a_turn_is_below_the_session(telemetry):
    running = session()
    telemetry.observe(running)
    await running.start(Desk(), transport=Caller())
    await running.say("good morning")
    await running.aclose()
    assert telemetry.tree() == [
        "session",
        "session > speech_to_text ScriptedSTT",
        "session > text_to_speech ScriptedTTS",
    ]


async def test_a_barge_in_is_seen_in_the_spans_and_counted(telemetry):
    running = session(llm=ScriptedLLM({"": "one two three four five six seven eight"}))
    telemetry.observe(running)
    caller = Caller()
    await running.start(Desk(), transport=caller)
    caller.type("tell me")
    await caller.wait_until(1)
    running.interrupt()
    await caller.wait_until(2)
    await running.aclose()
    assert telemetry.one("invoke_agent desk").attributes["antiphon.turn.interrupted"] is True
    ((_, point),) = telemetry.points["antiphon.interruptions"]
    assert point.value == 1


async def test_the_metrics_are_those_of_the_turns(telemetry):
    running = await spoken(telemetry)
    (turn,) = running.turns
    points = telemetry.points
    ((names, latency),) = points["antiphon.turn.latency"]
    assert (names, latency.count) == ({"gen_ai.agent.name": "desk"}, 1)
    assert latency.sum == pytest.approx(turn.latency)
    assert points["antiphon.turn.endpoint_wait"][0][1].sum == pytest.approx(0.5)
    assert points["gen_ai.invoke_agent.duration"][0][1].sum == pytest.approx(
        turn.done - turn.committed
    )
    tokens = {
        names["gen_ai.token.type"]: point.sum
        for names, point in points["gen_ai.client.token.usage"]
    }
    used = running.usage["ScriptedLLM"]
    assert tokens == {"input": used.input_tokens, "output": used.output_tokens}
    durations = {
        names["gen_ai.operation.name"]: (point.count, point.sum)
        for names, point in points["gen_ai.client.operation.duration"]
    }
    llm = [call.duration for call in turn.calls if call.slot == "llm"]
    assert durations["chat"] == (2, pytest.approx(sum(llm)))
    assert durations["text_to_speech"][0] == 2
    characters = points["antiphon.usage.characters"][0][1].value
    assert characters == running.usage["ScriptedTTS"].characters
    audio = {
        names["gen_ai.operation.name"]: point.value
        for names, point in points["antiphon.usage.audio"]
    }
    assert audio == {
        "speech_to_text": pytest.approx(running.usage["ScriptedSTT"].audio_seconds),
        "text_to_speech": pytest.approx(running.usage["ScriptedTTS"].audio_seconds),
    }
    assert points["antiphon.sessions"][0][1].value == 0


async def test_the_buckets_are_those_that_the_conventions_recommend(telemetry):
    await typed(telemetry, "hello")
    bounds = telemetry.points["gen_ai.client.token.usage"][0][1].explicit_bounds
    assert (bounds[0], bounds[-1]) == (1, 67108864)
    bounds = telemetry.points["gen_ai.client.operation.duration"][0][1].explicit_bounds
    assert (bounds[0], bounds[-1]) == (0.01, 81.92)


async def test_a_session_within_a_span_is_below_it(telemetry):
    tracer = telemetry.tracer_provider.get_tracer("mine")
    with tracer.start_as_current_span("my call"):
        await typed(telemetry, "hello")
    assert "my call > session" in telemetry.tree()
    assert "session > invoke_agent desk" in telemetry.tree()


async def test_a_tool_that_outlives_its_turn_still_comes_below_it(telemetry):
    running = session(stt=None, vad=None)
    telemetry.observe(running)
    caller = Caller()
    await running.start(Desk(), transport=caller)
    caller.type("invoice")
    await asyncio.sleep(0.5)
    running.interrupt()
    await asyncio.sleep(4)
    await running.aclose()
    assert "invoke_agent desk > execute_tool look_up" in telemetry.tree()


async def test_without_an_sdk_nothing_happens():
    from antiphon_otel import observe

    running = session(stt=None, vad=None)
    observe(running, tracer_provider=trace.NoOpTracerProvider())
    await running.start(Desk(), transport=Caller())
    await running.say("good morning")
    await running.aclose()
    assert running.usage["ScriptedTTS"].requests == 1


async def test_no_key_is_in_a_trace_though_content_is_asked_for(telemetry, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "planted-0123456789")
    broken = ProviderRejected("https://acme/?key=planted-0123456789")
    running = session(llm=ScriptedLLM(["x"], fail_at=Fail(broken, after=0)), stt=None, vad=None)
    telemetry.observe(running, capture_content=True)
    caller = Caller()
    await running.start(Desk(), transport=caller)
    caller.type("my key is planted-0123456789")
    await asyncio.sleep(3)
    await running.aclose()
    exported = " ".join(span.to_json() for span in telemetry.spans)
    assert "planted" not in exported
    assert "https://acme/?key=***" in exported and "my key is ***" in exported
