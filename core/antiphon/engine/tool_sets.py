"""Tool sets: set up beside the conversation, read at every step, closed with the session."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary, WeakSet

from ..scopes import current_scope
from ..tools import Tool, Toolset, collect_tools, merge_tools, tool_entries, tool_sets
from .shown_context import all_tools

if TYPE_CHECKING:
    from ..agent import Agent
    from .conversation import Conversation

CLOSE = 5.0
"""Seconds that a set has to close, and that calls of a dropped one have to end before."""

_Entries: TypeAlias = "tuple[Tool | Toolset, ...]"


class _State(Enum):
    OPENING = auto()
    READY = auto()
    FAILED = auto()


class _Member:
    """A set as one session has it."""

    __slots__ = ("error", "held", "state", "task", "where")

    def __init__(self, where: str) -> None:
        self.where = where
        """Whose it is, for messages."""
        self.state = _State.OPENING
        self.task: asyncio.Task[None] | None = None
        self.error: BaseException | None = None
        self.held = True
        """Counts among the users of the set."""


class _Kept:
    """What was merged for an agent, and from what."""

    __slots__ = ("source", "tools")

    def __init__(self, source: Any, tools: dict[str, Tool]) -> None:
        self.source = source
        self.tools = tools


class ToolSets:
    """The sets of a session's agents, and its own."""

    def __init__(self, conversation: Conversation, tools: Iterable[Any]) -> None:
        self._c = conversation
        self._members: dict[Toolset, _Member] = {}
        self._agents: WeakSet[Agent] = WeakSet()
        self._closing: list[asyncio.Task[None]] = []
        self._kept: WeakKeyDictionary[Agent, _Kept] = WeakKeyDictionary()
        self._told: set[str] = set()
        self._began = False
        self._entries: _Entries = ()
        self._sets: tuple[Toolset, ...] = ()
        self._shared: dict[str, Tool] = {}
        self._take(tools)

    def _take(self, tools: Iterable[Any]) -> None:
        tools = list(tools)
        self._shared = collect_tools(tools)
        self._entries = tool_entries(tools)
        self._sets = tool_sets(self._entries)

    # What may be called

    def tools_of(self, agent: Agent) -> dict[str, Tool]:
        """What an agent may call now: its own tools and the session's, without those of sets that
        are not ready."""
        if not agent._tool_sets and not self._sets:
            return all_tools(agent, self._shared)
        own, shared = agent._tool_entries, self._entries
        source = (own, shared, tuple(map(self._tools_in, (*agent._tool_sets, *self._sets))))
        kept = self._kept.get(agent)
        if kept is not None and kept.source == source:
            return kept.tools
        mine, wrong = merge_tools(own, self._is_ready)
        theirs, more = merge_tools(shared, self._is_ready)
        for error in (*wrong, *more):
            if str(error) not in self._told:
                self._told.add(str(error))
                self._c.post(self._c.report_error, error, "tool", True, agent.id)
        tools = {**theirs, **mine}
        self._kept[agent] = _Kept(source, tools)
        return tools

    def _tools_in(self, tool_set: Toolset) -> tuple[Tool, ...]:
        return tuple(tool_set.tools) if self._is_ready(tool_set) else ()

    def _is_ready(self, tool_set: Toolset) -> bool:
        member = self._members.get(tool_set)
        return member is not None and member.state is _State.READY

    # Opening

    def open_for(self, agent: Agent) -> None:
        """Sets up what an agent is about to need; its tools come when they are ready."""
        if not agent._tool_sets:
            return
        self._agents.add(agent)
        for tool_set in agent._tool_sets:
            self._open(tool_set, f"agent {agent.id!r}")

    def open_first(self, agent: Agent) -> None:
        """At the start of the session: its own sets, and those of the first agent."""
        for tool in self._shared.values():
            prepare = getattr(tool, "prepare", None)
            if prepare is not None:
                prepare()
        for tool_set in self._sets:
            self._open(tool_set, "the session")
        self.open_for(agent)

    async def opened(self) -> None:
        """Waits until everything that is being set up is. Raises the first error of it."""
        await self._until_open(list(self._members))
        self._began = True

    async def _until_open(self, sets: Iterable[Toolset]) -> None:
        members = [self._members[each] for each in sets if each in self._members]
        tasks = [member.task for member in members if member.task is not None]
        if tasks:
            await asyncio.wait(tasks)
        for member in members:
            if member.error is not None:
                raise member.error

    def share(self, tools: list[Any]) -> None:
        """Other tools for every agent; sets among them are set up beside the conversation."""
        collect = collect_tools(tools)
        for tool in collect.values():
            prepare = getattr(tool, "prepare", None)
            if prepare is not None:
                prepare()
        self._take(tools)
        for tool_set in self._sets:
            self._open(tool_set, "the session")
        self._drop_unused()

    async def changed(self, agent: Agent) -> None:
        """An agent has other tools: waits for its new sets, and closes those that nobody has."""
        self.open_for(agent)
        self._drop_unused()
        await self._until_open(agent._tool_sets)

    def _open(self, tool_set: Toolset, where: str) -> None:
        member = self._members.get(tool_set)
        if member is not None and member.state is not _State.FAILED:
            return
        member = self._members[tool_set] = _Member(where)
        try:
            use = _acquire(tool_set)
        except RuntimeError as error:
            member.held = False
            member.state = _State.FAILED
            member.error = error
            if self._began:
                self._c.post(self._c.report_error, error, "tool", True, tool_set.id)
            return
        if use.task is None:
            member.state = _State.READY
            return
        member.task = _task(self._wait_for(tool_set, member, use), f"set-up of {tool_set.id}")

    async def _wait_for(self, tool_set: Toolset, member: _Member, use: _Use) -> None:
        assert use.task is not None
        await asyncio.wait({use.task})  # which goes on for others when this one is cancelled
        error: BaseException | None = None
        if use.task.cancelled():
            error = RuntimeError(f"the set-up of tool set {tool_set.id!r} was cancelled")
        else:
            error = use.task.exception()
        if error is None:
            self._c.post(self._became, member, _State.READY)
            return
        member.error = error
        error.add_note(f"in the set-up of tool set {tool_set.id!r} of {member.where}")
        self._c.post(self._became, member, _State.FAILED)
        if self._began:
            self._c.post(self._c.report_error, error, "tool", True, tool_set.id)
        await self._let_go(tool_set, member)

    @staticmethod
    def _became(member: _Member, state: _State) -> None:
        member.state = state

    async def _let_go(self, tool_set: Toolset, member: _Member) -> None:
        if member.held:
            member.held = False
            await _release(tool_set, self._c.log.warning)

    # Closing

    def _drop_unused(self) -> None:
        held = {tool_set for agent in self._agents for tool_set in agent._tool_sets}
        held.update(self._sets)
        for tool_set in list(self._members):
            if tool_set not in held:
                member = self._members.pop(tool_set)
                self._closing.append(
                    _task(self._close(tool_set, member, wait=True), f"close of {tool_set.id}")
                )

    async def _close(self, tool_set: Toolset, member: _Member, *, wait: bool) -> None:
        if member.task is not None and not member.task.done():
            member.task.cancel()
            await asyncio.wait({member.task})
        if wait:
            tools = set(tool_set.tools)
            calls = [
                call.task
                for call in self._c.tool_calls.running.values()
                if call.tool in tools and call.task is not None
            ]
            if calls:
                await asyncio.wait(calls, timeout=CLOSE)
        await self._let_go(tool_set, member)

    async def aclose(self) -> None:
        """Closes every set, all at once, and those that are being closed; each has its bound."""
        members, self._members = self._members, {}
        closing = [
            *self._closing,
            *(
                _task(self._close(tool_set, member, wait=False), f"close of {tool_set.id}")
                for tool_set, member in reversed(members.items())
            ),
        ]
        self._closing = []
        if closing:
            await asyncio.wait(closing)


# Sets may be given to several sessions; what counts is the object.


class _Use:
    __slots__ = ("closing", "count", "loop", "task")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.count = 0
        self.task: asyncio.Task[None] | None = None
        """Its set-up; None where there is nothing to set up."""
        self.closing: asyncio.Task[None] | None = None


_uses: WeakKeyDictionary[Toolset, _Use] = WeakKeyDictionary()


def _acquire(tool_set: Toolset) -> _Use:
    use = _uses.get(tool_set)
    if use is None or (use.loop.is_closed() and use.loop is not asyncio.get_running_loop()):
        use = _uses[tool_set] = _Use()
    if use.loop is not asyncio.get_running_loop():
        raise RuntimeError(
            f"tool set {tool_set.id!r} is in use on another event loop; make a new one for this one"
        )
    failed = use.task is not None and use.task.done() and _failed(use.task)
    first = use.count == 0
    use.count += 1
    if first or failed:
        use.task = None
        if type(tool_set).setup is not Toolset.setup or "setup" in vars(tool_set):
            use.task = _task(_set_up(tool_set, use.closing), f"{tool_set.id}.setup")
    return use


def _failed(task: asyncio.Task[None]) -> bool:
    return task.cancelled() or task.exception() is not None


async def _set_up(tool_set: Toolset, closing: asyncio.Task[None] | None) -> None:
    if closing is not None and not closing.done():
        await asyncio.wait({closing})
    await tool_set.setup()


async def _release(tool_set: Toolset, warn: Callable[..., None]) -> None:
    use = _uses.get(tool_set)
    if use is None or use.count == 0:
        return
    use.count -= 1
    if use.count:
        return
    setting_up = use.task if use.task is not None and not use.task.done() else None
    if setting_up is not None:
        setting_up.cancel()
    use.task = None
    use.closing = _task(_shut(tool_set, setting_up), f"{tool_set.id}.aclose")
    done, pending = await asyncio.wait({use.closing}, timeout=CLOSE)
    if pending:
        warn("tool set %r did not close within %g s", tool_set.id, CLOSE)
        use.closing.cancel()
        _, pending = await asyncio.wait({use.closing}, timeout=1.0)
    for task in done:
        if not task.cancelled() and task.exception() is not None:
            warn("tool set %r failed to close: %r", tool_set.id, task.exception())
    if not use.count:
        _uses.pop(tool_set, None)


async def _shut(tool_set: Toolset, setting_up: asyncio.Task[None] | None) -> None:
    if setting_up is not None:
        await asyncio.wait({setting_up})
    await tool_set.aclose()


def _task(coroutine: Any, name: str) -> asyncio.Task[None]:
    # Not within the scope of a tool or hook that happened to bring it about.
    context = contextvars.copy_context()
    context.run(current_scope.set, None)
    return asyncio.get_running_loop().create_task(coroutine, name=name, context=context)
