"""The pages of README and docs/, their code blocks, and how a page is run.

What a block's language means:

* `python`: run. The blocks of a page run in order, in one fresh process, in one namespace.
* `sh`: one command per line; each is run, and has to end with exit code 0.
* `console`: commands behind `$ `, each followed by what it prints, which is compared. What the page
  shows behind `you: ` is typed, line by line. Decimal numbers count as equal to each other, runs of
  white space too; a line `…` stands for any lines, a `…` within a line for any text.
* `text` behind a python block and a paragraph that ends with "prints" (or "prints:"): what that
  block prints, compared in the same way. Any other `text` is an illustration.
* `toml`, `json`: parsed.

All of a page runs in one empty directory. Comments right above a block change that:

* `<!-- not run: reason -->`: it is not, for this reason.
* `<!-- file: NAME -->`: it is written to that file too, before anything of the page runs.
* `<!-- needs: NAME, … -->`: it is skipped where one of these providers is not ready.
* `<!-- exit: N -->`: its last command ends with this exit code.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from antiphon.registry import Registry

ROOT = Path(__file__).parents[2]
_PROCESS = Path(__file__).with_name("page_process.py")
_FENCE = re.compile(
    r"^(?P<fence>`{3,})(?P<language>\S*)[^\n]*\n(?P<code>.*?)^(?P=fence)\s*$", re.M | re.S
)
_COMMENT = re.compile(r"<!--\s*([a-z ]+?):\s*(.*?)\s*-->", re.S)
_SECONDS = 110


@dataclass(eq=False)
class Block:
    """One fenced block."""

    page: str
    """From the root of the repository, e.g. `docs/quickstart.md`."""
    line: int
    """Of its first line of code."""
    language: str
    code: str
    directives: dict[str, str]
    prints: Block | None = None
    """For `text`: the block whose output it shows."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}:{self.language}"


@dataclass
class Outcome:
    """What became of a block."""

    state: str
    """`run`, `read` (nothing in it is to be run), `not run`, `skipped` or `failed`."""
    detail: str = ""
    output: str = ""


def pages() -> list[Path]:
    """README and every page under docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
    found: list[Block] = []
    behind = 0
    for fence in _FENCE.finditer(text):
        between = text[behind : fence.start()]
        comments = re.search(r"((?:<!--(?:(?!-->).)*-->\s*)+)\Z", between, re.S)
        block = Block(
            name,
            text.count("\n", 0, fence.start("code")) + 1,
            fence["language"],
            fence["code"],
            dict(_COMMENT.findall(comments[1])) if comments else {},
        )
        prints = re.fullmatch(r"\s*(?:[^\n]+\n)*[^\n]*\bprints:?\s*", between)
        if block.language == "text" and prints and found and found[-1].language == "python":
            block.prints = found[-1]
        found.append(block)
        behind = fence.end()
    return found


@dataclass
class Page:
    """A page, run once: what became of each of its blocks."""

    path: Path
    directory: Path
    blocks: list[Block] = field(init=False)
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    """By the line of the block."""

    def __post_init__(self) -> None:
        self.blocks = blocks(self.path)

    def run(self) -> None:
        """Runs everything; what a block does wrong is in its outcome."""
        for block in self.blocks:
            if name := block.directives.get("file"):
                (self.directory / name).write_text(block.code, encoding="utf-8", newline="\n")
        todo = []
        for block in self.blocks:
            outcome = self._before(block)
            if outcome is not None:
                self.outcomes[block.line] = outcome
            elif block.language == "python":
                todo.append(block)
        if todo:
            self._run_python(todo)
        for block in self.blocks:
            if block.line not in self.outcomes:
                self.outcomes[block.line] = self._after(block)

    def _before(self, block: Block) -> Outcome | None:
        reason = block.directives.get("not run")
        if reason is not None:
            return Outcome("not run", reason) if reason else Outcome("failed", "not run: why?")
        unknown = block.directives.keys() - {"not run", "file", "needs", "exit"}
        if unknown:
            return Outcome("failed", f"unknown comment: {', '.join(unknown)}")
        for name in filter(None, re.split(r",\s*", block.directives.get("needs", ""))):
            missing = unmet(name)
            if missing:
                return Outcome("skipped", missing)
        return None

    def _after(self, block: Block) -> Outcome:
        match block.language:
            case "sh" | "console":
                return self._run_commands(block)
            case "text" if block.prints is not None:
                shown = self.outcomes[block.prints.line]
                if shown.state != "run":
                    return Outcome(shown.state, f"the block above: {shown.detail}")
                return _compare(block.code, shown.output)
            case "text":
                return Outcome("read")
            case "toml" | "json":
                try:
                    (tomllib if block.language == "toml" else json).loads(block.code)
                except ValueError as error:
                    return Outcome("failed", str(error))
                return Outcome("read")
            case _:
                return Outcome("failed", f"the language {block.language!r} is not one of the rule")

    def _run_python(self, todo: list[Block]) -> None:
        results = self.directory / ".results.json"
        given = [{"file": b.page, "line": b.line, "code": b.code} for b in todo]
        done = self._process(
            [sys.executable, "-X", "utf8", "-W", "error", str(_PROCESS), str(results)],
            json.dumps(given),
        )
        outcomes = json.loads(results.read_text(encoding="utf-8")) if results.exists() else []
        for block in todo:
            result = outcomes.pop(0) if outcomes else {"error": f"never reached: {done.stdout}"}
            state = "failed" if result.get("error") else "run"
            self.outcomes[block.line] = Outcome(
                state, result.get("error", ""), result.get("output", "")
            )

    def _process(self, words: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        keys = {name for name in os.environ if name.endswith("_KEY") or name.startswith("ANTIPHON")}
        return subprocess.run(
            words,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            cwd=self.directory,
            timeout=_SECONDS,
            env={name: value for name, value in os.environ.items() if name not in keys}
            | {"COLUMNS": "100", "PYTHONUTF8": "1"},
            check=False,
        )

    def _run_commands(self, block: Block) -> Outcome:
        commands = _commands(block)
        if not commands:
            return Outcome("failed", "no command: in a console block they stand behind `$ `")
        output = ""
        for number, (command, shown) in enumerate(commands, 1):
            words = _program(command)
            if words is None:
                return Outcome("failed", f"{command!r} cannot be run here; mark it `not run: why`")
            typed = re.findall(r"^(?:\[[ \d.]+\] )?you: (.*)$", shown or "", re.M)
            done = self._process(words, "".join(f"{line}\n" for line in typed))
            output += done.stdout
            expected = int(block.directives.get("exit", 0)) if number == len(commands) else 0
            if done.returncode != expected:
                return Outcome(
                    "failed", f"{command!r} ended with exit code {done.returncode}:\n{done.stdout}"
                )
            if shown is not None:
                outcome = _compare(shown, done.stdout)
                if outcome.state == "failed":
                    return outcome
        return Outcome("run", output=output)


def unmet(name: str) -> str:
    """Why the provider `name` cannot be used here, or `""`."""
    readiness = Registry().readiness(name)
    return "" if readiness.state == "ready" else readiness.detail


def _commands(block: Block) -> list[tuple[str, str | None]]:
    """The commands, each with the output that the page shows (None: not shown)."""
    if block.language == "sh":
        lines = block.code.replace("\\\n", " ").splitlines()
        return [(line, None) for line in lines if line.strip() and not line.startswith("#")]
    found: list[tuple[str, str | None]] = []
    for part in re.split(r"^\$ ", block.code, flags=re.M)[1:]:
        command, _, shown = part.partition("\n")
        found.append((command, shown))
    return found


def _program(command: str) -> list[str] | None:
    """The words to run, with this Python; None for what is not ours to run."""
    words = shlex.split(command.removeprefix("uv run "))
    match words:
        case ["antiphon", "setup" | "demo", *_]:
            return None  # installs packages; speaks for a minute
        case ["antiphon", *rest]:
            return [sys.executable, "-m", "antiphon", *rest]
        case ["python", file, *rest] if file.endswith(".py"):
            return [sys.executable, file, *rest]
        case ["pytest", *rest]:
            return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *rest]
    return None


def _compare(shown: str, printed: str) -> Outcome:
    if re.fullmatch(_pattern(_plain(shown)), _plain(printed)):
        return Outcome("run", output=printed)
    return Outcome("failed", f"the page shows\n{shown}\nbut this was printed\n{printed}")


def _plain(text: str) -> str:
    """The text without what differs from run to run and from terminal to terminal."""
    # How long a listener took on a busy machine is no part of what a page can show.
    text = re.sub(r"^WARNING antiphon\.session: the listener .* took .*\n", "", text, flags=re.M)
    lines = [re.sub(r"[ \t]+", " ", line).strip() for line in text.strip().splitlines()]
    return "".join(re.sub(r"\d+\.\d+", "0.0", line) + "\n" for line in lines)


def _pattern(shown: str) -> str:
    pattern = ""
    for line in shown.splitlines():
        if line == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += re.escape(line).replace("…", r"[^\n]*") + r"\n"
    return pattern
