"""Files on the command line: loading one, and finding the `App` or `Agent` in it."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from ..agent import Agent
from ..errors import ConfigurationError, did_you_mean
from .app import App


def load_app(path: str | Path) -> App | type[Agent]:
    """What FILE means on the command line: its one module-level `App`, else its only agent class.

    Raises `ConfigurationError` when there is neither, or more than one, and whatever `load_file`
    raises.
    """
    shown = str(path)
    module = load_file(path)
    apps = apps_in(module)
    if len(apps) == 1:
        return next(iter(apps.values()))
    if apps:
        raise ConfigurationError(
            f"{shown!r} has {len(apps)} apps: {', '.join(apps)}; keep one at module level"
        )
    classes = agent_classes_in(module)
    if len(classes) == 1:
        return classes[0]
    if classes:
        names = ", ".join(kind.__name__ for kind in classes)
        raise ConfigurationError(
            f"{shown!r} has no App, and {len(classes)} agent classes: {names}; say which one takes "
            "the call: app = App(), with a session function that starts it"
        )
    raise nothing_to_run(shown, module)


def nothing_to_run(shown: str, module: ModuleType) -> ConfigurationError:
    """The error for a file without an app and without an agent class: lists what it has."""
    found = [
        f"{name} (an agent; only its class can be started)"
        if isinstance(value, Agent)
        else f"{name} (from another module)"
        if isinstance(value, type) and issubclass(value, Agent)
        else name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (getattr(value, "__module__", None) == module.__name__ or _is_agent(value))
        and value is not Agent
    ]
    listed = f"found: {', '.join(found)}" if found else "found nothing of its own"
    return ConfigurationError(
        f"{shown!r} has no App and no Agent subclass ({listed}); write `app = App()` with a "
        "session function, or one class that inherits from Agent"
    )


def apps_in(module: ModuleType) -> dict[str, App]:
    """The apps at module level, by name; one that has two names is there once."""
    found: dict[str, App] = {}
    for name, value in vars(module).items():
        if isinstance(value, App) and not any(value is app for app in found.values()):
            found[name] = value
    return found


def agent_classes_in(module: ModuleType) -> list[type[Agent]]:
    """The agent classes that the module itself defines, in order; those that others only inherit
    from (`_Base`, by the leading underscore) are left out."""
    found: list[type[Agent]] = []
    for name, value in vars(module).items():
        if (
            isinstance(value, type)
            and issubclass(value, Agent)
            and value.__module__ == module.__name__
            and not name.startswith("_")
            and value not in found
        ):
            found.append(value)
    return found


def load_file(path: str | Path) -> ModuleType:
    """Runs a Python file as a module named by its stem; its directory goes first on `sys.path`.

    Raises `ConfigurationError` when there is no such file, when its name hides another module, and
    when it fails: then with the line of the file that did, the original as its cause.
    """
    shown = str(path)
    file = Path(path).expanduser().resolve()
    _check_path(shown, file)
    name = file.stem
    known = sys.modules.get(name)
    if known is not None:
        if _file_of(known) == file:
            return known
        raise _hides(shown, name)
    if name in sys.stdlib_module_names or name == "antiphon":
        raise _hides(shown, name)
    directory = str(file.parent)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{shown!r} is not a Python file; give one that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ConfigurationError(_failure(shown, file, error)) from error
    return module


def _check_path(shown: str, file: Path) -> None:
    if file.is_dir():
        raise ConfigurationError(f"{shown!r} is a directory; give a Python file in it")
    if not file.exists():
        beside = file.parent.glob("*.py") if file.parent.is_dir() else ()
        names = {other.name: other for other in beside}
        near = did_you_mean(file.name, names) or "; antiphon new agent NAME writes one"
        raise ConfigurationError(f"there is no file {shown!r}{near}")
    if file.suffix != ".py":
        raise ConfigurationError(f"{shown!r} is not a Python file; give one that ends in .py")


def _hides(shown: str, name: str) -> ConfigurationError:
    return ConfigurationError(
        f"{shown!r} would hide the module {name!r}, which is needed; give the file another name"
    )


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return None if file is None else Path(file).resolve()


def _is_agent(value: Any) -> bool:
    return isinstance(value, Agent) or (isinstance(value, type) and issubclass(value, Agent))


def _failure(shown: str, file: Path, error: BaseException) -> str:
    """What went wrong, with the line of the file that did it."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and _is_same(error.filename, file):
        line = f"line {error.lineno}, {(error.text or '').strip()!r}"
        return f"{shown!r} cannot be read: {line}: {type(error).__name__}: {error.msg}"
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if _is_same(frame.filename, file)
    ]
    if isinstance(error, SystemExit):
        what = f'it calls sys.exit({error.code!r}); put that under `if __name__ == "__main__":`'
    if not own:
        return f"{shown!r} cannot be loaded: {what}"
    last = own[-1]
    return f"{shown!r} cannot be loaded: line {last.lineno}, {last.line!r}: {what}"


def _is_same(filename: str | None, file: Path) -> bool:
    return filename is not None and Path(filename) == file
