"""The first-party providers: each is found by its entry point only."""
