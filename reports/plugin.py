"""Wiring of the report."""
