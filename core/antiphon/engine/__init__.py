"""The running conversation. Private: users meet it as `AgentSession`.

`mailbox` is the one writer's inbox; `conversation` holds the parts together. Audio and words come
in through `hearing`; `turns` decides who has the floor; `replying` and `tool_calls` run the LLM and
its tools; `speaking` and `voicing` give the answer a voice; `ledger` knows what was heard of it;
`switching` passes control between agents; `recording` writes the history; `timeline` keeps the
times.
"""
