"""MEASURE: a Scenario goes in, a Result comes out.

The names below are what a benchmark file needs; everything else is imported from its own module.
"""

from energy_fixtures.records import Decoding, Scenario, Speculation
from energy_fixtures.serving.records import Arrivals
from energy_fixtures.workloads.mix import Mix

__all__ = ["Arrivals", "Decoding", "Mix", "Scenario", "Speculation"]
