"""Instructions in two wordings: for what is spoken, and for what is written."""

from __future__ import annotations


class Instructions(str):
    """What an agent is told: `Instructions("Speak in short sentences.", text="Use lists.")`.

    A `str`: the wording for spoken conversation. The reply to a typed turn, and what an agent
    without a TTS says, gets `text`, where that is given. Valid wherever instructions are.
    """

    text: str | None
    """The wording for what is written; None: the same."""

    __slots__ = ("text",)

    def __new__(cls, audio: str, *, text: str | None = None) -> Instructions:
        made = super().__new__(cls, audio)
        made.text = text
        return made

    @property
    def audio(self) -> str:
        """The wording for what is spoken, as a plain `str`."""
        return str.__str__(self)

    def for_text(self) -> str:
        """The wording for what is written."""
        return self.audio if self.text is None else self.text

    def __repr__(self) -> str:
        more = "" if self.text is None else f", text={self.text!r}"
        return f"Instructions({str.__repr__(self)}{more})"

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str | None]]:
        return (self.audio,), {"text": self.text}
