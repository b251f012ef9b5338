from antiphon import Agent, AgentSession, App, JobContext, function_tool


class Counter(Agent):
    def __init__(self):
        super().__init__(instructions="You take orders for pizzas, in one short sentence.")
        self.ordered = []

    async def on_enter(self):
        self.session.say("Pizzeria Vesuvio, what would you like?")

    @function_tool
    async def order(self, pizza: str, large: bool = False):
        """Orders a pizza."""
        if pizza not in self.ordered:
            self.ordered.append(pizza)
        return f"ordered: {', '.join(self.ordered)}"

    @function_tool
    async def ask_the_kitchen(self):
        """Passes the caller to the kitchen."""
        return Kitchen()


class Kitchen(Agent):
    async def on_enter(self):
        self.session.say("Kitchen here, your pizza takes ten minutes.")


app = App()


@app.session
async def answer(ctx: JobContext):
    await AgentSession(llm="rules").start(agent=Counter(), room=ctx.room)
