"""Verdicts of an A/B run count sessions."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import pytest

from energy_fixtures.metrics import METRICS
from reports.ab.pairing import align
from reports.ab.replication import BySession, doubt, in_sessions, policy_for
from reports.comparison import Baseline, contrast
from reports.gate import Policy, Verdict, judge, parse_limit
from reports.noise import Between

PER_TOKEN = METRICS["joules_per_output_token"]
LIMIT = parse_limit("mean:2.5%")
ONE = Policy()


@pytest.fixture
def paired(case, side):
    """The pair of one case whose values are given by block, for A and for B."""

    def make(a, b, *, as_names=("b1", "b1"), **fields):
        sides = [
            side(*([case(name, values, **fields)] for values in blocks))
            for name, blocks in zip(as_names, (a, b), strict=True)
        ]
        past, new = sides[0].run, sides[1].run
        base = Baseline("A", align(past, new).run if as_names[0] != as_names[1] else past)
        pairs = {one.fullname: base.pair(one, new.environments[one.environment]) for one in new.results}
        (pair,) = in_sessions(pairs, sides).values()
        return pair

    return make


def verdict(pair):
    """What the gate says of it."""
    return judge(LIMIT, pair, 0.95, policy_for(pair, ONE))


DAYS = [[1.00, 1.001], [1.03, 1.031], [1.00, 0.999]]
OTHER_DAYS = [[1.04, 1.041], [1.00, 1.001], [1.075, 1.074]]


def test_days_are_no_regression(paired):
    """Sessions of B that happen to be dearer by 2.8 %, beside days that differ by 3 %: rounds alone would call it REGRESSED."""
    pair = paired(DAYS, OTHER_DAYS)
    assert verdict(pair).verdict is Verdict.INCONCLUSIVE
    many = paired([day * 6 for day in DAYS], [day * 6 for day in OTHER_DAYS])
    assert verdict(many).verdict is Verdict.INCONCLUSIVE
    assert verdict(replace(many, sessions=None)).verdict is Verdict.REGRESSED


def test_a_change_is_found_where_sessions_agree(paired):
    """Five percent more, with sessions that differ by half a percent, regresses in three blocks a side."""
    calm = [[1.00, 1.01], [1.005, 0.995], [0.995, 1.0]]
    judged = verdict(paired(calm, [[1.05 * value for value in block] for block in calm]))
    assert judged.verdict is Verdict.REGRESSED
    assert not judged.open
    assert verdict(paired(calm, calm)).verdict is Verdict.UNCHANGED


def test_cases_lend_each_other_no_sessions(paired):
    """What other cases say of the noise of rounds is not asked; confidence, and how many are gated, are."""
    pair = paired(DAYS, OTHER_DAYS)
    policy = policy_for(pair, Policy(gated=50, confidence=0.95))
    assert isinstance(policy, BySession)
    assert policy.level == Policy(gated=50, confidence=0.95).level


@pytest.mark.parametrize(("change", "said"), [(1.04, Verdict.INCONCLUSIVE), (1.2, Verdict.REGRESSED)])
def test_one_session_a_side_is_another_day(paired, change, said):
    """With one block on a side its day is assumed to differ, as a stored baseline's: +4 % is not shown, +20 % is."""
    calm = [1.0, 1.001, 0.999, 1.0]
    pair = paired([calm], [[change * value for value in calm]])
    assert policy_for(pair, Policy()).between == Between()
    assert verdict(pair).verdict is said


def test_printed_intervals_count_sessions(paired):
    """The interval that is printed is the one by sessions, as the verdict's."""
    pair = paired(DAYS, OTHER_DAYS)
    by_rounds, by_sessions = (contrast(PER_TOKEN, one, 0.95) for one in (replace(pair, sessions=None), pair))
    assert by_sessions.high - by_sessions.low > 1.8 * (by_rounds.high - by_rounds.low)


def test_invalid_trials_of_a_block_are_left_out(paired):
    """Trials that do not count are no part of their session's mean."""
    broken = [(), ("counter_reset",)]
    pair = paired([[1.0, 9.0]] * 3, [[1.0, 9.0]] * 3, invalid=broken)
    assert contrast(PER_TOKEN, pair, 0.95).value == pytest.approx(1.0)
    assert pair.sessions == ((2, 2, 2), (2, 2, 2))


def test_partners_by_options_keep_their_sessions(paired):
    """A case of A that has another name there is still known by block."""
    pair = paired([[1.0, 1.0], [1.1, 1.1]], [[1.0], [1.1]], as_names=("greedy", "beam"))
    assert pair.sessions == ((2, 2), (1, 1))


def test_a_new_case_has_no_sessions(case, side):
    """A case that A lacks stays as it is."""
    sides = [side([case("old", [1.0, 1.0])]), side([case("new", [1.0, 1.0])])]
    base = Baseline("A", sides[0].run)
    new = sides[1].run
    pairs = {one.fullname: base.pair(one, new.environments[one.environment]) for one in new.results}
    (pair,) = in_sessions(pairs, sides).values()
    assert pair.sessions is None and policy_for(pair, Policy()) == Policy()


def test_a_side_of_one_session_is_told(paired):
    """That a day is assumed is said, and of how many cases when not of all; where sessions are counted nothing is."""
    calm = [[1.0, 1.01], [1.01, 1.0]]
    one, several = paired(calm[:1], calm[:1]), paired(calm, calm)
    assert doubt([several]) is None and doubt([]) is None
    assert doubt([one]).startswith("a side has one session only")
    assert doubt([one, several]).startswith("a side of 1 of 2 cases has one session only")
    printed = contrast(PER_TOKEN, one, 0.95)
    assert printed.high > 1.03  # two values a side that agree to a percent, and the day that is assumed


def test_a_coarse_counter_makes_no_verdict(paired):
    """Blocks that a counter's steps show as equal are known to within the meter's own error: one step is no regression."""
    step = 0.03
    sides = [[[1.0, 1.0]] * 3, [[1.0 + step] * 2] * 3]
    exact = paired(*sides)
    assert verdict(exact).verdict is Verdict.REGRESSED  # a meter that claims to be exact
    results = [
        msgspec.structs.replace(
            result,
            trials=tuple(
                msgspec.structs.replace(
                    trial,
                    reading=msgspec.structs.replace(trial.reading, uncertainty_j={"gpu:0": 10 * step / math.sqrt(6)}),
                )
                for trial in result.trials
            ),
        )
        for result in (exact.baseline, exact.candidate)
    ]
    coarse = replace(exact, baseline=results[0], candidate=results[1])
    assert verdict(coarse).verdict is Verdict.INCONCLUSIVE
