from __future__ import annotations

import random

import pytest

from energy_fixtures.doctor.read_rate import ORDER, Span, compare, take_spans
from energy_fixtures.readings import COVERAGE
from tests.energy_fixtures.doctor.fakes import FakeClock, FakeCounter


@pytest.mark.parametrize("period_s", [0.02, 0.1])
@pytest.mark.parametrize("phase_s", [0.0, 0.013])
def test_a_counter_that_loses_by_haste_is_found_out(period_s, phase_s):
    """At 300 reads a second and 30 mJ a read, 70 W lose 9 W; once per update loses nothing."""
    clock = FakeClock(late_s=0.0001)
    fake = FakeCounter(clock, lambda at_s: 70 * at_s, period_s=period_s, phase_s=phase_s, haste_j=0.03)
    seen = compare(take_spans(fake.ticking(), span_s=1, rounds=2, fast_hz=300))

    assert seen is not None
    assert 250 < seen.fast_hz < 300
    assert seen.fast_short == pytest.approx(0.03 * seen.fast_hz / 70, rel=0.05)
    assert abs(seen.once_short) < 0.002
    assert seen.uncertainty < 0.002
    assert (seen.spans, seen.span_s) == (4, pytest.approx(1, abs=0.01))


def test_a_sound_counter_is_not_accused():
    """Where reading costs nothing both shares are zero, also while power drifts evenly by a fifth."""
    clock = FakeClock()
    fake = FakeCounter(clock, lambda at_s: 70 * (at_s - 1000) + 0.4 * (at_s - 1000) ** 2)
    seen = compare(take_spans(fake.ticking(), span_s=1, rounds=2, fast_hz=300))

    assert seen is not None
    assert abs(seen.fast_short) < 0.002
    assert abs(seen.once_short) < 0.002


def test_spans_are_read_as_they_say():
    """Rare spans are read at their ends only, the others about once per update and fast; the order is symmetric."""
    clock = FakeClock()
    spans = take_spans(FakeCounter(clock, lambda at_s: 70 * at_s).ticking(), span_s=1, rounds=1, fast_hz=200)

    assert tuple(span.kind for span in spans) == ORDER == ORDER[::-1]
    reads = {span.kind: span.reads for span in spans}
    assert reads["rare"] == 0
    assert 7 <= reads["once"] <= 9
    assert 150 <= reads["fast"] <= 200


def test_uncertainty_covers_the_truth():
    """With noise on each span the true share lies within COVERAGE uncertainties in 95 of 100 cases."""
    draw = random.Random(3)
    inside = 0
    for _ in range(1000):
        true_w = {"rare": 70.0, "once": 70.0, "fast": 63.0}
        spans = [
            Span(kind, draw.gauss(true_w[kind] + 0.05 * place, 0.7), 1, 1.0) for place, kind in enumerate(ORDER * 2)
        ]
        seen = compare(spans)
        assert seen is not None
        inside += abs(seen.fast_short - 0.1) <= COVERAGE * seen.uncertainty

    assert 0.925 <= inside / 1000 <= 0.975


def test_nothing_from_nothing():
    """A counter that shows no power at rest says nothing of what is missing."""
    assert compare([Span(kind, 0.0, 1, 1.0) for kind in ORDER]) is None
