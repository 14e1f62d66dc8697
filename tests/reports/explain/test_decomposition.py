from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from energy_fixtures.readings import Reading
from energy_fixtures.records import Trial
from reports.explain.decomposition import Split, split_change
from reports.explain.parts import Noise, Part, compared, differ, log_mean
from reports.noise import Between
from tests.reports.sides import STEADY, generation_of, side


def split(before, after, *, level: float = 0.95, between: Between | None = None) -> Split:
    """The split of a change that can be split."""
    found = split_change(before, after, level, between)
    assert found is not None
    return found


WINDOW = st.tuples(
    st.floats(min_value=1e-3, max_value=1e6),  # J
    st.floats(min_value=1e-3, max_value=1e4),  # s
    st.integers(min_value=4, max_value=5000),  # tokens per iteration
    st.floats(min_value=0.05, max_value=0.95),  # of the seconds, prefill
    st.integers(min_value=1, max_value=4),  # iterations
)


def result_of(windows):
    """A Result of arbitrary windows."""
    trials = tuple(
        Trial(
            index=index,
            iterations=iterations,
            reading=Reading(energy_j={"gpu:0": joules}, duration_s=seconds, method="counter"),
            generation=generation_of(
                iterations, tokens=tokens, seconds=seconds / iterations, prefill_s=share * seconds / iterations
            ),
        )
        for index, (joules, seconds, tokens, share, iterations) in enumerate(windows)
    )
    return msgspec.structs.replace(side(), trials=trials)


@given(st.lists(WINDOW, min_size=1, max_size=4), st.lists(WINDOW, min_size=1, max_size=4))
def test_what_the_parts_add_sums_to_the_whole(before, after):
    """Power, time and tokens leave nothing of the whole over, and prefill and decode nothing of time."""
    found = split(result_of(before), result_of(after))

    parts = (found.power, found.time, found.tokens)
    assert math.fsum(part.adds for part in parts) == pytest.approx(found.whole.adds, abs=1e-9)
    assert len(found.phases) == 2
    assert math.fsum(part.adds for part in found.phases) == pytest.approx(found.time.adds, abs=1e-9)


@given(st.lists(WINDOW, min_size=1, max_size=4), st.lists(WINDOW, min_size=1, max_size=4))
def test_before_and_after_are_what_the_logarithms_are_of(before, after):
    """Power times time over tokens is the joules per token on both sides, and each change is of these figures."""
    found = split(result_of(before), result_of(after))

    for one in ("before", "after"):
        power, time, tokens = (getattr(part, one) for part in (found.power, found.time, found.tokens))
        assert power * time / tokens == pytest.approx(getattr(found.whole, one), rel=1e-9)
    assert found.power.change == pytest.approx(found.power.adds, abs=1e-9)
    assert found.tokens.change == pytest.approx(-found.tokens.adds, abs=1e-9)


@given(st.lists(WINDOW, min_size=1, max_size=4), st.lists(WINDOW, min_size=1, max_size=4))
def test_going_back_is_the_opposite(before, after):
    """With the sides exchanged every part adds the same with the other sign."""
    there, back = (split(*map(result_of, sides)) for sides in ((before, after), (after, before)))

    for one, other in zip((there.power, there.time, *there.phases), (back.power, back.time, *back.phases), strict=True):
        assert one.adds == pytest.approx(-other.adds, abs=1e-9)


def test_factors_by_hand():
    """A tenth more watts, a fifth more seconds and a quarter more tokens: 1.1 × 1.2 / 1.25 = 1.056."""
    found = split(side(spread=STEADY), side(spread=STEADY, power_w=330, seconds=2.4, tokens=125))

    assert math.exp(found.whole.adds) == pytest.approx(1.056)
    assert math.exp(found.power.adds) == pytest.approx(1.1)
    assert math.exp(found.time.adds) == pytest.approx(1.2)
    assert math.exp(found.tokens.adds) == pytest.approx(1 / 1.25)
    assert (found.power.before, found.power.after) == (pytest.approx(300), pytest.approx(330))
    assert (found.time.before, found.time.after) == (pytest.approx(2.0), pytest.approx(2.4))
    assert (found.tokens.before, found.tokens.after) == (100, 125)


def test_phases_share_time_by_their_seconds():
    """0.5 s + 1.5 s become 0.6 s + 1.8 s: a quarter of what time adds is prefill's, three quarters are decode's."""
    before, after = side(spread=STEADY, prefill_s=0.5), side(spread=STEADY, seconds=2.4, prefill_s=0.6)
    prefill, decode = split(before, after).phases

    assert prefill.adds == pytest.approx(math.log(1.2) / 4)
    assert decode.adds == pytest.approx(math.log(1.2) * 3 / 4)
    assert (decode.before, decode.after) == (pytest.approx(1.5), pytest.approx(1.8))


def test_opposite_phases_may_leave_time_as_it_was():
    """0.5 s less prefill and 0.5 s more decode in 2 s add -1/4 and 1/4: the logarithmic mean of equals is their value."""
    before, after = side(spread=STEADY, prefill_s=1.0), side(spread=STEADY, prefill_s=0.5)
    prefill, decode = split(before, after).phases

    assert (prefill.adds, decode.adds) == (pytest.approx(-0.25), pytest.approx(0.25))


def test_phases_need_first_tokens_of_every_iteration_on_both_sides():
    """Where one side does not know its first tokens, time is not split."""
    assert split(side(prefill_s=0.5), side()).phases == ()
    assert split(side(prefill_s=0.5), side(prefill_s=2.0)).phases == ()  # a decode of no time at all


def test_without_tokens_the_whole_is_an_iteration():
    """Of a plain function joules per iteration are split into power and time."""
    found = split(side(function=True), side(function=True, seconds=2.2))

    assert found.metric == "joules_per_iteration"
    assert found.tokens is None
    assert found.power.adds + found.time.adds == pytest.approx(found.whole.adds, abs=1e-12)


def test_tokens_on_one_side_only_leave_iterations():
    """A side that cannot count tokens is compared by iterations."""
    assert split(side(), side(function=True)).metric == "joules_per_iteration"


def test_invalid_windows_do_not_count():
    """A window of a million joules that is invalid changes no part."""
    after = side(power_w=330)
    spoilt = side(power_w=330, invalid=[(1e6, "throttled")])

    assert split(side(), spoilt) == split(side(), after)


def windows(joules: float) -> tuple[Trial, ...]:
    """Three windows of prefill alone at 300 W."""
    reading = Reading(energy_j={"gpu:0": joules}, duration_s=joules / 300.0, method="counter")
    return tuple(Trial(index=index, iterations=1, reading=reading) for index in range(3))


def test_joules_by_phase_where_both_sides_measured_them():
    """Of 600 J, prefill's 100 J became 110 J beside and decode took the rest: each has its share of the change."""
    before = side(spread=(0, 0, 0), time_spread=(0, 0, 0), prefill_trials=windows(100.0))
    after = side(spread=(0, 0, 0), time_spread=(0, 0, 0), power_w=330, prefill_trials=windows(110.0))
    prefill, decode = split(before, after).energies

    assert (prefill.before, prefill.after) == (pytest.approx(100), pytest.approx(110))
    assert (decode.before, decode.after) == (pytest.approx(500), pytest.approx(550))
    assert prefill.adds == pytest.approx(math.log(1.1) / 6)
    assert prefill.adds + decode.adds == pytest.approx(math.log(1.1))
    assert prefill.told and decode.told
    assert not any(part.told for part in split(before, after, between=Between(deviation=0.1)).energies)
    assert split(before, side()).energies == ()


def test_joules_by_phase_need_phases_that_add_up():
    """A prefill that took 1 s inside the windows and 0.3 s beside them is of other work."""
    fair, broken = (
        side(spread=(0, 0, 0), time_spread=(0, 0, 0), prefill_s=seconds, prefill_trials=windows(100.0))
        for seconds in (1 / 3, 1.0)
    )

    assert len(split(fair, fair).energies) == 2
    assert split(fair, broken).energies == split(broken, fair).energies == ()


def test_no_interval_without_a_spread():
    """One window on a side leaves every part but a plain count untold."""
    found = split(side(spread=(0.0,)), side(power_w=400, seconds=3.0))

    assert found.windows == (1, 3)
    assert [part.reach for part in (found.whole, found.power, found.time)] == [None, None, None]
    assert not found.whole.told and not found.power.told and not found.time.told
    assert found.tokens.reach == 0.0


def test_a_rounding_is_no_finding():
    """Windows without any spread leave the last digit of a float, which is not told."""
    assert not Part(name="power", before=1.0, after=1.0 + 1e-12, adds=1e-12, reach=0.0).told
    assert Part(name="power", before=1.0, after=1.001, adds=1e-3, reach=0.0).told


@pytest.mark.parametrize("spread", [(0.0, 0.0, 0.0), (-0.5, 0.0, 0.5)])
def test_equal_sides_tell_nothing(spread):
    """Without a change no part is told, however quiet the windows are."""
    found = split(side(spread=spread, prefill_s=0.1), side(spread=spread, prefill_s=0.1))

    assert not any(part.told for part in (found.whole, found.power, found.time, found.tokens, *found.phases))


def test_nothing_to_split_without_joules_or_valid_windows():
    """Zero joules and only invalid windows have no logarithm."""
    none = side(spread=(), invalid=[(10.0, "throttled"), (10.0, "throttled")])

    assert split_change(side(), side(power_w=0.0), 0.95, None) is None
    assert split_change(side(power_w=0.0), side(), 0.95, None) is None
    assert split_change(side(), none, 0.95, None) is None
    assert split_change(none, side(), 0.95, None) is None


@pytest.mark.parametrize("seconds", [1e-29, 1e-30])
def test_impossible_figures_are_not_split(seconds):
    """Seconds that no window lasts, and the watts that follow from them, stop nothing: there is no split."""
    before = side(function=True)
    trials = tuple(
        msgspec.structs.replace(trial, reading=msgspec.structs.replace(trial.reading, duration_s=seconds))
        for trial in before.trials
    )

    assert split_change(before, msgspec.structs.replace(before, trials=trials), 0.95, None) is None


def test_what_the_meter_cannot_tell_is_no_change():
    """Two percent more joules are told by quiet windows, but not by a meter that is 2 % off in each."""

    def with_error(result, share: float):
        trials = tuple(
            msgspec.structs.replace(
                trial,
                reading=msgspec.structs.replace(
                    trial.reading, uncertainty_j={"gpu:0": share * trial.reading.energy_j["gpu:0"]}
                ),
            )
            for trial in result.trials
        )
        return msgspec.structs.replace(result, trials=trials)

    before, after = side(spread=STEADY), side(spread=STEADY, power_w=306)

    assert split(before, after).power.told
    assert not split(with_error(before, 0.02), with_error(after, 0.02)).power.told


def test_what_sessions_differ_by_widens_every_interval():
    """Days of their own 2 % leave 3 % untold, for joules, power and time; tokens are counted and keep theirs."""
    before, after = side(spread=STEADY), side(spread=STEADY, power_w=309)
    alone, across = split(before, after), split(before, after, between=Between(deviation=0.02, freedom=math.inf))

    assert alone.whole.told and alone.power.told
    assert not across.whole.told and not across.power.told
    assert across.time.reach > 0.039
    assert across.tokens == alone.tokens


def test_noise_takes_the_larger_of_spread_and_meter_and_adds_the_sessions():
    """1.96 times 3 % of the meter stands before a spread of 1 %; sessions add in squares."""
    assert Noise(level=0.95, own=0.03).reach(0.01) == pytest.approx(1.96 * 0.03, rel=1e-4)
    assert Noise(level=0.95, between=Between(deviation=0.04 / math.sqrt(2), freedom=math.inf)).reach(
        1.96 * 0.03
    ) == pytest.approx(1.96 * 0.05, rel=1e-4)


def test_samples_of_zero_differ_where_their_ranges_do_not_meet():
    """Zeros have no ratio; windows apart from them are told, one window is not enough."""
    assert differ([0.0, 0.0], [1.0, 2.0], 0.95)
    assert not differ([0.0, 1.0], [1.0, 2.0], 0.95)
    assert not differ([0.0], [1.0], 0.95)
    assert not differ([1.0, 1.01], [1.005, 1.0], 0.95)


def test_the_logarithmic_mean_lies_between():
    """Between 1 and e lies e - 1, between equals they themselves."""
    assert log_mean(1.0, math.e) == pytest.approx(math.e - 1)
    assert log_mean(3.0, 3.0) == 3.0


@pytest.mark.parametrize(
    ("base", "new"), [([], [1.0]), ([1.0], []), ([0.0], [1.0]), ([1.0], [-1.0]), ([math.inf], [1.0]), ([1e-200], [1.0])]
)
def test_a_change_without_a_logarithm_is_none(base, new):
    """Empty samples, means that are not above zero and infinities are not compared."""
    assert compared("energy", base, new, Noise(level=0.95)) is None
