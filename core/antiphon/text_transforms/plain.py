"""Plain text: what no filter has to look at."""

from __future__ import annotations

import re

# Letters of most alphabets, digits, and marks that mean nothing to the filters.
_NOT_PLAIN = re.compile(
    r"[^A-Za-z0-9\u00c0-\u1fff\u2010-\u2021\u2026\u3040-\u9fff ,.?;:'\"%$&()/-]"
)


def is_plain(text: str, *, begins: bool) -> bool:
    """Whether a piece of text holds nothing that a filter may look at; `begins`: it is the first
    one."""
    # At the beginning of a line a dash may be that of a list, and a space may go before it.
    return _NOT_PLAIN.search(text) is None and not (begins and text.startswith((" ", "-")))
