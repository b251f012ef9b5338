"""Chat items, `ChatContext`, its read-only view, its JSON form, and the report."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.chat import (
    AgentHandoff,
    ChatContext,
    ChatItem,
    ChatMessage,
    FunctionCall,
    FunctionCallOutput,
    ImageContent,
    ProviderNote,
    report_item,
)

READ_ONLY = (
    "agent.chat_ctx is read-only; use `await agent.update_chat_ctx(...)`, "
    "or change a copy: `chat_ctx.copy()`"
)


def user(text: str, at: float | None = None, id: str | None = None) -> ChatMessage:
    message = ChatMessage(role="user", content=text, created_at=at)
    if id is not None:
        message.id = id
    return message


def call(name: str, call_id: str, step: str | None = None, at: float | None = None) -> FunctionCall:
    return FunctionCall(call_id=call_id, name=name, arguments="{}", step_id=step, created_at=at)


def output(name: str, call_id: str, text: str = "done") -> FunctionCallOutput:
    return FunctionCallOutput(call_id=call_id, name=name, output=text)


def texts(ctx: ChatContext) -> list[str]:
    return [item.text_content if isinstance(item, ChatMessage) else item.type for item in ctx]


def test_items_get_different_ids_of_kind_item() -> None:
    first, second = user("a"), user("b")
    assert first.id.startswith("item_")
    assert first.id != second.id


def test_items_have_no_dict_and_no_container_in_the_common_case() -> None:
    message = user("a")
    assert not hasattr(message, "__dict__")
    values = [getattr(message, name) for name in ChatMessage.__slots__]
    assert not any(isinstance(value, list | dict | set | tuple) for value in values)


def test_text_content_joins_the_text_parts_and_leaves_pictures_out() -> None:
    picture = ImageContent(image="https://example.org/a.png")
    message = ChatMessage(role="user", content=["what is", picture, "this?"])
    assert message.text_content == "what is\nthis?"
    assert user("plain").text_content == "plain"


def test_add_message_appends_and_returns_the_message() -> None:
    ctx = ChatContext.empty()
    message = ctx.add_message(role="assistant", content="hello", interrupted=True, id="m1")
    assert (message.role, message.content, message.interrupted, message.id) == (
        "assistant",
        "hello",
        True,
        "m1",
    )
    assert list(ctx) == [message]
    assert ctx.messages() == [message]
    assert len(ctx) == 1
    assert ctx[0] is message
    assert ctx[-1:] == [message]


def test_a_message_with_a_time_goes_to_its_time() -> None:
    ctx = ChatContext([user("a", 1.0), user("c", 3.0)])
    ctx.add_message(role="user", content="b", created_at=2.0)
    ctx.add_message(role="user", content="b2", created_at=2.0)
    ctx.add_message(role="user", content="end")
    assert texts(ctx) == ["a", "b", "b2", "c", "end"]


def test_insert_looks_past_items_without_a_time() -> None:
    ctx = ChatContext([user("sys"), user("a", 1.0), user("a+"), user("c", 3.0), user("c+")])
    ctx.insert([user("b", 2.0), user("first", 0.5)])
    assert texts(ctx) == ["sys", "first", "a", "a+", "b", "c", "c+"]


def test_look_up_by_id_follows_every_kind_of_change() -> None:
    a, b, c, d = (
        user(name, at, name) for name, at in zip("abcd", (1.0, 2.0, 3.0, 4.0), strict=True)
    )
    ctx = ChatContext([a, d])
    assert ctx.index_by_id("d") == 1
    ctx.insert(b)
    assert [ctx.index_by_id(each) for each in "abd"] == [0, 1, 2]
    ctx.append(c)
    assert ctx.index_by_id("c") == 3
    assert ctx.remove("a") is a
    assert [ctx.index_by_id(each) for each in "abdc"] == [None, 0, 1, 2]
    e = user("e", id="e")
    ctx.replace("d", e)
    assert ctx.get_by_id("d") is None
    assert ctx.get_by_id("e") is e
    assert "b" in ctx and b in ctx and "d" not in ctx and d not in ctx and 5 not in ctx
    ctx.items.insert(0, a)
    ctx.items.pop()
    assert [ctx.index_by_id(each) for each in "abec"] == [0, 1, 2, None]


@given(st.lists(st.tuples(st.sampled_from("ainrs"), st.integers(0, 6)), max_size=30))
def test_look_up_agrees_with_a_plain_search(steps: list[tuple[str, int]]) -> None:
    ctx = ChatContext()
    for number, (step, where) in enumerate(steps):
        if step == "a":
            ctx.append(user("x", id=f"i{number}"))
        elif step == "i":
            ctx.insert(user("x", float(where), id=f"i{number}"))
        elif step == "n":
            ctx.items.insert(where, user("x", id=f"i{number}"))
        elif len(ctx) and step == "s":
            ctx.replace(ctx[where % len(ctx)].id, user("x", id=f"i{number}"))
        elif len(ctx):
            ctx.remove(ctx[where % len(ctx)].id)
        ids = [item.id for item in ctx]
        assert [ctx.index_by_id(each) for each in ids] == list(range(len(ids)))


def test_remove_and_replace_of_an_unknown_id_say_so() -> None:
    ctx = ChatContext()
    sentence = "no item of this chat context has the id 'x'"
    with pytest.raises(LookupError) as removed:
        ctx.remove("x")
    with pytest.raises(LookupError) as replaced:
        ctx.replace("x", user("a"))
    assert str(removed.value) == str(replaced.value) == sentence


CHANGES: list[Callable[[ChatContext], Any]] = [
    lambda ctx: ctx.append(user("x")),
    lambda ctx: ctx.add_message(role="user", content="x"),
    lambda ctx: ctx.insert(user("x", 0.0)),
    lambda ctx: ctx.insert([user("x", 0.0)]),
    lambda ctx: ctx.remove("a"),
    lambda ctx: ctx.replace("a", user("x")),
    lambda ctx: ctx.truncate(1),
    lambda ctx: ctx.merge([user("x", 1.5)]),
    lambda ctx: ctx.touch(),
    lambda ctx: setattr(ctx, "items", []),
    lambda ctx: ctx.items.append(user("x")),
    lambda ctx: ctx.items.extend([user("x")]),
    lambda ctx: ctx.items.insert(0, user("x")),
    lambda ctx: ctx.items.pop(),
    lambda ctx: ctx.items.remove(ctx.items[0]),
    lambda ctx: ctx.items.clear(),
    lambda ctx: ctx.items.reverse(),
    lambda ctx: ctx.items.__setitem__(0, user("x")),
    lambda ctx: ctx.items.__setitem__(slice(0, 1), []),
    lambda ctx: ctx.items.__delitem__(0),
    lambda ctx: ctx.items.__iadd__([user("x")]),
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_changes_the_version(change: Callable[[ChatContext], Any]) -> None:
    ctx = ChatContext([user("a", 1.0, "a"), user("b", 2.0, "b")])
    before = ctx.version
    change(ctx)
    assert ctx.version != before


@pytest.mark.parametrize("change", CHANGES)
def test_a_readonly_view_refuses_every_change(change: Callable[[ChatContext], Any]) -> None:
    ctx = ChatContext([user("a", 1.0, "a"), user("b", 2.0, "b")])
    before = (ctx.version, list(ctx))
    with pytest.raises(TypeError) as refused:
        change(ctx.readonly())
    assert str(refused.value) == READ_ONLY
    assert (ctx.version, list(ctx)) == before


def test_versions_are_equal_only_for_equal_items() -> None:
    ctx = ChatContext([user("a")])
    copy = ctx.copy()
    assert copy.version == ctx.version
    copy.append(user("b"))
    ctx.append(user("c"))
    assert copy.version != ctx.version
    assert ChatContext().version == ChatContext.empty().version == 0
    assert ChatContext([user("a")]).version != ChatContext([user("a")]).version


def test_a_readonly_view_is_live_and_its_copy_may_be_changed() -> None:
    ctx = ChatContext([user("a", id="a")])
    view = ctx.readonly()
    ctx.append(user("b", id="b"))
    assert texts(view) == ["a", "b"]
    assert view.version == ctx.version
    assert view == ctx
    assert view.index_by_id("b") == 1
    assert list(view.items) == list(ctx.items)
    assert view.items == ctx.items
    assert view.items[-1:] == [ctx[1]]
    copy = view.copy()
    copy.append(user("c"))
    assert (len(copy), len(ctx)) == (3, 2)


def test_a_readonly_view_takes_another_sentence() -> None:
    with pytest.raises(TypeError) as refused:
        ChatContext().readonly("session.history keeps what happened").append(user("x"))
    assert str(refused.value) == "session.history keeps what happened"


def test_contexts_compare_by_their_items() -> None:
    one = ChatContext([user("a", id="a")])
    assert one == ChatContext([user("a", id="a")])
    assert one != ChatContext([user("b", id="a")])
    assert one != [user("a", id="a")]


def conversation() -> ChatContext:
    return ChatContext(
        [
            ChatMessage(role="system", content="be kind"),
            user("hi"),
            AgentHandoff(old_agent_id=None, new_agent_id="intake"),
            ProviderNote(provider="acme", data={"signature": "s"}, step_id="s1"),
            call("look", "c1", "s1"),
            call("book", "c2", "s1"),
            output("look", "c1"),
            output("book", "c2"),
            ChatMessage(role="assistant", content="  "),
            user("bye"),
        ]
    )


def kinds(ctx: ChatContext) -> list[str]:
    return [
        f"{item.role}" if isinstance(item, ChatMessage) else getattr(item, "name", item.type)
        for item in ctx
    ]


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, "system user agent_handoff provider_note look book look book assistant user"),
        ({"exclude_function_call": True}, "system user agent_handoff assistant user"),
        (
            {"exclude_instructions": True},
            "user agent_handoff provider_note look book look book assistant user",
        ),
        (
            {"exclude_empty_message": True},
            "system user agent_handoff provider_note look book look book user",
        ),
        (
            {"exclude_handoff": True},
            "system user provider_note look book look book assistant user",
        ),
        ({"tools": ["look"]}, "system user agent_handoff look look assistant user"),
        ({"tools": []}, "system user agent_handoff assistant user"),
    ],
)
def test_copy_leaves_out_what_is_asked(options: dict[str, Any], left: str) -> None:
    ctx = conversation()
    copy = ctx.copy(**options)
    assert kinds(copy) == left.split()
    assert all(any(item is mine for mine in ctx) for item in copy), "copies are shallow"
    assert kinds(ctx) == kinds(conversation())


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (0, "system"),
        (1, "system user"),
        (2, "system assistant user"),
        (3, "system assistant user"),  # would begin with an output
        (5, "system assistant user"),  # would begin with one of two calls of a step
        (6, "system assistant user"),  # the step's calls without its note
        (7, "system provider_note look book look book assistant user"),
        (9, "system user agent_handoff provider_note look book look book assistant user"),
        (99, "system user agent_handoff provider_note look book look book assistant user"),
    ],
)
def test_truncate_keeps_instructions_and_never_half_a_step(keep: int, left: str) -> None:
    ctx = conversation()
    assert ctx.truncate(keep) is ctx
    assert kinds(ctx) == left.split()


def test_truncate_takes_calls_without_a_step_with_their_outputs() -> None:
    ctx = ChatContext(
        [call("a", "1"), call("b", "2"), output("a", "1"), output("b", "2"), user("x")]
    )
    ctx.truncate(4)
    assert kinds(ctx) == ["b", "b", "user"]


def test_truncate_refuses_a_negative_number() -> None:
    with pytest.raises(ValueError) as refused:
        ChatContext().truncate(-1)
    assert str(refused.value) == "max_items must not be negative, not -1"


def test_merge_adds_what_is_missing_at_its_time() -> None:
    shared = user("shared", 1.0)
    parent = ChatContext([ChatMessage(role="system", content="sys"), shared, user("p", 4.0)])
    task = [ChatMessage(role="system", content="task"), shared, user("t1", 2.0), user("t2", 4.0)]
    assert parent.merge(task, exclude_instructions=True) is parent
    assert texts(parent) == ["sys", "shared", "t1", "p", "t2"]
    version = parent.version
    parent.merge(task, exclude_instructions=True)
    assert parent.version == version


def test_merge_keeps_untimed_items_with_their_neighbours() -> None:
    ctx = ChatContext([user("a", 1.0), user("c", 3.0), user("c+")])
    ctx.merge([user("b-"), user("b", 2.0), user("b+"), user("d", 3.0)])
    assert texts(ctx) == ["a", "b-", "b", "b+", "c", "c+", "d"]
    ctx.merge([user("end")])
    assert texts(ctx)[-1] == "end"


def test_merge_leaves_calls_out_when_asked() -> None:
    ctx = ChatContext()
    ctx.merge(conversation(), exclude_function_call=True, exclude_instructions=True)
    assert kinds(ctx) == ["user", "agent_handoff", "assistant", "user"]


@given(
    st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12),
    st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12),
)
def test_merge_keeps_the_order_of_both_when_times_ascend(
    mine: list[int | None], theirs: list[int | None]
) -> None:
    def made(times: list[int | None], name: str) -> list[ChatItem]:
        known = iter(sorted(time for time in times if time is not None))
        return [
            user("x", None if time is None else float(next(known)), f"{name}{index}")
            for index, time in enumerate(times)
        ]

    one, other = made(mine, "m"), made(theirs, "t")
    ctx = ChatContext(one).merge(other)
    assert [item for item in ctx if item in one] == one
    assert [item for item in ctx if item in other] == other
    timed = [item.created_at for item in ctx if item.created_at is not None]
    assert timed == sorted(timed)


def everything() -> ChatContext:
    return ChatContext(
        [
            ChatMessage(role="developer", content="be kind"),
            ChatMessage(
                role="user",
                content=[
                    "look",
                    ImageContent(image=b"\x89PNG", mime_type="image/png", detail="high"),
                    ImageContent(image="https://example.org/a.png"),
                ],
                created_at=0.5,
            ),
            ChatMessage(
                role="assistant",
                content="Hello th",
                interrupted=True,
                created_at=1.0,
                agent_id="intake",
                generated_text="Hello there",
                estimated=True,
                display_text="Hello",
                step_id="s0",
                extra={"a": [1, 2]},
            ),
            ProviderNote(provider="acme", data=[{"sig": "x"}], step_id="s1", created_at=2.0),
            FunctionCall(
                call_id="c1",
                name="book",
                arguments='{"n": 1}',
                step_id="s1",
                provider_data={"sig": "y"},
                created_at=2.0,
            ),
            FunctionCallOutput(
                call_id="c1", name="book", output="full", is_error=True, created_at=3.0
            ),
            AgentHandoff(old_agent_id="intake", new_agent_id="billing", created_at=4.0),
        ]
    )


def test_to_dict_and_back_loses_nothing() -> None:
    ctx = everything()
    assert ChatContext.from_dict(json.loads(json.dumps(ctx.to_dict()))) == ctx


def test_to_dict_writes_what_is_not_at_its_default() -> None:
    ctx = ChatContext([user("hi", 0.5, "m1"), call("book", "c1")])
    ctx[1].id = "c"
    assert ctx.to_dict() == {
        "items": [
            {"id": "m1", "type": "message", "role": "user", "content": "hi", "created_at": 0.5},
            {
                "id": "c",
                "type": "function_call",
                "call_id": "c1",
                "name": "book",
                "arguments": "{}",
            },
        ]
    }


def test_to_dict_leaves_pictures_and_times_out_when_asked() -> None:
    items = everything().to_dict(exclude_image=True, exclude_timestamp=True)["items"]
    assert items[1]["content"] == ["look"]
    assert not any("created_at" in item for item in items)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ([], 'a chat context is an object with a list under "items"'),
        ({}, 'a chat context is an object with a list under "items"'),
        ({"items": [3]}, "items[0] is not an object but int"),
        (
            {"items": [{"type": "thought"}]},
            "items[0] has the unknown type 'thought' (known: message, function_call, "
            "function_call_output, agent_handoff, provider_note)",
        ),
        (
            {"items": [{"type": "message", "role": "user", "contents": "x"}]},
            "items[0]: message has no field 'contents'; did you mean 'content'?",
        ),
        (
            {"items": [{"type": "message", "role": "user"}]},
            "items[0]: message lacks the field 'content'",
        ),
        (
            {"items": [{"type": "message", "role": "tool", "content": "x"}]},
            "items[0]: unknown role 'tool' (known: system, developer, user, assistant)",
        ),
        (
            {"items": [{"type": "message", "role": "user", "content": 3}]},
            "items[0]: 'content' must be a string or a list, not 3",
        ),
        (
            {"items": [{"type": "message", "role": "user", "content": [3]}]},
            "items[0]: 3 is neither a string nor an image",
        ),
        (
            {"items": [{"type": "message", "role": "user", "content": [{"type": "image"}]}]},
            "items[0]: an image needs a 'url', or 'base64' that is valid",
        ),
        (
            {"items": [{"type": "agent_handoff", "new_agent_id": None}]},
            "items[0]: 'new_agent_id' must be a string, not None",
        ),
    ],
)
def test_from_dict_names_the_item_it_cannot_read(data: Any, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        ChatContext.from_dict(data)
    assert str(refused.value) == sentence


def test_report_items_have_the_form_of_the_session_report() -> None:
    ctx = everything()
    for number, item in enumerate(ctx):
        item.id = f"i{number}"
    assert [report_item(item) for item in ctx] == [
        {
            "id": "i0",
            "type": "message",
            "role": "developer",
            "text": "be kind",
            "interrupted": False,
            "created_at": None,
        },
        {
            "id": "i1",
            "type": "message",
            "role": "user",
            "text": "look",
            "interrupted": False,
            "created_at": 0.5,
        },
        {
            "id": "i2",
            "type": "message",
            "role": "assistant",
            "text": "Hello th",
            "interrupted": True,
            "agent_id": "intake",
            "generated_text": "Hello there",
            "estimated": True,
            "created_at": 1.0,
        },
        {"id": "i3", "type": "provider_note", "provider": "acme", "created_at": 2.0},
        {
            "id": "i4",
            "type": "function_call",
            "call_id": "c1",
            "name": "book",
            "arguments": {"n": 1},
            "created_at": 2.0,
        },
        {
            "id": "i5",
            "type": "function_call_output",
            "call_id": "c1",
            "output": "full",
            "is_error": True,
            "created_at": 3.0,
        },
        {
            "id": "i6",
            "type": "agent_handoff",
            "old_agent_id": "intake",
            "new_agent_id": "billing",
            "created_at": 4.0,
        },
    ]


def test_a_report_shows_arguments_beyond_repair_as_they_were() -> None:
    broken = FunctionCall(call_id="c", name="book", arguments='{"n": ')
    assert report_item(broken)["arguments"] == {"raw_arguments": '{"n": '}
    empty = FunctionCall(call_id="c", name="book", arguments="")
    assert report_item(empty)["arguments"] == {}


def test_what_was_said_whole_is_also_what_was_generated_in_a_report() -> None:
    message = ChatMessage(role="assistant", content="Hello", agent_id="a")
    assert report_item(message)["generated_text"] == "Hello"
