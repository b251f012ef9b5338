"""The names of antiphon that a rewritten source needs, and how it spells them."""

from __future__ import annotations

import libcst as cst


class Needs:
    """Collects what is to be imported. A name that the source has for itself is spelled in full."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self.names: dict[str, None] = {}
        """`antiphon.events.CloseEvent`, …: to be imported by name, in the order of need."""
        self.modules: dict[str, None] = {}
        """Modules to be imported whole, for what is spelled in full."""

    def spell(self, dotted: str) -> cst.Name | cst.Attribute:
        """What to write for a name of antiphon; it will be imported."""
        home, _, name = dotted.rpartition(".")
        if name not in self._taken:
            self.names[dotted] = None
            return cst.Name(name)
        self.modules[home] = None
        spelled: cst.BaseExpression = cst.Name("antiphon")
        for part in dotted.split(".")[1:]:
            spelled = cst.Attribute(spelled, cst.Name(part))
        assert isinstance(spelled, cst.Attribute)
        return spelled


def plain(value: cst.BaseExpression, name: str) -> cst.Arg:
    """`name=value`."""
    return cst.Arg(
        value,
        keyword=cst.Name(name),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
