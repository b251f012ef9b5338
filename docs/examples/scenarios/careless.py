from pizzeria import Counter

from antiphon import function_tool


class Careless(Counter):
    @function_tool
    async def order(self, pizza: str, large: bool = False):
        """Orders a pizza."""
        self.ordered.append(pizza)
        return f"ordered: {', '.join(self.ordered)}"
