"""Synthetic speech that carries its words, and the listener that hears them.

Each word occupies a slot of samples: a sync mark, the slot's length, the word in UTF-8, a checksum,
and filler to the slot's end. Slots follow one another without a gap, and no sample is near
zero, so that a voice activity detector sees one stretch of speech. The filler differs from sample
to sample and from word to word: a listener knows exactly which samples of a slot it was given, and
takes a word as heard only when it got all of them.

All sizes here are in samples of mono int16, unless a name says bytes.
"""

from __future__ import annotations

import functools
import struct
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import AudioError

THRESHOLD = 200
"""A sample beyond it, either way, is voiced: about -44 dB of full scale."""

_SYNC = struct.pack("<4h", 27001, -27003, 26005, -28007)
_SAMPLE = struct.Struct("<h")
_DIGIT = 8000
"""The amplitude of byte 0 in a header; each step of 16 above it is one more."""
_LENGTH = 4
"""Samples that give the slot's length, as a little-endian number of bytes."""
_COUNT = 2
"""Samples that give the number of bytes of the word."""
_HEADER = 4 + _LENGTH + _COUNT
_OVERHEAD = _HEADER + 1
"""Samples of a slot besides the word's bytes and the filler: the checksum is the last one."""
_LONGEST = 1 << 24
"""Samples of the longest slot: 17 minutes at 16 kHz."""
_PERIOD = 80
"""Samples of one period of the filler: 200 Hz at 16 kHz."""
_LOUDNESSES = 997
"""Periods until the filler repeats itself: 5 s at 16 kHz."""


def _make_filler() -> bytes:
    samples = array("h")
    for period in range(_LOUDNESSES):
        loudness = 2000 + 5 * (period * 389 % _LOUDNESSES)
        samples.extend(range(loudness, loudness + _PERIOD // 2))
        samples.extend(range(-loudness, -loudness - _PERIOD // 2, -1))
    return _little_endian(samples)


def _little_endian(samples: array[int]) -> bytes:
    if array("h", [1]).tobytes() != b"\1\0":
        samples.byteswap()
    return samples.tobytes()


_fillers = [_make_filler()]  # the longest that was needed so far


def _filler(start: int, end: int) -> bytes:
    """The filler between two of its samples."""
    while len(_fillers[0]) < 2 * end:
        _fillers[0] *= 2
    return bytes(memoryview(_fillers[0])[2 * start : 2 * end])


@functools.lru_cache(maxsize=256)
def _slot(word: bytes, samples: int) -> bytes:
    """The whole slot of one word."""
    payload = samples.to_bytes(_LENGTH, "little") + len(word).to_bytes(_COUNT, "little") + word
    payload += bytes([sum(payload) & 255])
    header = _SYNC + struct.pack(f"<{len(payload)}h", *[_DIGIT + 16 * byte for byte in payload])
    turn = zlib.crc32(word) % _LOUDNESSES * _PERIOD
    return header + _filler(turn + len(header) // 2, turn + samples)


def slots(words: int, samples: int) -> Iterator[tuple[int, int]]:
    """Where each of `words` equal slots begins and ends in `samples` samples."""
    start = 0
    for number in range(1, words + 1):
        end = round(samples * number / words)
        yield start, end
        start = end


def render(
    text: str,
    *,
    sample_rate: int = 16000,
    seconds: float | None = None,
    words_per_second: float = 2.5,
) -> bytes:
    """Speaks `text` as mono int16 in which a `Listener` finds its words again.

    Every word gets an equal slot of `seconds`, or of as long as `words_per_second` says. Words are
    what white space separates; punctuation stays with them. Raises `AudioError` when a word does
    not fit into its slot, or when there are none.
    """
    words = text.split()
    if not words:
        raise AudioError(f"{text!r} has no word to speak; for speech without words use mumble()")
    total = round((len(words) / words_per_second if seconds is None else seconds) * sample_rate)
    parts = []
    for word, (start, end) in zip(words, slots(len(words), total), strict=True):
        encoded = word.encode()
        if not _OVERHEAD + len(encoded) < end - start <= _LONGEST:
            raise AudioError(
                f"the word {word!r} needs between {_OVERHEAD + len(encoded) + 1} and {_LONGEST} "
                f"samples and is given {end - start}; change seconds or words_per_second"
            )
        parts.append(_slot(encoded, end - start))
    return b"".join(parts)


def mumble(seconds: float, *, sample_rate: int = 16000) -> bytes:
    """Voiced audio without any words, as mono int16."""
    return _filler(0, round(seconds * sample_rate))


def voiced_span(data: bytes) -> tuple[int, int] | None:
    """The first voiced sample and the end of the last voiced one, or None when all is silent.

    A sample is voiced beyond `THRESHOLD`. What lies between the two need not be voiced.
    """
    # Most audio in tests is digital silence, or speech without a single quiet sample.
    stripped = data.lstrip(b"\0")
    if not stripped:
        return None
    start = (len(data) - len(stripped)) // 2
    end = (len(data.rstrip(b"\0")) + 1) // 2
    (first,), (last,) = _SAMPLE.unpack_from(data, 2 * start), _SAMPLE.unpack_from(data, 2 * end - 2)
    if abs(first) > THRESHOLD and abs(last) > THRESHOLD:
        return start, end
    samples = struct.unpack_from(f"<{end - start}h", data, 2 * start)
    if max(samples) <= THRESHOLD and min(samples) >= -THRESHOLD:
        return None
    voiced = [index for index, sample in enumerate(samples, start) if abs(sample) > THRESHOLD]
    return voiced[0], voiced[-1] + 1


def is_voiced(data: bytes) -> bool:
    """Whether any sample is beyond `THRESHOLD`."""
    return voiced_span(data) is not None


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word that was heard, or the part of it that was."""

    text: str
    start_sample: int
    """Its first sample, counted from the first one the listener was given."""
    end_sample: int
    """The end of its last sample: where it was cut, if it was."""


class Listener:
    """Hears words in a stream of `render`ed speech, given in pieces of any length.

    A word whose rest comes after a silence, as when a player pauses, counts as heard. A word of
    which anything else is missing does not: it is in `cut`.
    """

    def __init__(self) -> None:
        self.words: list[HeardWord] = []
        """Whole words, in order. Whoever reads them may empty the list."""
        self.cut: list[HeardWord] = []
        """Words that began and did not come to their end. May be emptied as well."""
        self.position = 0
        """Samples given so far."""
        self.voiced_from: int | None = None
        """The first voiced sample since the last silence, however short; None before any."""
        self.voiced_until: int | None = None
        """The end of the last voiced sample, or None."""
        self._rest = b""  # what may be the beginning of a sync mark and header
        self._rest_start = 0
        self._slot = b""  # the slot being heard, as it ought to go on
        self._slot_at = 0  # how many bytes of it have come
        self._word = ""
        self._word_start = 0
        self._word_end = 0  # the end of what came of it last

    @property
    def partial(self) -> HeardWord | None:
        """The word that has begun and not ended, up to where it has been heard."""
        if not self._slot:
            return None
        return HeardWord(self._word, self._word_start, self._word_end)

    def silence(self, samples: int) -> None:
        """Takes `samples` samples of silence."""
        self.position += samples

    def feed(self, data: bytes) -> None:
        """Takes the next samples."""
        slot = self._slot
        if slot and slot.startswith(data, self._slot_at):
            # The common case: the speech goes on as expected.
            if self.voiced_until != self.position:
                self.voiced_from = self.position
            self._slot_at += len(data)
            self.position += len(data) // 2
            self.voiced_until = self._word_end = self.position
            if self._slot_at == len(slot):
                self._complete()
            return
        span = voiced_span(data)
        if span is None:
            self.position += len(data) // 2
            return
        first, last = span
        end = self.position + len(data) // 2
        if first or self.voiced_until != self.position:
            self.voiced_from = self.position + first
        self.voiced_until = self.position + last
        self.position += first
        self._voice(data[2 * first : 2 * last])
        self.position = end

    def end(self) -> None:
        """Gives up the word that is being heard: what comes next is something else."""
        if self._slot:
            self._cut()
        self._rest = b""

    def _voice(self, data: bytes) -> None:
        """Takes samples that begin and end voiced, from `position` on."""
        at = 0  # bytes of `data` that have been dealt with
        while at < len(data):
            if self._slot:
                at += self._follow(data, at)
                continue
            begun = len(self._rest)
            seen = self._rest + data[at:]
            found = _find_sync(seen)
            header = _read_header(seen[found:]) if found >= 0 else None
            if header is None:  # more is needed to tell
                keep = found if found >= 0 else len(seen) - _sync_prefix(seen)
                self._rest_start = self._place(keep, begun)
                self._rest = seen[keep:]
                self.position += (len(data) - at) // 2
                return
            word, samples, size = header
            start = self._place(found, begun)
            # Behind a mark whose header makes no sense, look for the next mark.
            used = found + (size if word is not None else len(_SYNC))
            if used < begun:
                self._rest_start = self._place(used, begun)
                self._rest = self._rest[used:]
                continue
            self._rest = b""
            self.position += (used - begun) // 2
            at += used - begun
            if word is not None:
                self._slot = _slot(word, samples)
                self._slot_at = size
                self._word = word.decode("utf-8", "replace")
                self._word_start = start
                self._word_end = self.position

    def _place(self, offset: int, begun: int) -> int:
        """The sample at a byte of what was kept (`begun` bytes of it) and what is new."""
        if offset < begun:
            return self._rest_start + offset // 2
        return self.position + (offset - begun) // 2

    def _follow(self, data: bytes, at: int) -> int:
        """Follows the slot in `data` from `at`; returns how many bytes belonged to it."""
        slot, begin = self._slot, self._slot_at
        length = min(len(slot) - begin, len(data) - at)
        if not slot.startswith(data[at : at + length], begin):
            low, high = 0, length // 2  # `low` samples agree, `high` do not
            while high - low > 1:
                middle = (low + high) // 2
                if slot.startswith(data[at : at + 2 * middle], begin):
                    low = middle
                else:
                    high = middle
            length = 2 * low
        self._slot_at += length
        self.position += length // 2
        if length:
            self._word_end = self.position
        if self._slot_at == len(slot):
            self._complete()
        elif at + length < len(data):
            self._cut()
        return length

    def _complete(self) -> None:
        self.words.append(HeardWord(self._word, self._word_start, self._word_end))
        self._slot = b""

    def _cut(self) -> None:
        self.cut.append(HeardWord(self._word, self._word_start, self._word_end))
        self._slot = b""


def _find_sync(data: bytes) -> int:
    """The byte at which a sync mark begins, on a whole sample, or -1."""
    found = data.find(_SYNC)
    while found >= 0 and found % 2:
        found = data.find(_SYNC, found + 1)
    return found


def _sync_prefix(data: bytes) -> int:
    """How many bytes at the end of `data` may be the beginning of a sync mark."""
    for size in range(len(_SYNC) - 2, 0, -2):
        if data.endswith(_SYNC[:size]):
            return size
    return 0


def _digits(data: bytes, start: int, count: int) -> bytes | None:
    """The bytes that samples `start` to `start + count` spell; None when they spell none."""
    values = struct.unpack_from(f"<{count}h", data, 2 * start)
    if any(value < _DIGIT or value >= _DIGIT + 16 * 256 or value % 16 for value in values):
        return None
    return bytes([(value - _DIGIT) // 16 for value in values])


def _read_header(data: bytes) -> tuple[bytes | None, int, int] | None:
    """What begins with a sync mark: the word, the samples of its slot, the bytes of its header.

    None when more is needed to tell; no word when the header is damaged.
    """
    have = len(data) // 2
    numbers = _digits(data, 4, min(_LENGTH + _COUNT, have - 4)) if have > 4 else b""
    if numbers is None:
        return None, 0, 0
    if len(numbers) < _LENGTH + _COUNT:
        return None
    samples = int.from_bytes(numbers[:_LENGTH], "little")
    count = int.from_bytes(numbers[_LENGTH:], "little")
    payload = _digits(data, _HEADER, min(count + 1, have - _HEADER))
    if payload is None:
        return None, 0, 0
    if len(payload) <= count:
        return None
    if (sum(numbers) + sum(payload[:-1])) & 255 != payload[-1] or not (
        _OVERHEAD + count < samples <= _LONGEST
    ):
        return None, 0, 0
    return payload[:-1], samples, 2 * (_OVERHEAD + count)
