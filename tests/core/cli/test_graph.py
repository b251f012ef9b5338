"""`antiphon check --graph FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from antiphon.cli.graph import Graph
from antiphon.cli.graph_reader import graph_of


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes files into an empty directory; returns the name of the last one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)

    def write_files(**sources: str) -> str:
        for name, source in sources.items():
            Path(f"{name}.py").write_text(source, encoding="utf-8")
        return f"{name}.py"

    yield write_files
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def graph(write):
    """The graph of sources; of several files the last one is read."""

    def read(**sources: str) -> Graph:
        from antiphon.app.file import load_file

        return graph_of(load_file(write(**sources)))

    return read


def edges(graph: Graph) -> set[str]:
    """Edges as `A -tool-> B`, with `~` for those that are awaited."""
    return {
        f"{edge.origin} {'~' if edge.awaited else '-'}{edge.label}> {edge.target}"
        for edge in graph.edges
    }


HEAD = """
from antiphon import Agent, AgentSession, AgentTask, App, Handoff, RunContext
from antiphon import function_tool, handoff
"""

SHOP = (
    HEAD
    + '''
app = App()

@app.session
async def session(ctx):
    running = AgentSession()
    await running.start(agent=Desk(), room=ctx.room)

class Name(AgentTask[str]):
    @function_tool
    async def take(self, name: str) -> None:
        """Takes the name."""
        self.complete(name)

class Desk(Agent):
    async def on_enter(self):
        name = await Name()

    @function_tool
    async def to_billing(self) -> Agent:
        """Bills."""
        return Billing(back_to=self)

    @function_tool
    async def help(self) -> Handoff:
        """Helps."""
        return self._pick()

    def _pick(self):
        return handoff(Help(), returns="x")

class Billing(Agent):
    def __init__(self, back_to=None):
        super().__init__()
        self._back_to = back_to

    @function_tool
    async def back(self) -> Agent:
        """Goes back."""
        return self._back_to

class Help(Agent):
    async def on_exit(self):
        self.session.update_agent(Billing())

    @function_tool
    async def hang_up(self, ctx: RunContext) -> None:
        """Ends."""
        ctx.session.shutdown()
'''
)


def test_the_chart_of_a_file_is_printed(write, run, make_registry):
    result = run(make_registry(), "check", "--graph", write(shop=SHOP))
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "flowchart TD\n"
        "    start(( ))\n"
        '    agent1[["Name"]]\n'
        '    agent2["Desk"]\n'
        '    agent3["Billing"]\n'
        '    agent4["Help"]\n'
        '    hangup(("end"))\n'
        "    start --> agent2\n"
        '    agent2 -.->|"on_enter"| agent1\n'
        '    agent2 -->|"to_billing"| agent3\n'
        '    agent2 -->|"help"| agent4\n'
        '    agent3 -->|"back"| agent2\n'
        '    agent4 -->|"on_exit"| agent3\n'
        '    agent4 -->|"hang_up"| hangup\n'
    )


BROKEN = (
    HEAD
    + '''
session = AgentSession(agent=None)

async def main():
    await session.start(Desk())

class Desk(Agent):
    @function_tool
    async def move(self) -> "Lost":
        """Moves."""
        return make()

    async def on_enter(self):
        await Never()

    @function_tool
    async def guess(self, ctx: RunContext) -> Agent:
        """Guesses."""
        return ctx.userdata["next"]

def make():
    return Lost()

class Lost(Agent): ...

class Orphan(Agent):
    async def on_enter(self):
        await self.session.update_agent(Desk())

class Never(AgentTask[int]): ...
'''
)


def test_dead_ends_and_agents_that_nobody_can_reach_are_named(write, run, make_registry):
    result = run(make_registry(), "check", "--graph", write(shop=BROKEN))
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Desk.guess gives an agent, and the source does not show which",
        "dead end: Lost hands over to nobody and does not end the call",
        "nobody can reach Orphan: no agent hands over to it",
        "task Never never completes: it does not call complete(…)",
    ]
    assert '    agent1 -->|"move"| agent2\n' in result.stdout
    assert '    agent1unseen1["?"]\n    agent1 -->|"guess"| agent1unseen1\n' in result.stdout
    assert result.stdout.endswith("    class agent2,agent3,agent4 problem\n")


READY_MADE = (
    HEAD
    + '''
from antiphon import GetDOBTask, GetEmailTask, GetNameTask, TaskGroup
from antiphon.tasks import ConfirmTask, GetPhoneNumberTask

class Age(AgentTask[int]):
    async def on_enter(self):
        self.complete(3)

class Details(TaskGroup):
    def __init__(self):
        super().__init__()
        self.add(GetPhoneNumberTask, id="phone", description="asks for the number")

class Desk(Agent):
    async def on_enter(self):
        group = TaskGroup()
        group.add(lambda: GetNameTask(), id="name", description="asks for the name")
        group.add(task_factory=GetDOBTask, id="born", description="asks for the birthday")
        group.add(Age, id="age", description="asks for the age")
        await group

    @function_tool
    async def mail(self) -> str:
        """Writes."""
        await Details()
        return (await GetEmailTask()).email_address

async def main():
    await AgentSession().start(Desk())
'''
)


def test_ready_made_tasks_and_the_steps_of_groups_are_drawn(graph):
    found = graph(ready=READY_MADE)
    assert edges(found) == {
        "start -> Desk",
        "Desk ~on_enter> GetNameTask",
        "Desk ~on_enter> GetDOBTask",
        "Desk ~on_enter> Age",
        "Desk ~mail> Details",
        "Desk ~mail> GetEmailTask",
        "Details ~__init__> GetPhoneNumberTask",
    }
    assert "ConfirmTask" not in found.nodes  # imported only
    assert found.problems() == []


def test_an_agent_alone_is_no_dead_end(graph):
    found = graph(alone=HEAD + "class Desk(Agent): ...\n")
    assert edges(found) == {"start -> Desk"}
    assert found.problems() == []


def test_a_source_in_another_encoding(write, tmp_path, run, make_registry):
    text = """# -*- coding: latin-1 -*-
from antiphon import Agent

class CafeAgent(Agent):
    \"\"\"Café.\"\"\"

session = dict(agent=CafeAgent(llm="acme/one"))
"""
    (tmp_path / "cafe.py").write_bytes(text.encode("latin-1"))
    result = run(make_registry(), "check", "--graph", str(tmp_path / "cafe.py"))
    assert (result.exit_code, '["CafeAgent"]' in result.stdout) == (0, True), result.output
    checked = run(make_registry(), "check", str(tmp_path / "cafe.py"))
    assert "line 7  " in checked.stdout, checked.output


def test_where_no_start_is_seen_nobody_is_called_unreachable(graph):
    found = graph(pair=HEAD + "class A(Agent):\n  def x(self): return B()\nclass B(Agent): ...\n")
    assert found.problems() == [
        "dead end: B hands over to nobody and does not end the call",
        "no session.start(agent=…) shows which agent is the first",
    ]


def test_agents_of_other_modules_are_followed(graph):
    billing = HEAD + (
        "class Billing(Agent):\n"
        "  @function_tool\n"
        "  async def back(self):\n"
        "    '''Back.'''\n"
        "    from desk import Desk\n"
        "    return Desk()\n"
    )
    desk = HEAD + (
        "import billing\n"
        "from billing import Billing as Money\n"
        "async def main():\n"
        "  first = Desk()\n"
        "  await AgentSession[dict]().start(agent=first)\n"
        "class Desk(Agent):\n"
        "  @function_tool\n"
        "  async def one(self):\n"
        "    '''One.'''\n"
        "    return Money(), 'there'\n"
        "  @function_tool\n"
        "  async def two(self):\n"
        "    '''Two.'''\n"
        "    return billing.Billing()\n"
    )
    found = graph(billing=billing, desk=desk)
    assert edges(found) == {
        "start -> Desk",
        "Desk -one> Billing",
        "Desk -two> Billing",
        "Billing -back> Desk",
    }
    assert found.problems() == []


def test_functions_given_as_tools_belong_to_who_is_given_them(graph):
    found = graph(
        tools=HEAD + "@function_tool\n"
        "async def transfer() -> Agent:\n"
        "  '''Transfers.'''\n"
        "  return Two()\n"
        "class One(Agent):\n"
        "  def __init__(self):\n"
        "    super().__init__(tools=[transfer])\n"
        "class Two(Agent):\n"
        "  @function_tool\n"
        "  async def end(self, ctx: RunContext):\n"
        "    '''Ends.'''\n"
        "    ctx.session.shutdown()\n"
        "direct = Agent(id='direct', tools=[transfer])\n"
        "session = AgentSession(agent=direct)\n"
    )
    assert edges(found) == {
        "start -> direct",
        "direct -transfer> Two",
        "One -transfer> Two",
        "Two -end> end",
    }
    assert found.problems() == ["nobody can reach One: no agent hands over to it"]


def test_what_a_base_class_does_its_subclasses_do(graph):
    found = graph(
        bases=HEAD + "class _Base(Agent):\n"
        "  @function_tool\n"
        "  async def human(self):\n"
        "    '''Human.'''\n"
        "    return Human()\n"
        "class Desk(_Base): ...\n"
        "class Human(_Base):\n"
        "  @function_tool\n"
        "  async def human(self):\n"
        "    '''Nobody else.'''\n"
        "    self.session.shutdown()\n"
        "session = AgentSession(agent=Desk())\n"
    )
    assert edges(found) == {"start -> Desk", "Desk -human> Human", "Human -human> end"}


def test_agents_kept_in_an_attribute_are_seen_where_they_are_used(graph):
    found = graph(
        kept=HEAD + "class Desk(Agent):\n"
        "  def __init__(self):\n"
        "    super().__init__()\n"
        "    self.expert = Expert()\n"
        "  @function_tool\n"
        "  async def ask(self):\n"
        "    '''Asks.'''\n"
        "    return self.expert\n"
        "class Expert(Agent):\n"
        "  async def on_enter(self): await self.session.aclose()\n"
        "session = AgentSession(agent=Desk())\n"
    )
    assert edges(found) == {"start -> Desk", "Desk -ask> Expert", "Expert -on_enter> end"}


def test_two_agents_that_call_each_others_helpers_come_to_an_end(graph):
    found = graph(
        loop=HEAD + "def a(): return b()\n"
        "def b(): return a() or Desk()\n"
        "class Desk(Agent):\n"
        "  async def on_enter(self):\n"
        "    return self.again()\n"
        "  def again(self):\n"
        "    self.again(); return a()\n"
        "session = AgentSession(agent=Desk())\n"
    )
    assert edges(found) == {"start -> Desk", "Desk -on_enter> Desk"}


@pytest.mark.parametrize(("name", "begin"), [("g.mmd", "flowchart TD"), ("g.md", "```mermaid\n")])
def test_the_chart_can_be_written_to_a_file(write, run, make_registry, name, begin):
    result = run(make_registry(), "check", write(shop=SHOP), "--graph", "--output", name)
    assert (result.exit_code, result.stdout) == (0, "")
    text = Path(name).read_text(encoding="utf-8")
    assert text.startswith(begin)
    assert text.endswith("```\n") is (name == "g.md")


def test_a_place_that_cannot_be_written_to_is_named(write, run, make_registry):
    result = run(make_registry(), "check", write(shop=SHOP), "--graph", "--output", "no/g.mmd")
    assert result.exit_code == 1
    assert result.stderr == (
        "cannot write 'no/g.mmd' (no such file or directory); give another path\n"
    )


def test_output_without_graph_is_wrong_usage(write, run, make_registry):
    result = run(make_registry(), "check", write(shop=SHOP), "--output", "x")
    assert result.exit_code == 2
    assert "--output is where --graph writes its chart" in " ".join(result.stderr.split())


def test_a_file_without_agents_has_no_chart(write, run, make_registry):
    result = run(make_registry(), "check", "--graph", write(none="x = 1\n"))
    assert result.exit_code == 1
    assert result.stderr.startswith("'none.py' has no App and no Agent subclass")


def test_no_agent_is_made_and_no_provider_asked(write, run, make_registry):
    source = HEAD + (
        "class Desk(Agent):\n"
        "  def __init__(self):\n"
        "    raise RuntimeError('made')\n"
        "class Other(Agent):\n"
        "  def __init__(self):\n"
        "    super().__init__(llm='nobody/has-this')\n"
        "  async def on_enter(self): self.session.update_agent(Desk())\n"
        "async def main(): await AgentSession(llm='nor/this').start(Other())\n"
    )
    result = run(make_registry(), "check", "--graph", write(unmade=source))
    assert result.stderr == "dead end: Desk hands over to nobody and does not end the call\n"
    assert result.exit_code == 0  # named, and no failure: the caller can hang up
