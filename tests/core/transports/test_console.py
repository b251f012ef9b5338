from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
import threading

import pytest

from antiphon.audio import AudioFrame
from antiphon.errors import TransportError
from antiphon.transports.console import ConsoleTransport

pytestmark = pytest.mark.real_time


class Reading:
    def __init__(self) -> None:
        self.got: asyncio.Queue[str] = asyncio.Queue()

    def text(self, text: str) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.got.put_nowait(text)

    def closed(self, reason: str) -> None:
        self.got.put_nowait(f"closed: {reason}")

    def audio(self, frame: AudioFrame) -> None:
        raise AssertionError(frame)

    def dtmf(self, digit: str) -> None:
        raise AssertionError(digit)

    async def everything(self) -> list[str]:
        lines: list[str] = []
        while not lines or not lines[-1].startswith("closed: "):
            lines.append(await self.got.get())
        return lines


def reader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "antiphon console"]


async def test_each_line_is_a_turn_and_the_end_of_input_hangs_up() -> None:
    read, write = os.pipe()
    transport, sink = ConsoleTransport(fd=read), Reading()
    assert not transport.capabilities.audio_in and not transport.capabilities.audio_out
    await transport.start(sink)
    os.write(write, b"hello\n")
    assert await sink.got.get() == "hello"
    # pieces may break anywhere, in the middle of a character too
    os.write(write, b"  gr\xc3")
    os.write(write, b"\xbc\xc3\x9f dich \r\n\n \nlast ")
    assert await sink.got.get() == "gr\u00fc\u00df dich"
    os.write(write, b"words")
    os.close(write)
    assert await sink.everything() == ["last words", "closed: input_ended"]
    await transport.aclose()
    os.close(read)
    with pytest.raises(TransportError) as caught:
        transport.push(AudioFrame(b"ab", 16000), "a")
    assert str(caught.value) == "this transport plays no audio"


async def test_closing_ends_the_thread_though_nobody_types() -> None:
    read, write = os.pipe()
    transport, sink = ConsoleTransport(fd=read), Reading()
    before = reader_threads()  # of an earlier test, about to end
    await transport.start(sink)
    (thread,) = [each for each in reader_threads() if each not in before]
    assert thread.daemon
    await transport.aclose()
    await transport.aclose()
    if sys.platform != "win32":
        await asyncio.to_thread(thread.join, 5)
        assert not thread.is_alive()
    os.write(write, b"too late\n")
    await asyncio.sleep(0)
    assert sink.got.empty()
    with pytest.raises(TransportError) as caught:
        await transport.start(sink)
    assert str(caught.value) == "a console can be started once; make a new ConsoleTransport"
    os.close(write)
    if sys.platform != "win32":
        os.close(read)


async def test_a_line_without_an_end_is_bounded_and_bad_bytes_are_replaced() -> None:
    read, write = os.pipe()
    transport, sink = ConsoleTransport(fd=read), Reading()
    await transport.start(sink)

    def type_a_lot() -> None:
        os.write(write, b"\xff\n")
        for _ in range(100):
            os.write(write, b"x" * 1000)
        os.close(write)

    typist = asyncio.to_thread(type_a_lot)
    lines = (await asyncio.gather(typist, sink.everything()))[1]
    assert lines[0] == "\ufffd"
    assert lines[-1] == "closed: input_ended"
    assert sum(map(len, lines[1:-1])) == 100_000
    assert all(len(line) <= 65536 + 4096 for line in lines[1:-1]) and len(lines) == 4
    await transport.aclose()
    os.close(read)


async def test_standard_input_may_be_replaced_by_any_text_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("one\ntwo\n"))
    transport, sink = ConsoleTransport(), Reading()
    await transport.start(sink)
    assert await sink.everything() == ["one", "two", "closed: input_ended"]
    await transport.aclose()


async def test_without_standard_input_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TransportError) as caught:
        await ConsoleTransport().start(Reading())
    assert str(caught.value) == ("there is no standard input to type into; run it in a terminal")


async def test_an_input_that_breaks_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.StringIO):
        def readline(self, size: int | None = -1) -> str:  # type: ignore[override]
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(sys, "stdin", Broken())
    transport, sink = ConsoleTransport(), Reading()
    await transport.start(sink)
    assert await sink.everything() == ["closed: connection_lost"]
    await transport.aclose()


PROGRAM = """
import asyncio, sys
from antiphon.transports.console import ConsoleTransport

class Sink:
    def text(self, text):
        print("got", ascii(text), flush=True)
        if text == "leave":
            left.set_result(None)
    def closed(self, reason):
        print("closed", reason, flush=True)
        left.set_result(None)

async def main():
    global left
    left = asyncio.get_running_loop().create_future()
    transport = ConsoleTransport()
    await transport.start(Sink())
    print("ready", flush=True)
    await left
    if "--close" in sys.argv:
        await transport.aclose()

asyncio.run(main())
print("done", flush=True)
"""


def program(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-X", "utf8", "-c", PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


@pytest.mark.parametrize("arguments", [("--close",), ()])
def test_a_process_ends_though_its_input_stays_open(arguments: tuple[str, ...]) -> None:
    with program(*arguments) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("h\u00e9llo\nleave\n")
        process.stdin.flush()
        output = process.stdout.read()  # to its end, while standard input is still open
        assert output == "ready\ngot 'h\\xe9llo'\ngot 'leave'\ndone\n"
        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""


def test_a_process_ends_at_the_end_of_a_file(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("console") / "lines.txt"
    path.write_text("one\ntwo", encoding="utf-8")
    with path.open("rb") as lines:
        done = subprocess.run(
            [sys.executable, "-X", "utf8", "-c", PROGRAM, "--close"],
            stdin=lines,
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=15,
        )
    assert done.stdout == "ready\ngot 'one'\ngot 'two'\nclosed input_ended\ndone\n"
    assert done.stderr == ""
