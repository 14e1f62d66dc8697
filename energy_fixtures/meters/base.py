"""What a meter is: something that turns two moments into a Reading.

token = meter.begin(label, pids)      right before the work
... the work, in this process or in `pids` ...
reading = meter.end(token)            right after it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from energy_fixtures.readings import BoardTrace, Method, Reading


@dataclass(frozen=True, kw_only=True)
class MeterInfo:
    """What the header line, the Environment and every table say of a meter.

    `missing` holds one sentence per thing that is not metered, each with its one-line fix.
    `resolution_s` is the shortest window this meter can tell from none, as far as it is known beforehand.
    `details` are facts for the Environment (watts per core and their source, trace, recorded file's name).
    `contents` says by domain what its joules contain, so that nothing is counted twice or taken for more than it is.
    `cadences` says by domain how its counter advances, where that was measured.
    """

    name: str
    method: Method
    domains: tuple[str, ...]
    resolution_s: float
    missing: tuple[str, ...] = ()
    details: tuple[tuple[str, str | int | float | bool], ...] = ()
    contents: tuple[tuple[str, str], ...] = ()
    cadences: tuple[tuple[str, Cadence], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """How a counter advances, as it was seen at session start.

    Attributes:
        period_s: From one step in time to the next; None where the counter steps as often as it can be read, and where
            too few steps were seen to tell.
        period_error_s: One standard uncertainty of `period_s`; 0 where that is None.
        step_j: Its values are whole multiples of this; 0 where no step was found.
        read_s: How long one reading takes, median.
        silence_s: Where too few steps were seen, the longest time in which there was none; else 0.
    """

    period_s: float | None
    period_error_s: float
    step_j: float
    read_s: float
    silence_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class State:
    """How the metered boards are now: their power since a given moment, summed, and the hottest one's temperature."""

    power_w: float | None
    temperature_c: float | None


class PowerSample(NamedTuple):
    """One look at a board's power sensor, on `time.monotonic()`."""

    at_s: float
    power_w: float


class Watch(Protocol):
    """Looks at the boards beside their counters, all the time, from a thread of its own, every `period_s`."""

    period_s: float

    def begin(self, pids: tuple[int, ...]) -> object:
        """A window opens whose work is done by the process trees of `pids`; a token for `end`."""

    def end(self, token: object, begin_s: float, end_s: float) -> dict[str, BoardTrace]:
        """What was seen by domain between two moments of `time.monotonic()`; the timeline counts from `begin_s`."""

    def samples(self, domain: str, since_s: float, until_s: float) -> list[PowerSample]:
        """The power samples between two moments, in order; those of the last minutes at least are kept."""

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """See `Meter.state`."""

    def close(self) -> None:
        """End the thread."""


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

        A counter that cannot be read any more, or answered nonsense, makes the Reading invalid, never the case fail.
        """

    def state(self, since_s: float, domains: tuple[str, ...] | None = None) -> State | None:
        """How the boards are, with their mean power since a moment of `time.monotonic()`; None without boards.

        Of the boards among `domains` alone, of all where that is None.
        """

    def recorded(self, label: str) -> RecordedWindows | None:
        """What to repeat for this case, for a meter that plays back; None for every meter that reads now."""

    def close(self) -> None:
        """Give back what the meter holds (processes, handles). Called once, at the session's end."""
