"""The hooks of antiphon, for plugins of the entry-point groups `antiphon.providers` and
`antiphon.plugins`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import typer

    from .provider import Provider
    from .session import AgentSession
    from .transport import Transport

PROJECT = "antiphon"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class ProviderHooks:
    """The hook of the group `antiphon.providers`."""

    @hookspec
    def antiphon_provider(self) -> Provider:  # type: ignore[empty-body]
        """Describes the provider. Called when its name is first used; must import no SDK."""


class PluginHooks:
    """The hooks of the group `antiphon.plugins`."""

    @hookspec
    def antiphon_session_started(self, session: AgentSession[Any]) -> None:
        """A session has started; observers subscribe to its events here."""

    @hookspec(firstresult=True)
    def antiphon_transport(self, target: object) -> Transport | None:
        """The transport for an object given as `room=`, or None when it is not this plugin's."""

    @hookspec
    def antiphon_cli(self, app: typer.Typer) -> None:
        """Adds commands to the command line."""
