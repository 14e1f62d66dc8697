"""What a meter is: something that turns two moments into a Reading.

token = meter.begin(label, pids)      right before the work
... the work, in this process or in `pids` ...
reading = meter.end(token)            right after it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from energy_fixtures.records import Method, Reading


@dataclass(frozen=True, kw_only=True)
class MeterInfo:
    """What the header line, the Environment and every table say of a meter.

    `missing` holds one sentence per thing that is not metered, each with its one-line fix.
    `resolution_s` is the shortest window this meter can tell from none, as far as it is known beforehand.
    `details` are facts for the Environment (watts per core and their source, trace, recorded file's name).
    """

    name: str
    method: Method
    domains: tuple[str, ...]
    resolution_s: float
    missing: tuple[str, ...] = ()
    details: tuple[tuple[str, str | int | float | bool], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordedWindows:
    """Of a replayed case: how many iterations each recorded window held, in order. The runner repeats exactly that."""

    iterations: tuple[int, ...]


class Meter(Protocol):
    """Reads energy. One per session; windows may nest and overlap."""

    info: MeterInfo

    def begin(self, label: str, pids: tuple[int, ...]) -> object:
        """Open a window.

        Args:
            label: The case's full name, for meters that look it up.
            pids: Roots of the process trees that do the work; this process itself for a plain function.

        Returns:
            A token for `end`.
        """

    def end(self, token: object) -> Reading:
        """Close the window that `token` opened.

        Raises:
            MeasurementInvalid: The counters cannot be read any more, or answered nonsense.
        """

    def recorded(self, label: str) -> RecordedWindows | None:
        """What to repeat for this case, for a meter that plays back; None for every meter that reads now."""

    def close(self) -> None:
        """Give back what the meter holds (processes, handles). Called once, at the session's end."""
