"""OpenTelemetry traces and metrics of antiphon's sessions, by the GenAI semantic conventions.

Installed, it observes every session: it is found by its entry point. `observe` does so with
providers of one's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from antiphon.hookspecs import hookimpl

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from antiphon import AgentSession

__version__ = "0.1.0"

__all__ = ["__version__", "antiphon_session_started", "observe"]


@hookimpl
def antiphon_session_started(session: AgentSession[Any]) -> None:
    """Observes a session with the providers that are set globally."""
    observe(session)


def observe(
    session: AgentSession[Any],
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    capture_content: bool | None = None,
) -> None:
    """Traces and measures a session from now on; call it before the start, or as it starts.

    Without providers the global ones count. `capture_content`: what is said goes into the spans;
    None: as `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` says.
    """
    from .content import capture_asked_for
    from .measuring import Instruments
    from .observer import Observer
    from .tracing import Spans

    if capture_content is None:
        capture_content = capture_asked_for()
    spans = Spans(session, tracer_provider, capture_content=capture_content)
    Observer(session, spans, Instruments.of(meter_provider)).attach()
