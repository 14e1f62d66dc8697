from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS
from reports.comparison import Baseline
from reports.gate import STATISTICS, Limit, Policy, Verdict, judge, parse_limit
from reports.noise import Between

JUDGED = [metric.name for metric in METRICS.values() if metric.direction is not None]
LIMITS = st.builds(
    Limit,
    metric=st.none() | st.sampled_from(JUDGED),
    stat=st.sampled_from(sorted(STATISTICS)),
    amount=st.floats(min_value=0, allow_infinity=False),
    percent=st.booleans(),
)


@pytest.fixture
def verdict_of(case, run_of, environment):
    def judged(expression: str, old: list[float], new: list[float], **fields: object):
        pair = Baseline("0001", run_of(case("b1", old, **fields))).pair(case("b1", new, **fields), environment())
        return judge(parse_limit(expression), pair, 0.95)

    return judged


@given(LIMITS)
def test_a_limit_survives_being_written_and_read(limit):
    """The expression of a limit parses to the same limit."""
    assert parse_limit(limit.expression) == limit


def test_expressions_users_type_are_read():
    """The long form, the short one, decimals and spaces are understood."""
    long = Limit(metric="joules_per_output_token", stat="mean", amount=2.5, percent=True)

    assert parse_limit("joules_per_output_token:mean:2.5%") == long
    assert parse_limit(" joules_per_output_token : mean : 2.5 %") == long
    assert parse_limit("median:.5%") == Limit(metric=None, stat="median", amount=0.5, percent=True)
    assert parse_limit("ttft:max:0.01") == Limit(metric="ttft", stat="max", amount=0.01, percent=False)


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "two or three parts"),
        ("5%", "two or three parts"),
        ("a:b:c:d", "two or three parts"),
        ("mode:5%", "'mode' is not one of mean, median, min, max"),
        ("mean:", "'' is not a number"),
        ("mean:-5%", "'-5%' is not a number"),
        ("mean:nan%", "'nan%' is not a number"),
        ("mean:1e999%", "'1e999%' is not a number"),
        ("mean:5%%", "'5%%' is not a number"),
        (
            "joule_per_output_token:mean:5%",
            "unknown metric 'joule_per_output_token'; use one of joules_per_output_token",
        ),
        ("avg_power_w:mean:5%", "neither better when lower nor when higher"),
    ],
)
def test_an_expression_that_means_nothing_is_refused(expression, why):
    """What cannot be read is a usage error that says which part and shows one that works."""
    with pytest.raises(ConfigurationError, match=why.replace("'", ".")):
        parse_limit(expression)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text):
    """No expression crashes the parser."""
    try:
        parse_limit(text)
    except ConfigurationError:
        return
    assert ":" in text


def test_worse_by_more_than_the_limit_is_a_regression(verdict_of):
    """Energy up by 10 % against a limit of 5 % regressed, and the sentence has every figure."""
    judged = verdict_of("mean:5%", [0.040] * 4, [0.044] * 4)

    assert judged.verdict is Verdict.REGRESSED
    assert judged.sentence == (
        "b1: mean joules_per_output_token 44.0 mJ/token against 40.0 mJ/token (+10.0 %), limit 5 % "
        "(n = 4 against 4, 99 % interval +10.0 % to +10.0 %)"
    )


def test_a_sentence_says_when_joules_were_not_measured(verdict_of):
    """A verdict on modelled joules names them so."""
    assert "(modelled, not measured)" in verdict_of("mean:5%", [1.0, 1.0], [2.0, 2.0], method="modelled").sentence


@pytest.mark.parametrize(
    ("new", "verdict"),
    [
        ([1.05] * 4, Verdict.UNCHANGED),  # exactly the limit is allowed
        ([1.06] * 4, Verdict.REGRESSED),
        ([0.94] * 4, Verdict.IMPROVED),
        ([0.5, 1.3, 0.5, 1.3], Verdict.INCONCLUSIVE),  # below the limit on average, but the interval holds no change
        ([1.5, 0.7, 1.5, 0.7], Verdict.INCONCLUSIVE),  # above it, and not shown to be worse at all
        ([1.0] * 4, Verdict.UNCHANGED),
        ([0.9, 1.1, 0.9, 1.1], Verdict.INCONCLUSIVE),
        ([1.0], Verdict.INCONCLUSIVE),
    ],
)
def test_verdicts_against_a_baseline_of_one_joule(verdict_of, new, verdict):
    """Worse than the limit regresses; IMPROVED and UNCHANGED need an interval that shows it."""
    assert verdict_of("mean:5.0000001%", [1.0] * 4, new).verdict is verdict


def test_a_metric_that_is_better_when_higher_regresses_downwards(verdict_of):
    """Tokens per joule regress when they fall."""
    limit = "output_tokens_per_joule:mean:5%"

    assert verdict_of(limit, [1.0] * 4, [2.0] * 4).verdict is Verdict.REGRESSED
    assert verdict_of(limit, [2.0] * 4, [1.0] * 4).verdict is Verdict.IMPROVED


@pytest.mark.parametrize(
    ("stat", "verdict"), [("min", Verdict.INCONCLUSIVE), ("max", Verdict.REGRESSED), ("median", Verdict.INCONCLUSIVE)]
)
def test_the_named_statistic_decides(verdict_of, stat, verdict):
    """One bad trial of three moves the maximum, not the minimum or the median."""
    assert verdict_of(f"{stat}:10%", [1.0, 1.0, 1.0], [1.0, 1.0, 1.5]).verdict is verdict


def test_a_limit_in_the_metrics_own_unit(verdict_of):
    """A limit without % is joules per token; the sentence says so."""
    judged = verdict_of("joules_per_output_token:mean:0.5", [1.0] * 4, [1.6] * 4)

    assert judged.verdict is Verdict.REGRESSED
    assert "limit 500 mJ/token" in judged.sentence


def test_a_metric_without_values_is_inconclusive(verdict_of):
    """A limit on something that a case does not yield never passes as unchanged."""
    judged = verdict_of("joules_per_accepted_token:mean:5%", [1.0, 1.0], [1.0, 1.0])

    assert (judged.verdict, judged.sentence) == (
        Verdict.INCONCLUSIVE,
        "b1: the baseline has no joules_per_accepted_token",
    )


def test_a_percentage_of_zero_is_inconclusive(verdict_of):
    """A baseline of zero has no percentage."""
    assert verdict_of("acceptance_rate:mean:5%", [1.0, 1.0], [1.0, 1.0], accepted=0.0).verdict is Verdict.INCONCLUSIVE


def test_other_places_are_not_judged(case, run_of, environment):
    """A pair that may not be compared is INCOMPARABLE whatever its joules; a new case has no verdict."""
    baseline = Baseline("0001", run_of(case("b1", [1.0, 1.0], method="modelled")))
    limit = parse_limit("mean:5%")

    judged = judge(limit, baseline.pair(case("b1", [9.0, 9.0]), environment()), 0.95)
    assert judged.verdict is Verdict.INCOMPARABLE
    assert judged.sentence == "b1: incomparable: modelled joules against counter joules"
    assert judge(limit, baseline.pair(case("b2", [9.0]), environment()), 0.95) is None


def test_point_statistics_are_judged_by_their_points(verdict_of):
    """A limit on median, min or max has no interval: beyond it is a verdict, inside it is not shown."""
    for stat in ("median", "min", "max"):
        assert verdict_of(f"{stat}:5%", [1.0, 1.0], [0.5, 0.5]).verdict is Verdict.IMPROVED
        assert verdict_of(f"{stat}:5%", [1.0, 1.0], [1.5, 1.5]).verdict is Verdict.REGRESSED
        assert verdict_of(f"{stat}:5%", [1.0, 1.0], [1.0, 1.0]).verdict is Verdict.INCONCLUSIVE


def test_more_cases_want_more_proof(case, run_of, environment):
    """What is shown for one case is not shown for one of a thousand, and more rounds may show it."""
    pair = Baseline("0001", run_of(case("b1", [1.0, 1.01, 0.99, 1.0, 1.0]))).pair(
        case("b1", [1.05, 1.06, 1.04, 1.05, 1.05]), environment()
    )
    limit = parse_limit("mean:3%")
    alone, among = (judge(limit, pair, 0.95, Policy(gated=gated)) for gated in (1, 5000))

    assert (alone.verdict, alone.open) == (Verdict.REGRESSED, False)
    assert (among.verdict, among.open) == (Verdict.INCONCLUSIVE, True)


def test_sessions_differ_on_their_own(case, run_of, environment):
    """Against a baseline of another day a change below what days differ by is open, and more rounds do not help."""
    pair = Baseline("0001", run_of(case("b1", [1.0, 1.001, 0.999, 1.0, 1.0]))).pair(
        case("b1", [1.04, 1.041, 1.039, 1.04, 1.04]), environment()
    )
    limit = parse_limit("mean:3%")
    same_day = judge(limit, pair, 0.95, Policy())
    other_day = judge(limit, pair, 0.95, Policy(between=Between(deviation=0.02, freedom=30)))

    assert same_day.verdict is Verdict.REGRESSED
    assert (other_day.verdict, other_day.open) == (Verdict.INCONCLUSIVE, False)


def test_inconclusive_says_what_is_missing(verdict_of):
    """Where the trials are too few for any answer, the sentence says so."""
    assert "2 and 2 trials cannot exclude anything at 99 %" in verdict_of("mean:5%", [1.0, 1.0], [2.0, 2.0]).sentence


def test_joules_saved_by_being_slow_are_told_as_that(case, run_of, environment):
    """IMPROVED names the latencies that were shown to grow beyond the same limit, and none that did not."""

    def timed(name: str, joules: list[float], e2e_s: float):
        result = case(name, joules)
        trials = []
        for trial in result.trials:
            requests = tuple(msgspec.structs.replace(one, e2e_s=e2e_s) for one in trial.generation.requests)
            trials.append(
                msgspec.structs.replace(trial, generation=msgspec.structs.replace(trial.generation, requests=requests))
            )
        return msgspec.structs.replace(result, trials=tuple(trials))

    old = timed("b1", [1.0, 1.01, 0.99, 1.0, 1.0], 0.5)
    baseline, limit = Baseline("0001", run_of(old)), parse_limit("mean:3%")
    fewer = [0.9, 0.91, 0.89, 0.9, 0.9]
    slower, alike = (
        judge(limit, baseline.pair(timed("b1", fewer, seconds), environment()), 0.95) for seconds in (0.95, 0.505)
    )

    assert slower.verdict is alike.verdict is Verdict.IMPROVED
    assert slower.sentence.endswith("; but slower: tpot_p95 100 ms against 50.0 ms (+100.0 %)")
    assert "slower" not in alike.sentence


def test_a_step_of_a_coarse_counter_is_no_regression(case, run_of, environment):
    """Trials that a counter shows as equal are known to within the meter's own error; 3 % by one step of 3 % is not shown."""
    results = []
    for value in (1.0, 1.03):
        one = case("b1", [value] * 5)
        trials = tuple(
            msgspec.structs.replace(
                trial, reading=msgspec.structs.replace(trial.reading, uncertainty_j={"gpu:0": 0.3 / math.sqrt(6)})
            )
            for trial in one.trials
        )
        results.append(msgspec.structs.replace(one, trials=trials))
    pair = Baseline("0001", run_of(results[0])).pair(results[1], environment())
    judged = judge(parse_limit("mean:2.5%"), pair, 0.95)

    assert judged.verdict is Verdict.INCONCLUSIVE
    assert not judged.open  # no number of rounds makes the steps smaller


@pytest.mark.parametrize(
    ("old", "new", "limit", "verdict"),
    [
        (0.0, 0.05, 0.1, Verdict.INCONCLUSIVE),
        (0.0, 0.2, 0.1, Verdict.REGRESSED),
        (-1.0, -0.95, 0.1, Verdict.INCONCLUSIVE),
        (-1.0, -0.5, 0.1, Verdict.REGRESSED),
        (-1.0, -2.0, 0.1, Verdict.IMPROVED),
        (0.0, 0.1, 0.1, Verdict.INCONCLUSIVE),
    ],
)
def test_a_limit_in_the_own_unit_holds_below_zero(case, run_of, environment, old, new, limit, verdict):
    """Net joules that were 0 or less are held against the amount itself, not against a share of them."""

    def at_rest(name: str, net: float):
        return msgspec.structs.replace(case(name, [1.0, 1.0, 1.0]), idle_w={"gpu:0": 10.0 - net})

    pair = Baseline("0001", run_of(at_rest("b1", old))).pair(at_rest("b1", new), environment())
    judged = judge(parse_limit(f"net_energy_j:median:{limit}"), pair, 0.95)

    assert judged is not None
    assert judged.verdict is verdict


@pytest.mark.parametrize(("new", "verdict"), [(0.05, Verdict.INCONCLUSIVE), (0.5, Verdict.IMPROVED)])
def test_more_of_what_was_none_is_better_by_its_amount(case, run_of, environment, new, verdict):
    """Where more is better, the sign turns: an acceptance of nothing that grew by less than the limit is no improvement."""
    past, now = (case("b1", [1.0, 1.0], accepted=share) for share in (0.0, new))
    judged = judge(parse_limit("acceptance_rate:max:0.1"), Baseline("1", run_of(past)).pair(now, environment()), 0.95)

    assert judged is not None
    assert judged.verdict is verdict
