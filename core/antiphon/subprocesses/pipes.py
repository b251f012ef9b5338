"""Framed messages over pipes: the wire between a process and its worker, and the worker's end.

A frame is a length (4 bytes, little-endian), that many bytes of JSON (an object), and then
as many bytes of payload as the object's `"payload"` says; the key is there only on the wire. The
parent's end is `antiphon.subprocesses`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, TypeAlias

Header: TypeAlias = Mapping[str, Any]
"""JSON values by name; `"payload"` is reserved, and so is `"hello"` from a worker."""
Message: TypeAlias = "tuple[dict[str, Any], bytes]"
"""A header and its payload, which may be empty."""

MAX_HEADER = 16 * 1024 * 1024
"""Bytes of JSON in one frame, at most."""
MAX_PAYLOAD = 256 * 1024 * 1024
"""Bytes of payload in one frame, at most."""

_LENGTH = 4


def encode(header: Header, payload_size: int) -> bytes:
    """What goes on the wire before a payload of `payload_size` bytes; ValueError when too big."""
    if "payload" in header:
        raise ValueError("the header of a frame has a key 'payload', which is reserved")
    if payload_size > MAX_PAYLOAD:
        raise ValueError(
            f"a payload of {payload_size} bytes is over {MAX_PAYLOAD}; send it in pieces"
        )
    fields = {**header, "payload": payload_size} if payload_size else dict(header)
    text = json.dumps(fields, separators=(",", ":")).encode()
    if len(text) > MAX_HEADER:
        raise ValueError(f"a header of {len(text)} bytes is over {MAX_HEADER}; use the payload")
    return len(text).to_bytes(_LENGTH, "little") + text


def decode(text: bytes) -> tuple[dict[str, Any], int]:
    """The header, and the size of the payload that follows it; ValueError when it is no header."""
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("not an object")
    size = header.pop("payload", 0)
    if not isinstance(size, int) or not 0 <= size <= MAX_PAYLOAD:
        raise ValueError("a payload of an impossible size")
    return header, size


class Parser:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._header: dict[str, Any] | None = None
        self._need = 0
        """Bytes of the part that comes next; 0 before the length of a header."""

    def _take(self, start: int, end: int) -> bytes:
        with memoryview(self._buffer) as view:
            part = bytes(view[start:end])
        del self._buffer[:end]
        return part

    def push(self, data: bytes) -> list[Message]:
        """The messages that `data` completes. Raises ValueError when the stream makes no sense."""
        self._buffer += data
        messages: list[Message] = []
        while True:
            if self._header is None:
                if not self._need:
                    if len(self._buffer) < _LENGTH:
                        return messages
                    self._need = int.from_bytes(self._buffer[:_LENGTH], "little")
                    if not 2 <= self._need <= MAX_HEADER:
                        raise ValueError("a header of an impossible size")
                if len(self._buffer) < _LENGTH + self._need:
                    return messages
                self._header, self._need = decode(self._take(_LENGTH, _LENGTH + self._need))
            if len(self._buffer) < self._need:
                return messages
            messages.append((self._header, self._take(0, self._need)))
            self._header, self._need = None, 0


class LastWords:
    """What a worker writes to stderr: logged line by line at debug, and its end kept for errors."""

    KEPT = 2048
    """Bytes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tail = bytearray()
        self._line = b""

    def __str__(self) -> str:
        return self._tail.decode(errors="replace").strip()

    def push(self, data: bytes) -> None:
        """Takes what has been written next."""
        import logging

        self._tail += data
        del self._tail[: -self.KEPT]
        log = logging.getLogger(f"antiphon.{self._name}")
        if log.isEnabledFor(logging.DEBUG):
            *lines, rest = (self._line + data).split(b"\n")
            self._line = rest[-self.KEPT :]
            for line in lines:
                log.debug("worker: %s", line.decode(errors="replace").rstrip())


class WorkerIO:
    """The worker's end of the pipes; made by `worker_io()`."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        import threading

        self._reader = reader
        self._writer = writer
        self._lock = threading.Lock()
        self._said_hello = False

    def hello(self, **about: Any) -> None:
        """Says that the worker is ready: `Subprocess.open` returns, with `about` as its `hello`.

        The first `receive` does it for those who have nothing to tell. Load the model before.
        """
        self._said_hello = True
        self.send({"hello": about})

    def receive(self) -> Message | None:
        """The next message; waits for it. None at the end of input: the worker must exit then."""
        if not self._said_hello:
            self.hello()
        length = self._reader.read(_LENGTH)
        if len(length) < _LENGTH:
            return None
        size = int.from_bytes(length, "little")
        text = self._reader.read(size)
        if len(text) < size:
            return None
        header, size = decode(text)
        payload = self._reader.read(size) if size else b""
        return (header, payload) if len(payload) == size else None

    def send(self, header: Header, payload: bytes = b"") -> None:
        """Sends a message; from any thread. Raises `BrokenPipeError` when the parent is gone."""
        frame = encode(header, len(payload))
        with self._lock:
            self._writer.write(frame)
            if payload:
                self._writer.write(payload)
            self._writer.flush()


def worker_environment() -> dict[str, str]:
    """Environment variables for a worker: it imports from where this process does, and is UTF-8."""
    path = dict.fromkeys(os.path.abspath(entry) for entry in sys.path)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUTF8": "1"}


def worker_io() -> WorkerIO:
    """Takes the pipes of this process for frames; call it first, once, in a worker.

    Afterwards the standard output is the standard error and the standard input is empty, for Python
    and for C alike: a library that prints does not get between the frames. Ctrl-C is left to the
    parent.
    """
    import faulthandler
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()  # a crash in a C library then leaves its stack among the last words
    frames_in, frames_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdout.flush()
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(frames_in, os.O_BINARY)
        msvcrt.setmode(frames_out, os.O_BINARY)
    return WorkerIO(os.fdopen(frames_in, "rb"), os.fdopen(frames_out, "wb"))
