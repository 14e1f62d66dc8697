"""Tasks: what an engine is asked to do, round by round."""

from __future__ import annotations

import itertools

from energy_fixtures.session import PREFILL_ROUND
from energy_fixtures.tasks import EngineTask


class Host:
    """Takes down what it is asked to prepare."""

    pid = 4242

    def __init__(self):
        self.works = []

    def prepare(self, work):
        self.works.append(work)


def test_no_two_rounds_share_a_prompt(scenario):
    """Warm-ups, windows, and the windows of the prefill draw from seeds further apart than a window has iterations."""
    host = Host()
    whole = EngineTask(host, scenario(), None, dummy_weights=False)
    prefill = EngineTask(host, scenario(output_tokens=1), None, dummy_weights=False, first_round=PREFILL_ROUND)
    for task in (whole, prefill):
        for round_index in range(-200, 40):
            task.prepare(10_000, round_index)
    seeds = sorted(work.seed for work in host.works)

    assert all(after - before > 10_000 for before, after in itertools.pairwise(seeds))


def test_the_engines_process_is_who_works(scenario):
    """The meter is told which process tree does the work: the engine's, not pytest's."""
    assert EngineTask(Host(), scenario(), None, dummy_weights=False).pids == (4242,)
