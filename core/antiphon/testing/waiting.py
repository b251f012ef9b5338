"""Where tasks are waiting, for reports about those that should not be."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable
from typing import Any


def waiting_place(task: asyncio.Task[Any]) -> str:
    """`file.py:12 in outer > file.py:30 in inner`: from the task's coroutine to what it awaits."""
    places: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        for kind, next_one in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            frame = getattr(awaited, f"{kind}_frame", None)
            if frame is not None:
                code = frame.f_code
                name = os.path.basename(code.co_filename)
                places.append(f"{name}:{frame.f_lineno} in {code.co_qualname}")
                awaited = getattr(awaited, next_one)
                break
        else:
            break
    return " > ".join(places) or "not started or finished"


def describe_tasks(tasks: Iterable[asyncio.Task[Any]]) -> list[str]:
    """One line per task, by name; `Task-2` comes before `Task-10`."""

    def key(task: asyncio.Task[Any]) -> list[tuple[int, str]]:
        parts = re.split(r"(\d+)", task.get_name())
        return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]

    return [f"{task.get_name()!r}: {waiting_place(task)}" for task in sorted(tasks, key=key)]
