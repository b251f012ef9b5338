"""The `llm` slot: answers a chat context by a scripted dialogue. Not a language model."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from antiphon.chat import ChatContext, ChatItem, item_to_dict
from antiphon.errors import SettingError
from antiphon.llm import (
    LLM,
    Finish,
    LLMCapabilities,
    LLMEvent,
    TextDelta,
    ToolCall,
    ToolChoice,
)
from antiphon.streams import Usage
from antiphon.tools import Tool

from .dialogue import Dialogue
from .dialogue_file import DialogueFile, read_file, read_text
from .purpose import purpose_in
from .reading import Reading
from .replying import Replying
from .tool_forms import with_tools
from .understanding import Script

_SENTENCES = re.compile(r"\S.*?(?:[.!?…]+[\"'\u201d\u2019)]*(?=\s|$)|$)\s*", re.DOTALL)
_KEPT_SCRIPTS = 64


class RulesLLM(LLM):
    """Scripted rules in the place of a language model.

    `dialogue` is a `Dialogue`, the path of a dialogue file, the text of one (if it has a line
    break), or None for small talk and the agent's own tools; `section` names one of a file's.

    Nothing is remembered between calls: the answer follows from the chat context alone, so the same
    context gives the same answer, call ids included.
    """

    capabilities = LLMCapabilities(tools=True)

    def __init__(
        self,
        dialogue: Dialogue | Path | str | None = None,
        *,
        section: str | None = None,
        log: logging.Logger | None = None,
    ) -> None:
        if section is not None and (dialogue is None or isinstance(dialogue, Dialogue)):
            raise SettingError(
                f"'rules' is given section={section!r} but no dialogue file to find it in; "
                f"name the file: 'rules/PATH#{section}'"
            )
        self._source = dialogue
        self._section = section
        self._log = log or logging.getLogger("antiphon.rules")
        self._file: DialogueFile | None = None
        self._script: Script | None = None
        self._scripts: dict[object, Script] = {}
        self._warned: set[str] = set()
        self._named = False

    def load(self) -> None:
        """Reads and checks the dialogue. Raises `SettingError` or `ConfigurationError`."""
        if self._script is None:
            self._script = Script(self._dialogue())

    def _dialogue(self) -> Dialogue:
        source = self._source
        if source is None:
            return Dialogue(from_tools=True)
        if isinstance(source, Dialogue):
            return source
        if isinstance(source, str) and "\n" in source:
            self._file = read_text(source)
        else:
            self._file = read_file(Path(source))
        return self._file.dialogue(self._section)

    async def chat(
        self,
        chat_ctx: ChatContext,
        *,
        tools: Sequence[Tool] = (),
        tool_choice: ToolChoice = "auto",
        settings: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[LLMEvent, None]:
        """Answers by the dialogue: the text in sentences, then the calls."""
        self.load()
        if not self._named:
            self._named = True
            self._log.info("llm='rules': scripted rules, not a language model")
        items = list(chat_ctx.items)
        script = self._script_for(tools, settings, purpose_in(items))
        reply = Replying(
            script,
            Reading(script, items),
            tools=tools,
            tool_choice=tool_choice,
            warn=self._warn,
        ).compose()
        for sentence in _SENTENCES.findall(reply.text):
            yield TextDelta(sentence)
        for number, (name, arguments) in enumerate(reply.calls):
            yield ToolCall(_call_id(items, number), name, arguments)
        yield Usage(requests=1)
        yield Finish("tool_calls" if reply.calls else "stop")

    def _script_for(
        self, tools: Sequence[Tool], settings: Mapping[str, Any] | None, purpose: str | None
    ) -> Script:
        """The script of this call: of another section if it asks for one, with forms for the tools
        if the dialogue wants them."""
        assert self._script is not None
        script = self._script
        section = (settings or {}).get("section")
        if section is not None and section != self._section:
            if self._file is None:
                raise SettingError(
                    f"'section' of this call is {section!r}, but the dialogue is not from a file; "
                    "leave it out"
                )
            found = self._scripts.get(section)
            if found is None:
                found = self._scripts[section] = Script(self._file.dialogue(section))
            script = found
        if not script.dialogue.from_tools:
            return script
        key = (
            section,
            purpose,
            tuple((tool.name, tool.description, json.dumps(tool.parameters)) for tool in tools),
        )
        found = self._scripts.get(key)
        if found is None:
            if len(self._scripts) >= _KEPT_SCRIPTS:
                self._scripts.clear()
            found = self._scripts[key] = Script(*with_tools(script.dialogue, tools, purpose))
        return found

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warned:
            self._warned.add(sentence)
            self._log.warning("%s", sentence)


def _call_id(items: Sequence[ChatItem], number: int) -> str:
    """An id that no other step makes, and that the same step makes again.

    Contexts of one session meet in its history, so counting within one would not do; the ids and
    times of the items tell them apart.
    """
    tail = [item_to_dict(item, exclude_image=True) for item in items[-4:]]
    seed = json.dumps([len(items), number, tail], sort_keys=True, default=str)
    return f"rules_{hashlib.sha256(seed.encode()).hexdigest()[:16]}"
