"""Who listens to a session's events."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from typing import Any, TypeVar, overload

from .clock import real_time
from .errors import did_you_mean

SLOW = 0.005
"""Seconds of real time from which a listener is named in the log: it holds up every call of the
loop."""

log = logging.getLogger("antiphon.session")

Listener = Callable[[Any], object]
ListenerT = TypeVar("ListenerT", bound=Listener)


class Listeners:
    """Callbacks by event name; `"*"` gets every event."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[Listener]] = {}

    def add(self, name: str, listener: Listener) -> None:
        """Subscribes. Raises what `check` raises."""
        self.check(name, listener)
        self._listeners.setdefault(name, []).append(listener)

    @staticmethod
    def check(name: str, listener: Listener) -> None:
        """Raises `ValueError` for an unknown name, `TypeError` for an `async def`."""
        from .events import EVENTS

        names = [event.name for event in EVENTS]
        if name != "*" and name not in names:
            raise ValueError(
                f"a session has no event {name!r} (it has: {', '.join(sorted(names))})"
                + did_you_mean(name, names)
            )
        call = getattr(listener, "__call__", None)  # noqa: B004 - is it an `async def`?
        if inspect.iscoroutinefunction(listener) or inspect.iscoroutinefunction(call):
            raise TypeError(
                f"the listener {_name(listener)} for {name!r} is an `async def`; give a plain "
                "function that starts a task: `asyncio.create_task(…)`"
            )

    def remove(self, name: str, listener: Listener) -> None:
        """Unsubscribes. Raises `ValueError` when it was not subscribed."""
        listeners = self._listeners.get(name, [])
        if listener not in listeners:
            raise ValueError(f"{_name(listener)} does not listen to {name!r}")
        listeners.remove(listener)

    def wants(self, name: str) -> bool:
        """Whether anybody listens to that event."""
        return bool(self._listeners.get(name) or self._listeners.get("*"))

    def asked_for(self, name: str) -> bool:
        """Whether anybody listens to that event by its name."""
        return bool(self._listeners.get(name))

    def deliver(self, event: Any) -> list[tuple[Listener, Exception]]:
        """Calls the listeners in order of subscription; returns what they raised."""
        failures: list[tuple[Listener, Exception]] = []
        name = event.name
        listeners = self._listeners.get(name, ())
        everything = self._listeners.get("*", ())
        if not listeners and not everything:
            return failures
        for listener in (*listeners, *everything):
            began = real_time()
            try:
                listener(event)
            except Exception as error:
                log.exception("the listener %s of %r failed", _logged_name(listener), name)
                if name != "error":
                    failures.append((listener, error))
            took = real_time() - began
            if took > SLOW and not asyncio.get_running_loop().get_debug():
                log.info(
                    "the listener %s of %r took %.0f ms; move the work to a task or thread",
                    _logged_name(listener),
                    name,
                    took * 1000,
                )
        return failures


def _name(listener: Listener) -> str:
    return getattr(listener, "__qualname__", repr(listener))


def _logged_name(listener: Listener) -> str:
    # Not its repr: that of a `partial` shows the values it was given.
    return getattr(listener, "__qualname__", type(listener).__qualname__)


class EventSource:
    """What has events to listen to."""

    def __init__(self) -> None:
        self._listeners = Listeners()

    @overload
    def on(self, event: str) -> Callable[[ListenerT], ListenerT]: ...

    @overload
    def on(self, event: str, listener: ListenerT) -> ListenerT: ...

    def on(self, event: str, listener: Any = None) -> Any:
        """Subscribes to an event, as a call or as a decorator; `"*"` gets them all.

        Raises `ValueError` for an unknown name and `TypeError` for an `async def`.
        """
        if listener is None:

            def subscribe(function: Any) -> Any:
                self._listeners.add(event, function)
                return function

            return subscribe
        self._listeners.add(event, listener)
        return listener

    def once(self, event: str, listener: Listener) -> None:
        """Subscribes to the next event of that name only."""

        def only(value: Any) -> None:
            self._listeners.remove(event, only)
            listener(value)

        self._listeners.check(event, listener)
        self._listeners.add(event, only)

    def off(self, event: str, listener: Listener) -> None:
        """Unsubscribes. Raises `ValueError` when it was not subscribed."""
        self._listeners.remove(event, listener)
