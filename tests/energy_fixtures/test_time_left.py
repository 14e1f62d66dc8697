"""The remaining time: honest, or silent."""

from energy_fixtures.time_left import TimeLeft

SCHEDULE = [("vllm", "plain"), ("vllm", "plain"), ("vllm", "draft"), ("transformers", "t")]


def test_silent_until_every_engine_was_seen():
    """Nothing is promised while an engine is to come of which nothing is known."""
    left = TimeLeft(SCHEDULE)
    left.loaded("vllm", "plain", 10.0)
    left.done(2.0)

    assert left.seconds() is None


def test_loads_and_cases_add_up():
    """Each case and each load to come counts with the mean of what was seen for its engine."""
    left = TimeLeft(SCHEDULE[:3])
    left.loaded("vllm", "plain", 10.0)
    left.done(2.0)

    assert left.seconds() == 2.0 + (10.0 + 2.0)
    left.done(4.0)
    assert left.seconds() == 10.0 + 3.0


def test_skipped_case_teaches_nothing():
    """A case that did not run leaves the means alone and is no longer waited for."""
    left = TimeLeft(SCHEDULE[:2])
    left.loaded("vllm", "plain", 10.0)
    left.done(2.0)
    left.done(None)

    assert left.seconds() == 0.0
    assert left.cases == 0
    left.done(1.0)
    assert left.cases == 0
