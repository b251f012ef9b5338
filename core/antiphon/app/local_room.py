"""`LocalRoom`: what a job gets for a room when its caller is not in one."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..clock import new_id
from ..errors import ConfigurationError, TransportError, did_you_mean
from ..transport import Sink, Transport, TransportCapabilities

AGENT = "agent"
"""The identity of the local participant."""
CALLER = "caller"
"""The identity of the one remote participant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcInvocationData:
    """A remote procedure call, as its handler gets it."""

    request_id: str
    caller_identity: str
    payload: str
    response_timeout: float
    """Seconds that the caller waits."""


RpcHandler: TypeAlias = Callable[[RpcInvocationData], Awaitable[str] | str]


class Participant:
    """Somebody in a room: the agent, or the caller."""

    def __init__(self, room: LocalRoom, identity: str) -> None:
        self._room = room
        self._identity = identity
        self._attributes: dict[str, str] = {}
        self._methods: dict[str, RpcHandler] = {}

    @property
    def identity(self) -> str:
        """Unique in the room."""
        return self._identity

    @property
    def name(self) -> str:
        """The same as `identity`."""
        return self._identity

    @property
    def attributes(self) -> dict[str, str]:
        """Text by name; a copy: `set_attributes` changes them."""
        return dict(self._attributes)

    async def set_attributes(self, attributes: Mapping[str, str]) -> None:
        """Adds attributes, or changes them; an empty text takes one away.

        The room's listeners get `participant_attributes_changed(changed, participant)`. Raises
        `ConfigurationError` unless names and values are text.
        """
        for name, value in attributes.items():
            if not isinstance(name, str) or not isinstance(value, str):
                raise ConfigurationError(
                    f"attribute {name!r} is {value!r}; names and values are text"
                )
        changed = {
            name: value
            for name, value in attributes.items()
            if self._attributes.get(name, "") != value
        }
        for name, value in changed.items():
            if value:
                self._attributes[name] = value
            else:
                self._attributes.pop(name, None)
        if changed:
            self._room.emit("participant_attributes_changed", changed, self)

    def register_rpc_method(self, method: str, handler: RpcHandler | None = None) -> Any:
        """Answers calls of `method` by others in the room; without `handler` a decorator.

        The handler takes an `RpcInvocationData` and returns text. A later one takes its place.
        """
        if handler is None:

            def register(function: RpcHandler) -> RpcHandler:
                self._methods[method] = function
                return function

            return register
        self._methods[method] = handler
        return handler

    def unregister_rpc_method(self, method: str) -> None:
        """Answers it no more; harmless when it was not registered."""
        self._methods.pop(method, None)

    async def perform_rpc(
        self,
        *,
        destination_identity: str,
        method: str,
        payload: str = "",
        response_timeout: float = 10.0,
    ) -> str:
        """Calls a method of another participant, within this process, and returns its answer.

        Raises `TransportError` when there is no such participant or method, when the handler fails
        (its error is the cause), and when it takes longer than `response_timeout` seconds.
        """
        other = self._room.participant(destination_identity)
        handler = other._methods.get(method)
        if handler is None:
            known = ", ".join(sorted(other._methods)) or "none"
            raise TransportError(
                f"participant {destination_identity!r} has no method {method!r} (it has: {known})"
                + did_you_mean(method, other._methods)
            )
        call = RpcInvocationData(
            request_id=new_id("rpc"),
            caller_identity=self._identity,
            payload=payload,
            response_timeout=response_timeout,
        )
        timeout = asyncio.timeout(response_timeout)
        try:
            async with timeout:
                answer = handler(call)
                if inspect.isawaitable(answer):
                    answer = await answer
        except TransportError:
            raise
        except Exception as error:
            if timeout.expired():
                raise TransportError(
                    f"method {method!r} of participant {destination_identity!r} gave no answer "
                    f"within {response_timeout:g} s"
                ) from error
            raise TransportError(
                f"method {method!r} of participant {destination_identity!r} failed: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(answer, str):
            raise TransportError(
                f"method {method!r} of participant {destination_identity!r} answered {answer!r}; "
                "it has to return text"
            )
        return answer

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._identity!r})"


class _NoLine(Transport):
    """A transport that brings nothing and takes nothing."""

    capabilities = TransportCapabilities(audio_in=False, audio_out=False)

    async def start(self, sink: Sink) -> None:
        pass

    async def aclose(self) -> None:
        pass


class LocalRoom:
    """One agent and one caller in this process, connected by a transport.

    `session.start(room=…)` takes it, by its `transport`. It answers to what code written for a
    server's rooms asks of one, as far as one process can.
    """

    def __init__(
        self, transport: Transport | None = None, *, name: str = "local", metadata: str = ""
    ) -> None:
        self.transport = transport or _NoLine()
        """Carries the call; without one the program itself is the only caller there can be."""
        self.name = name
        self.metadata = metadata
        self.local_participant = Participant(self, AGENT)
        """The agent's side."""
        self.remote_participants: dict[str, Participant] = {CALLER: Participant(self, CALLER)}
        """The caller, by identity."""
        self._connected = False
        self._listeners: dict[str, list[Callable[..., object]]] = {}

    @property
    def sid(self) -> str:
        """The same as `name`."""
        return self.name

    def isconnected(self) -> bool:
        """Whether `connect` has been called, and `disconnect` not."""
        return self._connected

    async def connect(self) -> None:
        """Marks the room as connected; harmless when repeated."""
        if not self._connected:
            self._connected = True
            self.emit("connected")

    async def disconnect(self) -> None:
        """The opposite, told to the listeners as `disconnected`; harmless when repeated."""
        if self._connected:
            self._connected = False
            self.emit("disconnected", "job_shutdown")

    def participant(self, identity: str) -> Participant:
        """The participant of that identity. Raises `TransportError` when there is none."""
        everybody = {AGENT: self.local_participant, **self.remote_participants}
        found = everybody.get(identity)
        if found is None:
            raise TransportError(
                f"no participant {identity!r} is in the room {self.name!r} "
                f"(there are: {', '.join(everybody)}){did_you_mean(identity, everybody)}"
            )
        return found

    def on(self, event: str, listener: Callable[..., object] | None = None) -> Any:
        """Subscribes to an event, as a call or as a decorator.

        This room has `connected`, `disconnected` and `participant_attributes_changed`; others may
        be subscribed to and do not happen here.
        """
        if listener is None:

            def subscribe(function: Callable[..., object]) -> Callable[..., object]:
                return self.on(event, function)  # type: ignore[no-any-return]

            return subscribe
        self._listeners.setdefault(event, []).append(listener)
        return listener

    def off(self, event: str, listener: Callable[..., object]) -> None:
        """Unsubscribes. Raises `ValueError` when it was not subscribed."""
        if listener not in self._listeners.get(event, ()):
            raise ValueError(f"nobody of that name listens to {event!r} of the room {self.name!r}")
        self._listeners[event].remove(listener)

    def emit(self, event: str, *args: object) -> None:
        """Calls the listeners of an event, in order of subscription."""
        for listener in tuple(self._listeners.get(event, ())):
            listener(*args)

    def __repr__(self) -> str:
        return f"LocalRoom({self.name!r})"
