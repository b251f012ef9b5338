"""User turns: recording what the user said, and seeing to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..agent import Agent
from ..chat import ChatMessage
from ..events import MetricsCollected, ReplySkipped, TurnDecision
from ..speech import SpeechHandle
from ..timeline import Timeline
from .reply import Reply
from .turn_hook import has_hook

if TYPE_CHECKING:
    from .conversation import Conversation


class UserTurns:
    """Takes the turns that `turns` has committed, and typed ones."""

    def __init__(self, conversation: Conversation) -> None:
        self._c = conversation
        self.timelines: list[Timeline] = []
        """One per turn, in order."""
        self.answering: dict[SpeechHandle, Timeline] = {}
        """Those whose reply is on its way."""
        self._spent: dict[int, float] = {}
        """The engine's CPU seconds when a turn began that is not done yet."""

    def text(self, text: str, *, interrupt: bool = True) -> None:
        """A typed line: a whole user turn."""
        text = text.strip()
        if not text or self._c.closing.closed.done():
            return
        self._c.states.set_user("listening")
        timeline = self.new_timeline(text)
        self.take(text, timeline, may_interrupt=interrupt)

    def new_timeline(self, text: str) -> Timeline:
        """The timeline of a turn that has just been committed."""
        timeline = Timeline(
            turn=len(self.timelines) + 1,
            agent_id=self._c.agent.id,
            text=text,
            committed=self._c.now(),
        )
        self._spent[timeline.turn] = self._c.mailbox.spent
        self._c.usage.commit(timeline)
        self._c.log_fields.turn = timeline.turn
        return timeline

    def take(
        self,
        text: str,
        timeline: Timeline,
        *,
        may_interrupt: bool,
        ignored: bool = False,
        spoken_until: float | None = None,
    ) -> ChatMessage:
        """Records a user turn, which is never lost from here on, and sees to its answer.

        One with too few words to interrupt what is heard gets none; nor does one of `ignored` words
        alone while something is being answered. `spoken_until`: the last voiced sample of a spoken
        turn, on the loop's clock.
        """
        self.timelines.append(timeline)
        speaks = self._c.speaking.audible or self._c.speaking.paused
        segment = self._c.speaking.current
        uninterruptible = segment is not None and not segment.handle.allow_interruptions
        warm_up = self._c.turns.barge_in.warm_up
        echo = speaks and spoken_until is not None and warm_up.covers(spoken_until)
        yields = self._c.turn_settings.interruptions and not uninterruptible and not echo
        answered = True
        if yields and not may_interrupt and speaks:
            answered = False
        elif yields and ignored and self._c.interrupting.pending:
            answered = False
        elif yields:
            self._c.interrupting.for_user()
        message = self._c.recorder.user_message(text, self._c.agent._chat_ctx)
        if self._c.closing_begun:
            self.skip(timeline, "the session is closing")
        elif not answered:
            self._c.speaking.resume()
            self._c.notify(
                TurnDecision(
                    decision="ignore", reason="too few words to interrupt", at=self._c.now()
                )
            )
            self.skip(timeline, "the words do not interrupt")
        elif self._c.switching.window_open:
            self._c.entering.hold_turn(message, timeline)
        else:
            self.answer(message, timeline)
        return message

    def answer(self, message: ChatMessage, timeline: Timeline | None) -> None:
        """Begins the reply to a recorded user turn."""
        if self.without_llm(self._c.agent) and not has_hook(self._c.agent):
            self.skip_without_llm(timeline, self._c.agent)
            return
        self._c.entering.answered_with_a_later_turn()
        handle = self._c.requests.new_handle("user_turn", user_initiated=False)
        if timeline is not None:
            self.will_answer(timeline, handle, self._c.agent)
        self._c.requests.announce(handle)
        self._c.replying.begin(
            Reply(
                handle=handle,
                agent=self._c.agent,
                message=message,
                timeline=timeline,
                speculation=self._c.speculating.take(message.text_content),
            ),
            self._c.agent,
        )

    def will_answer(self, timeline: Timeline, handle: SpeechHandle, agent: Agent) -> None:
        """The speech is the answer of the turn: its times go into the timeline."""
        timeline.speech_id = handle.id
        timeline.agent_id = agent.id
        self.answering[handle] = timeline

    def correct(self, message: ChatMessage, text: str) -> bool:
        """A late final for a turn made of interim words; False when its answer is being heard."""
        for reply in list(self._c.replying.active.values()):
            if reply.message is message and not self._c.speaking.audible:
                timeline = reply.timeline
                self.answering.pop(reply.handle, None)
                if timeline is not None:
                    timeline.text = text
                self._c.interrupting.cut(reply.handle)
                message.content = text
                self._c.recorder.updated(message, self._c.agent._chat_ctx)
                self.answer(message, timeline)
                return True
        return False

    def without_llm(self, agent: Agent) -> bool:
        """Whether the agent can hear, and has nothing to answer with."""
        return self._c.slots.get(agent, "llm") is None and not self._has_own_llm(agent)

    def skip_without_llm(self, timeline: Timeline | None, agent: Agent) -> None:
        """The silence of such an agent: an error unless `llm=None` says that it is meant."""
        if not self._listens_only(agent):
            self._c.report_error(self._c.slots.missing(agent, "llm"), "llm", False)
        self.skip(timeline, "the agent has no llm")

    @staticmethod
    def _has_own_llm(agent: Agent) -> bool:
        return type(agent).llm_node is not Agent.llm_node or "llm_node" in vars(agent)

    @staticmethod
    def _listens_only(agent: Agent) -> bool:
        return "llm" in agent._slots and agent._slots["llm"] is None

    def skip(self, timeline: Timeline | None, reason: str) -> None:
        """A declared silence: the turn gets no reply."""
        if timeline is not None:
            self.close_timeline(timeline, interrupted=False)
        self._c.notify(ReplySkipped(reason=reason, at=self._c.now()))

    def close_timeline(self, timeline: Timeline, *, interrupted: bool) -> None:
        """The turn is over: its timeline is complete."""
        if timeline.done is not None:
            return
        timeline.done = self._c.now()
        timeline.interrupted = interrupted
        timeline.framework = self._c.mailbox.spent - self._spent.pop(timeline.turn)
        self._c.notify(MetricsCollected(metrics=timeline, at=self._c.now()))
