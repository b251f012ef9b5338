"""How a provider describes itself: `Provider`, `Slot`, settings, credentials.

This module imports no SDK, no pluggy and no model file: a provider's `__init__` needs nothing else.
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

SEAM = 1
"""The version of the seam between core and providers. Additions do not raise it; removals do."""

SlotName: TypeAlias = Literal["stt", "llm", "tts", "vad", "turn_detector", "transport"]
SLOT_NAMES: tuple[SlotName, ...] = ("stt", "llm", "tts", "vad", "turn_detector", "transport")


@dataclass(frozen=True, slots=True)
class Ref:
    """A parsed model string: `provider[/model[:variant]]`."""

    provider: str
    model: str | None = None
    variant: str | None = None
    """The voice (TTS) or the language (STT); None for the other slots."""

    def __str__(self) -> str:
        text = self.provider
        if self.model is not None:
            text += f"/{self.model}"
        if self.variant is not None:
            text += f":{self.variant}"
        return text


def setting(
    default: Any = dataclasses.MISSING,
    *,
    ge: float | None = None,
    le: float | None = None,
    unit: str | None = None,
    live: bool = False,
    secret: bool = False,
    help: str = "",
) -> Any:
    """A field of a settings dataclass.

    `ge` and `le` bound a number, `unit` is shown in tables (`"s"`, `"x"`), `live` settings reach an
    open stream through `reconfigure`, `secret` ones are never printed and not part of the repr.
    """
    metadata = {"ge": ge, "le": le, "unit": unit, "live": live, "secret": secret, "help": help}
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=metadata, repr=not secret)
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True)
class NoSettings:
    """The settings of a slot that has none."""


@dataclass(frozen=True, slots=True, init=False)
class Env:
    """Environment variables that belong together: all of them are needed."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)

    def find(self, environ: Mapping[str, str]) -> dict[str, str] | None:
        """The values, or None when one of them is not set or empty."""
        found = {name: environ[name] for name in self.names if environ.get(name)}
        return found if len(found) == len(self.names) else None

    def __str__(self) -> str:
        return " and ".join(self.names)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Ways to authenticate, the first that is complete wins."""

    alternatives: tuple[Env, ...]

    @classmethod
    def any_of(cls, *alternatives: Env) -> Credentials:
        """Any one of these sets of variables will do."""
        return cls(alternatives)

    def find(self, environ: Mapping[str, str]) -> dict[str, str] | None:
        """The values of the first complete alternative, or None."""
        for alternative in self.alternatives:
            found = alternative.find(environ)
            if found is not None:
                return found
        return None

    def __str__(self) -> str:
        return ", or ".join(str(alternative) for alternative in self.alternatives)


class BuildEnv(Protocol):
    """What core gives to a slot's `build`."""

    @property
    def credentials(self) -> Mapping[str, str]:
        """The provider's environment variables that were found, by name; never print them."""

    @property
    def log(self) -> Any:
        """A `logging.Logger` named `antiphon.<provider>`."""

    @property
    def ssl(self) -> Any:
        """An `ssl.SSLContext` to use, or None for the SDK's own."""

    async def resource(
        self,
        key: str,
        open: Callable[[], Awaitable[Any]],
        close: Callable[[Any], Awaitable[None]],
    ) -> Lease:
        """A shared object (socket pool, worker, model session): one per key, process and loop.

        `open` runs for the first user. `async with await env.resource(...) as thing:` or
        `await lease.aclose()` gives it back; it is closed 30 s after its last use, and at shutdown.
        """

    def build(self, model: Any, slot: SlotName) -> Any:
        """Builds what another model string, or `Model`, stands for, to be wrapped: the caller's
        own, to be loaded, warmed up and closed by the caller. A batch STT and a whole-text TTS come
        as streams. Raises `ConfigurationError` and its kind."""


class Lease(Protocol):
    """A share in a resource of `BuildEnv.resource`."""

    @property
    def value(self) -> Any:
        """What `open` returned."""

    def discard(self) -> None:
        """Marks the resource as broken: the next `resource` call opens a new one."""

    async def aclose(self) -> None:
        """Gives the share back; harmless when repeated."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(self, *exc: object) -> None: ...


class Build(Protocol):
    """`build(ref, settings, env) -> slot`: imports the provider's module and sets fields, no more.

    `ref.model` is filled with the slot's default; `settings` is an instance of its dataclass.
    """

    def __call__(self, ref: Ref, settings: Any, env: BuildEnv, /) -> Any: ...


class _Described:
    """A record whose constructor warns of fields that this version does not know."""

    def _ignore(self, unknown: Mapping[str, Any]) -> None:
        for name in unknown:
            warnings.warn(
                f"{type(self).__name__} has no field {name!r} in seam {SEAM}; it is ignored "
                "(the provider may be made for a newer antiphon: pip install --upgrade antiphon)",
                UserWarning,
                stacklevel=3,
            )


class Slot(_Described):
    """How a provider declares one slot that it fills."""

    def __init__(
        self,
        build: Build,
        *,
        settings: type[Any] = NoSettings,
        default: str | None = None,
        models: tuple[str, ...] = (),
        voices: tuple[str, ...] = (),
        languages: tuple[str, ...] = (),
        variant: Literal["voice", "language"] | Literal["auto"] | None = "auto",
        capabilities: Any = None,
        wraps: bool = False,
        **unknown: Any,
    ) -> None:
        self._ignore(unknown)
        self.build = build
        self.settings = settings
        """A frozen dataclass whose fields are made with `setting(...)`."""
        self.default = default
        """The model that a bare provider name stands for."""
        self.models = models
        """Known models, for hints and completion; never a whitelist."""
        self.voices = voices
        self.languages = languages
        self.variant = variant
        """What `:x` at the end of the string is. `"auto"`: a voice for TTS, a language for STT,
        nothing for the others; None: the `:` belongs to the model."""
        self.capabilities = capabilities
        """A capabilities object of the seam, or a function `(ref, settings) -> capabilities`.
        SDK-free, and the one source: core sets it on the built slot. None: the built slot knows."""
        self.wraps = wraps
        """Its model is another model string, variant and all, built by `BuildEnv.build`; its
        setting `settings` is a mapping of that one's settings. The built slot has what it wraps as
        `unwrap`: settings of one call are those of that. Never chosen for a slot by itself."""
        if wraps:
            self.variant = None


class Provider(_Described):
    """What an installed package offers, described without importing its SDK."""

    def __init__(
        self,
        name: str,
        *,
        seam: int,
        title: str = "",
        docs: str = "",
        requires: tuple[str, ...] = (),
        install: str = "",
        credentials: Env | Credentials | None = None,
        probe: Callable[[], Awaitable[bool]] | None = None,
        stt: Slot | None = None,
        llm: Slot | None = None,
        tts: Slot | None = None,
        vad: Slot | None = None,
        turn_detector: Slot | None = None,
        transport: Slot | None = None,
        stand_in: str = "",
        **unknown: Any,
    ) -> None:
        self._ignore(unknown)
        self.name = name
        """Lower case, as in the model string."""
        self.seam = seam
        """The `antiphon.SEAM` this was written for."""
        self.title = title or name
        self.docs = docs
        """Where a reader finds more: a URL or a path."""
        self.requires = requires
        """Distributions that must be installed, e.g. `("acme-sdk",)`."""
        self.install = install
        """The command that installs what is missing; `antiphon setup NAME` shows and runs it."""
        self.credentials = (
            Credentials((credentials,)) if isinstance(credentials, Env) else credentials
        )
        self.probe = probe
        """For local servers: says within 200 ms whether the provider can be used now."""
        self.stand_in = stand_in
        """Not empty for what stands in until a key is set: says in a few words what it is."""
        self.slots: dict[SlotName, Slot] = {
            slot_name: slot
            for slot_name, slot in zip(
                SLOT_NAMES, (stt, llm, tts, vad, turn_detector, transport), strict=True
            )
            if slot is not None
        }

    def __repr__(self) -> str:
        return f"Provider({self.name!r}, offers {', '.join(self.slots) or 'nothing'})"

    def has_credentials(self, environ: Mapping[str, str] | None = None) -> bool:
        """Whether it needs no key, or has one in the environment."""
        if self.credentials is None:
            return True
        return self.credentials.find(os.environ if environ is None else environ) is not None
