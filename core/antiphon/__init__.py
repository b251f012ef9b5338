"""antiphon: a plugin-oriented framework for voice agents."""

from ._version import __version__

__all__ = ["__version__"]
