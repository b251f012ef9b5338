"""WAV files: read as mono int16 at any rate, written in stereo while the call goes on."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..audio import Resampler
from ..errors import AudioError, TransportError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Format codes and chunks: Microsoft, "Multiple Channel Audio Data and WAVE Files", 2007.
_PCM = 1
_FLOAT = 3
_EXTENSIBLE = 0xFFFE
_NAMES = {2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "ADPCM", 0x31: "GSM", 0x55: "MP3"}
_SIZE_UNKNOWN = 0x7FFFF000
"""A size from here on means "to the end of the file": programs that write to a pipe leave it so."""
_BLOCK_SECONDS = 0.25
"""How much is read and converted at a time: little, so as not to hold the loop up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WavFormat:
    """What the header of a WAV file says."""

    sample_rate: int
    """Samples per second per channel."""
    channels: int
    bits: int
    """Per sample: 8 (unsigned), 16, 24 or 32 (signed); 32 or 64 when floating."""
    floating: bool
    offset: int
    """Bytes from the beginning of the file to the first sample."""
    samples: int
    """Samples per channel, at least 1."""

    @property
    def frame_size(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * self.bits // 8

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples / self.sample_rate


class WavReader:
    """Gives the audio of a WAV file as mono int16 at `sample_rate`, as much as is asked for.

    The file is checked when the reader is made: `AudioError` for whatever is not a whole WAV file
    of at least one sample, in PCM of 8, 16, 24 or 32 bits or in floating point, of 8000 to 192000
    Hz. It is opened at the first `read` and closed at its end.
    """

    def __init__(self, path: Path, *, sample_rate: int = 16000) -> None:
        self.path = path
        self.format = _read_format(path)
        self._resampler = Resampler(self.format.sample_rate, sample_rate)
        self._file: BinaryIO | None = None
        self._unread = self.format.samples
        self._ready = bytearray()

    def read(self, samples: int) -> bytes:
        """The next `samples` samples; fewer at the end of the file, and none after it."""
        while len(self._ready) < 2 * samples and self._unread:
            self._ready += self._read_block()
        data = bytes(self._ready[: 2 * samples])
        del self._ready[: 2 * samples]
        return data

    def close(self) -> None:
        """Closes the file; harmless when repeated."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._unread = 0

    def _read_block(self) -> bytes:
        form = self.format
        if self._file is None:
            self._file = _open(self.path)
            self._file.seek(form.offset)
        count = min(self._unread, int(form.sample_rate * _BLOCK_SECONDS))
        data = self._file.read(count * form.frame_size)
        if len(data) < count * form.frame_size:
            self.close()
            raise AudioError(f"{str(self.path)!r} became shorter while it was read; give a copy")
        self._unread -= count
        out = self._resampler.push(_mono(data, form))
        if not self._unread:
            out += self._resampler.flush()
            self.close()
        return out


class WavWriter:
    """Writes 16-bit PCM to a file that is in place only once it is whole.

    Until `close` it is `<name>.part` beside it; a call that is killed leaves that behind, readable,
    with a header that gives no length. Raises `TransportError` when it cannot be written.
    """

    def __init__(self, path: Path, *, sample_rate: int, channels: int) -> None:
        self.path = path
        self._sample_rate = sample_rate
        self._channels = channels
        self._part = path.with_name(path.name + ".part")
        self._size = 0
        try:
            self._file: BinaryIO | None = self._part.open("wb")
            self._file.write(self._header(0xFFFFFFFF))
        except OSError as error:
            raise self._failed(error) from error

    def write(self, data: bytes | bytearray) -> None:
        """Appends whole samples, interleaved."""
        if self._file is None:
            raise TransportError(f"{str(self.path)!r} is complete; nothing can be added to it")
        try:
            self._file.write(data)
        except OSError as error:
            raise self._failed(error) from error
        self._size += len(data)

    def close(self) -> None:
        """Completes the header and puts the file in its place; harmless when repeated."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            with file:
                file.seek(0)
                file.write(self._header(self._size))
            os.replace(self._part, self.path)
        except OSError as error:
            raise self._failed(error) from error

    def _header(self, size: int) -> bytes:
        align = 2 * self._channels
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            b"RIFF", min(36 + size, 0xFFFFFFFF), b"WAVE",
            b"fmt ", 16, _PCM, self._channels, self._sample_rate, self._sample_rate * align,
            align, 16, b"data", min(size, 0xFFFFFFFF),
        )  # fmt: skip

    def _failed(self, error: OSError) -> TransportError:
        return TransportError(
            f"cannot write {str(self.path)!r} ({_reason(error)}); give another path, or make room"
        )


def _open(path: Path) -> BinaryIO:
    try:
        # asked first: opening a directory gives another error on each system, a named pipe may hang
        if path.is_dir():
            raise AudioError(f"{str(path)!r} is a directory; give the path of a WAV file")
        if path.exists() and not path.is_file():
            raise AudioError(f"{str(path)!r} is not a file; give the path of a WAV file")
        return path.open("rb")
    except FileNotFoundError as error:
        raise AudioError(f"there is no file {str(path)!r}; give the path of a WAV file") from error
    except OSError as error:
        raise AudioError(
            f"cannot read {str(path)!r} ({_reason(error)}); give a WAV file that can be read"
        ) from error


def _read_format(path: Path) -> WavFormat:
    with _open(path) as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise AudioError(f"{str(path)!r} is empty; give a WAV file with audio in it")
        head = file.read(12)
        if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
            raise AudioError(f"{str(path)!r} is not a WAV file; {_convert(path)}")
        described = b""
        while True:
            chunk = file.read(8)
            if len(chunk) < 8:
                raise _corrupt(path, "it ends before any audio")
            name, length = struct.unpack("<4sI", chunk)
            begin = file.tell()
            if name == b"data":
                break
            if name == b"fmt ":
                described = file.read(min(length, 40))
            file.seek(begin + length + length % 2)  # chunks begin at even offsets
    return _checked(path, described, offset=begin, length=length, there=size - begin)


def _checked(path: Path, described: bytes, *, offset: int, length: int, there: int) -> WavFormat:
    if len(described) < 16:
        raise _corrupt(path, "its header does not say in which format its audio is")
    code, channels, rate, _, align, bits = struct.unpack("<HHIIHH", described[:16])
    if code == _EXTENSIBLE and len(described) >= 26:
        (code,) = struct.unpack("<H", described[24:26])
    widths = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}
    if bits not in widths.get(code, ()):
        named = {_PCM: "integers", _FLOAT: "floating point"} | _NAMES
        raise AudioError(
            f"{str(path)!r} holds audio as {named.get(code, f'format {code}')} of {bits} bits, "
            f"which cannot be read; {_convert(path)}"
        )
    if not channels or align != channels * bits // 8:
        raise _corrupt(path, f"its header says {channels} channels of {bits} bits in {align} bytes")
    if not 8000 <= rate <= 192000:
        raise AudioError(
            f"{str(path)!r} has a sample rate of {rate} Hz, where 8000 to 192000 can be read; "
            f"{_convert(path)}"
        )
    if length >= _SIZE_UNKNOWN:
        length = there - there % align
    if length > there:
        raise AudioError(
            f"{str(path)!r} is truncated: its header says {length} bytes of audio, and {there} are "
            "there; copy or record it again"
        )
    if not length:
        raise AudioError(f"{str(path)!r} holds no audio; give a WAV file with audio in it")
    if length % align:
        raise _corrupt(path, f"its audio of {length} bytes ends in the middle of a sample")
    return WavFormat(
        sample_rate=rate,
        channels=channels,
        bits=bits,
        floating=code == _FLOAT,
        offset=offset,
        samples=length // align,
    )


def _mono(data: bytes, form: WavFormat) -> bytes:
    """The mean of the channels as int16, rounded; what is too loud is clipped."""
    if form.bits == 16 and form.channels == 1:
        return data
    import numpy as np

    samples = _scaled(data, form).reshape(-1, form.channels).mean(axis=1)
    return bytes(np.rint(samples).clip(-32768, 32767).astype("<i2").tobytes())


def _scaled(data: bytes, form: WavFormat) -> npt.NDArray[np.float64]:
    """The samples as floats in the range of int16."""
    import numpy as np

    if form.floating:
        floats = np.frombuffer(data, f"<f{form.bits // 8}").astype(np.float64)
        return np.nan_to_num(floats, nan=0.0, posinf=1.0, neginf=-1.0) * 32767.0
    if form.bits == 8:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) * 256.0
    if form.bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return wide.reshape(-1).view("<i4").astype(np.float64) / 65536.0
    integers: npt.NDArray[Any] = np.frombuffer(data, f"<i{form.bits // 8}")
    return integers.astype(np.float64) / (1 << (form.bits - 16))


def _corrupt(path: Path, why: str) -> AudioError:
    return AudioError(f"{str(path)!r} is a corrupt WAV file: {why}; copy or record it again")


def _convert(path: Path) -> str:
    return f"convert it, e.g. with: ffmpeg -i {path.name} -c:a pcm_s16le {path.stem}-16.wav"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
