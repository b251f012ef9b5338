"""Worker processes: real ones, that echo, print, flood, die and are killed."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.errors import ProviderConnectionError
from antiphon.holding import hold
from antiphon.subprocesses import Multiplexer, Subprocess
from antiphon.subprocesses.pipes import MAX_PAYLOAD, Parser, encode
from antiphon.testing import virtual_time

WORKER = "echo_worker"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="looks at POSIX processes")


@pytest.fixture(autouse=True)
def worker_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    threads = set(threading.enumerate())
    yield
    gc.collect()  # a transport that was left open warns here
    for thread in set(threading.enumerate()) - threads:
        thread.join(timeout=5)  # asyncio's own thread that waits for the process
        assert not thread.is_alive(), f"{thread} is left over"


def run(test: Callable[[Subprocess], Awaitable[None]], *args: str) -> None:
    async def main() -> None:
        worker = await Subprocess.open(WORKER, *args, name="acme")
        try:
            await test(worker)
        finally:
            await worker.aclose()
        if sys.platform != "win32":
            with pytest.raises(ProcessLookupError):  # not even a zombie is left
                os.kill(worker.pid, 0)

    asyncio.run(main())


def when_paused(worker: Subprocess) -> asyncio.Event:
    """Set when the worker is made to wait."""
    paused = asyncio.Event()
    set_reading = worker._set_reading

    def spy(on: bool) -> None:
        set_reading(on)
        if not on:
            paused.set()

    worker._set_reading = spy  # type: ignore[method-assign]
    return paused


def test_a_message_comes_back_with_its_payload() -> None:
    async def test(worker: Subprocess) -> None:
        await worker.send({"do": "echo", "text": "grüß Gott 🎶"}, b"\x00\x01\x02")
        assert await worker.receive() == (
            {"do": "echo", "text": "grüß Gott 🎶", "size": 3},
            b"\x00\x01\x02",
        )

    run(test)


def test_five_megabytes_go_both_ways() -> None:
    payload = bytes(range(256)) * (5 * 1024 * 1024 // 256)

    async def test(worker: Subprocess) -> None:
        sending = asyncio.create_task(worker.send({"do": "echo"}, payload))
        header, echoed = await worker.receive()
        await sending
        assert header["size"] == len(payload)
        assert echoed == payload

    run(test)


def test_a_worker_that_is_not_read_is_made_to_wait_and_loses_nothing() -> None:
    async def test(worker: Subprocess) -> None:
        paused = when_paused(worker)
        await worker.send({"do": "flood", "count": 64, "bytes": 1024 * 1024})
        first, _ = await worker.receive()
        await paused.wait()
        assert worker._inbox_bytes < 12 * 1024 * 1024
        numbers = [first["number"]] + [(await worker.receive())[0]["number"] for _ in range(63)]
        assert numbers == list(range(64))

    run(test)


def test_what_a_worker_prints_does_not_get_between_the_frames(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(worker: Subprocess) -> None:
        with caplog.at_level(logging.DEBUG, "antiphon.acme"):
            await worker.send({"do": "print"})
            assert await worker.receive() == ({"printed": True}, b"")
            await worker.aclose()
        assert [record.getMessage() for record in caplog.records] == [
            "worker: from print",
            "worker: from a C library",
        ]

    run(test)


@posix_only
def test_a_worker_has_no_stdin_and_a_process_group_of_its_own() -> None:
    async def test(worker: Subprocess) -> None:
        await worker.send({"do": "stdin"})
        header, _ = await worker.receive()
        assert header == {"read": "", "pid": worker.pid, "session": worker.pid}

    run(test)


@posix_only
def test_ctrl_c_is_left_to_the_parent() -> None:
    async def test(worker: Subprocess) -> None:
        os.kill(worker.pid, signal.SIGINT)
        await worker.send({"do": "echo"})
        assert await worker.receive() == ({"do": "echo", "size": 0}, b"")

    run(test)


@posix_only
def test_a_killed_worker_is_an_error_that_names_its_exit_code() -> None:
    async def test(worker: Subprocess) -> None:
        waiting = asyncio.create_task(worker.receive())
        await asyncio.sleep(0)
        os.kill(worker.pid, signal.SIGKILL)
        message = (
            f"the acme worker (pid {worker.pid}) ended with exit code -9; "
            "it wrote nothing to stderr"
        )
        with pytest.raises(ProviderConnectionError) as caught:
            await waiting
        assert str(caught.value) == message
        assert caught.value.retryable
        assert caught.value.provider == "acme"
        assert not worker.alive
        for ask in (worker.receive(), worker.send({"do": "echo"})):
            with pytest.raises(ProviderConnectionError) as caught:
                await ask
            assert str(caught.value) == message

    run(test)


def test_a_dying_worker_is_quoted_and_what_it_said_before_is_still_received() -> None:
    async def test(worker: Subprocess) -> None:
        worker.post({"do": "echo"})
        worker.post({"do": "die", "words": "out of memory", "code": 7})
        assert await worker.receive() == ({"do": "echo", "size": 0}, b"")
        with pytest.raises(ProviderConnectionError) as caught:
            await worker.receive()
        assert str(caught.value) == (
            f"the acme worker (pid {worker.pid}) ended with exit code 7; "
            "its last words: out of memory"
        )

    run(test)


def test_only_the_tail_of_long_last_words_is_quoted() -> None:
    words = "".join(f"line {number:04}\n" for number in range(1000))

    async def test(worker: Subprocess) -> None:
        await worker.send({"do": "die", "words": words, "code": 1})
        with pytest.raises(ProviderConnectionError) as caught:
            await worker.receive()
        quoted = str(caught.value).split("its last words: ")[1]
        assert quoted == (words + "\n").encode()[-2048:].decode().strip()

    run(test)


@posix_only
def test_a_crash_in_c_leaves_its_stack() -> None:
    async def test(worker: Subprocess) -> None:
        await worker.send({"do": "crash"})
        with pytest.raises(ProviderConnectionError, match=r"exit code -11; .*Segmentation fault"):
            await worker.receive()

    run(test)


def test_a_worker_that_closes_its_output_is_not_waited_for() -> None:
    async def test(worker: Subprocess) -> None:
        await worker.send({"do": "hush"})
        with pytest.raises(ProviderConnectionError) as caught:
            await worker.receive()
        assert str(caught.value) in (
            f"the acme worker (pid {worker.pid}) closed its output; it wrote nothing to stderr",
            f"the acme worker (pid {worker.pid}) ended with exit code 0; "
            "it wrote nothing to stderr",
        )

    run(test)


def failed_start(*args: str, timeout: float = 10.0) -> str:
    async def main() -> str:
        with pytest.raises(ProviderConnectionError) as caught:
            await Subprocess.open(WORKER, *args, name="acme", start_timeout=timeout)
        return str(caught.value)

    message = asyncio.run(main())
    before, _, rest = message.partition("(pid ")
    return before + rest.partition(") ")[2]


def test_a_worker_that_dies_at_the_start_is_quoted() -> None:
    assert failed_start("exit") == (
        "the acme worker ended with exit code 3; its last words: no model at '/models/x'"
    )


def test_a_worker_that_stays_silent_is_given_up() -> None:
    assert failed_start("silent", timeout=0.3).startswith(
        "the acme worker was not ready within 0.3 s; "
    )


def test_a_worker_that_speaks_no_frames_is_given_up() -> None:
    assert failed_start("rude") == (
        "the acme worker sent a frame that cannot be read (a header of an impossible size); "
        "it wrote nothing to stderr"
    )


def test_a_worker_that_does_not_say_hello_first_is_given_up() -> None:
    assert failed_start("impatient") == (
        "the acme worker said something else before its hello; it wrote nothing to stderr"
    )


def test_a_module_that_does_not_exist_is_named() -> None:
    async def main() -> None:
        with pytest.raises(ProviderConnectionError, match="No module named no_such_worker"):
            await Subprocess.open("no_such_worker", name="acme")

    asyncio.run(main())


def test_an_interpreter_that_cannot_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")

    async def main() -> None:
        with pytest.raises(ProviderConnectionError) as caught:
            await Subprocess.open(WORKER, name="acme")
        assert str(caught.value) == (
            "the acme worker could not be started: "
            "[Errno 2] No such file or directory: '/nowhere/python'"
        )

    asyncio.run(main())


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 100])
def test_opening_can_be_cancelled_and_leaves_no_process(steps: int) -> None:
    async def main() -> None:
        opening = asyncio.create_task(Subprocess.open(WORKER, "silent", name="acme"))
        for _ in range(steps):
            await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    asyncio.run(main())


def test_a_worker_says_what_it_is() -> None:
    async def test(worker: Subprocess) -> None:
        assert worker.hello == {"voices": ["a", "b"]}

    run(test, "named")


def test_closing_is_idempotent_and_ends_whoever_waits() -> None:
    async def test(worker: Subprocess) -> None:
        waiting = asyncio.create_task(worker.receive())
        await asyncio.sleep(0)
        await asyncio.gather(worker.aclose(), worker.aclose())
        await worker.aclose()
        for ask in (waiting, worker.send({"do": "echo"}), worker.receive()):
            with pytest.raises(ProviderConnectionError) as caught:
                await ask
            assert str(caught.value) == f"the acme worker (pid {worker.pid}) was closed"

    run(test)


def test_closing_a_worker_that_is_not_read_does_not_hang() -> None:
    async def test(worker: Subprocess) -> None:
        paused = when_paused(worker)
        await worker.send({"do": "flood", "count": 40, "bytes": 1024 * 1024})
        await paused.wait()
        await worker.aclose(timeout=0.2)

    run(test)


@posix_only
def test_a_worker_that_does_not_listen_is_killed() -> None:
    async def test(worker: Subprocess) -> None:
        await worker.send({"do": "echo"})
        await worker.aclose(timeout=0.1)
        assert worker._exit_code == -signal.SIGKILL

    run(test, "stubborn")


def test_a_worker_that_ended_by_itself_needs_no_closing() -> None:
    async def main() -> None:
        worker = await Subprocess.open(WORKER, name="acme")
        worker.kill()
        with pytest.raises(ProviderConnectionError):
            await worker.receive()

    asyncio.run(main())


@posix_only
def test_a_worker_does_not_outlive_its_parent() -> None:
    parent = (
        "import asyncio, os\n"
        "from antiphon.subprocesses import Subprocess\n"
        "async def main():\n"
        f"    worker = await Subprocess.open({WORKER!r}, name='acme')\n"
        "    print(worker.pid, flush=True)\n"
        "    os._exit(0)\n"
        "asyncio.run(main())\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", parent],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
    )
    pid = int(done.stdout)
    for _ in range(10_000):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        os.sched_yield()
    raise AssertionError(f"the worker {pid} is still there")


def test_requests_are_routed_by_id() -> None:
    async def test(worker: Subprocess) -> None:
        many = Multiplexer(worker)
        one, two = many.request(many.next_id()), many.request("two")
        worker.post({"do": "make", "id": "two", "bytes": 2})
        worker.post({"do": "make", "id": "gone", "bytes": 3})
        worker.post({"do": "make", "id": 1, "bytes": 1})
        worker.post({"do": "make", "id": 1, "bytes": 4})
        assert await anext(one) == ({"id": 1}, bytes(1))
        assert await anext(one) == ({"id": 1}, bytes(4))
        assert await anext(two) == ({"id": "two"}, bytes(2))
        assert len(one) == len(two) == 0
        with pytest.raises(ValueError) as caught:
            many.request("two")
        assert str(caught.value) == "a request 'two' to the acme worker is still open"
        with pytest.raises(RuntimeError, match="the messages of the acme worker go to"):
            await worker.receive()

    run(test)


def test_what_comes_for_a_request_that_is_done_is_dropped() -> None:
    async def test(worker: Subprocess) -> None:
        many = Multiplexer(worker)
        old = many.request(1)
        worker.post({"do": "flood", "id": 1, "count": 100, "bytes": 10_000})
        await anext(old)
        many.done(1)
        many.done(1)
        new = many.request(2)
        worker.post({"do": "make", "id": 2, "bytes": 2})
        assert [message async for message in old if message[0]["number"] > 50] == []
        assert await anext(new) == ({"id": 2}, bytes(2))

    run(test)


@posix_only
def test_every_request_fails_when_the_worker_dies() -> None:
    async def test(worker: Subprocess) -> None:
        many = Multiplexer(worker)
        channels: list[Any] = [many.request(number) for number in range(3)]
        worker.post({"do": "make", "id": 0, "bytes": 1})
        assert await anext(channels[0]) == ({"id": 0}, bytes(1))
        os.kill(worker.pid, signal.SIGKILL)
        for channel in channels:
            with pytest.raises(ProviderConnectionError, match="ended with exit code -9"):
                await anext(channel)
        with pytest.raises(ProviderConnectionError, match="ended with exit code -9"):
            await anext(many.request(4))
        await many.aclose()

    run(test)


def test_frames_may_be_cut_anywhere() -> None:
    stream = b"".join(
        encode({"id": number}, number) + bytes([number]) * number for number in range(5)
    )
    for step in (1, 3, 7, len(stream)):
        parser = Parser()
        messages = [
            message
            for start in range(0, len(stream), step)
            for message in parser.push(stream[start : start + step])
        ]
        assert messages == [({"id": n}, bytes([n]) * n) for n in range(5)]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (b"\xff\xff\xff\xff", "a header of an impossible size"),
        (b"\x00\x00\x00\x00", "a header of an impossible size"),
        (b"\x02\x00\x00\x00[]", "not an object"),
        (b'\x0e\x00\x00\x00{"payload":-1}', "a payload of an impossible size"),
        (b'\x0f\x00\x00\x00{"payload":"x"}', "a payload of an impossible size"),
    ],
)
def test_a_stream_that_makes_no_sense_is_refused(frame: bytes, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Parser().push(frame)
    assert str(caught.value) == message


def test_a_frame_that_nobody_could_read_is_not_sent() -> None:
    with pytest.raises(ValueError) as caught:
        encode({"payload": 1}, 0)
    assert str(caught.value) == "the header of a frame has a key 'payload', which is reserved"
    with pytest.raises(ValueError) as caught:
        encode({}, MAX_PAYLOAD + 1)
    assert str(caught.value) == "a payload of 268435457 bytes is over 268435456; send it in pieces"


def test_a_worker_imports_no_asyncio() -> None:
    code = (
        "import sys; sys.modules['antiphon'] = type(sys)('antiphon'); "
        "sys.modules['antiphon'].__path__ = [sys.argv[1]]; "
        "import antiphon.subprocesses; "
        "print([m for m in ('asyncio', 'logging', 'subprocess', 'numpy') if m in sys.modules])"
    )
    import antiphon

    done = subprocess.run(
        [sys.executable, "-c", code, antiphon.__path__[0]],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert done.stdout == "[]\n"


def test_in_virtual_time_a_worker_takes_no_time_and_is_still_given_up() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        worker = await Subprocess.open(WORKER, name="acme")
        async with hold("the worker answers"):
            await worker.send({"do": "echo"}, bytes(1024 * 1024))
            assert (await worker.receive())[0] == {"do": "echo", "size": 1024 * 1024}
        await worker.aclose()
        stubborn = await Subprocess.open(WORKER, "stubborn", name="acme")
        stubborn.post({})
        await stubborn.aclose(timeout=0.1)
        with pytest.raises(ProviderConnectionError, match=r"was not ready within 0\.3 s"):
            await Subprocess.open(WORKER, "silent", name="acme", start_timeout=0.3)
        assert loop.time() == 0.0
        await asyncio.sleep(3600)

    virtual_time.run(main)


def test_a_multiplexer_takes_what_came_before_it() -> None:
    async def test(worker: Subprocess) -> None:
        paused = when_paused(worker)
        worker.post({"do": "flood", "id": 1, "count": 40, "bytes": 1024 * 1024})
        await paused.wait()
        many = Multiplexer(worker)  # those that came are for nobody: it did not ask for them
        answers = many.request(2)
        worker.post({"do": "make", "id": 2, "bytes": 2})
        assert await anext(answers) == ({"id": 2}, bytes(2))

    run(test)
