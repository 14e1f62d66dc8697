"""How sure the product is by default. Knows neither pytest nor Typer, so that commands and options can both ask it."""

from __future__ import annotations

LEVEL = 0.95
"""Confidence of every printed interval, and of the one that UNCHANGED needs."""

CONFIDENCE = 0.99
"""Default of --energy-compare-confidence: of a hundred sessions without a change at most one says REGRESSED of any case."""
