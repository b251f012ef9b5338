"""What an installed provider still needs, packages and keys, and the commands that get it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..provider import Provider, SlotName
from .descriptors import told
from .installed import Installed

_OWN_DISTRIBUTION = "antiphon"


def missing_packages(provider: Provider) -> list[str]:
    """The distributions that the provider requires and that are not installed."""
    if not provider.requires:
        return []
    import importlib_metadata

    missing = []
    for name in provider.requires:
        try:
            importlib_metadata.distribution(name)
        except importlib_metadata.PackageNotFoundError:
            missing.append(name)
    return missing


def needs_packages(provider: Provider, item: Installed, missing: Sequence[str]) -> str:
    """The sentence for distributions that are missing."""
    quoted = " and ".join(repr(name) for name in missing)
    noun = "package" if len(missing) == 1 else "packages"
    return (
        f"provider {provider.name!r} needs the {noun} {quoted}{_way_out(provider, item, missing)}"
    )


def import_failed(provider: Provider, item: Installed, error: ImportError) -> str:
    """The sentence for an import that failed while a slot was being built."""
    module = (error.name or "").partition(".")[0]
    way_out = _way_out(provider, item, missing_packages(provider))
    if isinstance(error, ModuleNotFoundError) and module:
        return f"provider {provider.name!r} needs the package {module!r}{way_out}"
    return f"provider {provider.name!r} could not be imported: {told(error)}{way_out}"


def _way_out(provider: Provider, item: Installed, missing: Sequence[str]) -> str:
    """The command that installs what is missing: the first of these that is known.

    The descriptor's own, by the short command that shows and runs it; for the providers of this
    distribution the extra, which carries the provider's name; the distributions that are missing;
    the provider's distribution, whose requirements pip then completes. Never a distribution guessed
    from the name of a module: that name may be anybody's.
    """
    if provider.install:
        command = f"antiphon setup {provider.name} (or: {provider.install})"
    elif item.distribution == _OWN_DISTRIBUTION:
        command = f'pip install "{_OWN_DISTRIBUTION}[{provider.name}]"'
    elif missing or item.is_distributed:
        command = f"pip install {' '.join(missing or [item.distribution])}"
    else:
        return "; install it"
    return f"; run: {command}"


def no_key(provider: Provider) -> str:
    """The first half of the sentence for a key that is missing."""
    return f"provider {provider.name!r} found no API key; set {provider.credentials}"


def keyless(providers: Iterable[Provider], slot: SlotName) -> str | None:
    """The name of a provider that fills the slot, needs no key, and lacks no package."""
    usable = [
        # A server may not be running, and a stand-in is not the real thing: both go last.
        (provider.probe is not None, bool(provider.stand_in), provider.name)
        for provider in providers
        if provider.credentials is None
        and slot in provider.slots
        and not provider.slots[slot].wraps
        and not missing_packages(provider)
    ]
    return min(usable)[2] if usable else None
