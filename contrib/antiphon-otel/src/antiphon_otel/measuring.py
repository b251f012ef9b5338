"""Instruments: the histograms and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from opentelemetry import metrics
from opentelemetry.metrics import MeterProvider

from . import attributes
from .attributes import Attributes

if TYPE_CHECKING:
    from antiphon import Timeline
    from antiphon.timeline import ModelCall, ToolTime

_SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
_TOKENS = [float(4**power) for power in range(14)]
"""Bucket boundaries that the conventions recommend."""
_CPU = [0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]


class Instruments:
    """What is measured, for all sessions of one meter provider."""

    def __init__(self, provider: MeterProvider | None) -> None:
        from . import __version__

        meter = metrics.get_meter("antiphon_otel", __version__, provider)

        def seconds(
            name: str, description: str, boundaries: list[float] = _SECONDS
        ) -> metrics.Histogram:
            return meter.create_histogram(
                name, "s", description, explicit_bucket_boundaries_advisory=boundaries
            )

        self._operation = seconds("gen_ai.client.operation.duration", "LLM and TTS calls.")
        self._first_chunk = seconds(
            "gen_ai.client.operation.time_to_first_chunk", "Their wait for the first output."
        )
        self._tool = seconds("gen_ai.execute_tool.duration", "Tools.")
        self._invoke_agent = seconds(
            "gen_ai.invoke_agent.duration", "Turns, from the endpoint to the end of the reply."
        )
        self._latency = seconds("antiphon.turn.latency", "What a caller waits for a reply.")
        self._endpoint = seconds("antiphon.turn.endpoint_wait", "The wait for the endpoint.")
        self._framework = seconds(
            "antiphon.turn.framework", "What the framework itself took, per turn.", _CPU
        )
        self._tokens = meter.create_histogram(
            "gen_ai.client.token.usage",
            "{token}",
            "Tokens per LLM call.",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._characters = meter.create_counter(
            "antiphon.usage.characters", "{character}", "Characters voiced by a TTS."
        )
        self._audio = meter.create_counter(
            "antiphon.usage.audio", "s", "Audio heard by an STT, or made by a TTS."
        )
        self.sessions = meter.create_up_down_counter(
            "antiphon.sessions", "{session}", "Sessions that run now."
        )
        self.handoffs = meter.create_counter(
            "antiphon.handoffs", "{handoff}", "Hand-offs, the first agents not counted."
        )
        self.interruptions = meter.create_counter(
            "antiphon.interruptions", "{turn}", "Turns whose reply was cut short."
        )
        self.errors = meter.create_counter("antiphon.errors", "{error}", "Errors in sessions.")

    @classmethod
    def of(cls, provider: MeterProvider | None) -> Instruments:
        """Those of a provider, made once."""
        if provider is None:
            provider = metrics.get_meter_provider()
        found = _known.get(provider)
        if found is None:
            found = _known[provider] = cls(provider)
        return found

    def turn(self, turn: Timeline) -> None:
        """A turn is over."""
        values: Attributes = {"gen_ai.agent.name": turn.agent_id}
        if turn.done is not None and turn.committed is not None:
            operation = {"gen_ai.operation.name": "invoke_agent", **values}
            self._invoke_agent.record(turn.done - turn.committed, operation)
        if turn.latency is not None:
            self._latency.record(turn.latency, values)
        if turn.endpoint_wait is not None:
            self._endpoint.record(turn.endpoint_wait, values)
        self._framework.record(turn.framework, values)
        if turn.interrupted:
            self.interruptions.add(1, values)

    def model_call(self, call: ModelCall) -> None:
        """A call has ended."""
        values = attributes.operation(call)
        if call.discarded:
            values["antiphon.discarded"] = True
        if call.slot != "stt" and call.duration is not None:
            self._operation.record(call.duration, values)
            if call.wait is not None:
                self._first_chunk.record(call.wait, values)
        usage = call.usage
        if usage is None:
            return
        for kind, tokens in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if tokens:
                self._tokens.record(tokens, {**values, "gen_ai.token.type": kind})
        if usage.characters:
            self._characters.add(usage.characters, values)
        if usage.audio_seconds:
            self._audio.add(usage.audio_seconds, values)

    def tool(self, time: ToolTime) -> None:
        """A tool has ended."""
        if time.duration is not None:
            self._tool.record(time.duration, attributes.tool(time))


_known: WeakKeyDictionary[MeterProvider, Instruments] = WeakKeyDictionary()
