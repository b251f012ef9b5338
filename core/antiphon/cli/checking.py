"""What `antiphon check` looks at: the strings of a file, in its agents and in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..agent import Agent
from ..app.app import needed_arguments
from ..app.file import agent_classes_in, apps_in, load_app, load_file, nothing_to_run
from ..app.local_job import prewarm_models
from ..errors import AntiphonError, ConfigurationError
from ..model import Model
from ..provider import SLOT_NAMES, SlotName
from ..session import AgentSession

if TYPE_CHECKING:
    from ..registry import Registry
    from ..registry.resolved import ModelLike

_SLOTS: tuple[SlotName, ...] = tuple(name for name in SLOT_NAMES if name != "transport")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    where: str
    """E.g. `agent billing`, `app`, `line 12`."""
    what: str
    """E.g. `tts acme/mouth-1`."""
    text: str
    """`ok`, a remark, or the problem in a sentence."""
    is_problem: bool = False


async def check_file(path: str, registry: Registry, environ: Mapping[str, str]) -> list[Finding]:
    """Loads a file, and loads every provider that it names, all to the end whatever fails.

    Raises `ConfigurationError` when the file itself cannot be loaded or has neither app nor agent.
    """
    module = load_file(path)
    checker = _Checker(registry)
    try:
        load_app(path)
    except ConfigurationError as error:
        checker.findings.append(Finding("file", "what talk would run", str(error), True))
    apps = apps_in(module)
    classes = agent_classes_in(module)
    agents = {name: value for name, value in vars(module).items() if isinstance(value, Agent)}
    if not apps and not classes and not agents:
        raise nothing_to_run(path, module)
    try:
        for name, app in apps.items():
            checker.app(name, app)
        for kind in classes:
            checker.agent_class(kind)
        for name, agent in agents.items():
            checker.agent(agent, f"agent {name}")
        for name, value in vars(module).items():
            if isinstance(value, AgentSession):
                checker.slots(value._slots, f"session {name}")
        checker.source(module)
        checker.nothing_named("llm")
    finally:
        await registry.aclose()
    return checker.findings


class _Checker:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.findings: list[Finding] = []
        self._results: dict[tuple[SlotName, ModelLike], str | None] = {}
        """The problem of each model that was tried, None for a good one."""

    def app(self, name: str, app: Any) -> None:
        where = f"app {name}"
        try:
            function = app.session_function
            self._add(where, f"session function {function.__qualname__}", None)
            for slot, model in prewarm_models(app.prewarm, self._registry):
                self._model(slot, model, f"{where}, prewarm")
        except AntiphonError as error:
            self._add(where, "", str(error))

    def agent_class(self, kind: type[Agent]) -> None:
        where = f"agent {kind.__name__}"
        needed = needed_arguments(kind)
        if needed:
            names = ", ".join(needed)
            text = f"not checked: its constructor needs arguments ({names})"
            self.findings.append(Finding(where, "", text))
            return
        try:
            agent = kind()
        except Exception as error:
            self._add(where, "", f"cannot be made: {type(error).__name__}: {error}")
            return
        self.agent(agent, where)

    def agent(self, agent: Agent, where: str) -> None:
        for tool in agent.tools:
            prepare = getattr(tool, "prepare", None)
            try:
                if prepare is not None:
                    prepare()
                self._add(where, f"tool {tool.name}", None)
            except AntiphonError as error:
                self._add(where, f"tool {tool.name}", str(error))
        self.slots(agent._slots, where)

    def slots(self, slots: Mapping[SlotName, Any], where: str) -> None:
        for slot, value in slots.items():
            for entry in value if isinstance(value, list | tuple) else [value]:
                if isinstance(entry, str | Model):
                    self._model(slot, entry, where)
                elif entry is not None:
                    made = f"{slot}: an object made by the file"
                    self.findings.append(Finding(where, made, "not checked"))

    def source(self, module: ModuleType) -> None:
        """Strings in calls that were not made: those of sessions, and of agents not made here."""
        # Bytes: the file's own first line may name another encoding than UTF-8.
        tree = ast.parse(Path(str(module.__file__)).read_bytes())
        written = sorted(written_models(tree), key=lambda each: each[0])
        for line, slot, model in written:
            if (slot, model) not in self._results:
                self._model(slot, model, f"line {line}")

    def nothing_named(self, slot: SlotName) -> None:
        """Remarks on a slot for which no model was found."""
        if not any(found == slot for found, _ in self._results):
            text = "none is named that could be checked; antiphon talk chooses one"
            self.findings.append(Finding("file", slot, text))

    def _model(self, slot: SlotName, model: ModelLike, where: str) -> None:
        key = (slot, model)
        if key not in self._results:
            self._results[key] = self._try(slot, model)
        self._add(where, f"{slot} {model}", self._results[key])

    def _try(self, slot: SlotName, model: ModelLike) -> str | None:
        try:
            self._registry.check(model, slot)
            self._registry.build(model, slot).load()
        except AntiphonError as error:
            return str(error)
        except Exception as error:
            return f"its provider failed to load it: {type(error).__name__}: {error}"
        return None

    def _add(self, where: str, what: str, problem: str | None) -> None:
        self.findings.append(Finding(where, what, problem or "ok", problem is not None))


def written_models(tree: ast.AST) -> Iterator[tuple[int, SlotName, ModelLike]]:
    """The model strings that stand as slots in the calls of a source: line, slot, model.

    Strings, `Model("…", setting=literal)`, and lists of them, in calls of `AgentSession`, of
    `…Agent` and `…Task` classes and of `__init__`. What is computed cannot be seen.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _makes_slots(node.func):
            continue
        for keyword in node.keywords:
            slot = next((each for each in _SLOTS if each == keyword.arg), None)
            if slot is None:
                continue
            value = keyword.value
            for entry in value.elts if isinstance(value, ast.List | ast.Tuple) else [value]:
                model = _literal_model(entry)
                if model is not None:
                    yield entry.lineno, slot, model


def _makes_slots(function: ast.expr) -> bool:
    if isinstance(function, ast.Subscript):  # AgentSession[MyData](…)
        function = function.value
    name = (
        function.id
        if isinstance(function, ast.Name)
        else function.attr
        if isinstance(function, ast.Attribute)
        else ""
    )
    return name in ("AgentSession", "__init__", "update_options") or name.endswith(
        ("Agent", "AgentTask")
    )


def _literal_model(node: ast.expr) -> ModelLike | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.Call) or len(node.args) != 1:
        return None
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if called != "Model" or any(keyword.arg is None for keyword in node.keywords):
        return None
    try:
        string = ast.literal_eval(node.args[0])
        settings = {str(each.arg): ast.literal_eval(each.value) for each in node.keywords}
        return Model(string, **settings)
    except (ValueError, ConfigurationError):
        # Computed: or one that the agent's own check, made when it runs, says more about.
        return None
