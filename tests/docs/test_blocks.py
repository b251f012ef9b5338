"""Every block of README and docs/ is run, or says why not: see `pages` for the rule."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from .pages import ROOT, Block, Page, blocks, pages

ALL = [block for page in pages() for block in blocks(page)]
# A page is run as a whole by the first of its tests: real processes, some of which speak.
pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("block", ALL, ids=str)
def test_block_does_what_the_page_says(block: Block, run_page: Callable[[str], Page]) -> None:
    outcome = run_page(block.page).outcomes[block.line]
    if outcome.state == "skipped":
        pytest.skip(outcome.detail)
    assert outcome.state in ("run", "read", "not run"), outcome.detail


def test_blocks_that_are_not_run_are_commands_and_say_why() -> None:
    unrun = {block: block.directives["not run"] for block in ALL if "not run" in block.directives}
    print("\n".join(f"{block}: {reason}" for block, reason in unrun.items()))
    assert [str(block) for block, reason in unrun.items() if len(reason.split()) < 2] == []
    assert [str(block) for block in unrun if block.language not in ("sh", "console")] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name) if name else page
        if not path.exists():
            wrong.append(target)
        elif anchor and anchor not in anchors(path):
            wrong.append(target)
    assert wrong == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "page", [each for each in pages() if each.name != "install.md"], ids=lambda p: p.name
)
def test_a_command_that_needs_a_release_stands_in_one_page_only(page: Path) -> None:
    names = re.compile('pip install "?antiphon\\b')
    released = [str(block) for block in blocks(page) if names.search(block.code)]
    assert released == []


def test_the_readme_quotes_what_the_picture_shows() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = (ROOT / "docs" / "images" / "demo.svg").read_text(encoding="utf-8")
    shown = re.sub(r"<[^>]*>", "", html.unescape(picture)).replace("\xa0", " ")
    heard = re.search(r"In the picture above: `([^`]+)`", readme)
    waits = re.search(r"waits (\S+ s) for an answer \(median of (\d+ turns)\)", readme)
    share = re.search(r"you see included, is (\d+) ms of CPU", readme)
    assert heard is not None and waits is not None and share is not None
    assert f"{heard[1]} … (interrupted; unheard: " in shown
    assert f"median latency {waits[1]} over {waits[2]}" in shown
    took = re.search(r"the framework itself took ([\d.]+) ms \(median", shown)
    assert took is not None and round(float(took[1])) == int(share[1])


# The runner itself: it has to notice what is wrong.


def outcomes(directory: Path, text: str) -> list[str]:
    path = directory / "page.md"
    path.write_text(text, encoding="utf-8")
    page = Page(path, directory)
    page.run()
    return [page.outcomes[block.line].state for block in page.blocks]


def test_python_blocks_share_a_namespace_and_stop_at_the_first_that_fails(tmp_path: Path) -> None:
    text = "```python\nx = 1\n```\n```python\nassert x == 2\n```\n```python\nx = 3\n```\n"
    assert outcomes(tmp_path, text) == ["run", "failed", "failed"]


def test_a_traceback_gives_the_line_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("one\n\n```python\nx = 1\n1 / 0\n```\n", encoding="utf-8")
    page = Page(tmp_path / "page.md", tmp_path)
    page.run()
    assert 'File "page.md", line 5' in page.outcomes[4].detail


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ("took 0.25 s\nyes", "run"),
        ("took  9.75 s\nyes", "run"),
        ("…\nyes", "run"),
        ("took …\nyes", "run"),
        ("yes", "failed"),
        ("took 0.25 s\nno", "failed"),
        ("took 0.25 s", "failed"),
    ],
)
def test_shown_output_is_compared(tmp_path: Path, shown: str, state: str) -> None:
    code = "```python\nprint('took 1.5 s')\nprint('yes')\n```\n"
    assert outcomes(tmp_path, f"{code}\nprints\n\n```text\n{shown}\n```\n") == ["run", state]
    (tmp_path / "say.py").write_text("print('took 1.5 s')\nprint('yes')\n", encoding="utf-8")
    assert outcomes(tmp_path, f"```console\n$ python say.py\n{shown}\n```\n") == [state]


def test_what_the_page_shows_as_typed_is_typed(tmp_path: Path) -> None:
    echo = "import sys\nfor line in sys.stdin:\n    print('you:', line.strip())\n"
    (tmp_path / "echo.py").write_text(echo, encoding="utf-8")
    text = "```console\n$ python echo.py\nyou: one\nyou: two three\n```\n"
    assert outcomes(tmp_path, text) == ["run"]


def test_a_block_is_written_to_the_file_that_it_names(tmp_path: Path) -> None:
    text = "```console\n$ python two.py\n2\n```\n<!-- file: two.py -->\n```python\nprint(2)\n```\n"
    assert outcomes(tmp_path, text) == ["run", "run"]


@pytest.mark.parametrize(
    ("block", "state"),
    [
        ("```sh\nantiphon --version\n```", "run"),
        ("```sh\nantiphon nonsense\n```", "failed"),
        ("<!-- exit: 2 -->\n```sh\nantiphon nonsense\n```", "run"),
        ("```sh\nbrew install uv\n```", "failed"),
        ("<!-- not run: needs another machine -->\n```sh\nbrew install uv\n```", "not run"),
        ("<!-- note: not a directive -->\n```sh\nantiphon --version\n```", "failed"),
        ("```console\nantiphon --version\n```", "failed"),
        ("```yaml\na: 1\n```", "failed"),
        ("```\nplain\n```", "failed"),
        ("```toml\na = \n```", "failed"),
        ("```toml\na = 1\n```", "read"),
        ("```text\nanything\n```", "read"),
    ],
)
def test_every_block_is_run_or_read_or_marked(tmp_path: Path, block: str, state: str) -> None:
    assert outcomes(tmp_path, block + "\n") == [state]


def test_every_fence_of_the_pages_is_found() -> None:
    for page in pages():
        fences = re.findall(r"^```", page.read_text(encoding="utf-8"), re.M)
        assert len(fences) == 2 * len(blocks(page)), page
    assert ROOT / "README.md" in pages()
