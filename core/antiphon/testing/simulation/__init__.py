"""Simulations: calls by scenario, in virtual time."""

from .outcome import Outcome, Said
from .reading import read_scenario, read_scenarios
from .run import simulate
from .scenario import Scenario
from .suite import Suite

__all__ = [
    "Outcome",
    "Said",
    "Scenario",
    "Suite",
    "read_scenario",
    "read_scenarios",
    "simulate",
]
