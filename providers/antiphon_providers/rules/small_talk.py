"""Small talk: what every dialogue understands and says unless it says otherwise.

A rule `on = KIND` takes the place of the texts of that kind.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SmallTalk:
    """One kind of small talk."""

    whole: tuple[str, ...]
    """Patterns that make it up when nothing else was said; fillers apart."""
    within: tuple[str, ...]
    """Patterns that are looked for anywhere, once everything else has failed."""
    say: tuple[str, ...]
    """What is answered, in turn."""


# In the order in which they are tried: "thanks, bye" is a goodbye.
SMALL_TALK: dict[str, SmallTalk] = {
    "goodbye": SmallTalk(
        (
            "^* (goodbye|good bye|bye|bye bye|see you [later|soon])$",
            "^[no] [thanks|thank you] that (is|was) (all|it|everything) [thanks|thank you]$",
            "^[no] nothing else [thanks|thank you]$",
            "^(have a (nice|good|great) (day|evening|weekend))$",
        ),
        ("goodbye", "good bye", "bye"),
        ("Goodbye!",),
    ),
    "cancel": SmallTalk(
        ("^(never mind|forget (it|that|about it)|cancel [that|it])$",),
        ("never mind", "forget it"),
        ("All right.",),
    ),
    "repeat": SmallTalk(
        (
            "^[sorry|excuse me] [can|could] [you] [please] (repeat|say) (that|it) [again] "
            "[one more time]$",
            "^[sorry] [can|could] [you] [please] (repeat|say that again)$",
            "^(pardon|pardon me|come again|excuse me|what|sorry|sorry what|say again|once more)$",
            "^[sorry] what (did you say|was that)$",
            "^[sorry] i (did|could) not (hear|catch|get) (you|that|it)$",
        ),
        ("repeat that", "say that again", "repeat it"),
        ("I have not said anything yet.",),
    ),
    "who": SmallTalk(
        (
            "^[and] (who|what) are you$",
            "^(are you|am i talking to|is this|do i talk to) [a|an] "
            "(robot|machine|computer|human|person|real person|ai|bot|chat bot|language model)$",
        ),
        ("are you [a] (robot|human|person|machine|real)",),
        ("I am a scripted program: neither a person nor a language model.",),
    ),
    "help": SmallTalk(
        (
            "^help [me]$",
            "^what can (i|you) (say|do|ask) [for me|here]$",
            "^what are my options$",
            "^(how does this work|what do you do|how can you help [me])$",
        ),
        ("what can (i|you) (say|do|ask)", "help"),
        (
            "You can say: {examples}.",
            "I can {offers}.",
            "Tell me what you need, in a few words.",
        ),
    ),
    "how_are_you": SmallTalk(
        ("^[hello|hi|hey] [and] how are you [doing] [today]$", "^how is it going$"),
        ("how are you",),
        ("I am fine, thank you.",),
    ),
    "thanks": SmallTalk(
        (
            "^[great|good|perfect|wonderful] (thank you|thanks|many thanks|cheers) "
            "[very much|so much|a lot] [for (your help|that)]$",
        ),
        ("thank you", "thanks"),
        ("You are welcome.", "My pleasure."),
    ),
    "hello": SmallTalk(
        (
            "^(hello|hi|hey|good (morning|afternoon|evening|day)|greetings) "
            "[there|again|everybody|hello|hi]$",
        ),
        ("^(hello|hi|hey|good (morning|afternoon|evening))",),
        ("Hello!", "Hello again!"),
    ),
}

SITUATIONS: dict[str, tuple[str, ...]] = {
    "enter": ("Hello! How can I help?",),
    "idle": ("Is there anything else I can do for you?",),
    "empty": ("I did not hear anything.", "I still cannot hear you."),
    "fallback": (
        "Sorry, I did not understand that.",
        "I am afraid I did not get that either.",
        "Sorry, could you put that in other words?",
    ),
    "done": ("That is done.",),
    "noted": ("Thank you.",),
    "error": ("I am sorry, that did not work: {error}.",),
    "unavailable": ("I am sorry, I cannot do that right now.",),
}
"""What is said when: the agent enters, it should speak without being spoken to, nothing was heard,
nothing was understood, a tool gave nothing to say, an answer leaves nothing to ask, a tool failed,
a tool is not at hand."""

QUIET = frozenset({"goodbye", "repeat"})
"""After these no open question is asked again."""

KINDS = (*SITUATIONS, *SMALL_TALK)
"""What a rule's `on` may name."""
