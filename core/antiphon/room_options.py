"""What of a room a session uses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from .errors import SettingError
from .options import options_of

Part: TypeAlias = bool | Mapping[str, Any] | None
"""On, off, on with the options of the room's transport, or as that transport has it by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomOptions:
    """What of a room a session uses: `session.start(room=…, room_options=RoomOptions(…))`.

    Accepted under every transport, so that one program runs under all. Only the transport of a room
    on a server acts on them: it finds them as `session.room_options`.
    """

    text_input: Part = None
    """Text that the user types."""
    audio_input: Part = None
    """The user's voice."""
    video_input: Part = None
    """The user's picture."""
    audio_output: Part = None
    """The agent's voice."""
    text_output: Part = None
    """Transcripts of both."""
    participant_identity: str | None = None
    """Whom to listen to; None: the first who comes."""
    participant_kinds: Sequence[int] | None = None
    """The kinds of participants who count as users, by the server's numbers."""
    close_on_disconnect: bool = True
    """Whether the session ends when that participant leaves."""
    delete_room_on_close: bool = False
    """Whether the room ends with the session."""

    def __post_init__(self) -> None:
        for name in ("text_input", "audio_input", "video_input", "audio_output", "text_output"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, bool | Mapping):
                raise SettingError(
                    f"RoomOptions({name}={value!r}) is none of True, False or a dict of options"
                )

    @classmethod
    def of(cls, value: RoomOptions | Mapping[str, Any] | None) -> RoomOptions:
        """From the object itself, from a dict with the same keys, or from None.

        Raises `SettingError` for anything else, and for a key that is no option.
        """
        return options_of(cls, value, name="room_options")
