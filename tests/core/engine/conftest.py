"""A caller on the line with a session of scripted providers, for the tests of the engine."""

import asyncio

import pytest

from antiphon import Agent, AgentSession
from antiphon.chat import ChatMessage
from antiphon.registry import Registry
from antiphon.streams import Flush
from antiphon.stt import STT, STTCapabilities
from antiphon.testing import Caller, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD


class Talk:
    """`async with Talk(replies=["…"]) as talk:` is a running conversation, closed at the end.

    Slots not given are scripted ones with the latencies of the reference timeline. `log` holds
    every event, in order, with the loop time at which it came.
    """

    def __init__(self, agent=None, *, caller=None, replies=(), **session):
        self.caller = Caller() if caller is None else caller
        self.agent = Agent(instructions="be brief") if agent is None else agent
        self.log = []
        session.setdefault(
            "llm", ScriptedLLM(replies) if isinstance(replies, dict | list) else None
        )
        session.setdefault("stt", ScriptedSTT())
        session.setdefault("vad", ScriptedVAD())
        session.setdefault("tts", ScriptedTTS())
        session.setdefault("registry", Registry(entry_points=(), environ={}))
        self.session = AgentSession(**session)
        self.stt, self.llm, self.tts = session["stt"], session["llm"], session["tts"]
        self.session.on("*", self._note)

    def _note(self, event):
        self.log.append((self.now, event))

    async def __aenter__(self):
        await self.session.start(self.agent, transport=self.caller)
        return self

    async def __aexit__(self, *exc):
        await self.session.aclose()

    @property
    def now(self):
        return round(asyncio.get_running_loop().time(), 6)

    async def until(self, when):
        await self.caller.wait_until(when)

    def events(self, name):
        """The events of one name."""
        return [event for _, event in self.log if event.name == name]

    def at(self, name, **fields):
        """When events of one name and such fields came."""
        return [
            when
            for when, event in self.log
            if event.name == name
            and all(getattr(event, key) == value for key, value in fields.items())
        ]

    @property
    def states(self):
        """When the agent's state changed, and to what."""
        return [(when, e.new_state) for when, e in self.log if e.name == "agent_state_changed"]

    @property
    def user_states(self):
        """When the user's state changed, and to what."""
        return [(when, e.new_state) for when, e in self.log if e.name == "user_state_changed"]

    @property
    def decisions(self):
        """When the floor was decided about, and how."""
        return [(when, e.decision) for when, e in self.log if e.name == "turn_decision"]

    @property
    def errors(self):
        """Source, kind and recoverability of the errors."""
        return [(e.source, type(e.error), e.recoverable) for e in self.events("error")]

    @property
    def messages(self):
        """The messages of the history."""
        return [item for item in self.session.history if isinstance(item, ChatMessage)]

    @property
    def said(self):
        """Who said what, by the history."""
        return [(message.role, message.text_content) for message in self.messages]

    @property
    def heard(self):
        """The agent's words that the caller heard."""
        return self.caller.heard_text()

    @property
    def agent_heard(self):
        """When the caller heard the agent, and what."""
        return [
            (round(entry.start, 6), round(entry.end, 6), entry.text)
            for entry in self.caller.timeline
            if entry.who == "agent"
        ]


class PlannedSTT(STT):
    """Gives the events of `plan`, (loop time, event) each, whatever it hears.

    The n-th `Flush` is answered by the n-th of `answers`: None, or (seconds later, event).
    """

    def __init__(self, plan=(), *, answers=(), **capabilities):
        self.capabilities = STTCapabilities(**capabilities)
        self.plan = plan
        self.answers = answers
        self.flushed = []
        self.calls = 0

    async def transcribe(self, audio, settings=None):
        self.calls += 1
        loop = asyncio.get_running_loop()
        queue = asyncio.Queue()
        timers = [
            loop.call_at(when, queue.put_nowait, event)
            for when, event in self.plan
            if when >= loop.time()
        ]

        async def listen():
            async for item in audio:
                if isinstance(item, Flush):
                    self.flushed.append(round(loop.time(), 6))
                    number = len(self.flushed)
                    answer = self.answers[number - 1] if number <= len(self.answers) else None
                    if answer is not None:
                        timers.append(loop.call_later(answer[0], queue.put_nowait, answer[1]))
            queue.put_nowait(None)

        reader = loop.create_task(listen())
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            for timer in timers:
                timer.cancel()
            reader.cancel()


@pytest.fixture
def planned_stt():
    """Makes an STT that gives planned events at planned times."""
    return PlannedSTT


@pytest.fixture
def talk():
    """Makes a `Talk`; use it as `async with talk(replies=[…]) as t:`."""
    return Talk
