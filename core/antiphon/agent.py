"""Agents: instructions, tools and slots, and the hooks and nodes that users override."""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from .chat import ChatContext, ChatMessage
from .errors import ConfigurationError, ToolDefinitionError
from .given import NOT_GIVEN, Maybe
from .nodes import DefaultNodes, ModelSettings, Runtime
from .session_options import check_tool_limits
from .slot_values import (
    LLMLike,
    STTLike,
    TTSLike,
    TurnDetectorLike,
    VADLike,
    check_slot_value,
)
from .text_transforms import TextTransformLike
from .text_transforms import resolve as resolve_transforms
from .tools import (
    FunctionTool,
    Tool,
    collect_tools,
    find_tools,
    merge_tools,
    tool_entries,
    tool_sets,
)
from .turn_handling import TurnHandling

if TYPE_CHECKING:
    from .audio import AudioFrame
    from .events import UserTurnExceeded
    from .provider import SlotName
    from .session import AgentSession
    from .streams import Flush

_CUT_IN = (
    "The user has been speaking for {seconds:.0f} seconds and goes on. Cut in now: politely, in "
    "one short sentence, so that you can answer. Up to now the user has said: {words}"
)

INSTRUCTIONS_ID = "instructions"
"""The id of the system message that holds an agent's instructions in its context."""

_direct_agents = itertools.count(1)


class Agent:
    """Instructions, tools and slots. Exactly one agent of a session is active.

    Every slot takes a built slot, a model string, a `Model`, a list of these in order of fallback,
    or None: this agent has none. A slot that is not given is the session's.

    Raises `ModelStringError` for a string that cannot be read and `ToolDefinitionError` for tools
    that cannot be offered.
    """

    __antiphon_agent__ = True

    default = DefaultNodes

    speculative_ok: ClassVar[bool] = False
    """Whether an own `llm_node` may be run before the user's turn has surely ended, with
    `model_settings.speculative=True`: its answer may be thrown away, so it must have no effect
    that matters. The default node may always be."""

    _own_names: ClassVar[tuple[str, tuple[str, ...]]] = ("agent", ())
    """What no tool of a subclass may be called in its class, and whose names these are."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Raises `ToolDefinitionError` for a tool in the place of a method that every agent has."""
        super().__init_subclass__(**kwargs)
        kind, names = cls._own_names
        for name in names:
            value = inspect.getattr_static(cls, name)
            tool = getattr(value, "__func__", value)
            if isinstance(tool, FunctionTool):
                raise ToolDefinitionError(
                    f"the tool {tool.name!r} of {cls.__name__} takes the place of the method "
                    f"`{name}` that every {kind} has; name the function otherwise: "
                    f'@function_tool(name="{tool.name}") async def {name}_tool(self, …)'
                )

    def __init__(
        self,
        *,
        instructions: str = "",
        id: str | None = None,
        chat_ctx: ChatContext | None = None,
        tools: Iterable[Any] | None = None,
        stt: Maybe[STTLike] = NOT_GIVEN,
        llm: Maybe[LLMLike] = NOT_GIVEN,
        tts: Maybe[TTSLike] = NOT_GIVEN,
        vad: Maybe[VADLike] = NOT_GIVEN,
        turn_detector: Maybe[TurnDetectorLike] = NOT_GIVEN,
        turn_handling: TurnHandling | Mapping[str, Any] | None = None,
        examples: Iterable[str] = (),
        tts_text_transforms: Maybe[Iterable[TextTransformLike] | None] = NOT_GIVEN,
        max_tool_steps: Maybe[int] = NOT_GIVEN,
        tool_timeout: Maybe[float | None] = NOT_GIVEN,
    ) -> None:
        check_tool_limits(max_tool_steps, tool_timeout)
        self._max_tool_steps = max_tool_steps
        self._tool_timeout = tool_timeout
        self._id = id or _default_id(type(self))
        self._instructions = instructions
        self._given_tools: list[Any] = list(tools or ())
        self._tools = self._collect()
        self._tool_entries = tool_entries(self._given_tools, find_tools(self))
        self._tool_sets = tool_sets(self._tool_entries)
        self._turn_handling = TurnHandling.of(turn_handling)
        self._examples = tuple(examples)
        self._tts_text_transforms = _transforms(tts_text_transforms)
        self._runtime: Runtime | None = None
        self._claimed: Runtime | None = None
        """The conversation that is about to be handed to it: it can join no other meanwhile."""
        self._parent: Agent | None = None
        """The agent that awaits it, when it is a task: its slots and turn-taking are inherited."""
        self._slots: dict[SlotName, Any] = {}
        given: dict[SlotName, Any] = {
            "stt": stt,
            "llm": llm,
            "tts": tts,
            "vad": vad,
            "turn_detector": turn_detector,
        }
        self._set_slots(given)
        self._chat_ctx = chat_ctx.copy() if chat_ctx is not None else ChatContext.empty()
        self._given_context = chat_ctx is not None
        self._place_instructions()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(id={self._id!r})"

    # What an agent has

    @property
    def id(self) -> str:
        """Its name in the history, e.g. `"front_desk"`."""
        return self._id

    @property
    def label(self) -> str:
        """The same as `id`."""
        return self._id

    @property
    def instructions(self) -> str:
        """What the LLM is told first."""
        return self._instructions

    @property
    def tools(self) -> list[Tool]:
        """Its tools: the `tools=` given, then the `@function_tool` methods."""
        if self._tool_sets:
            return list(merge_tools(self._tool_entries)[0].values())
        return list(self._tools.values())

    @property
    def chat_ctx(self) -> ChatContext:
        """What its LLM is shown; read-only: `update_chat_ctx` changes it, `chat_ctx.copy()` is
        yours."""
        return self._chat_ctx.readonly()

    @property
    def turn_handling(self) -> TurnHandling:
        """Its own turn-taking settings; what is None there is the session's."""
        return self._turn_handling

    @property
    def examples(self) -> tuple[str, ...]:
        """Utterances a caller may say to it: an STT with a vocabulary of its own learns them."""
        return self._examples

    @property
    def session(self) -> AgentSession[Any]:
        """The session it is in. Raises `LookupError` when it is in none, or has been left."""
        return self._attached("session").session

    # Hooks

    async def on_enter(self) -> None:
        """Runs when the agent has become active; not awaited by the conversation."""

    async def on_exit(self) -> None:
        """Runs before the agent is left; what it says is still played."""

    async def on_user_turn_completed(self, turn_ctx: ChatContext, new_message: ChatMessage) -> None:
        """Runs before the reply to a user turn.

        Edits to `turn_ctx` hold for this reply, edits to `new_message` stay. `StopResponse` means
        no reply; any other exception is reported and the reply goes on.
        """

    async def on_user_turn_exceeded(self, ev: UserTurnExceeded) -> None:
        """Runs when the user has said more than `user_turn_limit` allows; only with a limit.

        By default the agent cuts in with a reply of its own that may not be interrupted. The user's
        turn goes on meanwhile, and is recorded and answered at its end. An override may say
        something else, or nothing: then the user keeps the floor.
        """
        if self.session.llm is None and not overrides(self, "llm_node"):
            return
        self.session.generate_reply(
            instructions=_CUT_IN.format(seconds=ev.duration, words=ev.accumulated_transcript),
            tool_choice="none",
            allow_interruptions=False,
        )

    async def on_dtmf(self, digit: str) -> None:
        """Runs for each key that the user presses, one after another, when it is overridden.

        Otherwise the keys become a user turn, `[pressed 1234#]`: after `#`, or after
        `dtmf_timeout` seconds without another.
        """

    # Nodes

    def stt_node(
        self, audio: AsyncIterable[AudioFrame | Flush], model_settings: ModelSettings
    ) -> Any:
        """Audio in, STT events out. May be an async generator, or a coroutine that returns one or
        None."""
        return DefaultNodes.stt_node(self, audio, model_settings)

    def llm_node(
        self, chat_ctx: ChatContext, tools: list[Tool], model_settings: ModelSettings
    ) -> Any:
        """The conversation in, text (`str`) or LLM events out. `chat_ctx` is a copy."""
        return DefaultNodes.llm_node(self, chat_ctx, tools, model_settings)

    def tts_node(self, text: AsyncIterable[str | Flush], model_settings: ModelSettings) -> Any:
        """Text in, `Audio`, `TimedText` or `AudioFrame` out."""
        return DefaultNodes.tts_node(self, text, model_settings)

    def transcription_node(self, text: AsyncIterable[str], model_settings: ModelSettings) -> Any:
        """The text as it is shown to people; what is spoken and recorded does not change."""
        return DefaultNodes.transcription_node(self, text, model_settings)

    # Changes

    async def update_instructions(self, instructions: str) -> None:
        """Takes effect from the next LLM step."""
        self._instructions = instructions
        self._place_instructions()

    async def update_tools(self, tools: Iterable[Any]) -> None:
        """Takes the place of the `tools=` given; the methods stay. Holds from the next LLM step.

        In a session it waits for the set-up of new tool sets, and raises what that raises.
        """
        before = self._given_tools
        self._given_tools = list(tools)
        try:
            tools_now = self._collect()
            if self._runtime is not None:
                for tool in tools_now.values():
                    prepare = getattr(tool, "prepare", None)
                    if prepare is not None:
                        prepare()
        except Exception:
            self._given_tools = before
            raise
        self._tools = tools_now
        self._tool_entries = tool_entries(self._given_tools, find_tools(self))
        self._tool_sets = tool_sets(self._tool_entries)
        if self._runtime is not None:
            await self._runtime.tools_changed(self)

    async def update_chat_ctx(self, chat_ctx: ChatContext) -> None:
        """Takes the place of the context, from the next LLM step; the instructions stay."""
        self._chat_ctx.items = list(chat_ctx.items)
        self._place_instructions()

    async def update_options(
        self,
        *,
        stt: Maybe[STTLike] = NOT_GIVEN,
        llm: Maybe[LLMLike] = NOT_GIVEN,
        tts: Maybe[TTSLike] = NOT_GIVEN,
        vad: Maybe[VADLike] = NOT_GIVEN,
        turn_detector: Maybe[TurnDetectorLike] = NOT_GIVEN,
        turn_handling: TurnHandling | Mapping[str, Any] | None = None,
        tts_text_transforms: Maybe[Iterable[TextTransformLike] | None] = NOT_GIVEN,
    ) -> None:
        """Changes slots and turn-taking; what is not given stays. Holds from the next use of the
        slot."""
        self._set_slots(
            {"stt": stt, "llm": llm, "tts": tts, "vad": vad, "turn_detector": turn_detector}
        )
        if turn_handling is not None:
            self._turn_handling = TurnHandling.of(turn_handling)
        if tts_text_transforms is not NOT_GIVEN:
            self._tts_text_transforms = _transforms(tts_text_transforms)
        if self._runtime is not None:
            await self._runtime.slots_changed(self)

    # For the engine

    def _attached(self, what: str) -> Runtime:
        if self._runtime is None:
            raise LookupError(
                f"agent {self._id!r} is in no session, so it has no {what!r}; "
                "start it with `session.start(agent=…)` or hand over to it"
            )
        return self._runtime

    def _collect(self) -> dict[str, Tool]:
        return collect_tools(self._given_tools, find_tools(self))

    def _set_slots(self, given: Mapping[SlotName, Any]) -> None:
        for name, value in given.items():
            if value is not NOT_GIVEN:
                check_slot_value(value, name)
                self._slots[name] = value

    def _place_instructions(self) -> None:
        context = self._chat_ctx
        present = context.index_by_id(INSTRUCTIONS_ID)
        if present is not None:
            context.remove(INSTRUCTIONS_ID)
        if self._instructions:
            context.items.insert(
                0, ChatMessage(id=INSTRUCTIONS_ID, role="system", content=self._instructions)
            )


def lineage(agent: Agent) -> Iterator[Agent]:
    """The agent, then, when it is a task, who awaits it, and so on."""
    while True:
        yield agent
        if agent._parent is None:
            return
        agent = agent._parent


def _transforms(given: Maybe[Iterable[TextTransformLike] | None]) -> Maybe[tuple[Any, ...]]:
    if given is NOT_GIVEN:
        return NOT_GIVEN
    return resolve_transforms(given, "tts_text_transforms")


def own_names(kind: type[Agent]) -> tuple[str, ...]:
    """The public names of a class of agents."""
    return tuple(name for name in dir(kind) if not name.startswith("_"))


Agent._own_names = ("agent", own_names(Agent))


def _default_id(kind: type[Agent]) -> str:
    if kind is Agent:
        return f"agent_{next(_direct_agents)}"
    return snake_case(kind.__name__)


def snake_case(name: str) -> str:
    """`FrontDesk` → `front_desk`, `FAQAgent` → `faq_agent`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower().lstrip("_")


def check_agent(value: object, where: str) -> Agent:
    """`value` if it is an agent. Raises `ConfigurationError` that says what came instead."""
    if isinstance(value, Agent):
        return value
    if isinstance(value, type) and issubclass(value, Agent):
        raise ConfigurationError(
            f"{where} got the class {value.__name__}; make an agent of it: {value.__name__}()"
        )
    raise ConfigurationError(f"{where} got {value!r}, which is no Agent")


Hook: TypeAlias = Callable[[], Awaitable[None]]


def overrides(agent: Agent, name: str) -> bool:
    """Whether the agent's class (or the object itself) has its own version of a hook or node."""
    own = getattr(type(agent), name, None)
    return own is not getattr(Agent, name) or name in vars(agent)
