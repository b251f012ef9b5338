"""The caller of the demo: what it says and when, recorded in two voices.

The recordings are rendered by Debian's `flite`, one per line, 16 kHz mono, without a silence at the
end: `flite -voice slt -t "My name is Alice Walker." -o caller/slt/name.wav`, and so on. `python
tests/providers/demo/render_caller.py` renders them all again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from antiphon.transports import Utterance
from antiphon.transports.script import After

VOICES = ("slt", "rms")
"""A woman's and a man's."""

_RECORDINGS = Path(__file__).with_name("caller")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that the caller says."""

    name: str
    """Of its recordings."""
    text: str
    """What is said: rendered, or typed as it stands here."""
    after: After = "agent_silent"
    """The moment that it waits for: see `Utterance`."""
    delay: float = 0.4
    """Seconds from that moment."""

    def recording(self, voice: str) -> Path:
        """Its WAV file in one of the `VOICES`."""
        return _RECORDINGS / voice / f"{self.name}.wav"


LINES = (
    Line("name", "Hello, my name is Alice Walker."),
    Line("age", "I am thirty four years old."),
    Line("bill", "I have a question about my bill."),
    Line("invoice", "What is the status of invoice four zero one seven?"),
    Line(
        "barge_in",
        "No, wait, I meant invoice four zero one eight.",
        after="agent_speaking",
        delay=3.6,
    ),
    Line("thanks", "Thank you, that is all."),
    Line("goodbye", "Goodbye."),
)
"""The whole call, from the first word to the last; the barge-in is the fifth."""


def spoken_script(voice: str) -> Sequence[Utterance]:
    """The call as a script of recordings in that voice."""
    return [Utterance(line.recording(voice), line.after, line.delay) for line in LINES]
