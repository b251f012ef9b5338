"""The page about the rules says what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from antiphon_providers.rules import dialogue_file
from antiphon_providers.rules.captures import TYPES
from antiphon_providers.rules.small_talk import KINDS
from antiphon_providers.rules.templates import FILTERS

PAGE = Path(__file__).parents[3].joinpath("docs", "rules.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_says():
    example = re.search(r"```python\n(.*?)```\n\nprints\n\n```text\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    code, printed = example.groups()
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == printed


def test_every_key_kind_type_and_filter_is_on_the_page():
    keys = {
        *dialogue_file.DIALOGUE_KEYS,
        *dialogue_file.RULE_KEYS,
        *dialogue_file.FORM_KEYS,
        *dialogue_file.QUESTION_KEYS,
    } - {"rule", "form", "question"}
    words = set(re.findall(r"`:?([a-z_]+)`", PAGE))
    assert sorted({*keys, *KINDS, *TYPES} - words) == []
    assert [name for name in FILTERS if f":{name}" not in PAGE] == []
