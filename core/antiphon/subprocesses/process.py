"""Worker processes that speak framed messages over their pipes.

For providers whose model must live in a process of its own: because it holds the GIL, keeps global
state, may crash, or has a licence of its own. The parent side is `Subprocess`, with `Multiplexer`
for several requests at once; the child side is `worker_io()`:

    def main() -> None:                                     # python -m acme_speech.worker
        io = worker_io()
        model = load_model()
        while (message := io.receive()) is not None:        # the first call says that it is ready
            header, payload = message
            io.send({"id": header["id"]}, model.run(payload))

A worker must end when `receive` returns None: so it never outlives its parent. Messages are a JSON
object and, if wanted, bytes (`antiphon.subprocesses.pipes`).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from .multiplexer import Multiplexer
from .pipes import Header, LastWords, Message, Parser, encode, worker_environment

# A worker imports this module too and has to start fast: asyncio, logging and the rest of antiphon
# are imported by what only the parent runs.
if TYPE_CHECKING:
    import asyncio

    from ..errors import ProviderConnectionError

_HIGH_WATER = 8 * 1024 * 1024
"""Bytes that wait for `receive`, above which the worker is made to wait."""


class Subprocess:
    """A worker process that speaks framed messages over its pipes.

    Made by `open`, closed by `aclose`. One task may wait in `receive`; any number may `send`. Its
    death is told to whoever waits or asks next, as a `ProviderConnectionError`. What it writes to
    stderr (or prints) is logged at debug by `antiphon.<name>`; that error quotes the last 2 kB. It
    has a process group of its own: Ctrl-C in the terminal does not reach it.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.pid = 0
        """The process id, also after its end."""
        self.hello: dict[str, Any] = {}
        """What the worker said of itself when it was ready."""
        self._loop = loop
        self._transport: asyncio.SubprocessTransport | None = None
        self._parser = Parser()
        self._inbox: deque[Message] = deque()
        self._inbox_bytes = 0
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []
        self._sink: Multiplexer | None = None
        self._words = LastWords(name)
        self._stdin_open = True
        self._stdout_open = True
        self._stderr_open = True
        self._writing_paused = False
        self._reading_paused = False
        self._closing = False
        self._fault: str | None = None
        self._exit_code: int | None = None
        self._error: ProviderConnectionError | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._gone: asyncio.Future[None] = loop.create_future()

    @classmethod
    async def open(
        cls, module: str, *args: str, name: str, start_timeout: float = 10.0
    ) -> Subprocess:
        """Runs `python -m module args` and waits until it is ready (see `WorkerIO.receive`).

        `name` is the provider's, for messages. `start_timeout` is in real seconds. The worker
        imports from the same places as this process. Raises `ProviderConnectionError`, with the
        worker's last words, when it dies or stays silent.
        """
        import asyncio
        import subprocess

        from ..errors import ProviderConnectionError
        from ..holding import hold

        options: dict[str, Any] = {}
        if sys.platform == "win32":
            options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
        else:
            options["start_new_session"] = True
        loop = asyncio.get_running_loop()
        worker = cls(name, loop)
        protocol = _make_protocol(worker)
        async with hold(f"the {name} worker is starting"):
            try:
                # -P: a file of the working directory must not stand in for a module of the library.
                await loop.subprocess_exec(
                    lambda: protocol,
                    *(sys.executable, "-P", "-m", module, *args),
                    env=worker_environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    **options,
                )
            except OSError as error:
                raise ProviderConnectionError(
                    f"the {name} worker could not be started: {error}", provider=name
                ) from error

            try:
                with worker._deadline(start_timeout, f"was not ready within {start_timeout:g} s"):
                    worker.hello = await worker._await_hello()
            except BaseException:
                worker.kill()
                await worker.aclose()
                raise
        return worker

    async def _await_hello(self) -> dict[str, Any]:
        header, _ = await self.receive()
        if "hello" in header:
            return dict(header["hello"])
        self._fault = "said something else before its hello"
        self.kill()
        while True:  # up to the error
            await self.receive()

    @contextmanager
    def _deadline(self, seconds: float, fault: str | None = None) -> Iterator[None]:
        """Kills the worker unless the block ends in time: real time, also on a virtual clock."""
        import threading

        in_time = False

        def kill() -> None:
            if not in_time:
                self._fault = fault
                self.kill()

        def fire() -> None:
            try:
                self._loop.call_soon_threadsafe(kill)
            except RuntimeError:  # the loop is closed: there is nobody left to tell
                pass

        timer = threading.Timer(seconds, fire)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            in_time = True
            timer.cancel()
            timer.join()  # it has been told to end: no thread is left behind

    @property
    def alive(self) -> bool:
        """Whether it can still be asked something, as far as is known."""
        return (
            self._exit_code is None and self._stdin_open and self._stdout_open and not self._closing
        )

    async def send(self, header: Header, payload: bytes = b"") -> None:
        """Sends a message, and waits while the worker is behind with reading."""
        self.post(header, payload)
        while self._writing_paused:
            waiter = self._loop.create_future()
            self._writers.append(waiter)
            await waiter
        if not self.alive:
            await self._wait_gone()  # the end has begun
            raise self._error or self._ending()

    def post(self, header: Header, payload: bytes = b"") -> None:
        """Sends a message without waiting, for small things: what the pipe cannot take is kept."""
        frame = encode(header, len(payload))
        if self._transport is None or not self.alive:
            raise self._error or self._ending()
        pipe: Any = self._transport.get_pipe_transport(0)
        pipe.write(frame)
        if payload:
            pipe.write(payload)

    async def receive(self) -> Message:
        """The next message; `ProviderConnectionError` after the last one of a worker that ended."""
        if self._sink is not None:
            raise RuntimeError(f"the messages of the {self.name} worker go to a multiplexer")
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

    def divert(self, sink: Multiplexer) -> None:
        """Hands all messages, from those that wait on, and the end to `sink`, not to `receive`."""
        self._sink = sink
        while self._inbox:
            sink.route(self._inbox.popleft())
        self._inbox_bytes = 0
        if self._reading_paused:
            self._set_reading(True)
        if self._error is not None:
            sink.fail(self._error)

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
        from ..holding import hold

        transport = self._transport
        if transport is None or self._gone.done():
            return
        self._closing = True
        async with hold(f"the {self.name} worker is closing"):
            pipe: Any = transport.get_pipe_transport(0)
            pipe.close()
            if self._reading_paused:
                self._set_reading(True)  # its end shows only when everything before it is read
            try:
                with self._deadline(timeout):
                    await self._wait_gone()
            except BaseException:
                self.kill()
                raise

    async def _wait_gone(self) -> None:
        import asyncio

        # Shielded: a waiting task that is cancelled must not take the others along.
        await asyncio.shield(self._gone)

    def _ending(self) -> ProviderConnectionError:
        from ..errors import ProviderConnectionError

        who = f"the {self.name} worker (pid {self.pid})"
        words = str(self._words)
        if self._closing:
            message = f"{who} was closed"
        else:
            what = f"ended with exit code {self._exit_code}"
            if self._exit_code is None:
                what = "closed its output"
            rest = f"its last words: {words}" if words else "it wrote nothing to stderr"
            message = f"{who} {self._fault or what}; {rest}"
        return ProviderConnectionError(message, provider=self.name)

    # Called by the protocol, on the loop.

    def _stdout(self, data: bytes) -> None:
        if self._fault is not None:
            return
        try:
            messages = self._parser.push(data)
        except ValueError as error:
            self._fault = f"sent a frame that cannot be read ({error})"
            self.kill()
            return
        for message in messages:
            if self._sink is not None:
                self._sink.route(message)
            else:
                self._inbox.append(message)
                self._inbox_bytes += len(message[1])
        self._wake_reader()
        if self._inbox_bytes > _HIGH_WATER and not self._reading_paused and self.alive:
            self._set_reading(False)

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
            self._stdin_open = False
            self._set_writing(True)
        elif fd == 1:
            self._stdout_open = False
        else:
            self._stderr_open = False
        if fd != 2 or self._exit_code is not None:
            self._check_end()

    def _exited(self, code: int) -> None:
        self._exit_code = code
        if self._reading_paused:
            self._set_reading(True)  # the little that is left in the pipe
        self._check_end()

    def _check_end(self) -> None:
        """Ends when nothing more can come; half a second is given to what is still missing.

        A worker that has closed its output or input is of no use, but its exit code is worth a
        moment; its stderr may be held open by a process that it started.
        """
        if self._error is not None or self._transport is None:
            return
        exited = self._exit_code is not None
        if exited and not self._stdout_open and not self._stderr_open:
            self._finish()
        elif self._grace is None and (exited or not self._closing):
            self._grace = self._loop.call_later(0.5, self._finish)

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
            self._sink.fail(self._error)


def _make_protocol(worker: Subprocess) -> asyncio.SubprocessProtocol:
    import asyncio

    class Protocol(asyncio.SubprocessProtocol):
        """Passes everything on to the worker; here because asyncio is imported late."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            worker._transport = cast(asyncio.SubprocessTransport, transport)
            worker.pid = worker._transport.get_pid()

        def pipe_data_received(self, fd: int, data: bytes) -> None:
            if fd == 1:
                worker._stdout(data)
            else:
                worker._words.push(data)

        def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
            worker._pipe_lost(fd)

        def process_exited(self) -> None:
            code = worker._transport.get_returncode() if worker._transport else None
            worker._exited(-1 if code is None else code)

        def connection_lost(self, exc: Exception | None) -> None:
            worker._finish()
            worker._gone.set_result(None)

        def pause_writing(self) -> None:
            worker._set_writing(False)

        def resume_writing(self) -> None:
            worker._set_writing(True)

    return Protocol()
