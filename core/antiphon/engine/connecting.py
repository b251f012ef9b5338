"""Connecting a session: to what carries it, and to the plugins that observe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import TransportError
from ..registry import Registry, default_registry
from ..transport import Transport

if TYPE_CHECKING:
    from ..session import AgentSession


def transport_for(room: Any, registry: Registry | None) -> Transport | None:
    """The transport that `room` is, has, or is made into by a plugin; None for no room.

    Raises `TransportError` for an object that nobody knows how to connect to.
    """
    if room is None:
        return None
    if isinstance(room, Transport):
        return room
    own = getattr(room, "transport", None)
    if isinstance(own, Transport):
        return own
    plugins = (registry or default_registry()).plugins()
    found = plugins.hook.antiphon_transport(target=room)
    if isinstance(found, Transport):
        return found
    raise TransportError(
        f"no installed plugin makes a transport of {type(room).__name__!r}; "
        "give a Transport, or install the plugin for it"
    )


def announce(session: AgentSession[Any], registry: Registry | None) -> None:
    """Tells the plugins that a session starts."""
    plugins = (registry or default_registry()).plugins()
    plugins.hook.antiphon_session_started(session=session)
