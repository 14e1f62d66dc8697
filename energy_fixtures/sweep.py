"""Long sweeps: how much they may still spend, and which of their cases an earlier session has measured.

No pytest here: `sweep_fixture.py` asks, and skips what the answer says.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from pathlib import Path

from energy_fixtures.errors import ConfigurationError, ResultFileError
from energy_fixtures.store import Store, read_run
from energy_fixtures.units import duration, quantity


class Budget:
    """Seconds and joules that a sweep may take.

    Args:
        seconds: From now on; None for no limit.
        joules: Of all metered windows; None for no limit.
        clock: Monotonic seconds.

    Raises:
        ConfigurationError: A limit that is not above zero.
    """

    def __init__(
        self, seconds: float | None, joules: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        for name, limit in (("seconds", seconds), ("joules", joules)):
            if limit is not None and not 0 < limit < math.inf:
                raise ConfigurationError(f"a sweep's {name} must be above 0, got {limit:g}; leave it out for no limit")
        self._seconds, self._joules, self._clock = seconds, joules, clock
        self._begin_s = clock()
        self.spent_j = 0.0

    def take(self, joules: float) -> None:
        """Windows of a case were metered."""
        self.spent_j += joules

    def over(self) -> str | None:
        """Why no further case may begin; None while one may."""
        if self._seconds is not None and self._clock() - self._begin_s >= self._seconds:
            return f"the sweep's {duration(self._seconds)} are used up; run it again to go on"
        if self._joules is not None and self.spent_j >= self._joules:
            return f"the sweep's {quantity(self._joules, 'J')} are used up; run it again to go on"
        return None


def measured_cases(root: Path, machine: str, question: str) -> set[str]:
    """Ids of the cases of a question that a saved run of this machine holds with valid trials.

    Files that cannot be read are passed over: their cases are measured again.
    """
    found: set[str] = set()
    for path in Store(root, machine).runs():
        with contextlib.suppress(ResultFileError):
            run = read_run(path)
            found |= {one.case for one in run.results if one.question == question and one.valid_trials}
    return found
