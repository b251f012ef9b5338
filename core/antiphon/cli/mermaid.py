"""A graph of agents as a Mermaid flow chart."""

from __future__ import annotations

from .graph import END, START, Graph


def mermaid(graph: Graph) -> str:
    """The chart: agents as boxes, tasks with double sides and dotted arrows, the end as a circle.

    Arrows are labelled with the tools and hooks that lead along them. An agent in no arrow from the
    start, or without a way out, is drawn as a problem.
    """
    ids = {START: "start", END: "hangup"}
    ids |= {name: f"agent{number}" for number, name in enumerate(graph.nodes, 1)}
    lines = ["flowchart TD"]
    if any(edge.origin == START for edge in graph.edges):
        lines.append("    start(( ))")
    for node in graph.nodes.values():
        label = _escaped(node.name)
        shape = f'[["{label}"]]' if node.is_task else f'["{label}"]'
        lines.append(f"    {ids[node.name]}{shape}")
    if any(edge.target == END for edge in graph.edges):
        lines.append('    hangup(("end"))')
    labels: dict[tuple[str, str, bool], list[str]] = {}
    for edge in graph.edges:
        known = labels.setdefault((edge.origin, edge.target, edge.awaited), [])
        if edge.label:
            known.append(edge.label)
    for (origin, target, awaited), names in labels.items():
        arrow = "-.->" if awaited else "-->"
        text = f'|"{_escaped(", ".join(names))}"|' if names else ""
        lines.append(f"    {ids[origin]} {arrow}{text} {ids[target]}")
    for node in graph.nodes.values():
        for number, tool in enumerate(node.unseen, 1):
            unseen = f"{ids[node.name]}unseen{number}"
            lines.append(f'    {unseen}["?"]')
            lines.append(f'    {ids[node.name]} -->|"{_escaped(tool)}"| {unseen}')
    wrong = [ids[name] for name in graph.wrong()]
    if wrong:
        lines.append("    classDef problem stroke:#c00,stroke-width:3px")
        lines.append(f"    class {','.join(wrong)} problem")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
