"""Rules: a scripted dialogue that stands in for a language model, and says so.

`Dialogue`, `Rule`, `Form`, `Question` and `Call` make one in Python; docs/rules.md has the format
of the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from antiphon.errors import SettingError
from antiphon.hookspecs import hookimpl
from antiphon.llm import LLMCapabilities
from antiphon.provider import SEAM, BuildEnv, Provider, Ref, Slot, setting

if TYPE_CHECKING:
    from .dialogue import Call, Dialogue, Form, Question, Rule
    from .llm import RulesLLM

__all__ = ["Call", "Dialogue", "Form", "Question", "Rule", "RulesLLM", "antiphon_provider"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSettings:
    """Which dialogue is spoken."""

    dialogue: Any = setting(
        None,
        help="a Dialogue, the path of a dialogue file, or its text; also 'rules/PATH'",
    )
    section: str | None = setting(
        None, help="one dialogue of a file with several; also 'rules/PATH#SECTION'"
    )


def _llm(ref: Ref, settings: RulesSettings, env: BuildEnv) -> RulesLLM:
    from .llm import RulesLLM

    dialogue, section = settings.dialogue, settings.section
    if ref.model is not None:
        path, mark, named = ref.model.rpartition("#")
        if not mark:
            path, named = ref.model, ""
        if dialogue is not None:
            raise SettingError(
                f"'rules' is given two dialogues, {path!r} and dialogue={dialogue!r}; leave out one"
            )
        if named and section not in (None, named):
            raise SettingError(
                f"'rules' is given two sections, '#{named}' and section={section!r}; leave out one"
            )
        dialogue, section = path, named or section
    return RulesLLM(dialogue, section=section, log=env.log)


@hookimpl
def antiphon_provider() -> Provider:
    """Describes the provider."""
    return Provider(
        name="rules",
        seam=SEAM,
        title="Rules (a scripted dialogue, not a language model)",
        docs="docs/rules.md",
        stand_in="scripted rules",
        llm=Slot(
            _llm,
            settings=RulesSettings,
            capabilities=LLMCapabilities(tools=True),
        ),
    )


def __getattr__(name: str) -> Any:
    # What the user needs to write a dialogue, and listing the provider does not.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(".llm" if name == "RulesLLM" else ".dialogue", __name__), name)
