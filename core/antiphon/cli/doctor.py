"""`antiphon doctor`: what there is to know about this machine, to be pasted into an issue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..registry import Registry

_PACKAGES = ("numpy", "pluggy", "pydantic", "soxr", "typer")


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Shows what an issue should say of this machine: versions, sound, keys (set or not)."""
    import os

    from ..registry import default_registry
    from .output import show_json, show_table

    found = examine(default_registry(), os.environ)
    if as_json:
        show_json(found)
        return
    rows = [(name, str(found[name])) for name in ("antiphon", "python", "platform")]
    rows += [("packages", ", ".join(f"{name} {at}" for name, at in found["packages"].items()))]
    rows += [(f"audio {name}", text) for name, text in found["audio"].items()]
    rows += [("loopback", found["loopback"])]
    rows += [
        (f"key {name}", "set" if there else "not set") for name, there in found["keys"].items()
    ]
    for each in found["providers"]:
        said = each["state"] if each["state"] == "ready" else f"{each['state']}: {each['detail']}"
        version = f"{each['distribution']} {each['version']}".strip() or "added by hand"
        rows.append((f"provider {each['name']}", f"{version}, {said}"))
    show_table(("what", "found"), rows)


def examine(registry: Registry, environ: Mapping[str, str]) -> dict[str, Any]:
    """Everything that `antiphon doctor` tells, as JSON-able values."""
    import platform
    import sys

    from .._version import __version__
    from .providers import describe_all

    return {
        "antiphon": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "executable": sys.executable,
        "packages": _packages(),
        "audio": audio_devices(),
        "loopback": check_loopback(),
        "keys": keys(registry, environ),
        "providers": [
            {name: each[name] for name in ("name", "version", "distribution", "state", "detail")}
            for each in describe_all(registry)
        ],
    }


def keys(registry: Registry, environ: Mapping[str, str]) -> dict[str, bool]:
    """The environment variables that installed providers look at, and whether they are set."""
    from ..errors import ConfigurationError

    found: dict[str, bool] = {}
    for name in registry.names():
        try:
            credentials = registry.describe(name).credentials
        except ConfigurationError:
            continue
        for alternative in () if credentials is None else credentials.alternatives:
            for variable in alternative.names:
                found[variable] = bool(environ.get(variable))
    return dict(sorted(found.items()))


def audio_devices() -> dict[str, str]:
    """The microphone and the loudspeaker that would be used, or the sentence why there is none."""
    from .sound import why_no_microphone

    why = why_no_microphone()
    if why is not None:
        return {"devices": why}
    import sounddevice

    return {
        "input": str(sounddevice.query_devices(kind="input")["name"]),
        "output": str(sounddevice.query_devices(kind="output")["name"]),
    }


def check_loopback() -> str:
    """`"ok"`, or why two sockets of this machine cannot talk to each other."""
    import socket

    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(2.0)
            with socket.create_connection(server.getsockname(), timeout=2.0) as caller:
                called, _ = server.accept()
                with called:
                    caller.sendall(b"antiphon")
                    called.settimeout(2.0)
                    answer = called.recv(8)
    except OSError as error:
        return f"127.0.0.1 cannot be used: {error}"
    return "ok" if answer == b"antiphon" else f"127.0.0.1 gave {answer!r} for b'antiphon'"


def _packages() -> dict[str, str]:
    import importlib_metadata

    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib_metadata.version(name)
        except importlib_metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
