"""The context of a job, where there is no server."""

from __future__ import annotations

import pytest

from antiphon import Agent, AgentSession, JobContext, Registry, TransportError
from antiphon.app import App
from antiphon.app.local_job import LocalJob
from antiphon.app.local_room import LocalRoom
from antiphon.testing import Caller

from ..engine.following import instant, lines

pytestmark = pytest.mark.virtual_time


@pytest.mark.parametrize("order", ["before", "after", "both", "never"])
async def test_a_job_connects_in_any_order_and_once(order: str) -> None:
    app, caller = App(), Caller(audio=False)
    said: list[str] = []

    @app.session
    async def session(ctx: JobContext) -> None:
        if order in ("before", "both"):
            await ctx.connect()
        session = AgentSession[None](llm=instant(["Good morning."]))
        await session.start(agent=Agent(id="desk"), room=ctx.room)
        if order in ("after", "both"):
            await ctx.connect()
            await ctx.connect()
        participant = await ctx.wait_for_participant()
        assert [participant.identity] == list(ctx.room.remote_participants)
        await session.generate_reply(user_input="hello")
        said.extend(lines(session.history))
        ctx.shutdown("done")

    await LocalJob(app, room=LocalRoom(caller), registry=Registry([], {})).run()
    assert said == ["None -> desk", "user: hello", "desk: Good morning."]


async def test_nobody_else_can_come_into_a_local_room() -> None:
    app = App()
    refused: list[str] = []

    @app.session
    async def session(ctx: JobContext) -> None:
        await AgentSession[None](llm=instant([])).start(agent=Agent(), room=ctx.room)
        with pytest.raises(TransportError) as raised:
            await ctx.wait_for_participant(identity="somebody")
        refused.append(str(raised.value))
        ctx.shutdown()

    await LocalJob(app, room=LocalRoom(Caller(audio=False)), registry=Registry([], {})).run()
    assert refused == [
        "no participant 'somebody' is in the room 'local' (there are: agent, caller)"
    ]
