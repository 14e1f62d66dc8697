"""Printing: the right prefix, the right digits, never a wrong magnitude."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.units import duration, quantity, significant

FACTORS = {"G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "m": 1e-3, "µ": 1e-6, "n": 1e-9}


@given(st.floats(min_value=1e-8, max_value=1e11))
def test_printed_quantity_reads_back(value):
    """What is printed with its prefix is the value to three digits."""
    number, unit = quantity(value, "J").split(" ")
    prefix = re.fullmatch(r"([GMkmµn]?)J", unit)[1]

    assert float(number) * FACTORS[prefix] == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0412, "J/token", "41.2 mJ/token"),
        (0.9996, "J", "1.00 J"),
        (999.96, "W", "1.00 kW"),
        (12.5, "tokens/J", "12.5 tokens/J"),
        (0.7321, "1", "0.732"),
        (None, "J", "—"),
    ],
)
def test_known_quantities(value, unit, text):
    """Prefixes go to units that take them; unknown is a dash, not a zero."""
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(9.996, "10.0"), (0.5, "0.500"), (1234.0, "1234"), (0.0, "0"), (1.2e7, "1.20e+07")]
)
def test_significant_digits(value, text):
    """Three digits that count, whatever the magnitude."""
    assert significant(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.97, "1 min 00 s"), (75, "1 min 15 s"), (7300, "2 h 01 min")]
)
def test_durations_as_people_say_them(seconds, text):
    """Seconds, minutes and hours carry over correctly."""
    assert duration(seconds) == text
