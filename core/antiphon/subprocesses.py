"""Worker processes that speak framed messages over their pipes.

For providers whose model must live in a process of its own: because it holds the GIL, keeps global state,
may crash, or has a licence of its own. The parent side is `Subprocess`, with `Multiplexer` for several
requests at once; the child side is `worker_io()`:

    def main() -> None:                                     # python -m acme_speech.worker
        io = worker_io()
        model = load_model()
        while (message := io.receive()) is not None:        # the first call says that it is ready
            header, payload = message
            io.send({"id": header["id"]}, model.run(payload))

A frame is a length (4 bytes, little-endian), that many bytes of JSON (UTF-8, an object), and then as many
bytes of payload as the object's `"payload"` says; the key is there only on the wire. A worker must end
when `receive` returns None: so it never outlives its parent.
"""

from __future__ import annotations

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generic, TypeAlias, TypeVar

# A worker imports this module too and has to start fast: asyncio, logging and the rest of antiphon are
# imported by what only the parent runs.
if TYPE_CHECKING:
    import asyncio

    from .errors import ProviderConnectionError
    from .streams import Channel

Header: TypeAlias = Mapping[str, Any]
"""JSON values by name; `"payload"` is reserved, and so is `"hello"` from a worker."""
Message: TypeAlias = "tuple[dict[str, Any], bytes]"
"""A header and its payload, which may be empty."""

MAX_HEADER = 16 * 1024 * 1024
"""Bytes of JSON in one frame, at most."""
MAX_PAYLOAD = 256 * 1024 * 1024
"""Bytes of payload in one frame, at most."""
STDERR_TAIL = 2048
"""Bytes of a worker's last words that an error quotes."""

_HIGH_WATER = 8 * 1024 * 1024
_LENGTH = 4
_Id = TypeVar("_Id", int, str)


def _encode(header: Header, payload_size: int) -> bytes:
    if "payload" in header:
        raise ValueError("the header of a frame has a key 'payload', which is reserved")
    if payload_size > MAX_PAYLOAD:
        raise ValueError(
            f"a payload of {payload_size} bytes is over {MAX_PAYLOAD}; send it in pieces"
        )
    fields = {**header, "payload": payload_size} if payload_size else dict(header)
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) > MAX_HEADER:
        raise ValueError(f"a header of {len(text)} bytes is over {MAX_HEADER}; use the payload")
    return len(text).to_bytes(_LENGTH, "little") + text


def _decode(text: bytes) -> tuple[dict[str, Any], int]:
    """The header and the size of the payload that follows it; ValueError when it is neither."""
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("not an object")
    size = header.pop("payload", 0)
    if not isinstance(size, int) or not 0 <= size <= MAX_PAYLOAD:
        raise ValueError("a payload of an impossible size")
    return header, size


class _Parser:
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
                self._header, self._need = _decode(self._take(_LENGTH, _LENGTH + self._need))
            if len(self._buffer) < self._need:
                return messages
            messages.append((self._header, self._take(0, self._need)))
            self._header, self._need = None, 0


class _RealTimer:
    """Calls back on the loop after real seconds, also where the loop's time is virtual."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> None:
        import threading

        self._loop = loop
        self._callback: Callable[[], None] | None = callback
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def _fire(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._run)
        except RuntimeError:  # the loop is closed: there is nobody left to tell
            pass

    def _run(self) -> None:
        if self._callback is not None:
            self._callback()

    def cancel(self) -> None:
        self._callback = None
        self._timer.cancel()


class Subprocess:
    """A worker process that speaks framed messages over its pipes.

    Made by `open`. One task may wait in `receive`; any number may `send`. Its death is told to whoever
    waits or asks next, as a `ProviderConnectionError`. What it writes to stderr (or prints) is logged at
    debug by `antiphon.<name>`; the last `STDERR_TAIL` bytes are quoted in that error. A worker has a
    process group of its own: Ctrl-C in the terminal does not reach it. Close it with `aclose`.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.pid = 0
        """The process id, also after its end."""
        self.hello: dict[str, Any] = {}
        """What the worker said of itself when it was ready."""
        self._loop = loop
        self._transport: asyncio.SubprocessTransport | None = None
        self._parser = _Parser()
        self._inbox: deque[Message] = deque()
        self._inbox_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []
        self._sink: Multiplexer | None = None
        self._stderr = bytearray()
        self._line = bytearray()
        self._stdout_open = True
        self._stderr_open = True
        self._writing_paused = False
        self._reading_paused = False
        self._closing = False
        self._late: str | None = None
        self._garbled: str | None = None
        self._exit_code: int | None = None
        self._error: ProviderConnectionError | None = None
        self._grace: _RealTimer | None = None
        self._gone: asyncio.Future[None] = loop.create_future()

    @classmethod
    async def open(
        cls, module: str, *args: str, name: str, start_timeout: float = 10.0
    ) -> Subprocess:
        """Runs `python -m module args` and waits until it is ready (see `WorkerIO.receive`).

        `name` is the provider's, for messages. `start_timeout` is in real seconds. The worker imports
        from the same places as this process. Raises `ProviderConnectionError`, with the worker's last
        words, when it dies or stays silent.
        """
        import asyncio
        import subprocess

        from .errors import ProviderConnectionError
        from .holding import hold

        path = dict.fromkeys(os.path.abspath(entry) for entry in sys.path)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUTF8": "1"}
        group: dict[str, Any] = (
            {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        loop = asyncio.get_running_loop()
        worker = cls(name, loop)
        protocol = _make_protocol(worker)
        async with hold(f"the {name} worker is starting"):
            try:
                # -P: a file of the working directory must not stand in for a module of the library.
                transport, _ = await loop.subprocess_exec(
                    lambda: protocol,
                    *(sys.executable, "-P", "-m", module, *args),
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    **group,
                )
            except OSError as error:
                raise ProviderConnectionError(
                    f"the {name} worker could not be started: {error}", provider=name
                ) from error
            worker._transport = transport
            worker.pid = transport.get_pid()

            def give_up() -> None:
                worker._late = f"was not ready within {start_timeout:g} s"
                worker.kill()

            timer = _RealTimer(loop, start_timeout, give_up)
            try:
                header, _ = await worker.receive()
                if "hello" not in header:
                    worker._garbled = "said something else before its hello"
                    worker.kill()
                    await worker.receive()
                worker.hello = header["hello"]
            except BaseException:
                worker.kill()
                await worker.aclose()
                raise
            finally:
                timer.cancel()
        return worker

    @property
    def alive(self) -> bool:
        """Whether it can still be asked something, as far as is known."""
        return self._exit_code is None and self._stdout_open and not self._closing

    async def send(self, header: Header, payload: bytes = b"") -> None:
        """Sends a message, and waits while the worker is behind with reading."""
        self.post(header, payload)
        while self._writing_paused:
            waiter = self._loop.create_future()
            self._writers.append(waiter)
            await waiter
        if not self.alive and not self._closing:
            await self._ended()

    def post(self, header: Header, payload: bytes = b"") -> None:
        """Sends a message without waiting, for small things: what the pipe does not take is kept."""
        frame = _encode(header, len(payload))
        if self._transport is None or not self.alive:
            raise self._error or self._ending()
        pipe: Any = self._transport.get_pipe_transport(0)
        if len(payload) < 4096:
            pipe.write(frame + payload)
        else:
            pipe.write(frame)
            pipe.write(payload)

    async def receive(self) -> Message:
        """The next message. Raises `ProviderConnectionError` after the last one of a worker that ended."""
        if self._sink is not None:
            raise RuntimeError(f"the messages of the {self.name} worker go to a Multiplexer")
        while not self._inbox:
            if self._error is not None:
                raise self._error
            if self._reader is not None:
                raise RuntimeError(f"two tasks wait for a message of the {self.name} worker")
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        message = self._inbox.popleft()
        self._inbox_bytes -= len(message[1])
        if self._reading_paused and self._inbox_bytes <= _HIGH_WATER // 2:
            self._set_reading(True)
        return message

    def kill(self) -> None:
        """Ends the process at once; harmless when it has ended."""
        if self._transport is not None and self._exit_code is None:
            try:
                self._transport.kill()
            except ProcessLookupError:
                pass

    async def aclose(self, timeout: float = 1.0) -> None:
        """Closes the worker's input, gives it `timeout` real seconds to end, then kills it.

        Harmless when repeated, and from several tasks. Returns when the process is gone.
        """
        from .holding import hold

        transport = self._transport
        if transport is None or self._gone.done():
            return
        self._closing = True
        async with hold(f"the {self.name} worker is closing"):
            pipe: Any = transport.get_pipe_transport(0)
            pipe.close()
            if self._reading_paused:
                self._set_reading(True)  # its end shows only when everything before it is read
            timer = _RealTimer(self._loop, timeout, self.kill)
            try:
                # Shielded: several tasks may wait, and one that is cancelled must not take it along.
                await _shield(self._gone)
            except BaseException:
                self.kill()
                raise
            finally:
                timer.cancel()

    async def _ended(self) -> None:
        """Waits for the end, which has begun, and raises it."""
        await _shield(self._gone)
        raise self._error or self._ending()

    def _ending(self) -> ProviderConnectionError:
        from .errors import ProviderConnectionError

        who = f"the {self.name} worker (pid {self.pid})"
        words = bytes(self._stderr).decode(errors="replace").strip()
        if self._closing:
            message = f"{who} was closed"
        else:
            what = self._late or self._garbled
            if what is None and self._exit_code is None:
                what = "closed its output"
            message = f"{who} {what or f'ended with exit code {self._exit_code}'}; " + (
                f"its last words: {words}" if words else "it wrote nothing to stderr"
            )
        return ProviderConnectionError(message, provider=self.name)

    # Called by the protocol, on the loop.

    def _stdout(self, data: bytes) -> None:
        if self._garbled is not None:
            return
        try:
            messages = self._parser.push(data)
        except ValueError as error:
            self._garbled = f"sent a frame that cannot be read ({error})"
            self.kill()
            return
        for message in messages:
            if self._sink is not None:
                self._sink._route(message)
            else:
                self._inbox.append(message)
                self._inbox_bytes += len(message[1])
        self._wake_reader()
        if self._inbox_bytes > _HIGH_WATER and not self._reading_paused and not self._closing:
            self._set_reading(False)

    def _stderr_data(self, data: bytes) -> None:
        import logging

        self._stderr += data
        del self._stderr[:-STDERR_TAIL]
        log = logging.getLogger(f"antiphon.{self.name}")
        if log.isEnabledFor(logging.DEBUG):
            *lines, rest = (self._line + data).split(b"\n")
            self._line = rest[-STDERR_TAIL:]
            for line in lines:
                text = bytes(line).decode(errors="replace").rstrip()
                log.debug("worker %d: %s", self.pid, text)

    def _set_reading(self, on: bool) -> None:
        pipe: Any = self._transport.get_pipe_transport(1) if self._transport else None
        if pipe is None or not self._stdout_open:
            return
        self._reading_paused = not on
        if on:
            pipe.resume_reading()
        else:
            pipe.pause_reading()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _set_writing(self, on: bool) -> None:
        self._writing_paused = not on
        if on:
            writers, self._writers = self._writers, []
            for writer in writers:
                if not writer.done():
                    writer.set_result(None)

    def _pipe_lost(self, fd: int) -> None:
        if fd == 0:
            self._set_writing(True)
        elif fd == 1:
            self._stdout_open = False
        else:
            self._stderr_open = False
        self._check_end()

    def _exited(self, code: int) -> None:
        self._exit_code = code
        self._check_end()

    def _check_end(self) -> None:
        """Ends when nothing more can come; what is missing after half a second is not waited for.

        A worker without its output is of no use, and its exit code is worth a moment; its stderr may be
        held open by a process that it started.
        """
        if self._error is not None or self._transport is None:
            return
        exited = self._exit_code is not None
        if exited and not self._stdout_open and not self._stderr_open:
            self._finish()
        elif (exited or not self._stdout_open) and self._grace is None:
            self._grace = _RealTimer(self._loop, 0.5, self._finish)

    def _finish(self) -> None:
        if self._error is not None or self._transport is None:
            return
        if self._grace is not None:
            self._grace.cancel()
        self._error = self._ending()
        self._transport.close()  # kills it if it still runs
        self._set_writing(True)
        self._wake_reader()
        if self._sink is not None:
            self._sink._fail(self._error)

    def _lost(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)


async def _shield(future: asyncio.Future[None]) -> None:
    import asyncio

    await asyncio.shield(future)


def _make_protocol(worker: Subprocess) -> asyncio.SubprocessProtocol:
    import asyncio

    class Protocol(asyncio.SubprocessProtocol):
        """Passes everything on to the worker; a class of its own because asyncio is imported late."""

        def pipe_data_received(self, fd: int, data: bytes) -> None:
            if fd == 1:
                worker._stdout(data)
            else:
                worker._stderr_data(data)

        def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
            worker._pipe_lost(fd)

        def process_exited(self) -> None:
            code = worker._transport.get_returncode() if worker._transport else None
            worker._exited(-1 if code is None else code)

        def connection_lost(self, exc: Exception | None) -> None:
            worker._finish()
            worker._lost()

        def pause_writing(self) -> None:
            worker._set_writing(False)

        def resume_writing(self) -> None:
            worker._set_writing(True)

    return Protocol()


class Multiplexer(Generic[_Id]):
    """Several requests at once to one worker: routes its messages by their `"id"`.

    Takes over the reading from `worker`, needs no task of its own, and adds no hop. The channels have no
    bound, because one that is not read must not hold up the others: ask for bounded answers (a sentence,
    not a book). When the worker ends, every channel gives what it has and then the error.
    """

    def __init__(self, worker: Subprocess) -> None:
        self.worker = worker
        self._channels: dict[_Id, Channel[Message]] = {}
        self._last_id = 0
        worker._sink = self
        while worker._inbox:
            self._route(worker._inbox.popleft())

    def next_id(self) -> int:
        """An id that was not used before; numbers of one's own are as good."""
        self._last_id += 1
        return self._last_id

    def request(self, id: _Id) -> Channel[Message]:
        """The channel of the messages with that `"id"`: open it before sending, give it back by `done`."""
        from .streams import Channel

        if id in self._channels:
            raise ValueError(f"a request {id!r} to the {self.worker.name} worker is still open")
        channel: Channel[Message] = Channel()
        if self.worker._error is not None:
            channel.fail(self.worker._error)
        else:
            self._channels[id] = channel
        return channel

    def done(self, id: _Id) -> None:
        """Closes the channel; later messages with that id are dropped. Harmless when repeated."""
        channel = self._channels.pop(id, None)
        if channel is not None:
            channel.close()

    async def aclose(self, timeout: float = 1.0) -> None:
        """Closes the worker."""
        await self.worker.aclose(timeout)

    def _route(self, message: Message) -> None:
        id = message[0].get("id")
        channel = self._channels.get(id) if isinstance(id, (int, str)) else None  # type: ignore[arg-type]
        if channel is not None:
            channel.offer(message)

    def _fail(self, error: ProviderConnectionError) -> None:
        channels, self._channels = self._channels, {}
        for channel in channels.values():
            channel.fail(error)


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
        header, size = _decode(text)
        payload = self._reader.read(size) if size else b""
        return (header, payload) if len(payload) == size else None

    def send(self, header: Header, payload: bytes = b"") -> None:
        """Sends a message; from any thread. Raises `BrokenPipeError` when the parent is gone."""
        frame = _encode(header, len(payload))
        with self._lock:
            self._writer.write(frame)
            if payload:
                self._writer.write(payload)
            self._writer.flush()


def worker_io() -> WorkerIO:
    """Takes the pipes of this process for frames; call it first, once, in a worker.

    Afterwards the standard output is the standard error and the standard input is empty, for Python and
    for C alike: a library that prints does not get between the frames. Ctrl-C is left to the parent.
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
