"""The usual way to hang up there: the room is deleted by the server's interface."""

from __future__ import annotations

import libcst as cst

from .reading import Reading

NOTE = "`shutdown()` of the job ends the call, once what is being said has been said"


def hang_ups(reading: Reading) -> set[cst.CSTNode]:
    """The `await job.api.room.delete_room(DeleteRoomRequest(room=job.room.name))` of a source.

    Only those that are statements, and delete the room of a job: of another room, or with other
    options, they mean something else.
    """
    search = _Search(reading)
    reading.module.visit(search)
    return search.found


def shut_down(node: cst.Await) -> cst.Call:
    """`job.shutdown()`, for one of them."""
    job: cst.BaseExpression = node
    if isinstance(node.expression, cst.Call):
        job = node.expression.func
    for _ in ("delete_room", "room", "api"):
        if isinstance(job, cst.Attribute):
            job = job.value
    return cst.Call(cst.Attribute(job, cst.Name("shutdown")))


class _Search(cst.CSTVisitor):
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self.found: set[cst.CSTNode] = set()

    def visit_Await(self, node: cst.Await) -> None:
        call = node.expression
        if not isinstance(call, cst.Call) or len(call.args) != 1:
            return
        if not isinstance(self._reading.parent(node), cst.Expr):
            return
        if not self._is_of_job(call.func, "delete_room", "room", "api"):
            return
        request = call.args[0].value
        if not isinstance(request, cst.Call) or len(request.args) != 1:
            return
        dotted = self._reading.dotted(request.func) or ""
        room = request.args[0]
        if not dotted.endswith(".DeleteRoomRequest") or room.keyword is None:
            return
        if room.keyword.value == "room" and self._is_of_job(room.value, "name", "room"):
            self.found.add(node)

    def _is_of_job(self, node: cst.BaseExpression, *names: str) -> bool:
        """Whether it is a chain of attributes, the last one first, of a JobContext."""
        for name in names:
            if not isinstance(node, cst.Attribute) or node.attr.value != name:
                return False
            node = node.value
        return self._reading.kind(node) == "JobContext"
