"""Programs written for livekit-agents: what becomes of each name, and the rewriting of a source.

`table` has the data, which docs/coming-from-livekit-agents.md is generated from as well.
"""
