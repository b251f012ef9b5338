"""The recording of a call in stereo, written while the call goes on."""

from __future__ import annotations

from ..audio import Resampler, mix
from .wav_file import WavWriter


class StereoRecording:
    """Puts the caller on the left and the agent on the right of a WAV file.

    The caller's audio is one stream from the beginning of the call; pieces of the agent's are
    placed by their sample number, and may come late, as long as they come before `write` passes
    them. What is not written yet is held in memory: a few frames.
    """

    def __init__(self, writer: WavWriter, *, caller_rate: int, sample_rate: int) -> None:
        self._writer = writer
        self._resampler = Resampler(caller_rate, sample_rate)
        self._written = 0
        self._left = bytearray()
        self._right = bytearray()
        self._under = bytearray()
        """What is heard under the agent; empty while nothing is."""

    def caller(self, data: bytes) -> None:
        """Appends to the left side."""
        self._left += self._resampler.push(data)

    def agent(self, sample: int, data: bytes) -> None:
        """Puts `data` on the right side, its first sample as number `sample` of the call."""
        self._place(self._right, sample, data)

    def background(self, sample: int, data: bytes) -> None:
        """Mixes `data` under the right side, its first sample as number `sample` of the call."""
        self._place(self._under, sample, data)

    def _place(self, side: bytearray, sample: int, data: bytes) -> None:
        begin = 2 * (sample - self._written)
        if begin < 0:
            data = data[-begin:]
            begin = 0
        side += bytes(max(0, begin - len(side)))
        side[begin : begin + len(data)] = data

    def write(self, until: int) -> None:
        """Writes the samples before number `until`, as far as the caller's are there."""
        count = min(until - self._written, len(self._left) // 2)
        if count <= 0:
            return
        size = 2 * count
        right = self._right[:size].ljust(size, b"\0")
        if self._under:
            right = bytearray(mix(bytes(right), bytes(self._under[:size])))
            del self._under[:size]
        both = bytearray(2 * size)
        both[0::4], both[1::4] = self._left[0:size:2], self._left[1:size:2]
        both[2::4], both[3::4] = right[0::2], right[1::2]
        self._writer.write(both)
        del self._left[:size], self._right[:size]
        self._written += count

    def close(self, until: int) -> None:
        """Writes all that is left, `until` at the least, and completes the file."""
        try:
            self._left += self._resampler.flush()
            until = max(until, self._written + max(len(self._right), len(self._under)) // 2)
            self._left += bytes(max(0, 2 * (until - self._written) - len(self._left)))
            self.write(self._written + len(self._left) // 2)
        finally:
            self._writer.close()
