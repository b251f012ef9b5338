"""The script of a caller: what is said, and which moment of the call it waits for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from ..errors import ConfigurationError, did_you_mean
from .playout import Playout
from .wav_file import WavReader

After: TypeAlias = Literal["start", "agent_silent", "agent_speaking"]

_NOISE = 1e-6
"""Seconds by which the clock may be short of an instant that counts as reached."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """Something the caller of a script says, and when."""

    path: str | PathLike[str]
    """A WAV file that `WavReader` can read."""
    after: After = "agent_silent"
    """`"start"`: when the call has begun. `"agent_silent"`: when the agent has spoken since the
    utterance before this one, and has fallen silent. `"agent_speaking"`: while the agent speaks, to
    barge in. Never before the utterance ahead has ended."""
    delay: float = 0.6
    """Seconds from that moment; for the agent, of unbroken silence or speech. A pause of less than
    0.2 seconds does not break speech."""


class Script:
    """A caller's audio, sample by sample, from the utterances and from what the agent is doing.

    The files are checked when the script is made: `AudioError` for one that cannot be read,
    `ConfigurationError` for an utterance that makes no sense.
    """

    def __init__(self, utterances: Sequence[Utterance], *, sample_rate: int) -> None:
        for utterance in utterances:
            if utterance.after not in get_args(After):
                raise ConfigurationError(
                    f"an utterance cannot wait for {utterance.after!r} (it can for: "
                    f"{', '.join(get_args(After))}){did_you_mean(utterance.after, get_args(After))}"
                )
            if not 0 <= utterance.delay < math.inf:
                raise ConfigurationError(
                    f"an utterance cannot wait for {utterance.delay} seconds; give 0 or more"
                )
        self._utterances = tuple(utterances)
        self._sample_rate = sample_rate
        self._readers = [
            WavReader(Path(utterance.path), sample_rate=sample_rate) for utterance in utterances
        ]
        self._next = 0
        self._speaking: WavReader | None = None
        self._began = 0.0
        self._said = 0.0
        """When the last utterance ended, or the call began."""

    def begin(self, at: float) -> None:
        """The call begins."""
        self._began = self._said = at

    def speak(self, at: float, samples: int, agent: Playout) -> bytes:
        """The caller's next `samples` samples, the first of them at the instant `at`."""
        said = bytearray()
        while len(said) < 2 * samples:
            if self._speaking is None:
                moment = self._moment(agent)
                if moment is None:
                    break
                first = math.ceil((moment - at) * self._sample_rate - 1e-3)
                if first >= samples:
                    break
                said += bytes(max(0, 2 * first - len(said)))
                self._speaking = self._readers[self._next]
            said += self._speaking.read(samples - len(said) // 2)
            if len(said) < 2 * samples:
                self._speaking.close()
                self._speaking = None
                self._next += 1
                self._said = at + len(said) / (2 * self._sample_rate)
        return bytes(said.ljust(2 * samples, b"\0"))

    def hangs_up(self, now: float, agent: Playout, *, tail: float, max_tail: float) -> str | None:
        """Why the caller hangs up now, if so: `"input_ended"` or `"gave_up"`."""
        if self._speaking is not None:
            return None
        silent = agent.audible_since is None
        waited = now - max(self._said, agent.silent_since or self._said) + _NOISE
        if self._next == len(self._utterances):
            ended = (silent and waited >= tail) or now - self._said + _NOISE >= max_tail
            return "input_ended" if ended else None
        waits_for_agent = self._utterances[self._next].after != "start"
        return "gave_up" if waits_for_agent and silent and waited >= max_tail else None

    def close(self) -> None:
        """Closes the files."""
        for reader in self._readers:
            reader.close()

    def _moment(self, agent: Playout) -> float | None:
        """When the next utterance begins as things stand, or None while nothing points to it."""
        if self._next == len(self._utterances):
            return None
        utterance = self._utterances[self._next]
        if utterance.after == "start":
            return max(self._began + utterance.delay, self._said)
        if utterance.after == "agent_speaking":
            since = agent.audible_since
            return None if since is None else max(since, self._said) + utterance.delay
        since = agent.silent_since
        return None if since is None or since <= self._said else since + utterance.delay
