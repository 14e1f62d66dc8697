"""Printing with SI prefixes; the only place where a base unit is scaled."""

from __future__ import annotations

import math
import textwrap

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
_SCALABLE = ("J", "W", "s", "Wh")


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """Divisor and prefix that print `value` with one to three digits before the point.

    Units that take no prefix (`tokens/J`, `1`) give (1.0, "").
    """
    if unit.split("/")[0] not in _SCALABLE or value == 0 or not math.isfinite(value):
        return 1.0, ""
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor * 0.9995:  # 0.9996 prints as 1.00, not as 1000 m
            return factor, prefix
    return _PREFIXES[-1]


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """`value` with `digits` significant digits, prefix and unit; an em dash for unknown.

    >>> quantity(0.0412, "J/token")
    '41.2 mJ/token'
    >>> quantity(None, "J")
    '—'
    """
    if value is None:
        return "—"
    factor, prefix = scale_of(value, unit)
    number = significant(value / factor, digits)
    return number if unit == "1" else f"{number} {prefix}{unit}"


def significant(value: float, digits: int = 3) -> str:
    """`value` with `digits` significant digits, no exponent between 1e-4 and 1e6.

    >>> significant(1234.0), significant(0.5), significant(9.996)
    ('1234', '0.500', '10.0')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{value:.{decimals}f}"


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(4.26), duration(75), duration(7300)
    ('4.3 s', '1 min 15 s', '2 h 02 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def shortened(text: str, most: int) -> str:
    """The first words of a text in at most so many characters, with … where some are left out.

    >>> shortened("the engine ran out of memory", 16)
    'the engine ran …'
    """
    return textwrap.shorten(text, most, placeholder=" …")
