"""The little of a Result that joules per token or call need, decoded from a file in half of the time of a whole one.

A field that is not here is not read: what boards did, when tokens came, doubts. The rules of what is read are asked by its type
while decoding, so that no Python runs for each of a million readings.
"""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from msgspec import Meta

from energy_fixtures.readings import LONGEST_S, MOST_COUNTED, MOST_JOULES, Method
from reports.explain.costs import Tally

Joules = Annotated[float, Meta(ge=0, lt=MOST_JOULES)]
Counted = Annotated[int, Meta(ge=0, le=MOST_COUNTED)]


class _Reading(msgspec.Struct, gc=False):
    energy_j: dict[str, Joules]
    duration_s: Annotated[float, Meta(ge=0, lt=LONGEST_S)]
    method: Method
    uncertainty_j: dict[str, Joules] = {}


class _Request(msgspec.Struct, array_like=True, gc=False):
    """The first two of a Request's numbers; the others stay unread."""

    input_tokens: Counted
    output_tokens: Counted


class _Generation(msgspec.Struct, gc=False):
    requests: tuple[_Request, ...]
    serving: tuple[msgspec.Raw, ...] = ()


class _Trial(msgspec.Struct, gc=False):
    iterations: Annotated[int, Meta(ge=1, le=MOST_COUNTED)]
    reading: _Reading
    generation: _Generation | None = None
    invalid_reasons: tuple[str, ...] = ()


class Glance(msgspec.Struct, gc=False):
    """Those fields of a Result that joules per token or call need; the Scenario as its bytes."""

    fullname: str
    question: str
    case: str
    scenario: msgspec.Raw
    environment: str
    scope: tuple[str, ...]
    trials: Annotated[tuple[_Trial, ...], Meta(min_length=1)]
    prefill_trials: tuple[_Trial, ...] = ()

    @property
    def method(self) -> Method:
        """How the joules of the first trial were obtained; `quick_row` asks whether all were."""
        return self.trials[0].reading.method

    def tell(self, tally: Tally) -> None:
        """Add every window, as `Tally.result` does."""
        for trial in (*self.trials, *self.prefill_trials):
            reading = trial.reading
            energy_j = math.fsum(reading.energy_j.values()) if reading.energy_j else None
            tally.window(reading.method, energy_j, reading.duration_s, not trial.invalid_reasons)
