"""The call of the demo: what it needs, how it is set up, and what is shown of it."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from antiphon import AgentSession
from antiphon.app import App
from antiphon.app.local_job import LocalJob
from antiphon.app.local_room import LocalRoom
from antiphon.cli.choosing import Choice
from antiphon.cli.summary import show_summary
from antiphon.cli.transcript import Style, Transcript
from antiphon.errors import ProviderUnavailable
from antiphon.events import ConversationItemAdded
from antiphon.registry import Registry, default_registry
from antiphon.transports import WavTransport

from .agents import STT, VAD, BillingAgent, Caller, CustomerServiceAgent, IntakeAgent
from .caller import LINES, spoken_script
from .typed import TypedCaller

if TYPE_CHECKING:
    from antiphon.app.job import JobContext
    from antiphon.cli.calling import Call
    from antiphon.provider import SlotName
    from antiphon.transport import Transport

_LLM = "rules"
_TTS = "espeak"
_SAMPLE_RATE = 22050
"""Of the recording: that of the agents' voices, so that a reply is not converted on its way."""


class DemoCall:
    """One call of the demo.

    Raises `ProviderUnavailable` when something is missing that it cannot do without. Without the
    recogniser the caller types.
    """

    def __init__(
        self,
        *,
        voice: str,
        typed: bool,
        output: Path,
        style: Style = "auto",
        registry: Registry | None = None,
    ) -> None:
        self.registry = registry or default_registry()
        self.transcript = Transcript(style=style, caller="caller")
        self.why_typed = "" if typed else _why_typed(self.registry)
        self.typed = typed or bool(self.why_typed)
        self._voice = voice
        self._output = output
        self._session: AgentSession[Caller] | None = None
        require(self.registry, [_LLM, _TTS] if self.typed else [_LLM, _TTS, VAD])

    @property
    def models(self) -> dict[SlotName, str]:
        """The model strings of the call, by slot."""
        spoken: dict[SlotName, str] = {} if self.typed else {"stt": STT, "vad": VAD}
        return {**spoken, "llm": _LLM, "tts": _TTS}

    def introduce(self) -> None:
        """Says in a line what is about to be heard, and what stands in for what."""
        names = self.models
        stand_ins = {
            slot: stand_in
            for slot, name in names.items()
            if (stand_in := self.registry.describe(name).stand_in)
        }
        honest = Choice(names, stand_ins, (), ()).honest_sentence()
        how = "typing" if self.typed else f"recorded, voice '{self._voice}'"
        if self.why_typed:
            self.transcript.note(f"{self.why_typed}; so the caller types")
        self.transcript.note(
            f"a caller ({how}) and three agents; {honest}; to talk yourself: antiphon talk"
        )

    async def prepare(self, call: Call, *, live: bool) -> LocalJob:
        """The job, ready to be run; `live`: the transcript is shown as it happens."""
        # The workers first: they start while the rest is imported.
        hearing = [] if self.typed else [STT, VAD]
        agents = [IntakeAgent, CustomerServiceAgent, BillingAgent]
        app = App(name="demo", prewarm=[*hearing[:1], *agents, *hearing[1:]])

        @app.session
        async def start(ctx: JobContext) -> None:
            session = AgentSession[Caller](
                stt=None if self.typed else STT,
                vad=None if self.typed else VAD,
                userdata=Caller(),
            )
            await session.start(agent=IntakeAgent(), room=ctx.room)

        def on_session(session: AgentSession[Any]) -> None:
            self._session = session
            call.follow(session)
            if live:
                self.transcript.attach(session)

        return LocalJob(
            app,
            room=LocalRoom(self._transport(), name="demo"),
            registry=self.registry,
            on_session=on_session,
        )

    def _transport(self) -> Transport:
        if self.typed:
            return TypedCaller(LINES, self._output, sample_rate=_SAMPLE_RATE)
        script = spoken_script(self._voice)
        return WavTransport(script=script, output=self._output, sample_rate=_SAMPLE_RATE)

    def show_end(self, report: Mapping[str, Any], *, transcript: bool) -> None:
        """Shows what is known when the call is over; `transcript`: all that was said, too."""
        if transcript and self._session is not None:
            for item in self._session.history:
                self.transcript.show(ConversationItemAdded(item=item, at=item.created_at or 0.0))
        show_summary(report)
        shares = [turn["framework"] * 1000 for turn in report["turns"]]
        if shares:
            self.transcript.note(
                f"of each turn the framework itself took {statistics.median(shares):.1f} ms "
                f"(median; {max(shares):.1f} ms at most)"
            )


def _why_typed(registry: Registry) -> str:
    """Why nothing can be recognised here; empty when it can."""
    ready = registry.readiness(STT)
    return "" if ready.state == "ready" else ready.detail


def require(registry: Registry, names: list[str]) -> None:
    """Raises `ProviderUnavailable`, with the command to run, unless all of these can be used."""
    missing: list[str] = []
    details: list[str] = []
    for name in names:
        ready = registry.readiness(name)
        if ready.state == "needs extra":
            missing.append(name)
        if ready.state != "ready":
            details.append(ready.detail)
    if len(missing) < 2 and details:
        raise ProviderUnavailable(details[0])
    if missing:
        setup = [name for name in missing if "antiphon[" not in registry.describe(name).install]
        then = "".join(f", then: antiphon setup {name}" for name in setup)
        raise ProviderUnavailable(
            f"the demo needs the extras {' and '.join(missing)}; "
            f'run: pip install "antiphon[demo]"{then}'
        )
