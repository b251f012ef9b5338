"""Filling the slots: from what users wrote to built and loaded objects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary, WeakSet

from ..agent import lineage
from ..clock import real_time
from ..errors import AntiphonError, ProviderError, SlotMissing
from ..model import Model
from ..overriding import slot_override
from ..provider import SlotName
from ..slot import BuiltSlot
from ..stt import BatchSTT
from ..tts import WholeTextTTS

if TYPE_CHECKING:
    from ..agent import Agent

SLOTS: tuple[SlotName, ...] = ("stt", "llm", "tts", "vad", "turn_detector")

log = logging.getLogger("antiphon.session")


_loaded: WeakSet[Any] = WeakSet()
"""Slots are shared by the sessions of a process: each is loaded once."""


NOTICEABLE = 0.05
"""Seconds that a slot may take to load in mid-call before a warning says so."""


class Builder(Protocol):
    """What is needed of the registry."""

    def build(self, model: str | Model, slot: SlotName) -> Any: ...

    def check(self, model: str | Model, slot: SlotName) -> Any: ...

    def call_settings(self, slot: Any, overrides: Mapping[str, Any]) -> Mapping[str, Any]: ...

    def origin(self, slot: Any) -> Any: ...


class _Filled:
    __slots__ = ("label", "live", "object", "provider", "works")

    def __init__(
        self, object: Any, label: str, provider: str, live: Mapping[str, Any] | None = None
    ) -> None:
        self.object = object
        self.live = live or {}
        """Settings that have changed since it was built, for this session."""
        self.label = label
        self.provider = provider
        self.works = _has_work(object)
        """There is something to load or to warm up."""

    @property
    def loaded(self) -> bool:
        """Whether nothing is left to be done before its first use."""
        return not self.works or self.object in _loaded


class Slots:
    """Resolves slots: an agent's own, else the session's. Every value is built once."""

    def __init__(self, registry: Builder | None, session: Mapping[SlotName, Any]) -> None:
        self._registry = registry
        self._session = dict(session)
        self._override = slot_override.get()
        self.in_use: tuple[SlotName, ...] = SLOTS
        """Those that the transport leaves anything to do: only they are loaded."""
        self._filled: dict[tuple[SlotName, Any], _Filled] = {}
        self._latest: Agent | None = None
        self._of_latest: dict[SlotName, _Filled | None] = {}
        """Those of the agent that was asked for last: a hand-off asks twenty times."""
        self._by_agent: WeakKeyDictionary[Agent, dict[SlotName, _Filled | None]] = (
            WeakKeyDictionary()
        )

    def changed(self, agent: Agent) -> None:
        """Forgets what was resolved for an agent whose slots have been changed."""
        self._latest = None
        self._by_agent.clear()  # tasks inherit from the agent that awaits them

    def get(self, agent: Agent, slot: SlotName) -> Any:
        """The built slot, or None when the agent has none."""
        filled = self._resolve(agent, slot)
        return None if filled is None else filled.object

    def need(self, agent: Agent, slot: SlotName) -> Any:
        """The built slot. Raises `SlotMissing` that names both places."""
        built = self.get(agent, slot)
        if built is None:
            raise self.missing(agent, slot)
        return built

    def missing(self, agent: Agent, slot: SlotName) -> SlotMissing:
        """The error for a slot that is needed and not filled."""
        if slot in agent._slots and agent._slots[slot] is None:
            return SlotMissing(
                f"agent {agent.id!r} was given {slot}=None, but a reply needs it; leave it out "
                "to take the session's"
            )
        return SlotMissing(
            f"agent {agent.id!r} has no {slot}, and neither has its session; give one of them: "
            f'Agent({slot}="…") or AgentSession({slot}="…")'
        )

    def label(self, agent: Agent, slot: SlotName) -> str:
        """The model string of a slot, or the name of the class of an object."""
        filled = self._resolve(agent, slot)
        return "none" if filled is None else filled.label

    def provider(self, agent: Agent, slot: SlotName) -> str:
        """The provider's name."""
        filled = self._resolve(agent, slot)
        return "none" if filled is None else filled.provider

    def call_settings(
        self, agent: Agent, slot: SlotName, overrides: Mapping[str, Any]
    ) -> Mapping[str, Any] | None:
        """Settings for one call, checked against the provider's declaration where there is one."""
        filled = self._resolve(agent, slot)
        if filled is None or not (overrides or filled.live):
            return None
        overrides = {**filled.live, **overrides}
        if self._registry is None:
            return overrides
        return self._registry.call_settings(filled.object, overrides)

    def built_settings(self, built: Any) -> Mapping[str, Any]:
        """The settings that a slot was built with, as a call would get them."""
        return {} if self._registry is None else self._registry.call_settings(built, {})

    def live(self, agent: Agent, slot: SlotName) -> Mapping[str, Any]:
        """The settings of a slot that have changed since it was built, for this agent."""
        filled = self._resolve(agent, slot)
        return {} if filled is None else filled.live

    def retune(self, agent: Agent) -> None:
        """An agent's slots have been changed. Where only live settings differ from what it has, the
        built slot stays, and takes them on from its next call."""
        before = self._by_agent.get(agent, {})
        self.changed(agent)
        for slot, filled in before.items():
            value = self._value(agent, slot)
            if filled is None or not isinstance(value, str | Model):
                continue
            if (slot, value) in self._filled or self._registry is None:
                continue
            if type(filled.object).reconfigure is BuiltSlot.reconfigure:
                continue
            origin = self._registry.origin(filled.object)
            if origin is None:
                continue
            from ..registry.live import live_changes

            (wanted,) = self._registry.check(value, slot)
            live = live_changes(origin, wanted)
            if live is not None:
                label = value if isinstance(value, str) else value.string
                tuned = _Filled(filled.object, label, filled.provider, live)
                self._filled[slot, value] = tuned

    def _resolve(self, agent: Agent, slot: SlotName) -> _Filled | None:
        if agent is not self._latest:
            self._of_latest = self._by_agent.setdefault(agent, {})
            self._latest = agent
        resolved = self._of_latest
        if slot in resolved:
            return resolved[slot]
        value = self._value(agent, slot)
        filled = None if value is None else self._fill(value, slot)
        resolved[slot] = filled
        return filled

    def _value(self, agent: Agent, slot: SlotName) -> Any:
        giver = next((each for each in lineage(agent) if slot in each._slots), None)
        value = self._session.get(slot) if giver is None else giver._slots[slot]
        if self._override is not None and not (value is None and giver is not None):
            value = self._override(slot, value)
        return value

    def resolve_all(self, agent: Agent) -> None:
        """Builds all slots of an agent, and its tools. Raises `ConfigurationError` and its kind."""
        for slot in SLOTS:
            try:
                self._resolve(agent, slot)
            except AntiphonError as error:
                error.add_note(f"needed for the {slot} of agent {agent.id!r}")
                raise
        for tool in agent._tools.values():
            prepare = getattr(tool, "prepare", None)
            if prepare is not None:
                prepare()

    def _fill(self, value: Any, slot: SlotName) -> _Filled:
        if isinstance(value, list | tuple):
            return self._fill(self._first_usable(value, slot), slot)
        key = (slot, value if isinstance(value, str | Model) else id(value))
        filled = self._filled.get(key)
        if filled is None:
            if isinstance(value, str | Model):
                label = value if isinstance(value, str) else value.string
                built = self._builder().build(value, slot)
                filled = _Filled(built, label, label.partition("/")[0])
            else:
                built = _adapted(value)
                name = type(value).__name__
                filled = _Filled(built, name, name)
            self._filled[key] = filled
        return filled

    def _first_usable(self, values: Iterable[Any], slot: SlotName) -> Any:
        errors: list[AntiphonError] = []
        for value in values:
            if not isinstance(value, str | Model):
                return value
            try:
                self._builder().check(value, slot)
            except AntiphonError as error:
                errors.append(error)
            else:
                return value
        raise errors[0]

    def _builder(self) -> Builder:
        if self._registry is None:
            from ..registry import default_registry

            self._registry = default_registry()
        return self._registry

    def any(self) -> bool:
        """Whether the session fills any slot."""
        return any(value is not None for value in self._session.values())

    # Loading

    def unloaded(self, agent: Agent) -> list[Any]:
        """Slots of an agent that are in use, have been built, and not loaded."""
        return [
            filled
            for filled in (self._resolve(agent, slot) for slot in self.in_use)
            if filled is not None and not filled.loaded
        ]

    async def load(self, agent: Agent) -> None:
        """Loads and prewarms the slots of an agent, and the session's own that it does without: the
        next agent may use them. Before the conversation begins."""
        needed = {id(filled): filled for filled in self.unloaded(agent) + self._unloaded_shared()}
        await make_ready((filled.object, filled.label) for filled in needed.values())

    def _unloaded_shared(self) -> list[_Filled]:
        found = []
        for slot in self.in_use:
            value = self._session.get(slot)
            if value is None:
                continue  # what an override would put there, an agent that needs it brings about
            if self._override is not None:
                value = self._override(slot, value)
            if value is None:
                continue
            try:
                filled = self._fill(value, slot)
            except AntiphonError as error:
                error.add_note(f"needed for the {slot} of the session")
                raise
            if not filled.loaded:
                found.append(filled)
        return found

    async def load_late(self, agent: Agent) -> None:
        """The same in mid-call: in threads, while the audio made ahead keeps playing."""
        for filled in self.unloaded(agent):
            began = real_time()
            await asyncio.get_running_loop().run_in_executor(None, filled.object.load)
            _loaded.add(filled.object)
            await _prewarm(filled.object, filled.label)
            took = real_time() - began
            log.log(
                logging.WARNING if took > NOTICEABLE else logging.DEBUG,
                "%s was first used in mid-call and took %.0f ms to load; give it to the session or "
                "to App(prewarm=[…]) to load it at the start",
                filled.label,
                took * 1000,
            )


def _adapted(value: Any) -> Any:
    if isinstance(value, BatchSTT):
        from ..adapters import adapt_stt

        return adapt_stt(value)
    if isinstance(value, WholeTextTTS):
        from ..adapters import adapt_tts

        return adapt_tts(value)
    return value


def _has_work(built: Any) -> bool:
    # Most scripted and in-process slots have nothing to load: no thread and no task for them.
    for kind in type(built).__mro__:
        if kind is BuiltSlot:
            return False
        if "load" in vars(kind) or "prewarm" in vars(kind):
            return True
    return False


async def make_ready(slots: Iterable[tuple[Any, str]]) -> None:
    """Loads and warms up built slots, given with their labels, each once.

    While one warms up, the next is built (where `slots` builds it when asked) and loaded: a worker
    process starts while modules are imported.
    """
    warming: list[asyncio.Task[None]] = []
    try:
        for built, label in slots:
            if built in _loaded:
                continue
            built.load()
            _loaded.add(built)
            warming.append(asyncio.create_task(_prewarm(built, label), name=f"prewarm {label}"))
            # What it opens is opened in a task of its own: that one comes to run as well.
            for _ in range(3):
                await asyncio.sleep(0)
    finally:
        results = await asyncio.gather(*warming, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _prewarm(built: Any, label: str) -> None:
    try:
        await built.prewarm()
    except ProviderError as error:
        # A server that does not answer now may answer when it is needed, with retries.
        if not error.retryable:
            raise
        log.warning("%s could not be warmed up: %s", label, error)
