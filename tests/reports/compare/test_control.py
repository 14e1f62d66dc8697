"""Two boards through a control: which case it is, what the quotient is, and what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import msgspec
import pytest
from scipy import stats

from energy_fixtures.environment import incomparable
from energy_fixtures.errors import ConfigurationError
from energy_fixtures.metrics import METRICS
from reports.compare.control import check_control, find_control, on_its_boards, quotient, relative
from reports.comparison import Around, State, hold
from reports.noise import Between
from reports.statistics import quantile

PER_TOKEN = METRICS["joules_per_output_token"]
CROSSED = Around(unfair=(), notes=("across boards: board name A against B",), across_boards=True)
CALM = (1.00, 1.02, 0.98, 1.01)


@dataclass(frozen=True)
class Cases:
    """A run by its results."""

    name: str
    results: tuple

    @property
    def names(self):
        return [result.fullname for result in self.results]

    def result(self, name):
        return next(result for result in self.results if result.fullname == name)


@pytest.fixture
def boards(case):
    """Two runs of the same cases, the second on a board on which everything takes `factor` times the joules."""

    def make(factor=1.3, old=None, new=None):
        return (
            Cases("old", tuple(old or (case("ctl", CALM), case("b8", CALM)))),
            Cases("new", tuple(new or (case("ctl", [factor * value for value in CALM]), case("b8", CALM)))),
        )

    return make


def found(asked, runs):
    """The control of two runs across boards."""
    return find_control(asked, *runs, lambda past, candidate: CROSSED)


def pair_of(runs, name):
    """A case of both runs, compared."""
    past, now = (next(result for result in run.results if result.case == name) for run in runs)
    return hold(past, now, CROSSED, ())


@pytest.mark.parametrize(
    "asked",
    ["ctl", "test_frameworks[ctl]", "benchmarks/test_frameworks.py::test_frameworks[ctl]", "c?l", "*[ctl]", "ct*"],
)
def test_a_control_is_named_in_any_form(boards, asked):
    """A case's id, its name in the file, its node id, or a glob of one of these."""
    assert found(asked, boards()).case == "ctl"


def test_a_glob_is_of_ids_first(case, boards):
    """`b*` is the case b1, not everything under benchmarks/."""
    results = (case("ctl", CALM), case("b1", CALM))
    assert found("b*", boards(old=results, new=results)).case == "b1"


def test_an_exact_name_comes_before_a_glob(case, boards):
    """A name that is also part of others means itself."""
    results = (case("b1", CALM), case("b1-long", CALM))
    assert found("b1", boards(old=results, new=results)).case == "b1"


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("ctrl", r"neither run has it; a control is a case of both runs, for example ctl"),
        ("*", r"fits 2 cases of both runs \(.*ctl.*, .*b8.*\); name one"),
        ("gone", r"only old has it; a control is a case of both runs"),
    ],
)
def test_a_control_that_is_none_is_refused(case, boards, asked, why):
    """A name that no case, several cases, or only one run has is refused, with what there is."""
    runs = boards(old=(case("ctl", CALM), case("b8", CALM), case("gone", CALM)))
    with pytest.raises(ConfigurationError, match=why):
        found(asked, runs)


def test_runs_without_a_common_case_have_no_control(case, boards):
    """Two runs of other cases are told so."""
    with pytest.raises(ConfigurationError, match="old and new have no case in common"):
        found("x", boards(old=(case("a", CALM),), new=(case("b", CALM),)))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"output_tokens": 20}, "did other work on the two boards .output_tokens 10 against 20."),
        ({"method": "modelled"}, "cannot be compared on the two boards .counter joules against modelled joules."),
        ({"invalid": [("counter_reset",)] * 4}, "cannot be compared on the two boards .no valid trial now"),
    ],
)
def test_a_control_has_to_be_the_same_on_both_boards(case, boards, changes, why):
    """Other work, joules of another kind, or no valid trial on one board is refused with the reason."""
    with pytest.raises(ConfigurationError, match=why):
        found("ctl", boards(new=(case("ctl", CALM, **changes),)))


def test_a_plain_function_is_no_control(case, boards):
    """Nothing says that a function does the same on both boards."""
    plain = tuple(msgspec.structs.replace(case("ctl", CALM), scenario=None) for _ in range(2))
    with pytest.raises(ConfigurationError, match="is a plain function"):
        found("ctl", boards(old=plain[:1], new=plain[1:]))


@pytest.mark.parametrize(
    ("across", "runs", "by", "why"),
    [
        (False, 2, None, "add --across-boards"),
        (True, 1, None, "needs a run of each board"),
        (True, 2, "gpu", "leave --by out"),
    ],
)
def test_a_control_is_for_two_boards(across, runs, by, why):
    """Without --across-boards, with one run, or along an axis, it is refused; without a control nothing is."""
    check_control(None, across_boards=across, runs=runs, by=by)
    check_control("ctl", across_boards=True, runs=2, by=None)
    with pytest.raises(ConfigurationError, match=why):
        check_control("ctl", across_boards=across, runs=runs, by=by)


def test_what_a_board_adds_to_all_work_cancels(case, boards):
    """On a board that takes 1.3 times the joules for everything, a case that does so too has moved by nothing: 1.0."""
    dearer = [1.3 * value for value in CALM]
    runs = boards(new=(case("ctl", dearer), case("b8", dearer)))
    said = relative(PER_TOKEN, pair_of(runs, "b8"), found("ctl", runs), 0.95)
    assert said.ratio == pytest.approx(1.0)
    assert said.low < 1 < said.high
    assert found("ctl", runs).label == "relative to control ctl"


def test_the_quotient_by_hand(boards):
    """1.0 for the case over 1.3 for the control; four equal variances add up, with the degrees of freedom of all four."""
    runs = boards(1.3)
    one = quotient(PER_TOKEN, pair_of(runs, "b8"), found("ctl", runs).pair, 0.95)
    mean = sum(CALM) / 4
    error = math.sqrt(sum((value / mean - 1) ** 2 for value in CALM) / 3 / 4)
    reach = stats.t.ppf(0.975, 4 * 3) * 2 * error
    assert one.value == pytest.approx(1 / 1.3)
    assert (one.low, one.high) == pytest.approx((math.exp(-reach) / 1.3, math.exp(reach) / 1.3))


def test_the_interval_holds_as_often_as_it_says(case, boards):
    """Of 400 pairs of boards with seeded noise the 90 % interval holds the true quotient in about 90 of 100."""
    import random

    draw, held = random.Random(4), 0
    for _ in range(400):
        values = [[draw.lognormvariate(math.log(mean), 0.03) for _ in range(5)] for mean in (1.0, 2.0, 1.3, 2.2)]
        runs = boards(
            old=(case("ctl", values[0]), case("b8", values[1])), new=(case("ctl", values[2]), case("b8", values[3]))
        )
        one = quotient(PER_TOKEN, pair_of(runs, "b8"), found("ctl", runs).pair, 0.9)
        held += one.low <= 1.1 / 1.3 <= one.high
    assert 345 <= held <= 380


def test_days_of_both_pairs_are_counted(boards):
    """What sessions differ by is added for the case and for the control, by squares."""
    runs = boards()
    pair, control, days = pair_of(runs, "b8"), found("ctl", runs).pair, Between(deviation=0.02, freedom=10)
    without, counted = (quotient(PER_TOKEN, pair, control, 0.95, between) for between in (None, days))
    day = quantile(10, 0.95) * math.sqrt(2) * 0.02
    wanted = math.hypot(math.log(without.high / without.value), math.sqrt(2) * day)
    assert math.log(counted.high / counted.value) == pytest.approx(wanted)


def test_a_coarse_counter_is_not_exact(case, boards):
    """Trials that a meter shows as equal have an interval as wide as what the meters may be off by, of all four results."""

    def stated(result):
        trials = tuple(
            msgspec.structs.replace(
                trial,
                reading=msgspec.structs.replace(
                    trial.reading, uncertainty_j={"gpu:0": 0.01 * trial.reading.energy_j["gpu:0"]}
                ),
            )
            for trial in result.trials
        )
        return msgspec.structs.replace(result, trials=trials)

    results = tuple(stated(case(name, [1.0] * 4)) for name in ("ctl", "b8"))
    runs = boards(old=results, new=results)
    one = quotient(PER_TOKEN, pair_of(runs, "b8"), found("ctl", runs).pair, 0.95)
    assert math.log(one.high) == pytest.approx(1.96 * 0.02, rel=1e-3)


def test_what_has_no_figure_says_none(case, boards):
    """Latency has no control; a case that is not compared has none; the control itself is 1 by definition."""
    runs = boards()
    control, pair = found("ctl", runs), pair_of(runs, "b8")
    assert relative(METRICS["ttft"], pair, control, 0.95) is None
    assert relative(METRICS["joules_per_accepted_token"], pair, control, 0.95) is None  # nothing was drafted
    assert relative(PER_TOKEN, replace(pair, state=State.INCOMPARABLE), control, 0.95) is None
    itself = relative(PER_TOKEN, control.pair, control, 0.95)
    assert (itself.ratio, itself.low, itself.high) == (1.0, 1.0, 1.0)


def test_one_trial_has_no_interval(case, boards):
    """One valid trial of the control gives the figure alone."""
    runs = boards(old=(case("ctl", [1.0]), case("b8", CALM)))
    said = relative(PER_TOKEN, pair_of(runs, "b8"), found("ctl", runs), 0.95)
    assert (said.low, said.high) == (None, None)
    assert said.ratio == pytest.approx(1 / 1.3 / 1.0025, rel=1e-2)


def test_another_number_of_a_board_is_no_other_meter(environment):
    """Across boards gpu:1 may stand against gpu:0; modelled joules never stand against measured ones."""
    here = environment()
    board = ({"name": "NVIDIA A100", "uuid": "GPU-9", "power_limit_w": 400.0},)
    moved = environment(boards=board, meter={"name": "zeus", "method": "counter", "domains": "gpu:1"})
    modelled = environment(boards=board, meter={"name": "modelled", "method": "modelled", "domains": "gpu:1"})
    assert incomparable(here, on_its_boards(here, moved)) == []
    assert incomparable(here, on_its_boards(here, modelled)) == ["counter joules against modelled joules"]


@pytest.mark.parametrize(
    ("scope", "state"),
    [(("gpu:1",), State.COMPARED), (("cpu:0",), State.INCOMPARABLE), (("gpu:0", "gpu:1"), State.INCOMPARABLE)],
)
def test_joules_of_the_same_kinds_of_parts(case, scope, state):
    """Across boards a GPU of another number is compared; a processor, or two GPUs, are not."""
    other = case("b1", CALM)
    reading = dict.fromkeys(scope, 10.0)
    trials = tuple(
        msgspec.structs.replace(trial, reading=msgspec.structs.replace(trial.reading, energy_j=reading))
        for trial in other.trials
    )
    moved = msgspec.structs.replace(other, scope=scope, trials=trials)
    assert hold(case("b1", CALM), moved, CROSSED, ()).state is state
    assert hold(case("b1", CALM), moved, Around(unfair=(), notes=()), ()).state is State.INCOMPARABLE
