"""Sessions observed by antiphon-otel, with exporters that keep everything in memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk", reason="pip install -e '.[dev]'")

ROOT = Path(__file__).parents[3] / "contrib" / "antiphon-otel"
SOURCE = str(ROOT / "src")
if SOURCE not in sys.path:
    sys.path.insert(0, SOURCE)

from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402 - after the check that it is there
from opentelemetry.sdk.metrics.export import InMemoryMetricReader  # noqa: E402
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import (  # noqa: E402
    InMemorySpanExporter,
)


class Telemetry:
    """A tracer and a meter provider, and what has come out of them."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.tracer_provider = TracerProvider(shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.meter_provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def observe(self, session: Any, **options: Any) -> None:
        """Observes a session."""
        from antiphon_otel import observe

        observe(
            session,
            tracer_provider=self.tracer_provider,
            meter_provider=self.meter_provider,
            **options,
        )

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, by their start; of several the longest first."""
        found = self.exporter.get_finished_spans()
        key = lambda span: (span.start_time, -span.end_time, span.parent is not None)  # noqa: E731
        return sorted(found, key=key)

    def named(self, name: str) -> list[ReadableSpan]:
        """Those of one name."""
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only one of its name."""
        (span,) = self.named(name)
        return span

    def tree(self) -> list[str]:
        """`parent > child` of every span, by start."""
        names = {span.context.span_id: span.name for span in self.spans if span.context}
        return [
            f"{names[span.parent.span_id]} > {span.name}" if span.parent else span.name
            for span in self.spans
        ]

    def times(self, session: Any, span: ReadableSpan) -> tuple[float, float]:
        """When a span began and ended, in seconds from the start of its session."""
        zero = session.started_at.timestamp()
        assert span.start_time is not None and span.end_time is not None
        return (round(span.start_time / 1e9 - zero, 3), round(span.end_time / 1e9 - zero, 3))

    @property
    def points(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """The points of every metric: attributes, and the point itself."""
        data = self.reader.get_metrics_data()
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    found[metric.name] = [
                        (dict(point.attributes or {}), point) for point in metric.data.data_points
                    ]
        return found


@pytest.fixture
def telemetry() -> Telemetry:
    """A fresh one."""
    return Telemetry()
