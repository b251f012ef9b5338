"""A conversation that is typed: each line of standard input is a turn of the user's."""

from __future__ import annotations

import asyncio
import codecs
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from ..errors import TransportError
from ..transport import Sink, Transport, TransportCapabilities

_LINE_LIMIT = 65536
"""Characters after which a line is taken to be one, ended or not."""


class ConsoleTransport(Transport):
    """Typed text and no audio: lines of standard input, or of another file descriptor.

    Blank lines are left out. At the end of the input the caller hangs up: `closed("input_ended")`.
    What the agent says is not printed here: whoever wants it listens to the session.

    Reading is done by a daemon thread, which ends with `aclose`; on Windows, where a read of the
    console cannot be broken off, it may wait for one more line, but never keeps the process alive.
    """

    capabilities = TransportCapabilities(audio_in=False, audio_out=False)

    def __init__(self, *, fd: int | None = None) -> None:
        self._fd = fd
        self._reader: _Reader | None = None
        self._sink: Sink | None = None
        self._closed = False

    async def start(self, sink: Sink) -> None:
        if self._closed or self._reader is not None:
            raise TransportError("a console can be started once; make a new ConsoleTransport")
        self._sink = sink
        self._reader = _Reader(_source(self._fd), self._took, asyncio.get_running_loop())
        self._reader.start()

    async def aclose(self) -> None:
        self._closed = True
        self._sink = None
        if self._reader is not None:
            self._reader.stop()

    def _took(self, lines: list[str], ended: str | None) -> None:
        for line in lines:
            if self._sink is not None and line.strip():
                self._sink.text(line.strip())
        if ended is not None and self._sink is not None:
            self._sink.closed(ended)


class _Reader(threading.Thread):
    """Reads lines and gives them to the loop, which has to take them before more are read."""

    def __init__(
        self,
        source: _Source,
        took: Callable[[list[str], str | None], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(name="antiphon console", daemon=True)
        self._source = source
        self._took = took
        self._loop = loop
        self._free = threading.Event()
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        self._source.stop()
        self._free.set()

    def run(self) -> None:
        unfinished = ""
        ended = None
        while ended is None and not self._stopped:
            try:
                text = self._source.read()
                ended = None if text else "input_ended"
            except (OSError, ValueError):  # the terminal is gone, or somebody closed the stream
                text, ended = "", "connection_lost"
            *lines, unfinished = (unfinished + text).split("\n")
            if ended is not None or len(unfinished) > _LINE_LIMIT:
                lines.append(unfinished)
                unfinished = ""
            if lines:
                self._give(lines, ended)
        self._source.close()

    def _give(self, lines: list[str], ended: str | None) -> None:
        self._free.clear()
        try:
            self._loop.call_soon_threadsafe(self._give_on_loop, lines, ended)
        except RuntimeError:  # the loop is closed
            self._stopped = True
            return
        if not self._stopped:
            self._free.wait()

    def _give_on_loop(self, lines: list[str], ended: str | None) -> None:
        self._free.set()
        if not self._stopped:
            self._took(lines, ended)


class _Source:
    """A text stream without a file descriptor, as tests put in the place of standard input."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self) -> str:
        """Some text; empty at the end."""
        return str(self._stream.readline())

    def stop(self) -> None:
        """Ends a `read` that waits, if that can be done."""

    def close(self) -> None:
        """Frees what `read` needed, in the thread that reads."""


class _Descriptor(_Source):
    """A file descriptor, read without Python's buffer: a thread that holds the lock of
    `sys.stdin.buffer` at exit makes the interpreter abort."""

    def __init__(self, fd: int, encoding: str) -> None:
        # closefd=False: standard input is not ours
        super().__init__(open(fd, "rb", buffering=0, closefd=False))
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")

    def read(self) -> str:
        while self._wait():
            data = self._stream.read(4096)
            text = self._decoder.decode(data or b"", final=not data)
            if text or not data:
                return text
        return ""

    def _wait(self) -> bool:
        return True


class _Selectable(_Descriptor):
    """A file descriptor of a system where waiting for one can be broken off."""

    def __init__(self, fd: int, encoding: str) -> None:
        super().__init__(fd, encoding)
        # held where the pipe is closed or written to: its number may soon be somebody else's
        self._lock = threading.Lock()
        self._pipe: tuple[int, int] | None = os.pipe()

    def _wait(self) -> bool:
        import select

        if self._pipe is None:
            return False
        wake = self._pipe[0]
        ready, _, _ = select.select([self._stream, wake], [], [])
        return wake not in ready

    def stop(self) -> None:
        with self._lock:
            if self._pipe is not None:
                os.write(self._pipe[1], b"x")

    def close(self) -> None:
        with self._lock:
            if self._pipe is not None:
                for end in self._pipe:
                    os.close(end)
            self._pipe = None


def _source(fd: int | None) -> _Source:
    stream = sys.stdin
    encoding = "utf-8"
    if fd is None:
        if stream is None:
            raise TransportError("there is no standard input to type into; run it in a terminal")
        encoding = stream.encoding or encoding
        try:
            fd = stream.fileno()
        except (OSError, ValueError, AttributeError):
            return _Source(stream)
    return (_Descriptor if sys.platform == "win32" else _Selectable)(fd, encoding)
