"""A real call in real time whose worker processes are killed in the middle of it."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path

import pytest

from antiphon import Agent, AgentSession, ChatMessage, Registry
from antiphon.errors import ProviderConnectionError
from antiphon.registry.requirements import missing_packages
from antiphon.subprocesses import Subprocess
from antiphon.testing import ScriptedLLM
from antiphon.transports import Utterance, WavTransport

AUDIO = Path(__file__).parent / "pocketsphinx" / "audio"
QUESTION = "what is the status of invoice 4017"
ANSWER = "Invoice four zero one seven is open."
LONG_ANSWER = (
    "Invoice four zero one seven is open. It was sent on the second of May, and it can be paid "
    "until the end of the month. If you pay later than that, a fee of five dollars is added to "
    "the next one. You can pay at every bank, at the post office, and at our own counters."
)
"""More than a TTS may make ahead of playout, so that some of it is still owed when it is killed."""

_missing = [
    name
    for name in ("espeak", "pocketsphinx", "silero")
    if missing_packages(Registry().describe(name))
    or importlib.util.find_spec("antiphon_providers") is None
]
pytestmark = [
    pytest.mark.real_time,
    pytest.mark.timeout(60),
    pytest.mark.skipif(bool(_missing), reason=f"needs the extra demo; missing: {_missing}"),
]


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(
            instructions="You answer questions about invoices.",
            examples=["what is the status of invoice 4017", "thank you that is all"],
        )


class Call:
    """A spoken call with one question, and the workers that serve it."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, answer: str = ANSWER
    ) -> None:
        self.workers: dict[str, list[Subprocess]] = {}
        self.errors: list[tuple[str, bool, type[BaseException]]] = []
        opened = Subprocess.open.__func__  # type: ignore[attr-defined]

        async def open_and_note(cls: type[Subprocess], module: str, *args: str, **options: object):
            worker = await opened(cls, module, *args, **options)
            self.workers.setdefault(module.split(".")[1], []).append(worker)
            return worker

        monkeypatch.setattr(Subprocess, "open", classmethod(open_and_note))
        self.registry = Registry()
        self.transport = WavTransport(
            script=[Utterance(AUDIO / "invoice-slt.wav", after="start", delay=0.5)],
            output=tmp_path / "call.wav",
        )
        self.session = AgentSession(
            stt="pocketsphinx",
            llm=ScriptedLLM([answer], first_token=0.0, total=0.0),
            tts="espeak/en-us",
            vad="silero",
            registry=self.registry,
        )
        self.session.on(
            "error",
            lambda event: self.errors.append((event.source, event.recoverable, type(event.error))),
        )

    async def end(self) -> list[str]:
        await self.session.aclose()
        await self.registry.aclose()
        return [
            f"{item.role}: {item.text_content}"
            for item in self.session.history
            if isinstance(item, ChatMessage)
        ]


async def reached(session: AgentSession[None], event: str, value: str) -> None:
    """Waits for a state."""
    there = asyncio.get_running_loop().create_future()

    def look(change: object) -> None:
        if getattr(change, "new_state", None) == value and not there.done():
            there.set_result(None)

    session.on(event, look)
    async with asyncio.timeout(20):
        await there


async def answered(session: AgentSession[None]) -> None:
    """Waits until the one turn has been answered to the end."""
    over = asyncio.get_running_loop().create_future()
    session.once("metrics_collected", lambda event: over.set_result(None))
    async with asyncio.timeout(30):
        await over


async def test_no_word_of_the_caller_is_lost_when_the_stt_worker_is_killed(monkeypatch, tmp_path):
    call = Call(monkeypatch, tmp_path)
    speaking = asyncio.create_task(reached(call.session, "user_state_changed", "speaking"))
    over = asyncio.create_task(answered(call.session))
    await call.session.start(agent=Clerk(), transport=call.transport)
    await speaking
    call.workers["pocketsphinx"][0].kill()
    await over
    assert await call.end() == [f"user: {QUESTION}", f"assistant: {ANSWER}"]
    assert call.errors == [("stt", True, ProviderConnectionError)]
    assert len(call.workers["pocketsphinx"]) == 2


async def test_every_word_of_the_agent_is_heard_when_the_tts_worker_is_killed(
    monkeypatch, tmp_path
):
    call = Call(monkeypatch, tmp_path, answer=LONG_ANSWER)
    speaking = asyncio.create_task(reached(call.session, "agent_state_changed", "speaking"))
    over = asyncio.create_task(answered(call.session))
    await call.session.start(agent=Clerk(), transport=call.transport)
    await speaking
    call.workers["espeak"][0].kill()
    await over
    assert await call.end() == [f"user: {QUESTION}", f"assistant: {LONG_ANSWER}"]
    assert call.errors == [("tts", True, ProviderConnectionError)]
    assert len(call.workers["espeak"]) == 2
