"""The environment variables that stand in a file `.env`."""

from __future__ import annotations

from pathlib import Path


def read_dotenv(path: Path) -> None:
    """Adds what a `.env` file says to the environment, where that says nothing."""
    if path.is_file():
        from dotenv import load_dotenv

        load_dotenv(path, override=False, encoding="utf-8")
