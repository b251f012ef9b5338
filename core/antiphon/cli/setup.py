"""`antiphon setup NAME`: installs what a provider needs, by the command that it declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..registry import Registry


def setup(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The provider, e.g. acme.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
) -> None:
    """Installs what a provider needs: shows the command and asks before it runs it."""
    import importlib

    from ..errors import ConfigurationError
    from ..registry import default_registry

    registry = default_registry()
    command = install_command(registry, name)
    if command is None:
        print(nothing_to_install(registry, name))
        return
    steps = commands(command)
    for step in steps:
        print(shown(step))
    if not yes:
        typer.confirm(f"run {'this' if len(steps) == 1 else 'these'} now?", abort=True)
    for step in steps:
        code = _run(step)
        if code != 0:
            raise ConfigurationError(
                f"{shown(step)} ended with exit code {code}; nothing after it was run"
            )
    importlib.invalidate_caches()
    readiness = registry.readiness(name)
    print(f"{name}: {readiness.state}" if readiness.state == "ready" else readiness.detail)
    if readiness.state in ("broken", "needs extra"):
        raise typer.Exit(1)


def install_command(registry: Registry, name: str) -> str | None:
    """The command that installs what the provider still needs; None when that is nothing.

    The descriptor's own, else the extra or the packages that it requires. One that requires no
    package by name but declares a command gets it every time: what it does cannot be seen.

    Raises `ProviderNotFound`, or `ProviderUnavailable` for a provider that is broken.
    """
    from ..registry.requirements import missing_packages

    provider = registry.describe(name)
    missing = missing_packages(provider)
    if provider.requires and not missing:
        return None
    if provider.install:
        return provider.install
    if not missing:
        return None
    if registry.find(name).distribution == "antiphon":
        return f'pip install "antiphon[{name}]"'
    return f"pip install {' '.join(missing)}"


def nothing_to_install(registry: Registry, name: str) -> str:
    """What to say when there is nothing to install: what it has, and what else it needs."""
    provider = registry.describe(name)
    has = (
        f"has everything it needs ({', '.join(provider.requires)})"
        if provider.requires
        else "needs no package"
    )
    readiness = registry.readiness(name)
    more = f"; {readiness.detail}" if readiness.state == "needs key" else ""
    return f"provider {name!r} {has}: there is nothing to install{more}"


def commands(
    command: str,
    *,
    has_pip: bool | None = None,
    which: Callable[[str], str | None] | None = None,
) -> list[list[str]]:
    """The programs to run for a command as it is written for people, joined by ` && `.

    A leading `pip` installs into this very environment: `python -m pip` where pip can be imported,
    else `uv pip`. Raises `ConfigurationError` when there is neither.
    """
    import importlib.util
    import shlex
    import shutil

    if has_pip is None:
        has_pip = importlib.util.find_spec("pip") is not None
    found = which or shutil.which
    return [_program(shlex.split(step), has_pip, found) for step in command.split(" && ")]


def _program(words: list[str], has_pip: bool, which: Callable[[str], str | None]) -> list[str]:
    import sys

    from ..errors import ConfigurationError

    if words[:1] != ["pip"]:
        return words
    if has_pip:
        return [sys.executable, "-m", *words]
    uv = which("uv")
    if uv is None:
        raise ConfigurationError(
            "this environment has no pip, and there is no uv on the PATH; "
            f"run: {shown([sys.executable, '-m', 'ensurepip'])}"
        )
    verb, *rest = words[1:]
    return [uv, "pip", verb, "--python", sys.executable, *rest]


def shown(words: list[str]) -> str:
    """A program and its arguments as one would type them here."""
    import shlex
    import subprocess
    import sys

    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def _run(words: list[str]) -> int:
    import subprocess
    import sys

    sys.stdout.flush()
    try:
        return subprocess.run(words, check=False).returncode
    except FileNotFoundError:
        from ..errors import ConfigurationError

        raise ConfigurationError(f"there is no program {words[0]!r}; install it first") from None
