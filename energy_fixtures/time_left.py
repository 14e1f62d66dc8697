"""How long the rest of a session takes, from what it took so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence


class TimeLeft:
    """An honest remaining time: silent until something comparable was seen.

    Args:
        schedule: What is to come, in order: per case the engine's name and the key of its load.
    """

    def __init__(self, schedule: Sequence[tuple[str, str]]) -> None:
        self._left = list(schedule)
        self._loads_s: dict[str, list[float]] = defaultdict(list)
        self._cases_s: dict[str, list[float]] = defaultdict(list)
        self._loaded: str | None = None

    @property
    def cases(self) -> int:
        """How many cases are still to come, the current one included."""
        return len(self._left)

    def loaded(self, engine: str, load_key: str, seconds: float) -> None:
        """An engine was loaded."""
        self._loads_s[engine].append(seconds)
        self._loaded = load_key

    def done(self, seconds: float | None) -> None:
        """The next case of the schedule ended; `seconds` None when it was skipped or failed and tells nothing."""
        if not self._left:
            return
        engine, _ = self._left.pop(0)
        if seconds is not None:
            self._cases_s[engine].append(seconds)

    def seconds(self) -> float | None:
        """Seconds to the end; None while an engine is still to come of which nothing is known."""
        total, loaded = 0.0, self._loaded
        for engine, load_key in self._left:
            cases, loads = self._cases_s[engine], self._loads_s[engine]
            if not cases or (load_key != loaded and not loads):
                return None
            total += sum(cases) / len(cases)
            if load_key != loaded:
                total += sum(loads) / len(loads)
                loaded = load_key
        return total
