"""A worker for the tests of antiphon.subprocesses: does what the header's "do" says."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from antiphon.subprocesses import WorkerIO, worker_io


def _print_garbage() -> None:
    print("from print", flush=True)
    os.write(1, b"from a C library\n")


def _answer(io: WorkerIO, header: dict[str, Any], payload: bytes) -> None:
    match header["do"]:
        case "echo":
            io.send({**header, "size": len(payload)}, payload)
        case "make":
            io.send({"id": header.get("id")}, bytes(header["bytes"]))
        case "flood":
            for number in range(header["count"]):
                io.send({"id": header.get("id"), "number": number}, bytes(header["bytes"]))
        case "print":
            _print_garbage()
            io.send({"printed": True})
        case "stdin":
            io.send({"read": sys.stdin.read(), "pid": os.getpid(), "session": os.getpgrp()})
        case "die":
            print(header["words"], file=sys.stderr, flush=True)
            os._exit(header["code"])
        case "crash":
            import ctypes

            ctypes.string_at(0)
        case "hush":
            os.close(io._writer.fileno())
            sys.stdin.read()


def main() -> None:
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    if mode == "exit":
        print("no model at '/models/x'", file=sys.stderr)
        sys.exit(3)
    io = worker_io()
    if mode == "silent":
        print("loading, loading", file=sys.stderr, flush=True)
        io._reader.read()
        return
    if mode == "rude":
        io._writer.write(b"Hello, I am a worker!")
        io._writer.flush()
        io._reader.read()
        return
    if mode == "impatient":
        io.send({"id": 1})
        io._reader.read()
        return
    if mode == "named":
        io.hello(voices=["a", "b"])
    while (message := io.receive()) is not None:
        if mode == "stubborn":
            threading.Event().wait()
        _answer(io, *message)


if __name__ == "__main__":
    main()
