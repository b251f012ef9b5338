"""A command line with providers of its own in the place of those that are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from antiphon import Registry
from antiphon.cli.root import application
from antiphon.hookspecs import hookimpl
from antiphon.provider import Provider


class _Plugin:
    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @hookimpl
    def antiphon_provider(self) -> Provider:
        return self._provider


@pytest.fixture
def make_registry() -> Callable[..., Registry]:
    """`make_registry(provider, …, environ={})`."""

    def make(*providers: Provider, environ: dict[str, str] | None = None) -> Registry:
        registry = Registry([], {} if environ is None else environ)
        for provider in providers:
            registry.add(_Plugin(provider), provider.name)
        return registry

    return make


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`run(registry, "providers", "--json")`: the command line in this process."""

    def invoke(registry: Registry, *arguments: str, input: str = "") -> Any:
        monkeypatch.setattr("antiphon.registry.registry._default", registry)
        return CliRunner().invoke(application(), arguments, input=input)

    return invoke


@pytest.fixture
def antiphon(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`antiphon("talk", "x.py", input="hello")`: a process and a directory of its own."""

    def call(
        *arguments: str, input: str = "", environ: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "antiphon", *arguments],
            input=input,
            capture_output=True,
            text=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "80", **(environ or {})},
            timeout=35,
            check=False,
        )

    return call
