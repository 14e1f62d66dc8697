"""Why cases of two runs moved: those that the gate calls REGRESSED or IMPROVED, the largest changes of joules first.

Rows are made without what boards did; the few cases that are explained are read once more, as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from reports.compare.rows import Row
from reports.compare.run_files import RunFile
from reports.comparison import Pair, State
from reports.explain.prices import Prices
from reports.explain.told import Told
from reports.gate import Verdict
from reports.noise import Between
from reports.render.explanation import MOVED, moved, told_of

MOST = 100
"""An explanation takes a millisecond, and nobody reads thousands."""


def explanations(
    rows: Sequence[Row], old: RunFile, new: RunFile, *, level: float, between: Between | None, prices: Prices
) -> tuple[tuple[Told, ...], int]:
    """Explain at most `MOST` cases.

    Args:
        rows: Of the whole comparison.
        old, new: Where the cases are read again.
        level, between, prices: As `reports.explain` takes them.

    Returns:
        Regressions, then improvements, each by size; and how many more cases moved.

    Raises:
        ConfigurationError: A file changed meanwhile.
    """
    verdicts: dict[str, tuple[Verdict, float]] = {}
    for row in rows:
        verdict = next((one for one in MOVED if one.value == row.verdict), None)
        if verdict is not None and "J" in row.unit and row.fullname not in verdicts:  # seconds are not what is split
            verdicts[row.fullname] = verdict, _size(row)
    chosen = sorted(verdicts.items(), key=lambda one: (MOVED.index(one[1][0]), -one[1][1]))[:MOST]
    judged = [
        (Pair(state=State.COMPARED, baseline=old.result(name), candidate=new.result(name)), verdict)
        for name, (verdict, _) in chosen
    ]
    found = moved(judged, old.environments, new.environments, level=level, between=between, most=None)
    return told_of(found, prices.costs), len(verdicts) - len(found.cases)


def _size(row: Row) -> float:
    """How far the row's metric moved, as a logarithm."""
    ratio = None if row.change is None else row.change.ratio
    return abs(math.log(ratio)) if ratio else 0.0
