"""MEASURE: a Scenario goes in, a Result comes out.

The names below are what a benchmark file needs; everything else is imported from its own module.
"""

from energy_fixtures.records import Decoding, Scenario, Speculation
from energy_fixtures.serving.records import Arrivals

__all__ = ["Arrivals", "Decoding", "Scenario", "Speculation"]
